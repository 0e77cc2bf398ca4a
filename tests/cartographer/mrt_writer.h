// Writes MRT records for tests and benches (RFC 6396).
#pragma once

#include <fstream>
#include <string>
#include <vector>

#include "cartographer/routes/route_events.h"
#include "core/net_address.h"

namespace netpas::routes::test {

inline RawPrefix raw(const std::string& text) {
    const IpPrefix prefix = *IpPrefix::parse(text);
    RawPrefix out;
    out.v6 = prefix.address().isV6();
    out.length = prefix.length();
    const auto bytes = prefix.address().bytes();
    std::copy(bytes.begin(), bytes.end(), out.bytes.begin());
    return out;
}

// ORIGIN, AS_PATH, NEXT_HOP.
inline Bytes attributes(const std::vector<uint32_t>& path, bool wide = true) {
    Writer writer;
    writer.bytes(Bytes{0x40, 1, 1, 0});
    writer.bytes(Bytes{0x40, 2, static_cast<uint8_t>(path.empty() ? 0 : 2 + path.size() * (wide ? 4 : 2))});
    if (!path.empty()) writer.bytes(Bytes{2, static_cast<uint8_t>(path.size())});
    for (const uint32_t as : path) wide ? writer.u32(as) : writer.u16(static_cast<uint16_t>(as));
    writer.bytes(Bytes{0x40, 3, 4, 192, 0, 2, 1});
    return writer.take();
}

inline void nlri(Writer& writer, const RawPrefix& prefix) {
    writer.u8(prefix.length);
    writer.bytes(ByteView(prefix.bytes).first((prefix.length + 7U) / 8));
}

class MrtWriter {
public:
    void record(uint16_t type, uint16_t subtype, ByteView body) {
        m_out.u32(1'700'000'000);
        m_out.u16(type);
        m_out.u16(subtype);
        m_out.u32(static_cast<uint32_t>(body.size()));
        m_out.bytes(body);
    }
    void peers(const std::vector<Peer>& peers) {
        Writer body;
        body.u32(1);
        body.u16(0);
        body.u16(static_cast<uint16_t>(peers.size()));
        for (const Peer& peer : peers) {
            body.u8(peer.address.isV6() ? 3 : 2);
            body.u32(1);
            body.bytes(peer.address.bytes());
            body.u32(peer.as);
        }
        record(13, 1, body.data());
    }
    struct Entry {
        uint16_t peer = 0;
        Bytes attributes;
        uint32_t pathId = 0;
    };
    void rib(const RawPrefix& prefix, const std::vector<Entry>& entries, bool addPath = false) {
        Writer body;
        body.u32(m_sequence++);
        nlri(body, prefix);
        body.u16(static_cast<uint16_t>(entries.size()));
        for (const Entry& entry : entries) {
            body.u16(entry.peer);
            body.u32(1'700'000'000);
            if (addPath) body.u32(entry.pathId);
            body.blob16(entry.attributes);
        }
        record(13, static_cast<uint16_t>((prefix.v6 ? 4 : 2) + (addPath ? 6 : 0)), body.data());
    }
    // A BGP4MP_MESSAGE_AS4 with an UPDATE of IPv4 routes.
    void update(const Peer& peer, const std::vector<RawPrefix>& withdrawn, ByteView attributes,
                const std::vector<RawPrefix>& announced) {
        Writer gone;
        for (const RawPrefix& prefix : withdrawn) nlri(gone, prefix);
        Writer message;
        message.blob16(gone.data());
        message.blob16(attributes);
        for (const RawPrefix& prefix : announced) nlri(message, prefix);
        bgp(peer, 2, message.data());
    }
    void bgp(const Peer& peer, uint8_t kind, ByteView message, uint16_t subtype = 4) {
        Writer body = head(peer);
        body.bytes(Bytes(16, 0xff));
        body.u16(static_cast<uint16_t>(19 + message.size()));
        body.u8(kind);
        body.bytes(message);
        record(16, subtype, body.data());
    }
    void state(const Peer& peer, uint16_t before, uint16_t now) {
        Writer body = head(peer);
        body.u16(before);
        body.u16(now);
        record(16, 5, body.data());
    }
    [[nodiscard]] const Bytes& bytes() const { return m_out.data(); }
    Bytes take() { return m_out.take(); }
    void write(const std::string& file) const {
        std::ofstream(file, std::ios::binary)
            .write(reinterpret_cast<const char*>(bytes().data()), static_cast<std::streamsize>(bytes().size()));
    }

private:
    static Writer head(const Peer& peer) {
        Writer body;
        body.u32(peer.as);
        body.u32(65000);
        body.u16(0);
        body.u16(peer.address.isV6() ? 2 : 1);
        body.bytes(peer.address.bytes());
        body.bytes(peer.address.bytes());
        return body;
    }

    Writer m_out;
    uint32_t m_sequence = 0;
};

}  // namespace netpas::routes::test
