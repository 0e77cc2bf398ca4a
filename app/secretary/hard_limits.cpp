#include "app/secretary/hard_limits.h"

#include <chrono>
#include <utility>

namespace netpas::secretaryd {

Verdict HardLimitsAuthority::judge(Money worstCase) const {
    const auto reserved = m_ledger.reserved();
    const auto spent = m_ledger.spentSince(std::chrono::floor<std::chrono::days>(m_clock.now()));
    if (!reserved || !spent) {
        return Denied{"LOCAL_FAILURE", std::string(describe(reserved ? spent.error() : reserved.error())),
                      "see the log of netpasd", std::nullopt};
    }
    const secretary::Decision decision =
        secretary::decide({worstCase, Money::zero(), Money::zero()}, m_limits, {*reserved, *spent});
    ledger::Why why{decision.rule, "limit", decision.sentence, {}};
    if (decision.verdict == secretary::Verdict::Approved) return Approved{std::move(why)};
    const bool over = isOverBudget(decision.verdict);
    return Denied{over ? "QUOTA_EXCEEDED" : "INVALID_ARGUMENT", decision.sentence,
                  over ? "ask for a smaller --cap, or stop another purchase" : "ask for a larger cap", std::move(why)};
}

std::optional<Denied> HardLimitsAuthority::precheck(const ledger::NewPurchase& purchase) {
    Verdict verdict = judge(purchase.cap);
    if (auto* const denied = std::get_if<Denied>(&verdict)) return std::move(*denied);
    return std::nullopt;
}

void HardLimitsAuthority::authorize(PurchaseId, const secretary::SpendRequest& request, bool,
                                    std::function<void(Verdict)> done) {
    done(judge(request.worstCase));
}

}  // namespace netpas::secretaryd
