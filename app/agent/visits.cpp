#include "app/agent/visits.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace netpas::agent {

namespace {

namespace fs = std::filesystem;
using Milliseconds = std::chrono::milliseconds;

// Nothing: not one of ours.
std::optional<Milliseconds> timeOf(const fs::path& visit) {
    const std::string name = visit.filename().string();
    Milliseconds::rep count = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), count);
    if (error != std::errc{} || end != name.data() + name.size() || count < 0) return std::nullopt;
    return Milliseconds(count);
}

// What cannot be removed stays until the next visit.
void forgetOld(const fs::path& visits, Milliseconds now, const VisitsKept& kept) {
    std::vector<Milliseconds> times;
    std::error_code error;
    for (fs::directory_iterator at(visits, error), end; !error && at != end; at.increment(error)) {
        std::error_code other;
        const auto time = timeOf(at->path());
        if (time && at->symlink_status(other).type() == fs::file_type::directory) times.push_back(*time);
    }
    std::sort(times.begin(), times.end(), std::greater<>());
    for (size_t i = kept.least; i < times.size(); ++i) {
        std::error_code ignored;
        if (i >= kept.most || times[i] < now - kept.age)
            fs::remove_all(visits / std::to_string(times[i].count()), ignored);
    }
}

}  // namespace

bool beginVisit(const fs::path& state, SystemTime now, const VisitsKept& kept) {
    std::error_code error;
    if (!fs::exists(state / "secretary", error)) return !error;
    const fs::path visits = state / "visits";
    const auto since = std::chrono::duration_cast<Milliseconds>(now.time_since_epoch());
    const fs::path past = visits / std::to_string(since.count());
    fs::create_directories(past, error);
    if (!error) fs::permissions(visits, fs::perms::owner_all, error);
    for (const char* part : {"secretary", "agent"}) {
        if (!error && fs::exists(state / part, error)) fs::rename(state / part, past / part, error);
    }
    if (!error) forgetOld(visits, since, kept);
    return !error;
}

}  // namespace netpas::agent
