#include "app/lab/capture.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>

#include <array>
#include <cstdio>
#include <vector>

#include "app/lab/frame_splitter.h"
#include "app/lab/netns.h"

namespace netpas::lab {
namespace {

constexpr size_t batchSize = 32;
constexpr size_t maxFrame = 65536 + 64;
constexpr int receiveBuffer = 256 << 20;

LabError systemError(const std::string& what) { return LabError{LabErrc::System, what + ": " + std::strerror(errno)}; }

// Ethernet, IPv4 or IPv6 without extension headers, UDP, port 46721 at either end. Jumps count from the next line.
bool attachDataFilter(int fd) {
    constexpr uint32_t dataPort = 46721;
    std::array<sock_filter, 18> code{{
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),                   // 0 type
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IPV6, 0, 6),    // 1 else to 8
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 20),                   // 2 next header
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, 13),  // 3 else to 17
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 54),                   // 4 source port
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, dataPort, 10, 0),     // 5 to 16
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 56),                   // 6 destination port
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, dataPort, 8, 9),      // 7 to 16, else to 17
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 0, 8),      // 8 else to 17
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 23),                   // 9 protocol
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, 6),   // 10 else to 17
        BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 14),                  // 11 length of the IP header
        BPF_STMT(BPF_LD | BPF_H | BPF_IND, 14),                   // 12 source port
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, dataPort, 2, 0),      // 13 to 16
        BPF_STMT(BPF_LD | BPF_H | BPF_IND, 16),                   // 14 destination port
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, dataPort, 0, 1),      // 15 else to 17
        BPF_STMT(BPF_RET | BPF_K, 0xffffffff),                    // 16 keep
        BPF_STMT(BPF_RET | BPF_K, 0),                             // 17 drop
    }};
    sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
    return ::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
}

Expected<int> openSocket(const std::string& interface, CaptureFilter filter) {
    // Protocol 0: nothing arrives before the filter and the interface are set.
    const int fd = ::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (fd < 0) return tl::unexpected(systemError("cannot open a packet socket"));
    const int one = 1;
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(ETH_P_ALL);
    address.sll_ifindex = static_cast<int>(::if_nametoindex(interface.c_str()));
    // A lost race for the buffer's size shows as lost packets, which scenarios refuse.
    (void)::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &receiveBuffer, sizeof receiveBuffer);
    const bool ready = address.sll_ifindex != 0 &&
                       ::setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof one) == 0 &&
                       ::setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof one) == 0 &&
                       (filter == CaptureFilter::Everything || attachDataFilter(fd)) &&
                       ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    if (!ready) {
        const LabError error = systemError("cannot capture on " + interface);
        ::close(fd);
        return tl::unexpected(error);
    }
    return fd;
}

std::chrono::system_clock::time_point timeOf(const msghdr& message) {
    for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
         part = CMSG_NXTHDR(const_cast<msghdr*>(&message), part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_TIMESTAMPNS) continue;
        timespec stamp{};
        std::memcpy(&stamp, CMSG_DATA(part), sizeof stamp);
        return std::chrono::system_clock::time_point(std::chrono::seconds(stamp.tv_sec) +
                                                     std::chrono::nanoseconds(stamp.tv_nsec));
    }
    return std::chrono::system_clock::now();
}

// Buffers of one thread; large, so not on its stack.
struct ReceiveBuffers {
    std::array<mmsghdr, batchSize> messages{};
    std::array<iovec, batchSize> vectors{};
    std::array<sockaddr_ll, batchSize> sources{};
    std::array<std::array<uint8_t, 64>, batchSize> controls{};
    std::vector<uint8_t> bytes = std::vector<uint8_t>(batchSize * maxFrame);

    void prepare() {
        for (size_t i = 0; i < batchSize; ++i) {
            vectors[i] = {bytes.data() + i * maxFrame, maxFrame};
            msghdr& header = messages[i].msg_hdr;
            header = {};
            header.msg_name = &sources[i];
            header.msg_namelen = sizeof sources[i];
            header.msg_iov = &vectors[i];
            header.msg_iovlen = 1;
            header.msg_control = controls[i].data();
            header.msg_controllen = controls[i].size();
        }
    }
};

}  // namespace

Expected<std::unique_ptr<LinkCapture>> LinkCapture::start(const std::string& netns, const std::string& interface,
                                                          CaptureFilter filter, CaptureHandler handler) {
    int fd = -1;
    LAB_TRY(inNamespace(netns, [&]() -> Expected<void> {
        auto opened = openSocket(interface, filter);
        if (!opened) return tl::unexpected(opened.error());
        fd = *opened;
        return {};
    }));
    return std::unique_ptr<LinkCapture>(new LinkCapture(fd, std::move(handler)));
}

LinkCapture::LinkCapture(int fd, CaptureHandler handler)
    : m_fd(fd), m_handler(std::move(handler)), m_thread([this] { run(); }) {}

LinkCapture::~LinkCapture() { stop(); }

CaptureStatistics LinkCapture::stop() {
    m_stopping = true;
    if (m_thread.joinable()) m_thread.join();
    if (m_fd >= 0) ::close(m_fd);
    m_fd = -1;
    return m_statistics;
}

void LinkCapture::run() {
    ReceiveBuffers buffers;
    for (;;) {
        // Asked before reading: a read that then finds nothing has seen everything from before stop().
        const bool stopping = m_stopping;
        buffers.prepare();
        const int count = ::recvmmsg(m_fd, buffers.messages.data(), batchSize, MSG_DONTWAIT, nullptr);
        if (count <= 0) {
            if (stopping) break;
            pollfd wait{m_fd, POLLIN, 0};
            ::poll(&wait, 1, 20);
            continue;
        }
        for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
            const size_t length = buffers.messages[i].msg_len;
            OffloadInfo offload;
            if (length < sizeof offload + ETH_HLEN) continue;
            uint8_t* bytes = buffers.bytes.data() + i * maxFrame;
            std::memcpy(&offload, bytes, sizeof offload);
            CapturedPacket packet{timeOf(buffers.messages[i].msg_hdr),
                                  buffers.sources[i].sll_pkttype == PACKET_OUTGOING ? PacketDirection::Outgoing
                                                                                    : PacketDirection::Incoming,
                                  {}};
            const bool good = splitFrame({bytes + sizeof offload, length - sizeof offload}, offload,
                                         [&](std::span<const uint8_t> frame) {
                                             packet.frame = frame;
                                             ++m_statistics.packets;
                                             m_handler(packet);
                                         });
            if (!good) ++m_statistics.malformed;
        }
    }
    tpacket_stats kernel{};
    socklen_t size = sizeof kernel;
    if (::getsockopt(m_fd, SOL_PACKET, PACKET_STATISTICS, &kernel, &size) == 0) m_statistics.lost = kernel.tp_drops;
}

Expected<std::unique_ptr<PcapWriter>> PcapWriter::create(const std::string& path) {
    FILE* file = path == "-" ? ::fdopen(::dup(1), "wb") : std::fopen(path.c_str(), "wbe");
    if (file == nullptr) return tl::unexpected(systemError("cannot write " + path));
    constexpr uint32_t nanosecondMagic = 0xa1b23c4d;
    constexpr uint32_t version = 2 | 4U << 16;
    constexpr uint32_t snapLength = 262144;
    constexpr uint32_t ethernet = 1;
    const std::array<uint32_t, 6> header{nanosecondMagic, version, 0, 0, snapLength, ethernet};
    std::fwrite(header.data(), sizeof header, 1, file);
    return std::unique_ptr<PcapWriter>(new PcapWriter(file));
}

PcapWriter::~PcapWriter() { (void)close(); }

void PcapWriter::write(const CapturedPacket& packet) {
    const auto since = std::chrono::duration_cast<std::chrono::nanoseconds>(packet.time.time_since_epoch()).count();
    const auto length = static_cast<uint32_t>(packet.frame.size());
    const std::array<uint32_t, 4> header{static_cast<uint32_t>(since / 1'000'000'000),
                                         static_cast<uint32_t>(since % 1'000'000'000), length, length};
    auto* file = static_cast<FILE*>(m_file);
    if (std::fwrite(header.data(), sizeof header, 1, file) != 1 ||
        std::fwrite(packet.frame.data(), packet.frame.size(), 1, file) != 1) {
        m_failed = true;
    }
}

Expected<void> PcapWriter::close() {
    if (m_file == nullptr) return {};
    if (std::fclose(static_cast<FILE*>(m_file)) != 0) m_failed = true;
    m_file = nullptr;
    if (m_failed) return tl::unexpected(systemError("the capture file is incomplete"));
    return {};
}

}  // namespace netpas::lab
