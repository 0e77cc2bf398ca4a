#include "app/lab/topology.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "app/lab/topology_source.h"

namespace netpas::lab {
namespace {

template <typename T>
const T* findByName(const std::vector<T>& all, std::string_view name) {
    const auto at = std::find_if(all.begin(), all.end(), [&](const T& item) { return item.name == name; });
    return at != all.end() ? &*at : nullptr;
}

}  // namespace

const IspSpec* Topology::isp(std::string_view ispName) const { return findByName(isps, ispName); }
const HostSpec* Topology::host(std::string_view hostName) const { return findByName(hosts, hostName); }
const LinkSpec* Topology::link(std::string_view linkName) const { return findByName(links, linkName); }

const IspSpec* Topology::ispOfRouter(std::string_view router) const {
    for (const IspSpec& spec : isps) {
        if (std::find(spec.routers.begin(), spec.routers.end(), router) != spec.routers.end()) return &spec;
    }
    return nullptr;
}

bool Topology::joinsIsps(const LinkSpec& spec) const {
    const IspSpec* const a = ispOfRouter(spec.between[0]);
    const IspSpec* const b = ispOfRouter(spec.between[1]);
    return a != nullptr && b != nullptr && a != b && !a->overlayOnly && !b->overlayOnly;
}

const LinkSpec* Topology::accessLink(std::string_view hostName) const {
    for (const LinkSpec& spec : links) {
        if (spec.between[0] == hostName || spec.between[1] == hostName) return &spec;
    }
    return nullptr;
}

std::string Topology::attachment(std::string_view hostName) const {
    const LinkSpec* access = accessLink(hostName);
    if (access == nullptr) return {};
    return access->between[0] == hostName ? access->between[1] : access->between[0];
}

const IspSpec* Topology::ispOfHost(std::string_view hostName) const { return ispOfRouter(attachment(hostName)); }

std::vector<const HostSpec*> Topology::hostsBehind(std::string_view modem) const {
    std::vector<const HostSpec*> all;
    for (const HostSpec& spec : hosts) {
        if (spec.behind == modem) all.push_back(&spec);
    }
    return all;
}

std::vector<std::string> Topology::nodes() const {
    std::vector<std::string> all;
    for (const IspSpec& spec : isps) all.insert(all.end(), spec.routers.begin(), spec.routers.end());
    for (const HostSpec& spec : hosts) all.push_back(spec.name);
    return all;
}

Expected<Topology> parseTopology(std::string_view text, const std::string& file) {
    auto raw = readTopology(text, file);
    if (!raw) return tl::unexpected(raw.error());
    return checkTopology(std::move(*raw), file);
}

std::vector<std::string> topologyFolders() {
    std::vector<std::string> folders;
    if (const char* given = std::getenv("NETPAS_TOPOLOGIES"); given != nullptr) folders.emplace_back(given);
    std::error_code error;
    const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
    if (!error) {
        const auto bin = self.parent_path();
        folders.push_back((bin / "../share/netpas/topologies").lexically_normal());
        // In a build tree, executables stand some folders below the sources.
        for (auto folder = bin; folder.has_relative_path(); folder = folder.parent_path()) {
            folders.push_back(folder / "resources/topologies");
        }
    }
    return folders;
}

Expected<Topology> loadTopology(const std::string& nameOrPath) {
    namespace fs = std::filesystem;
    std::error_code error;
    fs::path file;
    if (nameOrPath.find('/') != std::string::npos || nameOrPath.ends_with(".toml")) {
        file = nameOrPath;
    } else {
        for (const std::string& folder : topologyFolders()) {
            const fs::path candidate = fs::path(folder) / (nameOrPath + ".toml");
            if (fs::is_regular_file(candidate, error)) {
                file = candidate;
                break;
            }
        }
        if (file.empty()) {
            return fail(LabErrc::Topology, "no topology named '" + nameOrPath +
                                               "'; try 'netpas-lab list', or give a path that ends in .toml");
        }
    }
    if (!fs::is_regular_file(file, error)) {
        return fail(LabErrc::Topology, file.string() + " is not a file; check the path");
    }
    std::ifstream in(file, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    if (in.bad()) return fail(LabErrc::Topology, file.string() + " cannot be read; check its permissions");
    return parseTopology(text, file.string());
}

}  // namespace netpas::lab
