#include "app/lab/tools/process_memory.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>

#include <sodium.h>

namespace netpas::lab {
namespace {

constexpr uint64_t present = uint64_t{1} << 63, swapped = uint64_t{1} << 62;  // of an entry in pagemap

struct Descriptor {
    explicit Descriptor(const std::string& path) : fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
    ~Descriptor() {
        if (fd >= 0) ::close(fd);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int fd;
};

// The pages of one mapping, as far as they exist.
void readMapping(int memory, int pagemap, uint64_t begin, uint64_t end, std::vector<std::vector<uint8_t>>& runs) {
    const auto page = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
    std::array<uint64_t, 4096> entries{};
    std::vector<uint8_t> run;
    const auto finish = [&] {
        if (!run.empty()) runs.push_back(std::move(run));
        run.clear();
    };
    for (uint64_t at = begin; at < end; at += entries.size() * page) {
        const size_t count = std::min<uint64_t>(entries.size(), (end - at) / page);
        const ssize_t got = ::pread(pagemap, entries.data(), count * 8, static_cast<off_t>(at / page * 8));
        const size_t known = got > 0 ? static_cast<size_t>(got) / 8 : 0;
        for (size_t i = 0; i < known; ++i) {
            const size_t before = run.size();
            if ((entries[i] & (present | swapped)) != 0) {
                run.resize(before + page);
                const auto offset = static_cast<off_t>(at + i * page);
                if (::pread(memory, run.data() + before, page, offset) == static_cast<ssize_t>(page)) continue;
                run.resize(before);
            }
            finish();
        }
    }
    finish();
}

Pattern patternFrom(std::string_view text) { return {text.begin(), text.end()}; }

std::string base64(std::span<const uint8_t> bytes, int variant) {
    std::string text(sodium_base64_encoded_len(bytes.size(), variant), '\0');
    sodium_bin2base64(text.data(), text.size(), bytes.data(), bytes.size(), variant);
    text.resize(std::strlen(text.c_str()));
    return text;
}

}  // namespace

Expected<ProcessMemory> ProcessMemory::read(pid_t pid) {
    const std::string process = "/proc/" + std::to_string(pid);
    const Descriptor memory(process + "/mem"), pagemap(process + "/pagemap");
    std::ifstream maps(process + "/maps");
    if (memory.fd < 0 || pagemap.fd < 0 || !maps) {
        return fail(LabErrc::System, "the memory of process " + std::to_string(pid) +
                                         " cannot be read: " + std::strerror(errno) + "; run this as root");
    }
    ProcessMemory all;
    std::string line;
    while (std::getline(maps, line)) {
        unsigned long long begin = 0, end = 0;
        if (std::sscanf(line.c_str(), "%llx-%llx", &begin, &end) != 2) continue;
        // The kernel's own pages: clocks and system calls.
        if (line.find("[vvar") != std::string::npos || line.find("[vsyscall]") != std::string::npos) continue;
        readMapping(memory.fd, pagemap.fd, begin, end, all.m_runs);
    }
    if (all.m_runs.empty()) {
        return fail(LabErrc::System, "process " + std::to_string(pid) + " has no memory: it has ended");
    }
    return all;
}

size_t ProcessMemory::bytes() const {
    size_t sum = 0;
    for (const auto& run : m_runs) sum += run.size();
    return sum;
}

size_t ProcessMemory::count(const Pattern& pattern) const { return behind(pattern, 0).size(); }

std::vector<Pattern> ProcessMemory::behind(const Pattern& pattern, size_t size) const {
    std::vector<Pattern> found;
    if (pattern.empty()) return found;
    for (const auto& run : m_runs) {
        const uint8_t* at = run.data();
        const uint8_t* const end = at + run.size();
        while ((at = static_cast<const uint8_t*>(
                    ::memmem(at, static_cast<size_t>(end - at), pattern.data(), pattern.size()))) != nullptr) {
            const uint8_t* const after = at + pattern.size();
            if (static_cast<size_t>(end - after) >= size) found.emplace_back(after, after + size);
            ++at;
        }
    }
    return found;
}

std::vector<Pattern> formsOf(std::span<const uint8_t> key) {
    const Pattern raw(key.begin(), key.end());
    const auto half = static_cast<std::ptrdiff_t>(raw.size() / 2);
    std::vector<Pattern> forms{{raw.begin(), raw.begin() + half}, {raw.begin() + half, raw.end()}};
    forms.emplace_back(raw.rbegin(), raw.rend());
    std::string hex(raw.size() * 2 + 1, '\0');
    sodium_bin2hex(hex.data(), hex.size(), raw.data(), raw.size());
    hex.pop_back();
    forms.push_back(patternFrom(hex));
    std::transform(hex.begin(), hex.end(), hex.begin(),
                   [](char c) { return c >= 'a' ? static_cast<char>(c - 32) : c; });
    forms.push_back(patternFrom(hex));
    // Inside a longer text the first and last characters also stand for its neighbours.
    constexpr size_t edge = 4;
    for (size_t shift = 0; shift < 3; ++shift) {
        Pattern moved(shift, 0);
        moved.insert(moved.end(), raw.begin(), raw.end());
        for (const int variant :
             {sodium_base64_VARIANT_ORIGINAL_NO_PADDING, sodium_base64_VARIANT_URLSAFE_NO_PADDING}) {
            const std::string text = base64(moved, variant);
            if (text.size() > 3 * edge) forms.push_back(patternFrom(text.substr(edge, text.size() - 2 * edge)));
        }
    }
    return forms;
}

std::vector<Pattern> formsOf(std::string_view text) {
    Pattern wide;
    for (const char c : text) wide.insert(wide.end(), {static_cast<uint8_t>(c), 0});
    return {patternFrom(text), patternFrom(text.substr(0, text.size() / 2)), wide};
}

std::vector<pid_t> descendantsOf(pid_t pid) {
    std::multimap<pid_t, pid_t> children;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
        const std::string name = entry.path().filename();
        pid_t child = 0, parent = 0;
        if (std::from_chars(name.data(), name.data() + name.size(), child).ec != std::errc{}) continue;
        std::ifstream status(entry.path() / "status");
        std::string word;
        while (status >> word && word != "PPid:") continue;
        if (status >> parent) children.emplace(parent, child);
    }
    std::vector<pid_t> found{pid};
    for (size_t i = 0; i < found.size(); ++i) {
        const auto [first, last] = children.equal_range(found[i]);
        for (auto it = first; it != last; ++it) found.push_back(it->second);
    }
    found.erase(found.begin());
    return found;
}

std::string commandLineOf(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/cmdline", std::ios::binary);
    std::string line((std::istreambuf_iterator<char>(file)), {});
    std::replace(line.begin(), line.end(), '\0', ' ');
    return line;
}

std::string nameOfProcess(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/comm");
    std::string name;
    std::getline(file, name);
    return name;
}

}  // namespace netpas::lab
