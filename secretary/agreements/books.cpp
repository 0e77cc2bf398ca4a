#include "secretary/agreements/books.h"

#include <algorithm>
#include <initializer_list>

#include "core/accounting/wire_parts.h"

namespace netpas::secretary::agreements {

using accounting::readBool;
using accounting::readMoney;
using accounting::readTime;
using accounting::writeBool;
using accounting::writeMoney;
using accounting::writeTime;

namespace {

constexpr uint8_t version = 2;      // of an agreement; 1 had no `refused` and no `gap`
constexpr uint8_t pairVersion = 3;  // 2 had `gap` here and no place in the mark, 1 had no `unseen`

// Amounts are never negative and paid ≤ charged is no rule: the difference of two of them fits.
Money unpaid(const Account& account) {
    return std::max(Money::zero(), checkedSub(account.charged, account.paid).value_or(Money::zero()));
}

template <typename Record>
void putNumbers(Writer& writer, const Record& record, std::initializer_list<uint64_t Record::*> fields) {
    for (const auto field : fields) writer.u64(record.*field);
}

constexpr std::initializer_list<uint64_t MeterMark::*> markFields{
    &MeterMark::run,          &MeterMark::sent, &MeterMark::arrived, &MeterMark::taken, &MeterMark::arrivedPackets,
    &MeterMark::takenPackets, &MeterMark::place};

}  // namespace

Money due(const Account& mine, const Account& theirs) {
    return checkedSub(unpaid(mine), unpaid(theirs)).value_or(Money::zero());
}

std::string_view name(State state) {
    switch (state) {
    case State::Offered: return "offered";
    case State::Active: return "active";
    case State::Ending: return "ending";
    case State::Ended: return "ended";
    }
    return {};
}

Bytes encode(const Pair& pair) {
    Writer writer;
    writer.u8(pairVersion);
    writer.bytes(pair.peer.bytes);
    for (const Account* account : {&pair.mine, &pair.theirs}) {
        writeMoney(writer, account->charged);
        writeMoney(writer, account->paid);
    }
    writer.u64(pair.out.sent);
    writer.u64(pair.out.agreed);
    putNumbers(writer, pair.mark, markFields);
    writer.u64(pair.unseen);
    writeBool(writer, pair.paying.has_value());
    if (pair.paying) {
        writer.bytes(pair.paying->agreement);
        writer.u32(pair.paying->number);
        writeMoney(writer, pair.paying->amount);
    }
    return writer.take();
}

std::optional<Pair> decodePair(ByteView bytes) {
    Reader reader(bytes);
    Pair pair;
    const uint8_t written = reader.u8();
    if (written != pairVersion && written != pairVersion - 1) return std::nullopt;
    reader.array(pair.peer.bytes);
    for (Account* account : {&pair.mine, &pair.theirs}) {
        account->charged = readMoney(reader);
        account->paid = readMoney(reader);
    }
    pair.out.sent = reader.u64();
    pair.out.agreed = reader.u64();
    for (const auto field : markFields) {
        if (written == pairVersion || field != &MeterMark::place) pair.mark.*field = reader.u64();
    }
    if (written != pairVersion) (void)readBool(reader);
    pair.unseen = reader.u64();
    if (readBool(reader)) {
        Settlement paying;
        reader.array(paying.agreement);
        paying.number = reader.u32();
        paying.amount = readMoney(reader);
        if (paying.amount == Money::zero()) reader.fail();
        pair.paying = paying;
    }
    if (!reader.finished()) return std::nullopt;
    return pair;
}

Bytes encode(const Agreement& one) {
    Writer writer;
    writer.u8(version);
    encode(writer, one.terms);
    writeBool(writer, one.buying);
    writer.u8(static_cast<uint8_t>(one.state));
    writeTime(writer, one.since);
    writer.u8(one.why ? static_cast<uint8_t>(*one.why) : 0);
    writer.u8(one.refused ? static_cast<uint8_t>(*one.refused) : 0);
    writer.u64(one.bytes);
    writer.u64(one.packets);
    writer.u64(one.arrivedBytes);
    writer.u64(one.arrivedPackets);
    writer.u32(one.number);
    writeBool(writer, one.final);
    writeBool(writer, one.gap);
    writer.u32(one.payments);
    return writer.take();
}

std::optional<Agreement> decodeAgreement(ByteView bytes) {
    Reader reader(bytes);
    Agreement one;
    const uint8_t written = reader.u8();
    if (written != version && written != version - 1) return std::nullopt;
    one.terms = agreement::decodeTerms(reader);
    one.buying = readBool(reader);
    one.state = static_cast<State>(reader.u8());
    one.since = readTime(reader);
    const uint8_t why = reader.u8();
    if (why != 0) one.why = static_cast<EndReason>(why);
    const uint8_t refused = written == version ? reader.u8() : uint8_t{0};
    if (refused != 0) one.refused = static_cast<agreement::RefuseReason>(refused);
    one.bytes = reader.u64();
    one.packets = reader.u64();
    one.arrivedBytes = reader.u64();
    one.arrivedPackets = reader.u64();
    one.number = reader.u32();
    one.final = readBool(reader);
    if (written == version) one.gap = readBool(reader);
    one.payments = reader.u32();
    if (!reader.finished() || one.state < State::Offered || one.state > State::Ended ||
        (one.why && *one.why > EndReason::Lost) || (one.refused && *one.refused > agreement::RefuseReason::Unknown))
        return std::nullopt;
    return one;
}

}  // namespace netpas::secretary::agreements
