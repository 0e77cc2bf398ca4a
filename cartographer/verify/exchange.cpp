#include "cartographer/verify/exchange.h"

#include <algorithm>

#include "core/random.h"

namespace netpas::verification {

namespace {

constexpr std::chrono::seconds future{300};
constexpr double rate = 64, burst = 256;  // datagrams of a neighbour
constexpr size_t maxNeighbours = 1024;

uint64_t nanoseconds(SystemTime time) {
    return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count());
}
std::chrono::nanoseconds seconds(double count) {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>(count));
}
uint32_t seconds(SystemTime time) {
    return static_cast<uint32_t>(std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count());
}

uint64_t mix(uint64_t value) {  // the finaliser of SplitMix64
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ULL;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebULL;
    return value ^ (value >> 31);
}

// Of what passed in a window, some, by a key that nobody knew while it passed.
std::vector<PacketTime> chosen(std::vector<PacketTime> all, std::array<uint8_t, 16>& key) {
    for (uint8_t& byte : key) byte = static_cast<uint8_t>(systemRandom().below(256));
    const uint64_t first = load64(key.data()), second = load64(key.data() + 8);
    const auto rank = [&](const PacketTime& one) { return mix(mix(one.hash ^ first) ^ second); };
    std::sort(all.begin(), all.end(), [&](const PacketTime& a, const PacketTime& b) { return rank(a) < rank(b); });
    if (all.size() > maxTimes) all.resize(maxTimes);
    std::sort(all.begin(), all.end());
    return all;
}

Claim claimOf(const Quality& quality) {
    constexpr double billion = 1e9, longest = 60, fastest = 1e15;
    Claim claim;
    claim.arrives = static_cast<uint32_t>(std::clamp(quality.arrives, 0.0, 1.0) * allArrive);
    claim.bitsPerSecond = static_cast<uint64_t>(std::clamp(quality.bitsPerSecond, 0.0, fastest));
    claim.latencyNanoseconds = static_cast<uint64_t>(std::clamp(quality.seconds, 0.0, longest) * billion);
    return claim;
}

}  // namespace

std::string_view describe(Unheard why) {
    switch (why) {
    case Unheard::Malformed: return "it does not decode";
    case Unheard::Stranger: return "the flow neither comes from there nor goes there";
    case Unheard::Forged: return "it is not signed by who should have signed it";
    case Unheard::Impossible: return "it says what cannot be";
    case Unheard::Stale: return "it says nothing new";
    case Unheard::Flood: return "too much came from there";
    }
    return {};
}

std::string_view name(Unheard why) {
    switch (why) {
    case Unheard::Malformed: return "malformed";
    case Unheard::Stranger: return "stranger";
    case Unheard::Forged: return "forged";
    case Unheard::Impossible: return "impossible";
    case Unheard::Stale: return "stale";
    case Unheard::Flood: return "flood";
    }
    return {};
}

Exchange::Exchange(Ports ports, ExchangeOptions options) : m_ports(std::move(ports)), m_options(options) {}

bool Exchange::mayCome(const PublicKey& from) {
    const SteadyTime now = m_ports.clock.steady();
    if (!m_buckets.contains(from) && m_buckets.size() >= maxNeighbours) m_buckets.clear();
    auto [at, fresh] = m_buckets.try_emplace(from, Bucket{now, burst});
    Bucket& bucket = at->second;
    const double passed = std::chrono::duration<double>(now - bucket.at).count();
    bucket = {now, std::min(burst, bucket.left + passed * rate)};
    if (bucket.left < 1) return false;
    bucket.left -= 1;
    return true;
}

void Exchange::say(const PublicKey& to, const FlowMessage& message) {
    Bytes bytes = encode(message);
    ++m_said.datagrams;
    m_said.bytes += bytes.size();
    m_ports.send(to, std::move(bytes));
}

tl::expected<void, Unheard> Exchange::receive(const PublicKey& from, ByteView datagram) {
    if (!mayCome(from)) return tl::unexpected(Unheard::Flood);
    const auto message = decodeFlowMessage(datagram);
    if (!message) return tl::unexpected(Unheard::Malformed);
    if (const auto* told = std::get_if<Told>(&*message)) return onTold(from, *told);
    if (const auto* question = std::get_if<Question>(&*message)) return onQuestion(from, *question);
    return onAnswer(from, std::get<Answer>(*message));
}

Exchange::Flow* Exchange::room(const Route& route) {
    const FlowId id = flowOf(route);
    if (const auto known = m_flows.find(id); known != m_flows.end()) return &known->second;
    if (m_flows.size() >= m_options.maxFlows) return nullptr;
    Flow flow;
    flow.route = route;
    flow.began = m_ports.clock.steady();
    return &m_flows.emplace(id, std::move(flow)).first->second;
}

tl::expected<Statement, Unheard> Exchange::heard(const Flow& flow, const PublicKey& from, const Told& told,
                                                 std::optional<Claim>& claim) const {
    auto statement = openStatement(told.statement);
    if (!statement || statement->signer == m_ports.me || (flow.destination && *flow.destination != statement->signer))
        return tl::unexpected(Unheard::Forged);
    const SystemTime latest = m_ports.clock.now() + future;
    constexpr uint64_t longest = uint64_t{1} << 61;  // 73 years, and no sum overflows
    if (statement->flow != flowOf(flow.route) || statement->window > seconds(latest) ||
        statement->activeNanoseconds > longest)
        return tl::unexpected(Unheard::Impossible);
    for (const PacketTime& one : statement->times) {
        if (one.nanoseconds > nanoseconds(latest)) return tl::unexpected(Unheard::Impossible);
    }
    if (statement->window <= flow.lastWindow) return tl::unexpected(Unheard::Stale);
    if (told.claim.empty()) {
        if (statement->signer != from) return tl::unexpected(Unheard::Forged);
        return *std::move(statement);
    }
    auto opened = told.claim == flow.told && flow.toldClaim ? tl::expected<Claim, StatementError>(*flow.toldClaim)
                                                            : openClaim(told.claim);
    if (!opened || opened->signer != from || opened->destination != statement->signer)
        return tl::unexpected(Unheard::Forged);
    if (flow.toldClaim && opened->number < flow.toldClaim->number) return tl::unexpected(Unheard::Stale);
    claim = *opened;
    return *std::move(statement);
}

tl::expected<void, Unheard> Exchange::onTold(const PublicKey& from, const Told& told) {
    if (m_ports.next(told.route) != from) return tl::unexpected(Unheard::Stranger);
    // A statement about what never passed here is none.
    const auto passed = m_ports.passedOf(told.route);
    if (!passed) return tl::unexpected(Unheard::Impossible);
    Flow* const flow = room(told.route);
    if (flow == nullptr) return tl::unexpected(Unheard::Flood);
    // Another way, perhaps to another end: what passed on the one before is no measure for it, nor the other way round.
    if (flow->next != from) {
        flow->records.clear();
        flow->dispute.reset();
        flow->told.clear();
        flow->toldClaim.reset();
    }
    flow->next = from;
    if (told.statement == flow->lastStatement) return tl::unexpected(Unheard::Stale);
    std::optional<Claim> claim;
    const auto statement = heard(*flow, from, told, claim);
    if (!statement) {
        if (!flow->destination) m_flows.erase(flowOf(told.route));  // nothing true is known of it
        return tl::unexpected(statement.error());
    }
    flow->destination = statement->signer;
    flow->heard = m_ports.clock.steady();
    flow->lastStatement = told.statement;
    flow->lastWindow = statement->window;
    flow->told = told.claim;
    flow->toldClaim = claim;
    compose(*flow, from);
    record(*flow, *statement, *passed);
    passOn(*flow);
    judge(*flow);
    return {};
}

void Exchange::record(Flow& flow, const Statement& theirs, const Passed& passed) {
    const std::chrono::nanoseconds active(theirs.activeNanoseconds), late = seconds(m_options.tolerance.late);
    const SteadyTime moment = flow.moments.of(active, passed.came);
    const auto counted = countedAt(passed.readings, moment, late);
    // This node was too busy to know what had passed then, and says nothing about it.
    if (!counted) return;
    // What was noted when less was known of how late statements come is no measure for this one.
    std::erase_if(flow.records,
                  [&](const Record& one) { return std::chrono::abs(moment - active - one.since) > late / 2; });
    if (!flow.counted || moment < *flow.counted) {
        flow.counted = moment;
        flow.records.clear();
    }
    Record record;
    record.theirs = theirs;
    record.since = moment - active;
    record.claimed = *flow.mine;
    record.told = flow.told;
    if (flow.toldClaim) record.toldWorth = qualityOf(*flow.toldClaim);
    Statement& mine = record.mine;
    mine.signer = m_ports.me;
    mine.flow = theirs.flow;
    mine.window = theirs.window;
    mine.packets = counted->packets;
    mine.bytes = counted->bytes;
    mine.activeNanoseconds = static_cast<uint64_t>((moment - *flow.counted).count());
    mine.choice = theirs.choice;
    for (const PacketTime& one : theirs.times) {
        if (const auto time = m_ports.timeOf(one.hash)) mine.times.push_back({one.hash, *time});
    }
    if (!isValid(mine)) mine.times.clear();
    // Whoever began to count anew is compared anew.
    if (!flow.records.empty() &&
        (!follows(theirs, flow.records.back().theirs) || !follows(mine, flow.records.back().mine)))
        flow.records.clear();
    if (flow.dispute && !flow.dispute->concluded) note(*flow.dispute, record);
    flow.records.push_back(std::move(record));
    if (flow.records.size() > maxWindows) flow.records.pop_front();
    // It comes another way as well, or did for a while: what arrives there says nothing of what passed here.
    if (const auto ends = ownEnds(flow); ends.size() == 2 && isPart(ends.front(), ends.back(), m_options.tolerance))
        flow.records.erase(flow.records.begin(), std::prev(flow.records.end()));
}

void Exchange::compose(Flow& flow, const PublicKey& next) {
    const Quality link = m_ports.link(next);
    const Quality now = flow.toldClaim ? verification::compose(link, qualityOf(*flow.toldClaim)) : link;
    if (flow.mine && !differs(*flow.mine, now, m_options.tolerance)) return;
    flow.mine = now;
    flow.claim.clear();
}

void Exchange::passOn(Flow& flow) {
    const auto previous = m_ports.previous(flow.route);
    if (!previous || !flow.mine || !flow.destination) return;
    if (!flow.claim.empty()) {
        flow.waiting = false;
        say(*previous, Told{flow.route, flow.lastStatement, flow.claim});
        return;
    }
    Claim claim = claimOf(*flow.mine);
    claim.signer = m_ports.me;
    claim.destination = *flow.destination;
    // Grows, also when this node was started again.
    if (!flow.waiting) flow.number = std::max(flow.number + 1, seconds(m_ports.clock.now()));
    flow.waiting = true;
    claim.number = flow.number;
    m_ports.signClaim(claim);
}

void Exchange::signedClaim(ByteView bytes) {
    const auto claim = openClaim(bytes);
    if (!claim || claim->signer != m_ports.me) return;
    for (auto& [id, flow] : m_flows) {
        if (!flow.waiting || flow.destination != claim->destination || flow.number != claim->number) continue;
        Claim expected = claimOf(*flow.mine);
        flow.waiting = false;
        // The way has changed meanwhile: that will be signed with the next statement.
        if (expected.arrives != claim->arrives || expected.bitsPerSecond != claim->bitsPerSecond ||
            expected.latencyNanoseconds != claim->latencyNanoseconds)
            continue;
        flow.claim.assign(bytes.begin(), bytes.end());
        passOn(flow);
    }
}

void Exchange::run() {
    const SteadyTime now = m_ports.clock.steady();
    if (now >= m_nextWindow) {
        m_nextWindow = now + m_options.window;
        signEndings();
    }
    for (auto at = m_flows.begin(); at != m_flows.end();) {
        Flow& flow = at->second;
        if (now - std::max(flow.heard, flow.began) > m_options.forgetAfter) {
            at = m_flows.erase(at);
            continue;
        }
        if (flow.dispute) {
            if (now - flow.dispute->began >= m_options.patience) {
                conclude(flow);
            } else if (now >= flow.dispute->nextAsk) {
                ask(flow);
            }
        }
        ++at;
    }
}

void Exchange::signEndings() {
    std::vector<Passed> all = m_ports.passed();
    const auto packets = [](const Passed& one) { return one.readings.back().packets; };
    std::erase_if(all, [&](const Passed& one) {
        if (one.readings.empty()) return true;
        // Busy as it was, this node does not know when that was so.
        const Reading& last = one.readings.back();
        if (last.after - last.before > seconds(m_options.tolerance.late)) return true;
        if (m_ports.next(one.route) || !m_ports.previous(one.route)) return true;
        const auto known = m_endings.find(flowOf(one.route));
        const uint64_t before = known == m_endings.end() ? 0 : known->second.second.packets;
        return packets(one) >= before && packets(one) - before < m_options.leastPackets;
    });
    std::sort(all.begin(), all.end(), [&](const Passed& a, const Passed& b) { return packets(a) > packets(b); });
    if (all.size() > m_options.signedFlows) all.resize(m_options.signedFlows);
    for (const Passed& one : all) end(one);
    if (m_endings.size() > m_options.maxFlows) {
        std::erase_if(m_endings, [&](const auto& known) {
            return std::none_of(all.begin(), all.end(),
                                [&](const Passed& one) { return one.route == known.second.first; });
        });
    }
}

void Exchange::end(const Passed& passed) {
    const SystemTime now = m_ports.clock.now();
    const Reading& last = passed.readings.back();
    const SteadyTime read = middle(last);
    const auto [at, fresh] =
        m_endings.try_emplace(flowOf(passed.route), passed.route, Ending{read, 0, 0, nanoseconds(now)});
    Ending& ending = at->second.second;
    Statement statement;
    statement.signer = m_ports.me;
    statement.flow = at->first;
    // Grows, also when this node was started again.
    statement.window = ending.window = std::max(ending.window + 1, seconds(now));
    statement.packets = last.packets;
    statement.bytes = last.bytes;
    // Whoever sees the packets has started again, and its clock with it.
    if (read < ending.began) ending.began = read;
    statement.activeNanoseconds = static_cast<uint64_t>((read - ending.began).count());
    statement.times = chosen(m_ports.sightings(passed.route, ending.since), statement.choice);
    ending.packets = last.packets;
    ending.since = nanoseconds(now);
    if (isValid(statement)) m_ports.signStatement(statement);
}

void Exchange::signedStatement(ByteView bytes) {
    const auto statement = openStatement(bytes);
    if (!statement || statement->signer != m_ports.me) return;
    if (const auto ending = m_endings.find(statement->flow);
        ending != m_endings.end() && ending->second.second.window == statement->window) {
        const Route& route = ending->second.first;
        if (const auto previous = m_ports.previous(route))
            say(*previous, Told{route, Bytes(bytes.begin(), bytes.end()), {}});
        return;
    }
    const auto known = m_flows.find(statement->flow);
    if (known == m_flows.end()) return;
    for (Record& record : known->second.records) {
        if (record.mine != *statement) continue;
        record.view.assign(bytes.begin(), bytes.end());
        answer(known->second, record);
    }
}

std::vector<RouteReport> Exchange::reports() const {
    std::vector<RouteReport> all;
    for (const auto& [id, flow] : m_flows) {
        if (!flow.mine) continue;
        RouteReport report;
        report.route = flow.route;
        report.destination = flow.destination;
        report.next = m_ports.next(flow.route);
        report.claimed = report.observed = *flow.mine;
        report.windows = flow.records.empty() ? 0 : flow.records.size() - 1;
        report.verdict = flow.verdict;
        const Observed observed = observe(ownEnds(flow), m_options.tolerance);
        report.arrives = observed.arrives.has_value();
        report.throughput = observed.bitsPerSecond.has_value();
        report.latency = observed.seconds.has_value();
        report.observed = {observed.arrives.value_or(flow.mine->arrives),
                           observed.bitsPerSecond.value_or(flow.mine->bitsPerSecond),
                           observed.seconds.value_or(flow.mine->seconds)};
        all.push_back(std::move(report));
    }
    return all;
}

}  // namespace netpas::verification
