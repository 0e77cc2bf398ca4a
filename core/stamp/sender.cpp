#include "core/stamp/sender.h"

#include <algorithm>

namespace netpas::stamp {

namespace {

constexpr size_t tlvHead = 4;
constexpr size_t rememberedNumbers = 256;
constexpr std::chrono::milliseconds clockSlack{
    1};                            // by which two clocks of two machines may differ within one round trip
constexpr uint8_t firstTtl = 255;  // RFC 8762 §4.2: packets begin with it

std::chrono::nanoseconds between(uint64_t from, bool fromPtp, uint64_t to, bool toPtp) {
    return fromTimestamp(to, toPtp) - fromTimestamp(from, fromPtp);
}

}  // namespace

Bytes SenderSession::next(SystemTime now, SteadyTime steady) {
    SenderPacket packet{m_next++, toNtp(now), m_options.clock, m_options.session, {}};
    const size_t size = m_options.key ? sealedSize : openSize;
    if (m_options.size >= size + tlvHead)
        packet.tlvs.push_back({tlv::unrecognized, tlv::extraPadding, Bytes(m_options.size - size - tlvHead, 0)});
    m_sent.push_back({packet.sequence, packet.timestamp, steady, false});
    ++m_tally.sent;
    return encode(packet, m_options.key);
}

// Between two answers in order: the reflector numbers what it answers, so what it does not number was lost on the way there, and what it
// numbers and we do not have was lost on the way back.
void SenderSession::countWays(const ReflectorPacket& packet, Sample& sample) {
    const auto now = std::pair(packet.senderSequence, packet.sequence);
    if (m_last && now.first > m_last->first && now.second > m_last->second) {
        const uint64_t ours = now.first - m_last->first;
        const uint64_t its = now.second - m_last->second;
        if (ours >= its) {
            m_tally.lostThere += ours - its;
            m_tally.lostBack += its - 1;
            sample.sent = static_cast<uint32_t>(ours);
            sample.arrived = static_cast<uint32_t>(its);
        }
    }
    if (!m_last || now.first > m_last->first) m_last = now;
}

bool SenderSession::isPossible(const ReflectorPacket& packet, std::chrono::nanoseconds whole) {
    const auto inside = between(packet.received, packet.error.ptp, packet.timestamp, packet.error.ptp);
    const bool timely = inside >= std::chrono::nanoseconds(0) && inside <= whole + clockSlack;
    const bool again = std::find(m_numbers.begin(), m_numbers.end(), packet.sequence) != m_numbers.end();
    if (!timely || again || packet.sequence >= m_next) return false;
    if (m_numbers.size() >= rememberedNumbers) m_numbers.pop_front();
    m_numbers.push_back(packet.sequence);
    return true;
}

bool SenderSession::isAsked(ByteView bytes) const {
    const auto packet = decodeReflector(bytes, m_options.key);
    return packet && packet->session == m_options.session && packet->senderSequence < m_next;
}

std::optional<Sample> SenderSession::take(ByteView bytes, SystemTime arrived, SteadyTime steady) {
    const auto packet = decodeReflector(bytes, m_options.key);
    const bool ours = packet && packet->session == m_options.session && packet->senderSequence < m_next;
    if (!ours) {
        ++m_tally.foreign;
        return std::nullopt;
    }
    if (m_sent.empty() || packet->senderSequence < m_sent.front().sequence) {
        ++m_tally.late;
        return std::nullopt;
    }
    Sent& sent = m_sent[packet->senderSequence - m_sent.front().sequence];
    if (sent.timestamp != packet->senderTimestamp) {
        ++m_tally.foreign;  // whoever guesses the number does not know the time
        return std::nullopt;
    }
    if (sent.answered) {
        ++m_tally.duplicates;
        return std::nullopt;
    }
    // The whole by the clock that nobody sets.
    const auto whole = std::chrono::duration_cast<std::chrono::nanoseconds>(steady - sent.at);
    sent.answered = true;
    if (!isPossible(*packet, whole)) {
        ++m_tally.impossible;
        return std::nullopt;
    }
    ++m_tally.answered;
    if (m_last && packet->senderSequence < m_last->first) ++m_tally.reordered;
    Sample sample;
    countWays(*packet, sample);
    sample.sequence = packet->senderSequence;
    const auto inside = between(packet->received, packet->error.ptp, packet->timestamp, packet->error.ptp);
    sample.roundTrip = whole - std::min({inside, whole, m_options.believed});
    if (m_options.clock.synchronized && packet->error.synchronized) {
        sample.there = between(sent.timestamp, false, packet->received, packet->error.ptp);
        sample.back = arrived - fromTimestamp(packet->timestamp, packet->error.ptp);
    }
    sample.sentAt = sent.at;
    sample.toReflector =
        std::chrono::nanoseconds(fromTimestamp(packet->received, packet->error.ptp).time_since_epoch()) -
        std::chrono::nanoseconds(sent.at.time_since_epoch());
    sample.hopsThere = static_cast<uint8_t>(firstTtl - packet->senderTtl);
    while (!m_sent.empty() && m_sent.front().answered) m_sent.pop_front();
    return sample;
}

void SenderSession::expire(SteadyTime now) {
    while (!m_sent.empty() && (m_sent.front().answered || now - m_sent.front().at >= m_options.patience)) {
        if (!m_sent.front().answered) ++m_tally.lost;
        m_sent.pop_front();
    }
}

}  // namespace netpas::stamp
