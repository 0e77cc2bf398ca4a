#include "secretary/ui/prompts_page.h"

#include <QDateTime>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QLocale>
#include <QPushButton>
#include <QTableWidget>
#include <QVBoxLayout>

#include "secretary/ui/desk.h"
#include "secretary/ui/money_text.h"

namespace netpas::ui {

using nlohmann::json;

namespace {

enum Column { Since, Who, For, From, Price, State, ColumnCount };
constexpr int idRole = Qt::UserRole;

}  // namespace

PromptsPage::PromptsPage(Desk& desk, QWidget* parent) : QWidget(parent), m_desk(desk) {
    auto* const all = new QVBoxLayout(this);
    m_none = new QLabel;
    m_none->setObjectName("none");
    m_none->setWordWrap(true);
    all->addWidget(m_none);
    m_table = new QTableWidget(0, ColumnCount);
    m_table->setObjectName("questions");
    m_table->setAccessibleName(tr("questions"));
    m_table->setHorizontalHeaderLabels({tr("Since"), tr("Who"), tr("For"), tr("From"), tr("Price"), tr("State")});
    m_table->verticalHeader()->hide();
    m_table->horizontalHeader()->setStretchLastSection(true);
    m_table->setSelectionBehavior(QAbstractItemView::SelectRows);
    m_table->setSelectionMode(QAbstractItemView::SingleSelection);
    m_table->setEditTriggers(QAbstractItemView::NoEditTriggers);
    m_table->setTabKeyNavigation(false);
    all->addWidget(m_table, 1);
    auto* const buttons = new QHBoxLayout;
    buttons->addStretch();
    buttons->addWidget(m_dismiss = new QPushButton(tr("&Forget")));
    buttons->addWidget(m_answer = new QPushButton(tr("&Decide…")));
    m_dismiss->setObjectName("dismiss");
    m_answer->setObjectName("answer");
    all->addLayout(buttons);
    connect(m_answer, &QPushButton::clicked, this, [this] { emit wanted(selected()); });
    connect(m_table, &QTableWidget::activated, this, [this] { emit wanted(selected()); });
    connect(m_dismiss, &QPushButton::clicked, this, &PromptsPage::dismissSelected);
    connect(&desk, &Desk::boardChanged, this, &PromptsPage::showBoard);
    connect(&desk, &Desk::standingChanged, this, &PromptsPage::showBoard);
    showBoard();
}

qulonglong PromptsPage::selected() const {
    const auto rows = m_table->selectionModel()->selectedRows();
    return rows.isEmpty() ? 0 : rows.front().data(idRole).toULongLong();
}

void PromptsPage::showBoard() {
    const qulonglong chosen = selected();
    const json pending = at(m_desk.board(), {"pending"});
    const size_t count = pending.is_array() ? pending.size() : 0;
    m_none->setVisible(count == 0);
    m_none->setText(m_desk.isOwner() ? tr("No questions. Rules and budgets decide; what is unsure is asked here.")
                                     : tr("Questions are shown to the owner of the secretary only."));
    m_table->setVisible(count > 0);
    m_table->setRowCount(static_cast<int>(count));
    for (size_t i = 0; i < count; ++i) {
        const json& question = pending[i];
        const int row = static_cast<int>(i);
        const auto set = [&](int column, const QString& text) {
            auto* const item = new QTableWidgetItem(text);
            m_table->setItem(row, column, item);
            return item;
        };
        const json claim = at(question, {"claim"}), cost = at(question, {"cost"});
        const auto since = QDateTime::fromString(textAt(question, "since"), Qt::ISODate).toLocalTime();
        set(Since, QLocale().toString(since, QLocale::ShortFormat))
            ->setData(idRole, textAt(question, "id").toULongLong());
        set(Who, textAt(at(question, {"who"}), "name"))->setToolTip(textAt(at(question, {"who"}), "executable"));
        set(For, textAt(claim, "purpose"));
        QString from;
        for (const char* const part : {"contact", "domain", "payee"}) {
            if (from.isEmpty()) from = textAt(claim, part);
        }
        set(From, from);
        const auto price = moneyFrom(at(cost, {"price"}));
        QTableWidgetItem* const shown = set(Price, price ? moneyText(*price, Amount::Cost) : QString());
        if (price) shown->setToolTip(exactMoney(*price));
        set(State, textAt(question, "state") == QLatin1String("waiting") ? tr("waits for you") : tr("missed"));
        if (textAt(question, "id").toULongLong() == chosen) m_table->selectRow(row);
    }
    if (selected() == 0 && count > 0) m_table->selectRow(0);
    m_answer->setEnabled(count > 0);
    m_dismiss->setEnabled(count > 0);
}

void PromptsPage::dismissSelected() {
    const qulonglong id = selected();
    if (id == 0) return;
    m_desk.link().call("DELETE", "/v1/pending/" + QString::number(id), nullptr, this,
                       [this](const ApiReply&) { m_desk.refresh(); });
}

}  // namespace netpas::ui
