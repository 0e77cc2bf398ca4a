// Counters that edge routers report: cumulative within one life of a router, summed here over all of its lives.
#include "core/accounting/books.h"

namespace netpas::accounting {

namespace {

int64_t signedOf(uint64_t value) { return static_cast<int64_t>(value); }

}  // namespace

// The books keep the larger number: what was durable once stays owed.
void Books::wentBack(const std::string& router, const std::string& what, SystemTime now) {
    alarm(AlarmKind::CounterWentBack, "edge " + router, "the counter of " + what + " went back", now);
}

void Books::applyKey(const std::string& router, uint64_t incarnation, const KeyCounters& counters, SystemTime now) {
    m_now = now;
    const auto found = m_keys.find(counters.key);
    if (found == m_keys.end()) return;  // not ours: the edge may say what it likes about it
    Usage& stored = m_keyCounters[{{router, incarnation}, counters.key}];
    if (counters.packets < stored.packets || counters.bytes < stored.bytes || counters.amount < stored.amount) {
        wentBack(router, "session key " + std::to_string(counters.key.value()), now);
        return;
    }
    Usage& total = found->second.usage;
    total.nextSequence = std::max(total.nextSequence, counters.nextSequence);
    if (counters.packets == stored.packets && counters.amount == stored.amount && counters.bytes == stored.bytes)
        return;
    const Money growth = Money::fromEighths(counters.amount.eighths() - stored.amount.eighths());
    if (!raise(total.amount, growth, "session key " + std::to_string(counters.key.value()), now)) return;
    total.packets += counters.packets - stored.packets;
    total.bytes += counters.bytes - stored.bytes;
    stored = {counters.packets, counters.bytes, counters.amount, counters.nextSequence};
    if (auto* s = statement("INSERT OR REPLACE INTO key_counter (router, incarnation, key, packets, bytes, amount, "
                            "next_sequence) VALUES (?, ?, ?, ?, ?, ?, ?)")) {
        s->bind(1, router).bind(2, signedOf(incarnation)).bind(3, int64_t{counters.key.value()});
        s->bind(4, signedOf(counters.packets)).bind(5, signedOf(counters.bytes)).bind(6, counters.amount.eighths());
        s->bind(7, signedOf(counters.nextSequence));
        run(s);
    }
}

void Books::applyLink(const std::string& router, uint64_t incarnation, const LinkCounters& counters, SystemTime now) {
    LinkCounters& stored = m_linkCounters[{router, incarnation, counters.neighbour, counters.exit}];
    const std::string name =
        "link " + std::to_string(counters.neighbour.value()) + "/" + std::to_string(counters.exit.value());
    if (counters.packets < stored.packets || counters.bytes < stored.bytes || counters.own < stored.own ||
        counters.downstream < stored.downstream) {
        wentBack(router, name, now);
        return;
    }
    LinkTotals& total = m_linkTotals[counters.neighbour];
    Money own = total.own;
    Money downstream = total.downstream;
    if (!raise(own, Money::fromEighths(counters.own.eighths() - stored.own.eighths()), name, now) ||
        !raise(downstream, Money::fromEighths(counters.downstream.eighths() - stored.downstream.eighths()), name,
               now)) {
        return;
    }
    total = {total.packets + counters.packets - stored.packets, total.bytes + counters.bytes - stored.bytes, own,
             downstream};
    if (stored == counters) return;
    stored = counters;
    if (auto* s =
            statement("INSERT OR REPLACE INTO link_counter (router, incarnation, neighbour, exit, packets, bytes, own, "
                      "downstream) VALUES (?, ?, ?, ?, ?, ?, ?, ?)")) {
        s->bind(1, router).bind(2, signedOf(incarnation)).bind(3, int64_t{counters.neighbour.value()});
        s->bind(4, int64_t{counters.exit.value()})
            .bind(5, signedOf(counters.packets))
            .bind(6, signedOf(counters.bytes));
        s->bind(7, counters.own.eighths()).bind(8, counters.downstream.eighths());
        run(s);
    }
}

void Books::applyIsps(const std::string& router, uint64_t incarnation, IspCounter which,
                      const std::vector<IspAmount>& amounts, SystemTime now) {
    auto& totals = which == IspCounter::Downstream ? m_downstreamTotals : m_upstreamTotals;
    for (const IspAmount& counter : amounts) {
        const IspKey place{router, incarnation, counter.isp};
        Money& stored = m_ispCounters[{which, place}];
        const std::string name = "ISP " + std::to_string(counter.isp.value());
        if (counter.amount < stored) {
            wentBack(router, name, now);
            continue;
        }
        if (counter.amount == stored) continue;
        if (!raise(totals[counter.isp], Money::fromEighths(counter.amount.eighths() - stored.eighths()), name, now))
            continue;
        stored = counter.amount;
        if (auto* s = statement("INSERT OR REPLACE INTO isp_counter (which, router, incarnation, isp, amount) "
                                "VALUES (?, ?, ?, ?, ?)")) {
            s->bind(1, static_cast<int64_t>(which)).bind(2, router).bind(3, signedOf(incarnation));
            s->bind(4, int64_t{counter.isp.value()}).bind(5, counter.amount.eighths());
            run(s);
        }
    }
}

void Books::applyVerdict(const std::string& router, uint64_t incarnation, const VerdictCount& verdict) {
    uint64_t& stored = m_verdictCounters[{{router, incarnation}, verdict.name}];
    if (verdict.packets <= stored) return;  // no money: not worth an alarm
    m_verdictTotals[verdict.name] += verdict.packets - stored;
    stored = verdict.packets;
    if (auto* s = statement(
            "INSERT OR REPLACE INTO verdict_counter (router, incarnation, name, packets) VALUES (?, ?, ?, ?)")) {
        s->bind(1, router).bind(2, signedOf(incarnation)).bind(3, verdict.name).bind(4, signedOf(verdict.packets));
        run(s);
    }
}

void Books::applyReport(const std::string& router, uint64_t incarnation, const EdgeReport& report, SystemTime now) {
    m_now = now;
    for (const KeyCounters& counters : report.keys) applyKey(router, incarnation, counters, now);
    for (const LinkCounters& counters : report.links) applyLink(router, incarnation, counters, now);
    applyIsps(router, incarnation, IspCounter::Downstream, report.downstream, now);
    applyIsps(router, incarnation, IspCounter::Upstream, report.upstream, now);
    for (const VerdictCount& verdict : report.verdicts) applyVerdict(router, incarnation, verdict);
}

Money Books::ownAt(IspId neighbour, ExitPoint exit) const {
    Money sum;
    for (const auto& [place, counters] : m_linkCounters) {
        if (counters.neighbour != neighbour || counters.exit != exit) continue;
        sum = checkedAdd(sum, counters.own).value_or(Money::max());
    }
    return sum;
}

size_t Books::linkCount(IspId neighbour) const {
    std::map<std::pair<std::string, ExitPoint>, bool> distinct;
    for (const auto& [place, counters] : m_linkCounters) {
        if (counters.neighbour == neighbour) distinct[{std::get<0>(place), counters.exit}] = true;
    }
    return distinct.size();
}

}  // namespace netpas::accounting
