#include "core/accounting/bill.h"

#include "core/accounting/wire_parts.h"

namespace netpas::accounting {

namespace {

constexpr std::string_view purpose = "NetPaS bill 1";

void writeSide(Writer& writer, const BillSide& side) {
    writeMoney(writer, side.total);
    writer.u64(side.count);
}

BillSide readSide(Reader& reader) {
    const Money total = readMoney(reader);
    return {total, reader.u64()};
}

void writeFacts(Writer& writer, const Bill& bill) {
    writer.u16(bill.issuer.value());
    writer.u16(bill.neighbour.value());
    writer.u32(bill.cycle);
    writeTime(writer, bill.from);
    writeTime(writer, bill.to);
    writeTime(writer, bill.closed);
    for (const BillLine& line : bill.lines) {
        writeSide(writer, line.theirs);
        writeSide(writer, line.ours);
    }
    writeMoney(writer, bill.fees);
}

// Owed, less what was taken back or not accepted any more. What the neighbour did not let us take back, we still owe.
std::optional<Money> owed(const BillSide& confirmations, const BillSide& payments, const BillSide& takenBack,
                          Money late) {
    const auto gross = checkedAdd(confirmations.total, payments.total);
    const auto kept = gross ? checkedSub(*gross, takenBack.total) : gross;
    const auto sum = kept ? checkedAdd(*kept, late) : kept;
    return sum ? std::optional(*sum) : std::nullopt;
}

// Without what the issuer has written off because the other end never booked it.
BillSide accepted(const Bill& bill, BillItem item, bool theirs) {
    const BillSide& side = theirs ? bill.line(item).theirs : bill.line(item).ours;
    if (item != (theirs ? BillItem::Payments : BillItem::TakenBack)) return side;
    const BillLine& lines = bill.line(BillItem::Late);
    const BillSide& late = theirs ? lines.theirs : lines.ours;
    return {Money::fromEighths(side.total.eighths() - late.total.eighths()), side.count - late.count};
}

}  // namespace

std::string_view describe(BillItem item) {
    switch (item) {
    case BillItem::Confirmations: return "confirmations";
    case BillItem::Payments: return "payments";
    case BillItem::TakenBack: return "taken-back";
    case BillItem::Late: return "late";
    }
    return "unknown";
}

std::optional<Netting> netted(const Bill& bill) {
    const BillLine& confirmations = bill.line(BillItem::Confirmations);
    const BillLine& payments = bill.line(BillItem::Payments);
    const BillLine& back = bill.line(BillItem::TakenBack);
    const BillLine& late = bill.line(BillItem::Late);
    const auto theirs =
        owed(confirmations.theirs, payments.theirs, back.theirs, Money::fromEighths(-late.theirs.total.eighths()));
    const auto ours = owed(confirmations.ours, payments.ours, back.ours, late.ours.total);
    if (!theirs || !ours) return std::nullopt;
    const auto difference = checkedSub(*theirs, *ours);
    if (!difference) return std::nullopt;
    return Netting{*theirs, *ours, *difference};
}

std::optional<std::vector<BillDifference>> compare(const Bill& mine, const Bill& theirs) {
    if (mine.issuer != theirs.neighbour || mine.neighbour != theirs.issuer || mine.cycle != theirs.cycle)
        return std::nullopt;
    std::vector<BillDifference> differences;
    for (const BillItem item : {BillItem::Confirmations, BillItem::Payments, BillItem::TakenBack}) {
        for (const bool toMe : {true, false}) {
            const BillSide first = accepted(mine, item, toMe);
            const BillSide second = accepted(theirs, item, !toMe);
            if (first != second) differences.push_back({item, toMe, first, second});
        }
    }
    return differences;
}

Bytes billMessage(const Bill& bill) {
    Writer writer;
    writePurpose(writer, purpose);
    writeFacts(writer, bill);
    return writer.take();
}

void sign(Bill& bill, const Identity& issuer) { bill.signature = issuer.sign(billMessage(bill)); }

bool verify(const Bill& bill, const PublicKey& issuer) {
    return netpas::verify(issuer, billMessage(bill), bill.signature);
}

void encode(Writer& writer, const Bill& bill) {
    writeFacts(writer, bill);
    writer.bytes(bill.signature.bytes);
}

Bill decodeBill(Reader& reader) {
    Bill bill;
    bill.issuer = IspId(reader.u16());
    bill.neighbour = IspId(reader.u16());
    bill.cycle = reader.u32();
    bill.from = readTime(reader);
    bill.to = readTime(reader);
    bill.closed = readTime(reader);
    for (BillLine& line : bill.lines) {
        line.theirs = readSide(reader);
        line.ours = readSide(reader);
    }
    bill.fees = readMoney(reader);
    reader.array(bill.signature.bytes);
    return bill;
}

}  // namespace netpas::accounting
