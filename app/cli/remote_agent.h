// An agent on another machine (a modem) with which this one is paired: where it is, its key, and ours. Kept in the user's configuration.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "core/crypto/identity.h"
#include "core/net_address.h"

namespace netpas::cli {

struct RemoteAgent {
    std::string name;  // what this user calls it
    Endpoint at;
    PublicKey key;
    std::string device;  // what it calls this machine
    std::shared_ptr<const Identity> identity;
};

// $NETPAS_CONFIG_DIR, else $XDG_CONFIG_HOME/netpas, else ~/.config/netpas.
[[nodiscard]] std::filesystem::path configFolder();

// "https://192.168.1.1:46724/#<64 hexadecimal digits>"
[[nodiscard]] std::optional<RemoteAgent> remoteFromUrl(std::string_view url);
// Where this machine's packets to that address come from, as its routes are now. Sends nothing.
[[nodiscard]] std::optional<IpAddress> ownAddressTowards(const IpAddress& to);

// Errors are words for people. The name is that of a file: a device name.
[[nodiscard]] tl::expected<RemoteAgent, std::string> loadRemote(const std::string& name);
// Keeps url and device under the name, and makes or loads the key.
[[nodiscard]] tl::expected<RemoteAgent, std::string> storeRemote(const std::string& name, const std::string& url,
                                                                 const std::string& device);

}  // namespace netpas::cli
