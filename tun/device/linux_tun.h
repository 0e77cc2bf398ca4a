// Linux's TUN device, opened with virtio_net_hdr and all segmentation offloads that the kernel knows.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <tl/expected.hpp>

#include "tun/device/tun_device.h"

namespace netpas::tun {

struct LinuxTunOptions {
    std::string name = "netpas%d";  // %d: the kernel picks the first free number
    unsigned queues = 1;            // above 1 with IFF_MULTI_QUEUE
    bool offloads = true;           // false: whole packets with complete checksums only
    bool udpOffload = true;         // datagram trains, where the kernel has them (6.2)
    uint32_t mtu = 1500;            // bytes of an inner packet
    bool up = true;                 // set up at once
};

// Makes the interface in the calling thread's network namespace; it vanishes with the object, or with the process however that ends. It has
// no addresses, and IPv6 does not make any up for it (addr_gen_mode none).
[[nodiscard]] tl::expected<std::unique_ptr<TunDevice>, TunError> openLinuxTun(const LinuxTunOptions& options);

}  // namespace netpas::tun
