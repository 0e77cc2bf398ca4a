// The four rules of NetPaS §5.3 learnt from a person's answers alone: requests decided by the real desk over a real ledger,
// questions answered through the API, and what was learnt printed by `netpas rules explain`.
#include <QtTest>

#include <sys/wait.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "app/secretary/decision_desk.h"
#include "app/secretary/routes.h"
#include "core/net/http_server.h"
#include "core/random.h"
#include "tests/app/purchase_fakes.h"
#include "tests/core/ledger_fixture.h"

using namespace netpas;
using namespace netpas::secretaryd;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

constexpr uint32_t owner = 1000;

Money cents(double amount) { return Money::fromEighths(std::llround(amount * double(Money::eighthsPerDollar) / 100)); }

// What the person would pay, in cents; never said, only answered by.
struct Wish {
    secretary::SpendRequest request;
    double usual = 0;
    double worth = 0;
};

Wish wishOf(SeededRandom& random) {
    const std::string number = std::to_string(random.below(8));
    Wish wish;
    secretary::SpendRequest& request = wish.request;
    switch (random.below(5)) {
    case 0:
    case 1: {
        const bool partner = random.below(2) == 0;
        request.app = "/usr/bin/jitsi";
        request.purpose = "video-call";
        request.payee = (partner ? "partner-" : "relative-") + number;
        request.group = partner ? "business partners" : "family";
        request.unit = PriceUnit::Minute;
        wish.usual = 20;
        wish.worth = partner ? 50 : 10;
        return wish;
    }
    case 2:
        request.purpose = "comic";
        request.domain = "comics" + number + ".example";
        wish.usual = 4;
        wish.worth = 5;
        break;
    case 3:
        request.purpose = "article";
        request.domain = "economist.com";
        wish.usual = 20;
        wish.worth = 1e6;
        break;
    default:
        request.purpose = "article";
        request.domain = "news" + number + ".example";
        wish.usual = 20;
        wish.worth = 3;
        break;
    }
    request.app = "/usr/bin/browser";
    request.unit = PriceUnit::Item;
    return wish;
}

class Person {
public:
    explicit Person(uint64_t seed) : m_random(seed) {
        auto opened = DecisionDesk::open(
            {*m_book.ledger, m_book.ledger->documents(), m_timers, m_clock, [](app::LogLevel, const std::string&) {}},
            {cents(100'000), cents(1'000'000)}, owner);
        if (!opened) qFatal("cannot open the desk: %s", opened.error().c_str());
        m_desk = std::move(*opened);
        m_state.decisions = m_desk.get();
        addDecisionRoutes(m_router, m_state);
        addRuleRoutes(m_router, m_state);
    }

    void live(int requests) {
        for (int i = 0; i < requests; ++i) {
            call("GET", "/v1/pending/watch", nullptr, {{"front_end", "window"}, {"revision", "0"}});
            Wish wish = wishOf(m_random);
            wish.request.uid = owner;
            wish.request.attended = true;
            wish.request.price = cents(wish.usual * std::exp(double(m_random.below(2001)) / 500 - 2));
            wish.request.worstCase = wish.request.price;
            const PurchaseId id(++m_lastId);
            m_desk->authorize(id, wish.request, false, [](const Verdict&) {});
            m_timers.run(1ms);
            answer(wish.request.price <= cents(wish.worth));
            m_desk->settled(id, Money::zero());
            m_timers.run(36min);
        }
    }
    [[nodiscard]] int asked() const { return m_asked; }

    // Standard output and errors of the program, which talks to the routes over a socket.
    std::string netpas(const std::string& arguments) {
        boost::asio::io_context io;
        net::HttpServer server(io, [this](const net::HttpRequest& request, auto reply) {
            Caller caller;
            caller.uid = owner;
            caller.may = ownerMay;
            m_router.handle(request, caller, reply);
        });
        const std::string socket = m_folder.filePath("s.sock").toStdString();
        std::filesystem::remove(socket);
        if (!server.listenUnix(socket, 0600)) qFatal("no socket");
        std::thread thread([&] { io.run(); });
        std::string text;
        if (FILE* const pipe = ::popen((NETPAS " --socket " + socket + " " + arguments + " 2>&1").c_str(), "r")) {
            std::array<char, 4096> buffer{};
            while (const size_t got = std::fread(buffer.data(), 1, buffer.size(), pipe))
                text.append(buffer.data(), got);
            if (::pclose(pipe) != 0) text += "\nfailed";
        }
        io.stop();
        thread.join();
        return text;
    }

private:
    void answer(bool yes) {
        const json board = call("GET", "/v1/pending");
        for (const json& question : board["pending"]) {
            const std::string id =
                question["id"].is_string() ? question["id"].get<std::string>() : question["id"].dump();
            ++m_asked;
            call("POST", "/v1/pending/" + id,
                 {{"answer", yes ? "approve_once" : "refuse"}, {"lifetime", "once"}, {"front_end", "window"}});
        }
    }
    json call(const std::string& method, const std::string& path, const json& body = nullptr,
              const std::map<std::string, std::string>& query = {}) {
        net::HttpRequest request;
        request.method = method;
        request.path = path;
        for (const auto& [name, value] : query) request.query[name] = value;
        if (!body.is_null()) request.body = body.dump();
        request.headers = {{"Host", "netpas"}};
        Caller caller;
        caller.uid = owner;
        caller.may = ownerMay;
        const auto result = std::make_shared<json>();
        m_router.handle(request, caller, [result](const net::HttpResponse& response) {
            *result = json::parse(response.body);
            if (response.status >= 300) qWarning("%u: %s", response.status, response.body.c_str());
        });
        m_timers.run(1ms);
        return *result;
    }

    SeededRandom m_random;
    QTemporaryDir m_folder;
    ManualClock m_clock{ledger::ledgerStart + 12h};
    fake::Timers m_timers{m_clock};
    ledger::LedgerFolder m_book;
    SecretaryState m_state{.clock = m_clock, .version = "test", .limits = {}};
    Router m_router;
    std::unique_ptr<DecisionDesk> m_desk;
    uint64_t m_lastId = 0;
    int m_asked = 0;
};

}  // namespace

class TestLearnedRules : public QObject {
    Q_OBJECT
private slots:
    void theFourRulesOfThePaperAreExplained() {
        Person person(7);
        person.live(600);
        QVERIFY2(person.asked() < 400, qPrintable(QString::number(person.asked())));
        const QString learned = QString::fromStdString(person.netpas("rules explain"));
        for (const char* sentence :
             {"Up to 50¢ a minute for video calls with business partners; ask above that.",
              "Up to 10¢ a minute for video calls with family; ask above that.",
              "Up to 5¢ an item for comics from any site; ask above that.",
              "Always, whatever an item costs, for articles from economist.com.", "answers agree: accepted up to"}) {
            QVERIFY2(learned.contains(QString::fromUtf8(sentence)), qPrintable(sentence + ("\n" + learned)));
        }
        // Kept, it is a rule like any other.
        const QString kept = QString::fromStdString(person.netpas("rules add --proposal 1"));
        QVERIFY2(kept.contains("rule 1: "), qPrintable(kept));
        const QString explained = QString::fromStdString(person.netpas("rules explain 1"));
        QVERIFY2(explained.contains("learned: "), qPrintable(explained));
    }
};

QTEST_GUILESS_MAIN(TestLearnedRules)
#include "test_learned_rules.moc"
