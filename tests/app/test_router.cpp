#include <QtTest>
#include <nlohmann/json.hpp>
#include <optional>

#include "app/secretary/json_fields.h"
#include "app/secretary/router.h"

using namespace netpas;
using namespace netpas::secretaryd;
using nlohmann::json;

class TestRouter : public QObject {
    Q_OBJECT

    Router m_router;
    std::optional<ApiCall> m_call;
    int m_handled = 0;

    void add(const char* method, const char* pattern, Capability needed, RouteLimits limits = {}) {
        m_router.add(
            method, pattern, needed,
            [this, pattern](const ApiCall& call, const Reply& reply) {
                m_call = call;
                ++m_handled;
                reply(answer({{"pattern", pattern}}));
            },
            limits);
    }
    std::pair<unsigned, json> ask(const std::string& method, const std::string& path, const std::string& body = {},
                                  Capabilities may = ownerMay) {
        net::HttpRequest request;
        request.method = method;
        request.path = path;
        request.body = body;
        request.headers = {{"Host", "netpas"}};
        Caller caller;
        caller.may = may;
        std::pair<unsigned, json> result;
        int replies = 0;
        m_router.handle(request, caller, [&](const net::HttpResponse& response) {
            result = {response.status, json::parse(response.body)};
            ++replies;
        });
        return replies == 1 ? result : std::pair<unsigned, json>{};
    }

private slots:
    void init() {
        m_router = {};
        m_call.reset();
        m_handled = 0;
        add("GET", "/v1/rules", Capability::Policy);
        add("GET", "/v1/rules/export", Capability::Policy);
        add("GET", "/v1/rules/{id}", Capability::Policy);
        add("DELETE", "/v1/rules/{id}", Capability::Policy);
        add("PUT", "/v1/contacts/{group}/{name}", Capability::Policy);
        add("POST", "/v1/purchases", Capability::Request);
        add("POST", "/v1/import", Capability::Policy, {20, true});
    }

    void patternsPickTheirHandlersAndNameTheirParts() {
        QCOMPARE(ask("GET", "/v1/rules").second["pattern"], "/v1/rules");
        QCOMPARE(ask("GET", "/v1/rules/export").second["pattern"], "/v1/rules/export");
        QCOMPARE(ask("DELETE", "/v1/rules/export").second["pattern"], "/v1/rules/{id}");
        QCOMPARE(ask("GET", "/v1/rules/7").second["pattern"], "/v1/rules/{id}");
        QCOMPARE(m_call->parameter("id"), std::string("7"));
        QCOMPARE(m_call->parameter("name"), std::string());
        QCOMPARE(ask("PUT", "/v1/contacts/family/eve", "{\"a\":1}").first, 200U);
        QCOMPARE(m_call->parameter("group"), std::string("family"));
        QCOMPARE(m_call->parameter("name"), std::string("eve"));
        QCOMPARE(m_call->body()["a"], 1);
    }

    void aClosedGateAnswersForAllButWhatIsAlwaysAnswered() {
        RouteLimits always;
        always.always = true;
        add("GET", "/v1/vault", Capability::Read, always);
        bool closed = true;
        m_router.setGate([&]() -> std::optional<net::HttpResponse> {
            if (!closed) return std::nullopt;
            return refusal(423, "LOCKED", "locked", "netpas unlock");
        });
        QCOMPARE(ask("GET", "/v1/rules").first, 423U);
        QCOMPARE(ask("GET", "/v1/vault").first, 200U);
        QCOMPARE(ask("GET", "/v1/rules", {}, Capability::Read).first, 403U);
        closed = false;
        QCOMPARE(ask("GET", "/v1/rules").first, 200U);
    }

    void whatIsNotThereIsSaidSo() {
        for (const char* path : {"/v1/rule", "/v1/rules/", "/v1/rules/7/8", "/", "", "v1/rules", "/v1//rules"}) {
            QCOMPARE(ask("GET", path).first, 404U);
        }
        QCOMPARE(ask("PATCH", "/v1/rules").first, 405U);
        QCOMPARE(m_handled, 0);
    }

    void nobodyPassesWithoutTheCapability() {
        QCOMPARE(ask("GET", "/v1/rules", {}, requestOnly).first, 403U);
        QCOMPARE(ask("GET", "/v1/rules", {}, requestOnly).second["code"], "UNAUTHORIZED");
        QCOMPARE(ask("POST", "/v1/purchases", {}, Capabilities{}).first, 403U);
        QCOMPARE(m_handled, 0);
        QCOMPARE(ask("POST", "/v1/purchases", {}, requestOnly).first, 200U);
        QVERIFY(m_call->body().is_null());
    }

    void capabilitiesFollowTheDoor() {
        QVERIFY(capabilitiesOf(Door::Secretary, 0, 1000).has(Capability::Keys));
        QVERIFY(capabilitiesOf(Door::Secretary, 1000, 1000).has(Capability::Policy));
        QVERIFY(!capabilitiesOf(Door::Secretary, 1001, 1000).has(Capability::Policy));
        for (const uint32_t uid : {0U, 1000U, 1001U}) {
            QCOMPARE(capabilitiesOf(Door::Agent, uid, 1000).bits(), requestOnly.bits());
        }
    }

    void bodiesAreLimitedAndMustBeJson() {
        QCOMPARE(ask("POST", "/v1/purchases", std::string(9000, ' ')).first, 413U);
        QCOMPARE(ask("POST", "/v1/purchases", "{").first, 400U);
        QCOMPARE(ask("POST", "/v1/purchases", "\"\xff\"").first, 400U);
        QCOMPARE(ask("POST", "/v1/import", std::string(21, 'x')).first, 413U);
        QCOMPARE(m_handled, 0);
        QCOMPARE(ask("POST", "/v1/import", "not json").first, 200U);
        QCOMPARE(m_call->text, std::string("not json"));
    }

    void fieldsReportTheFirstThingThatIsWrong() {
        const json object = json::parse(R"({"cap":"0.05","n":7,"on":true,"odd":1})");
        JsonFields fields(object);
        QCOMPARE(fields.money("cap", true).toString(), std::string("0.05"));
        QCOMPARE(fields.number("n", 10), uint64_t{7});
        QVERIFY(fields.flag("on"));
        QCOMPARE(fields.problem()->message, std::string("unknown member \"odd\""));
        JsonFields wrong(object);
        QVERIFY(wrong.text("n").empty());
        QCOMPARE(wrong.money("cap", true), *Money::parse("0.05"));
        QVERIFY(wrong.problem()->message.starts_with("n must"));
        const json list = json::array({1});
        JsonFields none(list);
        QCOMPARE(none.number("n", 1), uint64_t{0});
        QVERIFY(none.problem().has_value());
    }
};

QTEST_APPLESS_MAIN(TestRouter)
#include "test_router.moc"
