#include "secretary/ui/desk.h"

#include <QCoreApplication>
#include <QUuid>
#include <algorithm>
#include <chrono>

#include "secretary/ui/said.h"

namespace netpas::ui {

using nlohmann::json;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds pollEvery{2000};
constexpr milliseconds firstRetry{500};
constexpr int mostDoublings = 5;
constexpr milliseconds boardPatience{60000};  // the secretary answers after 25 s at the latest
constexpr milliseconds budgetsAtMostEvery{1000};

}  // namespace

Desk::Desk(ApiLink& link, QObject* parent)
    : QObject(parent), m_link(link), m_frontEnd("window-" + QUuid::createUuid().toString(QUuid::Id128).left(12)) {
    m_retry.setSingleShot(true);
    m_budgetsDue.setSingleShot(true);
    m_budgetsDue.setInterval(budgetsAtMostEvery);
    m_poll.setInterval(pollEvery);
    connect(&m_retry, &QTimer::timeout, this, &Desk::follow);
    connect(&m_budgetsDue, &QTimer::timeout, this, &Desk::askBudgets);
    connect(&m_poll, &QTimer::timeout, this, &Desk::poll);
    QTimer::singleShot(0, this, &Desk::follow);
}

bool Desk::isOwner() const { return textAt(m_standing, "role") == QLatin1String("admin"); }

int Desk::questions() const {
    const json pending = at(m_board, {"pending"});
    return static_cast<int>(std::count_if(pending.begin(), pending.end(), [](const json& question) {
        return textAt(question, "state") == QLatin1String("waiting");
    }));
}

bool Desk::isPaused() const { return textAt(m_board, "mode") == QLatin1String("pause"); }

void Desk::refresh() {
    if (m_retry.isActive()) {
        m_retry.stop();
        return follow();
    }
    if (m_state == State::Connecting || m_state == State::Lost) return;  // somebody is being asked
    poll();
    if (m_state == State::Open && isOwner()) askBudgets();
}

void Desk::setState(State state, const QString& trouble, const QString& remedy) {
    const bool changed = m_state != state || m_trouble != trouble;
    m_state = state;
    m_trouble = trouble;
    m_remedy = remedy;
    if (changed) emit stateChanged();
}

// Everything that changes comes by itself from here on; nothing is asked for while nothing happens.
void Desk::follow() {
    m_link.follow(
        "/v1/watch", this, [this](const json& event) { take(event); },
        [this](const ApiReply& reply) {
            const bool spokenOf = reply.status == 0 || reply.status >= 500;
            if (spokenOf) return lose(reply);
            // A door without that, such as a paired machine's.
            m_poll.start();
            poll();
        });
}

void Desk::take(const json& event) {
    const QString kind = textAt(event, "event");
    const json trouble = at(event, {"trouble"});
    if (trouble.is_object()) setState(State::Lost, said(textAt(trouble, "message")), said(textAt(trouble, "hint")));
    const json standing = at(event, {"status"});
    if (standing.is_object()) takeStanding(standing);
    if (kind == QLatin1String("snapshot")) return takePurchases(at(event, {"purchases"}));
    const json one = at(event, {"purchase"});
    const json id = one.is_object() ? at(one, {"id"}) : at(event, {"id"});
    if (id.is_null()) return;
    json list = m_purchases;
    const auto known =
        std::find_if(list.begin(), list.end(), [&](const json& entry) { return at(entry, {"id"}) == id; });
    if (known != list.end()) {
        one.is_object() ? void(*known = one) : void(list.erase(known));
    } else if (one.is_object()) {
        list.push_back(one);
    }
    takePurchases(std::move(list));
}

void Desk::lose(const ApiReply& reply) {
    m_poll.stop();
    setState(State::Lost, reply.message(), reply.hint());
    m_retry.start(firstRetry * (1 << std::min(m_failures++, mostDoublings)));
}

void Desk::poll() {
    m_link.get("/v1/status", this, [this](const ApiReply& reply) {
        if (reply.ok()) return takeStanding(reply.body);
        if (m_poll.isActive()) lose(reply);
    });
    if (m_state == State::Open) askPurchases();
}

void Desk::takeStanding(const json& standing) {
    m_failures = 0;
    const bool changed = m_standing != standing, wasOpen = m_state == State::Open;
    m_standing = standing;
    const QString ledger = textAt(m_standing, "ledger");
    if (ledger == QLatin1String("locked")) {
        setState(State::Locked);
    } else if (ledger != QLatin1String("ok")) {
        setState(State::Broken, tr("The secretary's ledger cannot be used: nothing is spent."),
                 QStringLiteral("netpas doctor"));
    } else {
        setState(State::Open);
    }
    if (changed) emit standingChanged();
    if (m_state != State::Open) return;
    if (!wasOpen && m_poll.isActive()) askPurchases();
    if (changed && isOwner()) askBudgets();
    if (isOwner() && !m_waiting) waitForBoard();
}

void Desk::takePurchases(json list) {
    if (!list.is_array()) list = json::array();
    if (list == m_purchases) return;
    m_purchases = std::move(list);
    emit purchasesChanged();
    if (isOwner() && !m_budgetsDue.isActive()) m_budgetsDue.start();
}

void Desk::askPurchases() {
    m_link.get("/v1/purchases", this, [this](const ApiReply& reply) {
        if (reply.ok()) takePurchases(at(reply.body, {"purchases"}));
    });
}

void Desk::askBudgets() {
    m_link.get("/v1/budget", this, [this](const ApiReply& reply) {
        if (!reply.ok() || reply.body == m_budgets) return;
        m_budgets = reply.body;
        emit budgetsChanged();
    });
}

// Answers at once when the board differs from what is known here, else when it changes.
void Desk::waitForBoard() {
    m_waiting = true;
    QString path = "/v1/pending/watch?front_end=" + encoded(m_frontEnd);
    if (m_board.is_object()) path += "&revision=" + textAt(m_board, "revision");
    m_link.waitFor(path, boardPatience, this, [this](const ApiReply& reply) {
        m_waiting = false;
        if (!reply.ok()) {
            m_board = nullptr;
            emit boardChanged();
            // … and else once the secretary says that it is open.
            QTimer::singleShot(pollEvery, this, [this] {
                if (m_state == State::Open && !m_waiting) waitForBoard();
            });
            return;
        }
        const bool changed = m_board != reply.body;
        m_board = reply.body;
        if (changed) emit boardChanged();
        waitForBoard();
    });
}

}  // namespace netpas::ui
