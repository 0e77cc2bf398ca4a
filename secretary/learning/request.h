// What the engine is asked, told, and answers (NetPaS §5.3). Plain data.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/money.h"
#include "core/price_unit.h"

namespace netpas::secretary::learning {

using netpas::PriceUnit;
inline constexpr size_t unitCount = 2;

// What a user's willingness to pay may depend on.
enum class Field : uint8_t { App, Purpose, Payee, Group, Domain };
inline constexpr size_t fieldCount = 5;
[[nodiscard]] std::string_view name(Field field);

// One text per Field; empty means "none", which is a value like any other.
using FieldTexts = std::array<std::string, fieldCount>;

struct Request {
    FieldTexts fields;
    Money price;  // for one unit, as shown to people
    PriceUnit unit = PriceUnit::Minute;

    [[nodiscard]] const std::string& operator[](Field field) const { return fields[static_cast<size_t>(field)]; }
};

enum class Answer : uint8_t { Refuse, Accept };
struct AnsweredRequest {
    Request request;
    Answer answer = Answer::Refuse;
    SystemTime when;
};

enum class Verdict : uint8_t { Ask, Approve, Refuse };

// Why: what the engine believes about this request, and how much of it rests on answers.
struct Decision {
    Verdict verdict = Verdict::Ask;
    double acceptance = 0.5;      // probability that the user is willing to pay the price
    Money thresholdLow;           // with 90 % probability the user pays at least this …
    Money thresholdHigh;          // … and at most this
    uint32_t answersHere = 0;     // answers about exactly this app, purpose, payee, group and domain
    uint32_t answersRelated = 0;  // answers about requests that share at least one field, these included
};

}  // namespace netpas::secretary::learning
