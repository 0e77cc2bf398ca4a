// How the command line names the two ends of the channel between agent and secretary.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "core/channel/line.h"
#include "core/net_address.h"

namespace boost::asio {
class io_context;
}

namespace netpas::app {

using LineMaker = std::function<std::unique_ptr<channel::LineSource>(boost::asio::io_context&)>;

// 192.0.2.1:46724, [2001:db8::1]:46724
[[nodiscard]] std::optional<Endpoint> endpointFrom(std::string_view text);

struct ChannelEnd {
    LineMaker line;
    bool needsNetwork = false;
    std::vector<std::filesystem::path> files;  // that it opens again and again: a serial line
};

// The public key that the other end must know, in hex; the key is made when there is none yet.
[[nodiscard]] tl::expected<std::string, std::string> publicKeyOf(const std::filesystem::path& keyFile);

// Of --secretary: unix:PATH, serial:DEVICE[@BAUD] or tls:ADDRESS:PORT#KEY. The failure is for people. `keyFile`: of this machine, made at the
// first start; its public key is what the other end must know.
[[nodiscard]] tl::expected<ChannelEnd, std::string> agentEnd(const std::string& text,
                                                             const std::filesystem::path& keyFile,
                                                             std::vector<uint32_t> peers);
// `owner` (user id) of the Unix socket: the agent's. Of --channel: the same with ADDRESS:PORT to listen on, or fd:N. `agentKeys`: in hex, who may connect over TLS.
[[nodiscard]] tl::expected<ChannelEnd, std::string> secretaryEnd(const std::string& text,
                                                                 const std::filesystem::path& keyFile,
                                                                 std::vector<uint32_t> peers,
                                                                 std::optional<uint32_t> owner,
                                                                 const std::vector<std::string>& agentKeys);

}  // namespace netpas::app
