#include "app/lab/wire.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>

#include <algorithm>
#include <deque>
#include <span>
#include <vector>

#include "app/lab/netns.h"
#include "core/bytes.h"

namespace netpas::lab {
namespace {

constexpr size_t maxFrame = 65536;
// Frames in flight in one direction hold at most this much; beyond it the wire drops, as a long fibre cannot hold more.
constexpr size_t maxInFlight = 32U << 20;

int64_t nowNanoseconds() {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

Expected<int> openTap(const WireEnd& end) {
    int fd = -1;
    const auto opened = inNamespace(end.netns, [&]() -> Expected<void> {
        fd = ::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0) return fail(LabErrc::System, std::string("cannot open /dev/net/tun: ") + std::strerror(errno));
        ifreq request{};
        request.ifr_flags = IFF_TAP | IFF_NO_PI;
        end.interface.copy(request.ifr_name, IFNAMSIZ - 1);
        if (::ioctl(fd, TUNSETIFF, &request) != 0) {
            return fail(LabErrc::System, "cannot make the TAP device " + end.interface + ": " + std::strerror(errno));
        }
        return {};
    });
    if (!opened) {
        if (fd >= 0) ::close(fd);
        return tl::unexpected(opened.error());
    }
    return fd;
}

struct Frame {
    int64_t due = 0;  // CLOCK_MONOTONIC, nanoseconds
    std::vector<uint8_t> bytes;
};

// Which frames of a flow are lost depends on the seed, the flow and how many of its frames came before, and on nothing that others send
// meanwhile: hosts speak of themselves (ARP, neighbour discovery) whenever they like.
class Loss {
public:
    Loss(uint32_t millionths, uint64_t seed) : m_millionths(millionths), m_seed(seed), m_counts(slots) {}

    bool takes(std::span<const uint8_t> frame) {
        if (m_millionths == 0) return false;
        const uint64_t flow = flowOf(frame);
        const uint64_t count = m_counts[flow % slots]++;  // two flows in one slot only shift each other
        return mix(m_seed ^ mix(flow ^ mix(count))) % 1'000'000 < m_millionths;
    }

private:
    static constexpr size_t slots = 4096;

    static uint64_t mix(uint64_t value) {  // the finaliser of SplitMix64
        value += 0x9e3779b97f4a7c15ULL;
        value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ULL;
        value = (value ^ (value >> 27)) * 0x94d049bb133111ebULL;
        return value ^ (value >> 31);
    }

    // Over Ethernet type, addresses, protocol and the service's port: the lower one, for the other is drawn anew in each run.
    static uint64_t flowOf(std::span<const uint8_t> frame) {
        constexpr size_t ethernet = 14;
        uint64_t hash = 0;
        const auto add = [&](size_t from, size_t size) {
            for (size_t at = from; at < from + size && at < frame.size(); ++at) hash = mix(hash ^ frame[at]);
        };
        add(12, 2);
        if (frame.size() <= ethernet) return hash;
        const bool four = frame[ethernet] >> 4 == 4;
        const size_t ports = ethernet + (four ? 4U * (frame[ethernet] & 15U) : 40U);
        const uint8_t protocol = frame[std::min(frame.size() - 1, ethernet + (four ? 9U : 6U))];
        hash = mix(hash ^ protocol);
        four ? add(ethernet + 12, 8) : add(ethernet + 8, 32);
        const bool hasPorts = (protocol == IPPROTO_TCP || protocol == IPPROTO_UDP) && frame.size() >= ports + 4;
        if (hasPorts) hash = mix(hash ^ std::min(load16(frame.data() + ports), load16(frame.data() + ports + 2)));
        return hash;
    }

    uint32_t m_millionths;
    uint64_t m_seed;
    std::vector<uint64_t> m_counts;
};

// One direction. The delay is the same for all frames, so they leave in the order in which they came.
class Direction {
public:
    Direction(int from, int to, const WireDirection& parameters, uint64_t seed)
        : m_from(from), m_to(to), m_delay(parameters.delay.count()), m_loss(parameters.loss.millionths, seed) {}

    // False when the device is gone.
    bool receive(std::vector<uint8_t>& scratch) {
        constexpr int batch = 64;  // then frames that are due get their turn
        for (int count = 0; count < batch; ++count) {
            const ssize_t size = ::read(m_from, scratch.data(), scratch.size());
            if (size < 0) return errno == EAGAIN || errno == EINTR || errno == EIO;  // EIO: the device is down
            const auto length = static_cast<size_t>(size);
            if (m_loss.takes({scratch.data(), length}) || m_held + length > maxInFlight) {
                ++m_counts.lost;
                continue;
            }
            m_held += length;
            m_frames.push_back({nowNanoseconds() + m_delay, {scratch.begin(), scratch.begin() + size}});
        }
        return true;
    }

    void release(int64_t now) {
        while (!m_frames.empty() && m_frames.front().due <= now) {
            const Frame& frame = m_frames.front();
            // A frame that the far end refuses (down, or its queue full) is lost, as on a real line.
            (void)!::write(m_to, frame.bytes.data(), frame.bytes.size());
            m_held -= frame.bytes.size();
            ++m_counts.carried;
            m_counts.late += static_cast<uint64_t>(now - frame.due);
            m_frames.pop_front();
        }
    }

    const WireCounts& counts() const { return m_counts; }
    int64_t nextDue() const { return m_frames.empty() ? INT64_MAX : m_frames.front().due; }

private:
    int m_from;
    int m_to;
    int64_t m_delay;
    Loss m_loss;
    std::deque<Frame> m_frames;
    size_t m_held = 0;
    WireCounts m_counts;
};

// Tells a scenario what was done, now and then.
class Tale {
public:
    explicit Tale(int file) : m_file(file) {}
    void tell(const std::array<Direction, 2>& directions, int64_t now) {
        constexpr int64_t often = 250'000'000;
        if (now - m_told < often) return;
        m_told = now;
        const std::array<WireCounts, 2> counts{directions[0].counts(), directions[1].counts()};
        (void)!::pwrite(m_file, counts.data(), sizeof counts, 0);
    }

private:
    int m_file;
    int64_t m_told = 0;
};

}  // namespace

Expected<void> runWire(const WireSpec& spec, const std::string& readyFile) {
    std::array<int, 2> taps{};
    for (size_t side = 0; side < 2; ++side) {
        auto tap = openTap(spec.ends[side]);
        if (!tap) return tl::unexpected(tap.error());
        taps[side] = *tap;
    }
    // The process lives in the namespace of one end, so that whoever clears the namespace finds it.
    LAB_TRY(enterNamespace(spec.ends[0].netns));
    ::prctl(PR_SET_TIMERSLACK, 1UL);
    // A wire waits for no processor. Where that is not allowed, what it was late by still tells (WireCounts::late).
    sched_param urgent{};
    urgent.sched_priority = 1;
    (void)::sched_setscheduler(0, SCHED_FIFO, &urgent);
    const int timer = ::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    const int ready = ::open(readyFile.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
    if (timer < 0 || ready < 0)
        return fail(LabErrc::System, std::string("cannot start the wire: ") + std::strerror(errno));
    Tale tale(ready);

    std::array<Direction, 2> directions{
        Direction(taps[0], taps[1], spec.direction[0], spec.seed),
        Direction(taps[1], taps[0], spec.direction[1], spec.seed ^ 0x9e3779b97f4a7c15ULL)};
    std::vector<uint8_t> scratch(maxFrame);
    for (;;) {
        const int64_t due = std::min(directions[0].nextDue(), directions[1].nextDue());
        itimerspec when{};
        if (due != INT64_MAX) {
            when.it_value.tv_sec = due / 1'000'000'000;
            when.it_value.tv_nsec = due % 1'000'000'000;
        }
        ::timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, nullptr);
        std::array<pollfd, 3> wait{{{taps[0], POLLIN, 0}, {taps[1], POLLIN, 0}, {timer, POLLIN, 0}}};
        if (::poll(wait.data(), wait.size(), -1) < 0 && errno != EINTR) {
            return fail(LabErrc::System, std::string("the wire cannot wait: ") + std::strerror(errno));
        }
        if (!directions[0].receive(scratch) || !directions[1].receive(scratch)) {
            return fail(LabErrc::System, "a device of the wire is gone");
        }
        const int64_t now = nowNanoseconds();
        directions[0].release(now);
        directions[1].release(now);
        tale.tell(directions, now);
    }
}

Expected<std::array<WireCounts, 2>> readWireCounts(const std::string& readyFile) {
    std::array<WireCounts, 2> counts{};
    const int file = ::open(readyFile.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) return fail(LabErrc::State, "no wire tells its counts at " + readyFile);
    // Nothing yet: it has carried nothing.
    (void)!::pread(file, counts.data(), sizeof counts, 0);
    ::close(file);
    return counts;
}

}  // namespace netpas::lab
