#include "app/lab/lab.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "app/lab/network.h"
#include "app/lab/parties.h"

namespace netpas::lab {
namespace fs = std::filesystem;
namespace {

Expected<void> writeTextFile(const std::string& path, const std::string& text) {
    std::ofstream out(path, std::ios::binary | std::ios::trunc);
    out << text;
    out.close();
    if (!out) return fail(LabErrc::State, "cannot write " + path);
    return {};
}

}  // namespace

std::string programPath(const std::string& name) {
    std::error_code error;
    const auto self = fs::read_symlink("/proc/self/exe", error);
    if (!error) {
        const auto beside = self.parent_path() / name;
        if (::access(beside.c_str(), X_OK) == 0) return beside;
    }
    return name;
}

std::string resourcePath(const std::string& file) {
    std::error_code error;
    const auto folder = fs::read_symlink("/proc/self/exe", error).parent_path();
    if (const auto shared = (folder / "../share/netpas" / file).lexically_normal(); fs::exists(shared, error))
        return shared;
    for (auto above = folder; above.has_relative_path(); above = above.parent_path()) {
        if (const auto source = above / "resources" / file; fs::exists(source, error)) return source;
    }
    return "resources/" + file;
}

Lab::Lab(std::string name, Topology topology, NetworkPlan plan)
    : m_name(std::move(name)), m_topology(std::move(topology)), m_plan(std::move(plan)) {}

Expected<std::unique_ptr<Lab>> Lab::bringUp(const std::string& name, Topology topology, bool bare) {
    auto plan = makePlan(topology);
    if (!plan) return tl::unexpected(plan.error());
    std::unique_ptr<Lab> lab(new Lab(name, std::move(topology), std::move(*plan)));
    std::error_code error;
    for (const char* part : {"log", "ready", "isp", "host"}) fs::create_directories(lab->folder() + "/" + part, error);
    LAB_TRY(writeTextFile(lab->folder() + "/topology.toml", formatTopology(lab->m_topology)));

    auto manifest = readManifest(name);
    if (!manifest) return tl::unexpected(manifest.error());
    for (const std::string& node : lab->m_topology.nodes()) manifest->namespaces.push_back(lab->netns(node));
    LAB_TRY(writeManifest(*manifest));
    LAB_TRY(makeNetwork(name, lab->m_topology, lab->m_plan, [&](size_t link) { return lab->startWire(link); }));
    if (!bare) LAB_TRY(startParties(*lab));
    LAB_TRY(lab->checkPrograms());
    return lab;
}

Expected<void> Lab::startWire(size_t linkIndex) {
    const LinkSpec& link = m_topology.links[linkIndex];
    const std::string ready = folder() + "/ready/" + link.name;
    std::vector<std::string> argv{
        "/proc/self/exe", "wire", "--ready", ready, "--seed", std::to_string(m_topology.seed + linkIndex)};
    for (size_t side = 0; side < 2; ++side) {
        const InterfacePlan& end = m_plan.links[linkIndex][side];
        argv.insert(argv.end(), {"--end", netns(end.node) + "," + end.name});
        argv.insert(argv.end(),
                    {"--direction", toString(link.direction[side].delay) + "," + toString(link.direction[side].loss)});
    }
    const std::string program = "wire-" + link.name;
    ProcessSpec spec;
    spec.name = program;
    spec.argv = std::move(argv);
    spec.logFile = logFile(program);
    auto process = Process::start(std::move(spec));
    if (!process) return tl::unexpected(process.error());
    Process& wire = m_programs.insert_or_assign(program, std::move(*process)).first->second;
    LAB_TRY(waitUntil("the wire " + link.name, std::chrono::seconds(10),
                      [&] { return fs::exists(ready) || !wire.running(); }));
    if (!wire.running()) return fail(LabErrc::Process, "the wire " + link.name + " died: " + wire.logTail());
    return {};
}

Expected<void> Lab::startProgram(const std::string& name, const std::string& node, std::vector<std::string> argv,
                                 std::map<std::string, std::string> environment) {
    ProcessSpec spec;
    spec.name = name;
    spec.argv = std::move(argv);
    spec.netns = netns(node);
    spec.logFile = logFile(name);
    spec.environment = std::move(environment);
    auto process = Process::start(std::move(spec));
    if (!process) return tl::unexpected(process.error());
    m_programs.insert_or_assign(name, std::move(*process));
    return recordProgram(name);
}

// For `status`, which runs in another process.
Expected<void> Lab::recordProgram(const std::string& name) {
    std::error_code error;
    fs::create_directories(folder() + "/pid", error);
    return writeTextFile(folder() + "/pid/" + name, std::to_string(m_programs.at(name).pid()) + "\n");
}

Process* Lab::program(const std::string& name) {
    const auto at = m_programs.find(name);
    return at != m_programs.end() ? &at->second : nullptr;
}

std::vector<std::string> Lab::programNames() const {
    std::vector<std::string> names;
    for (const auto& [name, process] : m_programs) names.push_back(name);
    return names;
}

void Lab::stopProgram(const std::string& name) {
    std::error_code error;
    fs::remove(folder() + "/pid/" + name, error);
    m_programs.erase(name);
}

Expected<void> Lab::checkPrograms() {
    for (auto& [name, process] : m_programs) {
        if (process.running()) continue;
        return fail(LabErrc::Process,
                    name + " ended with status " + std::to_string(*process.exitStatus()) + ": " + process.logTail());
    }
    return {};
}

Expected<LabView> openLab(const std::string& name) {
    auto manifest = readManifest(name);
    if (!manifest) return tl::unexpected(manifest.error());
    auto topology = loadTopology(labFolder(name) + "/topology.toml");
    if (!topology) return tl::unexpected(topology.error());
    auto plan = makePlan(*topology);
    if (!plan) return tl::unexpected(plan.error());
    return LabView{std::move(*manifest), std::move(*topology), std::move(*plan)};
}

Expected<std::string> chooseLab(const std::string& given) {
    if (!given.empty()) return given;
    const auto names = labNames();
    if (names.size() == 1) return names.front();
    if (names.empty()) return fail(LabErrc::State, "no lab is up; try 'netpas-lab up figure3'");
    std::string text = "several labs are up; add --name with one of:";
    for (const std::string& name : names) text += " " + name;
    return fail(LabErrc::Usage, text);
}

}  // namespace netpas::lab
