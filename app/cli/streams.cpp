#include "app/cli/streams.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

namespace netpas::cli {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view established = "01";

// "socket:[4711]" behind the process's descriptors.
std::set<std::string> socketsOf(pid_t process) {
    constexpr std::string_view before = "socket:[";
    std::set<std::string> sockets;
    std::error_code error;
    for (fs::directory_iterator entry("/proc/" + std::to_string(process) + "/fd", error), end; !error && entry != end;
         entry.increment(error)) {
        std::error_code gone;
        const std::string target = fs::read_symlink(entry->path(), gone).string();
        if (gone || !target.starts_with(before)) continue;
        sockets.insert(target.substr(before.size(), target.size() - before.size() - 1));
    }
    return sockets;
}

// "0100007F:1F90": words of the machine's own byte order, a port in hex.
std::optional<Endpoint> endpointOf(const std::string& text) {
    constexpr size_t digits = 8;
    const size_t colon = text.find(':');
    if (colon == std::string::npos || colon % digits != 0 || colon > 4 * digits) return std::nullopt;
    std::array<uint8_t, 16> bytes{};
    for (size_t at = 0; at < colon; at += digits) {
        uint32_t word = 0;
        if (std::from_chars(text.data() + at, text.data() + at + digits, word, 16).ec != std::errc{})
            return std::nullopt;
        std::memcpy(bytes.data() + at / 2, &word, sizeof word);
    }
    uint16_t port = 0;
    if (std::from_chars(text.data() + colon + 1, text.data() + text.size(), port, 16).ec != std::errc{})
        return std::nullopt;
    constexpr std::array<uint8_t, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    const bool v4 = colon == digits, inV6 = !v4 && std::equal(mapped.begin(), mapped.end(), bytes.begin());
    char name[INET6_ADDRSTRLEN] = {};
    if (::inet_ntop(v4 || inV6 ? AF_INET : AF_INET6, bytes.data() + (inV6 ? mapped.size() : 0), name, sizeof name) ==
        nullptr)
        return std::nullopt;
    const auto address = IpAddress::parse(name);
    return address ? std::optional(Endpoint{*address, port}) : std::nullopt;
}

}  // namespace

std::optional<Web> webOf(std::string_view url) {
    uint16_t port = 0;
    for (const auto& [scheme, usual] : {std::pair{std::string_view("http://"), 80}, {"https://", 443}}) {
        if (!url.starts_with(scheme)) continue;
        url.remove_prefix(scheme.size());
        port = static_cast<uint16_t>(usual);
    }
    if (port == 0) return std::nullopt;
    url = url.substr(0, url.find_first_of("/?#"));
    if (const size_t user = url.rfind('@'); user != std::string_view::npos) url.remove_prefix(user + 1);
    size_t colon = url.rfind(':');
    if (const size_t bracket = url.rfind(']'); bracket != std::string_view::npos && colon != std::string_view::npos) {
        if (colon < bracket) colon = std::string_view::npos;
    }
    if (colon != std::string_view::npos) {
        const std::string_view number = url.substr(colon + 1);
        const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), port);
        if (error != std::errc{} || end != number.data() + number.size() || port == 0) return std::nullopt;
        url = url.substr(0, colon);
    }
    if (url.starts_with('[') && url.ends_with(']')) url = url.substr(1, url.size() - 2);
    if (url.empty()) return std::nullopt;
    return Web{std::string(url), port};
}

std::vector<Endpoint> connectionsOf(pid_t process, Transport transport) {
    const std::set<std::string> own = socketsOf(process);
    std::vector<Endpoint> found;
    if (own.empty()) return found;
    const std::string table = transport == Transport::Tcp ? "tcp" : "udp";
    for (const char* const family : {"", "6"}) {
        std::ifstream in("/proc/" + std::to_string(process) + "/net/" + table + family);
        std::string line;
        std::getline(in, line);  // column titles
        while (std::getline(in, line)) {
            std::istringstream fields(line);
            std::string number, local, remote, state, queues, timer, retransmits, uid, timeout, inode;
            fields >> number >> local >> remote >> state >> queues >> timer >> retransmits >> uid >> timeout >> inode;
            if (state != established || !own.contains(inode)) continue;
            const auto other = endpointOf(remote);
            if (other && std::find(found.begin(), found.end(), *other) == found.end()) found.push_back(*other);
        }
    }
    return found;
}

std::vector<pid_t> treeOf(pid_t root) {
    std::multimap<pid_t, pid_t> children;
    std::error_code error;
    for (fs::directory_iterator entry("/proc", error), end; !error && entry != end; entry.increment(error)) {
        pid_t process = 0;
        const std::string name = entry->path().filename().string();
        if (std::from_chars(name.data(), name.data() + name.size(), process).ec != std::errc{}) continue;
        std::ifstream in(entry->path() / "stat");
        std::string text;
        std::getline(in, text);
        // The name in parentheses may hold anything; what follows the last of them is the state and the parent.
        const size_t bracket = text.rfind(')');
        if (bracket == std::string::npos || bracket + 4 >= text.size()) continue;
        pid_t parent = 0;
        if (std::from_chars(text.data() + bracket + 4, text.data() + text.size(), parent).ec == std::errc{})
            children.emplace(parent, process);
    }
    std::vector<pid_t> tree{root};
    for (size_t i = 0; i < tree.size(); ++i) {
        const auto [first, last] = children.equal_range(tree[i]);
        for (auto child = first; child != last; ++child) {
            // Read one after the other, while they may end and their numbers begin again: never in a circle.
            if (std::find(tree.begin(), tree.end(), child->second) == tree.end()) tree.push_back(child->second);
        }
    }
    return tree;
}

std::optional<Endpoint> streamAmong(std::vector<Endpoint> connected, const std::optional<Web>& url,
                                    const std::vector<IpAddress>& hosts) {
    // Connections on the machine itself cross no network.
    std::erase_if(connected, [](const Endpoint& one) {
        const std::string text = one.address.toString();
        return text.starts_with("127.") || text == "::1";
    });
    if (url) {
        std::erase_if(connected, [&](const Endpoint& one) { return one.port != url->port; });
        if (connected.size() > 1) {
            std::erase_if(connected, [&](const Endpoint& one) {
                return std::find(hosts.begin(), hosts.end(), one.address) == hosts.end();
            });
        }
    }
    return connected.size() == 1 ? std::optional(connected.front()) : std::nullopt;
}

std::vector<IpAddress> addressesOf(const std::string& host) {
    if (const auto address = IpAddress::parse(host)) return {*address};
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* list = nullptr;
    if (::getaddrinfo(host.c_str(), nullptr, &hints, &list) != 0) return {};
    std::vector<IpAddress> found;
    for (const addrinfo* one = list; one != nullptr; one = one->ai_next) {
        char text[NI_MAXHOST] = {};
        if (::getnameinfo(one->ai_addr, one->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST) != 0) continue;
        if (const auto address = IpAddress::parse(text)) found.push_back(*address);
    }
    ::freeaddrinfo(list);
    return found;
}

}  // namespace netpas::cli
