#include "core/stamp/reflector.h"

namespace netpas::stamp {

namespace {

// Addresses that are told apart within one second; what comes from further ones then waits for the next.
constexpr size_t maxAddresses = 65536;

int64_t secondOf(SystemTime time) {
    return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

}  // namespace

bool Reflector::tooMany(const IpAddress& from, SystemTime now) {
    if (secondOf(now) != m_second) {
        m_second = secondOf(now);
        m_rates.clear();
    }
    const auto known = m_rates.find(from);
    if (known == m_rates.end() && m_rates.size() >= maxAddresses) return true;
    return ++m_rates[from].count > m_options.perSecond;
}

Reflector::Session& Reflector::sessionOf(const Name& name, SystemTime now) {
    while (!m_order.empty() && (now - m_order.back().last > m_options.silence || now < m_order.back().last)) {
        m_sessions.erase(m_order.back().name);
        m_order.pop_back();
    }
    const auto known = m_sessions.find(name);
    if (known != m_sessions.end()) {
        m_order.splice(m_order.begin(), m_order, known->second);
        m_order.front().last = now;
        return m_order.front();
    }
    if (m_sessions.size() >= m_options.maxSessions && !m_order.empty()) {
        m_sessions.erase(m_order.back().name);
        m_order.pop_back();
    }
    m_order.push_front({name, 0, 0, now});
    m_sessions[name] = m_order.begin();
    return m_order.front();
}

// RFC 8972 §4: what is not known comes back marked.
void Reflector::answerTlv(Tlv& one, const Session& session, const Arrival& arrival) const {
    one.flags = static_cast<uint8_t>(one.flags & tlv::malformed);
    if (one.flags != 0) return;
    switch (one.type) {
    case tlv::extraPadding: return;
    case tlv::classOfService: {
        if (one.value.size() != 4) break;
        // DSCP1 (6), DSCP2 (6), ECN (2), RP (2), reserved: we fill in what arrived, and say that DSCP1 was not used for the answer.
        const uint32_t dscp1 = load32(one.value.data()) >> 26;
        constexpr uint32_t notUsed = 1;
        store32(one.value.data(), (dscp1 << 26) | (uint32_t{arrival.trafficClass} >> 2 << 20) |
                                      ((arrival.trafficClass & 3U) << 18) | (notUsed << 16));
        return;
    }
    case tlv::directMeasurement:
        if (one.value.size() != 12) break;
        store32(one.value.data() + 4, session.received);
        store32(one.value.data() + 8, session.next + 1);
        return;
    default: one.flags = tlv::unrecognized; return;
    }
    one.flags = tlv::malformed;
}

std::optional<Bytes> Reflector::answer(ByteView request, const Arrival& arrival, SystemTime now) {
    if (tooMany(arrival.from.address, now)) {
        ++m_counts.tooMany;
        return std::nullopt;
    }
    auto packet = decodeSender(request, m_options.key);
    if (!packet) {
        ++(packet.error() == StampError::WrongMac ? m_counts.unauthenticated : m_counts.malformed);
        return std::nullopt;
    }
    Session& session = sessionOf({arrival.from, packet->session}, now);
    ++session.received;
    ReflectorPacket reply;
    reply.session = packet->session;
    reply.error = m_options.clock;
    reply.senderError = packet->error;
    reply.received = toNtp(arrival.time);
    reply.senderSequence = packet->sequence;
    reply.senderTimestamp = packet->timestamp;
    reply.senderTtl = arrival.ttl;
    reply.tlvs = std::move(packet->tlvs);
    for (Tlv& one : reply.tlvs) answerTlv(one, session, arrival);
    reply.sequence = session.next++;
    reply.timestamp = toNtp(now);
    ++m_counts.answered;
    Bytes bytes = encode(reply, m_options.key);
    bytes.resize(request.size(), 0);
    return bytes;
}

}  // namespace netpas::stamp
