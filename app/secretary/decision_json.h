// JSON of budgets, questions and answers. Requests are read strictly: an unknown member is wrong.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <tl/expected.hpp>

#include "app/secretary/json_fields.h"
#include "secretary/budgets/budgets.h"
#include "secretary/decision/decider.h"

namespace netpas::secretaryd {

[[nodiscard]] nlohmann::json budgetJson(const secretary::budgets::Standing& standing);
[[nodiscard]] nlohmann::json questionJson(const secretary::decision::Content& content);
[[nodiscard]] nlohmann::json closedJson(const secretary::prompts::Closed& closed);

// A budget; without an amount (to remove it) when `amount` is false.
[[nodiscard]] tl::expected<secretary::budgets::Cap, BadField> capFromJson(const nlohmann::json& body, bool amount);

struct GivenAnswer {
    secretary::prompts::Answer answer;
    std::optional<uint32_t> revision;  // of the question as it was seen
    std::string frontEnd;
};
[[nodiscard]] tl::expected<GivenAnswer, BadField> answerFromJson(const nlohmann::json& body);

}  // namespace netpas::secretaryd
