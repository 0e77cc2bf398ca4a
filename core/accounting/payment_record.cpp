#include "core/accounting/payment_record.h"

#include <charconv>

#include "core/accounting/wire_parts.h"

namespace netpas::accounting {

namespace {

constexpr std::string_view customerWord = "customer ";
constexpr std::string_view ispWord = "isp ";
constexpr std::string_view serverWord = "server ";
constexpr size_t maxParty = 128;
constexpr size_t maxOrder = 2048;

Party readParty(Reader& r) {
    const auto party = Party::parse(readText(r, maxParty));
    if (!party) r.fail();
    return party.value_or(Party{});
}

}  // namespace

std::string Party::text() const {
    if (isCustomer()) return std::string(customerWord) + customer;
    if (isSibling()) return std::string(serverWord) + server;
    const std::string number = std::string(ispWord) + std::to_string(isp.value());
    return server.empty() ? number : number + " " + std::string(serverWord) + server;
}

std::optional<Party> Party::parse(std::string_view text) {
    if (text.starts_with(customerWord) && text.size() > customerWord.size()) {
        return Party{std::string(text.substr(customerWord.size())), {}};
    }
    if (text.starts_with(serverWord) && text.size() > serverWord.size()) {
        return Party{{}, {}, std::string(text.substr(serverWord.size()))};
    }
    if (!text.starts_with(ispWord)) return std::nullopt;
    text.remove_prefix(ispWord.size());
    uint16_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{}) return std::nullopt;
    std::string_view rest = text.substr(static_cast<size_t>(end - text.data()));
    if (rest.empty()) return Party{{}, IspId(number)};
    const std::string space = " " + std::string(serverWord);
    if (!rest.starts_with(space) || rest.size() == space.size() || number == 0) return std::nullopt;
    return Party{{}, IspId(number), std::string(rest.substr(space.size()))};
}

Bytes encodeRecord(const PaymentRecord& record) {
    Writer w;
    payments::encode(w, record.payment);
    writeText(w, record.from.text(), maxParty);
    writeText(w, record.to.text(), maxParty);
    writeMoney(w, record.owed);
    writeMoney(w, record.passed);
    w.u8(record.position);
    w.u8(record.rest);
    w.u8(static_cast<uint8_t>(record.state));
    writeTime(w, record.received);
    writeTime(w, record.changed);
    writeBool(w, record.toldFrom);
    writeBool(w, record.toldTo);
    writeBool(w, record.confirmation.has_value());
    if (record.confirmation) payments::encode(w, *record.confirmation);
    writeBool(w, record.refusal.has_value());
    if (record.refusal) write(w, *record.refusal);
    w.blob16(record.order);
    return w.take();
}

std::optional<PaymentRecord> decodeRecord(ByteView bytes) {
    Reader r(bytes);
    PaymentRecord record;
    record.payment = payments::decodePayment(r);
    record.from = readParty(r);
    record.to = readParty(r);
    record.owed = readMoney(r);
    record.passed = readMoney(r);
    record.position = r.u8();
    record.rest = r.u8();
    const uint8_t state = r.u8();
    if (state < static_cast<uint8_t>(PaymentState::Pending) || state > static_cast<uint8_t>(PaymentState::Cancelled)) {
        r.fail();
    }
    record.state = static_cast<PaymentState>(state);
    record.received = readTime(r);
    record.changed = readTime(r);
    record.toldFrom = readBool(r);
    record.toldTo = readBool(r);
    if (readBool(r)) record.confirmation = payments::decodeConfirmation(r);
    if (readBool(r)) record.refusal = readPaymentRefused(r);
    const ByteView order = r.blob16(maxOrder);
    record.order.assign(order.begin(), order.end());
    if (!r.finished()) return std::nullopt;
    return record;
}

}  // namespace netpas::accounting
