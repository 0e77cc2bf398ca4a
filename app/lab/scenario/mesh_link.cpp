#include "app/lab/scenario/mesh_link.h"

#include <nlohmann/json.hpp>

#include "app/lab/command.h"
#include "app/lab/parties.h"

namespace netpas::lab {

Expected<void> linkNeighbours(const Lab& lab, const std::string& first, const std::string& second) {
    const auto run = [](const std::vector<std::string>& argv) -> Expected<void> {
        return requireCommand(argv).map([](const auto&) {});
    };
    LAB_TRY(run({"ip", "link", "add", "name", meshInterface(first), "netns", lab.netns(first), "type", "veth", "peer",
                 "name", meshInterface(second), "netns", lab.netns(second)}));
    for (const std::string& host : {first, second}) {
        const std::string address = host == first ? firstMeshAddress : secondMeshAddress;
        LAB_TRY(run({"ip", "-n", lab.netns(host), "link", "set", meshInterface(host), "up"}));
        LAB_TRY(run({"ip", "-n", lab.netns(host), "address", "add", address + "/24", "dev", meshInterface(host)}));
    }
    return {};
}

Expected<void> startNeighbour(Lab& lab, const std::string& host, const std::vector<std::string>& more) {
    if (Process* const runs = lab.program(agentProgram(host)); runs != nullptr) runs->stop(std::chrono::seconds(6));
    std::vector<std::string> options{"--mesh", meshInterface(host)};
    options.insert(options.end(), more.begin(), more.end());
    LAB_TRY(startAgent(lab, host, options));
    return netpas(lab, host, {"receive", "on"}).map([](const auto&) {});
}

}  // namespace netpas::lab
