#include <QtTest>

#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/socket.h>
#include <fstream>

#include "tests/tun/private_namespace.h"
#include "tests/tun/reference_packets.h"
#include "tun/device/linux_tun.h"
#include "tun/packet/coalesce.h"
#include "tun/packet/segment.h"

using namespace netpas::tun;
using reference::Packet;

namespace {

constexpr size_t framesABatch = 16;

std::unique_ptr<TunDevice> open(const LinuxTunOptions& options) {
    auto device = openLinuxTun(options);
    return device ? std::move(*device) : nullptr;
}

TunError refusal(const LinuxTunOptions& options) { return openLinuxTun(options).error(); }

LinuxTunOptions named(const char* name) {
    LinuxTunOptions options;
    options.name = name;
    return options;
}

// Carries what one device reads to another, as packets of at most `maximum` bytes that are joined again.
class Carrier {
public:
    Carrier(TunDevice& from, TunDevice& to, size_t maximum)
        : m_from(from), m_to(to), m_maximum(maximum), m_coalescer({.udp = to.offloads().udp, .capacity = 4096}) {
        m_frames.resize(framesABatch);
        for (size_t i = 0; i < framesABatch; ++i) m_frames[i].buffer = m_memory[i];
    }

    // False when a device or a step failed.
    bool carry() {
        const auto count = m_from.readBatch(0, m_frames);
        if (!count) return false;
        std::vector<Packet> written;
        for (const ReadSlot& frame : std::span(m_frames).first(*count)) {
            const auto view = parseHeaders(frame.packet());
            if (!view) return false;
            const auto plan = Segmenter::plan(frame.vnet, *view, m_maximum);
            if (!plan || plan->exceeds()) return false;
            trains += frame.vnet.gsoType != vnet_gso::none ? 1 : 0;
            largestFrame = std::max(largestFrame, frame.size);
            packets += plan->count();
            Packet train(plan->writtenSize(0, plan->count(), 0));
            plan->write(0, plan->count(), size_t{0}, train);
            for (size_t i = 0; i < plan->count(); ++i) {
                const auto begin = train.begin() + static_cast<long>(i * plan->packetSize());
                written.emplace_back(begin, begin + static_cast<long>(plan->packetBytes(i, 1)));
            }
        }
        for (const Packet& packet : written) {
            if (!m_coalescer.add(packet)) return false;
        }
        const auto result = m_to.writeBatch(0, m_coalescer.frames());
        joinedFrames += m_coalescer.frames().size();
        m_coalescer.clear();
        return result && result->refused == 0;
    }

    size_t trains = 0;
    size_t packets = 0;
    size_t joinedFrames = 0;
    size_t largestFrame = 0;

private:
    TunDevice& m_from;
    TunDevice& m_to;
    size_t m_maximum;
    std::vector<Packet> m_memory = std::vector<Packet>(framesABatch, Packet(maxFrameSize));
    std::vector<ReadSlot> m_frames;
    Coalescer m_coalescer;
};

// Two namespaces, each with a TUN as its way to the other.
struct Pair {
    std::unique_ptr<lab::Namespace> left = std::make_unique<lab::Namespace>();
    std::unique_ptr<TunDevice> leftTun;
    std::unique_ptr<lab::Namespace> right;
    std::unique_ptr<TunDevice> rightTun;

    explicit Pair(const LinuxTunOptions& options = {}) {
        leftTun = open(options);
        if (leftTun) configure(*leftTun, "1");
        right = std::make_unique<lab::Namespace>();
        rightTun = open(options);
        if (rightTun) configure(*rightTun, "2");
    }
    [[nodiscard]] bool made() const { return leftTun && rightTun && ok; }

private:
    bool ok = true;
    void configure(const TunDevice& tun, const std::string& host) {
        ok = ok && lab::run("ip addr add 192.0.2." + host + "/24 dev " + tun.name()) &&
             lab::run("ip addr add 2001:db8::" + host + "/64 nodad dev " + tun.name());
    }
};

struct Socket {
    int fd = -1;
    Socket(int family, int type) : fd(socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {}
    explicit Socket(int accepted) : fd(accepted) {}
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;
    ~Socket() {
        if (fd >= 0) close(fd);
    }
};

struct Address {
    sockaddr_storage storage{};
    socklen_t size = 0;
    Address(bool v6, uint8_t host, uint16_t port) {
        if (v6) {
            auto& address = reinterpret_cast<sockaddr_in6&>(storage);
            address.sin6_family = AF_INET6;
            address.sin6_port = htons(port);
            address.sin6_addr.s6_addr[0] = 0x20;
            address.sin6_addr.s6_addr[1] = 0x01;
            address.sin6_addr.s6_addr[2] = 0x0d;
            address.sin6_addr.s6_addr[3] = 0xb8;
            address.sin6_addr.s6_addr[15] = host;
            size = sizeof address;
            return;
        }
        auto& address = reinterpret_cast<sockaddr_in&>(storage);
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(0xc0000200u + host);
        size = sizeof address;
    }
    [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

std::string readFile(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

class TestLinuxTun : public QObject {
    Q_OBJECT
private slots:
    void init() {
        if (geteuid() != 0) QSKIP("needs root, for a network namespace and a TUN device");
        if (access("/dev/net/tun", F_OK) != 0) QSKIP("the kernel has no TUN device");
        m_namespace = std::make_unique<lab::Namespace>();
        QVERIFY(m_namespace->made());
    }
    void aDeviceLivesAsLongAsItsObject() {
        auto device = open(named("paid%d"));
        QVERIFY(device);
        QCOMPARE(device->name(), std::string("paid0"));
        QCOMPARE(device->interfaceIndex(), if_nametoindex("paid0"));
        QCOMPARE(*device->mtu(), 1500u);
        QVERIFY(device->offloads().checksum && device->offloads().tcp4 && device->offloads().tcp6);
        const auto second = open(named("paid%d"));
        QCOMPARE(second->name(), std::string("paid1"));
        device.reset();
        QCOMPARE(if_nametoindex("paid0"), 0u);
    }
    void itIsUpWithTheMtuAskedForAndWithoutAddresses() {
        auto options = named("paid0");
        options.mtu = 1380;
        const auto device = open(options);
        QVERIFY(device);
        QCOMPARE(*device->mtu(), 1380u);
        QVERIFY(lab::run("ip link show paid0 up | grep -q paid0"));
        QTest::qWait(50);
        QVERIFY(!QString::fromStdString(readFile("/proc/thread-self/net/if_inet6")).contains("paid0"));
        QVERIFY(device->setMtu(9000));
        QCOMPARE(*device->mtu(), 9000u);
        QVERIFY(device->setMtu(3).error() == TunError::BadMtu);
        QVERIFY(device->setMtu(70000).error() == TunError::BadMtu);
        QVERIFY(device->setUp(false));
        QVERIFY(!lab::run("ip link show paid0 up | grep -q paid0"));
    }
    void refusalsAreNamed() {
        for (const char* name : {"", "a/b", "a b", "seventeen-letters", "..", "x:1", "%s", "%d%d"}) {
            QVERIFY2(refusal(named(name)) == TunError::BadName, name);
        }
        const auto device = open(named("paid0"));
        QVERIFY(refusal(named("paid0")) == TunError::NameTaken);
        QVERIFY(refusal(named("lo")) == TunError::NameTaken);
        QVERIFY(lab::run("ip tuntap add kept mode tun"));
        QVERIFY(refusal(named("kept")) == TunError::NameTaken);  // persistent, another's
        auto options = named("x");
        options.mtu = 1;
        QVERIFY(refusal(options) == TunError::BadMtu);
        QCOMPARE(if_nametoindex("x"), 0u);
        options = named("x");
        options.queues = 0;
        QVERIFY(refusal(options) == TunError::TooManyQueues);
        const lab::Unprivileged user;
        QVERIFY(refusal(named("x")) == TunError::NotPermitted);
    }
    void queuesAreIndependentDescriptors() {
        auto options = named("many");
        options.queues = 3;
        const auto device = open(options);
        QVERIFY(device);
        QCOMPARE(device->queues(), 3u);
        QVERIFY(device->pollHandle(0) != device->pollHandle(2) && device->pollHandle(2) >= 0);
        QCOMPARE(device->pollHandle(3), -1);
        Packet memory(maxFrameSize);
        ReadSlot frame{.buffer = memory};
        for (unsigned queue = 0; queue < 3; ++queue) QCOMPARE(*device->readBatch(queue, {&frame, 1}), size_t{0});
    }
    void aRemovedDeviceIsGone() {
        const auto device = open(named("paid0"));
        QVERIFY(lab::run("ip link del paid0"));
        Packet memory(maxFrameSize);
        ReadSlot frame{.buffer = memory};
        QVERIFY(device->readBatch(0, {&frame, 1}).error() == TunError::Gone);
        const std::span<const uint8_t> whole(reference::tcp4);
        const OutgoingFrame out{{}, {&whole, 1}};
        QVERIFY(device->writeBatch(0, {&out, 1}).error() == TunError::Gone);
        QVERIFY(device->mtu().error() == TunError::Gone);
        QVERIFY(device->setMtu(1400).error() == TunError::Gone);
    }
    void framesThatTheKernelRefusesAreCounted() {
        const auto device = open(named("paid0"));
        const std::span<const uint8_t> whole(reference::tcp4);
        const Packet nothing;
        const std::span<const uint8_t> none(nothing);
        const VnetHeader nonsense{1, 77, 0, 0, 60000, 60000};
        const std::vector<std::span<const uint8_t>> crumbs(2000, whole.first(1));
        const std::array frames = {OutgoingFrame{{}, {&whole, 1}}, OutgoingFrame{nonsense, {&whole, 1}},
                                   OutgoingFrame{{}, {&none, 1}}, OutgoingFrame{{}, crumbs}};
        auto count = device->writeBatch(0, frames);
        QVERIFY(count && count->written == 1 && count->refused == 3);
        QVERIFY(device->setUp(false));
        count = device->writeBatch(0, std::span(frames).first(1));
        QVERIFY(count && count->written == 0 && count->refused == 1);
    }
    void tcpCrossesSplitAndJoined_data() {
        QTest::addColumn<bool>("v6");
        QTest::addColumn<bool>("offloads");
        QTest::addColumn<int>("maximum");
        QTest::addRow("IPv4") << false << true << 1500;
        QTest::addRow("IPv6") << true << true << 1500;
        QTest::addRow("IPv4, smaller than the MTU") << false << true << 1333;
        QTest::addRow("IPv6, smaller than the MTU") << true << true << 1281;
        QTest::addRow("IPv4, without offloads, smaller") << false << false << 1000;
    }
    void tcpCrossesSplitAndJoined() {
        QFETCH(bool, v6);
        QFETCH(bool, offloads);
        QFETCH(int, maximum);
        LinuxTunOptions options;
        options.offloads = offloads;
        const Pair pair(options);
        QVERIFY(pair.made());
        QVERIFY(pair.right->enter());
        const Socket listener(v6 ? AF_INET6 : AF_INET, SOCK_STREAM);
        const Address server(v6, 2, 5000);
        QCOMPARE(bind(listener.fd, server.get(), server.size), 0);
        QCOMPARE(listen(listener.fd, 1), 0);
        QVERIFY(pair.left->enter());
        const Socket sender(v6 ? AF_INET6 : AF_INET, SOCK_STREAM);
        ::connect(sender.fd, server.get(), server.size);

        Carrier there(*pair.leftTun, *pair.rightTun, static_cast<size_t>(maximum));
        Carrier back(*pair.rightTun, *pair.leftTun, static_cast<size_t>(maximum));
        const Packet data = reference::someBytes(8 << 20);
        Packet received;
        Packet buffer(1 << 20);
        size_t sent = 0;
        std::unique_ptr<Socket> receiver;
        QDeadlineTimer deadline(30000);
        while (received.size() < data.size() && !deadline.hasExpired()) {
            pollfd wait[2] = {{pair.leftTun->pollHandle(0), POLLIN, 0}, {pair.rightTun->pollHandle(0), POLLIN, 0}};
            poll(wait, 2, 1);
            QVERIFY(there.carry() && back.carry());
            const ssize_t more = ::send(sender.fd, data.data() + sent, data.size() - sent, MSG_NOSIGNAL);
            if (more > 0) sent += static_cast<size_t>(more);
            if (!receiver) {
                const int accepted = accept4(listener.fd, nullptr, nullptr, SOCK_NONBLOCK);
                if (accepted >= 0) receiver = std::make_unique<Socket>(accepted);
                continue;
            }
            const ssize_t got = recv(receiver->fd, buffer.data(), buffer.size(), 0);
            if (got > 0) received.insert(received.end(), buffer.begin(), buffer.begin() + got);
        }
        QVERIFY(received == data);
        QVERIFY(offloads == (there.trains > 0));
        QVERIFY(there.packets > data.size() / static_cast<size_t>(maximum));
        QVERIFY(there.joinedFrames * 3 < there.packets * 2);  // joining did join
        if (offloads) QVERIFY(there.largestFrame > 10000);
    }
    void datagramTrainsCrossSplitAndJoined() {
        const Pair pair;
        QVERIFY(pair.made());
        if (!pair.leftTun->offloads().udp) QSKIP("the kernel has no datagram offload for TUN (before 6.2)");
        for (const bool v6 : {false, true}) {
            QVERIFY(pair.right->enter());
            const Socket receiver(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM);
            const Address server(v6, 2, 5000);
            QCOMPARE(bind(receiver.fd, server.get(), server.size), 0);
            int on = 1;
            QCOMPARE(setsockopt(receiver.fd, SOL_UDP, UDP_GRO, &on, sizeof on), 0);
            QVERIFY(pair.left->enter());
            const Socket sender(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM);
            int size = 1200;
            QCOMPARE(setsockopt(sender.fd, SOL_UDP, UDP_SEGMENT, &size, sizeof size), 0);
            const Packet data = reference::someBytes(30 * 1200 + 77);
            QCOMPARE(sendto(sender.fd, data.data(), data.size(), 0, server.get(), server.size),
                     static_cast<ssize_t>(data.size()));
            Carrier there(*pair.leftTun, *pair.rightTun, 1500);
            pollfd wait{pair.leftTun->pollHandle(0), POLLIN, 0};
            QCOMPARE(poll(&wait, 1, 5000), 1);
            QVERIFY(there.carry());
            QCOMPARE(there.trains, size_t{1});
            QCOMPARE(there.packets, size_t{31});
            QCOMPARE(there.joinedFrames, size_t{1});
            wait.fd = receiver.fd;
            QCOMPARE(poll(&wait, 1, 5000), 1);
            Packet buffer(65535);
            const ssize_t got = recv(receiver.fd, buffer.data(), buffer.size(), 0);
            buffer.resize(static_cast<size_t>(std::max<ssize_t>(got, 0)));
            QVERIFY(buffer == data);
        }
    }

private:
    std::unique_ptr<lab::Namespace> m_namespace;
};

QTEST_GUILESS_MAIN(TestLinuxTun)
#include "test_linux_tun.moc"
