#include "app/isp/books_admin.h"

#include <nlohmann/json.hpp>

#include "core/audit/exporter.h"
#include "core/crypto/hex.h"

namespace netpas::isp {

using accounting::Bill;
using net::HttpResponse;
using nlohmann::json;

namespace {

constexpr size_t maxReference = 200;
constexpr size_t maxBill = 4096;

HttpResponse withBody(std::string body) {
    HttpResponse response;
    response.body = std::move(body);
    return response;
}

HttpResponse done() { return {204, "", "", {}}; }

HttpResponse wrong(const char* message, const char* hint) {
    return HttpResponse::error(400, "INVALID_ARGUMENT", message, hint);
}

std::optional<std::string> textIn(const json& object, const char* name, size_t most) {
    const auto found = object.is_object() ? object.find(name) : object.end();
    if (!object.is_object() || found == object.end() || !found->is_string()) return std::nullopt;
    auto text = found->get<std::string>();
    if (text.size() > most) return std::nullopt;
    return text;
}

std::optional<uint64_t> numberIn(const json& object, const char* name, uint64_t most) {
    const auto found = object.is_object() ? object.find(name) : object.end();
    if (!object.is_object() || found == object.end() || !found->is_number_unsigned()) return std::nullopt;
    const auto number = found->get<uint64_t>();
    return number <= most ? std::optional(number) : std::nullopt;
}

std::optional<Bill> billIn(const json& object) {
    const auto hex = textIn(object, "bill", 2 * maxBill);
    if (!hex || hex->size() % 2 != 0) return std::nullopt;
    Bytes bytes(hex->size() / 2);
    if (!fromHex(*hex, bytes)) return std::nullopt;
    Reader reader(bytes);
    Bill bill = accounting::decodeBill(reader);
    return reader.finished() ? std::optional(bill) : std::nullopt;
}

}  // namespace

BooksAdmin::BooksAdmin(accounting::AccountingServer& server, const Identity& identity)
    : m_server(server), m_identity(identity) {}
BooksAdmin::~BooksAdmin() = default;

std::optional<HttpResponse> BooksAdmin::answer(const net::HttpRequest& request) {
    const bool get = request.method == "GET";
    const bool post = request.method == "POST";
    const std::string& path = request.path;
    if (get && path == "/v1/bills") return withBody(m_server.billsJson());
    if (get && path == "/v1/blocks") return withBody(m_server.blocksJson());
    if (post && path == "/v1/bills/compare") return compare(request.body);
    if (post && path == "/v1/bills/settle") return settle(request.body);
    if (post && path == "/v1/complaints") return complain(request.body);
    if (post && path.starts_with("/v1/accounts/")) return freeze(request);
    if (post && path == "/v1/audit") return beginExport();
    if (get && path.starts_with("/v1/audit/")) return nextOfExport(path.substr(std::string("/v1/audit/").size()));
    return std::nullopt;
}

HttpResponse BooksAdmin::compare(const std::string& body) {
    const auto bill = billIn(json::parse(body, nullptr, false));
    if (!bill) return wrong("that is no bill", "send {\"bill\": \"…\"} as a neighbour's server shows it");
    return withBody(m_server.compareJson(*bill));
}

HttpResponse BooksAdmin::settle(const std::string& body) {
    const json given = json::parse(body, nullptr, false);
    const auto isp = numberIn(given, "isp", IspId::maxValue);
    const auto cycle = numberIn(given, "cycle", UINT32_MAX);
    const auto reference = textIn(given, "reference", maxReference);
    const auto paid = numberIn(given, "paid", INT64_MAX);
    if (!isp || !cycle || !reference)
        return wrong("isp, cycle and reference are needed",
                     "send {\"isp\": 24, \"cycle\": 24310, \"reference\": \"…\"}");
    const SystemTime time =
        paid ? SystemTime(std::chrono::microseconds(static_cast<int64_t>(*paid))) : systemClock().now();
    if (m_server.settle(IspId(static_cast<uint16_t>(*isp)), static_cast<accounting::CycleNumber>(*cycle),
                        {time, *reference}))
        return done();
    return HttpResponse::error(404, "NOT_FOUND",
                               "there is no closed bill of that ISP and cycle, or it cannot be written",
                               "netpas-isp bill lists them");
}

HttpResponse BooksAdmin::complain(const std::string& body) {
    const json given = json::parse(body, nullptr, false);
    const auto hex = textIn(given, "payment", 32);
    const auto reason = textIn(given, "reason", accounting::maxPayeeComplaint);
    payments::PaymentId id{};
    if (!hex || !reason || !fromHex(*hex, id))
        return wrong("payment and reason are needed",
                     "send {\"payment\": \"32 hexadecimal digits\", \"reason\": \"…\"}");
    if (m_server.complain(id, *reason)) return done();
    return HttpResponse::error(404, "NOT_FOUND", "no customer of this ISP has made such a payment lately",
                               "only the payer's ISP complains");
}

// /v1/accounts/NAME/freeze and …/unfreeze.
HttpResponse BooksAdmin::freeze(const net::HttpRequest& request) {
    const std::string rest = request.path.substr(std::string("/v1/accounts/").size());
    const size_t slash = rest.rfind('/');
    const std::string verb = slash == std::string::npos ? "" : rest.substr(slash + 1);
    if (verb != "freeze" && verb != "unfreeze")
        return HttpResponse::error(404, "NOT_FOUND", "there is no such resource", "…/NAME/freeze or …/NAME/unfreeze");
    const json given = json::parse(request.body, nullptr, false);
    const std::string reason = textIn(given, "reason", accounting::maxPayeeComplaint).value_or("by the operator");
    if (m_server.setFrozen(rest.substr(0, slash), verb == "freeze", reason)) return done();
    return HttpResponse::error(404, "NOT_FOUND", "there is no such customer, or it cannot be written",
                               "netpas-isp books lists the customers");
}

HttpResponse BooksAdmin::beginExport() {
    auto begun = audit::Exporter::begin(m_server, m_identity);
    if (!begun)
        return HttpResponse::error(503, "UNAVAILABLE", store::describe(begun.error()),
                                   "see to the database, try again");
    m_export = std::make_unique<audit::Exporter>(std::move(*begun));
    // What is exported must not be deleted meanwhile; an export that nobody fetches does not hold it for ever.
    m_server.keepLog(true);
    return withBody(json{{"id", std::to_string(++m_exportNumber)}}.dump());
}

// Empty when everything was fetched.
HttpResponse BooksAdmin::nextOfExport(const std::string& id) {
    if (!m_export || id != std::to_string(m_exportNumber))
        return HttpResponse::error(410, "GONE", "another export was begun meanwhile, or this one has ended",
                                   "begin again");
    m_server.keepLog(true);
    auto bytes = m_export->next();
    if (!bytes || bytes->empty()) {
        m_export.reset();
        m_server.keepLog(false);
    }
    if (!bytes)
        return HttpResponse::error(503, "UNAVAILABLE", store::describe(bytes.error()),
                                   "see to the database, try again");
    HttpResponse response;
    response.contentType = "application/octet-stream";
    response.body.assign(bytes->begin(), bytes->end());
    return response;
}

}  // namespace netpas::isp
