#include "secretary/budget.h"

namespace netpas::secretary {

bool isOverBudget(Verdict verdict) {
    switch (verdict) {
    case Verdict::AbovePurchaseLimit:
    case Verdict::AboveDailyLimit: return true;
    case Verdict::Approved:
    case Verdict::CapNotPositive:
    case Verdict::CapBelowOnePacket:
    case Verdict::RateBelowOnePacket: return false;
    }
    return false;
}

Decision decide(const Terms& terms, const HardLimits& limits, const Spending& spending) {
    const std::string valid = "valid request";
    if (terms.cap <= Money::zero()) {
        return {Verdict::CapNotPositive, valid, "The cap must be more than nothing."};
    }
    if (terms.cap < terms.dearestPacket) {
        return {Verdict::CapBelowOnePacket, valid,
                "The cap of " + terms.cap.toString() + " does not pay for one packet of " +
                    terms.dearestPacket.toString() + "."};
    }
    if (terms.capPerSecond < Money::zero() ||
        (terms.capPerSecond > Money::zero() && terms.capPerSecond < terms.dearestPacket)) {
        return {Verdict::RateBelowOnePacket, valid,
                "The cap per second does not pay for one packet of " + terms.dearestPacket.toString() + "."};
    }
    if (terms.cap > limits.perPurchase) {
        return {Verdict::AbovePurchaseLimit, "hard limit per purchase",
                "The cap of " + terms.cap.toString() + " is above the limit of " + limits.perPurchase.toString() +
                    " for one purchase."};
    }
    const auto committed = checkedAdd(spending.reserved, spending.spentToday);
    const auto after = committed ? checkedAdd(*committed, terms.cap) : committed;
    if (!after || *after > limits.perDay) {
        return {Verdict::AboveDailyLimit, "hard limit per day",
                "With " + spending.reserved.toString() + " set aside and " + spending.spentToday.toString() +
                    " spent today, a cap of " + terms.cap.toString() + " would pass the limit of " +
                    limits.perDay.toString() + " a day."};
    }
    return {Verdict::Approved, "explicit request", "You asked for it, and the whole cap is within the limits."};
}

}  // namespace netpas::secretary
