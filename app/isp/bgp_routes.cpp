#include "app/isp/bgp_routes.h"

#include <algorithm>
#include <vector>

#include "cartographer/routes/mrt_parser.h"
#include "core/wire/accounting_header.h"

namespace netpas::isp {

namespace fs = std::filesystem;

namespace {

bool matches(const std::string& name, const std::string& pattern) {
    const size_t star = pattern.find('*');
    if (star == std::string::npos) return name == pattern;
    const std::string_view after = std::string_view(pattern).substr(star + 1);
    return name.size() + 1 >= pattern.size() && name.compare(0, star, pattern, 0, star) == 0 && name.ends_with(after);
}

std::optional<directory::IspPath> sold(const routes::RouteTable::Route& route, const BgpSettings& settings) {
    const std::vector<uint32_t> hops = route.path.hops();
    if (hops.empty() && !route.path.empty()) return std::nullopt;
    directory::IspPath path;
    path.isps.push_back(settings.isp);
    for (const uint32_t as : hops) {
        const auto known = settings.isps.find(as);
        if (known == settings.isps.end()) return std::nullopt;
        // Several AS numbers of one ISP are one step, its own among them.
        if (known->second == path.isps.back()) continue;
        if (std::find(path.isps.begin(), path.isps.end(), known->second) != path.isps.end()) return std::nullopt;
        path.isps.push_back(known->second);
    }
    if (path.isps.size() > header_bytes::maxHops) return std::nullopt;
    path.exits.resize(path.isps.size() - 1);
    const auto exit = settings.exits.find(route.peer.address);
    if (exit != settings.exits.end() && !path.exits.empty()) path.exits.front() = exit->second;
    return path;
}

}  // namespace

std::optional<DumpWatch::State> DumpWatch::newest(const fs::path& pattern) const {
    const std::string name = pattern.filename().string();
    std::vector<State> dumps;
    std::error_code error;
    for (fs::directory_iterator at(pattern.parent_path(), error), end; !error && at != end; at.increment(error)) {
        if (!matches(at->path().filename().string(), name)) continue;
        std::error_code gone;
        State state{at->path(), at->last_write_time(gone), 0};
        if (!gone) state.size = at->file_size(gone);
        if (!gone) dumps.push_back(std::move(state));
    }
    if (dumps.empty()) return std::nullopt;
    std::sort(dumps.begin(), dumps.end(), [](const State& a, const State& b) {
        return a.written != b.written ? a.written > b.written : a.file > b.file;
    });
    const bool spool = m_settings.keep > 0 && name.find('*') != std::string::npos;
    for (size_t i = m_settings.keep; spool && i < dumps.size(); ++i) fs::remove(dumps[i].file, error);
    return dumps.front();
}

std::optional<std::vector<fs::path>> DumpWatch::poll() {
    std::vector<State> now;
    for (const fs::path& pattern : m_settings.dumps) {
        if (auto state = newest(pattern)) now.push_back(std::move(*state));
    }
    const bool written = std::all_of(now.begin(), now.end(), [](const State& state) { return state.size > 0; });
    const bool still = written && now == m_seen;
    m_seen = std::move(now);
    if (!still || m_seen.empty() || m_seen == m_given) return std::nullopt;
    m_given = m_seen;
    std::vector<fs::path> files;
    for (const State& state : m_given) files.push_back(state.file);
    return files;
}

BgpTable readBgpTable(const std::vector<fs::path>& dumps) {
    BgpTable result;
    result.complete = true;
    routes::RouteTableBuilder builder;
    for (const fs::path& dump : dumps) {
        const routes::MrtSummary summary = routes::readMrt(dump, builder);
        result.complete = result.complete && summary.complete;
        if (summary.problem && result.problem.empty()) result.problem = dump.string() + ": " + *summary.problem;
    }
    result.table = builder.build();
    return result;
}

std::optional<directory::Route> soldRoute(const routes::RouteTable& table, const BgpSettings& settings,
                                          const IpAddress& to) {
    const auto match = table.find(to);
    if (!match) return std::nullopt;
    directory::Route route{match->prefix, {}};
    for (const routes::RouteTable::Route& one : match->routes) {
        auto path = sold(one, settings);
        if (route.paths.size() == directory::Paths::most) break;
        if (path && std::find(route.paths.begin(), route.paths.end(), *path) == route.paths.end()) {
            route.paths.push_back(std::move(*path));
        }
    }
    return route;
}

}  // namespace netpas::isp
