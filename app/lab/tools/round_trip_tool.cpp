// A flow of numbered datagrams to somebody who sends each one back: what is lost, and how long the others take.
#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <iostream>
#include <nlohmann/json.hpp>
#include <vector>

#include "app/lab/tools/tools.h"
#include "core/bytes.h"

namespace netpas::lab {
namespace {

using Clock = std::chrono::steady_clock;

constexpr uint32_t magic = 0x6e705254;
constexpr size_t headSize = 16;  // magic, stream, sequence
constexpr size_t largest = 1472;
constexpr auto lastWait = std::chrono::milliseconds(1500);  // for what is still on its way

int openBound(uint16_t port) {
    const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_in own{};
    own.sin_family = AF_INET;
    own.sin_port = htons(port);
    if (fd >= 0 && ::bind(fd, reinterpret_cast<const sockaddr*>(&own), sizeof own) == 0) return fd;
    std::cerr << "round-trip: " << std::strerror(errno) << std::endl;
    if (fd >= 0) ::close(fd);
    return -1;
}

class Flow {
public:
    Flow(int fd, uint32_t stream, size_t size) : m_fd(fd), m_stream(stream), m_bytes(size) {}

    void send() {
        store32(m_bytes.data(), magic);
        store32(m_bytes.data() + 4, m_stream);
        store64(m_bytes.data() + 8, m_sent.size());
        m_sent.push_back(Clock::now());
        (void)!::send(m_fd, m_bytes.data(), m_bytes.size(), 0);
    }
    void receive() {
        std::array<uint8_t, 2048> buffer;
        for (;;) {
            const ssize_t size = ::recv(m_fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
            if (size < 0) return;
            if (static_cast<size_t>(size) < headSize || load32(buffer.data()) != magic) continue;
            const uint64_t sequence = load64(buffer.data() + 8);
            if (load32(buffer.data() + 4) != m_stream || sequence >= m_sent.size()) continue;
            m_back.resize(m_sent.size(), false);
            if (m_back[sequence]) continue;
            m_back[sequence] = true;
            m_milliseconds.push_back(
                std::chrono::duration<double, std::milli>(Clock::now() - m_sent[sequence]).count());
        }
    }
    [[nodiscard]] bool complete() const { return m_milliseconds.size() == m_sent.size(); }
    Json result() {
        std::sort(m_milliseconds.begin(), m_milliseconds.end());
        const auto at = [&](double part) {
            return m_milliseconds.empty()
                       ? 0.0
                       : m_milliseconds[static_cast<size_t>(part * static_cast<double>(m_milliseconds.size() - 1))];
        };
        return Json{{"sent", m_sent.size()},
                    {"back", m_milliseconds.size()},
                    {"lost", m_sent.size() - m_milliseconds.size()},
                    {"median_ms", at(0.5)},
                    {"p99_ms", at(0.99)}};
    }

private:
    int m_fd;
    uint32_t m_stream;
    std::vector<uint8_t> m_bytes;
    std::vector<Clock::time_point> m_sent;
    std::vector<bool> m_back;
    std::vector<double> m_milliseconds;
};

}  // namespace

// to, port, from_port, rate (datagrams a second), size (of the UDP payload), seconds (0: until ended), seed. IPv4.
int roundTripTool(const ToolArguments& arguments) {
    const double rate = std::max(1.0, arguments.real("rate", 100));
    const double seconds = arguments.real("seconds", 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<uint16_t>(arguments.number("port", 5007)));
    if (::inet_pton(AF_INET, arguments.text("to").c_str(), &to.sin_addr) != 1) {
        std::cerr << "round-trip: to=ADDRESS is missing or wrong" << std::endl;
        return 2;
    }
    const int fd = openBound(static_cast<uint16_t>(arguments.number("from_port", 0)));
    if (fd < 0 || ::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) return 1;
    Flow flow(fd, static_cast<uint32_t>(arguments.number("seed", 1)),
              std::clamp<size_t>(arguments.number("size", 500), headSize, largest));
    sayReady();
    const auto begin = Clock::now();
    const auto time = [&](double from) {
        return begin + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(from));
    };
    const auto end = seconds > 0 ? time(seconds) : Clock::time_point::max();
    for (uint64_t n = 0; !toolShouldEnd();) {
        const auto now = Clock::now();
        if (now >= end) break;
        if (now >= time(static_cast<double>(n) / rate)) {
            flow.send();
            ++n;
        } else {
            pollfd wait{fd, POLLIN, 0};
            ::poll(&wait, 1, 1);
        }
        flow.receive();
    }
    for (const auto stop = Clock::now() + lastWait; Clock::now() < stop && !flow.complete();) {
        pollfd wait{fd, POLLIN, 0};
        ::poll(&wait, 1, 10);
        flow.receive();
    }
    printResult(flow.result());
    ::close(fd);
    return 0;
}

// port: sends back whatever comes.
int echoTool(const ToolArguments& arguments) {
    const int fd = openBound(static_cast<uint16_t>(arguments.number("port", 5007)));
    if (fd < 0) return 1;
    sayReady();
    uint64_t echoed = 0;
    std::array<uint8_t, 2048> buffer;
    while (!toolShouldEnd()) {
        sockaddr_in from{};
        socklen_t length = sizeof from;
        auto* const peer = reinterpret_cast<sockaddr*>(&from);
        pollfd wait{fd, POLLIN, 0};
        if (::poll(&wait, 1, 100) <= 0) continue;
        const ssize_t size = ::recvfrom(fd, buffer.data(), buffer.size(), MSG_DONTWAIT, peer, &length);
        if (size > 0 && ::sendto(fd, buffer.data(), static_cast<size_t>(size), 0, peer, length) == size) ++echoed;
    }
    printResult(Json{{"echoed", echoed}});
    ::close(fd);
    return 0;
}

}  // namespace netpas::lab
