// A ledger that only remembers what budgets ask it for, and a calendar of UTC.
#pragma once

#include <map>
#include <vector>

#include "secretary/budgets/budgets.h"

namespace netpas::secretary::budgets {

inline Money cents(int64_t count) { return Money::fromEighths(count * (Money::eighthsPerDollar / 100)); }

class UtcCalendar final : public Calendar {
public:
    SystemTime startOf(Period period, SystemTime at) const override {
        const auto day = std::chrono::floor<std::chrono::days>(at);
        switch (period) {
        case Period::Day: return day;
        case Period::Month: {
            const std::chrono::year_month_day date(day);
            return std::chrono::sys_days(date.year() / date.month() / 1);
        }
        case Period::Total: return {};
        case Period::Week: return day - (std::chrono::weekday(day) - std::chrono::Monday);
        }
        return {};
    }
};

class FakeBook final : public SpendingBook {
public:
    struct Posted {
        Tags tags;
        Money amount;
        SystemTime at;
    };

    std::optional<std::vector<OpenSpending>> open() const override {
        if (broken) return std::nullopt;
        std::vector<OpenSpending> list;
        for (const auto& [id, spending] : reserved) list.push_back(spending);
        return list;
    }
    std::optional<std::vector<PostedSpending>> postedSince(SystemTime since) const override {
        if (broken) return std::nullopt;
        std::vector<PostedSpending> list;
        bool begun = false;
        for (const Posted& one : posted) {
            begun = begun || one.at >= since;
            if (begun) list.push_back({one.tags, one.amount});
        }
        return list;
    }

    void reserve(uint64_t id, const Tags& tags, Money amount) { reserved[id] = {PurchaseId(id), tags, amount}; }
    void post(uint64_t id, Money amount, SystemTime at) {
        posted.push_back({reserved.at(id).tags, amount, at});
        reserved.erase(id);
    }

    std::map<uint64_t, OpenSpending> reserved;
    std::vector<Posted> posted;
    bool broken = false;
};

}  // namespace netpas::secretary::budgets
