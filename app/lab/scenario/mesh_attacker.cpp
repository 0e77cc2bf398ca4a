#include "app/lab/scenario/mesh_attacker.h"

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "app/lab/netns.h"

namespace netpas::lab {

MeshSpot MeshAttacker::everybody() {
    return {{0x33, 0x33, 0x4e, 0x50, 0x00, 0x01}, *IpAddress::parse(agreement::multicastGroup)};
}

MeshSpot MeshAttacker::nobody(uint32_t number) {
    MeshSpot spot;
    std::array<uint8_t, 16> bytes{0xfe, 0x80};
    const std::array<uint8_t, 4> four{static_cast<uint8_t>(number >> 24), static_cast<uint8_t>(number >> 16),
                                      static_cast<uint8_t>(number >> 8), static_cast<uint8_t>(number)};
    spot.link = {0x02, 0xee, four[0], four[1], four[2], four[3]};
    bytes[11] = 0xee;
    std::copy(four.begin(), four.end(), bytes.begin() + 12);
    spot.address = *IpAddress::fromBytes(bytes);
    return spot;
}

MeshAttacker::~MeshAttacker() {
    if (m_socket >= 0) ::close(m_socket);
}

Expected<void> MeshAttacker::openIn(const Lab& lab, const std::string& node, const std::string& interface) {
    return inNamespace(lab.netns(node), [&]() -> Expected<void> {
        m_index = static_cast<int>(::if_nametoindex(interface.c_str()));
        m_socket = ::socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, htons(ETH_P_IPV6));
        sockaddr_ll here{};
        here.sll_family = AF_PACKET;
        here.sll_protocol = htons(ETH_P_IPV6);
        here.sll_ifindex = m_index;
        constexpr int much = 1 << 23;  // whoever works for many looks now and then
        (void)::setsockopt(m_socket, SOL_SOCKET, SO_RCVBUFFORCE, &much, sizeof much);
        if (m_index == 0 || m_socket < 0 ||
            ::bind(m_socket, reinterpret_cast<const sockaddr*>(&here), sizeof here) != 0)
            return fail(LabErrc::System, node + ": no frames on " + interface);
        return {};
    });
}

bool MeshAttacker::say(const MeshSpot& from, const MeshSpot& to, ByteView bytes, uint16_t port) const {
    Writer frame;
    frame.bytes(to.link);
    frame.bytes(from.link);
    frame.u16(ETH_P_IPV6);
    const auto size = static_cast<uint16_t>(8 + bytes.size());
    frame.u32(6U << 28);
    frame.u16(size);
    frame.u8(IPPROTO_UDP);
    frame.u8(255);  // never routed
    frame.bytes(from.address.bytes());
    frame.bytes(to.address.bytes());
    frame.u16(port);
    frame.u16(port);
    frame.u16(size);
    frame.u16(0);  // nobody looks at the checksum
    frame.bytes(bytes);
    const Bytes all = frame.take();
    return ::send(m_socket, all.data(), all.size(), 0) == static_cast<ssize_t>(all.size());
}

std::vector<MeshAttacker::Heard> MeshAttacker::heard() const {
    std::vector<Heard> all;
    std::array<uint8_t, 2048> buffer{};
    for (;;) {
        const ssize_t size = ::recv(m_socket, buffer.data(), buffer.size(), 0);
        if (size < 0) return all;
        const ByteView frame(buffer.data(), static_cast<size_t>(size));
        if (frame.size() < ETH_HLEN + headers) continue;
        const ByteView packet = frame.subspan(ETH_HLEN);
        if (packet[6] != IPPROTO_UDP) continue;
        Heard heard;
        std::copy_n(frame.begin(), heard.to.link.size(), heard.to.link.begin());
        std::copy_n(frame.begin() + 6, heard.from.link.size(), heard.from.link.begin());
        heard.from.address = IpAddress::fromBytes(packet.subspan(8, 16)).value_or(IpAddress());
        heard.to.address = IpAddress::fromBytes(packet.subspan(24, 16)).value_or(IpAddress());
        heard.port = load16(packet.data() + 42);
        heard.bytes.assign(packet.begin() + headers, packet.end());
        all.push_back(std::move(heard));
    }
}

std::vector<MeshAttacker::Heard> MeshAttacker::overheard() const {
    std::vector<Heard> all = heard();
    std::erase_if(all, [](const Heard& one) { return one.to.address != everybody().address; });
    return all;
}

}  // namespace netpas::lab
