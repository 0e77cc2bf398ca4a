// The kernel's connection table, asked one connection at a time (ctnetlink).
#pragma once

#include <memory>

#include <tl/expected.hpp>

#include "tun/capture/translation.h"

namespace netpas::tun {

// In the calling thread's network namespace. Error: errno; a kernel without connection tracking is none: it translates nothing.
[[nodiscard]] tl::expected<std::unique_ptr<Translation>, int> openLinuxConntrack();

}  // namespace netpas::tun
