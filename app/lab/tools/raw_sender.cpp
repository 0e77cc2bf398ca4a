#include "app/lab/tools/raw_sender.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "app/lab/netns.h"

namespace netpas::lab {
namespace {

constexpr size_t udpSize = 8;
constexpr uint8_t udpProtocol = 17;

void put16(uint8_t* at, size_t value) {
    at[0] = static_cast<uint8_t>(value >> 8);
    at[1] = static_cast<uint8_t>(value);
}

uint64_t sumOf(std::span<const uint8_t> bytes) {
    uint64_t sum = 0;
    for (size_t i = 0; i + 1 < bytes.size(); i += 2) sum += uint64_t{bytes[i]} << 8 | bytes[i + 1];
    if (bytes.size() % 2 != 0) sum += uint64_t{bytes.back()} << 8;
    return sum;
}

// IPv6 demands a UDP checksum; for IPv4 zero says that there is none.
void storeChecksum(std::vector<uint8_t>& packet, size_t udpLength) {
    const std::span<const uint8_t> addresses(packet.data() + 8, 32);
    const std::span<const uint8_t> udp(packet.data() + 40, udpLength);
    uint64_t sum = sumOf(addresses) + sumOf(udp) + udpLength + udpProtocol;
    while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
    const auto checksum = static_cast<uint16_t>(~sum);
    put16(packet.data() + 46, checksum == 0 ? 0xffff : checksum);
}

void writePacket(const Datagram& datagram, bool ipv6, std::vector<uint8_t>& packet) {
    const size_t head = ipv6 ? 40 : 20;
    const size_t udpLength = udpSize + datagram.payload.size();
    packet.assign(head + udpLength, 0);
    uint8_t* ip = packet.data();
    const auto src = datagram.src.address.bytes();
    const auto dst = datagram.dst.address.bytes();
    if (ipv6) {
        ip[0] = 0x60;
        put16(ip + 4, udpLength);
        ip[6] = udpProtocol;
        ip[7] = hostileHops;
    } else {
        ip[0] = 0x45;
        put16(ip + 2, packet.size());
        ip[8] = hostileHops;
        ip[9] = udpProtocol;  // the kernel fills in identification and checksum
    }
    uint8_t* addresses = ip + (ipv6 ? 8 : 12);
    std::copy(dst.begin(), dst.end(), std::copy(src.begin(), src.end(), addresses));
    uint8_t* udp = ip + head;
    put16(udp, datagram.src.port);
    put16(udp + 2, datagram.dst.port);
    put16(udp + 4, udpLength);
    std::copy(datagram.payload.begin(), datagram.payload.end(), udp + udpSize);
    if (ipv6) storeChecksum(packet, udpLength);
}

socklen_t socketAddress(const IpAddress& address, sockaddr_storage& storage) {
    storage = {};
    const auto bytes = address.bytes();
    if (address.isV4()) {
        auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
        v4->sin_family = AF_INET;
        std::memcpy(&v4->sin_addr, bytes.data(), bytes.size());
        return sizeof *v4;
    }
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
    v6->sin6_family = AF_INET6;
    std::memcpy(&v6->sin6_addr, bytes.data(), bytes.size());
    return sizeof *v6;
}

}  // namespace

bool isHostileFrame(std::span<const uint8_t> frame) {
    constexpr size_t ethernet = 14;
    if (frame.size() < ethernet + 20) return false;
    const bool ipv6 = frame[ethernet] >> 4 == 6;
    return frame[ethernet + (ipv6 ? 7 : 8)] >= hostileHopsLeast;
}

Expected<std::unique_ptr<RawSender>> RawSender::open(const std::string& netns, bool ipv6) {
    int fd = -1;
    LAB_TRY(inNamespace(netns, [&]() -> Expected<void> {
        fd = ::socket(ipv6 ? AF_INET6 : AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);  // implies header included
        if (fd < 0) return fail(LabErrc::System, std::string("no raw socket: ") + std::strerror(errno));
        const int buffer = 8 << 20;
        ::setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof buffer);
        return {};
    }));
    std::unique_ptr<RawSender> sender(new RawSender(fd, ipv6));
    sender->m_packets.reserve(batch);
    return sender;
}

RawSender::~RawSender() { ::close(m_fd); }

bool RawSender::add(const Datagram& datagram) {
    if (datagram.dst.address.isV6() != m_ipv6 || datagram.src.address.isV6() != m_ipv6) return false;
    writePacket(datagram, m_ipv6, m_packets.emplace_back());
    m_targets.push_back(datagram.dst.address);
    if (m_packets.size() == batch) flush();
    return true;
}

void RawSender::flush() {
    std::array<mmsghdr, batch> messages{};
    std::array<iovec, batch> parts{};
    std::array<sockaddr_storage, batch> names{};
    for (size_t i = 0; i < m_packets.size(); ++i) {
        parts[i] = {m_packets[i].data(), m_packets[i].size()};
        messages[i].msg_hdr.msg_name = &names[i];
        messages[i].msg_hdr.msg_namelen = socketAddress(m_targets[i], names[i]);
        messages[i].msg_hdr.msg_iov = &parts[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    for (size_t done = 0; done < m_packets.size();) {
        const int count = ::sendmmsg(m_fd, messages.data() + done, static_cast<unsigned>(m_packets.size() - done), 0);
        if (count > 0) {
            m_sent += static_cast<uint64_t>(count);
            done += static_cast<size_t>(count);
        } else if (errno != EINTR) {
            ++m_refused;  // the first of the rest
            ++done;
        }
    }
    m_packets.clear();
    m_targets.clear();
}

}  // namespace netpas::lab
