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

Bytes datagram(uint8_t kind, uint64_t nonce) {
    Writer writer;
    writer.u8(version);
    writer.u8(kind);
    writer.u64(nonce);
    Bytes bytes = writer.take();
    bytes.resize(size, 0);
    return bytes;
}

std::optional<uint64_t> nonceOf(ByteView bytes, uint8_t kind) {
    if (bytes.size() != size || bytes[0] != version || bytes[1] != kind) return std::nullopt;
    return load64(bytes.data() + 2);
}

}  // namespace

Bytes LinkEchoes::ask(const Place& to, SteadyTime now) {
    if (m_links.size() >= most && !m_links.contains(to)) m_links.clear();
    Link& link = m_links[to];
    // Nobody answers a question that he has not read.
    const uint64_t nonce = systemRandom().below(UINT64_MAX);
    link.questions.push_back({nonce, now, {}});
    if (link.questions.size() > remembered) link.questions.pop_front();
    return datagram(askKind, nonce);
}

std::optional<Bytes> LinkEchoes::answerTo(ByteView bytes) {
    const auto nonce = nonceOf(bytes, askKind);
    return nonce ? std::optional(datagram(answerKind, *nonce)) : std::nullopt;
}

void LinkEchoes::answered(const Place& from, ByteView bytes, SteadyTime now) {
    const auto nonce = nonceOf(bytes, answerKind);
    const auto link = m_links.find(from);
    if (!nonce || link == m_links.end()) return;
    for (Question& one : link->second.questions) {
        if (one.nonce == *nonce && !one.took && now - one.asked <= patience) one.took = now - one.asked;
    }
}

void LinkEchoes::sent(const Place& to, uint64_t bytes, SteadyTime now) {
    const auto at = m_links.find(to);
    if (at == m_links.end()) return;
    Link& link = at->second;
    constexpr std::chrono::milliseconds least{400};  // a burst is no rate
    if (link.counted && now - *link.counted < least) return;
    if (link.counted && bytes >= link.bytes && now > *link.counted) {
        const double seconds = std::chrono::duration<double>(now - *link.counted).count();
        link.best = std::max(link.best, static_cast<uint64_t>(static_cast<double>(bytes - link.bytes) * 8 / seconds));
    }
    link.bytes = bytes;
    link.counted = now;
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
                 std::chrono::duration<double>(*middle).count() / 2, at->second.best};
}

}  // namespace netpas::agent
