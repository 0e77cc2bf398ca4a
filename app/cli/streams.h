// Where a program's stream comes from: players know a URL, which has many addresses; the kernel knows the one in use.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/net_address.h"

namespace netpas::cli {

struct Web {
    std::string host;  // name or address
    uint16_t port = 0;
};
// Of an http or https URL; nothing for anything else.
[[nodiscard]] std::optional<Web> webOf(std::string_view url);

enum class Transport { Tcp, Udp };

// Other ends of a process's established TCP connections, or of its UDP sockets that have one other end only (QUIC), each once; IPv4 in IPv6
// notation as IPv4. Empty: there are none, or the process is another user's. Reads /proc.
[[nodiscard]] std::vector<Endpoint> connectionsOf(pid_t process, Transport transport = Transport::Tcp);

// A process and all that it has started, directly or not, and that still has its parent: a browser's network has a process of its own.
[[nodiscard]] std::vector<pid_t> treeOf(pid_t root);

// The one of `connected` that the URL means: by its port, then, where several are left, by its host's addresses. Nothing: none, or it is not clear
// which.
[[nodiscard]] std::optional<Endpoint> streamAmong(std::vector<Endpoint> connected, const std::optional<Web>& url,
                                                  const std::vector<IpAddress>& hosts);

// Of a name or an address. Asks the system's resolver.
[[nodiscard]] std::vector<IpAddress> addressesOf(const std::string& host);

}  // namespace netpas::cli
