// UDP sockets of the Linux kernel.
#pragma once

#include "tun/udp/udp_socket.h"

namespace netpas::tun {

// Sockets live in the network namespace of the thread that opens them.
class LinuxUdpFactory final : public UdpFactory {
public:
    [[nodiscard]] tl::expected<std::unique_ptr<UdpSocket>, UdpError> open(const UdpOptions& options) override;
};

}  // namespace netpas::tun
