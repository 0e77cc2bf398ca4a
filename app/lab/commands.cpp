#include "app/lab/commands.h"

#include <unistd.h>
#include <cctype>
#include <cerrno>
#include <cstring>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <set>

#include <nlohmann/json.hpp>

#include "app/lab/netns.h"
#include "app/lab/parties.h"
#include "app/lab/scenario/scenario.h"
#include "app/lab/session.h"

namespace netpas::lab {
namespace fs = std::filesystem;
namespace {

using Json = nlohmann::ordered_json;

std::string joined(const std::vector<std::string>& parts) {
    std::string text;
    for (const std::string& part : parts) text += (text.empty() ? "" : ", ") + part;
    return text;
}

std::vector<std::string> texts(const std::vector<IpAddress>& addresses) {
    std::vector<std::string> result;
    for (const IpAddress& address : addresses) result.push_back(address.toString());
    return result;
}

Json programsOf(const std::string& lab) {
    Json programs = Json::object();
    std::error_code error;
    std::set<fs::path> files;
    for (const auto& entry : fs::directory_iterator(labFolder(lab) + "/pid", error)) files.insert(entry.path());
    for (const fs::path& file : files) {
        std::ifstream in(file);
        pid_t pid = 0;
        in >> pid;
        programs[file.filename().string()] = Json{{"pid", pid}, {"running", processStartTime(pid).has_value()}};
    }
    return programs;
}

Json describeLab(const LabView& view) {
    Json hosts = Json::object();
    for (const HostSpec& host : view.topology.hosts) {
        hosts[host.name] = Json{{"addresses", texts(view.plan.hostAddress.at(host.name))},
                                {"isp", view.topology.ispOfHost(host.behind.empty() ? host.name : host.behind)->name},
                                {"agent", host.agent},
                                {"namespace", namespaceOf(view.manifest.lab, host.name)}};
    }
    Json isps = Json::object();
    for (const IspSpec& isp : view.topology.isps) {
        isps[isp.name] =
            Json{{"id", isp.id}, {"routers", isp.routers}, {"servers", texts(view.plan.ispAddress.at(isp.name))}};
    }
    Json links = Json::array();
    for (const LinkSpec& link : view.topology.links)
        links.push_back(Json{{"name", link.name}, {"between", link.between}});
    return Json{{"lab", view.manifest.lab},
                {"topology", view.manifest.topology},
                {"owner", view.manifest.owner},
                {"alive", ownerLives(view.manifest)},
                {"folder", labFolder(view.manifest.lab)},
                {"hosts", hosts},
                {"isps", isps},
                {"links", links},
                {"programs", programsOf(view.manifest.lab)}};
}

void printLab(const Json& lab) {
    std::cout << "lab " << lab["lab"].get<std::string>() << " (" << lab["topology"].get<std::string>() << ")"
              << (lab["alive"].get<bool>() ? "" : "  OWNER DEAD: the next 'up' removes it") << "\n";
    for (const auto& [name, host] : lab["hosts"].items()) {
        std::cout << "  host " << name << "  " << joined(host["addresses"].get<std::vector<std::string>>())
                  << "  at ISP " << host["isp"].get<std::string>()
                  << (host["agent"].get<bool>() ? "  with an agent" : "") << "\n";
    }
    for (const auto& [name, isp] : lab["isps"].items()) {
        std::cout << "  ISP " << name << " (" << isp["id"] << ")  routers "
                  << joined(isp["routers"].get<std::vector<std::string>>()) << "  servers "
                  << joined(isp["servers"].get<std::vector<std::string>>()) << "\n";
    }
    for (const auto& link : lab["links"]) std::cout << "  link " << link["name"].get<std::string>() << "\n";
    for (const auto& [name, program] : lab["programs"].items()) {
        if (!program["running"].get<bool>())
            std::cout << "  program " << name << " HAS ENDED; see " << lab["folder"].get<std::string>() << "/log\n";
    }
}

}  // namespace

int report(const LabError& error) {
    std::cerr << "netpas-lab: " << error.text << std::endl;
    return error.code == LabErrc::Usage ? 2 : 1;
}

int commandUp(const std::string& topologyName, const std::string& name, bool bare) {
    const auto topology = loadTopology(topologyName);
    if (!topology) return report(topology.error());
    SessionOptions options;
    options.name = name;
    options.bare = bare;
    options.keep = true;
    const auto status = runSession(options, *topology, [](Lab& lab) {
        std::cout << "lab " << lab.name() << " is up";
        for (const HostSpec& host : lab.topology().hosts) {
            std::cout << "; " << host.name << " " << joined(texts(lab.plan().hostAddress.at(host.name)));
        }
        std::cout << "\nTry: netpas-lab exec --name " << lab.name()
                  << " HOST -- COMMAND, netpas-lab status, netpas-lab down --name " << lab.name() << std::endl;
        return 0;
    });
    return status ? *status : report(status.error());
}

int commandDown(const std::string& name, bool all) {
    std::vector<std::string> names;
    if (all) {
        names = labNames();
    } else {
        const auto chosen = chooseLab(name);
        if (!chosen) return report(chosen.error());
        names = {*chosen};
    }
    int status = 0;
    for (const std::string& lab : names) {
        if (const auto down = takeDown(lab); !down) status = report(down.error());
    }
    return status;
}

int commandStatus(const std::string& name, bool json) {
    std::vector<std::string> names = name.empty() ? labNames() : std::vector<std::string>{name};
    Json all = Json::array();
    int status = 0;
    for (const std::string& lab : names) {
        const auto view = openLab(lab);
        if (view) {
            all.push_back(describeLab(*view));
        } else {
            status = report(view.error());
        }
    }
    if (json) {
        std::cout << all.dump(2) << std::endl;
    } else {
        for (const Json& lab : all) printLab(lab);
        if (all.empty() && status == 0) std::cout << "no lab is up; try 'netpas-lab up figure3'\n";
    }
    return status;
}

int commandList(bool json) {
    Json all = Json::array();
    std::set<std::string> seen;
    for (const std::string& folder : topologyFolders()) {
        std::error_code error;
        std::set<fs::path> files;
        for (const auto& entry : fs::directory_iterator(folder, error)) {
            if (entry.path().extension() == ".toml") files.insert(entry.path());
        }
        for (const fs::path& file : files) {
            if (!seen.insert(file.stem().string()).second) continue;
            const auto topology = loadTopology(file.string());
            if (!topology) {
                report(topology.error());
                continue;
            }
            all.push_back(Json{{"name", file.stem().string()}, {"description", topology->description}});
        }
    }
    Json known = Json::array();
    for (const Scenario& scenario : scenarios()) {
        known.push_back(Json{{"name", scenario.name}, {"description", scenario.description}});
    }
    if (json) {
        std::cout << Json{{"topologies", all}, {"scenarios", known}}.dump(2) << std::endl;
        return 0;
    }
    const auto print = [](const char* title, const Json& entries) {
        std::cout << title << "\n";
        for (const Json& entry : entries) {
            const auto name = entry["name"].get<std::string>();
            const size_t gap = name.size() < 24 ? 24 - name.size() : 1;
            std::cout << "  " << name << std::string(gap, ' ') << entry["description"].get<std::string>() << "\n";
        }
    };
    print("topologies, for 'netpas-lab up':", all);
    print("scenarios, for 'netpas-lab run':", known);
    return 0;
}

namespace {

// Node names are lower case; the paper's hosts and ISPs are not, and people type them as they read them.
std::string lowerCase(std::string text) {
    for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return text;
}

}  // namespace

int commandExec(const std::string& name, const std::string& typed, std::vector<std::string> command) {
    std::string node = typed;
    if (!command.empty() && command.front() == "--") command.erase(command.begin());
    if (command.empty()) return report({LabErrc::Usage, "no command; write netpas-lab exec HOST -- COMMAND"});
    const auto lab = chooseLab(name);
    if (!lab) return report(lab.error());
    const auto view = openLab(*lab);
    if (!view) return report(view.error());
    const auto nodes = view->topology.nodes();
    if (std::find(nodes.begin(), nodes.end(), node) == nodes.end()) node = lowerCase(typed);
    if (std::find(nodes.begin(), nodes.end(), node) == nodes.end()) {
        return report({LabErrc::Usage, "no node '" + typed + "' in lab " + *lab + "; it has " + joined(nodes)});
    }
    if (const auto entered = enterNamespaceWithSysfs(namespaceOf(*lab, node)); !entered) return report(entered.error());
    const HostSpec* host = view->topology.host(node);
    if (host != nullptr && host->agent) {
        ::setenv("NETPAS_SOCKET", agentSocket(*lab, node).c_str(), 1);
        ::unsetenv("NETPAS_SECRETARY_SOCKET");  // it is beside the agent's
    }
    // The programs that came with the lab are found first.
    const std::string bin = fs::path(programPath("netpas-lab")).parent_path();
    const char* path = std::getenv("PATH");
    ::setenv("PATH",
             (bin.empty() ? std::string() : bin + ":")
                 .append(path != nullptr ? path : "/usr/sbin:/usr/bin:/sbin:/bin")
                 .c_str(),
             1);
    std::vector<char*> args;
    for (const std::string& part : command) args.push_back(const_cast<char*>(part.c_str()));
    args.push_back(nullptr);
    ::execvp(args[0], args.data());
    std::cerr << "netpas-lab: cannot run " << command[0] << ": " << std::strerror(errno) << std::endl;
    return 127;
}

}  // namespace netpas::lab
