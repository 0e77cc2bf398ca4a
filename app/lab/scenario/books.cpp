#include "app/lab/scenario/books.h"

#include <nlohmann/json.hpp>

#include "app/lab/parties.h"

namespace netpas::lab {
namespace {

Money plus(Money a, Money b) { return checkedAdd(a, b).value_or(Money::max()); }

// What the edges of an ISP have counted for one neighbour, now.
std::map<uint64_t, Money> edgeTotals(const std::vector<Json>& edges) {
    std::map<uint64_t, Money> totals;
    for (const Json& edge : edges) {
        for (const Json& link : edge.value("links", Json::array())) {
            Money& sum = totals[link.value("isp", uint64_t{0})];
            sum = plus(sum, amountAt(link, "own").value_or(Money::zero()));
        }
    }
    return totals;
}

// Everything that the edges counted is in the books, and no sample or confirmation is under way.
bool atRest(const Json& books, const std::vector<Json>& edges) {
    for (const Json& edge : edges) {
        const Json accounting = edge.value("accounting", Json::object());
        if (!accounting.value("connected", false) || accounting.value("samples_waiting", 1) != 0) return false;
    }
    for (const Json& neighbour : books.value("neighbours", Json::array())) {
        if (neighbour.value("waiting", 1) != 0) return false;
    }
    for (const auto& [isp, amount] : edgeTotals(edges)) {
        const Json* link = findEntry(books, "links", "isp", isp);
        const Money booked = link != nullptr ? amountAt(*link, "own").value_or(Money::zero()) : Money::zero();
        if (booked != amount) return false;
    }
    Money delivered;
    for (const Json& edge : edges) {
        delivered = plus(delivered, amountAt(edge.value("delivered", Json::object()), "own").value_or(Money::zero()));
    }
    return amountAt(books.value("delivered", Json::object()), "counted") == delivered;
}

}  // namespace

std::optional<Money> amountAt(const Json& object, const std::string& key) {
    const auto at = object.find(key);
    if (at == object.end() || !at->is_string()) return std::nullopt;
    const auto amount = Money::parse(at->get<std::string>());
    return amount ? std::optional<Money>(*amount) : std::nullopt;
}

const Json* findEntry(const Json& object, const std::string& list, const std::string& key, const Json& value) {
    const auto entries = object.find(list);
    if (entries == object.end()) return nullptr;
    for (const Json& entry : *entries) {
        if (entry.contains(key) && entry[key] == value) return &entry;
    }
    return nullptr;
}

Expected<OwnService> ownService(const Json& books, const Topology& topology, const std::string& nextIsp) {
    const Json* compared = nullptr;
    if (nextIsp.empty()) {
        const auto delivered = books.find("delivered");
        if (delivered != books.end()) compared = &*delivered;
    } else if (const Json* neighbour = findEntry(books, "neighbours", "isp", topology.isp(nextIsp)->id)) {
        const auto own = neighbour->find("own");
        if (own != neighbour->end()) compared = &*own;
    }
    const auto counted = compared != nullptr ? amountAt(*compared, "counted") : std::nullopt;
    const auto confirmed = compared != nullptr ? amountAt(*compared, "confirmed") : std::nullopt;
    if (!counted || !confirmed) return fail(LabErrc::Evidence, "the books lack an ISP's own service: " + books.dump());
    return OwnService{*counted, *confirmed};
}

Expected<std::map<std::string, Json>> settledBooks(Lab& lab, const std::vector<std::string>& isps,
                                                   std::chrono::seconds limit) {
    std::map<std::string, Json> previous;
    std::map<std::string, Json> now;
    std::optional<LabError> trouble;
    const auto settled = waitUntil("the books to come to rest", limit, [&] {
        now.clear();
        bool rest = true;
        for (const std::string& isp : isps) {
            std::vector<Json> edges;
            for (const std::string& router : lab.topology().isp(isp)->routers) {
                auto counters = edgeCounters(lab, router);
                if (!counters) {
                    trouble = counters.error();
                    return true;
                }
                edges.push_back(std::move(*counters));
            }
            auto books = ispBooks(lab, isp);
            if (!books) {
                trouble = books.error();
                return true;
            }
            rest = rest && atRest(*books, edges);
            books->erase("time");
            now[isp] = std::move(*books);
        }
        const bool same = now == previous;
        previous = now;
        return rest && same;
    });
    if (trouble) return tl::unexpected(*trouble);
    if (!settled) return tl::unexpected(settled.error());
    return now;
}

Expected<Bill> billOf(Lab& lab, const std::string& host) {
    Bill bill;
    const auto history = netpas(lab, host, {"history", "--limit", "1000"});
    if (!history) return tl::unexpected(history.error());
    for (const Json& entry : history->value("entries", Json::array())) {
        const std::string state = entry.value("state", "");
        if (state == "refused") continue;
        const auto charged = amountAt(entry, "charged");
        if (state != "settled" || !charged) {
            ++bill.unsettled;
            continue;
        }
        bill.ledger = plus(bill.ledger, *charged);
        bill.ledgerPackets += entry.value("sent", Json::object()).value("packets", uint64_t{0});
    }
    const auto books = ispBooks(lab, lab.topology().ispOfHost(host)->name);
    if (!books) return tl::unexpected(books.error());
    const Json* customer = findEntry(*books, "customers", "name", host);
    if (customer == nullptr) return fail(LabErrc::Evidence, "the ISP's books do not know the customer " + host);
    for (const Json& key : customer->value("keys", Json::array())) {
        bill.counter = plus(bill.counter, amountAt(key, "amount").value_or(Money::zero()));
        bill.counterPackets += key.value("packets", uint64_t{0});
    }
    bill.invoice = amountAt(*customer, "amount").value_or(Money::max());
    bill.invoicePackets = customer->value("packets", uint64_t{0});
    return bill;
}

void reportBill(Json& result, const Bill& bill) {
    result["ledger"] = bill.ledger.toString();
    result["first_isp_counter"] = bill.counter.toString();
    result["invoice"] = bill.invoice.toString();
    result["exact"] = bill.exact();
}

}  // namespace netpas::lab
