// What neighbours pay each other for in a scenario: packets to an address behind one of them, counted where they arrive.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <string>

#include "app/lab/lab.h"
#include "app/lab/netns.h"

namespace netpas::lab {

inline constexpr const char* farAway = "198.18.0.1";  // of the internet, behind the seller's uplink

// Packets of a thousand bytes from a UDP socket in one node's namespace to one in another's.
class MeshTraffic {
public:
    static constexpr size_t payload = 972;
    static constexpr uint64_t packetBytes = payload + 28;  // with UDP and IPv4 headers

    Expected<void> openIn(const Lab& lab, const std::string& node, const char* bound) {
        return inNamespace(lab.netns(node), [&]() -> Expected<void> {
            m_socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
            constexpr int much = 1 << 23;
            const sockaddr_in here = address(bound, port);
            if (m_socket < 0 || ::setsockopt(m_socket, SOL_SOCKET, SO_RCVBUFFORCE, &much, sizeof much) != 0 ||
                ::bind(m_socket, reinterpret_cast<const sockaddr*>(&here), sizeof here) != 0)
                return fail(LabErrc::System, node + ": no socket at " + bound);
            return {};
        });
    }
    MeshTraffic() = default;
    ~MeshTraffic() {
        if (m_socket >= 0) ::close(m_socket);
    }
    MeshTraffic(const MeshTraffic&) = delete;
    MeshTraffic& operator=(const MeshTraffic&) = delete;

    uint64_t send(uint64_t packets) const {
        const std::array<char, payload> bytes{};
        const sockaddr_in there = address(farAway, port);
        uint64_t sent = 0;
        for (uint64_t i = 0; i < packets; ++i) {
            const ssize_t size = ::sendto(m_socket, bytes.data(), bytes.size(), 0,
                                          reinterpret_cast<const sockaddr*>(&there), sizeof there);
            sent += size == static_cast<ssize_t>(payload) ? 1 : 0;
        }
        return sent;
    }
    uint64_t arrived() const {
        std::array<char, payload> bytes{};
        uint64_t count = 0;
        while (::recv(m_socket, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(payload)) ++count;
        return count;
    }

private:
    static sockaddr_in address(const char* text, uint16_t number) {
        sockaddr_in out{};
        out.sin_family = AF_INET;
        out.sin_port = htons(number);
        const auto parsed = IpAddress::parse(text).value_or(IpAddress());
        std::memcpy(&out.sin_addr, parsed.bytes().data(), sizeof out.sin_addr);
        return out;
    }
    static constexpr uint16_t port = 4000;
    int m_socket = -1;
};

}  // namespace netpas::lab
