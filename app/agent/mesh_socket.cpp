#include "app/agent/mesh_socket.h"

#include <ifaddrs.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "core/agreement/advert.h"

namespace netpas::agent {

namespace {

constexpr size_t ipv6Header = 40, udpHeader = 8;
constexpr int onlyThisLink = 255;       // what a router has passed on has less (RFC 5082)
constexpr int receiveBuffer = 1 << 20;  // bytes; a thousand neighbours may speak at the same moment

std::optional<IpAddress> addressOf(const sockaddr* address) {
    if (address->sa_family == AF_INET6) {
        std::array<uint8_t, 16> bytes{};
        std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr, bytes.size());
        return IpAddress::fromBytes(bytes);
    }
    std::array<uint8_t, 4> bytes{};
    std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in*>(address)->sin_addr, bytes.size());
    return IpAddress::fromBytes(bytes);
}

bool isLinkLocal(const IpAddress& address) {
    return address.isV6() && address.bytes()[0] == 0xfe && (address.bytes()[1] & 0xc0) == 0x80;
}

in6_addr inAddress(const IpAddress& address) {
    in6_addr out{};
    std::memcpy(&out, address.bytes().data(), std::min(sizeof out, address.bytes().size()));
    return out;
}

const IpAddress& group() {
    static const IpAddress address = *IpAddress::parse(agreement::multicastGroup);
    return address;
}

template <typename Value>
bool set(int socket, int level, int option, const Value& value) {
    return ::setsockopt(socket, level, option, &value, sizeof value) == 0;
}

// Of IPv6 packets, counted from their header: UDP, never routed, to our port.
constexpr std::array<sock_filter, 8> wanted{{
    BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 6),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, 5),
    BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 7),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, onlyThisLink, 0, 3),
    BPF_STMT(BPF_LD | BPF_H | BPF_ABS, ipv6Header + 2),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, agreement::agreementPort, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, ipv6Header + udpHeader + maxMeshDatagram + 1),
    BPF_STMT(BPF_RET | BPF_K, 0),
}};
constexpr std::array<sock_filter, 1> nothing{{BPF_STMT(BPF_RET | BPF_K, 0)}};

template <size_t N>
bool filter(int socket, const std::array<sock_filter, N>& program) {
    const sock_fprog all{static_cast<uint16_t>(N), const_cast<sock_filter*>(program.data())};
    return set(socket, SOL_SOCKET, SO_ATTACH_FILTER, all);
}

}  // namespace

std::optional<MeshInterface> observeInterface(const std::string& name) {
    ifaddrs* all = nullptr;
    if (::getifaddrs(&all) != 0) return std::nullopt;
    MeshInterface found{name, 0, {}, {}, {}};
    bool hasLink = false, hasAddress = false;
    for (const ifaddrs* one = all; one != nullptr; one = one->ifa_next) {
        constexpr unsigned up = IFF_UP | IFF_RUNNING;
        if (name != one->ifa_name || one->ifa_addr == nullptr || (one->ifa_flags & up) != up) continue;
        if (one->ifa_addr->sa_family == AF_PACKET) {
            const auto& at = *reinterpret_cast<const sockaddr_ll*>(one->ifa_addr);
            hasLink = at.sll_hatype == ARPHRD_ETHER && at.sll_halen == found.link.size();
            if (hasLink) std::copy_n(at.sll_addr, found.link.size(), found.link.begin());
            found.index = static_cast<unsigned>(at.sll_ifindex);
        } else if (one->ifa_addr->sa_family == AF_INET && !found.address4) {
            found.address4 = addressOf(one->ifa_addr);
        } else if (one->ifa_addr->sa_family == AF_INET6 && !hasAddress) {
            const auto address = addressOf(one->ifa_addr);
            hasAddress = address && isLinkLocal(*address);
            if (hasAddress) found.address = *address;
        }
    }
    ::freeifaddrs(all);
    return hasLink && hasAddress ? std::optional(found) : std::nullopt;
}

tl::expected<std::unique_ptr<MeshSocket>, std::string> MeshSocket::open(const MeshInterface& interface) {
    std::unique_ptr<MeshSocket> made(new MeshSocket(interface));
    if (made->openFrames() && made->openSender()) return made;
    return tl::unexpected("no sockets for neighbours on " + interface.name + ": " + std::strerror(errno));
}

MeshSocket::~MeshSocket() {
    for (const int socket : {m_sender, m_frames}) {
        if (socket >= 0) ::close(socket);
    }
}

// It sends and joins the group; what comes in is taken from the frames. It does not bind the port, which a community's node may have on all interfaces.
bool MeshSocket::openSender() {
    m_sender = ::socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (m_sender < 0 || !filter(m_sender, nothing)) return false;
    constexpr int no = 0;
    const auto index = static_cast<int>(m_interface.index);
    const ipv6_mreq membership{inAddress(group()), m_interface.index};
    const std::string& name = m_interface.name;
    return ::setsockopt(m_sender, SOL_SOCKET, SO_BINDTODEVICE, name.c_str(), static_cast<socklen_t>(name.size())) ==
               0 &&
           set(m_sender, IPPROTO_IPV6, IPV6_UNICAST_HOPS, onlyThisLink) &&
           set(m_sender, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, onlyThisLink) &&
           set(m_sender, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, no) &&
           set(m_sender, IPPROTO_IPV6, IPV6_MULTICAST_IF, index) &&
           set(m_sender, IPPROTO_IPV6, IPV6_JOIN_GROUP, membership);
}

// The filter is there before the first frame can be.
bool MeshSocket::openFrames() {
    m_frames = ::socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_ll here{};
    here.sll_family = AF_PACKET;
    here.sll_protocol = htons(ETH_P_IPV6);
    here.sll_ifindex = static_cast<int>(m_interface.index);
    if (m_frames >= 0) (void)set(m_frames, SOL_SOCKET, SO_RCVBUFFORCE, receiveBuffer);  // less will do, too
    return m_frames >= 0 && filter(m_frames, wanted) &&
           ::bind(m_frames, reinterpret_cast<const sockaddr*>(&here), sizeof here) == 0;
}

bool MeshSocket::send(const IpAddress& to, ByteView bytes) const {
    if (!to.isV6()) return false;
    sockaddr_in6 there{};
    there.sin6_family = AF_INET6;
    there.sin6_port = htons(agreement::agreementPort);
    there.sin6_addr = inAddress(to);
    there.sin6_scope_id = m_interface.index;
    const ssize_t sent = ::sendto(m_sender, bytes.data(), bytes.size(), MSG_NOSIGNAL,
                                  reinterpret_cast<const sockaddr*>(&there), sizeof there);
    return sent == static_cast<ssize_t>(bytes.size());
}

bool MeshSocket::announce(ByteView bytes) const { return send(group(), bytes); }

// The checksum may be left to the card and is not looked at: datagrams are signed.
std::optional<MeshDatagram> MeshSocket::receive() const {
    std::array<uint8_t, ipv6Header + udpHeader + maxMeshDatagram + 1> buffer{};
    for (;;) {
        sockaddr_ll from{};
        socklen_t length = sizeof from;
        const ssize_t size =
            ::recvfrom(m_frames, buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&from), &length);
        if (size < 0) return std::nullopt;
        const ByteView packet(buffer.data(), static_cast<size_t>(size));
        const bool ours = from.sll_pkttype == PACKET_HOST || from.sll_pkttype == PACKET_MULTICAST;
        if (!ours || from.sll_halen != sizeof(LinkAddress) || packet.size() < ipv6Header + udpHeader) continue;
        const auto source = IpAddress::fromBytes(packet.subspan(8, 16));
        const auto to = IpAddress::fromBytes(packet.subspan(24, 16));
        const size_t inside = load16(packet.data() + ipv6Header + 4);  // with UDP's header; a frame may be padded
        if (!source || !to || !isLinkLocal(*source) || (*to != group() && *to != m_interface.address)) continue;
        if (inside < udpHeader || inside > udpHeader + maxMeshDatagram || inside > packet.size() - ipv6Header) continue;
        MeshDatagram datagram{*source, {}, {}};
        std::copy_n(from.sll_addr, datagram.link.size(), datagram.link.begin());
        const ByteView payload = packet.subspan(ipv6Header + udpHeader, inside - udpHeader);
        datagram.bytes.assign(payload.begin(), payload.end());
        return datagram;
    }
}

}  // namespace netpas::agent
