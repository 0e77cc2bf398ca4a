// Whom this node buys from by itself.
#include <algorithm>

#include "app/secretary/neighbour_desk.h"

namespace netpas::secretaryd {

using agreement::Direction;
using books::State;

namespace {

constexpr std::chrono::seconds answerWithin{15};
constexpr std::chrono::seconds testFor{120};
constexpr std::chrono::seconds firstPause{5}, longestPause{600};
// The next agreement is offered before this one is over: a third of its time, or a quarter of its money.
constexpr int timeLeft = 3, moneyLeft = 4;
// Routes come and go; an agreement under which nothing is sent costs nothing.
constexpr std::chrono::seconds unusedFor{60};

}  // namespace

const books::Agreement* NeighbourDesk::running(const PublicKey& neighbour, Direction direction, bool buying) const {
    const books::Agreement* found = nullptr;
    for (const books::AgreementId& id : m_engine->with(neighbour)) {
        const books::Agreement& one = m_engine->agreements().at(id);
        if (one.buying != buying || !one.running() || one.terms.direction != direction) continue;
        // An offer that waits for its answer stands before what it is to replace.
        if (found == nullptr || one.state == State::Offered) found = &one;
    }
    return found;
}

std::vector<neighbours::Candidate> NeighbourDesk::sellers(Direction direction) const {
    std::vector<neighbours::Candidate> all;
    const Money most = mostFor(direction);
    for (const auto& [key, known] : m_table.all()) {
        const auto price = priceOf(known, direction);
        if (!price || *price > most || known.place.isp == IspId{0} || !m_counted.contains(key)) continue;
        all.push_back({key, *price, m_tests.of(key, direction)});
    }
    return all;
}

// Who reaches the internet through this node is no way to it.
std::vector<neighbours::Candidate> NeighbourDesk::candidates(Direction direction) const {
    std::vector<neighbours::Candidate> all = sellers(direction);
    std::erase_if(all, [&](const auto& one) { return running(one.neighbour, direction, false) != nullptr; });
    return all;
}

void NeighbourDesk::choose() {
    if (m_settings.buys == MeshBuys::Nothing || !m_ports.canPay()) return;
    const SteadyTime now = m_ports.clock.steady();
    constexpr size_t mostTries = 2 * NeighbourTable::most;
    if (m_tries.size() > mostTries)
        std::erase_if(m_tries, [this](const auto& item) { return m_table.find(item.first.first) == nullptr; });
    if (m_settings.buys == MeshBuys::Every) {
        for (const neighbours::Candidate& one : sellers(Direction::Upstream))
            buyFrom(one.neighbour, Direction::Upstream);
        return;
    }
    if (m_settings.buys == MeshBuys::Routes) return followRoutes();
    const auto up = candidates(Direction::Upstream), down = candidates(Direction::Downstream);
    m_tests.run(up, down);
    for (const Direction direction : {Direction::Upstream, Direction::Downstream}) {
        const bool upstream = direction == Direction::Upstream;
        const auto chosen = (upstream ? m_upstream : m_downstream).choose(upstream ? up : down, {}, now);
        if (!chosen) continue;
        buyFrom(chosen->neighbour, direction);
        const books::Agreement* const with = running(chosen->neighbour, direction, true);
        if (with != nullptr && with->state == State::Active) leaveOthers(chosen->neighbour, direction);
    }
}

bool NeighbourDesk::isNextHop(const NeighbourPlace& place) const {
    return std::any_of(m_hops->begin(), m_hops->end(), [&](const channel::MeshHop& hop) {
        return hop.interface == place.interface && (hop.via == place.address || hop.via == place.address4);
    });
}

// A neighbour may well be a customer, too: each pays for what it sends.
void NeighbourDesk::followRoutes() {
    if (!m_hops) return;
    const SteadyTime now = m_ports.clock.steady();
    for (const auto& [key, known] : m_table.all()) {
        if (isNextHop(known.place)) m_lastUsed[key] = now;
    }
    for (const neighbours::Candidate& one : sellers(Direction::Upstream)) {
        const auto last = m_lastUsed.find(one.neighbour);
        if (last != m_lastUsed.end() && last->second == now) buyFrom(one.neighbour, Direction::Upstream);
    }
    std::vector<books::AgreementId> over;
    for (const auto& [id, one] : m_engine->agreements()) {
        if (!one.buying || !one.running() || one.terms.direction != Direction::Upstream) continue;
        // What runs when the agent begins to tell has its time, too.
        const SteadyTime last = m_lastUsed.try_emplace(one.peer(), now).first->second;
        if (now - last >= unusedFor && originOf(id).automatic) over.push_back(id);
    }
    for (const books::AgreementId& id : over) (void)m_engine->end(id, agreement::EndReason::Wish);
    std::erase_if(m_lastUsed, [&](const auto& item) { return now - item.second > 2 * unusedFor; });
}

NeighbourTests::Ports NeighbourDesk::testPorts() {
    NeighbourTests::Ports ports{m_ports.clock, m_ports.log, {}, {}, {}, m_ports.test, {}};
    ports.bought = [this](const PublicKey& neighbour, Direction direction) {
        const books::Agreement* const one = running(neighbour, direction, true);
        return one != nullptr && one->state == State::Active;
    };
    ports.buy = [this](const PublicKey& neighbour, Direction direction, Money limit) {
        const KnownNeighbour* const known = m_table.find(neighbour);
        if (known == nullptr || running(neighbour, direction, true) != nullptr) return;
        (void)make({neighbour, direction, {}, limit, testFor, {0, true, true}}, *known);
    };
    ports.place = [this](const PublicKey& neighbour) -> const NeighbourPlace* {
        const KnownNeighbour* const known = m_table.find(neighbour);
        return known == nullptr ? nullptr : &known->place;
    };
    ports.verified = [this](const PublicKey& neighbour) -> std::optional<double> {
        std::optional<double> least;
        if (!m_routes) return least;
        for (const verification::RouteReport& one : m_routes(neighbour)) {
            if (one.arrives) least = std::min(least.value_or(1), one.observed.arrives);
        }
        return least;
    };
    return ports;
}

void NeighbourDesk::buyFrom(const PublicKey& neighbour, Direction direction) {
    const SteadyTime now = m_ports.clock.steady();
    Try& at = m_tries[{neighbour, direction}];
    const books::Agreement* const one = running(neighbour, direction, true);
    if (one != nullptr && one->state == State::Offered) {
        if (at.offered == one->terms.id && now >= at.until)
            (void)m_engine->end(one->terms.id, agreement::EndReason::Withdrawn);
        return;
    }
    if (one != nullptr) {
        // What somebody asked for lasts as long as it was asked for.
        if (!originOf(one->terms.id).automatic) return;
        at.pause = std::chrono::seconds(0);
        const Money left = checkedSub(one->terms.limit, one->charge()).value_or(Money::zero());
        const bool fresh = m_engine->left(one->terms.id) > one->terms.lifetime / timeLeft &&
                           left.eighths() > one->terms.limit.eighths() / moneyLeft;
        if (fresh) return;
    }
    if (now < at.again) return;
    at.pause = std::clamp(at.pause * 2, firstPause, longestPause);
    at.again = now + at.pause;
    const KnownNeighbour* const known = m_table.find(neighbour);
    if (known == nullptr) return;
    at.offered = make({neighbour, direction, {}, {}, {}, {0, true, true}}, *known);
    at.until = now + answerWithin;
}

// Those that somebody asked for stay.
void NeighbourDesk::leaveOthers(const std::optional<PublicKey>& chosen, Direction direction) {
    std::vector<books::AgreementId> over;
    for (const auto& [id, one] : m_engine->agreements()) {
        const bool other = one.buying && one.running() && one.terms.direction == direction && one.peer() != chosen;
        if (other && originOf(id).automatic && !m_tests.isUnderWay(one.peer())) over.push_back(id);
    }
    for (const books::AgreementId& id : over) (void)m_engine->end(id, agreement::EndReason::Wish);
}

}  // namespace netpas::secretaryd
