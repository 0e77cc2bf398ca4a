#include "secretary/ui/prompts_page.h"

#include <QDateTime>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QLabel>
#include <QLocale>
#include <QPushButton>
#include <QTableWidget>
#include <QVBoxLayout>

#include "secretary/ui/api_words.h"
#include "secretary/ui/desk.h"
#include "secretary/ui/money_text.h"
#include "secretary/ui/parts.h"
#include "secretary/ui/question_text.h"
#include "secretary/ui/rule_words.h"

namespace netpas::ui {

using nlohmann::json;

namespace {

enum Column { Since, Who, For, From, Price, Why };
constexpr int idRole = Qt::UserRole;

QTableWidget* questions(const char* name, const QString& accessible, const QString& last) {
    return makeTable(name, accessible,
                     {PromptsPage::tr("Since"), PromptsPage::tr("Who"), PromptsPage::tr("For"), PromptsPage::tr("From"),
                      PromptsPage::tr("Price"), last},
                     {20, 14, 14, 16, 26});
}

qulonglong selectedIn(const QTableWidget* table) {
    const auto rows = table->selectionModel()->selectedRows();
    return rows.isEmpty() ? 0 : rows.front().data(idRole).toULongLong();
}

QString whyMissed(const json& question) {
    const QString why = textAt(question, "missed");
    if (why == QLatin1String("no-window")) return PromptsPage::tr("no window was there");
    if (why == QLatin1String("not-now")) return PromptsPage::tr("you had said not now");
    if (why == QLatin1String("restarted")) return PromptsPage::tr("the secretary was restarted");
    if (why == QLatin1String("queue-full")) return PromptsPage::tr("too many questions waited");
    return PromptsPage::tr("the offer ran out");
}

}  // namespace

PromptsPage::PromptsPage(Desk& desk, QWidget* parent) : QWidget(parent), m_desk(desk) {
    auto* const all = new QVBoxLayout(this);
    all->addWidget(m_none = makeLabel("none"));
    all->addWidget(m_waiting = questions("questions", tr("questions that wait"), tr("Asked")), 1);
    auto* const answer = new QHBoxLayout;
    answer->addStretch();
    m_answer = addButton(answer, "answer", tr("&Decide…"));
    all->addLayout(answer);
    all->addWidget(m_missedTitle = makeLabel("missedTitle"));
    m_missedTitle->setText(
        tr("Missed: nothing was paid, and everything went best effort. One click decides for the next time."));
    all->addWidget(m_missed = questions("missed", tr("missed questions"), tr("Why")), 1);
    all->addWidget(m_meaning = makeLabel("meaning"));
    m_ofMissed = new QWidget;
    auto* const act = new QHBoxLayout(m_ofMissed);
    act->setContentsMargins(0, 0, 0, 0);
    auto* const forget = addButton(act, "dismiss", tr("&Forget"));
    act->addStretch();
    auto* const never = addButton(act, "neverAgain", tr("&Refuse from now on"));
    auto* const next = addButton(act, "nextTime", tr("Approve &next time"));
    auto* const always = addButton(act, "fromNowOn", tr("&Approve from now on"));
    auto* const more = addButton(act, "decideMissed", tr("Decide &in detail…"));
    all->addWidget(m_ofMissed);
    all->addStretch();  // while there is no list to fill the page
    const auto want = [this](const QTableWidget* table) { emit wanted(selectedIn(table)); };
    connect(m_answer, &QPushButton::clicked, this, [this, want] { want(m_waiting); });
    connect(m_waiting, &QTableWidget::activated, this, [this, want] { want(m_waiting); });
    connect(m_missed, &QTableWidget::activated, this, [this, want] { want(m_missed); });
    connect(more, &QPushButton::clicked, this, [this, want] { want(m_missed); });
    connect(m_missed, &QTableWidget::itemSelectionChanged, this, &PromptsPage::showMeaning);
    connect(forget, &QPushButton::clicked, this, &PromptsPage::dismissSelected);
    connect(never, &QPushButton::clicked, this, [this] { decide("refuse", "always"); });
    connect(next, &QPushButton::clicked, this, [this] { decide("approve_once", "once"); });
    connect(always, &QPushButton::clicked, this, [this] { decide("approve_rule", "always"); });
    connect(&desk, &Desk::boardChanged, this, &PromptsPage::showBoard);
    connect(&desk, &Desk::standingChanged, this, &PromptsPage::showBoard);
    showBoard();
}

json PromptsPage::question(qulonglong id) const {
    for (const json& one : at(m_desk.board(), {"pending"})) {
        if (textAt(one, "id").toULongLong() == id) return one;
    }
    return nullptr;
}

void PromptsPage::showBoard() {
    std::vector<json> waiting, missed;
    for (const json& one : at(m_desk.board(), {"pending"})) {
        (textAt(one, "state") == QLatin1String("waiting") ? waiting : missed).push_back(one);
    }
    m_none->setVisible(waiting.empty());
    m_none->setText(!m_desk.standing().is_object() ? QString()
                    : m_desk.isOwner() ? tr("No questions. Rules and budgets decide; what is unsure is asked here.")
                                       : tr("Questions are shown to the owner of the secretary only."));
    m_waiting->setVisible(!waiting.empty());
    m_answer->setVisible(!waiting.empty());
    fill(m_waiting, waiting);
    m_missedTitle->setVisible(!missed.empty());
    m_missed->setVisible(!missed.empty());
    m_ofMissed->setVisible(!missed.empty());
    m_meaning->setVisible(!missed.empty());
    fill(m_missed, missed);
    showMeaning();
}

void PromptsPage::fill(QTableWidget* table, const std::vector<json>& questions) {
    const qulonglong chosen = selectedIn(table);
    const QSignalBlocker quiet(table);
    table->setRowCount(static_cast<int>(questions.size()));
    for (int row = 0; row < table->rowCount(); ++row) {
        const json& one = questions[static_cast<size_t>(row)];
        const auto set = [&](int column, const QString& text) {
            auto* const item = new QTableWidgetItem(text);
            item->setToolTip(text);
            table->setItem(row, column, item);
            return item;
        };
        const qulonglong id = textAt(one, "id").toULongLong();
        const auto since = QDateTime::fromString(textAt(one, "since"), Qt::ISODateWithMs).toLocalTime();
        set(Since, QLocale().toString(since, QLocale::ShortFormat))->setData(idRole, id);
        set(Who, whoAsks(one))->setToolTip(textAt(at(one, {"who"}), "executable"));
        set(For, wordFor(textAt(at(one, {"claim"}), "purpose")));
        set(From, fromWhom(one));
        set(Price, whatItCosts(one));
        const int requests = textAt(one, "requests").toInt();
        set(Why, table == m_missed ? whyMissed(one) : tr("%n times", nullptr, requests));
        if (id == chosen) table->selectRow(row);
    }
    if (selectedIn(table) == 0 && !questions.empty()) table->selectRow(0);
}

// What the buttons would make, before one is pressed.
void PromptsPage::showMeaning() {
    const json missed = question(selectedIn(m_missed));
    QStringList parts;
    for (const QString& part : {wordFor(textAt(at(missed, {"claim"}), "purpose")), whoAsks(missed), fromWhom(missed)}) {
        if (!part.isEmpty()) parts << part;
    }
    const auto price = moneyFrom(at(missed, {"cost", "price"}));
    m_meaning->setText(
        price ? tr("A rule would be about %1, up to %2.").arg(parts.join(u", "), moneyText(*price, Amount::Cost))
              : QString());
}

void PromptsPage::dismissSelected() {
    const qulonglong id = selectedIn(m_missed);
    if (id == 0) return;
    m_desk.link().call("DELETE", "/v1/pending/" + QString::number(id), nullptr, this,
                       [this](const ApiReply&) { m_desk.refresh(); });
}

void PromptsPage::decide(const char* verdict, const char* lifetime) {
    const json missed = question(selectedIn(m_missed));
    if (missed.is_null()) return;
    const json body{{"answer", verdict},
                    {"lifetime", lifetime},
                    {"revision", at(missed, {"revision"})},
                    {"front_end", m_desk.frontEnd().toStdString()}};
    m_desk.link().call("POST", "/v1/pending/" + textAt(missed, "id"), body, this, [this](const ApiReply& reply) {
        if (!reply.ok()) return m_meaning->setText(reply.message() + u'\n' + reply.hint());
        const QString rule = ruleInWords(textAt(at(reply.body, {"rule"}), "sentence"));
        if (!rule.isEmpty()) m_meaning->setText(tr("The rule is kept: %1").arg(rule));
        m_desk.refresh();
    });
}

}  // namespace netpas::ui
