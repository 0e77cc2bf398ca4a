#include "secretary/ui/settings_page.h"

#include <QCheckBox>
#include <QComboBox>
#include <QFormLayout>
#include <QGroupBox>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QSettings>
#include <QSystemTrayIcon>
#include <QTableWidget>
#include <QVBoxLayout>
#include <algorithm>

#include "secretary/ui/api_words.h"
#include "secretary/ui/desk.h"
#include "secretary/ui/money_text.h"
#include "secretary/ui/parts.h"

namespace netpas::ui {

using nlohmann::json;

namespace {

enum Column { What, Limit, Spent, Left };

QVBoxLayout* group(QVBoxLayout* all, const QString& title) {
    auto* const box = new QGroupBox(title);
    all->addWidget(box);
    return new QVBoxLayout(box);
}

}  // namespace

SettingsPage::SettingsPage(Desk& desk, QWidget* parent) : QWidget(parent), m_desk(desk) {
    auto* const all = new QVBoxLayout(this);
    addMode(all);
    addBudgets(all);
    addProtection(all);
    addLooks(all);
    all->addWidget(m_said = makeLabel("said"));
    all->addStretch();
    connect(&desk, &Desk::boardChanged, this, &SettingsPage::showMode);
    connect(&desk, &Desk::budgetsChanged, this, &SettingsPage::showBudgets);
    showMode();
    showBudgets();
}

void SettingsPage::addMode(QVBoxLayout* all) {
    auto* const line = new QFormLayout;
    m_mode = new QComboBox;
    m_mode->setObjectName("mode");
    m_mode->addItem(tr("questions are shown"), "ask");
    m_mode->addItem(tr("questions only wait in the list"), "quiet");
    m_mode->addItem(tr("nothing is spent"), "pause");
    line->addRow(tr("&Mode"), m_mode);
    all->addLayout(line);
    connect(m_mode, &QComboBox::activated, this, [this] {
        send("PUT", "/v1/mode", {{"mode", m_mode->currentData().toString().toStdString()}}, {});
    });
}

void SettingsPage::addBudgets(QVBoxLayout* all) {
    QVBoxLayout* const box = group(all, tr("Budgets"));
    m_envelope = new QWidget;
    auto* const envelope = new QHBoxLayout(m_envelope);
    envelope->setContentsMargins(0, 0, 0, 0);
    m_proposal = new QLabel;
    m_proposal->setObjectName("proposal");
    m_proposal->setWordWrap(true);
    envelope->addWidget(m_proposal, 1);
    connect(addButton(envelope, "decline", tr("&Always ask")), &QPushButton::clicked, this,
            [this] { answerEnvelope(false); });
    connect(addButton(envelope, "accept", tr("A&ccept")), &QPushButton::clicked, this,
            [this] { answerEnvelope(true); });
    box->addWidget(m_envelope);
    m_budgets =
        makeTable("budgets", tr("budgets"), {tr("Budget"), tr("Limit"), tr("Spent"), tr("Left")}, {0, 14, 14, 14});
    m_budgets->horizontalHeader()->setStretchLastSection(false);
    m_budgets->horizontalHeader()->setSectionResizeMode(What, QHeaderView::Stretch);
    box->addWidget(m_budgets);
    auto* const line = new QHBoxLayout;
    auto* const label = new QLabel(tr("For everything, &never more than"));
    line->addWidget(label);
    m_amount = new QLineEdit;
    m_amount->setObjectName("amount");
    m_amount->setPlaceholderText(QStringLiteral("$2"));
    label->setBuddy(m_amount);
    line->addWidget(m_amount);
    m_period = new QComboBox;
    m_period->setObjectName("period");
    m_period->setAccessibleName(tr("in which time"));
    m_period->addItem(tr("a day"), "day");
    m_period->addItem(tr("a week"), "week");
    m_period->addItem(tr("a month"), "month");
    line->addWidget(m_period);
    connect(addButton(line, "set", tr("&Set")), &QPushButton::clicked, this, &SettingsPage::setBudget);
    line->addStretch();
    m_remove = addButton(line, "removeBudget", tr("&Remove selected"));
    connect(m_remove, &QPushButton::clicked, this, &SettingsPage::removeBudget);
    box->addLayout(line);
}

void SettingsPage::addProtection(QVBoxLayout* all) {
    QVBoxLayout* const box = group(all, tr("Protection"));
    auto* const form = new QFormLayout;
    const auto secret = [&](const char* name, const QString& label) {
        auto* const edit = new QLineEdit;
        edit->setObjectName(name);
        edit->setEchoMode(QLineEdit::Password);
        form->addRow(label, edit);
        return edit;
    };
    m_present = secret("present", tr("Present passphrase, if there is one"));
    m_fresh = secret("fresh", tr("New passphrase"));
    m_again = secret("again", tr("Once more"));
    box->addLayout(form);
    auto* const line = new QHBoxLayout;
    connect(addButton(line, "setPassphrase", tr("Set passp&hrase")), &QPushButton::clicked, this,
            &SettingsPage::setPassphrase);
    line->addStretch();
    m_lock = addButton(line, "lock", tr("&Lock now"));
    connect(m_lock, &QPushButton::clicked, this, [this] { send("POST", "/v1/lock", json::object(), {}); });
    box->addLayout(line);
}

void SettingsPage::addLooks(QVBoxLayout* all) {
    auto* const line = new QFormLayout;
    m_theme = new QComboBox;
    m_theme->setObjectName("theme");
    m_theme->addItem(tr("as the desktop"), "system");
    m_theme->addItem(tr("light"), "light");
    m_theme->addItem(tr("dark"), "dark");
    m_theme->setCurrentIndex(std::max(m_theme->findData(QSettings().value("theme", "system")), 0));
    line->addRow(tr("&Theme"), m_theme);
    auto* const language = new QComboBox;
    language->setObjectName("language");
    language->addItem(tr("as the desktop"), "system");
    language->addItem(QStringLiteral("English"), "en");
    language->addItem(QStringLiteral("Deutsch"), "de");
    language->setCurrentIndex(std::max(language->findData(QSettings().value("language", "system")), 0));
    line->addRow(tr("Lan&guage"), language);
    connect(language, &QComboBox::activated, this, [this, language] {
        QSettings().setValue("language", language->currentData());
        emit languageWanted(language->currentData().toString());
    });
    all->addLayout(line);
    auto* const stay = new QCheckBox(tr("stay in the &tray when the window is closed"));
    stay->setObjectName("stayInTray");
    stay->setChecked(QSettings().value("stayInTray", true).toBool());
    stay->setVisible(QSystemTrayIcon::isSystemTrayAvailable());
    all->addWidget(stay);
    connect(stay, &QCheckBox::toggled, this, [](bool on) { QSettings().setValue("stayInTray", on); });
    connect(m_theme, &QComboBox::activated, this, [this] {
        QSettings().setValue("theme", m_theme->currentData());
        emit themeWanted(m_theme->currentData().toString());
    });
}

void SettingsPage::send(const char* method, const QString& path, const json& body, const QString& good) {
    m_desk.link().call(QString::fromLatin1(method), path, body, this, [this, good](const ApiReply& reply) {
        m_said->setText(reply.ok() ? good : reply.message() + u'\n' + reply.hint());
        m_desk.refresh();
    });
}

// Budgets are also set elsewhere.
void SettingsPage::showEvent(QShowEvent*) { m_desk.refresh(); }

void SettingsPage::showMode() {
    const int index = m_mode->findData(textAt(m_desk.board(), "mode"));
    if (index >= 0) m_mode->setCurrentIndex(index);
    setEnabled(m_desk.isOwner());
}

void SettingsPage::showBudgets() {
    const json envelope = at(m_desk.budgets(), {"envelope"});
    QStringList proposal;
    for (const json& cap : at(envelope, {"proposal"})) proposal << budgetText(cap);
    m_proposal->setText(tr("To begin with: %1?").arg(proposal.join(u", ")));
    m_envelope->setVisible(at(envelope, {"open"}) == json(true));
    const json list = at(m_desk.budgets(), {"budgets"});
    m_budgets->setRowCount(list.is_array() ? static_cast<int>(list.size()) : 0);
    for (int row = 0; row < m_budgets->rowCount(); ++row) {
        const json& budget = list[static_cast<size_t>(row)];
        m_budgets->setItem(row, What, new QTableWidgetItem(budgetText(budget)));
        const auto money = [&](int column, const char* name, Amount kind) {
            const auto amount = moneyFrom(at(budget, {name}));
            auto* const cell = new QTableWidgetItem(amount ? moneyText(*amount, kind) : QString());
            if (amount) cell->setToolTip(exactMoney(*amount));
            m_budgets->setItem(row, column, cell);
        };
        money(Limit, "amount", Amount::Credit);
        money(Spent, "spent", Amount::Cost);
        money(Left, "left", Amount::Credit);
    }
}

void SettingsPage::setBudget() {
    const auto amount = moneyTyped(m_amount->text());
    if (!amount) return m_said->setText(tr("\"%1\" is no amount: 5 ¢ or $2, for example.").arg(m_amount->text()));
    send("PUT", "/v1/budget",
         {{"scope", "everything"},
          {"period", m_period->currentData().toString().toStdString()},
          {"amount", amount->toString()}},
         tr("The budget is set."));
}

void SettingsPage::removeBudget() {
    const auto rows = m_budgets->selectionModel()->selectedRows();
    const json list = at(m_desk.budgets(), {"budgets"});
    if (rows.isEmpty() || !list.is_array()) return;
    const json& budget = list[static_cast<size_t>(rows.front().row())];
    json body{{"scope", at(budget, {"scope"})}, {"period", at(budget, {"period"})}};
    if (const QString subject = textAt(budget, "subject"); !subject.isEmpty()) body["subject"] = subject.toStdString();
    send("POST", "/v1/budget/remove", body, tr("The budget is removed."));
}

void SettingsPage::answerEnvelope(bool accept) { send("POST", "/v1/budget/envelope", {{"accept", accept}}, {}); }

void SettingsPage::setPassphrase() {
    if (m_fresh->text().isEmpty() || m_fresh->text() != m_again->text()) {
        return m_said->setText(tr("The new passphrase has to be typed twice, alike."));
    }
    json body{{"new", m_fresh->text().toStdString()}};
    if (!m_present->text().isEmpty()) body["present"] = m_present->text().toStdString();
    for (QLineEdit* const edit : {m_present, m_fresh, m_again}) edit->clear();
    send("PUT", "/v1/passphrase", body, tr("The passphrase is set: from now on the secretary starts locked."));
}

}  // namespace netpas::ui
