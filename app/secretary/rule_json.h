// JSON forms of rules, of requests that are only imagined, and of those in the past.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "app/secretary/json_fields.h"
#include "core/ledger/types.h"
#include "secretary/rules/replay.h"
#include "secretary/rules/rule_book.h"

namespace netpas::secretaryd {

// A rule with its number, its sentence and what became of it.
[[nodiscard]] nlohmann::json ruleJson(const secretary::rules::Rule& rule);
[[nodiscard]] nlohmann::json verdictJson(const secretary::rules::Verdict& verdict,
                                         const secretary::rules::RuleBook& book);
[[nodiscard]] nlohmann::json replayJson(const secretary::rules::Replay& report);

// {app, purpose, payee, contact, group, domain, user, node, isps, per, price, worst_case, quality, process}
[[nodiscard]] tl::expected<secretary::SpendRequest, BadField> spendRequestFromJson(const nlohmann::json& object);
// The same with {when, paid, asked, charged}.
[[nodiscard]] tl::expected<secretary::rules::PastRequest, BadField> pastRequestFromJson(const nlohmann::json& object);
// As the ledger kept it; nothing of a purchase that has not been decided.
[[nodiscard]] std::optional<secretary::rules::PastRequest> pastRequestOf(const ledger::Purchase& purchase);

}  // namespace netpas::secretaryd
