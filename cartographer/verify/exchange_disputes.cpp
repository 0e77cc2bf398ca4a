// When the truth is worse than claimed: who is asked, who answers, and which link is named.
#include <algorithm>

#include "cartographer/verify/exchange.h"

namespace netpas::verification {

namespace {

constexpr std::array metrics{Metric::Loss, Metric::Throughput, Metric::Latency};
constexpr std::chrono::seconds questionPause{1};

}  // namespace

std::vector<Hop> Exchange::ownEnds(const Flow& flow) const {
    if (!flow.mine) return {};
    Views mine, theirs;
    Claims claimed;
    for (const Record& record : flow.records) {
        mine.emplace(record.mine.window, record.mine);
        theirs.emplace(record.theirs.window, record.theirs);
        claimed.emplace(record.mine.window, record.claimed);
    }
    return sideBySide({{&claimed, &mine}, {nullptr, &theirs}});
}

bool Exchange::holds(const Flow& flow) const {
    const auto ends = ownEnds(flow);
    // What is asked about the same windows of a whole row of nodes must be as sure.
    Tolerance tolerance = m_options.tolerance;
    tolerance.confidence = 1 - (1 - tolerance.confidence) / maxDepth;
    return std::none_of(metrics.begin(), metrics.end(),
                        [&](Metric metric) { return locate(ends, metric, tolerance).has_value(); });
}

void Exchange::judge(Flow& flow) {
    const auto isNew = [&](const Record& record) { return record.mine.window >= flow.namedUntil; };
    const auto fresh = std::count_if(flow.records.begin(), flow.records.end(), isNew);
    if (!flow.dispute && static_cast<size_t>(fresh) > m_options.leastWindows && !holds(flow)) dispute(flow);
}

void Exchange::dispute(Flow& flow) {
    const SteadyTime now = m_ports.clock.steady();
    Dispute dispute;
    dispute.destination = *flow.destination;
    if (const auto next = m_ports.next(flow.route)) dispute.link = m_ports.link(*next);
    dispute.began = now;
    for (const Record& record : flow.records) {
        dispute.mine.emplace(record.mine.window, record.mine);
        dispute.theirs.emplace(record.theirs.window, record.theirs);
        note(dispute, record);
    }
    if (flow.toldClaim) {
        Witness next;
        next.key = flow.toldClaim->signer;
        dispute.witnesses.push_back(std::move(next));
    }
    flow.dispute = std::move(dispute);
    ask(flow);
}

void Exchange::note(Dispute& dispute, const Record& record) {
    dispute.claimed.emplace(record.mine.window, record.claimed);
    if (!record.told.empty()) dispute.told.emplace(record.mine.window, record.toldWorth);
}

void Exchange::ask(Flow& flow) {
    Dispute& dispute = *flow.dispute;
    dispute.nextAsk = m_ports.clock.steady() + m_options.askAgain;
    if (dispute.concluded || dispute.witnesses.empty()) return;
    say(dispute.witnesses.front().key,
        Question{flow.route, dispute.mine.begin()->first,
                 std::min(dispute.mine.rbegin()->first, dispute.mine.begin()->first + maxSpan)});
}

bool Exchange::isElsewhere(const Flow& flow) const {
    if (m_ports.clock.steady() - flow.dispute->began < m_options.patience / 2) return false;
    return std::any_of(flow.records.begin(), flow.records.end(), [&](const Record& record) {
        return asked(flow, record.mine.window) && !flow.dispute->mine.contains(record.mine.window);
    });
}

bool Exchange::asked(const Flow& flow, uint32_t window) const {
    return m_ports.clock.steady() < flow.askedUntil && window >= flow.askedFirst && window <= flow.askedLast;
}

void Exchange::answer(const Flow& flow, const Record& record) {
    const auto previous = m_ports.previous(flow.route);
    if (!previous || record.view.empty() || !asked(flow, record.mine.window)) return;
    say(*previous, Answer{flow.route, 0, !flow.dispute, record.view, record.told});
}

tl::expected<void, Unheard> Exchange::onQuestion(const PublicKey& from, const Question& question) {
    const auto known = m_flows.find(flowOf(question.route));
    if (known == m_flows.end()) return tl::unexpected(Unheard::Stale);
    Flow& flow = known->second;
    if (m_ports.previous(flow.route) != from) return tl::unexpected(Unheard::Stranger);
    const SteadyTime now = m_ports.clock.steady();
    if (now < flow.nextQuestion) return tl::unexpected(Unheard::Flood);
    flow.nextQuestion = now + std::min<SteadyTime::duration>(questionPause, m_options.askAgain / 2);
    flow.askedUntil = now + 2 * m_options.patience;
    flow.askedFirst = question.first;
    flow.askedLast = question.last;
    if ((!flow.dispute || isElsewhere(flow)) && flow.records.size() > 1 && !holds(flow)) dispute(flow);
    for (const Record& record : flow.records) {
        if (!asked(flow, record.mine.window)) continue;
        if (record.view.empty()) {
            m_ports.signStatement(record.mine);
        } else {
            answer(flow, record);
        }
    }
    if (!flow.dispute) return {};
    // Who has been asked already is not asked again for every question.
    for (size_t depth = 0; depth < flow.dispute->witnesses.size() && depth + 1 < maxDepth; ++depth) {
        const Witness& witness = flow.dispute->witnesses[depth];
        for (const auto& [window, said] : witness.raw)
            say(from, Answer{flow.route, static_cast<uint8_t>(depth + 1), witness.holds, said.first, said.second});
    }
    return {};
}

tl::expected<void, Unheard> Exchange::onAnswer(const PublicKey& from, const Answer& answer) {
    const auto known = m_flows.find(flowOf(answer.route));
    if (known == m_flows.end() || !known->second.dispute) return tl::unexpected(Unheard::Stale);
    Flow& flow = known->second;
    Dispute& dispute = *flow.dispute;
    if (m_ports.next(flow.route) != from) return tl::unexpected(Unheard::Stranger);
    if (answer.depth >= dispute.witnesses.size()) return tl::unexpected(Unheard::Stale);
    const auto view = openStatement(answer.view);
    if (!view || view->signer != dispute.witnesses[answer.depth].key) return tl::unexpected(Unheard::Forged);
    if (view->flow != known->first || !dispute.mine.contains(view->window)) return tl::unexpected(Unheard::Impossible);
    // Of two answers the first one counts.
    if (dispute.witnesses[answer.depth].views.contains(view->window)) return tl::unexpected(Unheard::Stale);
    std::optional<Claim> claim;
    if (!answer.claim.empty()) {
        const auto opened = openClaim(answer.claim);
        if (!opened || opened->destination != dispute.destination) return tl::unexpected(Unheard::Forged);
        claim = *opened;
    }
    if (!dispute.witnesses[answer.depth].answered) {
        Witness next;
        if (claim) next.key = claim->signer;
        // Round in a circle there is no way.
        const auto isIt = [&](const Witness& one) { return one.key == next.key; };
        if (claim &&
            (claim->signer == m_ports.me || std::any_of(dispute.witnesses.begin(), dispute.witnesses.end(), isIt)))
            return tl::unexpected(Unheard::Impossible);
        dispute.witnesses[answer.depth].answered = true;
        if (claim) dispute.witnesses.push_back(std::move(next));
    } else if (const size_t behind = answer.depth + size_t{1};
               claim.has_value() != (behind < dispute.witnesses.size()) ||
               (claim && claim->signer != dispute.witnesses[behind].key)) {
        return tl::unexpected(Unheard::Impossible);  // that is another way
    }
    Witness& witness = dispute.witnesses[answer.depth];
    witness.holds = answer.holds;
    witness.views.emplace(view->window, *view);
    if (claim) witness.told.emplace(view->window, qualityOf(*claim));
    witness.raw.emplace(view->window, std::pair(answer.view, answer.claim));
    const auto previous = m_ports.previous(flow.route);
    if (previous && asked(flow, view->window) && answer.depth + 1 < maxDepth)
        say(*previous,
            Answer{flow.route, static_cast<uint8_t>(answer.depth + 1), answer.holds, answer.view, answer.claim});
    return {};
}

void Exchange::conclude(Flow& flow) {
    Dispute& dispute = *flow.dispute;
    const SteadyTime now = m_ports.clock.steady();
    if (dispute.concluded) {
        // Asked once more when it goes on, by what was claimed since.
        if (now - dispute.began > 4 * m_options.patience) flow.dispute.reset();
        return;
    }
    dispute.concluded = true;
    // As far as they have answered without a gap, and have enough in common.
    std::vector<Seen> seen{{&dispute.claimed, &dispute.mine}, {nullptr, &dispute.theirs}};
    std::vector<PublicKey> keys{m_ports.me};
    const Claims* told = &dispute.told;
    for (const Witness& witness : dispute.witnesses) {
        if (!witness.answered) break;
        std::vector<Seen> longer = seen;
        longer.insert(longer.end() - 1, {told, &witness.views});
        const auto hops = sideBySide(longer);
        if (hops.empty() || hops.front().windows.size() < m_options.leastWindows) {
            // It has answered, but not about enough of the same: asked again later. Who never knows is as who is silent.
            if (std::exchange(flow.vague, witness.key) != witness.key) return;
            break;
        }
        seen = std::move(longer);
        keys.push_back(witness.key);
        told = &witness.told;
    }
    if (keys.size() > dispute.witnesses.size()) flow.vague.reset();
    // Behind the last of them: who was asked and is silent, or the destination.
    keys.push_back(keys.size() <= dispute.witnesses.size() ? dispute.witnesses[keys.size() - 1].key
                                                           : dispute.destination);
    std::optional<Verdict> verdict = named(seen, keys);
    const auto isMine = [&] { return verdict && verdict->near == m_ports.me; };
    // Once more only by what has passed since.
    if (isMine() && flow.namedUntil != 0) {
        const Views since(dispute.mine.lower_bound(flow.namedUntil), dispute.mine.end());
        if (since.size() <= m_options.leastWindows) return;
        seen.front().views = &since;
        verdict = named(seen, keys);
    }
    // What this node knows better of its own link by now, it holds against nobody.
    if (isMine() && differs(dispute.link, m_ports.link(keys[1]), m_options.tolerance)) verdict.reset();
    if (isMine()) flow.namedUntil = flow.lastWindow;
    flow.verdict = verdict;
}

std::optional<Verdict> Exchange::named(const std::vector<Seen>& seen, const std::vector<PublicKey>& keys) const {
    const auto hops = sideBySide(seen);
    std::optional<Verdict> verdict;
    for (const Metric metric : metrics) {
        const auto found = locate(hops, metric, m_options.tolerance);
        if (!found || (verdict && verdict->confidence >= found->confidence)) continue;
        verdict = Verdict{metric, keys[found->link], keys[found->link + 1], found->confidence, m_ports.clock.now()};
    }
    return verdict;
}

}  // namespace netpas::verification
