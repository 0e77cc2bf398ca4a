// What people are shown of neighbours and agreements.
#include <algorithm>

#include "app/secretary/neighbour_desk.h"

namespace netpas::secretaryd {

using agreement::Direction;
using books::State;

namespace {

constexpr const char* stuck = "the books cannot be written: what was forwarded last is forwarded on";

Money positive(Money amount) { return std::max(amount, Money::zero()); }

}  // namespace

bool NeighbourDesk::lets(const PublicKey& neighbour, Direction direction) const {
    const auto told = m_told.find(neighbour);
    if (told == m_told.end()) return false;
    const auto& [one, until] = told->second;
    return (direction == Direction::Upstream ? one.paysUpstream : one.paysDownstream) && m_ports.clock.steady() < until;
}

NeighbourDesk::Passing NeighbourDesk::passingOf(const books::Agreement& one, const books::Standing& standing) const {
    const std::string why(describe(one.why.value_or(agreement::EndReason::Wish)));
    switch (one.state) {
    case State::Offered: return {false, "the neighbour has not answered yet"};
    case State::Ending: return {false, why + "; the last count is on its way"};
    case State::Ended:
        if (one.refused) return {false, "the neighbour refused the offer: " + std::string(describe(*one.refused))};
        return {false, why};
    case State::Active: break;
    }
    return one.buying ? bought(one) : sold(one, standing);
}

NeighbourDesk::Passing NeighbourDesk::sold(const books::Agreement& one, const books::Standing& standing) const {
    const bool told = lets(one.peer(), one.terms.direction);
    if (m_engine->broken()) return {told, stuck};
    const bool pays = one.terms.direction == Direction::Upstream ? standing.paysUpstream : standing.paysDownstream;
    if (!pays) {
        return {false, "the neighbour owes " + standing.exposure.toString() + " USD, above the close threshold of " +
                           one.terms.closeAt.toString()};
    }
    if (!m_agentThere || !m_toldAgent)
        return {told && m_toldAgent, "the agent is not there: what it forwarded last, it forwards on"};
    // What the agent has been told, and not what it is about to be.
    return {told, standing.held ? "above the close threshold, but a payment is on its way" : "the neighbour pays"};
}

// The neighbour decides; by this node's own books it stops above the close threshold, as far as it does not believe that a payment is on its way.
NeighbourDesk::Passing NeighbourDesk::bought(const books::Agreement& one) const {
    const books::Pair& pair = m_engine->pairs().at(one.peer());
    books::Account mine = pair.mine;
    // Of what this node has sent the neighbour's next count tells; what has arrived here it will owe.
    if (!one.sends()) {
        const Money charge = agreement::chargeFor(one.arrivedBytes, one.terms.perKb, one.terms.limit);
        const Money more = positive(checkedSub(charge, one.charge()).value_or(Money::zero()));
        mine.charged = checkedAdd(mine.charged, more).value_or(Money::max());
    }
    const Money owed = due(mine, pair.theirs);
    const bool above = owed > one.terms.closeAt;
    const auto at = m_paying.find(one.peer());
    const Paying paying = at == m_paying.end() ? Paying{} : at->second;
    const bool believed =
        paying.underWay && paying.failed.empty() && m_ports.clock.steady() - paying.since < engineOptions().heldFor;
    const Money promised = believed && pair.paying ? pair.paying->amount : Money::zero();
    const bool passes = checkedSub(owed, promised).value_or(Money::max()) <= one.terms.closeAt;
    if (above && passes && paying.waits.empty())
        return {true, "above the close threshold, but a payment is on its way"};
    std::string why = "it runs; the neighbour forwards as long as it is paid";
    if (above)
        why =
            "this node owes " + owed.toString() + " USD, above the close threshold of " + one.terms.closeAt.toString();
    if (paying.underWay && !paying.waits.empty()) {
        why += "; a payment waits: " + paying.waits;
    } else if (!paying.failed.empty()) {
        why += "; the last payment failed: " + paying.failed;
    } else if (above && paying.underWay) {
        why += "; a payment is on its way";
    }
    return {passes, why};
}

AgreementView NeighbourDesk::viewOf(const books::Agreement& one) const {
    AgreementView view;
    view.terms = one.terms;
    view.neighbour = one.peer().nodeId();
    view.buying = one.buying;
    view.state = books::name(one.state);
    view.bytes = one.sends() ? one.bytes : std::max(one.bytes, one.arrivedBytes);
    view.charged = one.charge();
    view.origin = originOf(one.terms.id);
    view.since = one.since;
    const books::Standing standing = m_engine->standing(one.peer());
    if (const auto at = m_engine->pairs().find(one.peer()); at != m_engine->pairs().end()) {
        const books::Pair& pair = at->second;
        view.paid = one.buying ? pair.mine.paid : pair.theirs.paid;
        view.owed = positive(due(pair.mine, pair.theirs));
        view.owing = positive(standing.exposure);
    }
    const Passing passing = passingOf(one, standing);
    view.forwarding = passing.passes;
    view.why = passing.why;
    if (one.buying) view.measured = m_tests.of(one.peer(), one.terms.direction);
    if (m_routes && one.buying && one.terms.direction == Direction::Upstream) view.routes = m_routes(one.peer());
    return view;
}

AgreementView NeighbourDesk::viewOf(const Asked& asked) const {
    AgreementView view;
    view.terms = asked.terms;
    view.neighbour = asked.terms.buyer.nodeId();
    view.state = "asked";
    view.why = "the neighbour waits for an answer: netpas agreements accept";
    return view;
}

std::vector<AgreementView> NeighbourDesk::agreements(size_t ended) const {
    std::vector<AgreementView> all;
    for (const auto& [id, one] : m_engine->agreements()) all.push_back(viewOf(one));
    std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.since > b.since; });
    // Those that are over fill the page up.
    const auto over =
        std::stable_partition(all.begin(), all.end(), [](const auto& one) { return one.state != "ended"; });
    const auto most = static_cast<ptrdiff_t>(std::min(ended, all.size()));
    if (all.end() - over > most) all.erase(over + most, all.end());
    std::vector<AgreementView> waiting;
    for (const auto& [pick, asked] : m_asked) waiting.push_back(viewOf(asked));
    all.insert(all.begin(), waiting.begin(), waiting.end());
    return all;
}

std::optional<AgreementView> NeighbourDesk::find(const books::AgreementId& id) const {
    if (const auto at = m_engine->agreements().find(id); at != m_engine->agreements().end()) return viewOf(at->second);
    for (const auto& [pick, asked] : m_asked) {
        if (asked.terms.id == id) return viewOf(asked);
    }
    return std::nullopt;
}

std::vector<NeighbourView> NeighbourDesk::neighbours() const {
    const SteadyTime now = m_ports.clock.steady();
    const auto up = neighbours::rank(candidates(Direction::Upstream), {}, now);
    const auto down = neighbours::rank(candidates(Direction::Downstream), {}, now);
    const auto placed = [&](const std::vector<neighbours::Choice>& ranked, const PublicKey& key, Direction direction) {
        std::optional<NeighbourView::Rank> found;
        for (size_t i = 0; i < ranked.size(); ++i) {
            if (ranked[i].neighbour != key) continue;
            const books::Agreement* const one = running(key, direction, true);
            found = {i + 1, one != nullptr && one->state == State::Active,
                     std::string(neighbours::describe(ranked[i].reason))};
        }
        return found;
    };
    std::vector<NeighbourView> all;
    for (const auto& [key, known] : m_table.all()) {
        NeighbourView view;
        view.known = &known;
        view.upstream = placed(up, key, Direction::Upstream);
        view.downstream = placed(down, key, Direction::Downstream);
        view.measuredUp = m_tests.of(key, Direction::Upstream);
        view.measuredDown = m_tests.of(key, Direction::Downstream);
        const books::Standing standing = m_engine->standing(key);
        const bool broken = m_engine->broken();
        view.passesUpstream = broken ? lets(key, Direction::Upstream) : standing.paysUpstream;
        view.passesDownstream = broken ? lets(key, Direction::Downstream) : standing.paysDownstream;
        if (m_routes) view.routes = m_routes(key);
        if (const auto at = m_engine->pairs().find(key); at != m_engine->pairs().end())
            view.owed = positive(due(at->second.mine, at->second.theirs));
        view.owing = positive(standing.exposure);
        if (broken) {
            view.why = stuck;
        } else if (standing.paysUpstream || standing.paysDownstream) {
            view.why = standing.held ? "a payment is on its way" : "it pays";
        } else if (running(key, Direction::Upstream, false) != nullptr ||
                   running(key, Direction::Downstream, false) != nullptr) {
            view.why = "it owes " + standing.exposure.toString() + " USD, above its close threshold";
        } else {
            view.why = "it has agreed to pay for nothing";
        }
        if (const auto at = m_counted.find(key); at != m_counted.end()) view.counted = at->second.count;
        all.push_back(std::move(view));
    }
    return all;
}

}  // namespace netpas::secretaryd
