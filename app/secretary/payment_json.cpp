#include "app/secretary/payment_json.h"

#include <nlohmann/json.hpp>

#include "core/crypto/hex.h"
#include "core/plain_text.h"

namespace netpas::secretaryd {

using nlohmann::json;

namespace {

using ledger::PurchaseState;

// Stable, for programs.
std::string_view codeOf(accounting::PaymentRefusal reason) {
    using accounting::PaymentRefusal;
    switch (reason) {
    case PaymentRefusal::FeeTooSmall: return "FEE_TOO_SMALL";
    case PaymentRefusal::CreditLimit: return "CREDIT_LIMIT";
    case PaymentRefusal::RateLimit: return "RATE_LIMIT";
    case PaymentRefusal::TooSmall: return "TOO_SMALL";
    case PaymentRefusal::NotCertified: return "NOT_CERTIFIED";
    case PaymentRefusal::UnknownPayee: return "UNKNOWN_PAYEE";
    case PaymentRefusal::PayeeAway: return "PAYEE_AWAY";
    case PaymentRefusal::NoRoute: return "NO_ROUTE";
    case PaymentRefusal::Frozen: return "FROZEN";
    case PaymentRefusal::MayNotSend: return "MAY_NOT_SEND";
    case PaymentRefusal::MayNotReceive: return "MAY_NOT_RECEIVE";
    case PaymentRefusal::Expired: return "EXPIRED";
    case PaymentRefusal::Conflict: return "CONFLICT";
    case PaymentRefusal::BadOrder: return "BAD_ORDER";
    case PaymentRefusal::PayeeRefused: return "PAYEE_REFUSED";
    case PaymentRefusal::Forbidden: return "FORBIDDEN";
    case PaymentRefusal::StoreFailed: return "STORE_FAILED";
    case PaymentRefusal::Cancelled: return "CANCELLED";
    }
    return "UNKNOWN";
}

// One word for where a payment is in its life.
std::string stateText(const ledger::Purchase& book, bool waits) {
    if (book.payment && book.payment->result) return std::string(describe(book.payment->result->end));
    if (book.state == PurchaseState::Refused) return "refused";
    if (waits) return "pending";
    return book.state == PurchaseState::Requested ? "deciding" : "sent";
}

// Who on the way said no, why, and how much would have passed.
json refusalJson(const ledger::PaymentResult& result) {
    if (result.reason == 0) return nullptr;
    const auto reason = static_cast<accounting::PaymentRefusal>(result.reason);
    return {{"isp", result.where.value()},
            {"code", codeOf(reason)},
            {"message", accounting::describe(reason)},
            {"limit", result.limit > Money::zero() ? json(result.limit.toString()) : json(nullptr)},
            {"remedy", result.remedy}};
}

json feesJson(const ledger::Purchase& book) {
    json fees = json::array();
    for (const ledger::LedgerHop& hop : book.path) {
        fees.push_back({{"isp", hop.isp.value()}, {"amount", hop.quotedPrice.toString()}});
    }
    return fees;
}

NodeId payeeFrom(const std::string& text, JsonFields& fields) {
    const auto payee = NodeId::parse(text);
    if (!payee) {
        fields.fail(
            text.empty() ? "payee is missing" : "payee is neither 64 hexadecimal digits nor the name of a contact",
            "the payee's identifier, as `netpas receive` shows it there");
    }
    return payee.value_or(NodeId{});
}

// ISPs count from 1.
std::optional<IspId> ispFrom(JsonFields& fields) {
    const auto isp = IspId::from(fields.number("isp", UINT16_MAX));
    return isp && isp->value() != 0 ? isp : std::nullopt;
}

// The way and what each ISP on it is offered, instead of the cheapest that the own ISP knows.
std::optional<std::vector<payments::Fee>> feesFrom(JsonFields& fields) {
    const json* const list = fields.get("fees");
    if (list == nullptr) return std::nullopt;
    constexpr const char* form = "for example [{\"isp\": 25, \"amount\": \"0.0000005\"}], your own ISP first";
    std::vector<payments::Fee> fees;
    for (const json& one : list->is_array() ? *list : json::array()) {
        JsonFields part(one);
        const auto isp = ispFrom(part);
        const Money amount = part.money("amount", true);
        if (const auto problem = part.problem(); problem || !isp) {
            fields.fail("fees: " + (problem ? problem->message : "isp is not the number of an ISP"), form);
            return std::nullopt;
        }
        fees.push_back({*isp, amount});
    }
    if (fees.empty() || fees.size() > payments::maxFees) fields.fail("fees must be a list of 1 to 16", form);
    return fees;
}

std::chrono::seconds lifetimeFrom(JsonFields& fields) {
    constexpr uint64_t longest = std::chrono::seconds(payments::maxLifetime).count();
    return std::chrono::seconds(fields.number("lifetime_s", longest));
}

}  // namespace

json paymentPartJson(const ledger::Purchase& book) {
    if (!book.payment) return nullptr;
    const ledger::PaymentBook& payment = *book.payment;
    return {{"payment", payment.id ? json(toHex(*payment.id)) : json(nullptr)},
            {"state", stateText(book, false)},
            {"payee", payment.terms.payee.hex()},
            {"payee_isp", payment.terms.isp.value()},
            {"amount", payment.terms.amount.toString()},
            {"fees", feesJson(book)},
            {"description", payment.terms.description},
            {"salt", payment.salt ? json(toHex(*payment.salt)) : json(nullptr)},
            {"expires", payment.id ? json(timeText(payment.expires)) : json(nullptr)},
            {"disputed", payment.result && payment.result->disputed},
            {"refusal", payment.result ? refusalJson(*payment.result) : json(nullptr)}};
}

json paymentJson(const PaymentView& view) {
    const ledger::Purchase& book = view.book;
    json object = paymentPartJson(book);
    object.update({{"id", std::to_string(book.id.value())},
                   {"state", stateText(book, !view.decision.empty())},
                   {"total", book.request.cap.toString()},
                   {"charged", book.charged ? json(book.charged->toString()) : json(nullptr)},
                   {"note", book.note},
                   {"trouble", view.trouble},
                   {"decision", view.decision.empty() ? json(nullptr) : json(view.decision)},
                   {"decided_by", book.decidedBy},
                   {"why", book.why ? json(book.why->sentence) : json(nullptr)},
                   {"contact", book.request.context.contact},
                   {"purpose", book.request.context.purpose},
                   {"app", book.request.context.app},
                   {"node", book.request.context.node},
                   {"uid", book.request.uid},
                   {"currency", "USD"},
                   {"requested_at", timeText(book.requestedAt)},
                   {"changed_at", timeText(book.changedAt)}});
    return object;
}

json receiptJson(const ledger::Receipt& receipt) {
    return {{"number", receipt.number},
            {"payment", toHex(receipt.payment.id)},
            {"amount", receipt.payment.amount.toString()},
            {"state", describe(receipt.state)},
            {"final", receipt.final},
            {"description_hash", receipt.payment.description == payments::DescriptionHash{}
                                     ? json(nullptr)
                                     : json(toHex(receipt.payment.description))},
            {"made_at", timeText(receipt.payment.time)},
            {"expires", timeText(receipt.payment.expires)},
            {"received_at", timeText(receipt.receivedAt)},
            {"changed_at", timeText(receipt.changedAt)},
            {"currency", "USD"}};
}

json receivingJson(const ReceivingState& state) {
    return {
        {"on", state.wanted}, {"accepted", state.accepted}, {"trouble", state.trouble}, {"payee", state.payee.hex()}};
}

tl::expected<PayOrder, BadField> payOrderFromJson(const json& object, IspId home) {
    JsonFields fields(object);
    PayOrder order;
    ledger::PaymentTerms terms;
    terms.payee = payeeFrom(fields.text("payee"), fields);
    terms.isp = home;
    if (fields.get("isp") != nullptr) {
        const auto isp = ispFrom(fields);
        if (!isp) fields.fail("isp is not the number of an ISP");
        terms.isp = isp.value_or(home);
    }
    terms.amount = fields.money("amount", true);
    if (terms.amount == Money::zero()) fields.fail("amount must be more than nothing", "such as \"0.0001\"");
    terms.description = fields.text("description", payments::maxDescription);
    if (!isPlainText(terms.description)) {
        fields.fail("description is not plain text", "UTF-8 without control characters");
    }
    order.fees = feesFrom(fields);
    if (order.fees && !order.fees->empty()) {
        if (fields.get("isp") != nullptr && terms.isp != order.fees->back().isp) {
            fields.fail("fees do not lead to the payee's ISP", "leave isp out");
        }
        terms.isp = order.fees->back().isp;
    }
    if (fields.get("max_fees") != nullptr) order.maxFees = fields.money("max_fees", true);
    if (fields.get("lifetime_s") != nullptr) order.lifetime = lifetimeFrom(fields);
    if (const std::string text = fields.text("payee_key"); !text.empty()) {
        order.payeeKey = PublicKey::parse(text);
        if (!order.payeeKey || order.payeeKey->nodeId() != terms.payee) {
            fields.fail(order.payeeKey ? "payee_key is another payee's key" : "payee_key is not 64 hexadecimal digits",
                        "leave it out: it comes with the confirmation");
        }
    }
    ledger::Context& context = order.purchase.context;
    context.payee = terms.payee.hex();
    order.attended = fields.flag("attended");
    context.purpose = fields.text("purpose");
    context.domain = fields.text("domain");
    context.unit = PriceUnit::Item;
    if (auto problem = fields.problem()) return tl::unexpected(std::move(*problem));
    order.purchase.payment = std::move(terms);
    // nlohmann keeps members sorted: the same request gives the same text.
    order.purchase.fingerprint = "payment " + object.dump();
    return order;
}

}  // namespace netpas::secretaryd
