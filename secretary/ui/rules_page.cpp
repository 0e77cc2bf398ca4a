#include "secretary/ui/rules_page.h"

#include <QDateTime>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QLocale>
#include <QPushButton>
#include <QTableView>
#include <QTimeZone>
#include <QVBoxLayout>
#include <algorithm>

#include "secretary/ui/api_words.h"
#include "secretary/ui/desk.h"
#include "secretary/ui/money_text.h"
#include "secretary/ui/parts.h"
#include "secretary/ui/payments_model.h"
#include "secretary/ui/payments_page.h"
#include "secretary/ui/rule_words.h"
#include "secretary/ui/said.h"
#include "secretary/ui/table.h"

namespace netpas::ui {

using nlohmann::json;

bool RulesModel::setRules(const json& rules) {
    const json list = rules.is_array() ? rules : json::array();
    const auto same = [](const Row& row, const json& rule) { return row.rule == rule; };
    if (std::equal(m_rows.begin(), m_rows.end(), list.begin(), list.end(), same)) return false;
    beginResetModel();
    m_rows.clear();
    m_rows.reserve(list.size());
    for (const json& rule : list) {
        const QString sentence = ruleInWords(textAt(rule, "sentence"));
        m_rows.push_back({rule, sentence, sentence.toLower(), moneyFrom(at(rule, {"spent"}))});
    }
    endResetModel();
    return true;
}

const json& RulesModel::ruleAt(const QModelIndex& index) const { return m_rows[static_cast<size_t>(index.row())].rule; }

int RulesModel::rowCount(const QModelIndex& parent) const {
    return parent.isValid() ? 0 : static_cast<int>(m_rows.size());
}
int RulesModel::columnCount(const QModelIndex& parent) const { return parent.isValid() ? 0 : ColumnCount; }

QVariant RulesModel::data(const QModelIndex& index, int role) const {
    if (!index.isValid()) return {};
    const auto& [rule, sentence, search, spent] = m_rows[static_cast<size_t>(index.row())];
    if (role == PaymentsModel::searchRole) return search;
    if (role == PaymentsModel::sortRole && index.column() == Spent)
        return static_cast<qlonglong>(spent.value_or(Money::zero()).eighths());
    if (role == PaymentsModel::sortRole && index.column() == Hits) return textAt(rule, "hits").toULongLong();
    if (role == Qt::ToolTipRole && index.column() == Spent && spent) return exactMoney(*spent);
    if (role != Qt::DisplayRole && role != Qt::ToolTipRole && role != PaymentsModel::sortRole) return {};
    switch (index.column()) {
    case Sentence: return sentence;
    case State: return wordFor(textAt(rule, "state"));
    case Hits: return textAt(rule, "hits");
    case Spent: return spent ? moneyText(*spent, Amount::Cost) : QString();
    case LastUsed: {
        const auto at = QDateTime::fromString(textAt(rule, "last_used"), Qt::ISODate);
        return at.isValid() ? QLocale().toString(at.toLocalTime(), QLocale::ShortFormat) : tr("never");
    }
    default: return {};
    }
}

QVariant RulesModel::headerData(int section, Qt::Orientation orientation, int role) const {
    if (orientation != Qt::Horizontal || role != Qt::DisplayRole) return {};
    switch (section) {
    case Sentence: return tr("Rule");
    case State: return tr("State");
    case Hits: return tr("Used");
    case Spent: return tr("Spent");
    case LastUsed: return tr("Last");
    default: return {};
    }
}

RulesPage::RulesPage(Desk& desk, QWidget* parent) : QWidget(parent), m_desk(desk) {
    auto* const all = new QVBoxLayout(this);
    m_search = new QLineEdit;
    m_search->setObjectName("search");
    m_search->setPlaceholderText(tr("Search rules"));
    m_search->setAccessibleName(tr("search rules"));
    m_search->setClearButtonEnabled(true);
    all->addWidget(m_search);
    m_model = new RulesModel(this);
    m_filter = new WordFilter(this);
    m_filter->setSourceModel(m_model);
    m_filter->setSortRole(PaymentsModel::sortRole);
    m_table = new QTableView;
    m_table->setObjectName("rules");
    m_table->setAccessibleName(tr("rules"));
    m_table->setModel(m_filter);
    dress(*m_table, {0, 12, 8, 14, 20});
    m_table->horizontalHeader()->setStretchLastSection(false);
    m_table->horizontalHeader()->setSectionResizeMode(RulesModel::Sentence, QHeaderView::Stretch);
    m_table->setSortingEnabled(true);
    m_table->setSelectionMode(QAbstractItemView::SingleSelection);
    all->addWidget(m_table, 1);
    auto* const act = new QHBoxLayout;
    act->addStretch();
    m_switch = addButton(act, "switch", tr("&Switch off or on"));
    m_edit = addButton(act, "edit", tr("&Edit"));
    m_remove = addButton(act, "remove", tr("&Remove"));
    all->addLayout(act);
    auto* const write = new QHBoxLayout;
    m_sentence = new QLineEdit;
    m_sentence->setObjectName("sentence");
    m_sentence->setPlaceholderText(tr("up to 1c a minute for video in mpv from example.net until today"));
    m_sentence->setAccessibleName(tr("a rule as a sentence"));
    write->addWidget(m_sentence, 1);
    m_keep = addButton(write, "keep", tr("&Add rule"));
    m_keep->setEnabled(false);
    all->addLayout(write);
    all->addWidget(m_meaning = makeLabel("meaning"));
    all->addWidget(m_said = makeLabel("said"));
    connect(m_search, &QLineEdit::textChanged, m_filter, &WordFilter::setWords);
    connect(m_sentence, &QLineEdit::textChanged, this, &RulesPage::understand);
    connect(m_sentence, &QLineEdit::returnPressed, this, &RulesPage::keep);
    connect(m_keep, &QPushButton::clicked, this, &RulesPage::keep);
    connect(m_edit, &QPushButton::clicked, this, &RulesPage::edit);
    connect(m_remove, &QPushButton::clicked, this, &RulesPage::remove);
    connect(m_switch, &QPushButton::clicked, this, &RulesPage::switchSelected);
    connect(m_table->selectionModel(), &QItemSelectionModel::selectionChanged, this, [this] {
        for (QPushButton* const one : {m_edit, m_remove, m_switch}) one->setEnabled(selected().isValid());
    });
    for (QPushButton* const one : {m_edit, m_remove, m_switch}) one->setEnabled(false);
    const auto renew = [this] {
        if (isVisible()) reload();
    };
    connect(&desk, &Desk::boardChanged, this, renew);
    connect(&desk, &Desk::stateChanged, this, renew);
}

void RulesPage::showEvent(QShowEvent*) { reload(); }

QModelIndex RulesPage::selected() const {
    const auto rows = m_table->selectionModel()->selectedRows();
    return rows.isEmpty() ? QModelIndex() : m_filter->mapToSource(rows.front());
}

void RulesPage::reload() {
    if (m_desk.state() != Desk::State::Open) return;
    m_desk.link().get("/v1/rules", this, [this](const ApiReply& reply) {
        if (reply.ok()) return showRules(at(reply.body, {"rules"}));
        say(reply, {});
    });
}

// Whatever was selected stays so.
void RulesPage::showRules(const json& rules) {
    const QString chosen = selected().isValid() ? textAt(m_model->ruleAt(selected()), "id") : QString();
    if (!m_model->setRules(rules) || chosen.isEmpty()) return;
    for (int row = 0; row < m_filter->rowCount(); ++row) {
        if (textAt(m_model->ruleAt(m_filter->mapToSource(m_filter->index(row, 0))), "id") == chosen)
            return m_table->selectRow(row);
    }
}

void RulesPage::say(const ApiReply& reply, const QString& good) {
    if (reply.ok()) return m_said->setText(good);
    QString text = reply.message();
    for (const json& finding : at(reply.body, {"findings"})) text += u'\n' + said(textAt(finding, "message"));
    if (!reply.hint().isEmpty()) text += u'\n' + reply.hint();
    m_said->setText(text);
}

// What the words mean is shown before anything is kept.
void RulesPage::understand() {
    const QString sentence = m_sentence->text();
    m_rule = nullptr;
    m_keep->setEnabled(false);
    if (sentence.trimmed().isEmpty()) return m_meaning->clear();
    const json body{{"sentence", ruleFromWords(sentence).toStdString()},
                    {"zone", QTimeZone::systemTimeZoneId().toStdString()}};
    m_desk.link().call("POST", "/v1/rules/parse", body, this, [this, sentence](const ApiReply& reply) {
        if (sentence != m_sentence->text()) return;
        if (!reply.ok()) return m_meaning->setText(reply.message());
        m_rule = at(reply.body, {"rule"});
        m_meaning->setText(ruleInWords(textAt(reply.body, "sentence")));
        m_keep->setEnabled(m_rule.is_object());
    });
}

void RulesPage::keep() {
    if (!m_rule.is_object()) return;
    const bool fresh = m_editing.isEmpty();
    const QString path = fresh ? QStringLiteral("/v1/rules") : "/v1/rules/" + encoded(m_editing);
    m_desk.link().call(fresh ? "POST" : "PUT", path, m_rule, this, [this](const ApiReply& reply) {
        say(reply, tr("The rule is kept."));
        if (!reply.ok()) return;
        m_editing.clear();
        m_sentence->clear();
        m_keep->setText(tr("&Add rule"));
        reload();
    });
}

void RulesPage::edit() {
    if (!selected().isValid()) return;
    const json& rule = m_model->ruleAt(selected());
    m_editing = textAt(rule, "id");
    m_sentence->setText(ruleInWords(textAt(rule, "sentence")));
    m_keep->setText(tr("&Keep changes"));
    m_sentence->setFocus();
}

void RulesPage::remove() {
    if (!selected().isValid()) return;
    const QString id = textAt(m_model->ruleAt(selected()), "id");
    m_desk.link().call("DELETE", "/v1/rules/" + encoded(id), nullptr, this, [this](const ApiReply& reply) {
        say(reply, tr("The rule is removed."));
        reload();
    });
}

void RulesPage::switchSelected() {
    if (!selected().isValid()) return;
    const json known = m_model->ruleAt(selected());
    json rule = json::object();
    for (const char* const part : {"match", "grant", "budget", "lifetime", "priority", "origin", "note", "enabled"}) {
        if (known.contains(part)) rule[part] = known[part];
    }
    rule["enabled"] = !known.value("enabled", true);
    m_desk.link().call("PUT", "/v1/rules/" + encoded(textAt(known, "id")), rule, this, [this](const ApiReply& reply) {
        say(reply, {});
        reload();
    });
}

}  // namespace netpas::ui
