#include "app/agent/link_echo.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/random.h"

namespace netpas::agent {

namespace {

constexpr uint8_t version = 1;
constexpr size_t size = 64;  // no longer than its question: nobody's traffic is multiplied
constexpr size_t enough = 10, last = 20;
constexpr std::chrono::seconds patience{2};
constexpr std::chrono::milliseconds least{400};  // a burst is no rate
constexpr std::chrono::seconds comparedFor{10};
constexpr double clearly = 1.1;
constexpr size_t countAt = 10;  // in an answer

Bytes datagram(uint8_t kind, uint64_t nonce, uint64_t count, uint64_t when) {
    Writer writer;
    writer.u8(version);
    writer.u8(kind);
    writer.u64(nonce);
    writer.u64(count);
    writer.u64(when);
    Bytes bytes = writer.take();
    bytes.resize(size, 0);
    return bytes;
}

std::optional<uint64_t> nonceOf(ByteView bytes, uint8_t kind) {
    if (bytes.size() != size || bytes[0] != version || bytes[1] != kind) return std::nullopt;
    return load64(bytes.data() + 2);
}

uint64_t nanoseconds(std::chrono::nanoseconds time) { return static_cast<uint64_t>(time.count()); }
uint64_t rate(uint64_t bytes, double seconds) {
    return static_cast<uint64_t>(std::min(static_cast<double>(bytes) * 8 / seconds, 1e15));
}

}  // namespace

Bytes LinkEchoes::ask(const Place& to, SteadyTime now) {
    if (m_links.size() >= most && !m_links.contains(to)) m_links.clear();
    Link& link = m_links[to];
    // Nobody answers a question that he has not read.
    const uint64_t nonce = systemRandom().below(UINT64_MAX);
    link.questions.push_back({nonce, now, {}});
    if (link.questions.size() > remembered) link.questions.pop_front();
    return datagram(askKind, nonce, 0, 0);
}

std::optional<Bytes> LinkEchoes::answerTo(const Place& from, ByteView bytes) const {
    const auto nonce = nonceOf(bytes, askKind);
    if (!nonce) return std::nullopt;
    const auto link = m_links.find(from);
    if (link == m_links.end() || !link->second.hereCounted) return datagram(answerKind, *nonce, 0, 0);
    return datagram(answerKind, *nonce, link->second.here, nanoseconds(link->second.hereCounted->time_since_epoch()));
}

void LinkEchoes::answered(const Place& from, ByteView bytes, SteadyTime now) {
    const auto nonce = nonceOf(bytes, answerKind);
    const auto link = m_links.find(from);
    if (!nonce || link == m_links.end()) return;
    for (Question& one : link->second.questions) {
        if (one.nonce != *nonce || one.took || now - one.asked > patience) continue;
        one.took = now - one.asked;
        const auto known = worth(from, now);
        arrived(link->second,
                {load64(bytes.data() + countAt), load64(bytes.data() + countAt + sizeof(uint64_t)), link->second.bytes},
                known ? known->arrives : 0);
    }
}

// What was sent does not tell what a link carries: it is counted in front of the queue that drops the rest.
void LinkEchoes::arrived(Link& link, Arrived now, double arrives) {
    if (now.nanoseconds == 0) return;
    if (now.nanoseconds < link.last.nanoseconds || now.bytes < link.last.bytes || link.last.nanoseconds == 0 ||
        now.sent < link.first.sent) {
        link.first = link.last = now;  // counted anew
        link.highest = 0;
        return;
    }
    constexpr double billion = 1e9;
    const auto since = [&](const Arrived& then) { return now.nanoseconds - then.nanoseconds; };
    const auto rateSince = [&](const Arrived& then) {
        return rate(now.bytes - then.bytes, static_cast<double>(since(then)) / billion);
    };
    if (since(link.last) < nanoseconds(least)) return;
    link.highest = std::max(link.highest, rateSince(link.last));
    link.carried = std::max(link.carried, link.highest);
    link.last = now;
    if (since(link.first) < nanoseconds(comparedFor)) return;
    // When clearly more is sent than comes, what comes is all that it carries now.
    const auto sent = static_cast<double>(now.sent - link.first.sent) * arrives;
    if (sent > static_cast<double>(now.bytes - link.first.bytes) * clearly) link.carried = link.highest;
    link.first = now;
    link.highest = 0;
}

void LinkEchoes::sent(const Place& to, uint64_t bytes, SteadyTime now) {
    const auto at = m_links.find(to);
    if (at == m_links.end()) return;
    Link& link = at->second;
    if (link.counted && now - *link.counted < least) return;
    if (link.counted && bytes >= link.bytes && now > *link.counted) {
        const double seconds = std::chrono::duration<double>(now - *link.counted).count();
        link.best = std::max(link.best, rate(bytes - link.bytes, seconds));
    }
    link.bytes = bytes;
    link.counted = now;
}

void LinkEchoes::came(const Place& from, uint64_t bytes, SteadyTime now) {
    const auto at = m_links.find(from);
    if (at == m_links.end()) return;
    at->second.here = bytes;
    at->second.hereCounted = now;
}

std::optional<LinkEchoes::Worth> LinkEchoes::worth(const Place& of, SteadyTime now) const {
    const auto at = m_links.find(of);
    if (at == m_links.end()) return std::nullopt;
    size_t asked = 0, askedLast = 0, tookLast = 0;
    std::vector<std::chrono::nanoseconds> took;
    const auto& questions = at->second.questions;
    for (auto one = questions.rbegin(); one != questions.rend(); ++one) {
        if (!one->took && now - one->asked <= patience) continue;  // may still be answered
        ++asked;
        if (one->took) took.push_back(*one->took);
        if (asked <= last) askedLast = asked, tookLast = took.size();
    }
    if (asked < enough || took.empty()) return std::nullopt;
    const auto middle = took.begin() + static_cast<std::ptrdiff_t>(took.size() / 2);
    std::nth_element(took.begin(), middle, took.end());
    // As likely to be lost there as back. A link that has become worse shows soon, one that has become better in two minutes.
    const auto part = [](size_t some, size_t all) {
        return std::sqrt(static_cast<double>(some) / static_cast<double>(all));
    };
    return Worth{std::min(part(took.size(), asked), part(tookLast, askedLast)),
                 std::chrono::duration<double>(*middle).count() / 2,
                 // Nothing comes that was not sent, whatever the neighbour says.
                 std::min(at->second.best, at->second.carried)};
}

}  // namespace netpas::agent
