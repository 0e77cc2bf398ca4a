#include "app/lab/scenario/process_tree.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

namespace netpas::lab {
namespace {

// Nothing of a process that ends while it is read: iterators over the stream would throw then.
std::string contents(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

// From /proc/PID/stat: "PID (name) state parent ...", where the name may contain anything.
pid_t parentIn(const std::string& stat) {
    const size_t end = stat.rfind(')');
    if (end == std::string::npos || end + 4 >= stat.size()) return -1;
    pid_t parent = -1;
    std::from_chars(stat.data() + end + 4, stat.data() + stat.size(), parent);
    return parent;
}

std::map<pid_t, pid_t> parents() {
    std::map<pid_t, pid_t> all;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
        const std::string name = entry.path().filename().string();
        pid_t pid = 0;
        const auto read = std::from_chars(name.data(), name.data() + name.size(), pid);
        if (read.ec != std::errc() || read.ptr != name.data() + name.size()) continue;
        all[pid] = parentIn(contents(entry.path() / "stat"));
    }
    return all;
}

}  // namespace

std::optional<pid_t> descendantWith(pid_t ancestor, const std::string& text) {
    const auto all = parents();
    for (const auto& [pid, parent] : all) {
        std::set<pid_t> seen;
        pid_t above = parent;
        while (above > 1 && above != ancestor && seen.insert(above).second) {
            const auto next = all.find(above);
            above = next == all.end() ? -1 : next->second;
        }
        if (above != ancestor) continue;
        std::string line = contents("/proc/" + std::to_string(pid) + "/cmdline");
        std::replace(line.begin(), line.end(), '\0', ' ');
        if (line.find(text) != std::string::npos) return pid;
    }
    return std::nullopt;
}

ProcessLoad loadOf(pid_t pid) {
    const std::string folder = "/proc/" + std::to_string(pid);
    const std::string stat = contents(folder + "/stat");
    std::istringstream fields(stat.substr(std::min(stat.rfind(')') + 1, stat.size()))),
        memory(contents(folder + "/statm"));
    std::string skipped;
    for (int i = 0; i < 11; ++i) fields >> skipped;
    double user = 0, system = 0, size = 0, resident = 0;
    fields >> user >> system;
    memory >> size >> resident;
    return {(user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK)),
            resident * static_cast<double>(::sysconf(_SC_PAGESIZE))};
}

}  // namespace netpas::lab
