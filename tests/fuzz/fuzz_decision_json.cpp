// Bodies of /v1/budget and /v1/pending: what is accepted makes sense.
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "app/secretary/decision_json.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace netpas::secretaryd;
    const nlohmann::json body = nlohmann::json::parse(data, data + size, nullptr, false);
    if (body.is_discarded()) return 0;
    if (const auto cap = capFromJson(body, true)) {
        if (cap->amount.isNegative() || cap->subject.size() > netpas::secretary::budgets::longestSubject) std::abort();
        const auto stored = netpas::secretary::budgets::decodeCap(netpas::secretary::budgets::encode(*cap));
        const bool named = cap->scope == netpas::secretary::budgets::Scope::Everything && !cap->subject.empty();
        if (!named && (!stored || !(*stored == *cap))) std::abort();
    }
    if (const auto given = answerFromJson(body)) {
        if (given->answer.upTo && given->answer.upTo->isNegative()) std::abort();
        if (given->frontEnd.empty()) std::abort();
    }
    return 0;
}
