// The window beside a plain Qt application with the same table: start to first paint, memory, what it does while nobody touches it, and how long a
// typed letter takes to filter what is there. See README.md here.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <QAbstractItemModel>
#include <QApplication>
#include <QElapsedTimer>
#include <QLineEdit>
#include <QMainWindow>
#include <QSortFilterProxyModel>
#include <QStandardItemModel>
#include <QTableView>
#include <QTemporaryDir>
#include <QTimer>
#include <QVBoxLayout>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "secretary/ui/desk.h"
#include "secretary/ui/main_window.h"
#include "secretary/ui/payments_page.h"
#include "secretary/ui/rules_page.h"
#include "tests/bench/window_server.h"

namespace {

using nlohmann::json;
using namespace netpas;
using Steady = std::chrono::steady_clock;

struct Given {
    size_t payments = 100000, rules = 10000;
    int starts = 7, idle = 30;
    bool asJson = false;
    std::string child, socket;  // what this process is
};

int64_t nowUs() {
    return std::chrono::duration_cast<std::chrono::microseconds>(Steady::now().time_since_epoch()).count();
}
double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values.empty() ? 0 : values[values.size() / 2];
}

// --- what a child does

// Says when the first window has painted itself.
class FirstPaint final : public QObject {
protected:
    bool eventFilter(QObject* watched, QEvent* event) override {
        if (!m_said && event->type() == QEvent::Paint && qobject_cast<QWidget*>(watched) != nullptr) {
            m_said = true;
            QTimer::singleShot(0, this, [] {
                std::printf("painted %lld\n", static_cast<long long>(nowUs()));
                std::fflush(stdout);
            });
        }
        return QObject::eventFilter(watched, event);
    }

private:
    bool m_said = false;
};

void settle(const std::function<bool()>& ready) {
    while (!ready()) QApplication::processEvents(QEventLoop::WaitForMoreEvents, 20);
}

// One letter after the other, as somebody types; the longest and the usual time until all is shown again.
json typed(QLineEdit& line, const QString& words) {
    std::vector<double> times;
    QString text;
    for (const QChar letter : words) {
        text += letter;
        QElapsedTimer clock;
        clock.start();
        line.setText(text);
        QApplication::processEvents();
        times.push_back(static_cast<double>(clock.nsecsElapsed()) / 1e6);
    }
    line.clear();
    QApplication::processEvents();
    return {{"median_ms", median(times)}, {"longest_ms", *std::max_element(times.begin(), times.end())}};
}

struct Plain {
    Plain(size_t rows, const std::string& socket) {
        auto* const middle = new QWidget;
        auto* const all = new QVBoxLayout(middle);
        all->addWidget(line = new QLineEdit);
        all->addWidget(table = new QTableView);
        table->setModel(&filter);
        filter.setSourceModel(&model);
        filter.setFilterKeyColumn(-1);
        filter.setFilterCaseSensitivity(Qt::CaseInsensitive);
        QObject::connect(line, &QLineEdit::textChanged, &filter, &QSortFilterProxyModel::setFilterFixedString);
        window.setCentralWidget(middle);
        window.resize(1000, 680);
        constexpr int columns = 8;
        model.setColumnCount(columns);
        for (size_t i = 0; i < rows; ++i) {
            QList<QStandardItem*> row;
            for (const char* const text :
                 {"12.05.26 12:00", "mpv", "video", "films.example", "settled, stopped", "0.1001 ¢", "a rule", ""})
                row << new QStandardItem(i % 3 == 0 ? QString::fromUtf8(text)
                                                    : QString::fromUtf8(text) + QString::number(i));
            model.appendRow(row);
        }
        (void)socket;
        window.show();
    }
    QStandardItemModel model;
    QSortFilterProxyModel filter;
    QMainWindow window;
    QLineEdit* line;
    QTableView* table;
};

struct Real {
    explicit Real(const std::string& socket)
        : link([socket](const std::string&) { return net::UnixTarget{socket}; }), desk(link), window(desk) {
        window.show();
    }
    ui::ApiLink link;
    ui::Desk desk;
    ui::MainWindow window;
};

template <typename Page>
Page* show(ui::MainWindow& window) {
    for (int i = 0; i < window.pageNames().size(); ++i) {
        if (auto* const page = qobject_cast<Page*>(window.page(i))) return window.showPage(i), page;
    }
    return nullptr;
}

json filterReal(const Given& given) {
    Real real(given.socket);
    settle([&] { return real.desk.state() == ui::Desk::State::Open; });
    auto* const payments = show<ui::PaymentsPage>(real.window);
    const auto* const table = payments->findChild<QTableView*>("payments");
    QElapsedTimer clock;
    clock.start();
    settle([&] { return table->model()->rowCount() == static_cast<int>(given.payments); });
    const double loaded = static_cast<double>(clock.nsecsElapsed()) / 1e6;
    json found{{"load_ms", loaded}, {"payments", typed(*payments->findChild<QLineEdit*>("search"), "radio music")}};
    auto* const rules = show<ui::RulesPage>(real.window);
    settle(
        [&] { return rules->findChild<QTableView*>("rules")->model()->rowCount() == static_cast<int>(given.rules); });
    found["rules"] = typed(*rules->findChild<QLineEdit*>("search"), "radio music");
    return found;
}

json filterPlain(const Given& given) {
    Plain payments(given.payments, {});
    json found{{"payments", typed(*payments.line, "radio music")}};
    Plain rules(given.rules, {});
    found["rules"] = typed(*rules.line, "radio music");
    return found;
}

int beChild(const Given& given, int argc, char** argv) {
    QApplication app(argc, argv);
    if (given.child == "filter-real" || given.child == "filter-plain") {
        std::printf("%s\n", (given.child == "filter-real" ? filterReal(given) : filterPlain(given)).dump().c_str());
        return 0;
    }
    FirstPaint first;
    app.installEventFilter(&first);
    std::unique_ptr<Plain> plain;
    std::unique_ptr<Real> real;
    if (given.child == "plain") plain = std::make_unique<Plain>(0, given.socket);
    if (given.child == "real") real = std::make_unique<Real>(given.socket);
    return QApplication::exec();
}

// --- what the parent measures

class Child {
public:
    Child(const Given& given, const std::string& what) {
        int ends[2];
        if (::pipe(ends) != 0) std::exit(1);
        m_begun = nowUs();
        m_pid = ::fork();
        if (m_pid == 0) {
            ::dup2(ends[1], STDOUT_FILENO);
            ::close(ends[0]);
            const std::string payments = std::to_string(given.payments), rules = std::to_string(given.rules);
            ::execl("/proc/self/exe", "bench_window", "--child", what.c_str(), "--socket", given.socket.c_str(),
                    "--payments", payments.c_str(), "--rules", rules.c_str(), nullptr);
            ::_exit(127);
        }
        ::close(ends[1]);
        m_out = ::fdopen(ends[0], "r");
    }
    ~Child() {
        ::kill(m_pid, SIGKILL);
        ::waitpid(m_pid, nullptr, 0);
        std::fclose(m_out);
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    std::string line() {
        std::string text;
        for (int letter = std::fgetc(m_out); letter != EOF && letter != '\n'; letter = std::fgetc(m_out))
            text += static_cast<char>(letter);
        return text;
    }
    double paintedAfterMs() {
        long long at = 0;
        if (std::sscanf(line().c_str(), "painted %lld", &at) != 1) std::exit(1);
        return static_cast<double>(at - m_begun) / 1000;
    }
    [[nodiscard]] double pssMiB() const {
        std::ifstream file("/proc/" + std::to_string(m_pid) + "/smaps_rollup");
        std::string word;
        while (file >> word) {
            double kib = 0;
            if (word == "Pss:" && file >> kib) return kib / 1024;
        }
        return 0;
    }
    // Of all threads: nanoseconds on a processor, and how often one of them went to sleep by itself.
    struct Work {
        double cpuMs = 0, wakeUps = 0;
    };
    [[nodiscard]] Work work() const {
        Work sum;
        std::error_code error;
        for (const auto& task :
             std::filesystem::directory_iterator("/proc/" + std::to_string(m_pid) + "/task", error)) {
            double ns = 0;
            if (std::ifstream(task.path() / "schedstat") >> ns) sum.cpuMs += ns / 1e6;
            std::ifstream status(task.path() / "status");
            std::string word;
            while (status >> word) {
                double count = 0;
                if (word == "voluntary_ctxt_switches:" && status >> count) sum.wakeUps += count;
            }
        }
        return sum;
    }

private:
    pid_t m_pid = -1;
    int64_t m_begun = 0;
    FILE* m_out = nullptr;
};

json measure(Given given) {
    const QTemporaryDir folder;
    given.socket = folder.filePath("secretary.sock").toStdString();
    const bench::WindowServer server(given.socket, given.payments, given.rules);
    std::map<std::string, std::vector<double>> starts;
    json result;
    for (int round = 0; round < given.starts; ++round) {
        for (const char* const what : {"plain", "real"}) starts[what].push_back(Child(given, what).paintedAfterMs());
    }
    for (const char* const what : {"plain", "real"}) {
        Child child(given, what);
        (void)child.paintedAfterMs();
        std::this_thread::sleep_for(std::chrono::seconds(3));  // until it has asked for everything
        const auto before = child.work();
        std::this_thread::sleep_for(std::chrono::seconds(given.idle));
        const auto after = child.work();
        result[what] = {{"first_paint_ms", median(starts[what])},
                        {"pss_mib", child.pssMiB()},
                        {"idle_cpu_ms", after.cpuMs - before.cpuMs},
                        {"idle_wake_ups", after.wakeUps - before.wakeUps}};
        result[what]["filter"] = json::parse(Child(given, std::string("filter-") + what).line(), nullptr, false);
    }
    const auto ratio = [&](const json::json_pointer& at) {
        const double plain = result["plain"].value(at, 0.0);
        return plain > 0 ? json(result["real"].value(at, 0.0) / plain) : json(nullptr);
    };
    using Pointer = json::json_pointer;
    result["ratio"] = {{"first_paint", ratio(Pointer("/first_paint_ms"))},
                       {"pss", ratio(Pointer("/pss_mib"))},
                       {"filter_payments", ratio(Pointer("/filter/payments/median_ms"))},
                       {"filter_rules", ratio(Pointer("/filter/rules/median_ms"))}};
    result["payments"] = given.payments;
    result["rules"] = given.rules;
    result["idle_seconds"] = given.idle;
    return result;
}

void print(const json& result) {
    for (const char* const what : {"plain", "real"}) {
        const json& one = result[what];
        std::printf(
            "%-6s first paint %.0f ms, %.1f MiB (PSS), in %d s untouched %.0f ms of CPU and %.0f wake-ups;\n"
            "       a letter filters %zu payments in %.1f ms (longest %.1f), %zu rules in %.1f ms (longest %.1f)\n",
            what, one["first_paint_ms"].get<double>(), one["pss_mib"].get<double>(), result["idle_seconds"].get<int>(),
            one["idle_cpu_ms"].get<double>(), one["idle_wake_ups"].get<double>(), result["payments"].get<size_t>(),
            one["filter"]["payments"]["median_ms"].get<double>(), one["filter"]["payments"]["longest_ms"].get<double>(),
            result["rules"].get<size_t>(), one["filter"]["rules"]["median_ms"].get<double>(),
            one["filter"]["rules"]["longest_ms"].get<double>());
    }
    std::printf("ratios %s\n", result["ratio"].dump().c_str());
}

}  // namespace

int main(int argc, char** argv) {
    Given given;
    CLI::App options{"The secretary's window beside a plain Qt application."};
    options.add_option("--payments", given.payments);
    options.add_option("--rules", given.rules);
    options.add_option("--starts", given.starts)->check(CLI::Range(1, 1000));
    options.add_option("--idle", given.idle, "seconds")->check(CLI::Range(1, 3600));
    options.add_flag("--json", given.asJson);
    options.add_option("--child", given.child)->group("");
    options.add_option("--socket", given.socket)->group("");
    CLI11_PARSE(options, argc, argv);
    if (::getenv("DISPLAY") == nullptr && ::getenv("WAYLAND_DISPLAY") == nullptr)
        ::setenv("QT_QPA_PLATFORM", "offscreen", 0);
    if (!given.child.empty()) return beChild(given, argc, argv);
    const json result = measure(given);
    given.asJson ? (void)std::printf("%s\n", result.dump().c_str()) : print(result);
    return 0;
}
