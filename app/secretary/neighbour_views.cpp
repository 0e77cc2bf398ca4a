// What people are shown of neighbours and agreements.
#include <algorithm>

#include "app/secretary/neighbour_desk.h"

namespace netpas::secretaryd {

using agreement::Direction;
using books::State;

namespace {

Money positive(Money amount) { return std::max(amount, Money::zero()); }

}  // namespace

std::string NeighbourDesk::whyOf(const books::Agreement& one, const books::Standing& standing) const {
    switch (one.state) {
    case State::Offered: return "the neighbour has not answered yet";
    case State::Ending:
        return std::string(describe(one.why.value_or(agreement::EndReason::Wish))) + "; the last count is on its way";
    case State::Ended: return std::string(describe(one.why.value_or(agreement::EndReason::Wish)));
    case State::Active: break;
    }
    if (one.buying) return "it runs; the neighbour forwards as long as it is paid";
    const bool passes = one.terms.direction == Direction::Upstream ? standing.paysUpstream : standing.paysDownstream;
    if (!passes) {
        return "the neighbour owes " + standing.exposure.toString() + " USD, above the close threshold of " +
               one.terms.closeAt.toString();
    }
    if (!m_agentThere || !m_toldAgent) return "the agent is not there: what it forwarded last, it forwards on";
    if (standing.held) return "above the close threshold, but a payment is on its way";
    return "the neighbour pays";
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
    const bool pays = one.terms.direction == Direction::Upstream ? standing.paysUpstream : standing.paysDownstream;
    // What the agent has been told, and not what it is about to be.
    const auto told = m_told.find(one.peer());
    const bool upstream = one.terms.direction == Direction::Upstream;
    const bool lets = m_toldAgent && told != m_told.end() &&
                      (upstream ? told->second.first.paysUpstream : told->second.first.paysDownstream);
    view.forwarding = one.state == State::Active && (one.buying || (pays && lets));
    view.why = whyOf(one, standing);
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
    for (const auto& [id, asked] : m_asked) waiting.push_back(viewOf(asked));
    all.insert(all.begin(), waiting.begin(), waiting.end());
    return all;
}

std::optional<AgreementView> NeighbourDesk::find(const books::AgreementId& id) const {
    if (const auto at = m_engine->agreements().find(id); at != m_engine->agreements().end()) return viewOf(at->second);
    if (const auto at = m_asked.find(id); at != m_asked.end()) return viewOf(at->second);
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
        view.passesUpstream = standing.paysUpstream;
        if (m_routes) view.routes = m_routes(key);
        view.passesDownstream = standing.paysDownstream;
        if (const auto at = m_engine->pairs().find(key); at != m_engine->pairs().end())
            view.owed = positive(due(at->second.mine, at->second.theirs));
        view.owing = positive(standing.exposure);
        if (standing.paysUpstream || standing.paysDownstream) {
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
