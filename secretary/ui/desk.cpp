#include "secretary/ui/desk.h"

#include <QCoreApplication>
#include <QUuid>
#include <algorithm>
#include <chrono>

namespace netpas::ui {

using nlohmann::json;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds whileRunning{1000};
constexpr milliseconds whileQuiet{5000};
constexpr milliseconds firstRetry{500};
constexpr int mostDoublings = 5;
constexpr milliseconds boardPatience{60000};  // the secretary answers after 25 s at the latest

}  // namespace

Desk::Desk(ApiLink& link, QObject* parent)
    : QObject(parent), m_link(link), m_frontEnd("window-" + QUuid::createUuid().toString(QUuid::Id128).left(12)) {
    m_timer.setSingleShot(true);
    connect(&m_timer, &QTimer::timeout, this, &Desk::askStanding);
    QTimer::singleShot(0, this, &Desk::askStanding);
}

bool Desk::isOwner() const { return textAt(m_standing, "role") == QLatin1String("admin"); }

void Desk::setWatched(bool watched) {
    if (m_watched == watched) return;
    m_watched = watched;
    if (watched) {
        refresh();
    } else {
        schedule();
    }
}

void Desk::refresh() {
    m_timer.stop();
    askStanding();
}

// Nobody looks and nothing is wrong: questions come by themselves, the rest can wait.
void Desk::schedule() {
    if (m_asking) return;
    if (m_state != State::Open) {
        m_timer.start(firstRetry * (1 << std::min(m_failures, mostDoublings)));
    } else if (m_watched) {
        m_timer.start(m_purchases.empty() ? whileQuiet : whileRunning);
    } else {
        m_timer.stop();
    }
}

void Desk::setState(State state, const QString& trouble) {
    const bool changed = m_state != state || m_trouble != trouble;
    m_state = state;
    m_trouble = trouble;
    if (changed) emit stateChanged();
}

void Desk::askStanding() {
    if (m_asking) return;
    m_asking = true;
    m_link.get("/v1/status", this, [this](const ApiReply& reply) {
        m_asking = false;
        if (!reply.ok()) {
            ++m_failures;
            setState(State::Lost, reply.message());
            return schedule();
        }
        m_failures = 0;
        const bool changed = m_standing != reply.body;
        m_standing = reply.body;
        const QString ledger = textAt(m_standing, "ledger");
        if (ledger == QLatin1String("locked")) {
            setState(State::Locked);
        } else if (ledger != QLatin1String("ok")) {
            setState(State::Broken, tr("Its ledger cannot be used. `netpas doctor` says what to do."));
        } else {
            setState(State::Open);
        }
        if (changed) emit standingChanged();
        if (m_state == State::Open) askBoard();
        schedule();
    });
}

void Desk::askBoard() {
    m_link.get("/v1/purchases", this, [this](const ApiReply& reply) {
        if (!reply.ok()) return;
        json list = at(reply.body, {"purchases"});
        if (!list.is_array()) list = json::array();
        const bool same = list == m_purchases;
        m_purchases = std::move(list);
        if (!same) emit purchasesChanged();
    });
    if (!isOwner()) return;
    m_link.get("/v1/budget", this, [this](const ApiReply& reply) {
        if (!reply.ok() || reply.body == m_budgets) return;
        m_budgets = reply.body;
        emit budgetsChanged();
    });
    if (!m_waiting) waitForBoard();
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
            return refresh();
        }
        const bool changed = m_board != reply.body;
        m_board = reply.body;
        if (changed) {
            emit boardChanged();
            askStanding();
        }
        waitForBoard();
    });
}

}  // namespace netpas::ui
