#include "app/agent/babel_costs.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

namespace netpas::agent {

using routes::BabelCost;
using routes::BabelError;
using routes::BabelSocket;
using routes::BabelTable;

namespace {

constexpr size_t mostWays = 4096;  // that are asked for after each change
constexpr unsigned mostAsks = 3;

bool isUp(const BabelTable& table, const std::string& interface) {
    const auto found = table.interfaces().find(interface);
    return found != table.interfaces().end() && found->second.up;
}

}  // namespace

BabelCosts::BabelCosts(Ports ports, std::vector<std::string> interfaces, std::string words, BabelCostTimes times)
    : m_ports(std::move(ports)), m_interfaces(std::move(interfaces)), m_words(std::move(words)), m_times(times) {}

BabelCosts::~BabelCosts() {
    m_ports.timers.cancel(m_raiseTimer);
    lost();
}

void BabelCosts::after(app::Timers::Id& timer, std::chrono::milliseconds time, std::function<void()> what) {
    m_ports.timers.cancel(timer);
    timer = m_ports.timers.after(time, [this, &timer, what = std::move(what)] {
        timer = 0;
        what();
        m_ports.settle();
    });
}

// Babel leaves a way whose first link got dearer only for one that it is sure of, and asks to be made sure only where the difference is great (ROUTES.md).
void BabelCosts::set(BabelCost cost) {
    if (m_cost == cost) return;
    m_raises = m_cost && cost > *m_cost;
    m_cost = cost;
    m_ports.timers.cancel(std::exchange(m_raiseTimer, 0));
    m_ports.settle();
}

// Before the secretary has said anything, routes through this node are the last ones to be taken.
BabelCost BabelCosts::wanted() const { return m_cost && !m_raises ? *m_cost : routes::maxPricedCost; }

bool BabelCosts::isSaid(const std::string& interface) const {
    const auto found = m_said.find(interface);
    return found != m_said.end() && found->second == wanted();
}

tl::expected<void, BabelError> BabelCosts::settle(BabelSocket& socket) {
    if (m_change) goOn(socket);
    if (!m_change) {
        if (const auto begun = begin(socket); !begun) return begun;
    }
    judge(socket.table());
    return {};
}

tl::expected<void, BabelError> BabelCosts::begin(BabelSocket& socket) {
    const BabelTable& table = socket.table();
    for (const std::string& interface : m_interfaces) {
        if (isSaid(interface)) continue;
        const bool present = table.interfaces().contains(interface);
        const bool first = !m_said.contains(interface);
        // What an earlier connection or its own configuration has said stays until the secretary wants something else.
        if (present && first && (!m_cost || table.tells(interface, wanted()))) {
            if (m_cost) m_said.insert_or_assign(interface, wanted());
            continue;
        }
        if (const auto asked = socket.ask(interface, wanted(), m_words); !asked) return asked;
        if (present && isUp(table, interface)) {
            m_change = Change{interface, wanted(), socket.asked(), waysThrough(table, interface)};
            return {};
        }
        m_said.insert_or_assign(interface, wanted());  // it begins with it
    }
    const bool allSaid = std::all_of(m_interfaces.begin(), m_interfaces.end(),
                                     [this](const std::string& interface) { return isSaid(interface); });
    if (allSaid && m_raises && m_raiseTimer == 0) after(m_raiseTimer, m_times.raiseFor, [this] { m_raises = false; });
    return {};
}

void BabelCosts::enter(Change::Phase phase, std::chrono::milliseconds atMost) {
    m_change->phase = phase;
    m_change->late = false;
    after(m_changeTimer, atMost, [this] { m_change->late = true; });
}

void BabelCosts::goOn(const BabelSocket& socket) {
    const BabelTable& table = socket.table();
    const std::string interface = m_change->interface;
    if (m_change->phase == Change::Phase::Saying) {
        if (socket.answered() < m_change->answers) return;
        if (socket.refused() > 0) return end();
        if (const auto rests = m_ports.rest(interface, true); !rests) {
            complain(interface + " cannot be made to rest, so babeld keeps its cost: " + std::strerror(rests.error()));
            return end();
        }
        enter(Change::Phase::Resting, m_times.seesRestWithin);
    }
    if (m_change->phase == Change::Phase::Resting) {
        if (isUp(table, interface) && !m_change->late) return;
        wake();
        enter(Change::Phase::Returning, m_times.routesBackWithin);
    }
    if (m_change->late || (isUp(table, interface) && isBack(table))) end();
}

BabelCosts::Ways BabelCosts::waysThrough(const BabelTable& table, const std::string& interface) {
    Ways all;
    for (const auto& [id, route] : table.routes()) {
        if (route.interface == interface && route.from.length() == 0 && all.size() < mostWays)
            all.emplace(route.via, route.to);
    }
    return all;
}

// babeld has forgotten its routes through the interface, and its neighbours say by themselves only every 16 s where they go. One that has no such way any more
// says nothing.
bool BabelCosts::isBack(const BabelTable& table) {
    const Ways has = waysThrough(table, m_change->interface);
    Ways missing;
    std::set_difference(m_change->had.begin(), m_change->had.end(), has.begin(), has.end(),
                        std::inserter(missing, missing.end()));
    if (missing.empty()) return true;
    if (m_change->asks == mostAsks) return !has.empty();
    if (std::exchange(m_change->mayAsk, false)) {
        ++m_change->asks;
        std::map<IpAddress, std::vector<IpPrefix>> questions;
        for (const auto& [neighbour, to] : missing) questions[neighbour].push_back(to);
        for (const auto& [neighbour, ways] : questions) m_ports.ask(m_change->interface, neighbour, ways);
        after(m_askTimer, m_times.askEvery, [this] {
            if (m_change) m_change->mayAsk = true;
        });
    }
    return false;
}

void BabelCosts::wake() {
    if (const auto awake = m_ports.rest(m_change->interface, false); !awake)
        complain(m_change->interface + " cannot be woken: " + std::strerror(awake.error()) + "; ip link set " +
                 m_change->interface + " state up does it");
}

void BabelCosts::end() {
    m_said.insert_or_assign(m_change->interface, m_change->cost);
    m_change.reset();
    m_ports.timers.cancel(std::exchange(m_changeTimer, 0));
    m_ports.timers.cancel(std::exchange(m_askTimer, 0));
    after(m_judgeTimer, m_times.tellsWithin, [this] { m_judged = false; });
}

// An interface that babeld was started with keeps its cost, and babeld does not say so.
void BabelCosts::judge(const BabelTable& table) {
    if (std::exchange(m_judged, true)) return;
    std::string kept;
    for (const auto& [id, neighbour] : table.neighbours()) {
        const auto said = m_said.find(neighbour.interface);
        if (said == m_said.end() || neighbour.told == said->second || neighbour.told == routes::babelUnreachable)
            continue;
        kept = neighbour.interface;
    }
    if (kept.empty()) {
        m_trouble.clear();
    } else if (m_trouble.empty()) {
        complain("babeld was started with " + kept + " and keeps its cost; leave " + kept +
                 " out of its options and its configuration, and netpasd adds it");
    }
}

void BabelCosts::complain(const std::string& why) {
    if (m_trouble == why) return;
    m_trouble = why;
    m_ports.log(app::LogLevel::Warning, "what is asked for forwarding is not in the routes: " + why);
}

void BabelCosts::lost() {
    if (m_change && m_change->phase == Change::Phase::Resting) wake();
    m_change.reset();
    m_said.clear();
    m_trouble.clear();
    m_judged = true;
    for (app::Timers::Id* timer : {&m_changeTimer, &m_askTimer, &m_judgeTimer})
        m_ports.timers.cancel(std::exchange(*timer, 0));
}

}  // namespace netpas::agent
