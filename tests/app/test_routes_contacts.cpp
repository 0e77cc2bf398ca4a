// /v1/contacts and /v1/payees as the owner's programs meet them.
#include <QtTest>
#include <nlohmann/json.hpp>

#include "app/secretary/routes.h"
#include "core/certificates/authority.h"
#include "secretary/contacts/contact_book.h"
#include "secretary/payees/payee_book.h"

using namespace netpas;
using namespace netpas::secretaryd;
using namespace netpas::certificates;
using nlohmann::json;

namespace {

constexpr std::chrono::days day{1};
const SystemTime now = SystemTime(std::chrono::sys_days(std::chrono::year(2027) / 6 / 15));
const std::string payee(64, 'a');

struct World {
    ManualClock clock{now};
    store::MemoryDocuments documents;
    secretary::contacts::ContactBook contacts = *secretary::contacts::ContactBook::open(documents);
    secretary::payees::PayeeBook payees = *secretary::payees::PayeeBook::open(documents);
    SecretaryState state{clock, "1", {}};
    Router router;

    World() {
        state.contacts = &contacts;
        state.payees = &payees;
        addContactRoutes(router, state);
        addPayeeRoutes(router, state);
    }

    // Status and body.
    std::pair<unsigned, json> call(const std::string& method, const std::string& path, const json& body = nullptr,
                                   Capabilities may = ownerMay) {
        net::HttpRequest request;
        request.method = method;
        const size_t mark = path.find('?');
        request.path = path.substr(0, mark);
        if (mark != std::string::npos) {
            const std::string pair = path.substr(mark + 1);
            request.query[pair.substr(0, pair.find('='))] = pair.substr(pair.find('=') + 1);
        }
        if (!body.is_null()) request.body = body.dump();
        Caller caller;
        caller.may = may;
        std::pair<unsigned, json> result{0, nullptr};
        router.handle(request, caller, [&](const net::HttpResponse& response) {
            result = {response.status, json::parse(response.body, nullptr, false)};
        });
        return result;
    }
};

Authority watch() {
    return *Authority::makeRoot(Identity::fromSeed({1}), "Watch", {now - 1000 * day, now + 1000 * day});
}
std::string pemOf(const Bytes& certificate) { return toPem(Chain{certificate}); }

}  // namespace

class TestRoutesContacts : public QObject {
    Q_OBJECT

private slots:
    void initTestCase() { QVERIFY(initCrypto()); }

    void contactsAreMadeChangedAndRemoved() {
        World world;
        const auto [made, contact] =
            world.call("POST", "/v1/contacts", {{"name", "Ana"}, {"payees", {payee}}, {"groups", {"family"}}});
        QCOMPARE(made, 201U);
        const std::string path = "/v1/contacts/" + contact["id"].get<std::string>();
        QCOMPARE(world.call("GET", path).second["name"], json("Ana"));
        QCOMPARE(world.call("GET", "/v1/contacts?group=family").second["contacts"].size(), size_t{1});
        QCOMPARE(world.call("GET", "/v1/contacts?group=friends").second["contacts"].size(), size_t{0});
        QCOMPARE(world.call("GET", "/v1/contacts?name=Ana").second["contacts"].size(), size_t{1});
        QCOMPARE(world.call("PUT", path, {{"name", "Anna"}, {"groups", {"friends"}}}).first, 200U);
        QVERIFY(world.contacts.find("Anna") != nullptr && world.contacts.find("Ana") == nullptr);
        QCOMPARE(world.call("DELETE", path).first, 200U);
        QCOMPARE(world.call("DELETE", path).first, 404U);
        QCOMPARE(world.call("GET", path).first, 404U);
        QCOMPARE(world.call("PUT", path, {{"name", "x"}}).first, 404U);
    }

    void wrongContactsAreRefusedWithARemedy() {
        World world;
        QCOMPARE(world.call("POST", "/v1/contacts", {{"name", "Ana"}, {"domains", {"ana.example"}}}).first, 201U);
        const auto [status, body] = world.call("POST", "/v1/contacts", {{"name", "Bo"}, {"domains", {"ana.example"}}});
        QCOMPARE(status, 409U);
        QCOMPARE(body["code"], json("DOMAIN_TAKEN"));
        QVERIFY(body["message"].get<std::string>().find("Ana") != std::string::npos);
        QVERIFY(!body["hint"].get<std::string>().empty());
        QCOMPARE(world.call("POST", "/v1/contacts", {{"name", "Bo"}, {"payees", {"12"}}}).first, 400U);
        QCOMPARE(world.call("POST", "/v1/contacts", {{"name", "Bo"}, {"phone", "12"}}).first, 400U);
        QCOMPARE(world.call("POST", "/v1/contacts", json::array()).first, 400U);
    }

    void contactsMoveBetweenMachines() {
        World from;
        QCOMPARE(from.call("POST", "/v1/contacts", {{"name", "Ana"}, {"groups", {"family"}}}).first, 201U);
        for (const std::string format : {"vcard", "json"}) {
            World to;
            const json text = from.call("GET", "/v1/contacts/export?format=" + format).second["text"];
            const json file{{"format", format}, {"text", text}};
            QCOMPARE(to.call("POST", "/v1/contacts/import", file).second["added"], json(1));
            QCOMPARE(to.call("POST", "/v1/contacts/import", file).second["unchanged"], json(1));
            QVERIFY(*to.contacts.find("Ana") == *from.contacts.find("Ana"));
        }
        QCOMPARE(from.call("GET", "/v1/contacts/export?format=xml").first, 400U);
        const auto [status, body] =
            from.call("POST", "/v1/contacts/import", {{"format", "vcard"}, {"text", "BEGIN:VCARD\nFN\n"}});
        QCOMPARE(status, 400U);
        QVERIFY(body["message"].get<std::string>().starts_with("line 2"));
    }

    void payeesAreJudged() {
        World world;
        const Authority authority = watch();
        const PublicKey key = Identity::fromSeed({50}).publicKey();
        const std::string pem = pemOf(
            *authority.certify({key, "Comics", {"comics.example"}, PayeeClass::FewComplaints, {now - day, now + day}}));
        auto [status, body] = world.call("POST", "/v1/payees", {{"pem", pem}});
        QCOMPARE(status, 403U);
        QCOMPARE(body["code"], json("CERTIFICATE_UNKNOWN_AUTHORITY"));
        const json trusted{{"class", "few-complaints"}, {"pem", pemOf(authority.certificate())}};
        QCOMPARE(world.call("POST", "/v1/payees/authorities", trusted).first, 201U);
        std::tie(status, body) = world.call("POST", "/v1/payees/verify", {{"pem", pem}, {"domain", "Comics.example"}});
        QCOMPARE(status, 200U);
        QCOMPARE(body["classes"], json({"few-complaints"}));
        QCOMPARE(world.payees.size(), size_t{0});  // checked, not kept
        QCOMPARE(world.call("POST", "/v1/payees/verify", {{"pem", pem}, {"domain", "evil.example"}}).second["code"],
                 json("CERTIFICATE_OTHER_NAME"));
        QCOMPARE(world.call("POST", "/v1/payees/verify", {{"pem", pem}, {"payee", payee}}).second["code"],
                 json("CERTIFICATE_KEY_MISMATCH"));
        QCOMPARE(world.call("POST", "/v1/payees", {{"pem", pem}}).first, 201U);
        const std::string path = "/v1/payees/" + key.nodeId().hex();
        QCOMPARE(world.call("GET", path).second["may_be_paid"], json(true));
        QCOMPARE(world.call("GET", path).second["pem"], json(pem));
        world.clock.advance(2 * day);
        body = world.call("GET", "/v1/payees").second;
        QCOMPARE(body["payees"][0]["may_be_paid"], json(false));
        QCOMPARE(body["payees"][0]["problem"]["code"], json("CERTIFICATE_EXPIRED"));
        QCOMPARE(body["accepted"], json({"few-complaints"}));
        QCOMPARE(world.call("DELETE", path).first, 200U);
        QCOMPARE(world.call("DELETE", path).first, 404U);
        const std::string id = body["authorities"][0]["id"];
        QCOMPARE(world.call("DELETE", "/v1/payees/authorities/" + id).first, 200U);
    }

    void classesAreChosen() {
        World world;
        QCOMPARE(world.call("PUT", "/v1/payees/accepted", {{"classes", {"accountable", "regulated"}}}).first, 200U);
        QVERIFY(world.payees.accepted() == (PayeeClasses(PayeeClass::Accountable) | PayeeClass::Regulated));
        QCOMPARE(world.call("PUT", "/v1/payees/accepted", {{"classes", {"friends"}}}).first, 400U);
        QCOMPARE(world.call("PUT", "/v1/payees/accepted", json::object()).first, 400U);
        QVERIFY(world.payees.accepted() == (PayeeClasses(PayeeClass::Accountable) | PayeeClass::Regulated));
        QCOMPARE(world.call("PUT", "/v1/payees/accepted", {{"classes", json::array()}}).first, 200U);
    }

    void revocationsAreTaken() {
        World world;
        const Authority authority = watch();
        const std::string list = revocationsToPem(*authority.revoke({}, {now - day, now + day}));
        QCOMPARE(world.call("POST", "/v1/payees/revocations", {{"pem", list}}).first, 403U);
        QVERIFY(world.payees.trust(PayeeClass::Regulated, authority.certificate(), now));
        QCOMPARE(world.call("POST", "/v1/payees/revocations", {{"pem", list}}).first, 201U);
        QCOMPARE(world.call("POST", "/v1/payees/revocations", {{"pem", "x"}}).first, 400U);
    }

    // What the owner knows and accepts is nobody else's business.
    void othersSeeAndChangeNothing() {
        World world;
        for (const auto& [method, path] :
             std::vector<std::pair<std::string, std::string>>{{"GET", "/v1/contacts"},
                                                              {"POST", "/v1/contacts"},
                                                              {"POST", "/v1/contacts/import"},
                                                              {"GET", "/v1/contacts/export?format=json"},
                                                              {"GET", "/v1/payees"},
                                                              {"POST", "/v1/payees"},
                                                              {"PUT", "/v1/payees/accepted"},
                                                              {"POST", "/v1/payees/authorities"},
                                                              {"POST", "/v1/payees/revocations"}}) {
            QCOMPARE(world.call(method, path, json::object(), requestOnly).first, 403U);
        }
    }
};

QTEST_APPLESS_MAIN(TestRoutesContacts)
#include "test_routes_contacts.moc"
