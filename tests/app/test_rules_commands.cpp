// netpas rules, the program itself, against the secretary's routes on a socket.
#include <QTest>

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "app/secretary/routes.h"
#include "core/net/http_server.h"
#include "core/store/documents.h"
#include "secretary/rules/rule_book.h"

using namespace netpas;
using namespace netpas::secretaryd;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

using secretary::rules::RuleBook;

// Routes of rules on a socket of their own, with the real clock.
class Secretary {
public:
    Secretary() {
        state.rules = &book;
        state.ruleProposals = [] {
            secretary::learning::RuleProposal proposal;
            proposal.match = {{secretary::learning::Field::Purpose, "comic"}};
            proposal.unit = PriceUnit::Item;
            proposal.upTo = Money::parse("0.05").value();
            proposal.answers = 12;
            proposal.agreeing = 11;
            proposal.highestAccepted = Money::parse("0.05").value();
            proposal.lowestRefused = Money::parse("0.07").value();
            return std::vector{proposal};
        };
        addRuleRoutes(router, state);
        if (!server.listenUnix(socket.string(), 0600)) qFatal("no socket");
        thread = std::thread([this] { io.run(); });
    }
    ~Secretary() {
        io.stop();
        thread.join();
        fs::remove_all(folder);
    }

    fs::path folder = fs::temp_directory_path() / ("netpas-rules-" + std::to_string(::getpid()));
    fs::path socket = (fs::create_directories(folder), folder / "s.sock");

private:
    store::MemoryDocuments documents;
    RuleBook book = RuleBook::open(documents, systemClock().now()).value();
    SecretaryState state{systemClock(), "test", {}};
    Router router;
    boost::asio::io_context io;
    net::HttpServer server{io, [this](const net::HttpRequest& request, auto reply) {
                               Caller caller;
                               caller.may = ownerMay;
                               router.handle(request, caller, reply);
                           }};
    std::thread thread;
};

struct Done {
    int exit = -1;
    QString out;
};

}  // namespace

class RulesCommandsTest : public QObject {
    Q_OBJECT

    std::unique_ptr<Secretary> m_secretary;

    // Standard output and errors together.
    Done netpas(const std::string& arguments, bool withJson = false) {
        const std::string command = std::string("TZ=CET-1CEST,M3.5.0,M10.5.0/3 " NETPAS) + (withJson ? " --json" : "") +
                                    " --socket " + m_secretary->socket.string() + " " + arguments + " 2>&1";
        FILE* const pipe = ::popen(command.c_str(), "r");
        if (pipe == nullptr) return {};
        Done done;
        std::array<char, 4096> buffer{};
        while (const size_t got = std::fread(buffer.data(), 1, buffer.size(), pipe)) {
            done.out += QString::fromUtf8(buffer.data(), static_cast<qsizetype>(got));
        }
        const int status = ::pclose(pipe);
        done.exit = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
        return done;
    }
    bool prints(const std::string& arguments, const QString& words, int exit = 0) {
        const Done done = netpas(arguments);
        if (done.exit == exit && done.out.contains(words)) return true;
        qWarning("%d: %s", done.exit, done.out.toUtf8().constData());
        return false;
    }

private slots:
    void init() { m_secretary = std::make_unique<Secretary>(); }
    void cleanup() { m_secretary.reset(); }

    void flagsMakeARule() {
        QVERIFY(prints("rules add --purpose video-call --group family --up-to 0.10 --per minute --above ask",
                       "rule 1: Up to 10¢ a minute for video calls with family; ask above that.\n"));
        QVERIFY(prints("rules list", "Up to 10¢ a minute for video calls with family; ask above that."));
        QVERIFY(prints("rules add --app sh --deny --weekdays mon-fri --from 09:00 --to 17:00 --zone UTC",
                       "on working days from 09:00"));
        const json rule = json::parse(netpas("rules explain 2", true).out.toStdString());
        QCOMPARE(QString::fromStdString(rule["match"]["app"]),
                 QString::fromStdString(fs::canonical("/bin/sh").string()));
        QVERIFY(prints("rules add --site news.example --up-to always --budget '$2' --every month --for 1d --note mine",
                       "rule 3: Always for anything from news.example, at most $2 a month until"));
    }

    void aSentenceMakesARule() {
        QVERIFY(prints("rules add 'up to 1c a minute for video in sh from example.net until tomorrow'",
                       "rule 1: Up to 1¢ a minute for video in "));
        QVERIFY(prints("rules add never for games --priority 3", "rule 2: Never pay for games."));
        QVERIFY(prints("rules add up to much", "\"much\" is no amount", 2));
        QVERIFY(prints("rules add always in no-such-program-here", "there is no program no-such-program-here here", 2));
    }

    void whatIsWrongNamesTheRemedy() {
        QVERIFY(prints("rules add", "say what the rule is", 2));
        QVERIFY(prints("rules add --purpose video", "what should the rule say?", 2));
        QVERIFY(prints("rules add --deny --until yesterday", "is no time", 2));
        QVERIFY(prints("rules add --deny --once --always", "a rule ends only once", 2));
        QVERIFY(prints("rules add --deny --weekdays someday", "are no days", 2));
        QVERIFY(prints("rules add --deny --until-exit 2147483", "there is no process", 2));
        QVERIFY(prints("rules add --up-to 5c --per item --purpose comic", "rule 1"));
        QVERIFY(prints("rules add --up-to 6c --per item --purpose comic", "rule 1 in the book", 1));
        QVERIFY(prints("rules explain 9", "there is no rule 9", 1));
    }

    void editingChangesWhatIsGivenOnly() {
        QVERIFY(prints("rules add --purpose video --site example.net --up-to 1c --per minute", "rule 1"));
        QVERIFY(
            prints("rules edit 1 --up-to 2c", "rule 1: Up to 2¢ a minute for video from example.net; ask above that."));
        QVERIFY(
            prints("rules edit 1 --any site --above deny", "rule 1: Up to 2¢ a minute for video; refuse above that."));
        QVERIFY(prints("rules edit 1 --ask", "rule 1: Ask about prices by the minute for video."));
        QVERIFY(prints("rules edit 1 --disable", "rule 1"));
        QVERIFY(prints("rules list", "disabled"));
        QVERIFY(prints("rules rm 1", "removed rule 1"));
        QVERIFY(prints("rules rm", "give either", 2));
    }

    void testShowsWhoDecidesAndWhy() {
        QVERIFY(prints("rules add --purpose video --up-to 1c --per minute", "rule 1"));
        QVERIFY(prints("rules add --deny", "rule 2"));
        const Done done = netpas("rules test --purpose video --price 2c --isps 26,25");
        QCOMPARE(done.exit, 0);
        for (const char* words : {"outcome", "ask", "decides", "rule 1 (ask)", "runner-up", "rule 2 (deny)",
                                  "above its 1¢, so you are asked", "names more"}) {
            QVERIFY2(done.out.contains(words), done.out.toUtf8());
        }
    }

    void explainShowsWhatWasLearnedAndAddKeepsIt() {
        const Done done = netpas("rules explain");
        QVERIFY2(done.out.contains("proposal 1: Up to 5¢ an item for comics from any site; ask above that."),
                 done.out.toUtf8());
        QVERIFY2(done.out.contains("11 of 12 answers agree: accepted up to 5¢ an item, refused from 7¢ an item."),
                 done.out.toUtf8());
        QVERIFY(prints("rules add --proposal 1", "rule 1: Up to 5¢ an item for comics from any site"));
        QVERIFY(prints("rules explain", "learned: 11 of 12 answers agree"));
        QVERIFY(!netpas("rules explain").out.contains("proposal 1"));
        QVERIFY(prints("rules add --proposal 2", "there is no proposal 2", 2));
    }

    void exportAndImport() {
        const std::string file = (m_secretary->folder / "rules.json").string();
        QVERIFY(prints("rules add --purpose video --up-to 1c --per minute", "rule 1"));
        QVERIFY(prints("rules add --deny --priority -1", "rule 2"));
        QVERIFY(prints("rules export " + file, "wrote"));
        QVERIFY(prints("rules export " + file, "", 1));  // never over a file that is there
        QVERIFY(prints("rules rm 1 2", "removed rule 2"));
        QVERIFY(prints("rules import " + file + " --dry-run", "nothing is wrong with these 2 rules"));
        QVERIFY(prints("rules import " + file, "imported 2 of 2"));
        const QString again = netpas("rules export").out;
        std::ifstream in(file);
        const std::string first{std::istreambuf_iterator<char>(in), {}};
        QCOMPARE(again, QString::fromStdString(first));
        std::ofstream(file)
            << R"({"version": 1, "rules": [{"match": {}, "grant": {"action": "deny"}}, {"match": {}, "grant": {"action": "ask"}}]})";
        QVERIFY(prints("rules import " + file + " --replace",
                       "rule 2 (Ask for anything.) and rule 1 (Never pay for anything.)", 2));
    }

    void replayFromAFile() {
        const std::string file = (m_secretary->folder / "past.jsonl").string();
        std::ofstream(file)
            << R"({"when": "2026-11-20T12:00:00Z", "purpose": "video", "per": "minute", "price": "0.01", "worst_case": "0.3"})"
            << "\n"
            << R"({"when": "2026-11-21T12:00:00Z", "purpose": "video", "per": "minute", "price": "0.05", "paid": true, "charged": "0.2"})"
            << "\n";
        QVERIFY(
            prints("rules replay up to 2c a minute for video --history " + file, "would have decided 2 of 2 requests"));
        std::ofstream(file, std::ios::app) << "nonsense\n";
        QVERIFY(prints("rules replay --deny --history " + file, ":3: not JSON", 2));
        QVERIFY(netpas("rules list").out.contains("there are no rules"));
    }
};

QTEST_GUILESS_MAIN(RulesCommandsTest)
#include "test_rules_commands.moc"
