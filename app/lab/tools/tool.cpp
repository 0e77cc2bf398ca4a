#include "app/lab/tools/tool.h"

#include <csignal>
#include <fstream>
#include <iterator>

#include <nlohmann/json.hpp>

namespace netpas::lab {
namespace {

// Several tools of one name may run: each start gets its own files.
int nextNumber() {
    static int number = 0;
    return ++number;
}

Expected<Process> launch(Lab& lab, const std::string& node, const std::string& name, std::vector<std::string> argv,
                         std::map<std::string, std::string> environment) {
    const std::string label = name + "-" + node + "-" + std::to_string(nextNumber());
    ProcessSpec spec;
    spec.name = label;
    spec.argv = std::move(argv);
    spec.netns = lab.netns(node);
    spec.logFile = lab.logFile(label);
    spec.outFile = lab.folder() + "/log/" + label + ".out";
    spec.environment = std::move(environment);
    return Process::start(std::move(spec));
}

std::string lastLine(const std::string& text) {
    const size_t end = text.find_last_not_of('\n');
    if (end == std::string::npos) return {};
    const size_t begin = text.rfind('\n', end);
    return text.substr(begin == std::string::npos ? 0 : begin + 1,
                       end - (begin == std::string::npos ? 0 : begin + 1) + 1);
}

}  // namespace

Expected<Tool> Tool::start(Lab& lab, const std::string& node, const std::string& name,
                           std::vector<std::string> arguments) {
    std::vector<std::string> argv{"/proc/self/exe", "tool", name};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    auto process = launch(lab, node, name, std::move(argv), {});
    if (!process) return tl::unexpected(process.error());
    Tool tool(std::move(*process));
    LAB_TRY(waitUntil(name + " to get ready", std::chrono::seconds(10),
                      [&] { return tool.output().starts_with("ready\n") || !tool.m_process.running(); }));
    if (!tool.output().starts_with("ready\n")) {
        return fail(LabErrc::Process, name + " on " + node + " failed: " + tool.m_process.logTail());
    }
    return tool;
}

Expected<Tool> Tool::startProgram(Lab& lab, const std::string& node, const std::string& name,
                                  std::vector<std::string> argv, std::map<std::string, std::string> environment) {
    auto process = launch(lab, node, name, std::move(argv), std::move(environment));
    if (!process) return tl::unexpected(process.error());
    return Tool(std::move(*process));
}

Expected<Json> Tool::finish(std::chrono::milliseconds limit) {
    const auto status = m_process.wait(limit);
    if (!status) return tl::unexpected(status.error());
    Json result = Json::parse(lastLine(output()), nullptr, false);
    if (*status != 0 || !result.is_object()) {
        return fail(LabErrc::Process,
                    m_process.spec().name + " ended with " + std::to_string(*status) + ": " + m_process.logTail());
    }
    return result;
}

Expected<Json> Tool::stop(std::chrono::milliseconds limit) {
    m_process.signal(SIGTERM);
    return finish(limit);
}

std::string Tool::output() const {
    std::ifstream in(m_process.spec().outFile, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

}  // namespace netpas::lab
