#include "app/secretary/neighbour_tests.h"

#include <algorithm>
#include <utility>

#include "core/agreement/terms.h"

namespace netpas::secretaryd {

using agreement::Direction;
using neighbours::Candidate;
using neighbours::Measured;

namespace {

constexpr uint64_t testBytes = 900'000;  // in each direction
constexpr uint64_t paidBytes =
    2'000'000;  // of it: with headers, what is sent again, and what a server has sent before it hears that it is enough
constexpr uint64_t mostBytes = 2'500'000;
constexpr std::chrono::seconds agreeWithin{20}, testWithin{45}, pause{600};
constexpr std::chrono::milliseconds countersComeWithin{1500};
constexpr std::chrono::hours remembered{1};
constexpr std::chrono::seconds lookEvery{2}, usefulFor{300};
constexpr double bits = 8;

neighbours::TestAllowance::Options allowance() {
    neighbours::TestAllowance::Options options;
    options.bytes = paidBytes;
    return options;
}

}  // namespace

NeighbourTests::NeighbourTests(Ports ports) : m_ports(std::move(ports)), m_allowance(allowance()) {}

std::optional<Measured> NeighbourTests::of(const PublicKey& neighbour, Direction direction) const {
    const auto at = m_known.find({neighbour, direction});
    if (at == m_known.end()) return std::nullopt;
    const auto& [tested, useful] = at->second;
    // Useful traffic says how much fits at least, never how much does not.
    if (!tested || (useful && useful->bitsPerSecond >= tested->bitsPerSecond)) return useful;
    return tested;
}

void NeighbourTests::run(const std::vector<Candidate>& upstream, const std::vector<Candidate>& downstream) {
    if (!m_ports.ask) return;
    const SteadyTime now = m_ports.clock.steady();
    if (!m_test) return begin(upstream, downstream);
    if (m_ports.place(m_test->neighbour) == nullptr) return m_test.reset();
    if (m_test->result) {
        if (now >= m_test->until) conclude();
        return;
    }
    if (!m_test->asked) go();
    if (m_test && now >= m_test->until) m_test.reset();
}

// Both directions at once: the question and its answer need a way each.
void NeighbourTests::begin(const std::vector<Candidate>& upstream, const std::vector<Candidate>& downstream) {
    const SteadyTime now = m_ports.clock.steady();
    if (now < m_again) return;
    std::map<PublicKey, Candidate> all;
    for (const std::vector<Candidate>* some : {&upstream, &downstream}) {
        const bool up = some == &upstream;
        for (const Candidate& one : *some) {
            Candidate way = one;
            way.measured = of(one.neighbour, up ? Direction::Upstream : Direction::Downstream);
            const auto [at, first] = all.try_emplace(one.neighbour, way);
            if (first) continue;
            at->second.perKb = checkedAdd(at->second.perKb, one.perKb).value_or(Money::max());
            auto& known = at->second.measured;
            if (!way.measured || !known) {
                known.reset();
            } else {
                known->at = std::min(known->at, way.measured->at);
            }
        }
    }
    std::vector<Candidate> candidates;
    for (auto& [key, one] : all) candidates.push_back(std::move(one));
    const auto whom = m_allowance.next(candidates, now);
    if (!whom) return;
    Test test{*whom, ++m_number, {}, {}, false, false, now + agreeWithin, false, 0, {}};
    const auto sells = [&](const std::vector<Candidate>& some, bool& asked, Money& limit) {
        const auto at = std::find_if(some.begin(), some.end(), [&](const auto& one) { return one.neighbour == *whom; });
        asked = at != some.end();
        if (asked) limit = agreement::chargeFor(mostBytes, at->perKb, Money::max());
    };
    sells(upstream, test.up, test.upstream);
    sells(downstream, test.down, test.downstream);
    m_test = std::move(test);
    go();
}

void NeighbourTests::go() {
    bool missing = false;
    for (const auto& [wanted, direction, limit] :
         {std::tuple(m_test->up, Direction::Upstream, m_test->upstream),
          std::tuple(m_test->down, Direction::Downstream, m_test->downstream)}) {
        if (!wanted || m_ports.bought(m_test->neighbour, direction)) continue;
        missing = true;
        m_ports.buy(m_test->neighbour, direction, limit);
    }
    const NeighbourPlace* const place = m_ports.place(m_test->neighbour);
    if (missing || place == nullptr) return;
    m_test->asked = true;
    m_test->until = m_ports.clock.steady() + testWithin;
    m_test->arrivedBefore = m_looked[m_test->neighbour].lastArrived;
    m_ports.ask({m_test->number,
                 {place->interface, place->link},
                 place->address,
                 place->address4,
                 testBytes,
                 m_test->up,
                 m_test->down});
}

void NeighbourTests::answered(const channel::NeighbourTested& result) {
    if (!m_test || !m_test->asked || m_test->result || result.number != m_test->number) return;
    m_test->result = result;
    m_test->until = m_ports.clock.steady() + countersComeWithin;
}

void NeighbourTests::conclude() {
    const Test test = *std::exchange(m_test, std::nullopt);
    const channel::NeighbourTested& result = *test.result;
    const SteadyTime now = m_ports.clock.steady();
    if (!result.trouble.empty() && result.trouble != m_trouble)
        m_ports.log(LogLevel::Info, "the way through neighbour " + test.neighbour.nodeId().hex() +
                                        " cannot be tested: " + result.trouble);
    m_trouble = result.trouble;
    const bool nothing = !result.up && !result.down;
    if (!nothing) m_worked = now;
    // Whoever fails where others do not leads nowhere. Where all fail it is the server.
    if (nothing && (!m_worked || now - *m_worked > remembered)) {
        m_again = now + pause;
        return;
    }
    const auto keep = [&](Direction direction, const std::optional<channel::WayTested>& way) {
        // What a test loses it has lost in the queue that it filled: that says nothing of the way.
        Measured measured{0, m_ports.verified(test.neighbour).value_or(1), now};
        if (way) measured.bitsPerSecond = static_cast<double>(way->bitsPerSecond);
        m_known[{test.neighbour, direction}].tested = measured;
    };
    if (test.up) keep(Direction::Upstream, result.up);
    // What came another way says nothing of this one.
    const uint64_t arrived = m_looked[test.neighbour].lastArrived;
    const uint64_t came = arrived > test.arrivedBefore ? arrived - test.arrivedBefore : 0;
    if (test.down && (!result.down || came >= result.down->bytes)) keep(Direction::Downstream, result.down);
    tidy();
}

// Of those who are gone nothing is kept when it gets much.
void NeighbourTests::tidy() {
    const auto gone = [this](const PublicKey& key) { return m_ports.place(key) == nullptr; };
    if (m_known.size() > 4 * NeighbourTable::most)
        std::erase_if(m_known, [&](const auto& one) { return gone(one.first.first); });
    if (m_looked.size() > 2 * NeighbourTable::most)
        std::erase_if(m_looked, [&](const auto& one) { return gone(one.first); });
}

void NeighbourTests::counted(const PublicKey& neighbour, const channel::MeshCount& count) {
    const SteadyTime now = m_ports.clock.steady();
    if (!m_looked.contains(neighbour)) tidy();
    Looked& before = m_looked[neighbour];
    before.lastArrived = count.arrivedBytes;
    const Looked next{now, count.sentBytes, count.arrivedBytes, count.arrivedBytes};
    // Counters of another run begin at zero.
    if (before.at == SteadyTime{} || count.sentBytes < before.sent || count.arrivedBytes < before.arrived) {
        before = next;
        return;
    }
    if (now - before.at < lookEvery) return;
    const double seconds = std::chrono::duration<double>(now - before.at).count();
    const auto rate = [seconds](uint64_t bytes) { return static_cast<double>(bytes) * bits / seconds; };
    useful({neighbour, Direction::Downstream}, rate(count.arrivedBytes - before.arrived), 1);
    // Of what is sent, only what is known to arrive.
    if (const auto arrives = m_ports.verified(neighbour))
        useful({neighbour, Direction::Upstream}, rate(count.sentBytes - before.sent), *arrives);
    before = next;
}

void NeighbourTests::useful(const Way& way, double bitsPerSecond, double arrives) {
    const SteadyTime now = m_ports.clock.steady();
    constexpr neighbours::Need need;
    auto& known = m_known[way].useful;
    const bool old = known && now - known->at > usefulFor;
    if (old && bitsPerSecond < need.bitsPerSecond) return known.reset();
    if (bitsPerSecond < need.bitsPerSecond || (known && !old && bitsPerSecond < known->bitsPerSecond)) return;
    known = Measured{bitsPerSecond, arrives, now};
}

}  // namespace netpas::secretaryd
