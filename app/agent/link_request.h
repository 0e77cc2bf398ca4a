// One question to the kernel about one of its links, or one change of it (rtnetlink), in the network namespace of the calling thread. Changes need
// CAP_NET_ADMIN. Errors are errno.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include <tl/expected.hpp>

struct nlattr;
struct nlmsghdr;

namespace netpas::agent {

// `attributes` puts into the message what is to be changed.
[[nodiscard]] tl::expected<void, int> changeLink(const std::string& interface,
                                                 const std::function<void(nlmsghdr*)>& attributes);
// `attribute` gets each thing that is known of the link.
[[nodiscard]] tl::expected<void, int> readLink(const std::string& interface,
                                               const std::function<void(uint16_t type, const nlattr*)>& attribute);

}  // namespace netpas::agent
