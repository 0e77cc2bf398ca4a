// Observes on Linux: an nftables table of our own, which goes with the process, and a packet socket on each interface of the mesh.
#pragma once

#include <memory>
#include <string>

#include "tun/observe/observer.h"

namespace netpas::tun {

struct ObserveFailure {
    ObserveError error = ObserveError::SystemRefused;
    std::string diagnosis;
};

// Works in the network namespace of the calling thread, which must be the one that calls watch().
[[nodiscard]] tl::expected<std::unique_ptr<Observer>, ObserveFailure> openLinuxObserver(
    const std::string& table = "netpas_flows");

}  // namespace netpas::tun
