// What an edge router remembers over a restart: token levels (NetPaS §5.1 step 3), counters, which sequence numbers are
// spent, which places are paid for (§3.1.1), and which incarnation this is.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

#include "core/bytes.h"
#include "core/ids.h"
#include "core/money.h"
#include "tun/edge/edge_books.h"

namespace netpas::tun {

struct EdgeState {
    uint64_t incarnation = 0;
    bool ended = false;                                         // written at the end of an orderly stop
    std::vector<std::pair<std::string, Money>> customerLevels;  // by name; limited ones only
    std::vector<std::pair<IspId, Money>> neighbourLevels;
    EdgeTotals lifetime;  // without keys
    EdgeTotals tail;      // counted, and never sent to the accounting server
    std::unordered_map<SessionKeyId, uint64_t> nextSequences;
    std::vector<HeldPlace> places;  // in classes with a guarantee

    friend bool operator==(const EdgeState&, const EdgeState&) = default;
};

enum class StateError {
    CannotRead,
    CannotWrite,
    Damaged,  // not what was written: checksum, version or contents
};
[[nodiscard]] std::string_view describe(StateError error);

[[nodiscard]] Bytes encodeState(const EdgeState& state);
[[nodiscard]] tl::expected<EdgeState, StateError> decodeState(ByteView bytes);

// Nothing when there is no file yet.
[[nodiscard]] tl::expected<std::optional<EdgeState>, StateError> readState(const std::filesystem::path& file);
// Written beside, synced, renamed: after a crash at any moment the file is the old one or the new one. Mode 0600.
[[nodiscard]] tl::expected<void, StateError> writeState(const std::filesystem::path& file, const EdgeState& state);

}  // namespace netpas::tun
