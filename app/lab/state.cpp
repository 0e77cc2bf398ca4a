#include "app/lab/state.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <thread>

#include <nlohmann/json.hpp>

#include "app/lab/netns.h"
#include "app/lab/process.h"

namespace netpas::lab {
namespace fs = std::filesystem;
namespace {

constexpr size_t maxLabName = 12;

std::string readFile(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::string manifestPath(const std::string& lab) { return labFolder(lab) + "/manifest.json"; }

// A namespace that the manifest names but that is not ours by its prefix is never touched.
bool belongsTo(const std::string& lab, const std::string& name) {
    return name.starts_with("np-" + lab + "-") && name.find('/') == std::string::npos;
}

}  // namespace

Expected<StateLock> StateLock::acquire() {
    std::error_code error;
    fs::create_directories(stateRoot(), error);
    const std::string path = stateRoot() + "/.lock";
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return fail(LabErrc::State, "cannot open " + path + ": " + std::strerror(errno) + "; netpas-lab needs root");
    }
    while (::flock(fd, LOCK_EX) != 0) {
        if (errno == EINTR) continue;
        ::close(fd);
        return fail(LabErrc::State, "cannot lock " + path + ": " + std::strerror(errno));
    }
    return StateLock(fd);
}

StateLock::StateLock(StateLock&& other) noexcept : m_fd(std::exchange(other.m_fd, -1)) {}

StateLock::~StateLock() {
    if (m_fd >= 0) ::close(m_fd);
}

bool isLabName(const std::string& name) {
    return !name.empty() && name.size() <= maxLabName && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    });
}

std::string stateRoot() { return "/run/netpas-lab"; }
std::string labFolder(const std::string& lab) { return stateRoot() + "/" + lab; }
std::string namespaceOf(const std::string& lab, const std::string& node) { return "np-" + lab + "-" + node; }

std::optional<uint64_t> processStartTime(pid_t pid) {
    const std::string stat = readFile("/proc/" + std::to_string(pid) + "/stat");
    const size_t end = stat.rfind(')');  // the command's name may hold anything
    if (end == std::string::npos) return std::nullopt;
    std::istringstream fields(stat.substr(end + 1));
    std::string field;
    for (int number = 3; number <= 22 && fields >> field; ++number) {
        if (number == 3 && field == "Z") return std::nullopt;
        if (number == 22) return std::stoull(field);
    }
    return std::nullopt;
}

bool ownerLives(const Manifest& manifest) { return processStartTime(manifest.owner) == manifest.ownerStart; }

Expected<void> writeManifest(const Manifest& manifest) {
    const nlohmann::json document{{"lab", manifest.lab},
                                  {"topology", manifest.topology},
                                  {"owner", manifest.owner},
                                  {"owner_start", manifest.ownerStart},
                                  {"namespaces", manifest.namespaces}};
    const std::string path = manifestPath(manifest.lab);
    std::ofstream out(path + ".new", std::ios::binary | std::ios::trunc);
    out << document.dump(2) << "\n";
    out.close();
    if (!out || ::rename((path + ".new").c_str(), path.c_str()) != 0) {
        return fail(LabErrc::State, "cannot write " + path + "; is /run full or read-only?");
    }
    return {};
}

Expected<void> claimLab(const StateLock&, const Manifest& manifest) {
    const std::string folder = labFolder(manifest.lab);
    if (::mkdir(folder.c_str(), 0755) != 0) {
        return fail(LabErrc::State, errno == EEXIST
                                        ? "a lab named '" + manifest.lab +
                                              "' is up already; choose --name, or run 'netpas-lab down --name " +
                                              manifest.lab + "'"
                                        : "cannot make " + folder + ": " + std::strerror(errno));
    }
    return writeManifest(manifest);
}

Expected<Manifest> readManifest(const std::string& lab) {
    const std::string text = readFile(manifestPath(lab));
    if (text.empty()) return fail(LabErrc::State, "no lab named '" + lab + "'; 'netpas-lab status' shows which are up");
    const auto document = nlohmann::json::parse(text, nullptr, false);
    const std::string damaged =
        "the manifest of lab '" + lab + "' is damaged; 'netpas-lab down --name " + lab + "' removes it";
    if (!document.is_object()) return fail(LabErrc::State, damaged);
    try {
        Manifest manifest;
        manifest.lab = document.at("lab").get<std::string>();
        manifest.topology = document.at("topology").get<std::string>();
        manifest.owner = document.at("owner").get<pid_t>();
        manifest.ownerStart = document.at("owner_start").get<uint64_t>();
        manifest.namespaces = document.at("namespaces").get<std::vector<std::string>>();
        return manifest;
    } catch (const nlohmann::json::exception&) {
        return fail(LabErrc::State, damaged);
    }
}

std::vector<std::string> labNames() {
    std::vector<std::string> names;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(stateRoot(), error)) {
        const std::string name = entry.path().filename().string();
        if (isLabName(name) && entry.is_directory(error)) names.push_back(name);
    }
    std::sort(names.begin(), names.end());
    return names;
}

Expected<void> removeLab(const std::string& lab) {
    if (!isLabName(lab)) return fail(LabErrc::Usage, "'" + lab + "' is no lab name; use lower-case letters and digits");
    std::vector<std::string> namespaces;
    if (const auto manifest = readManifest(lab)) {
        namespaces = manifest->namespaces;
    } else {
        // A folder without a readable manifest: the prefix still tells the namespaces.
        std::error_code error;
        for (const auto& entry : fs::directory_iterator("/run/netns", error))
            namespaces.push_back(entry.path().filename().string());
    }
    std::erase_if(namespaces, [&](const std::string& name) { return !belongsTo(lab, name); });

    const auto killed = waitUntil("the processes of lab " + lab + " to die", std::chrono::seconds(10), [&] {
        const auto left = processesIn(namespaces);
        for (const pid_t pid : left) {
            if (pid != ::getpid()) ::kill(pid, SIGKILL);
        }
        return left.empty();
    });
    for (const std::string& name : namespaces) {
        const std::string path = namespacePath(name);
        while (::umount2(path.c_str(), MNT_DETACH) == 0) {
        }
        ::unlink(path.c_str());
    }
    std::error_code error;
    // Who has just been told to end may take its own files away meanwhile.
    constexpr int tries = 5;
    for (int i = 0; i < tries; ++i) {
        fs::remove_all(labFolder(lab), error);
        if (!error) break;
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    if (!killed) return tl::unexpected(killed.error());
    if (error) return fail(LabErrc::State, "cannot remove " + labFolder(lab) + ": " + error.message());
    return {};
}

std::vector<std::string> sweepStaleLabs(const StateLock&) {
    std::vector<std::string> swept;
    for (const std::string& lab : labNames()) {
        const auto manifest = readManifest(lab);
        if (manifest && ownerLives(*manifest)) continue;
        if (removeLab(lab)) swept.push_back(lab);
    }
    return swept;
}

std::string freeLabName(const StateLock&, const std::string& wish) {
    std::string base;
    for (const char c : wish) {
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) base += c;
    }
    if (base.empty()) base = "lab";
    base.resize(std::min<size_t>(base.size(), 9));
    std::string name = base;
    for (int number = 2; fs::exists(labFolder(name)); ++number) name = base + std::to_string(number);
    return name;
}

}  // namespace netpas::lab
