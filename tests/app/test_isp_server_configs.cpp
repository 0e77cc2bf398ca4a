// accounting.toml and directory.toml: what they mean, and what a mistake is answered with.
#include <QtTest>

#include <fstream>

#include "app/isp/server_configs.h"
#include "core/certificates/authority.h"

using namespace netpas;
using namespace netpas::isp;

namespace {

const std::string key(64, 'a');
const std::string otherKey(64, 'b');

std::string accountingToml() {
    return "isp = 26\nname = \"Z\"\nidentity = \"a.key\"\nlisten = [\"198.51.100.1\", \"2001:db8::1\"]\n"
           "database = \"books.db\"\ndatabase_key = \"/etc/books.key\"\nadmin_socket = \"a.sock\"\n"
           "[sampling]\nthreshold = \"0.0001\"\n"
           "[[edge]]\nrouter = \"z1\"\nkey = \"" +
           key + "\"\n[[neighbour]]\nisp = 25\nname = \"Y\"\naddress = \"198.51.100.2\"\nkey = \"" + otherKey +
           "\"\n[[customer]]\nname = \"B\"\nprefixes = [\"192.0.2.0/26\"]\n"
           "[[isp_key]]\nisp = 24\nkey = \"" +
           key + "\"\n";
}

std::string directoryToml() {
    return "isp = 26\nname = \"Z\"\nidentity = \"d.key\"\nlisten = [\"198.51.100.1\"]\nvalidity_seconds = 600\n"
           "[accounting]\naddress = \"198.51.100.1\"\nport = 46722\nkey = \"" +
           key +
           "\"\n[[edge]]\naddresses = [\"192.0.2.1\"]\n[[class]]\nid = 1\nname = \"gold\"\ndscp = 46\n"
           "per_packet = \"0.000000002\"\npromised = { latency_ms = 1.5, loss = 0.001, rate_mbit = 10 }\n"
           "[[class.period]]\nfrom = \"18:00\"\nto = \"22:00\"\nper_packet = \"0.000000004\"\n"
           "[[exit]]\nisp = 25\nexit = 1\n[[path]]\nprefix = \"203.0.113.0/24\"\nisps = [26, 25, 24]\nexits = [0, 3]\n"
           "[[path]]\nprefix = \"203.0.113.0/24\"\nisps = [26, 24]\n"
           "[[known_isp]]\nid = 25\nname = \"Y\"\ndirectory = \"https://[2001:db8::2]:46723\"\nkey = \"" +
           otherKey +
           "\"\n[[reflector]]\naddress = \"192.0.2.1\"\n[[speed_test]]\naddress = \"192.0.2.1\"\nport = 4000\nkey = "
           "\"" +
           key + "\"\n[[speed_test]]\naddress = \"192.0.2.1\"\n";
}

std::string replaced(std::string text, const std::string& what, const std::string& by) {
    const size_t at = text.find(what);
    if (at == std::string::npos) qFatal("the test looks for text that is not there");
    return text.replace(at, what.size(), by);
}

template <typename Result>
std::string problems(const Result& result) {
    std::string text;
    if (!result) {
        for (const ConfigProblem& problem : result.error()) text += problem.toString() + "\n";
    }
    return text;
}

}  // namespace

class TestIspServerConfigs : public QObject {
    Q_OBJECT

private slots:
    void accountingFileIsUnderstood() {
        const auto settings = parseAccountingConfig(accountingToml(), "accounting.toml", "/conf");
        QVERIFY2(settings.has_value(), problems(settings).c_str());
        QCOMPARE(settings->server.isp, IspId(26));
        QCOMPARE(settings->server.threshold, *Money::parse("0.0001"));
        QCOMPARE(settings->listen.size(), size_t{2});
        QCOMPARE(settings->listen[1].port, uint16_t{46722});
        QCOMPARE(settings->database, std::filesystem::path("/conf/books.db"));
        QCOMPARE(settings->databaseKey, std::filesystem::path("/etc/books.key"));
        QCOMPARE(settings->server.edges[0].key, *PublicKey::parse(key));
        QCOMPARE(settings->server.neighbours[0].server.port, uint16_t{46722});
        QCOMPARE(settings->server.signers[0].isp, IspId(24));
        QCOMPARE(settings->server.customers[0].prefixes[0], *IpPrefix::parse("192.0.2.0/26"));
    }

    void booksMayBeInADatabaseServer() {
        std::string toml = accountingToml();
        const std::string file = "database = \"books.db\"\n";
        const std::string keyFile = "database_key = \"/etc/books.key\"\n";
        toml.replace(toml.find(file), file.size(), "database = \"postgresql://netpas@db/books\"\n");
        const auto settings = parseAccountingConfig(toml, "accounting.toml", "/conf");
        QVERIFY2(settings.has_value(), problems(settings).c_str());
        QCOMPARE(settings->databaseKey, std::filesystem::path("/etc/books.key"));
        QCOMPARE(settings->databaseServer, std::string("postgresql://netpas@db/books"));
        QVERIFY(settings->database.empty());
        // It seals what whoever reads the server's tables must not know.
        toml.erase(toml.find(keyFile), keyFile.size());
        QVERIFY(!parseAccountingConfig(toml, "accounting.toml", "/conf").has_value());
    }

    void authoritiesOfPayeesAreUnderstood() {
        const QTemporaryDir folder;
        const SystemTime now = systemClock().now();
        const auto authority =
            *certificates::Authority::makeRoot(Identity::generate(), "Authority", {now, now + std::chrono::hours(1)});
        std::ofstream(folder.filePath("authority.pem").toStdString())
            << certificates::toPem(certificates::Chain{authority.certificate()});
        const std::string payees =
            "[payees]\ndirectory = \"https://198.51.100.1:46723/#" + key +
            "\"\n[[payees.authority]]\ncertificate = \"authority.pem\"\nclass = \"accountable\"\n";
        const std::string filter = "[customer.payments]\npayees = [\"accountable\"]\n";
        const auto parse = [&](const std::string& text) {
            return parseAccountingConfig(text, "accounting.toml", folder.path().toStdString());
        };
        const std::string customer = replaced(accountingToml(), "[[isp_key]]", filter + "[[isp_key]]");
        const auto settings = parse(customer + payees);
        QVERIFY2(settings.has_value(), problems(settings).c_str());
        QCOMPARE(settings->payees->isp, IspId(26));
        QCOMPARE(settings->payees->directory.key, *PublicKey::parse(key));
        QCOMPARE(settings->payees->authorities.at(0).anchor.certificate, authority.certificate());
        QVERIFY(problems(parse(customer)).find("add [payees]") != std::string::npos);
        QVERIFY(problems(parse(accountingToml() + replaced(payees, "authority.pem", "none.pem"))).find("none.pem") !=
                std::string::npos);
        QVERIFY(problems(parse(accountingToml() + replaced(payees, "accountable", "honest"))).find("no class") !=
                std::string::npos);
        QVERIFY(problems(parse(accountingToml() + replaced(payees, "https", "http"))).find("https://") !=
                std::string::npos);
    }

    void severalServersOfOneIsp() {
        const auto parse = [](const std::string& more) {
            const std::string text = replaced(accountingToml(), "name = \"Y\"\n", "name = \"y1\"\nexits = [1, 2]\n");
            return parseAccountingConfig(text + more, "accounting.toml", "/conf");
        };
        const std::string third(64, 'c');
        const auto sibling = [&](const char* places) {
            return "[[server]]\nname = \"z2\"\naddress = \"198.51.100.9\"\nkey = \"" + third + "\"\nplaces = [" +
                   places + "]\n";
        };
        const auto settings = parse(sibling("{ isp = 25, exits = [3] }, { isp = 24 }"));
        QVERIFY2(settings.has_value(), problems(settings).c_str());
        QCOMPARE(settings->server.neighbours[0].exits.size(), size_t{2});
        QCOMPARE(settings->server.siblings[0].places[0].exits[0], ExitPoint(3));
        QVERIFY(settings->server.siblings[0].places[1].exits.empty());
        QVERIFY(problems(parse(sibling("{ isp = 25 }"))).find("give each") != std::string::npos);
        QVERIFY(problems(parse(sibling("{ isp = 25, exits = [2] }"))).find("stands at two servers") !=
                std::string::npos);
        QVERIFY(problems(parse(sibling("{ isp = 25, exits = [0] }"))).find("from 1 to 1023") != std::string::npos);
        const std::string another = "[[neighbour]]\nisp = 25\nname = \"y2\"\naddress = \"198.51.100.3\"\nkey = \"" +
                                    third + "\"\nexits = [3]\n";
        QCOMPARE(parse(another)->server.neighbours.size(), size_t{2});
    }

    void anEnterpriseHasAProviderInsteadOfANumber() {
        const std::string head = replaced(replaced(accountingToml(), "isp = 26\n", ""), "[[neighbour]]\nisp = 25", "#");
        std::string text = head.substr(0, head.find("[[isp_key]]"));
        const size_t at = text.find("#");
        text.erase(at, text.find("[[customer]]") - at);
        const std::string provider = "[provider]\nisp = 24\nname = \"X\"\naddress = \"198.51.100.3\"\nkey = \"" +
                                     otherKey +
                                     "\"\npayments_per_day = \"2\"\nshares = [{ class = 3, share_1024ths = 256 }]\n";
        const std::string rule = "[[rule]]\nname = \"no games\"\naction = \"deny\"\nhosts = [\"B\"]\nisps = [7]\n";
        const auto parse = [](const std::string& toml) {
            return parseAccountingConfig(toml, "accounting.toml", "/conf");
        };
        const auto settings = parse(text + provider + rule);
        QVERIFY2(settings.has_value(), problems(settings).c_str());
        QCOMPARE(settings->server.isp, IspId(24));
        QVERIFY(settings->server.provider.has_value());
        QCOMPARE(settings->server.provider->shares[0].per1024, uint32_t{256});
        QCOMPARE(settings->server.provider->rules[0].isps[0], IspId(7));
        const auto says = [&](const std::string& toml, const char* answer) {
            return problems(parse(toml)).find(answer) != std::string::npos;
        };
        QVERIFY(says(text + provider + replaced(rule, "\"B\"", "\"C\""), "no [[customer]]"));
        QVERIFY(says(text + provider + replaced(rule, "deny", "refuse"), "\"allow\" or \"deny\""));
        QVERIFY(says(accountingToml() + rule, "add its [provider]"));
        QVERIFY(says(replaced(accountingToml(), "isp = 26\n", "") + provider, "speaks with its [provider] only"));
        const auto delegating = parse(replaced(accountingToml(), "[[isp_key]]",
                                               "[customer.delegation]\ncounter = 7\n"
                                               "shares = [{ class = 1, share_1024ths = 512 }]\n[[isp_key]]"));
        QVERIFY2(delegating.has_value(), problems(delegating).c_str());
        QCOMPARE(delegating->server.customers[0].delegation->counter, ExitPoint(7));
        QVERIFY(!delegating->server.customers[0].delegation->onRequest);
        const auto confirming =
            parse(replaced(accountingToml(), "[[isp_key]]", "[customer.confirms]\ncounter = 8\n[[isp_key]]"));
        QVERIFY2(confirming.has_value(), problems(confirming).c_str());
        QVERIFY(confirming->server.customers[0].delegation->onRequest);
        QVERIFY(says(replaced(accountingToml(), "[[isp_key]]",
                              "[customer.delegation]\ncounter = 7\n[customer.confirms]\ncounter = 8\n[[isp_key]]"),
                     "keep one"));
        QVERIFY(says(replaced(accountingToml(), "[[isp_key]]",
                              "[customer.delegation]\ncounter = 7\n[[customer]]\nname = \"Q\"\n"
                              "prefixes = [\"198.18.7.0/24\"]\n[customer.confirms]\ncounter = 7\n[[isp_key]]"),
                     "give each its own"));
    }

    void routersDumpsAreUnderstood() {
        std::string text = replaced(directoryToml(), "[accounting]",
                                    "[bgp]\ndumps = [\"spool/rib-*.mrt\"]\nkeep = 2\n"
                                    "as = [65026, 4200000001]\n[accounting]");
        text = replaced(text, "[[exit]]\nisp = 25\nexit = 1\n",
                        "[[exit]]\nisp = 25\nexit = 7\npeers = [\"198.18.0.2\", \"2001:db8::2\"]\n");
        text = replaced(text, "[[known_isp]]\nid = 25\n", "[[known_isp]]\nid = 25\nas = [65025]\n");
        const auto settings = parseDirectoryConfig(text, "directory.toml", "/conf");
        QVERIFY2(settings.has_value(), problems(settings).c_str());
        QVERIFY(settings->bgp.has_value());
        const BgpSettings& bgp = *settings->bgp;
        QVERIFY(bgp.dumps == std::vector<std::filesystem::path>{"/conf/spool/rib-*.mrt"});
        QCOMPARE(bgp.keep, size_t{2});
        QVERIFY((bgp.isps ==
                 std::map<uint32_t, IspId>{{65025, IspId(25)}, {65026, IspId(26)}, {4'200'000'001, IspId(26)}}));
        QCOMPARE(bgp.exits.at(*IpAddress::parse("2001:db8::2")), ExitPoint(7));
        const auto twice = parseDirectoryConfig(replaced(text, "as = [65025]", "as = [65026]"), "directory.toml", "/c");
        QVERIFY(problems(twice).find("AS 65026 stands here twice") != std::string::npos);
        const auto none = parseDirectoryConfig(replaced(text, "as = [65025]", "as = [0]"), "directory.toml", "/c");
        QVERIFY(problems(none).find("an AS number") != std::string::npos);
    }

    void directoryFileIsUnderstood() {
        const auto settings = parseDirectoryConfig(directoryToml(), "directory.toml", "/conf");
        QVERIFY2(settings.has_value(), problems(settings).c_str());
        const auto& content = settings->content;
        QCOMPARE(content.validity, std::chrono::seconds(600));
        QCOMPARE(content.menu.classes[0].promise.latencyMicroseconds, std::optional<uint32_t>(1500));
        QCOMPARE(content.menu.classes[0].promise.lossPerMillion, std::optional<uint32_t>(1000));
        QCOMPARE(content.menu.classes[0].promise.rateBitPerSecond, std::optional<uint64_t>(10'000'000));
        QCOMPARE(content.menu.classes[0].prices.periods[0].fromMinute, uint16_t{1080});
        QCOMPARE(content.routes.size(), size_t{1});
        QCOMPARE(content.routes[0].paths.size(), size_t{2});
        QCOMPARE(content.routes[0].paths[0].exits[1], ExitPoint(3));
        QCOMPARE(content.routes[0].paths[1].exits.size(), size_t{1});
        QCOMPARE(content.keys.others[0].directory->port, uint16_t{46723});
        QCOMPARE(content.keys.accountingKey, *PublicKey::parse(key));
        QVERIFY(content.menu.reflectors == std::vector<Endpoint>({{*IpAddress::parse("192.0.2.1"), 862}}));
        QCOMPARE(content.menu.speedTests.size(), size_t{2});
        QCOMPARE(content.menu.speedTests[0].server.port, uint16_t{4000});
        QVERIFY(content.menu.speedTests[0].key == PublicKey::parse(key));
        QVERIFY(content.menu.speedTests[1].server.port == 46725 && !content.menu.speedTests[1].key);
    }

    void everyMistakeInTheAccountingFileNamesLineAndRemedy_data() {
        QTest::addColumn<QString>("what");
        QTest::addColumn<QString>("by");
        QTest::addColumn<QString>("answer");
        const QString k = QString::fromStdString(key);
        const QString o = QString::fromStdString(otherKey);
        QTest::newRow("typing error") << "prefixes"
                                      << "prefices"
                                      << "accounting.toml:20: unknown key 'prefices' in [[customer]]";
        QTest::newRow("missing") << "name = \"Z\"\n"
                                 << ""
                                 << "has no 'name'; add name";
        QTest::newRow("number") << "isp = 26"
                                << "isp = 70000"
                                << "accounting.toml:1: 'isp'";
        QTest::newRow("money") << "\"0.0001\""
                               << "0.0001"
                               << "accounting.toml:9: 'threshold'";
        QTest::newRow("no threshold") << "\"0.0001\""
                                      << "\"0\""
                                      << "must be above zero";
        QTest::newRow("key") << k << "abc"
                             << "64 hexadecimal digits";
        QTest::newRow("key twice") << o << k << "stands twice";
        QTest::newRow("prefix") << "192.0.2.0/26"
                                << "192.0.2.1/26"
                                << "every entry of 'prefixes'";
        QTest::newRow("own neighbour") << "isp = 25"
                                       << "isp = 26"
                                       << "no neighbour of itself";
        QTest::newRow("not TOML") << "isp = 26"
                                  << "isp = = 26"
                                  << "accounting.toml:1: not TOML";
        QTest::newRow("unknown router") << "name = \"B\""
                                        << "name = \"B\"\nrouter = \"z9\""
                                        << "no [[edge]] with router = \"z9\"";
    }
    void everyMistakeInTheAccountingFileNamesLineAndRemedy() {
        QFETCH(QString, what);
        QFETCH(QString, by);
        QFETCH(QString, answer);
        const std::string text = replaced(accountingToml(), what.toStdString(), by.toStdString());
        const auto settings = parseAccountingConfig(text, "accounting.toml", "/conf");
        QVERIFY(!settings.has_value());
        QVERIFY2(problems(settings).find(answer.toStdString()) != std::string::npos, problems(settings).c_str());
    }

    void everyMistakeInTheDirectoryFileNamesLineAndRemedy_data() {
        QTest::addColumn<QString>("what");
        QTest::addColumn<QString>("by");
        QTest::addColumn<QString>("answer");
        QTest::newRow("class") << "id = 1\n"
                               << "id = 64\n"
                               << "directory.toml:13: 'id' in [[class]]";
        QTest::newRow("promise") << "loss = 0.001"
                                 << "loss = 2.0"
                                 << "'loss' in promised";
        QTest::newRow("time") << "\"18:00\""
                              << "\"25:00\""
                              << "'from' in [[class.period]]";
        QTest::newRow("path of others") << "isps = [26, 25, 24]"
                                        << "isps = [25, 24]"
                                        << "this one first";
        QTest::newRow("exits") << "exits = [0, 3]"
                               << "exits = [0]"
                               << "one number for every ISP but the last";
        QTest::newRow("exit") << "exits = [0, 3]"
                              << "exits = [0, 1024]"
                              << "from 0 to 1023";
        QTest::newRow("directory") << "https://[2001:db8::2]:46723"
                                   << "http://x"
                                   << "must be https://ADDRESS:PORT";
        QTest::newRow("no edge") << "[[edge]]\naddresses = [\"192.0.2.1\"]\n"
                                 << ""
                                 << "there is no [[edge]]";
    }
    void everyMistakeInTheDirectoryFileNamesLineAndRemedy() {
        QFETCH(QString, what);
        QFETCH(QString, by);
        QFETCH(QString, answer);
        const std::string text = replaced(directoryToml(), what.toStdString(), by.toStdString());
        const auto settings = parseDirectoryConfig(text, "directory.toml", "/conf");
        QVERIFY(!settings.has_value());
        QVERIFY2(problems(settings).find(answer.toStdString()) != std::string::npos, problems(settings).c_str());
    }

    void unreadableFileIsNamed() {
        QVERIFY(problems(readAccountingConfig("/nonexistent/a.toml")).find("/nonexistent/a.toml: cannot be read") == 0);
        QVERIFY(problems(readDirectoryConfig("/nonexistent/d.toml")).find("/nonexistent/d.toml: cannot be read") == 0);
    }
};

QTEST_APPLESS_MAIN(TestIspServerConfigs)
#include "test_isp_server_configs.moc"
