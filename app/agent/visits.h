// Away from home, a foreign ISP must not know this machine again (NetPaS §3.1.4): identity, books and menus of the visit before are kept where nothing reads
// them, for as long as somebody may want to prove what was paid. Before anything else runs on the state folder; one thread.
#pragma once

#include <cstddef>
#include <filesystem>

#include "core/clock.h"

namespace netpas::agent {

struct VisitsKept {
    std::chrono::hours age{90 * 24};  // older ones go,
    size_t least = 16;                // but never these newest: a clock may be wrong
    size_t most = 500;
};

// Puts away what was before, in STATE/visits/MILLISECONDS-SINCE-1970, and forgets old visits. False: the folder cannot be written; then nothing may begin.
[[nodiscard]] bool beginVisit(const std::filesystem::path& state, SystemTime now, const VisitsKept& kept = {});

}  // namespace netpas::agent
