// A link that is dormant for a moment (RFC 2863): packets pass, but who watches it takes it for down, and up again afterwards. The only way to make babeld take
// another cost for an interface that it has (cartographer/routes/ROUTES.md). Needs CAP_NET_ADMIN; in the network namespace of the calling thread.
#pragma once

#include <string>

#include <tl/expected.hpp>

namespace netpas::agent {

// The error is errno.
[[nodiscard]] tl::expected<void, int> restLink(const std::string& interface);
[[nodiscard]] tl::expected<void, int> wakeLink(const std::string& interface);
[[nodiscard]] bool linkRests(const std::string& interface);
// Ends what an agent that was killed had begun. True: there was something. A link that is dormant because nobody has logged in on it yet (802.1X) stays.
bool wakeForgottenLink(const std::string& interface);

}  // namespace netpas::agent
