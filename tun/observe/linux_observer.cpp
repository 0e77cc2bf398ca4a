#include "tun/observe/linux_observer.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <utility>

#include "tun/capture/nft_rules.h"
#include "tun/capture/nftables.h"
#include "tun/observe/flow_rules.h"
#include "tun/observe/kernel_counts.h"
#include "tun/observe/packet_mark.h"

namespace netpas::tun {

namespace {

constexpr size_t batch = 32, mostAtOnce = 256;
constexpr int receiveBuffer = 256 << 10;

bool isInterfaceName(const std::string& name) {
    return !name.empty() && name.size() < IFNAMSIZ &&
           std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < 127 && c != '"' && c != '/'; });
}

// IPv4 and IPv6, to this machine or from it, the first bytes only. Jumps count from the next line.
bool attachFilter(int socket) {
    std::array<sock_filter, 8> code{{
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(SKF_AD_OFF + SKF_AD_PROTOCOL)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IPV6, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(SKF_AD_OFF + SKF_AD_PKTTYPE)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_HOST, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_OUTGOING, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, 0),
        BPF_STMT(BPF_RET | BPF_K, markedBytes),
    }};
    const sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
    return ::setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
}

// Nothing arrives before filter and interface are set: protocol 0. -1: errno.
int openSocket(const std::string& interface) {
    const int socket = ::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (socket < 0) return -1;
    const int one = 1;
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(ETH_P_ALL);
    address.sll_ifindex = static_cast<int>(::if_nametoindex(interface.c_str()));
    if (address.sll_ifindex != 0 && attachFilter(socket) &&
        ::setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &receiveBuffer, sizeof receiveBuffer) == 0 &&
        ::setsockopt(socket, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof one) == 0 &&
        ::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
        return socket;
    const int error = errno;
    ::close(socket);
    errno = error;
    return -1;
}

uint64_t timeOf(msghdr& message) {
    timespec stamp{};
    for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
        if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_TIMESTAMPNS)
            std::memcpy(&stamp, CMSG_DATA(part), sizeof stamp);
    }
    if (stamp.tv_sec == 0) ::clock_gettime(CLOCK_REALTIME, &stamp);
    return static_cast<uint64_t>(stamp.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(stamp.tv_nsec);
}

class LinuxObserver final : public Observer {
public:
    explicit LinuxObserver(std::string table) : m_table(std::move(table)) {}
    ~LinuxObserver() override {
        for (const auto& [name, socket] : m_sockets) ::close(socket);
        if (m_poll >= 0) ::close(m_poll);
    }

    tl::expected<void, ObserveError> begin() {
        m_poll = ::epoll_create1(EPOLL_CLOEXEC);
        if (m_poll < 0 || !m_nftables.open() || !m_counts.open())
            return fail(ObserveError::SystemRefused, "no packet filter");
        if (m_nftables.run(nftCreateFlowTable(m_table))) return {};
        const std::string complaint = m_nftables.complaint();
        if (::geteuid() != 0 && complaint.find("ermitted") != std::string::npos)
            return fail(ObserveError::NotPermitted, complaint);
        const bool exists = m_nftables.ask("list table inet " + m_table).has_value();
        return fail(exists ? ObserveError::AlreadyInUse : ObserveError::SystemRefused, complaint);
    }

    tl::expected<void, ObserveError> watch(const std::set<std::string>& mesh) override {
        if (mesh.size() > maxObservedInterfaces) return fail(ObserveError::TooMany, {});
        if (!std::all_of(mesh.begin(), mesh.end(), isInterfaceName)) return fail(ObserveError::BadName, {});
        std::set<std::string> before;
        for (const auto& [name, socket] : m_sockets) before.insert(name);
        for (const std::string& name : mesh) {
            if (before.contains(name)) continue;
            const int socket = openSocket(name);
            epoll_event event{};
            event.events = EPOLLIN;
            event.data.fd = socket;
            if (socket < 0 || ::epoll_ctl(m_poll, EPOLL_CTL_ADD, socket, &event) != 0) {
                const int error = errno;
                if (socket >= 0) ::close(socket);
                return fail(error == EPERM ? ObserveError::NotPermitted : ObserveError::SystemRefused,
                            name + ": " + std::strerror(error));
            }
            m_sockets[name] = socket;
        }
        for (const std::string& name : before) {
            if (mesh.contains(name)) continue;
            ::close(m_sockets[name]);
            m_sockets.erase(name);
        }
        const std::string commands = nftChangeMesh(m_table, m_mesh, mesh);
        if (!commands.empty() && !m_nftables.run(commands))
            return fail(ObserveError::SystemRefused, m_nftables.complaint());
        m_mesh = mesh;
        return {};
    }

    tl::expected<std::vector<FlowCount>, ObserveError> counts(bool v6) override {
        auto counts = m_counts.read(m_table, nftFlowSet(v6));
        if (!counts) {
            return fail(ObserveError::SystemRefused,
                        std::string("the counters cannot be read: ") + std::strerror(counts.error()));
        }
        return *std::move(counts);
    }

    int descriptor() const override { return m_poll; }
    const Sightings& sightings() const override { return m_sightings; }
    std::optional<FlowOrigin> origin(uint64_t flow) const override {
        const auto known = m_origins.find(flow);
        return known == m_origins.end() ? std::nullopt : std::optional(known->second);
    }
    std::string diagnosis() const override { return m_diagnosis; }

    // By turns, so that a busy interface does not hide the others.
    void collect() override {
        size_t left = mostAtOnce;
        for (bool more = true; more && left > 0;) {
            more = false;
            for (const auto& [name, socket] : m_sockets) {
                const size_t taken = take(name, socket, std::min(left, batch));
                left -= taken;
                more = more || taken == batch;
            }
        }
    }

private:
    size_t take(const std::string& name, int socket, size_t most) {
        std::array<std::array<uint8_t, markedBytes>, batch> bytes;
        std::array<std::array<uint8_t, 64>, batch> controls;
        std::array<sockaddr_ll, batch> from{};
        std::array<iovec, batch> parts{};
        std::array<mmsghdr, batch> messages{};
        for (size_t i = 0; i < most; ++i) {
            parts[i] = {bytes[i].data(), bytes[i].size()};
            msghdr& header = messages[i].msg_hdr;
            header.msg_iov = &parts[i];
            header.msg_iovlen = 1;
            header.msg_name = &from[i];
            header.msg_namelen = sizeof from[i];
            header.msg_control = controls[i].data();
            header.msg_controllen = controls[i].size();
        }
        const int count = ::recvmmsg(socket, messages.data(), static_cast<unsigned>(most), MSG_DONTWAIT, nullptr);
        for (int i = 0; i < count; ++i) {
            const auto at = static_cast<size_t>(i);
            const auto mark = markOf(ByteView(bytes[at].data(), messages[at].msg_len));
            if (!mark) continue;
            const uint64_t flow = flowNumber(mark->source, mark->destination);
            const bool arrives = from[at].sll_pkttype == PACKET_HOST;
            m_sightings.see(flow, {mark->hash, timeOf(messages[at].msg_hdr)}, arrives);
            if (arrives) came(flow, name, from[at]);
        }
        return count < 0 ? 0 : static_cast<size_t>(count);
    }

    void came(uint64_t flow, const std::string& name, const sockaddr_ll& from) {
        FlowOrigin origin{name, {}};
        if (from.sll_halen != origin.link.size()) return;
        std::copy_n(from.sll_addr, origin.link.size(), origin.link.begin());
        // Whoever sends in many names makes others' be learnt again.
        if (m_origins.size() >= 4 * maxObservedFlows && !m_origins.contains(flow)) m_origins.clear();
        m_origins.insert_or_assign(flow, std::move(origin));
    }

    tl::unexpected<ObserveError> fail(ObserveError error, std::string diagnosis) {
        m_diagnosis = std::move(diagnosis);
        return tl::unexpected(error);
    }

    const std::string m_table;
    Nftables m_nftables;  // the table goes with it
    KernelCounts m_counts;
    int m_poll = -1;
    std::set<std::string> m_mesh;
    std::map<std::string, int> m_sockets;
    Sightings m_sightings;
    std::map<uint64_t, FlowOrigin> m_origins;
    std::string m_diagnosis;
};

}  // namespace

std::string_view describe(ObserveError error) {
    switch (error) {
    case ObserveError::BadName: return "not a name of an interface";
    case ObserveError::TooMany: return "too many interfaces";
    case ObserveError::AlreadyInUse: return "another agent has the table of flows; stop it first";
    case ObserveError::NotPermitted:
        return "the rights to administer the network and to see packets (CAP_NET_ADMIN, CAP_NET_RAW) are missing";
    case ObserveError::SystemRefused: return "the system refused";
    }
    return {};
}

tl::expected<std::unique_ptr<Observer>, ObserveFailure> openLinuxObserver(const std::string& table) {
    if (!isNftName(table)) return tl::unexpected(ObserveFailure{ObserveError::BadName, table});
    auto observer = std::make_unique<LinuxObserver>(table);
    if (auto begun = observer->begin(); !begun)
        return tl::unexpected(ObserveFailure{begun.error(), observer->diagnosis()});
    return observer;
}

}  // namespace netpas::tun
