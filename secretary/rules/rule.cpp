#include "secretary/rules/rule.h"

namespace netpas::secretary::rules {

std::string_view name(Action action) {
    switch (action) {
    case Action::Allow: return "allow";
    case Action::Ask: return "ask";
    case Action::Deny: return "deny";
    }
    return "";
}

std::string_view name(Beyond above) {
    switch (above) {
    case Beyond::Ask: return "ask";
    case Beyond::Deny: return "deny";
    }
    return "";
}

std::string_view name(PriceUnit unit) {
    switch (unit) {
    case PriceUnit::Minute: return "minute";
    case PriceUnit::Item: return "item";
    }
    return "";
}

std::string_view name(Period period) {
    switch (period) {
    case Period::Day: return "day";
    case Period::Week: return "week";
    case Period::Month: return "month";
    case Period::Total: return "total";
    }
    return "";
}

std::string_view name(Lifetime::Kind kind) {
    switch (kind) {
    case Lifetime::Kind::Once: return "once";
    case Lifetime::Kind::AppExit: return "app-exit";
    case Lifetime::Kind::Until: return "until";
    case Lifetime::Kind::Always: return "always";
    }
    return "";
}

std::string_view name(Origin origin) {
    switch (origin) {
    case Origin::User: return "user";
    case Origin::Learned: return "learned";
    case Origin::Preset: return "preset";
    }
    return "";
}

std::string_view name(Ended ended) {
    switch (ended) {
    case Ended::No: return "no";
    case Ended::UsedUp: return "used";
    case Ended::Expired: return "expired";
    case Ended::AppExited: return "app-exited";
    }
    return "";
}

}  // namespace netpas::secretary::rules
