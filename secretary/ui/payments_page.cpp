#include "secretary/ui/payments_page.h"

#include <QComboBox>
#include <QDateTime>
#include <QFileDialog>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QInputDialog>
#include <QLabel>
#include <QLineEdit>
#include <QLocale>
#include <QPushButton>
#include <QTableView>
#include <QVBoxLayout>
#include <algorithm>

#include "secretary/ui/desk.h"
#include "secretary/ui/money_text.h"
#include "secretary/ui/payments_model.h"
#include "secretary/ui/spending_plot.h"
#include "secretary/ui/table.h"

namespace netpas::ui {

void WordFilter::setWords(const QString& text) {
    const QStringList words = text.toLower().split(u' ', Qt::SkipEmptyParts);
    if (words == m_words) return;
    m_words = words;
    // All of it anew: taken out run by run, a sparse part of 100,000 rows takes seconds.
    invalidate();
}

bool WordFilter::lessThan(const QModelIndex& left, const QModelIndex& right) const {
    if (left.column() == m_newestFirst) return left.row() > right.row();
    return QSortFilterProxyModel::lessThan(left, right);
}

bool WordFilter::filterAcceptsRow(int row, const QModelIndex& parent) const {
    if (m_words.isEmpty()) return true;
    const QString text = sourceModel()->index(row, 0, parent).data(PaymentsModel::searchRole).toString();
    return std::all_of(m_words.begin(), m_words.end(), [&](const QString& word) { return text.contains(word); });
}

PaymentsPage::PaymentsPage(Desk& desk, QWidget* parent) : QWidget(parent), m_desk(desk) {
    auto* const all = new QVBoxLayout(this);
    auto* const head = new QHBoxLayout;
    m_search = new QLineEdit;
    m_search->setObjectName("search");
    m_search->setPlaceholderText(tr("Search: program, purpose, payee, label"));
    m_search->setAccessibleName(tr("search payments"));
    m_search->setClearButtonEnabled(true);
    head->addWidget(m_search, 1);
    m_label = new QPushButton(tr("&Label…"));
    m_label->setObjectName("setLabel");
    m_label->setEnabled(false);
    head->addWidget(m_label);
    m_export = new QPushButton(tr("&Export as CSV…"));
    m_export->setObjectName("export");
    head->addWidget(m_export);
    all->addLayout(head);
    addPlot(all);
    m_model = new PaymentsModel(desk.link(), this);
    m_filter = new WordFilter(this);
    m_filter->setSourceModel(m_model);
    m_filter->setSortRole(PaymentsModel::sortRole);
    m_filter->setNewestFirst(PaymentsModel::When);
    m_table = new QTableView;
    m_table->setObjectName("payments");
    m_table->setAccessibleName(tr("payments"));
    m_table->setModel(m_filter);
    dress(*m_table, {19, 10, 10, 12, 14, 10, 16});
    m_table->setSortingEnabled(true);
    m_table->sortByColumn(PaymentsModel::When, Qt::DescendingOrder);
    all->addWidget(m_table, 1);
    m_sum = new QLabel;
    m_sum->setObjectName("sum");
    all->addWidget(m_sum);
    connect(m_search, &QLineEdit::textChanged, this, [this](const QString& text) {
        m_filter->setWords(text);
        showSum();
    });
    connect(m_model, &PaymentsModel::loaded, this, &PaymentsPage::showSum);
    connect(m_export, &QPushButton::clicked, this,
            [this] { m_out ? endExport(tr("Cancelled: no file was written.")) : askFile(); });
    connect(m_table, &QTableView::activated, this, &PaymentsPage::editLabel);
    connect(m_label, &QPushButton::clicked, this, [this] { editLabel(m_table->currentIndex()); });
    const auto chosen = [this] { m_label->setEnabled(m_table->currentIndex().isValid()); };
    connect(m_table->selectionModel(), &QItemSelectionModel::currentChanged, this, chosen);
    connect(m_filter, &QAbstractItemModel::modelReset, this, chosen);
    connect(&desk, &Desk::purchasesChanged, this, [this] {
        // What runs is counted all the time; here it matters when something begins or ends.
        QString states;
        for (const nlohmann::json& one : m_desk.purchases()) states += textAt(one, "id") + textAt(one, "state") + u' ';
        if (states == m_states) return;
        m_states = states;
        if (isVisible()) reload();
    });
    connect(&desk, &Desk::stateChanged, this, [this] {
        if (isVisible()) reload();
    });
}

void PaymentsPage::addPlot(QVBoxLayout* all) {
    auto* const line = new QHBoxLayout;
    auto* const label = new QLabel(tr("&Spent in the last 30 days"));
    line->addWidget(label);
    m_by = new QComboBox;
    m_by->setObjectName("by");
    m_by->addItem(tr("by day"), "day");
    m_by->addItem(tr("by application"), "app");
    m_by->addItem(tr("by payee"), "payee");
    m_by->addItem(tr("by purpose"), "purpose");
    label->setBuddy(m_by);
    line->addWidget(m_by);
    line->addStretch();
    all->addLayout(line);
    m_plot = new SpendingPlot;
    m_plot->setObjectName("spending");
    all->addWidget(m_plot);
    connect(m_by, &QComboBox::currentIndexChanged, this, &PaymentsPage::plot);
}

void PaymentsPage::showEvent(QShowEvent*) { reload(); }

void PaymentsPage::reload() {
    if (m_desk.state() != Desk::State::Open) return;
    m_model->refresh();
    plot();
}

// The secretary adds up, over all that was ever bought; its days are those of UTC.
void PaymentsPage::plot() {
    constexpr int days = 30;
    constexpr size_t mostNames = 6;
    const QDate today = QDateTime::currentDateTimeUtc().date(), first = today.addDays(1 - days);
    const QString by = m_by->currentData().toString();
    const QString path = "/v1/totals?by=" + by + "&since=" + first.toString(Qt::ISODate) + "T00:00:00Z";
    m_desk.link().get(path, this, [this, by, first, today](const ApiReply& reply) {
        if (!reply.ok() || by != m_by->currentData().toString()) return;
        const bool inTime = by == QLatin1String("day");
        m_plot->setBars(inTime ? SpendingPlot::Kind::Days : SpendingPlot::Kind::Names,
                        inTime ? spendingByDay(reply.body, first, today) : spendingByName(reply.body, mostNames));
    });
}

void PaymentsPage::showSum() {
    if (m_out) return;  // there stands how far that is
    if (!m_model->trouble().isEmpty()) return m_sum->setText(m_model->trouble());
    Money sum;
    for (int row = 0; row < m_filter->rowCount(); ++row) {
        const QVariant eighths = m_filter->index(row, 0).data(PaymentsModel::moneyRole);
        if (eighths.isValid()) sum = checkedAdd(sum, Money::fromEighths(eighths.toLongLong())).value_or(Money::max());
    }
    QString text =
        tr("%n payments", nullptr, m_filter->rowCount()) + QStringLiteral(", ") + moneyText(sum, Amount::Cost);
    if (m_model->isLoading()) text += QStringLiteral(" … ") + tr("older ones are on their way");
    m_sum->setText(text);
    m_sum->setToolTip(exactMoney(sum));
}

void PaymentsPage::editLabel(const QModelIndex& index) {
    const QModelIndex source = m_filter->mapToSource(index);
    auto* const dialog = new QInputDialog(this);
    dialog->setObjectName("label");
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setWindowTitle(tr("Label"));
    dialog->setLabelText(tr("Your own words for this payment:"));
    dialog->setTextValue(source.siblingAtColumn(PaymentsModel::Label).data().toString());
    connect(dialog, &QInputDialog::textValueSelected, this,
            [this, at = QPersistentModelIndex(source)](const QString& text) { m_model->setLabel(at, text); });
    dialog->open();
}

void PaymentsPage::askFile() {
    auto* const dialog =
        new QFileDialog(this, tr("Export payments"), QStringLiteral("netpas.csv"), tr("Tables (*.csv)"));
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setAcceptMode(QFileDialog::AcceptSave);
    dialog->setDefaultSuffix("csv");
    connect(dialog, &QFileDialog::fileSelected, this, [this](const QString& file) {
        exportTo(file, [this, file](const QString& trouble) {
            m_sum->setText(trouble.isEmpty() ? tr("%1 is written.").arg(file) : trouble);
        });
    });
    dialog->open();
}

void PaymentsPage::exportTo(const QString& file, std::function<void(const QString&)> done) {
    m_out = std::make_unique<QSaveFile>(file);
    m_exported = std::move(done);
    if (!m_out->open(QIODevice::WriteOnly))
        return endExport(tr("%1 cannot be written: %2").arg(file, m_out->errorString()));
    m_export->setText(tr("&Cancel export"));
    fetchCsv({});
}

void PaymentsPage::endExport(const QString& trouble) {
    m_out.reset();
    m_export->setText(tr("&Export as CSV…"));
    m_exported(trouble);
}

// Answers that come after the end are for nobody.
void PaymentsPage::fetchCsv(const QString& before) {
    m_sum->setText(tr("%1 kB of the table are here…").arg(QLocale().toString(m_out->pos() / 1000)));
    const QString path = "/v1/history.csv" + (before.isEmpty() ? QString() : "?before=" + before);
    m_desk.link().get(path, m_out.get(), [this](const ApiReply& reply) {
        if (!reply.ok() || !reply.body.is_string()) return endExport(reply.message());
        const auto& text = reply.body.get_ref<const std::string&>();
        const auto size = static_cast<qint64>(text.size());
        const QString next = reply.header("X-Next");
        const bool written = m_out->write(text.data(), size) == size && (!next.isEmpty() || m_out->commit());
        if (!written) return endExport(tr("%1 cannot be written: %2").arg(m_out->fileName(), m_out->errorString()));
        next.isEmpty() ? endExport({}) : fetchCsv(next);
    });
}

}  // namespace netpas::ui
