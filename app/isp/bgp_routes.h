// The paid paths of an ISP as its own router knows them (NetPaS §3.1.2, §5.3): dumps of its routing table (MRT), which a BGP daemon
// rewrites, with every alternate in them. AS numbers have 32 bits and ISP identifiers 16: the directory's configuration maps them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cartographer/routes/route_table.h"
#include "core/directory/publisher.h"

namespace netpas::isp {

struct BgpSettings {
    // A file, or one * in its name stands for what differs. Several: parts of one table, such as one of each address family.
    std::vector<std::filesystem::path> dumps;
    size_t keep = 0;                       // of each, older ones are removed down to so many; 0: none is
    IspId isp;                             // whose router it is
    std::map<uint32_t, IspId> isps;        // of AS numbers, the ISP's own too
    std::map<IpAddress, ExitPoint> exits;  // by the address of the neighbouring router that told a route
};

// The newest dumps, as soon as nobody writes them any more. One thread.
class DumpWatch {
public:
    explicit DumpWatch(const BgpSettings& settings) : m_settings(settings) {}
    // To be called a few times a second: one file of each kind, when one was not handed out before and all stand still since the last
    // call. A kind that has no file yet is left out.
    [[nodiscard]] std::optional<std::vector<std::filesystem::path>> poll();

private:
    struct State {
        std::filesystem::path file;
        std::filesystem::file_time_type written;
        uintmax_t size = 0;
        friend bool operator==(const State&, const State&) = default;
    };
    [[nodiscard]] std::optional<State> newest(const std::filesystem::path& pattern) const;

    const BgpSettings& m_settings;
    std::vector<State> m_seen;
    std::vector<State> m_given;
};

struct BgpTable {
    routes::RouteTable table;
    std::string problem;    // of the dump; empty: none
    bool complete = false;  // all of it was read
};
// Blocks for as long as reading takes; any thread.
[[nodiscard]] BgpTable readBgpTable(const std::vector<std::filesystem::path>& dumps);

// What can be sold of the routes to an address: shortest first, then as the peers are numbered; without those that cross an AS that is
// no ISP of ours, whose order is unknown, that come through this ISP again or have more than 16 ISPs. Nothing: no route covers it.
[[nodiscard]] std::optional<directory::Route> soldRoute(const routes::RouteTable& table, const BgpSettings& settings,
                                                        const IpAddress& to);

}  // namespace netpas::isp
