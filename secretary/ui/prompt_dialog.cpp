#include "secretary/ui/prompt_dialog.h"

#include <QHBoxLayout>
#include <QHeaderView>
#include <QKeyEvent>
#include <QLabel>
#include <QPushButton>
#include <QTableWidget>
#include <QVBoxLayout>

#include "secretary/ui/api_link.h"
#include "secretary/ui/money_text.h"
#include "secretary/ui/question_text.h"
#include "secretary/ui/rule_sentence.h"

namespace netpas::ui {

using nlohmann::json;

namespace {

constexpr std::chrono::milliseconds guardTime{750};

// What others wrote is text, whatever it looks like.
QLabel* plainLabel(QVBoxLayout* layout, const char* name) {
    auto* const label = new QLabel;
    label->setObjectName(name);
    label->setTextFormat(Qt::PlainText);
    label->setWordWrap(true);
    label->setTextInteractionFlags(Qt::TextSelectableByMouse);
    label->setFocusPolicy(Qt::NoFocus);
    layout->addWidget(label);
    return label;
}

}  // namespace

PromptDialog::PromptDialog(QWidget* parent) : QDialog(parent) {
    setObjectName("prompt");
    setWindowTitle(tr("Better quality?"));
    setAttribute(Qt::WA_ShowWithoutActivating);
    constexpr int comfortable = 64;  // letters, so that a rule stands on two or three lines
    auto* const all = new QVBoxLayout(this);
    all->addStrut(fontMetrics().averageCharWidth() *
                  comfortable);  // a minimum of the dialog's own would hide that of its buttons
    m_who = plainLabel(all, "who");
    QFont large = m_who->font();
    large.setPointSizeF(large.pointSizeF() * 1.3);
    large.setBold(true);
    m_who->setFont(large);
    m_verified = plainLabel(all, "verified");
    m_what = plainLabel(all, "what");
    m_facts = plainLabel(all, "facts");
    m_cost = plainLabel(all, "cost");
    m_cost->setFont(large);
    m_tiers = new QTableWidget(0, 2);
    m_tiers->setObjectName("tiers");
    m_tiers->setAccessibleName(tr("qualities and prices"));
    m_tiers->setHorizontalHeaderLabels({tr("Quality"), tr("Price")});
    m_tiers->verticalHeader()->hide();
    m_tiers->horizontalHeader()->setStretchLastSection(true);
    m_tiers->setEditTriggers(QAbstractItemView::NoEditTriggers);
    m_tiers->setSelectionMode(QAbstractItemView::NoSelection);
    m_tiers->setFocusPolicy(Qt::NoFocus);
    all->addWidget(m_tiers);
    m_budget = plainLabel(all, "budget");
    m_ruleArea = new QWidget;
    auto* const ruleLayout = new QVBoxLayout(m_ruleArea);
    ruleLayout->setContentsMargins(0, 0, 0, 0);
    m_sentence = new RuleSentence;
    ruleLayout->addWidget(m_sentence);
    m_ruleArea->hide();
    all->addWidget(m_ruleArea);
    m_trouble = plainLabel(all, "trouble");
    m_trouble->hide();
    auto* const buttons = new QHBoxLayout;
    const auto add = [&](const char* name, const QString& text) {
        auto* const button = new QPushButton(text);
        button->setObjectName(name);
        button->setAutoDefault(false);
        buttons->addWidget(button);
        return button;
    };
    m_notNow = add("notNow", tr("Not &now"));
    m_never = add("refuse", tr("&Refuse with this rule"));
    buttons->addStretch();
    m_once = add("approveOnce", tr("Approve &once"));
    m_rule = add("approveRule", tr("&Approve…"));
    m_never->hide();
    m_notNow->setDefault(true);
    all->addLayout(buttons);
    connect(m_notNow, &QPushButton::clicked, this, [this] { give("not_now", false); });
    connect(m_once, &QPushButton::clicked, this, [this] { give("approve_once", false); });
    connect(m_never, &QPushButton::clicked, this, [this] { give("refuse", true); });
    connect(m_rule, &QPushButton::clicked, this, [this] {
        if (m_ruleArea->isVisible()) return give("approve_rule", true);
        m_ruleArea->show();
        m_never->show();
        m_rule->setText(tr("&Approve with this rule"));
        adjustSize();
        guard();
    });
    connect(m_sentence, &RuleSentence::changed, this, &PromptDialog::guard);
    m_guard.setSingleShot(true);
    connect(&m_guard, &QTimer::timeout, this, [this] {
        const bool rule = !m_ruleArea->isVisible() || m_sentence->rule().has_value();
        m_once->setEnabled(true);
        m_rule->setEnabled(rule);
        m_never->setEnabled(rule);
    });
}

void PromptDialog::setQuestion(const json& question) {
    if (question == m_question) return;
    const qulonglong id = textAt(question, "id").toULongLong();
    if (id != m_id) {
        m_ruleArea->hide();
        m_never->hide();
        m_rule->setText(tr("&Approve…"));
        m_trouble->hide();
    }
    m_id = id;
    m_question = question;
    showWho(question);
    showCost(question);
    m_sentence->setQuestion(question);
    m_notNow->setFocus();
    guard();
}

void PromptDialog::showWho(const json& question) {
    m_who->setText(whatIsAsked(question));
    const QString path = textAt(at(question, {"who"}), "executable");
    m_verified->setText(path.isEmpty() ? tr("The program could not be identified.")
                                       : tr("Verified program: %1").arg(path));
    m_what->setText(whatItSays(question));
    QStringList facts;
    for (const json& fact : at(question, {"facts"})) {
        if (fact.is_string()) facts << QString::fromStdString(fact.get<std::string>());
    }
    m_facts->setText(tr("Seen here: %1").arg(facts.join(u", ")));
    m_facts->setVisible(!facts.isEmpty());
}

void PromptDialog::showCost(const json& question) {
    const json cost = at(question, {"cost"});
    const auto price = moneyFrom(at(cost, {"price"}));
    m_cost->setText(whatItCosts(question));
    m_cost->setToolTip(price ? exactMoney(*price) : QString());
    const json tiers = at(cost, {"tiers"});
    m_tiers->setVisible(tiers.is_array() && !tiers.empty());
    m_tiers->setRowCount(tiers.is_array() ? static_cast<int>(tiers.size()) : 0);
    for (int row = 0; row < m_tiers->rowCount(); ++row) {
        const json& tier = tiers[static_cast<size_t>(row)];
        const auto amount = moneyFrom(at(tier, {"price"}));
        m_tiers->setItem(row, 0, new QTableWidgetItem(textAt(tier, "name")));
        m_tiers->setItem(row, 1, new QTableWidgetItem(amount ? moneyText(*amount, Amount::Cost) : QString()));
    }
    const json budget = at(question, {"budget"});
    const auto left = moneyFrom(at(budget, {"left"}));
    m_budget->setVisible(left.has_value());
    if (left) m_budget->setText(tr("%1 of the budget are left.").arg(moneyText(*left, Amount::Credit)));
}

void PromptDialog::showTrouble(const QString& message, const QString& hint) {
    m_trouble->setText(hint.isEmpty() ? message : message + u'\n' + hint);
    m_trouble->show();
    guard();
}

void PromptDialog::guard() {
    for (QPushButton* const button : {m_once, m_rule, m_never}) button->setEnabled(false);
    m_guard.start(guardTime);
}

void PromptDialog::give(const char* verdict, bool withRule) {
    json answer{{"answer", verdict}, {"revision", at(m_question, {"revision"})}};
    if (withRule) {
        const auto rule = m_sentence->rule();
        if (!rule) return;
        answer.update(*rule);
    }
    guard();
    emit answered(m_id, answer);
}

// Enter presses what has the focus and nothing else; approving never has it by itself.
void PromptDialog::keyPressEvent(QKeyEvent* event) {
    if (event->key() == Qt::Key_Return || event->key() == Qt::Key_Enter) {
        if (auto* const button = qobject_cast<QPushButton*>(focusWidget()); button == m_notNow) button->click();
        return;
    }
    QDialog::keyPressEvent(event);
}

void PromptDialog::reject() { give("not_now", false); }

}  // namespace netpas::ui
