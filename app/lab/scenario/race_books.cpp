#include "app/lab/scenario/race_books.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>

#include <nlohmann/json.hpp>

#include "app/lab/parties.h"
#include "app/lab/scenario/books.h"
#include "core/net/http_client.h"

namespace netpas::lab {

using namespace std::chrono_literals;

namespace {

constexpr std::array<const char*, 3> fields{"app", "payee", "purpose"};

Money plus(Money a, Money b) { return checkedAdd(a, b).value_or(Money::max()); }

// Money that the ledger has set aside for it.
bool holdsMoney(const Json& purchase) { return purchase.value("state", "") != "requested"; }

std::set<std::string> holders(const Json& open) {
    std::set<std::string> ids;
    for (const Json& purchase : open.value("purchases", Json::array())) {
        if (holdsMoney(purchase)) ids.insert(purchase.value("id", ""));
    }
    return ids;
}

}  // namespace

std::string RaceBooks::socket(const std::string& name) const {
    return std::filesystem::path(agentSocket(m_lab.name(), m_host)).replace_filename(name).string();
}

Expected<Json> RaceBooks::ask(const std::string& method, const std::string& target, const Json& body) const {
    net::HttpCall call;
    call.method = method;
    call.target = target;
    call.timeout = 60s;
    call.maxBody = size_t{64} << 20;
    if (!body.is_null()) {
        call.body = body.dump();
        call.headers.push_back({"Content-Type", "application/json"});
    }
    const auto answer = net::httpCall(net::UnixTarget{socket()}, call);
    if (!answer) return fail(LabErrc::Process, target + ": " + std::string(describe(answer.error())));
    Json json = Json::parse(answer->body, nullptr, false);
    if (answer->status >= 400 || json.is_discarded()) {
        return fail(LabErrc::Process, method + " " + target + ": " + answer->body);
    }
    return json;
}

Expected<Json> RaceBooks::ask(const std::string& method, const std::string& target) const {
    return ask(method, target, nullptr);
}

bool RaceBooks::answers() const { return ask("GET", "/v1/budget").has_value(); }

Money RaceBooks::Spent::of(const RaceCap& cap) const {
    if (cap.field.empty()) return sum;
    const auto field = by.find(cap.field);
    if (field == by.end()) return {};
    const auto found = field->second.find(cap.value);
    return found == field->second.end() ? Money{} : found->second;
}

Expected<RaceBooks::Spent> RaceBooks::spent() const {
    Spent spent;
    for (const char* const field : fields) {
        const auto totals = ask("GET", std::string("/v1/totals?by=") + field);
        if (!totals) return tl::unexpected(totals.error());
        spent.sum = amountAt(*totals, "sum").value_or(Money::max());
        for (const Json& one : totals->value("totals", Json::array())) {
            spent.by[field][one.value("name", "")] = amountAt(one, "amount").value_or(Money::max());
        }
    }
    return spent;
}

Expected<std::string> RaceBooks::reservations() const {
    const auto open = ask("GET", "/v1/purchases");
    const auto balance = ask("GET", "/v1/balance");
    const auto budget = ask("GET", "/v1/budget");
    for (const auto* answer : {&open, &balance, &budget}) {
        if (!*answer) return tl::unexpected(answer->error());
    }
    Money held;
    for (const Json& purchase : open->value("purchases", Json::array())) {
        if (holdsMoney(purchase)) held = plus(held, amountAt(purchase, "cap").value_or(Money::max()));
    }
    const Money booked = amountAt(*balance, "reserved").value_or(Money::max());
    Money counted = Money::max();
    for (const Json& one : budget->value("budgets", Json::array())) {
        if (one.value("scope", "") == "everything") counted = amountAt(one, "reserved").value_or(Money::max());
    }
    if (held == booked && booked == counted) return std::string();
    return "set aside by open purchases " + held.toString() + ", by the ledger " + booked.toString() +
           ", by the budgets " + counted.toString();
}

Expected<std::string> RaceBooks::examination() const {
    const auto doctor = ask("GET", "/v1/doctor");
    if (!doctor) return tl::unexpected(doctor.error());
    std::string wrong;
    for (const Json& finding : doctor->value("findings", Json::array())) {
        if (finding.value("level", "bad") == "bad") wrong += finding.value("message", "?") + "; ";
    }
    return wrong;
}

// Sums of two answers are only true together when nothing has changed in between.
Expected<RaceBooks::Spent> RaceBooks::committed() const {
    constexpr int attempts = 200;
    Expected<Json> open = ask("GET", "/v1/purchases");
    for (int attempt = 0; open && attempt < attempts; ++attempt) {
        auto sums = spent();
        if (!sums) return sums;
        auto after = ask("GET", "/v1/purchases");
        const bool still = after && holders(*after) == holders(*open);
        open = std::move(after);
        if (!still) continue;
        for (const Json& purchase : open->value("purchases", Json::array())) {
            if (!holdsMoney(purchase)) continue;
            const Money cap = amountAt(purchase, "cap").value_or(Money::max());
            sums->sum = plus(sums->sum, cap);
            for (const char* const field : fields) {
                Money& sum = sums->by[field][purchase.value(field, "")];
                sum = plus(sum, cap);
            }
        }
        return sums;
    }
    if (!open) return tl::unexpected(open.error());
    return fail(LabErrc::Timeout, "purchases change all the time");
}

Expected<uint64_t> RaceBooks::passed(const std::vector<RaceCap>& caps) const {
    const auto sums = committed();
    if (!sums) return tl::unexpected(sums.error());
    const auto over = std::count_if(caps.begin(), caps.end(),
                                    [&](const RaceCap& cap) { return sums->of(cap) > plus(cap.before, cap.amount); });
    return static_cast<uint64_t>(over);
}

Expected<void> RaceBooks::awaitSettled(std::chrono::seconds limit) const {
    return waitUntil("everything to be settled", limit, [&] {
        const auto open = ask("GET", "/v1/purchases");
        return open && open->value("purchases", Json::array()).empty();
    });
}

Expected<void> RaceBooks::settleAll() const {
    const auto open = ask("GET", "/v1/purchases");
    if (!open) return tl::unexpected(open.error());
    for (const Json& purchase : open->value("purchases", Json::array())) {
        (void)ask("DELETE", "/v1/purchases/" + purchase.value("id", "0"));
    }
    return awaitSettled(60s);
}

std::string RaceBooks::Account::text() const {
    return "ledger " + ledger.toString() + ", counters " + counters.toString() + ", invoice " + invoice.toString();
}

Expected<RaceBooks::Account> RaceBooks::accountNow() const {
    const auto balance = ask("GET", "/v1/balance");
    if (!balance) return tl::unexpected(balance.error());
    const auto books = ispBooks(m_lab, m_lab.topology().ispOfHost(m_host)->name);
    if (!books) return tl::unexpected(books.error());
    const Json* const customer = findEntry(*books, "customers", "name", m_host);
    if (customer == nullptr) return fail(LabErrc::Process, "the ISP does not know its customer");
    Account account;
    account.ledger = amountAt(*balance, "spent").value_or(Money::max());
    account.invoice = amountAt(*customer, "amount").value_or(Money::max());
    for (const Json& key : customer->value("keys", Json::array())) {
        account.counters = plus(account.counters, amountAt(key, "amount").value_or(Money::max()));
    }
    return account;
}

Expected<RaceBooks::Account> RaceBooks::account() const {
    Expected<Account> last;
    // What they are when they have not agreed in time is for the caller to judge.
    (void)waitUntil("the ISP's books to come to rest", 20s, [&] {
        last = accountNow();
        return last && last->agrees();
    });
    return last;
}

}  // namespace netpas::lab
