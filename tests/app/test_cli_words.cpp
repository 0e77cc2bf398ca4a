#include <QtTest>

#include <QFile>
#include <QProcess>
#include <QRegularExpression>
#include <functional>

#include "app/cli/completion.h"
#include "app/cli/topics.h"
#include "app/cli/words.h"

using namespace netpas::cli;

namespace {

// The real program's words, but for the few that its main() adds by itself.
struct Words {
    Words() {
        app.name("netpas");
        app.add_flag("--json", json, "print JSON");
        app.add_option("--socket", socket, "the agent's local API");
        app.require_subcommand(1);
        app.fallthrough();
        app.add_subcommand("status", "whether the agent runs, and what it does now");
        addTopics(app, chosen);
    }
    Problem wrong(std::vector<std::string> words) {
        try {
            std::vector<std::string> reversed(words.rbegin(), words.rend());
            app.parse(reversed);
        } catch (const CLI::ParseError& error) {
            return problemWith(app, error, words);
        }
        return {Exit::Ok, {}, {}, {}};
    }
    CLI::App app;
    Action chosen;
    bool json = false;
    std::string socket;
};

// What bash would offer after these words, of which the last is being typed.
QString bashOffers(const QString& script, const QStringList& words) {
    QProcess bash;
    const QString run = script + "\nCOMP_WORDS=(" + words.join(' ') +
                        ")\nCOMP_CWORD=" + QString::number(words.size() - 1) + "\n_netpas\necho \"${COMPREPLY[@]}\"\n";
    bash.start("bash", {"--norc", "-c", run});
    if (!bash.waitForFinished(20000)) return "bash did not end";
    return QString::fromUtf8(bash.readAllStandardOutput()).trimmed() + QString::fromUtf8(bash.readAllStandardError());
}

}  // namespace

class TestCliWords : public QObject {
    Q_OBJECT

private slots:
    void wrongWordsGetTheRightOne_data() {
        QTest::addColumn<QStringList>("words");
        QTest::addColumn<QString>("hint");
        QTest::newRow("verb") << QStringList{"histroy"} << "netpas history";
        QTest::newRow("synonym") << QStringList{"wallet"} << "netpas balance";
        QTest::newRow("behind an option") << QStringList{"--socket", "x", "ping4"} << "netpas ping";
        QTest::newRow("verb of a verb") << QStringList{"rules", "lst"} << "netpas rules list";
        QTest::newRow("none of a verb") << QStringList{"rules"} << "netpas rules list";
        QTest::newRow("none of a verb that lists nothing") << QStringList{"passphrase"} << "netpas passphrase --help";
        QTest::newRow("nothing of what it needs") << QStringList{"ping"} << "netpas ping 192.0.2.10";
        QTest::newRow("number of what is listed") << QStringList{"pending", "approve"} << "netpas pending list";
        QTest::newRow("option") << QStringList{"totals", "--sincee", "7d"} << "netpas totals --since";
        QTest::newRow("option with its value") << QStringList{"totals", "--ba=app"} << "netpas totals --by";
        QTest::newRow("option of the program") << QStringList{"balance", "--jsn"} << "netpas balance --json";
        QTest::newRow("no choice") << QStringList{"totals", "--by", "colour"} << "netpas totals --help";
        QTest::newRow("nothing near") << QStringList{"xyzzy"} << "netpas --help";
    }
    void wrongWordsGetTheRightOne() {
        QFETCH(QStringList, words);
        QFETCH(QString, hint);
        std::vector<std::string> typed;
        for (const QString& word : words) typed.push_back(word.toStdString());
        const Problem problem = Words().wrong(typed);
        QCOMPARE(static_cast<int>(problem.exit), static_cast<int>(Exit::Usage));
        QCOMPARE(QString::fromStdString(problem.hint), hint);
    }

    // Whatever verb is given with nothing: what it is told to type next is right.
    void examplesAreRight() {
        std::vector<std::vector<std::string>> all;
        const std::function<void(const CLI::App&, std::vector<std::string>)> collect =
            [&](const CLI::App& at, const std::vector<std::string>& path) {
                for (const CLI::App* sub : at.get_subcommands([](const CLI::App*) { return true; })) {
                    auto words = path;
                    words.push_back(sub->get_name());
                    collect(*sub, words);
                    all.push_back(words);
                }
            };
        const Words words;
        collect(words.app, {});
        size_t checked = 0;
        for (const auto& typed : all) {
            const Problem problem = Words().wrong(typed);
            if (problem.exit == Exit::Ok) continue;
            const QString hint = QString::fromStdString(problem.hint);
            const QString name = QString::fromStdString(typed.back());
            QVERIFY2(!hint.endsWith("--help") || problem.message.find("say which") != std::string::npos,
                     qPrintable(name + " has no example"));
            if (hint.endsWith("--help")) continue;
            QStringList parts = QProcess::splitCommand(hint);
            QCOMPARE(parts.takeFirst(), QString("netpas"));
            std::vector<std::string> proposed;
            for (const QString& part : parts) proposed.push_back(part.toStdString());
            const Problem again = Words().wrong(proposed);
            QVERIFY2(again.exit == Exit::Ok, qPrintable(hint + ": " + QString::fromStdString(again.message)));
            ++checked;
        }
        QVERIFY(checked > 30);
    }

    void helpIsOfTheVerbThatIsNamed() {
        const Words words;
        QVERIFY(helpFor(words.app, {}).value().find("SUBCOMMAND") != std::string::npos);
        QVERIFY(helpFor(words.app, {"rules", "add"}).value().find("netpas rules add") != std::string::npos);
        const auto wrong = helpFor(words.app, {"histroy"});
        QVERIFY(!wrong.has_value());
        QCOMPARE(wrong.error().hint, std::string("netpas history"));
    }

    void everyVerbHasItsPlaceInTheHelp() {
        Words words;
        groupVerbs(words.app);  // throws where one has none
        const std::string help = words.app.help();
        for (const char* group : {"State", "Network", "Spending", "Money", "Policy", "Care"}) {
            QVERIFY2(help.find(std::string(group) + ":") != std::string::npos, group);
        }
        words.app.add_subcommand("frobnicate", "");
        QVERIFY_THROWS_EXCEPTION(std::logic_error, groupVerbs(words.app));
    }

    void everyVerbHasItsPlaceInTheManual() {
        QFile file(NETPAS_MANUAL);
        QVERIFY(file.open(QIODevice::ReadOnly));
        const QString manual = QString::fromUtf8(file.readAll()).replace("\\-", "-");
        const Words words;
        for (const CLI::App* verb : words.app.get_subcommands([](const CLI::App*) { return true; })) {
            const QString name = QString::fromStdString(verb->get_name());
            const QRegularExpression entry("^\\.TP\\n\\.B[IR]? [^\\n]*\\b" + QRegularExpression::escape(name) + "\\b",
                                           QRegularExpression::MultilineOption);
            QVERIFY2(manual.contains(entry), verb->get_name().c_str());
        }
    }

    void bashCompletesVerbsOptionsAndChoices() {
        const QString script = QString::fromStdString(bashCompletion(Words().app));
        QCOMPARE(bashOffers(script, {"netpas", "stat"}), "status statements");
        QCOMPARE(bashOffers(script, {"netpas", "rules", "li"}), "list");
        QCOMPARE(bashOffers(script, {"netpas", "--json", "totals", "--b"}), "--by");
        QCOMPARE(bashOffers(script, {"netpas", "totals", "--by", "mo"}), "month");
        QCOMPARE(bashOffers(script, {"netpas", "completion", "z"}), "zsh");
        QCOMPARE(bashOffers(script, {"netpas", "nonsense", "-"}).contains("--json"), true);
    }

    // Only their grammar, and only where the shell is installed.
    void otherShellsCanReadTheirs_data() {
        QTest::addColumn<QString>("shell");
        QTest::addColumn<QString>("script");
        const Words words;
        QTest::newRow("zsh") << "zsh" << QString::fromStdString(zshCompletion(words.app));
        QTest::newRow("fish") << "fish" << QString::fromStdString(fishCompletion(words.app));
    }
    void otherShellsCanReadTheirs() {
        QFETCH(QString, shell);
        QFETCH(QString, script);
        QVERIFY(script.contains("statements"));
        QProcess program;
        program.start(shell, {"-n", "/dev/stdin"});
        if (!program.waitForStarted()) QSKIP("this shell is not installed");
        program.write(script.toUtf8());
        program.closeWriteChannel();
        QVERIFY(program.waitForFinished(20000));
        QCOMPARE(QString::fromUtf8(program.readAllStandardError()), QString());
        QCOMPARE(program.exitCode(), 0);
    }
};

QTEST_GUILESS_MAIN(TestCliWords)
#include "test_cli_words.moc"
