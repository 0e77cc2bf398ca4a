#include "app/cli/remote_agent.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/directory/documents.h"
#include "core/pairing.h"

namespace netpas::cli {

using nlohmann::json;

namespace {

std::filesystem::path fileOf(const std::string& name, const char* ending) {
    return configFolder() / "agents" / (name + ending);
}

std::string stringAt(const json& object, const char* name) {
    const auto found = object.is_object() ? object.find(name) : object.end();
    return object.is_object() && found != object.end() && found->is_string() ? found->get<std::string>()
                                                                             : std::string{};
}

bool writePrivate(const std::filesystem::path& file, const std::string& text) {
    const std::string next = file.string() + ".new";
    const int descriptor = ::open(next.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (descriptor < 0) return false;
    const bool written =
        ::write(descriptor, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fsync(descriptor) == 0;
    return ::close(descriptor) == 0 && written && ::rename(next.c_str(), file.c_str()) == 0;
}

}  // namespace

std::filesystem::path configFolder() {
    if (const char* const given = std::getenv("NETPAS_CONFIG_DIR"); given != nullptr && *given != 0) return given;
    if (const char* const given = std::getenv("XDG_CONFIG_HOME"); given != nullptr && *given == '/') {
        return std::filesystem::path(given) / "netpas";
    }
    const char* const home = std::getenv("HOME");
    return std::filesystem::path(home == nullptr ? "/" : home) / ".config" / "netpas";
}

std::optional<RemoteAgent> remoteFromUrl(std::string_view url) {
    const auto parsed = directory::parseJoinUrl(url);  // of the same form
    if (!parsed) return std::nullopt;
    RemoteAgent agent;
    agent.at = parsed->directory;
    agent.key = parsed->key;
    return agent;
}

std::optional<IpAddress> ownAddressTowards(const IpAddress& to) {
    const auto bytes = to.bytes();
    sockaddr_in target4{};
    target4.sin_family = AF_INET;
    target4.sin_port = htons(9);
    sockaddr_in6 target6{};
    target6.sin6_family = AF_INET6;
    target6.sin6_port = htons(9);
    std::memcpy(to.isV6() ? static_cast<void*>(&target6.sin6_addr) : static_cast<void*>(&target4.sin_addr),
                bytes.data(), bytes.size());
    const auto* const target =
        to.isV6() ? reinterpret_cast<const sockaddr*>(&target6) : reinterpret_cast<const sockaddr*>(&target4);
    const socklen_t length = to.isV6() ? sizeof target6 : sizeof target4;
    const int socket = ::socket(target->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (socket < 0) return std::nullopt;
    sockaddr_storage own{};
    socklen_t ownLength = sizeof own;
    const bool known = ::connect(socket, target, length) == 0 &&
                       ::getsockname(socket, reinterpret_cast<sockaddr*>(&own), &ownLength) == 0;
    ::close(socket);
    char text[INET6_ADDRSTRLEN] = {};
    const void* const address = to.isV6()
                                    ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in6&>(own).sin6_addr)
                                    : static_cast<const void*>(&reinterpret_cast<const sockaddr_in&>(own).sin_addr);
    if (!known || ::inet_ntop(own.ss_family, address, text, sizeof text) == nullptr) return std::nullopt;
    const auto parsed = IpAddress::parse(text);
    return parsed ? std::optional<IpAddress>(*parsed) : std::nullopt;
}

tl::expected<RemoteAgent, std::string> loadRemote(const std::string& name) {
    if (!isDeviceName(name)) return tl::unexpected("\"" + name + "\" is no name of an agent");
    std::ifstream in(fileOf(name, ".json"));
    if (!in) return tl::unexpected("this machine is not paired with an agent \"" + name + "\"");
    const json object = json::parse(in, nullptr, false);
    auto agent = remoteFromUrl(stringAt(object, "url"));
    if (!agent) return tl::unexpected(fileOf(name, ".json").string() + " is damaged");
    auto identity = Identity::load(fileOf(name, ".key"));
    if (!identity)
        return tl::unexpected(fileOf(name, ".key").string() + ": " + std::string(describe(identity.error())));
    agent->name = name;
    agent->device = stringAt(object, "device");
    agent->identity = std::make_shared<const Identity>(std::move(*identity));
    return *agent;
}

tl::expected<RemoteAgent, std::string> storeRemote(const std::string& name, const std::string& url,
                                                   const std::string& device) {
    if (!isDeviceName(name)) return tl::unexpected("\"" + name + "\" is no name for an agent");
    const auto folder = configFolder() / "agents";
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error || ::chmod(folder.c_str(), 0700) != 0) return tl::unexpected(folder.string() + " cannot be made private");
    const auto identity = Identity::loadOrCreate(fileOf(name, ".key"));
    if (!identity)
        return tl::unexpected(fileOf(name, ".key").string() + ": " + std::string(describe(identity.error())));
    if (!writePrivate(fileOf(name, ".json"), json{{"url", url}, {"device", device}}.dump(1) + "\n")) {
        return tl::unexpected(fileOf(name, ".json").string() + " cannot be written");
    }
    return loadRemote(name);
}

}  // namespace netpas::cli
