// netpas status --watch: follows GET /v1/watch. On a terminal a few lines are drawn anew in place, with --json every event is a line.
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <iostream>
#include <utility>

#include "app/cli/answers.h"
#include "app/cli/commands.h"
#include "app/cli/text.h"
#include "app/cli/watch_view.h"
#include "core/net/http_lines.h"

namespace netpas::cli {

using nlohmann::json;
using namespace std::chrono_literals;
namespace asio = boost::asio;

namespace {

constexpr std::chrono::milliseconds firstPause{250}, longestPause{5000};
constexpr auto qualityEvery = 5s;
constexpr const char* target = "/v1/watch";

class Watching {
public:
    Watching(const Client& client, Output output)
        : m_client(client), m_output(output), m_terminal(!output.json && ::isatty(STDOUT_FILENO) == 1) {}

    Exit run() {
        m_signals.async_wait([this](const boost::system::error_code& error, int) {
            if (!error) m_io.stop();
        });
        begin();
        m_io.run();
        if (m_terminal) print("\n");
        return m_ended;
    }

private:
    void begin() {
        net::HttpLines lines;
        lines.target = target;
        lines.line = [this](const std::string& line) { heard(line); };
        lines.ended = [this](const net::HttpAnswer& why) { lost(why); };
        net::httpLines(m_io, net::UnixTarget{*m_client.localSocket(target)}, std::move(lines));
    }

    void heard(std::string_view line) {
        const json event = json::parse(line, nullptr, false);
        if (!event.is_object()) return;
        m_pause = firstPause;
        m_everHeard = true;
        m_view.take(event, std::chrono::steady_clock::now());
        if (m_output.json) {
            std::cout << event.dump(-1, ' ', false, json::error_handler_t::replace) << std::endl;
        } else if (event.value("event", "") != "alive") {
            show({});
        }
        askQuality();
    }

    // What is measured on the ways in use, now and then; whoever asks for no destination begins no measurement.
    void askQuality() {
        const auto now = std::chrono::steady_clock::now();
        if (m_output.json || !m_view.anyRuns() || now < m_nextQuality) return;
        m_nextQuality = now + qualityEvery;
        net::HttpCall call;
        call.target = "/v1/measurements";
        net::httpCall(m_io, net::UnixTarget{*m_client.localSocket(call.target)}, call, [this](net::HttpAnswer answer) {
            if (!answer || answer->status != 200) return;
            m_view.takeMeasurements(json::parse(answer->body, nullptr, false));
            show({});
        });
    }

    // An agent that is started again is found again; one that was never there is a mistake to be told.
    void lost(const net::HttpAnswer& why) {
        if (why) return finish(m_client.refusalOf(*why));
        if (!m_everHeard) return finish(m_client.problemFor(target, why.error()));
        m_view.forget();
        const std::string text = "netpasd is gone; asking again (Ctrl-C ends; sudo systemctl start netpasd)";
        if (m_output.json) {
            if (!std::exchange(m_saidLost, true)) std::cout << json{{"event", "disconnected"}}.dump() << std::endl;
        } else if (m_terminal || !m_saidLost) {
            m_saidLost = true;
            show(text);
        }
        m_timer.expires_after(m_pause);
        m_pause = std::min(2 * m_pause, longestPause);
        m_timer.async_wait([this](const boost::system::error_code& error) {
            if (error) return;
            begin();
        });
    }

    void finish(const Problem& problem) {
        m_ended = report(problem, m_output);
        m_io.stop();
    }

    // In place of what was shown before; elsewhere than on a terminal below it.
    void show(const std::string& instead) {
        if (instead.empty()) m_saidLost = false;
        const std::string text = instead.empty() ? m_view.text() : instead + "\n";
        std::string out;
        if (m_terminal && m_drawn > 0) out += "\033[" + std::to_string(m_drawn) + "A\r\033[J";
        if (!m_terminal) out += "\n";
        m_drawn = static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
        std::cout << out << text << std::flush;
    }

    const Client& m_client;
    Output m_output;
    bool m_terminal;
    asio::io_context m_io{1};
    asio::signal_set m_signals{m_io, SIGINT, SIGTERM};
    asio::steady_timer m_timer{m_io};
    WatchView m_view;
    std::chrono::milliseconds m_pause = firstPause;
    std::chrono::steady_clock::time_point m_nextQuality;
    size_t m_drawn = 0;
    bool m_everHeard = false, m_saidLost = false;
    Exit m_ended = Exit::Ok;
};

}  // namespace

Exit watchStatus(const Client& client, Output output) {
    if (!client.localSocket(target)) {
        return report(usage("only the agent of this machine itself can be watched", "netpas status, without --watch"),
                      output);
    }
    return Watching(client, output).run();
}

}  // namespace netpas::cli
