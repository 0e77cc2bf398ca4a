// Verifies an audit file without trusting whoever made it: signatures, paths, duplicates, sums, netting, evidence.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/audit/audit_file.h"

namespace netpas::audit {

// What the verifier knows from elsewhere; a key in the file that differs from it is a finding. An ISP with several servers
// has several.
struct TrustedKeys {
    std::multimap<IspId, PublicKey> isps;
    // Whose books the file must be; then that key must be among those above.
    std::optional<IspId> exporter{};
};

enum class Outcome : uint8_t {
    Holds,
    Fails,
    Unchecked,  // cannot be decided from this file and these keys
};
[[nodiscard]] std::string_view describe(Outcome outcome);

struct Finding {
    std::string check;  // one word for programs: "seal", "confirmation-signatures", …
    Outcome outcome{};
    std::string text;
    uint64_t count = 0;  // things looked at
};

struct EvidenceFinding {
    Claim claim{};
    std::string accused;
    std::string text;     // the exporter's
    Outcome outcome{};    // Holds: proven by the exhibits; Unchecked: only stated by the exporter
    std::string verdict;  // why
};

struct Report {
    Head head;
    bool read = false;  // the file could be read, and its seal is right
    std::vector<Finding> findings;
    std::vector<EvidenceFinding> evidence;
    std::map<std::string, uint64_t> counts;  // records by kind
    // Nothing fails.
    [[nodiscard]] bool good() const;
};

[[nodiscard]] Report verify(ByteView file, const TrustedKeys& keys);

// All keys that are known of an ISP.
using KeysOf = std::function<std::vector<PublicKey>(IspId)>;
[[nodiscard]] EvidenceFinding judge(const Evidence& evidence, const KeysOf& keysOf);

}  // namespace netpas::audit
