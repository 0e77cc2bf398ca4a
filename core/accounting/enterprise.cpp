#include "core/accounting/enterprise.h"

#include <algorithm>

namespace netpas::accounting {

namespace {

template <typename T>
bool among(const std::vector<T>& list, const T& value) {
    return list.empty() || std::find(list.begin(), list.end(), value) != list.end();
}

}  // namespace

bool fits(const EnterpriseRule& rule, const SpendingAsked& asked) {
    if (rule.what && *rule.what != asked.what) return false;
    if (!among(rule.hosts, asked.host)) return false;
    if (!rule.payees.empty() && (!asked.payee || !among(rule.payees, *asked.payee))) return false;
    if (asked.amount <= rule.above) return false;
    return rule.isps.empty() ||
           std::any_of(asked.isps.begin(), asked.isps.end(), [&](IspId isp) { return among(rule.isps, isp); });
}

const EnterpriseRule* ruleAgainst(const std::vector<EnterpriseRule>& rules, const SpendingAsked& asked) {
    for (const EnterpriseRule& rule : rules) {
        if (fits(rule, asked)) return rule.allow ? nullptr : &rule;
    }
    return nullptr;
}

Money shareOf(const std::vector<ClassShare>& shares, ServiceClass service, Money amount) {
    for (const ClassShare& share : shares) {
        if (share.service != service) continue;
        // By parts, so that no product overflows.
        const int64_t whole = amount.eighths() / 1024;
        const int64_t rest = amount.eighths() % 1024;
        return Money::fromEighths(whole * share.per1024 + rest * share.per1024 / 1024);
    }
    return Money::zero();
}

}  // namespace netpas::accounting
