// Files of rules: whatever comes, what is accepted means the same when it is written and read again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "secretary/rules/json.h"
#include "secretary/rules/sentence.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace netpas::secretary::rules;
    constexpr size_t longest = 16 * 1024;
    if (size > longest) return 0;
    static Zones zones;
    const netpas::SystemTime now = netpas::parseTimestamp("2026-11-22T12:00:00Z").value();
    const auto rules = readRules({reinterpret_cast<const char*>(data), size}, zones, now);
    if (!rules) {
        if (rules.error().findings.empty()) std::abort();
        for (const Finding& finding : rules.error().findings) {
            if (finding.message.empty() || finding.remedy.empty() || text(finding, rules.error().rules).empty())
                std::abort();
        }
        return 0;
    }
    for (const RuleText& rule : *rules) {
        if (sentence(rule).empty()) std::abort();
        if (rule.grant.action == Action::Allow && rule.grant.upTo && !rule.grant.unit) std::abort();
    }
    const std::string written = writeRules(*rules);
    const auto again = readRules(written, zones, now);
    if (!again || *again != *rules || writeRules(*again) != written) std::abort();
    return 0;
}
