#include "cartographer/share/exchange.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace netpas::share {

namespace {

using std::chrono::milliseconds;

constexpr size_t enoughMembers = 3;  // for Good
// Together: three newcomers who agree are not enough to call it good, a dozen of them or three who have proved right are.
constexpr double enoughWeight = 2;
constexpr unsigned burst = 4;  // seconds' worth of values that may come at once

double unitOf(Metric metric) {
    switch (metric) {
    case Metric::RoundTrip: return 1e9;
    case Metric::LossThere:
    case Metric::LossBack: return static_cast<double>(wholeLoss);
    }
    return 1;
}

TrustBook::Tolerance toleranceOf(Metric metric) {
    constexpr double relative = 0.05;
    switch (metric) {
    case Metric::RoundTrip: return {relative, 200e-6};
    case Metric::LossThere:
    case Metric::LossBack: return {relative, 0.001};
    }
    return {};
}

uint64_t limitOf(Metric metric) {
    switch (metric) {
    case Metric::RoundTrip: return maxRoundTrip;
    case Metric::LossThere:
    case Metric::LossBack: return wholeLoss;
    }
    return 0;
}

Opinion opinionOf(const PublicKey& signer, const Figure& figure) {
    const double unit = unitOf(figure.aspect.metric);
    return {signer, static_cast<double>(figure.value) / unit, static_cast<double>(figure.low) / unit,
            static_cast<double>(figure.high) / unit};
}

// Nothing: what a record cannot say.
std::optional<Figure> figureOf(const Aspect& aspect, const measure::Estimate& estimate, SteadyTime now) {
    const auto age = estimate.age(now);
    if (estimate.grade != measure::Grade::Good || !age || estimate.samples == 0) return std::nullopt;
    const double limit = static_cast<double>(limitOf(aspect.metric));
    const auto whole = [&](double value) { return std::round(value * unitOf(aspect.metric)); };
    const double low = std::max(whole(estimate.low), 0.0);
    const double value = whole(estimate.value);
    const double high = std::min(whole(estimate.high), limit);
    if (!(low <= value) || !(value <= high)) return std::nullopt;
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(*age).count();
    return Figure{aspect,
                  static_cast<uint64_t>(value),
                  static_cast<uint64_t>(low),
                  static_cast<uint64_t>(high),
                  static_cast<uint32_t>(std::min<uint64_t>(estimate.samples, UINT32_MAX)),
                  static_cast<uint16_t>(std::clamp<int64_t>(seconds, 0, UINT16_MAX))};
}

// What a liar says of these moves them no further than what half of the others say.
template <typename T>
T middle(std::vector<T> values) {
    const auto at = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), at, values.end());
    return *at;
}

}  // namespace

std::string_view name(Rejected why) {
    switch (why) {
    case Rejected::TooMany: return "too_many";
    case Rejected::Unsealed: return "unsealed";
    case Rejected::Malformed: return "malformed";
    case Rejected::Stranger: return "stranger";
    case Rejected::Forged: return "forged";
    case Rejected::OtherSegment: return "other_segment";
    case Rejected::Expired: return "expired";
    case Rejected::FromTheFuture: return "from_the_future";
    case Rejected::Replayed: return "replayed";
    }
    return {};
}

Exchange::Exchange(Options options, Community community, const Identity& me, Transport& transport, const Clock& clock,
                   RandomSource& random)
    : m_options(options),
      m_community(std::move(community)),
      m_me(me),
      m_transport(transport),
      m_clock(clock),
      m_random(random),
      m_allowance(options.perSecond * burst),
      m_allowedAt(clock.steady()) {
    m_transport.onValue = [this](const Topic& topic, ByteView value) { take(topic, value); };
}

void Exchange::follow(const std::vector<Segment>& segments) {
    std::set<Topic> wanted;
    for (const Segment& segment : segments) {
        if (wanted.size() >= m_options.segments) break;
        const Topic topic = m_community.topicOf(segment);
        wanted.insert(topic);
        Followed& at = m_followed.try_emplace(topic).first->second;
        at.segment = segment;
    }
    std::erase_if(m_followed, [&](const auto& entry) { return !wanted.contains(entry.first); });
    m_transport.follow(wanted);
}

void Exchange::offer(std::vector<OwnEstimate> own) {
    m_own.clear();
    for (OwnEstimate& one : own) m_own.emplace(one.subject, one.estimate);
}

void Exchange::run() {
    const SteadyTime now = m_clock.steady();
    for (auto& [topic, at] : m_followed) {
        if (at.due <= now) publish(topic, at);
    }
}

std::optional<SteadyTime> Exchange::nextDue() const {
    std::optional<SteadyTime> next;
    for (const auto& [topic, at] : m_followed) {
        if (!next || at.due < *next) next = at.due;
    }
    return next;
}

// A bit more or less than the interval each time: members do not speak all at once, and the moment says little about what its host does.
void Exchange::publish(const Topic& topic, Followed& at) {
    const SteadyTime now = m_clock.steady();
    const auto every = static_cast<uint64_t>(m_options.publishEvery.count());
    at.due = now + milliseconds(every / 10 + 1);  // when there is nothing to tell yet
    Record record;
    record.signer = m_me.publicKey();
    record.issued = std::max(std::chrono::floor<milliseconds>(m_clock.now()),
                             std::chrono::floor<milliseconds>(at.told) + milliseconds(1));
    record.lifetimeSeconds = static_cast<uint16_t>(std::min(m_options.lifetime, maxLifetime).count());
    record.segment = at.segment;
    for (const auto& [subject, estimate] : m_own) {
        if (subject.segment != at.segment || record.figures.size() >= maxFigures) continue;
        if (const auto figure = figureOf(subject.aspect, estimate, now)) record.figures.push_back(*figure);
    }
    if (!check(record)) return;
    at.told = record.issued;
    at.due = now + milliseconds(every * 3 / 4 + m_random.below(every / 2 + 1));
    ++m_counters.published;
    m_transport.publish(topic, m_community.close(sign(record, m_community.id(), m_me), topic));
}

bool Exchange::withinRate() {
    const SteadyTime now = m_clock.steady();
    const double passed = std::chrono::duration<double>(now - m_allowedAt).count();
    m_allowedAt = now;
    const double perSecond = m_options.perSecond;
    m_allowance = std::min(m_allowance + passed * perSecond, perSecond * burst);
    if (m_allowance < 1) return false;
    m_allowance -= 1;
    return true;
}

void Exchange::take(const Topic& topic, ByteView value) {
    const auto at = m_followed.find(topic);
    if (at == m_followed.end()) return;  // no longer of interest
    const auto reject = [this](Rejected why) { ++m_counters.rejected[static_cast<size_t>(why)]; };
    if (!withinRate()) return reject(Rejected::TooMany);
    const auto opened = m_community.open(value, topic);
    if (!opened) return reject(Rejected::Unsealed);
    const auto record = decode(*opened);
    if (!record) return reject(Rejected::Malformed);
    if (record->record.signer == m_me.publicKey()) return;  // what was told comes back
    if (const auto why = judge(at->second, *record)) return reject(*why);
    ++m_counters.taken;
    learnFrom(at->second, record->record);
    Said& said = at->second.said[record->record.signer];
    said = {record->record.issued, record->record.issued + std::chrono::seconds(record->record.lifetimeSeconds),
            record->record.figures};
}

// The signature comes last: it costs most.
std::optional<Rejected> Exchange::judge(Followed& at, const SignedRecord& record) {
    const Record& said = record.record;
    const SystemTime now = m_clock.now();
    if (!m_community.isMember(said.signer)) return Rejected::Stranger;
    if (said.segment != at.segment) return Rejected::OtherSegment;
    if (said.issued > now + m_options.ahead) return Rejected::FromTheFuture;
    if (said.issued + std::chrono::seconds(said.lifetimeSeconds) <= now) return Rejected::Expired;
    const auto before = at.said.find(said.signer);
    if (before != at.said.end() && said.issued <= before->second.issued) return Rejected::Replayed;
    if (!verify(record, m_community.id())) return Rejected::Forged;
    return std::nullopt;
}

void Exchange::learnFrom(const Followed& at, const Record& record) {
    for (const Figure& figure : record.figures) {
        m_trust.learn(opinionOf(record.signer, figure), opinionsOn(at, figure.aspect, record.signer),
                      ownOpinion({at.segment, figure.aspect}), toleranceOf(figure.aspect.metric));
    }
}

std::vector<Opinion> Exchange::opinionsOn(const Followed& at, const Aspect& aspect,
                                          const std::optional<PublicKey>& without) const {
    const SystemTime now = m_clock.now();
    std::vector<Opinion> opinions;
    for (const auto& [signer, said] : at.said) {
        if (signer == without || said.expires <= now) continue;
        const auto figure = std::find_if(said.figures.begin(), said.figures.end(),
                                         [&](const Figure& one) { return one.aspect == aspect; });
        if (figure != said.figures.end()) opinions.push_back(opinionOf(signer, *figure));
    }
    return opinions;
}

std::optional<Opinion> Exchange::ownOpinion(const Subject& subject) const {
    const auto own = m_own.find(subject);
    if (own == m_own.end() || own->second.grade != measure::Grade::Good) return std::nullopt;
    return Opinion{m_me.publicKey(), own->second.value, own->second.low, own->second.high};
}

void Exchange::forgetExpired() {
    const SystemTime now = m_clock.now();
    for (auto& [topic, at] : m_followed)
        std::erase_if(at.said, [&](const auto& one) { return one.second.expires <= now; });
}

std::vector<SharedEstimate> Exchange::estimates() {
    forgetExpired();
    std::vector<SharedEstimate> all;
    for (const auto& [topic, at] : m_followed) {
        std::set<Aspect> aspects;
        for (const auto& [signer, said] : at.said) {
            for (const Figure& figure : said.figures) aspects.insert(figure.aspect);
        }
        for (const Aspect& aspect : aspects) {
            if (auto estimate = estimateOf(at, aspect)) all.push_back(std::move(*estimate));
        }
    }
    return all;
}

std::optional<SharedEstimate> Exchange::estimateOf(const Followed& at, const Aspect& aspect) const {
    const auto together = combine(opinionsOn(at, aspect, std::nullopt),
                                  [this](const PublicKey& signer) { return m_trust.weight(signer); });
    if (!together) return std::nullopt;
    std::vector<uint64_t> samples;
    std::vector<std::chrono::nanoseconds> ages;
    for (const auto& [signer, said] : at.said) {
        for (const Figure& figure : said.figures) {
            if (figure.aspect != aspect) continue;
            samples.push_back(figure.samples);
            ages.push_back(std::max(m_clock.now() - said.issued, SystemTime::duration(0)) +
                           std::chrono::seconds(figure.ageSeconds));
        }
    }
    measure::Estimate estimate;
    estimate.grade = together->signers >= enoughMembers && together->weight >= enoughWeight ? measure::Grade::Good
                                                                                            : measure::Grade::Scarce;
    estimate.value = together->value;
    estimate.low = std::max(together->low, 0.0);
    estimate.high = together->high;
    estimate.samples = middle(samples) * together->signers;
    estimate.newest = m_clock.steady() - middle(ages);
    return SharedEstimate{{at.segment, aspect}, estimate, together->signers, together->heard, together->weight};
}

}  // namespace netpas::share
