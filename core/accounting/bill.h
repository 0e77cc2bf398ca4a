// What two neighbours owe each other for one billing cycle, as one of them has it in its books (NetPaS §2: what is owed in the
// two directions is netted). A plain value with a signature; encoding is canonical.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "core/bytes.h"
#include "core/clock.h"
#include "core/crypto/identity.h"
#include "core/ids.h"
#include "core/money.h"

namespace netpas::accounting {

enum class BillItem : uint8_t {
    Confirmations = 1,  // of nanopayments
    Payments = 2,       // micropayments, fees included
    TakenBack = 3,      // of Payments: cancelled
    Late = 4,           // of Payments (the party did not take our confirmation any more) or of TakenBack
};
inline constexpr std::array billItems{BillItem::Confirmations, BillItem::Payments, BillItem::TakenBack, BillItem::Late};
[[nodiscard]] std::string_view describe(BillItem item);

struct BillSide {
    Money total;
    uint64_t count = 0;
    friend bool operator==(const BillSide&, const BillSide&) = default;
};

struct BillLine {
    BillSide theirs;  // what the neighbour owes the issuer
    BillSide ours;    // what the issuer owes the neighbour
    friend bool operator==(const BillLine&, const BillLine&) = default;
};

// Numbers of cycles follow from the calendar, so that neighbours agree on them without asking each other.
using CycleNumber = uint32_t;

struct Bill {
    IspId issuer;
    IspId neighbour;
    CycleNumber cycle = 0;
    SystemTime from;    // what was made (the time in the confirmation, in the payment) from here on …
    SystemTime to;      // … until before here; and what came too late for an earlier cycle
    SystemTime closed;  // it has not changed since
    std::array<BillLine, billItems.size()> lines{};
    Money fees;  // of ours.Payments and theirs.Payments: what the issuer earned by passing payments on
    Signature signature;

    [[nodiscard]] const BillLine& line(BillItem item) const { return lines[static_cast<size_t>(item) - 1]; }
    [[nodiscard]] BillLine& line(BillItem item) { return lines[static_cast<size_t>(item) - 1]; }
    friend bool operator==(const Bill&, const Bill&) = default;
};

// What is owed in each direction and the difference; nothing when a sum does not fit.
struct Netting {
    Money theirs;
    Money ours;
    Money net;  // above zero: the neighbour pays the issuer
};
[[nodiscard]] std::optional<Netting> netted(const Bill& bill);

// What the two ends of a link say differently about the same cycle.
struct BillDifference {
    BillItem item{};
    bool owedToIssuer = false;  // of the first bill
    BillSide first;
    BillSide second;
};
// Nothing when the bills are not about the same link and cycle.
[[nodiscard]] std::optional<std::vector<BillDifference>> compare(const Bill& mine, const Bill& theirs);

[[nodiscard]] Bytes billMessage(const Bill& bill);
void sign(Bill& bill, const Identity& issuer);
[[nodiscard]] bool verify(const Bill& bill, const PublicKey& issuer);

void encode(Writer& writer, const Bill& bill);
[[nodiscard]] Bill decodeBill(Reader& reader);

}  // namespace netpas::accounting
