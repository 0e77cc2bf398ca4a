// What the kernel counts of this machine's TCP connections (sock_diag). Needs no privilege; the connections' contents are never seen. Linux.
// One thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "core/net_address.h"
#include "core/tcp_counts.h"

namespace netpas::tun {

class TcpWatch {
public:
    // The error is a sentence.
    [[nodiscard]] static tl::expected<std::unique_ptr<TcpWatch>, std::string> open();
    ~TcpWatch();
    TcpWatch(const TcpWatch&) = delete;
    TcpWatch& operator=(const TcpWatch&) = delete;

    // Connections that carry data to addresses of this prefix now, at most `most`. The kernel leaves out the others by itself. Empty also when it does
    // not answer.
    [[nodiscard]] std::vector<TcpCounts> connectionsTo(const IpPrefix& remote, size_t most);

private:
    explicit TcpWatch(int descriptor) : m_descriptor(descriptor) {}
    int m_descriptor;
    uint32_t m_sequence = 0;
};

}  // namespace netpas::tun
