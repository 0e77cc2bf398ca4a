#include "app/agent/channel_options.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "core/crypto/identity.h"
#include "core/net_address.h"

namespace netpas::app {

namespace {

using boost::asio::io_context;

constexpr uint32_t usualBaud = 115200;

tl::unexpected<std::string> notUnderstood(const std::string& text, std::string_view forms) {
    return tl::unexpected("not a way to the other end: " + text + " (" + std::string(forms) + ")");
}

std::optional<uint32_t> numberFrom(std::string_view text) {
    uint32_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return number;
}

// The rest of `text` behind "kind:".
std::optional<std::string> after(const std::string& text, std::string_view kind) {
    if (!text.starts_with(kind) || text.size() <= kind.size()) return std::nullopt;
    return text.substr(kind.size());
}

std::optional<ChannelEnd> serialEnd(const std::string& text) {
    const size_t at = text.rfind('@');
    const std::string device = text.substr(0, at);
    const auto baud = at == std::string::npos ? std::optional(usualBaud) : numberFrom(text.substr(at + 1));
    if (device.empty() || !baud) return std::nullopt;
    ChannelEnd end;
    end.line = [device, baud = *baud](io_context& io) { return channel::serialSource(io, device, baud); };
    end.files = {device, std::filesystem::path(device).parent_path()};
    std::error_code error;
    const auto real = std::filesystem::canonical(device, error);
    if (!error) end.files.push_back(real.parent_path());
    return end;
}

tl::expected<std::shared_ptr<Identity>, std::string> ownKey(const std::filesystem::path& file) {
    std::error_code error;
    std::filesystem::create_directories(file.parent_path(), error);
    auto identity = Identity::loadOrCreate(file);
    if (!identity) return tl::unexpected(file.string() + ": " + std::string(describe(identity.error())));
    return std::make_shared<Identity>(std::move(*identity));
}

}  // namespace

std::optional<Endpoint> endpointFrom(std::string_view text) {
    const size_t colon = text.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    std::string_view host = text.substr(0, colon);
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
    const auto address = IpAddress::parse(host);
    const auto port = numberFrom(text.substr(colon + 1));
    if (!address || !port || *port == 0 || *port > 65535) return std::nullopt;
    return Endpoint{*address, static_cast<uint16_t>(*port)};
}

tl::expected<std::string, std::string> publicKeyOf(const std::filesystem::path& keyFile) {
    const auto own = ownKey(keyFile);
    if (!own) return tl::unexpected(own.error());
    return (*own)->publicKey().hex();
}

tl::expected<ChannelEnd, std::string> agentEnd(const std::string& text, const std::filesystem::path& keyFile,
                                               std::vector<uint32_t> peers) {
    constexpr std::string_view forms = "unix:PATH, serial:DEVICE[@BAUD] or tls:ADDRESS:PORT#KEY";
    ChannelEnd end;
    if (const auto path = after(text, "unix:")) {
        end.line = [path = *path, peers = std::move(peers)](io_context& io) {
            return channel::unixDialer(io, path, peers);
        };
        return end;
    }
    if (const auto device = after(text, "serial:")) {
        if (auto serial = serialEnd(*device)) return std::move(*serial);
    }
    if (const auto server = after(text, "tls:")) {
        const size_t hash = server->find('#');
        const auto endpoint = endpointFrom(server->substr(0, hash));
        const auto key =
            hash == std::string::npos ? std::nullopt : PublicKey::parse(std::string_view(*server).substr(hash + 1));
        if (!endpoint || !key) return notUnderstood(text, forms);
        auto own = ownKey(keyFile);
        if (!own) return tl::unexpected(std::move(own.error()));
        end.needsNetwork = true;
        end.line = [own = *own, endpoint = *endpoint, key = *key](io_context& io) {
            return channel::tlsDialer(io, *own, endpoint, key);
        };
        return end;
    }
    return notUnderstood(text, forms);
}

tl::expected<ChannelEnd, std::string> secretaryEnd(const std::string& text, const std::filesystem::path& keyFile,
                                                   std::vector<uint32_t> peers, std::optional<uint32_t> owner,
                                                   const std::vector<std::string>& agentKeys) {
    constexpr std::string_view forms = "unix:PATH, serial:DEVICE[@BAUD], tls:ADDRESS:PORT or fd:N";
    ChannelEnd end;
    if (const auto descriptor = after(text, "fd:")) {
        if (const auto number = numberFrom(*descriptor)) {
            end.line = [number = static_cast<int>(*number)](io_context& io) {
                return channel::inheritedSource(io, number);
            };
            return end;
        }
    }
    if (const auto path = after(text, "unix:")) {
        end.line = [path = *path, peers = std::move(peers), owner](io_context& io) {
            return channel::unixListener(io, path, peers, owner);
        };
        return end;
    }
    if (const auto device = after(text, "serial:")) {
        if (auto serial = serialEnd(*device)) return std::move(*serial);
    }
    if (const auto address = after(text, "tls:")) {
        const auto endpoint = endpointFrom(*address);
        if (!endpoint) return notUnderstood(text, forms);
        std::vector<PublicKey> known;
        for (const std::string& hex : agentKeys) {
            const auto key = PublicKey::parse(hex);
            if (!key) return tl::unexpected("not a public key: " + hex);
            known.push_back(*key);
        }
        if (known.empty()) return tl::unexpected(std::string("name the agents that may connect with --agent-key"));
        auto own = ownKey(keyFile);
        if (!own) return tl::unexpected(std::move(own.error()));
        end.needsNetwork = true;
        end.line = [own = *own, endpoint = *endpoint, known = std::move(known)](io_context& io) {
            return channel::tlsListener(io, *own, endpoint, [known](const PublicKey& key) {
                return std::find(known.begin(), known.end(), key) != known.end();
            });
        };
        return end;
    }
    return notUnderstood(text, forms);
}

}  // namespace netpas::app
