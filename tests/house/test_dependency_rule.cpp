// The one dependency rule: core <- {tun, cartographer, secretary} <- app. The three in the middle never
// include each other, and Qt stays in secretary/ui, in the main of the window program and in tests.
#include <QTest>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace fs = std::filesystem;

namespace {

const std::map<std::string, std::set<std::string>> kMayInclude{
    {"core", {"core"}},
    {"tun", {"core", "tun"}},
    {"cartographer", {"core", "cartographer"}},
    {"secretary", {"core", "secretary"}},
    {"app", {"core", "tun", "cartographer", "secretary", "app"}},
    {"tests", {"core", "tun", "cartographer", "secretary", "app", "tests"}},
};

const std::set<std::string> kTopLevel{"app",       "cartographer", "core", "packaging",      "resources",
                                      "secretary", "tests",        "tun",  "CMakeLists.txt", "CMakePresets.json",
                                      "LICENSE",   "README.md",    "build"};

bool qtIsAllowed(const std::string& path) {
    return path.starts_with("secretary/ui/") || path.starts_with("tests/") || path == "app/window/main.cpp";
}

std::string topFolder(const std::string& path) { return path.substr(0, path.find('/')); }

// Every breach in one source file, as "path:line: what".
std::vector<std::string> breaches(const std::string& path, const std::string& text) {
    static const std::regex include(R"(^\s*#\s*include\s*([<"])([^>"]+)[>"])");
    static const std::regex qtHeader(R"(^(Q[A-Z]\w*|Qt\w*/.*|q[a-z]+\.h)$)");
    std::vector<std::string> found;
    const auto& allowed = kMayInclude.at(topFolder(path));
    std::istringstream lines(text);
    std::string line;
    for (int number = 1; std::getline(lines, line); ++number) {
        std::smatch match;
        if (!std::regex_search(line, match, include)) continue;
        const std::string target = match[2];
        const auto report = [&](const std::string& what) {
            found.push_back(path + ":" + std::to_string(number) + ": " + what + " " + target);
        };
        if (std::regex_match(target, qtHeader) && !qtIsAllowed(path)) report("Qt is not allowed here:");
        const bool ours = kMayInclude.contains(topFolder(target));
        if (ours && !allowed.contains(topFolder(target))) report("must not include");
        if (match[1] == "\"" && !ours && !target.ends_with(".moc")) report("not written from the top level:");
    }
    return found;
}

std::string readFile(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

const fs::path kRoot{NETPAS_SOURCE_DIR};

}  // namespace

class DependencyRuleTest : public QObject {
    Q_OBJECT

private slots:
    void forbiddenIncludesAreFound_data() {
        QTest::addColumn<QString>("path");
        QTest::addColumn<QString>("line");
        QTest::addColumn<int>("count");
        const auto row = [](const char* path, const char* line, int count) {
            QTest::addRow("%s %s", path, line) << QString(path) << QString(line) << count;
        };
        row("core/a.h", "#include \"core/money.h\"", 0);
        row("core/a.h", "#include \"tun/packet/checksum.h\"", 1);
        row("core/a.h", "#include <QString>", 1);
        row("core/a.h", "  #  include <QtCore/qstring.h>", 1);
        row("core/a.h", "#include <map>", 0);
        row("core/a.cpp", "#include \"a.h\"", 1);
        row("core/a.cpp", "#include \"../tun/a.h\"", 1);
        row("tun/a.cpp", "#include \"core/money.h\"", 0);
        row("tun/a.cpp", "#include \"secretary/rules.h\"", 1);
        row("tun/a.cpp", "#include <cartographer/menu.h>", 1);
        row("cartographer/a.cpp", "#include \"tun/device/tun_device.h\"", 1);
        row("secretary/a.cpp", "#include \"cartographer/menu.h\"", 1);
        row("secretary/a.cpp", "#include <QWidget>", 1);
        row("secretary/ui/a.cpp", "#include <QWidget>", 0);
        row("secretary/ui/a.cpp", "#include \"app/netpasd.h\"", 1);
        row("app/netpas_isp.cpp", "#include \"tun/edge/edge_engine.h\"", 0);
        row("app/netpasd.cpp", "#include <QCoreApplication>", 1);
        row("app/window/main.cpp", "#include <QApplication>", 0);
        row("app/netpasd.cpp", "#include \"tests/fake.h\"", 1);
        row("tests/core/test_a.cpp", "#include <QTest>", 0);
        row("tests/core/test_a.cpp", "#include \"test_a.moc\"", 0);
    }

    void forbiddenIncludesAreFound() {
        QFETCH(QString, path);
        QFETCH(QString, line);
        QFETCH(int, count);
        const auto found = breaches(path.toStdString(), line.toStdString());
        QCOMPARE(int(found.size()), count);
    }

    void noIncludeBreaksTheRule() {
        int files = 0;
        std::string all;
        for (const auto& [folder, unused] : kMayInclude) {
            for (const auto& entry : fs::recursive_directory_iterator(kRoot / folder)) {
                const auto extension = entry.path().extension();
                if (extension != ".h" && extension != ".cpp") continue;
                ++files;
                const auto path = fs::relative(entry.path(), kRoot).generic_string();
                for (const auto& breach : breaches(path, readFile(entry.path()))) all += breach + "\n";
            }
        }
        QVERIFY2(files > 20, "no sources found: is NETPAS_SOURCE_DIR right?");
        QVERIFY2(all.empty(), all.c_str());
    }

    // Libraries obey the same arrows as includes: a folder's CMake files link only what it may include.
    void noTargetLinksAgainstTheRule() {
        static const std::regex library(R"(Netpas::(tun|cartographer|secretary)\b|Qt6::)");
        std::string all;
        for (const std::string folder : {"core", "tun", "cartographer", "secretary"}) {
            for (const auto& entry : fs::recursive_directory_iterator(kRoot / folder)) {
                if (entry.path().filename() != "CMakeLists.txt") continue;
                const auto path = fs::relative(entry.path(), kRoot).generic_string();
                const auto text = readFile(entry.path());
                for (std::sregex_iterator it(text.begin(), text.end(), library), end; it != end; ++it) {
                    const std::string name = it->str();
                    const bool fine = name == "Qt6::" ? path.starts_with("secretary/ui/") : name == "Netpas::" + folder;
                    if (!fine) all += path + ": must not link " + name + "\n";
                }
            }
        }
        QVERIFY2(all.empty(), all.c_str());
    }

    void topLevelHoldsOnlyWhatItMay() {
        std::string strangers;
        for (const auto& entry : fs::directory_iterator(kRoot)) {
            const auto name = entry.path().filename().string();
            // Dot-files: tools look for them at the top, and editors put theirs there.
            if (!name.starts_with('.') && !kTopLevel.contains(name)) strangers += name + " ";
        }
        QVERIFY2(strangers.empty(), ("does not belong at the top level: " + strangers).c_str());
    }

    void everyFolderOpensWithAReadme() {
        for (const char* folder :
             {"core", "tun", "cartographer", "secretary", "app", "resources", "tests", "packaging"}) {
            const auto readme = kRoot / folder / "README.md";
            QVERIFY2(fs::exists(readme) && fs::file_size(readme) > 100, readme.c_str());
        }
    }
};

QTEST_APPLESS_MAIN(DependencyRuleTest)
#include "test_dependency_rule.moc"
