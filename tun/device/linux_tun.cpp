#include "tun/device/linux_tun.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

namespace netpas::tun {
namespace {

// Newer than some of the headers that we build with (Linux 6.2).
constexpr unsigned offloadUso4 = 0x20;
constexpr unsigned offloadUso6 = 0x40;

// Frames that the kernel keeps for us while we are not running; 500 by default, less than a millisecond of small packets.
constexpr int queueLength = 2000;

constexpr size_t maxPieces = 1023;  // IOV_MAX, less one for the vnet header

using Failure = tl::unexpected<TunError>;

class Descriptor {
public:
    Descriptor() = default;
    explicit Descriptor(int fd) : m_fd(fd) {}
    Descriptor(Descriptor&& other) noexcept : m_fd(std::exchange(other.m_fd, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        std::swap(m_fd, other.m_fd);
        return *this;
    }
    ~Descriptor() {
        if (m_fd >= 0) close(m_fd);
    }
    [[nodiscard]] int get() const { return m_fd; }

private:
    int m_fd = -1;
};

TunError errorOf(int number) {
    switch (number) {
    case EPERM:
    case EACCES: return TunError::NotPermitted;
    case EBUSY:
    case EEXIST: return TunError::NameTaken;
    case ENOENT:
    case ENXIO: return TunError::Unsupported;
    case E2BIG: return TunError::TooManyQueues;
    case ENODEV:
    case EBADFD: return TunError::Gone;
    default: return TunError::SystemRefused;
    }
}

// What the kernel's dev_valid_name() accepts; "%d" may stand for a number.
bool validName(const std::string& name) {
    if (name.empty() || name.size() >= IFNAMSIZ || name == "." || name == "..") return false;
    const size_t percent = name.find('%');
    if (percent != std::string::npos && (name.substr(percent, 2) != "%d" || name.find('%', percent + 1) != name.npos)) {
        return false;
    }
    return std::none_of(name.begin(), name.end(), [](char c) {
        return c == '/' || c == ':' || static_cast<unsigned char>(c) <= ' ' || static_cast<unsigned char>(c) >= 0x7f;
    });
}

ifreq requestFor(const std::string& name) {
    ifreq request{};
    std::memcpy(request.ifr_name, name.data(), std::min<size_t>(name.size(), IFNAMSIZ - 1));
    return request;
}

tl::expected<Descriptor, TunError> openQueue(std::string& name, unsigned flags) {
    Descriptor queue(open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
    if (queue.get() < 0) return Failure(errno == ENODEV ? TunError::Unsupported : errorOf(errno));
    ifreq request = requestFor(name);
    request.ifr_flags = static_cast<short>(flags);
    if (ioctl(queue.get(), TUNSETIFF, &request) < 0) {
        // EINVAL: the name belongs to an interface of another kind.
        return Failure(errno == EINVAL ? TunError::NameTaken : errorOf(errno));
    }
    name = request.ifr_name;
    int headerSize = sizeof(VnetHeader);
    if (ioctl(queue.get(), TUNSETVNETHDRSZ, &headerSize) < 0) return Failure(TunError::Unsupported);
    return queue;
}

// Asks for everything, then for less: kernels refuse the whole set when they do not know one of its members.
TunOffloads setOffloads(int queue, const LinuxTunOptions& options) {
    TunOffloads offloads;
    if (!options.offloads) {
        ioctl(queue, TUNSETOFFLOAD, 0);
        return offloads;
    }
    const unsigned tcp = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
    if (options.udpOffload && ioctl(queue, TUNSETOFFLOAD, tcp | offloadUso4 | offloadUso6) == 0) {
        return {true, true, true, true, true};
    }
    if (ioctl(queue, TUNSETOFFLOAD, tcp) == 0) return {true, true, true, true, false};
    offloads.checksum = ioctl(queue, TUNSETOFFLOAD, TUN_F_CSUM) == 0;
    return offloads;
}

// No link-local address, and so no router solicitations and no multicast reports that would end up in the data plane.
void disableAutomaticAddresses(unsigned index) {
    struct Message {
        nlmsghdr header{};
        ifinfomsg link{};
        rtattr families{};
        rtattr family{};
        rtattr mode{};
        uint8_t value = IN6_ADDR_GEN_MODE_NONE;
        uint8_t padding[3]{};
    } message;
    message.header.nlmsg_len = sizeof message;
    message.header.nlmsg_type = RTM_NEWLINK;
    message.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    message.link.ifi_family = AF_UNSPEC;
    message.link.ifi_index = static_cast<int>(index);
    message.families = {3 * sizeof(rtattr) + 4, IFLA_AF_SPEC};
    message.family = {2 * sizeof(rtattr) + 4, AF_INET6};
    message.mode = {sizeof(rtattr) + 1, IFLA_INET6_ADDR_GEN_MODE};
    const Descriptor netlink(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
    // A kernel without IPv6 refuses, and has no such addresses either. The answer is awaited so that the order is certain.
    std::array<char, 1024> answer{};
    if (netlink.get() >= 0 && ::send(netlink.get(), &message, sizeof message, 0) > 0) {
        [[maybe_unused]] const ssize_t size = recv(netlink.get(), answer.data(), answer.size(), 0);
    }
}

class LinuxTun final : public TunDevice {
public:
    LinuxTun(std::string name, std::vector<Descriptor> queues, Descriptor control, TunOffloads offloads, unsigned index)
        : m_name(std::move(name)),
          m_queues(std::move(queues)),
          m_control(std::move(control)),
          m_offloads(offloads),
          m_index(index) {}

    [[nodiscard]] const std::string& name() const noexcept override { return m_name; }
    [[nodiscard]] unsigned interfaceIndex() const noexcept override { return m_index; }
    [[nodiscard]] unsigned queues() const noexcept override { return static_cast<unsigned>(m_queues.size()); }
    [[nodiscard]] TunOffloads offloads() const noexcept override { return m_offloads; }

    [[nodiscard]] tl::expected<uint32_t, TunError> mtu() const override {
        ifreq request = requestFor(m_name);
        if (ioctl(m_control.get(), SIOCGIFMTU, &request) < 0) return Failure(errorOf(errno));
        return static_cast<uint32_t>(request.ifr_mtu);
    }

    [[nodiscard]] tl::expected<void, TunError> setMtu(uint32_t mtu) override {
        ifreq request = requestFor(m_name);
        request.ifr_mtu = static_cast<int>(std::min<uint32_t>(mtu, INT32_MAX));
        if (ioctl(m_control.get(), SIOCSIFMTU, &request) == 0) return {};
        return Failure(errno == EINVAL ? TunError::BadMtu : errorOf(errno));
    }

    [[nodiscard]] tl::expected<void, TunError> setUp(bool up) override {
        ifreq request = requestFor(m_name);
        if (ioctl(m_control.get(), SIOCGIFFLAGS, &request) < 0) return Failure(errorOf(errno));
        const auto before = static_cast<unsigned>(request.ifr_flags);
        request.ifr_flags = static_cast<short>(up ? before | IFF_UP : before & ~static_cast<unsigned>(IFF_UP));
        if (ioctl(m_control.get(), SIOCSIFFLAGS, &request) < 0) return Failure(errorOf(errno));
        return {};
    }

    void setQueueLength(int frames) {
        ifreq request = requestFor(m_name);
        request.ifr_qlen = frames;
        ioctl(m_control.get(), SIOCSIFTXQLEN, &request);  // the default serves, too
    }

    [[nodiscard]] int pollHandle(unsigned queue) const noexcept override {
        return queue < m_queues.size() ? m_queues[queue].get() : -1;
    }
    [[nodiscard]] tl::expected<size_t, TunError> readBatch(unsigned queue, std::span<ReadSlot> into) noexcept override;
    [[nodiscard]] tl::expected<WriteCount, TunError> writeBatch(
        unsigned queue, std::span<const OutgoingFrame> frames) noexcept override;

private:
    std::string m_name;
    std::vector<Descriptor> m_queues;
    Descriptor m_control;  // a socket of the interface's namespace, for ioctls
    TunOffloads m_offloads;
    unsigned m_index;
};

tl::expected<size_t, TunError> LinuxTun::readBatch(unsigned queue, std::span<ReadSlot> into) noexcept {
    const int fd = m_queues[queue].get();
    size_t count = 0;
    size_t bytes = 0;
    while (count < into.size() && bytes < batchBytes) {
        ReadSlot& slot = into[count];
        const iovec parts[2] = {{&slot.vnet, sizeof slot.vnet}, {slot.buffer.data(), slot.buffer.size()}};
        const ssize_t size = readv(fd, parts, 2);
        if (size >= static_cast<ssize_t>(sizeof slot.vnet)) {
            slot.size = static_cast<size_t>(size) - sizeof slot.vnet;
            bytes += slot.size;
            ++count;
            continue;
        }
        if (size >= 0) continue;
        if (errno == EINTR) continue;
        if (errno == EAGAIN || count > 0) break;
        return Failure(errorOf(errno));
    }
    return count;
}

tl::expected<WriteCount, TunError> LinuxTun::writeBatch(unsigned queue,
                                                        std::span<const OutgoingFrame> frames) noexcept {
    const int fd = m_queues[queue].get();
    std::array<iovec, maxPieces + 1> parts;
    WriteCount count;
    for (const OutgoingFrame& frame : frames) {
        if (frame.pieces.size() > maxPieces) {
            ++count.refused;
            continue;
        }
        // writev() only reads from what its iovecs point to.
        parts[0] = {const_cast<VnetHeader*>(&frame.vnet), sizeof frame.vnet};
        size_t used = 1;
        for (const auto piece : frame.pieces) parts[used++] = {const_cast<uint8_t*>(piece.data()), piece.size()};
        ssize_t size = -1;
        do {
            size = writev(fd, parts.data(), static_cast<int>(used));
        } while (size < 0 && errno == EINTR);
        if (size < 0 && errno == EBADFD) return Failure(TunError::Gone);
        ++(size < 0 ? count.refused : count.written);
    }
    return count;
}

}  // namespace

tl::expected<std::unique_ptr<TunDevice>, TunError> openLinuxTun(const LinuxTunOptions& options) {
    if (!validName(options.name)) return Failure(TunError::BadName);
    if (options.queues == 0 || options.queues > 256) return Failure(TunError::TooManyQueues);
    unsigned flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR;
    if (options.queues > 1) flags |= IFF_MULTI_QUEUE;

    std::string name = options.name;
    std::vector<Descriptor> queues;
    TunOffloads offloads;
    for (unsigned i = 0; i < options.queues; ++i) {
        // The first must not join an interface that somebody made persistent.
        auto queue = openQueue(name, i == 0 ? flags | IFF_TUN_EXCL : flags);
        if (!queue) return Failure(queue.error());
        offloads = setOffloads(queue->get(), options);
        queues.push_back(std::move(*queue));
    }
    Descriptor control(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (control.get() < 0) return Failure(errorOf(errno));
    const unsigned index = if_nametoindex(name.c_str());
    if (index == 0) return Failure(TunError::Gone);
    disableAutomaticAddresses(index);

    auto device = std::make_unique<LinuxTun>(std::move(name), std::move(queues), std::move(control), offloads, index);
    device->setQueueLength(queueLength);
    if (const auto set = device->setMtu(options.mtu); !set) return Failure(set.error());
    if (options.up) {
        if (const auto up = device->setUp(true); !up) return Failure(up.error());
    }
    return device;
}

}  // namespace netpas::tun
