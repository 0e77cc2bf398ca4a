#include "app/lab/bgp_routers.h"

#include <filesystem>
#include <fstream>

#include "app/lab/bgp_configs.h"
#include "app/lab/netns.h"
#include "app/lab/parties.h"
#include "core/directory/documents.h"
#include "core/net/http_client.h"

namespace netpas::lab {
namespace fs = std::filesystem;
namespace {

constexpr auto routesLimit = std::chrono::seconds(30);

// Debian keeps it where users do not look.
std::string birdPath() {
    for (const char* path : {"/usr/sbin/bird", "/usr/local/sbin/bird", "/usr/bin/bird"}) {
        std::error_code error;
        if (fs::exists(path, error)) return path;
    }
    return {};
}

Expected<void> write(const std::string& file, const std::string& text) {
    std::ofstream out(file, std::ios::binary | std::ios::trunc);
    out << text;
    out.close();
    if (!out) return fail(LabErrc::State, "cannot write " + file);
    return {};
}

// Whether the directory at `where` names a path to an address, asked from beside it.
bool offersPath(const Lab& lab, const IspSpec& isp, const directory::JoinUrl& where, const IpAddress& to) {
    bool offered = false;
    (void)inNamespace(lab.netns(isp.routers[0]), [&]() -> Expected<void> {
        net::HttpCall call;
        call.target = "/v1/paths?to=" + to.toString();
        call.timeout = std::chrono::seconds(2);
        const auto answer = net::httpCall(net::TlsTarget{where.directory, where.key}, call);
        if (!answer || answer->status != 200) return {};
        const auto paths = directory::openPaths(answer->body, where.key, IspId(isp.id), systemClock().now());
        offered = paths && !paths->paths.empty();
        return {};
    });
    return offered;
}

}  // namespace

std::string birdProgram(const std::string& router) { return "bird-" + router; }

Expected<void> startRouters(Lab& lab) {
    const std::string bird = birdPath();
    if (bird.empty())
        return fail(LabErrc::Usage, "the ISPs of this topology speak BGP; install BIRD 2: apt install bird2");
    for (const IspSpec& isp : lab.topology().isps) {
        if (isp.overlayOnly) continue;
        const std::string folder = lab.folder() + "/isp/" + isp.name;
        std::error_code error;
        fs::create_directories(folder + "/bgp", error);
        for (const std::string& router : isp.routers) {
            const std::string stem = folder + "/bird-" + router;
            LAB_TRY(write(stem + ".conf", birdConfig(lab.topology(), lab.plan(), isp, router, folder)));
            LAB_TRY(lab.startProgram(birdProgram(router), router,
                                     {bird, "-f", "-c", stem + ".conf", "-s", stem + ".sock", "-P", stem + ".pid"}));
        }
    }
    return {};
}

Expected<void> awaitRoutes(Lab& lab) {
    for (const IspSpec& isp : lab.topology().isps) {
        if (isp.overlayOnly) continue;
        const auto text = joinUrl(lab, isp.name);
        if (!text) return tl::unexpected(text.error());
        const auto where = directory::parseJoinUrl(*text);
        for (const IspSpec& other : lab.topology().isps) {
            if (other.overlayOnly || lab.plan().ispPath(lab.topology(), isp.routers[0], other.routers[0]).empty())
                continue;
            for (const IpAddress& to : lab.plan().ispAddress.at(other.name)) {
                LAB_TRY(waitUntil("BGP's routes from " + isp.name + " to " + other.name, routesLimit,
                                  [&] { return offersPath(lab, isp, *where, to); }));
            }
        }
    }
    return lab.checkPrograms();
}

}  // namespace netpas::lab
