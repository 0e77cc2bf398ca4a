// How rules lie in the documents: "rule" is what a person wrote, "rule-use" what became of it, "rule-book" the number of the
// next one.
#pragma once

#include <map>

#include <tl/expected.hpp>

#include "core/store/documents.h"
#include "secretary/rules/rule.h"

namespace netpas::secretary::rules {

[[nodiscard]] store::DocumentChange keepRule(const Rule& rule);
[[nodiscard]] store::DocumentChange keepUse(const Rule& rule);
[[nodiscard]] store::DocumentChange keepNextId(uint64_t next);
[[nodiscard]] store::DocumentChange forgetRule(RuleId id);
[[nodiscard]] store::DocumentChange forgetUse(RuleId id);

struct StoredRules {
    std::map<RuleId, Rule> rules;
    uint64_t nextId = 1;
};
// What cannot be read, or how reading failed, in words.
[[nodiscard]] tl::expected<StoredRules, std::string> loadRules(const store::Documents& documents);

}  // namespace netpas::secretary::rules
