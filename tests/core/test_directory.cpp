#include <QtTest>
#include <nlohmann/json.hpp>

#include "core/directory/documents.h"
#include "core/directory/publisher.h"

using namespace netpas;
using namespace netpas::directory;

namespace {

const SystemTime start{std::chrono::hours(500'000)};

Validity valid() { return {IspId(26), start, start + std::chrono::hours(1)}; }

Descriptor descriptor() {
    Descriptor d;
    d.validity = valid();
    d.name = "ISP \"Z\" & söhne";
    d.edges = {*IpAddress::parse("192.0.2.1"), *IpAddress::parse("2001:db8::1")};
    d.accounting = {*IpAddress::parse("2001:db8::2"), 46722};
    d.accountingKey = Identity::fromSeed({1}).publicKey();
    return d;
}

Menu menu() {
    Menu m;
    m.validity = valid();
    MenuClass gold;
    gold.id = ServiceClass(63);
    gold.name = "gold";
    gold.description = "low delay";
    gold.dscp = 46;
    gold.prices.base = {*Money::parse("0.000000002125"), *Money::parse("0.00000001"), 13};
    gold.prices.periods = {{1080, 1320, {*Money::parse("0.000000004"), Money::zero(), 0}}};
    gold.promise.latencyMicroseconds = 1500;
    gold.promise.rateBitPerSecond = 10'000'000'000;
    gold.guarantee = Guarantee{*Money::parse("0.001"), *Money::parse("0.0005"), 5'000'000};
    m.classes = {gold, MenuClass{}};
    m.exits = {{IspId(25), ExitPoint(1023), "north"}};
    m.reflectors = {{*IpAddress::parse("192.0.2.1"), 862}, {*IpAddress::parse("2001:db8::1"), 862}};
    m.speedTests = {{{*IpAddress::parse("192.0.2.1"), 46725}, std::nullopt},
                    {{*IpAddress::parse("192.0.2.1"), 46726}, Identity::fromSeed({6}).publicKey()}};
    m.reverseSellers = {{{*IpAddress::parse("192.0.2.9"), 46726}, Identity::fromSeed({7}).publicKey()}};
    return m;
}

Keys keys() {
    Keys k;
    k.validity = valid();
    k.directoryKey = Identity::fromSeed({2}).publicKey();
    k.accountingKey = Identity::fromSeed({3}).publicKey();
    k.others = {{IspId(25), "Y", Endpoint{*IpAddress::parse("192.0.2.9"), 46723}, Identity::fromSeed({4}).publicKey()},
                {IspId(24), "X", std::nullopt, Identity::fromSeed({5}).publicKey()}};
    return k;
}

Paths paths() {
    Paths p;
    p.validity = valid();
    p.prefix = *IpPrefix::parse("203.0.113.0/24");
    p.paths = {{{IspId(26), IspId(25), IspId(24)}, {ExitPoint(0), ExitPoint(7)}}, {{IspId(26)}, {}}};
    return p;
}

const NodeId payee = Identity::fromSeed({6}).nodeId();

PayeeCertificates certificates() {
    return {valid(), payee, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"};
}

Content content() {
    Content c;
    c.isp = IspId(26);
    c.descriptor = descriptor();
    c.menu = menu();
    c.keys = keys();
    c.payees = {{payee, certificates().pem}};
    c.routes = {{*IpPrefix::parse("203.0.0.0/16"), {{{IspId(26)}, {}}}}, {paths().prefix, paths().paths}};
    return c;
}

net::HttpRequest get(const std::string& target) {
    net::HttpRequest request;
    if (!net::decodeTarget(target, request)) qFatal("bad target in a test");
    return request;
}

}  // namespace

class TestDirectory : public QObject {
    Q_OBJECT

private slots:
    void everyDocumentSurvivesItsJson() {
        QVERIFY(descriptorFromJson(toJson(descriptor())) == descriptor());
        QVERIFY(menuFromJson(toJson(menu())) == menu());
        QVERIFY(keysFromJson(toJson(keys())) == keys());
        QVERIFY(pathsFromJson(toJson(paths())) == paths());
        QVERIFY(payeeFromJson(toJson(certificates())) == certificates());
        QVERIFY(toJson(menu()).find("\"0.000000002125\"") != std::string::npos);
    }

    // Of payees who are customers here, and of nobody else.
    void certificatesOfPayeesAreServed() {
        const Identity identity = Identity::fromSeed({2});
        ManualClock clock(start);
        Publisher publisher(content(), identity, clock);
        const auto answer = publisher.answer(get("/v1/payees/" + payee.hex()));
        QCOMPARE(answer.status, 200U);
        const auto document = openPayee(answer.body, identity.publicKey(), IspId(26), start);
        QVERIFY(document && document->payee == payee && document->pem == certificates().pem);
        QVERIFY(!openPayee(answer.body, identity.publicKey(), IspId(25), start));
        QCOMPARE(publisher.answer(get("/v1/payees/" + NodeId().hex())).status, 404U);
        QCOMPARE(publisher.answer(get("/v1/payees/x")).status, 404U);
        QCOMPARE(publisher.answer(get("/v1/payees/")).status, 404U);
    }

    void documentOfAnotherKindOrShapeIsRefused() {
        QCOMPARE(menuFromJson(toJson(keys())).error(), DocumentError::WrongKind);
        QCOMPARE(menuFromJson("no json").error(), DocumentError::NotJson);
        QCOMPARE(menuFromJson("[]").error(), DocumentError::WrongShape);
        // Every field is needed but those of menus that cannot be measured; and of its type.
        const auto whole = nlohmann::json::parse(toJson(menu()));
        int refused = 0;
        for (const auto& [name, value] : whole.items()) {
            auto without = whole;
            without.erase(name);
            const bool optional = name == "reflectors" || name == "speed_tests" || name == "reverse_sellers";
            if (menuFromJson(without.dump()).has_value() == optional) ++refused;
            auto wrong = whole;
            wrong[name] = -1;
            if (!menuFromJson(wrong.dump())) ++refused;
        }
        QCOMPARE(refused, static_cast<int>(whole.size()) * 2);
    }

    void valuesOutOfRangeAreRefused_data() {
        QTest::addColumn<QString>("pointer");
        QTest::addColumn<QString>("value");
        QTest::newRow("class") << "/classes/0/id"
                               << "64";
        QTest::newRow("dscp") << "/classes/0/dscp"
                              << "64";
        QTest::newRow("price as a number") << "/classes/0/price/per_packet"
                                           << "0.1";
        QTest::newRow("negative price") << "/classes/0/price/per_packet"
                                        << "\"-1\"";
        QTest::newRow("price too precise") << "/classes/0/price/per_kib"
                                           << "\"0.0000000001\"";
        QTest::newRow("surcharge") << "/classes/0/price/surcharge_1024ths"
                                   << "1025";
        QTest::newRow("minute") << "/classes/0/periods/0/from_minute"
                                << "1440";
        QTest::newRow("charge") << "/classes/0/guarantee/set_up"
                                << "\"-1\"";
        QTest::newRow("guaranteed rate") << "/classes/0/guarantee/rate_bit_per_second"
                                         << "\"fast\"";
        QTest::newRow("currency") << "/classes/0/currency"
                                  << "\"EUR\"";
        QTest::newRow("exit") << "/exits/0/exit"
                              << "1024";
        QTest::newRow("isp") << "/isp"
                             << "65536";
        QTest::newRow("time") << "/expires"
                              << "18446744073709551615";
    }
    void valuesOutOfRangeAreRefused() {
        QFETCH(QString, pointer);
        QFETCH(QString, value);
        auto json = nlohmann::json::parse(toJson(menu()));
        json[nlohmann::json::json_pointer(pointer.toStdString())] = nlohmann::json::parse(value.toStdString());
        QCOMPARE(menuFromJson(json.dump()).error(), DocumentError::WrongShape);
    }

    void pathWithTheWrongNumberOfExitsIsRefused() {
        auto json = nlohmann::json::parse(toJson(paths()));
        json["paths"][0]["exits"] = {0, 0, 0};
        QCOMPARE(pathsFromJson(json.dump()).error(), DocumentError::WrongShape);
        json = nlohmann::json::parse(toJson(paths()));
        json["paths"][1]["isps"] = nlohmann::json::array();
        QCOMPARE(pathsFromJson(json.dump()).error(), DocumentError::WrongShape);
    }

    void pathsThatLoopOrBeginElsewhereAreRefused() {
        auto json = nlohmann::json::parse(toJson(paths()));
        auto& isps = json["paths"][0]["isps"];
        const auto good = isps;
        isps.back() = isps.front();
        QCOMPARE(pathsFromJson(json.dump()).error(), DocumentError::WrongShape);
        isps = good;
        isps.front() = 99;
        QCOMPARE(pathsFromJson(json.dump()).error(), DocumentError::WrongShape);
        isps = good;
        QVERIFY(pathsFromJson(json.dump()).has_value());
    }

    // Two answers to one question.
    void nothingIsNamedTwice() {
        Menu twice = menu();
        twice.classes.push_back(twice.classes.front());
        QCOMPARE(menuFromJson(toJson(twice)).error(), DocumentError::WrongShape);
        Keys two = keys();
        two.others.push_back(two.others.front());
        two.others.back().key = Identity::generate().publicKey();
        QCOMPARE(keysFromJson(toJson(two)).error(), DocumentError::WrongShape);
    }

    void namesThatWouldRuleATerminalAreRefused() {
        for (const char* bad : {"gold\x1b[2J", "a\nb", "\x7f",
                                "\xc2\x9b"
                                "31m"}) {
            Menu menu = ::menu();
            menu.classes[0].name = bad;
            QVERIFY2(!menuFromJson(toJson(menu)), bad);
            menu = ::menu();
            menu.classes[0].description = bad;
            QVERIFY2(!menuFromJson(toJson(menu)), bad);
            Descriptor descriptor = ::descriptor();
            descriptor.name = bad;
            QVERIFY2(!descriptorFromJson(toJson(descriptor)), bad);
        }
        Menu menu = ::menu();
        menu.classes[0].name = std::string(65, 'x');
        QVERIFY(!menuFromJson(toJson(menu)));
        menu.classes[0].name = "Größe 二";
        QVERIFY(menuFromJson(toJson(menu)).has_value());
    }

    void whatIsGoodForEverOrNeverIsRefused() {
        Menu menu = ::menu();
        menu.validity.expires = menu.validity.issued + std::chrono::hours(24 * 31);
        QVERIFY(menuFromJson(toJson(menu)).has_value());
        menu.validity.expires = menu.validity.issued + std::chrono::hours(24 * 365);
        QVERIFY(!menuFromJson(toJson(menu)));
        menu.validity.expires = menu.validity.issued;
        QVERIFY(!menuFromJson(toJson(menu)));
    }

    // Neither memory nor the stack follows what somebody sends.
    void hugeAndDeepOnesAreRefused() {
        const Identity isp = Identity::generate();
        QVERIFY(!menuFromJson(std::string(1 << 20, '[')));
        QVERIFY(!menuFromJson("{\"kind\":\"menu\",\"classes\":" + std::string(300'000, '[') +
                              std::string(300'000, ']') + "}"));
        Menu many = menu();
        many.exits.assign(5000, many.exits.front());
        QCOMPARE(openMenu(seal(toJson(many), isp), isp.publicKey(), IspId(26), start).error(),
                 DocumentError::WrongShape);
        Paths wide = paths();
        wide.paths.assign(Paths::most + 1, wide.paths.front());
        QCOMPARE(pathsFromJson(toJson(wide)).error(), DocumentError::WrongShape);
    }

    void forgedEnvelopeIsRefused() {
        const Identity isp = Identity::generate();
        const Identity other = Identity::generate();
        const std::string sealed = seal(toJson(menu()), isp);
        QVERIFY(openMenu(sealed, isp.publicKey(), IspId(26), start).has_value());
        QCOMPARE(openMenu(sealed, other.publicKey(), IspId(26), start).error(), DocumentError::BadSignature);
        auto json = nlohmann::json::parse(sealed);
        json["payload"] = nlohmann::json::parse(seal(toJson(keys()), isp))["payload"];
        QCOMPARE(openMenu(json.dump(), isp.publicKey(), IspId(26), start).error(), DocumentError::BadSignature);
        json = nlohmann::json::parse(sealed);
        json["key"] = other.publicKey().hex();
        QCOMPARE(openMenu(json.dump(), isp.publicKey(), IspId(26), start).error(), DocumentError::BadSignature);
        json.erase("signature");
        QCOMPARE(openMenu(json.dump(), isp.publicKey(), IspId(26), start).error(), DocumentError::WrongShape);
    }

    void staleFutureAndForeignDocumentsAreRefused() {
        const Identity isp = Identity::generate();
        const std::string sealed = seal(toJson(menu()), isp);
        const auto at = [&](std::chrono::minutes offset) {
            const auto opened = openMenu(sealed, isp.publicKey(), IspId(26), start + offset);
            return opened ? std::optional<DocumentError>() : opened.error();
        };
        QCOMPARE(at(std::chrono::minutes(59)), std::optional<DocumentError>());
        QCOMPARE(at(std::chrono::minutes(60)), std::optional(DocumentError::Expired));
        QCOMPARE(at(std::chrono::minutes(-2)), std::optional(DocumentError::NotYetValid));
        QCOMPARE(openMenu(sealed, isp.publicKey(), IspId(25), start).error(), DocumentError::WrongIsp);
    }

    void joinUrlsSurviveAndBadOnesAreRefused() {
        const PublicKey key = Identity::fromSeed({9}).publicKey();
        for (const char* address : {"198.51.100.1", "2001:db8::1"}) {
            const JoinUrl url{{*IpAddress::parse(address), 46723}, key};
            const auto parsed = parseJoinUrl(toString(url));
            QVERIFY(parsed.has_value());
            QVERIFY(parsed->directory == url.directory && parsed->key == key);
        }
        const std::string good = "https://198.51.100.1:46723/#" + key.hex();
        QVERIFY(parseJoinUrl(good).has_value());
        for (const std::string& bad :
             {std::string(), std::string("http://198.51.100.1:46723/#") + key.hex(), good + "0",
              good.substr(0, good.size() - 1), std::string("https://198.51.100.1/#") + key.hex(),
              std::string("https://198.51.100.1:0/#") + key.hex(),
              std::string("https://198.51.100.1:70000/#") + key.hex(),
              std::string("https://2001:db8::1:46723/#") + key.hex(), std::string("https://host:46723/#") + key.hex(),
              std::string("https://198.51.100.1:46723/")}) {
            QVERIFY2(!parseJoinUrl(bad), bad.c_str());
        }
    }

    void publisherAnswersWithTagsAndRenewsBeforeExpiry() {
        ManualClock clock(start);
        const Identity isp = Identity::generate();
        Publisher publisher(content(), isp, clock);
        const auto first = publisher.answer(get("/v1/menu"));
        QCOMPARE(first.status, 200U);
        QVERIFY(openMenu(first.body, isp.publicKey(), IspId(26), clock.now()).has_value());
        auto again = get("/v1/menu");
        again.headers = {{"if-none-match", std::string(first.header("ETag"))}};
        QCOMPARE(publisher.answer(again).status, 304U);
        QVERIFY(publisher.answer(again).body.empty());
        clock.advance(std::chrono::minutes(31));
        const auto renewed = publisher.answer(again);
        QCOMPARE(renewed.status, 200U);
        clock.advance(std::chrono::minutes(45));
        QVERIFY(openMenu(renewed.body, isp.publicKey(), IspId(26), clock.now() - std::chrono::minutes(30)).has_value());
        QVERIFY(openMenu(publisher.answer(get("/v1/menu")).body, isp.publicKey(), IspId(26), clock.now()).has_value());
    }

    void whatIsConfiguredAnewIsServedAtOnce() {
        ManualClock clock(start);
        const Identity isp = Identity::generate();
        Content now = content();
        now.refresh = std::chrono::seconds(5);
        Publisher publisher(now, isp, clock);
        auto request = get("/v1/menu");
        const auto first = publisher.answer(request);
        QCOMPARE(std::string(first.header("Cache-Control")), std::string("max-age=5"));
        request.headers = {{"if-none-match", std::string(first.header("ETag"))}};
        clock.advance(std::chrono::seconds(1));
        QCOMPARE(publisher.answer(request).status, 304U);
        now.menu.classes[0].prices.base.perPacket = *Money::parse("0.00000001");
        publisher.replace(now);
        const auto second = publisher.answer(request);
        QCOMPARE(second.status, 200U);
        const auto before = openMenu(first.body, isp.publicKey(), IspId(26), clock.now());
        const auto after = openMenu(second.body, isp.publicKey(), IspId(26), clock.now());
        QVERIFY(before && after && after->validity.issued > before->validity.issued);
        QVERIFY(after->classes[0].prices.base.perPacket == *Money::parse("0.00000001"));
    }

    void routesThatChangeChangeTheTagAndOnlyThen() {
        ManualClock clock(start);
        const Identity isp = Identity::generate();
        Publisher publisher(content(), isp, clock);
        const IspPath direct{{IspId(26), IspId(24)}, {ExitPoint(2)}};
        const IspPath around{{IspId(26), IspId(23), IspId(24)}, {ExitPoint(0), ExitPoint(0)}};
        std::vector<Route> told{{*IpPrefix::parse("198.51.100.0/24"), {direct, around}},
                                {paths().prefix, {paths().paths[0], direct}},
                                {*IpPrefix::parse("203.0.0.0/8"), {around}}};
        publisher.followRoutes(
            [&told](const IpAddress& to) -> std::optional<Route> {
                for (const Route& route : told) {
                    if (route.prefix.contains(to)) return route;
                }
                return std::nullopt;
            },
            std::chrono::seconds(2));
        const auto ask = [&](const std::string& to) {
            return openPaths(publisher.answer(get("/v1/paths?to=" + to)).body, isp.publicKey(), IspId(26), start)
                ->paths;
        };
        QVERIFY((ask("198.51.100.9") == std::vector{direct, around}));
        QVERIFY2((ask("203.0.113.7") == std::vector{paths().paths[0], paths().paths[1], direct}),
                 "configured paths first, each once");
        QVERIFY2((ask("203.0.1.1") == content().routes[0].paths), "the longer prefix decides");

        auto again = get("/v1/paths?to=198.51.100.9");
        const auto first = publisher.answer(again);
        QCOMPARE(std::string(first.header("Cache-Control")), std::string("max-age=2"));
        again.headers = {{"if-none-match", std::string(first.header("ETag"))}};
        clock.advance(std::chrono::seconds(5));
        QCOMPARE(publisher.answer(again).status, 304U);
        told[0].paths = {around};
        const auto changed = publisher.answer(again);
        QCOMPARE(changed.status, 200U);
        QVERIFY(openPaths(changed.body, isp.publicKey(), IspId(26), clock.now())->paths == std::vector{around});
        told.erase(told.begin());
        QVERIFY(ask("198.51.100.9").empty());
    }

    void longestPrefixDecidesAndUnknownPlacesHaveNoPath() {
        ManualClock clock(start);
        const Identity isp = Identity::generate();
        Publisher publisher(content(), isp, clock);
        const auto ask = [&](const std::string& to) {
            return openPaths(publisher.answer(get("/v1/paths?to=" + to)).body, isp.publicKey(), IspId(26), start);
        };
        QCOMPARE(ask("203.0.113.7")->paths.size(), size_t{2});
        QCOMPARE(ask("203.0.1.1")->paths.size(), size_t{1});
        QVERIFY(ask("198.51.100.1")->paths.empty());
        QVERIFY(ask("2001:db8::7")->paths.empty());
        QCOMPARE(publisher.answer(get("/v1/paths")).status, 400U);
        QCOMPARE(publisher.answer(get("/v1/paths?to=nowhere")).status, 400U);
        QCOMPARE(publisher.answer(get("/v2")).status, 404U);
        auto post = get("/v1/menu");
        post.method = "POST";
        QCOMPARE(publisher.answer(post).status, 405U);
    }
};

QTEST_APPLESS_MAIN(TestDirectory)
#include "test_directory.moc"
