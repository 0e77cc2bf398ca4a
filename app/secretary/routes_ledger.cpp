// What was spent: history and its export, totals, balance, labels.
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "app/secretary/purchase_json.h"
#include "app/secretary/purchase_service.h"
#include "app/secretary/routes.h"
#include "core/ledger/csv.h"
#include "secretary/budgets/budget.h"

namespace netpas::secretaryd {

using net::HttpResponse;
using nlohmann::json;

namespace {

constexpr uint32_t maxHistory = 10'000;
constexpr uint32_t maxOwnHistory = 100;  // of who is not the owner: nobody waits long behind such a page
constexpr uint32_t defaultHistory = 100;
constexpr uint32_t csvPage = 1000;  // rows of one answer; the caller asks for the next

HttpResponse refusalFor(ledger::LedgerError error) {
    return refusal(500, "LOCAL_FAILURE", describe(error), "netpas doctor");
}
HttpResponse badQuery(const std::string& message, const std::string& hint = {}) {
    return refusal(400, "INVALID_ARGUMENT", message, hint);
}

template <typename Number>
bool numberFrom(const std::string& text, Number& number) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc{} && end == text.data() + text.size();
}

// Everybody's to the owner, one's own to others.
std::optional<uint32_t> scopeOf(const Caller& caller) {
    return caller.admin() ? std::nullopt : std::optional(caller.uid);
}

std::optional<std::string> nodeOf(const Caller& caller) {
    return caller.admin() ? std::nullopt : std::optional(caller.node);
}

tl::expected<std::optional<SystemTime>, HttpResponse> timeFrom(const ApiCall& call, const char* name) {
    const std::string text = call.queryValue(name);
    if (text.empty()) return std::optional<SystemTime>{};
    const auto time = parseTime(text);
    if (!time) {
        return tl::unexpected(
            badQuery(std::string(name) + " is not a time: " + text, "2031-01-31 or 2031-01-31T12:30, UTC"));
    }
    return std::optional(*time);
}

tl::expected<ledger::HistoryFilter, HttpResponse> filterFrom(const ApiCall& call) {
    ledger::HistoryFilter filter;
    filter.uid = scopeOf(call.caller);
    filter.node = nodeOf(call.caller);
    filter.limit = defaultHistory;
    const std::string limit = call.queryValue("limit"), before = call.queryValue("before");
    if (!limit.empty() && (!numberFrom(limit, filter.limit) || filter.limit == 0 || filter.limit > maxHistory)) {
        return tl::unexpected(
            badQuery("limit must be from 1 to " + std::to_string(maxHistory), "leave it out for 100"));
    }
    // What is older comes with `before`.
    if (!call.caller.admin()) filter.limit = std::min(filter.limit, maxOwnHistory);
    if (!before.empty()) {
        uint64_t id = 0;
        if (!numberFrom(before, id) || id > INT64_MAX) {
            return tl::unexpected(
                badQuery("before is not the number of a purchase", "the id of the last one of the page before"));
        }
        filter.before = PurchaseId{id};
    }
    auto since = timeFrom(call, "since"), until = timeFrom(call, "until");
    if (!since) return tl::unexpected(std::move(since.error()));
    if (!until) return tl::unexpected(std::move(until.error()));
    filter.since = *since;
    filter.until = *until;
    if (call.query.contains("app")) filter.app = call.queryValue("app");
    if (call.query.contains("payee")) filter.payee = call.queryValue("payee");
    filter.text = call.queryValue("text");
    return filter;
}

void history(const SecretaryState& state, const ApiCall& call, const Reply& reply) {
    const auto filter = filterFrom(call);
    if (!filter) return reply(filter.error());
    const auto entries = state.ledger->history(*filter);
    if (!entries) return reply(refusalFor(entries.error()));
    json list = json::array();
    for (const ledger::Purchase& book : *entries) {
        // What runs has newer counters in memory than in the ledger.
        const auto live =
            isFinal(book.state) || state.purchases == nullptr ? std::nullopt : state.purchases->find(book.id);
        list.push_back(purchaseJson(live ? *live : PurchaseView{book, std::nullopt, false, {}, {}}, state.clock.now()));
    }
    reply(answer({{"entries", std::move(list)}}));
}

// A page of lines, newest first; the first page begins with the header. `X-Next` names the next page's `before`.
void historyCsv(const SecretaryState& state, const ApiCall& call, const Reply& reply) {
    auto filter = filterFrom(call);
    if (!filter) return reply(filter.error());
    const uint32_t page = call.caller.admin() ? csvPage : std::min(csvPage, maxOwnHistory);
    filter->limit = call.query.contains("limit") ? std::min(filter->limit, page) : page;
    const auto entries = state.ledger->history(*filter);
    if (!entries) return reply(refusalFor(entries.error()));
    HttpResponse response;
    response.contentType = "text/csv; charset=utf-8";
    if (!filter->before) response.body = ledger::csvHeader();
    for (const ledger::Purchase& book : *entries) response.body += ledger::csvRow(book);
    if (entries->size() == filter->limit) {
        response.headers.push_back({"X-Next", std::to_string(entries->back().id.value())});
    }
    reply(std::move(response));
}

std::optional<ledger::TotalsBy> totalsBy(const std::string& name) {
    using ledger::TotalsBy;
    constexpr std::pair<std::string_view, TotalsBy> names[] = {
        {"app", TotalsBy::App},     {"payee", TotalsBy::Payee},   {"purpose", TotalsBy::Purpose},
        {"group", TotalsBy::Group}, {"domain", TotalsBy::Domain}, {"node", TotalsBy::Node},
        {"user", TotalsBy::User},   {"day", TotalsBy::Day},       {"month", TotalsBy::Month}};
    for (const auto& [known, by] : names) {
        if (known == name) return by;
    }
    return std::nullopt;
}

void totals(const SecretaryState& state, const ApiCall& call, const Reply& reply) {
    const auto by = totalsBy(call.queryValue("by"));
    if (!by)
        return reply(
            badQuery("by is missing or unknown", "app, payee, purpose, group, domain, node, user, day, month"));
    const auto since = timeFrom(call, "since"), until = timeFrom(call, "until");
    if (!since) return reply(since.error());
    if (!until) return reply(until.error());
    const auto found = state.ledger->totals(*by, *since, *until, scopeOf(call.caller), nodeOf(call.caller));
    if (!found) return reply(refusalFor(found.error()));
    json list = json::array();
    Money sum;
    for (const ledger::Total& total : *found) {
        sum = checkedAdd(sum, total.amount).value_or(sum);
        list.push_back({{"name", total.name}, {"amount", total.amount.toString()}, {"purchases", total.purchases}});
    }
    reply(answer(
        {{"by", call.queryValue("by")}, {"totals", std::move(list)}, {"sum", sum.toString()}, {"currency", "USD"}}));
}

void balance(const SecretaryState& state, const ApiCall&, const Reply& reply) {
    const ledger::Ledger& book = *state.ledger;
    // Days and months as budgets have them.
    using secretary::budgets::Period;
    const auto& calendar = secretary::budgets::localCalendar();
    const SystemTime day = calendar.startOf(Period::Day, state.clock.now());
    const SystemTime month = calendar.startOf(Period::Month, state.clock.now());
    const auto wallet = book.wallet();
    const auto reserved = book.reserved(), today = book.spentSince(day), thisMonth = book.spentSince(month);
    if (!wallet || !reserved || !today || !thisMonth) return reply(refusalFor(ledger::LedgerError::Damaged));
    reply(answer({{"spent", wallet->debitsPosted.toString()},
                  {"spent_today", today->toString()},
                  {"spent_this_month", thisMonth->toString()},
                  {"reserved", reserved->toString()},
                  {"currency", "USD"}}));
}

void label(const SecretaryState& state, const ApiCall& call, const Reply& reply) {
    JsonFields fields(call.body());
    constexpr size_t longest = 200;
    const std::string text = fields.text("label", longest);
    if (auto problem = fields.problem()) return reply(badQuery(problem->message, problem->hint));
    uint64_t number = 0;
    const bool good = numberFrom(call.parameter("id"), number) && number <= INT64_MAX;
    const auto known =
        good ? state.ledger->find(PurchaseId{number}) : tl::unexpected(ledger::LedgerError::UnknownPurchase);
    const bool own = known && known->request.uid == call.caller.uid && known->request.context.node == call.caller.node;
    if (!known || (!call.caller.admin() && !own)) {
        return reply(refusal(404, "NOT_FOUND", "there is no purchase " + call.parameter("id"), "netpas history"));
    }
    const auto done = state.ledger->label(known->id, text, state.clock.now());
    if (!done) return reply(refusalFor(done.error()));
    reply(answer({{"id", call.parameter("id")}, {"label", text}}));
}

}  // namespace

void addLedgerRoutes(Router& router, SecretaryState& state) {
    const auto with = [&state](auto handler) {
        return [&state, handler](const ApiCall& call, const Reply& reply) { handler(state, call, reply); };
    };
    router.add("GET", "/v1/history", Capability::Read, with(history));
    router.add("GET", "/v1/history.csv", Capability::Read, with(historyCsv));
    router.add("GET", "/v1/totals", Capability::Read, with(totals));
    router.add("GET", "/v1/balance", Capability::Policy, with(balance));
    router.add("PUT", "/v1/purchases/{id}/label", Capability::Request, with(label));
}

}  // namespace netpas::secretaryd
