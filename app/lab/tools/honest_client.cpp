// An honest user of the agent: asks for its status again and again, as `netpas status` does, and buys now and then. Reports how long
// answers took and whether there always was one.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>
#include <thread>
#include <vector>

#include "app/lab/tools/other_user.h"
#include "core/net/http_client.h"

namespace netpas::lab {
namespace {

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

// Nearest rank, of sorted values.
double quantile(const std::vector<double>& sorted, double share) {
    if (sorted.empty()) return 0;
    const auto rank = static_cast<size_t>(std::ceil(share * static_cast<double>(sorted.size())));
    return sorted[std::clamp<size_t>(rank, 1, sorted.size()) - 1];
}

class HonestClient {
public:
    explicit HonestClient(const ToolArguments& arguments)
        : m_socket(arguments.text("socket")),
          m_to(arguments.text("to")),
          m_domain(arguments.text("domain")),
          m_name(arguments.text("name", "honest")),
          m_pause(arguments.number("pause_us", 5000)),
          m_requests(arguments.number("requests", 1)),
          m_nextPort(arguments.number("first_port", 1024)) {}

    // Exactly so many answers are measured.
    void askStatus() {
        std::vector<double> took;
        auto due = Steady::now();
        for (uint64_t i = 0; i < m_requests && !toolShouldEnd(); ++i) {
            std::this_thread::sleep_until(due);
            due = std::max(due + m_pause, Steady::now());
            net::HttpCall call;
            call.target = "/v1/status";
            call.timeout = 30s;
            const auto begin = Steady::now();
            const auto answer = net::httpCall(net::UnixTarget{m_socket}, call);
            const std::chrono::duration<double, std::milli> elapsed = Steady::now() - begin;
            if (answer && answer->status == 200) {
                took.push_back(elapsed.count());
            } else {
                note(answer);
            }
        }
        std::sort(took.begin(), took.end());
        m_report["samples"] = took.size();
        m_report["p50_ms"] = quantile(took, 0.5);
        m_report["p99_ms"] = quantile(took, 0.99);
        m_report["max_ms"] = took.empty() ? 0 : took.back();
    }

    // Until it is told to end, one after the other; the last one is kept, if that was asked for.
    void buy(bool keepLast) {
        uint64_t bought = 0;
        std::vector<double> took;
        for (uint64_t i = 0; i < m_requests && !toolShouldEnd(); ++i) {
            net::HttpCall call;
            call.method = "POST";
            call.target = "/v1/purchases";
            call.timeout = 30s;
            call.body = Json{{"to", m_to},          {"protocol", "udp"},  {"to_port", m_nextPort++}, {"cap", "0.0001"},
                             {"class", "cheapest"}, {"purpose", "video"}, {"domain", m_domain}}
                            .dump();
            call.headers = {{"Content-Type", "application/json"},
                            {"Idempotency-Key", m_name + "-" + std::to_string(i)}};
            const auto begin = Steady::now();
            const auto answer = net::httpCall(net::UnixTarget{m_socket}, call);
            const std::chrono::duration<double, std::milli> elapsed = Steady::now() - begin;
            const Json body = answer ? Json::parse(answer->body, nullptr, false) : Json();
            if (!answer || answer->status != 200 || !body.is_object()) {
                note(answer);
                std::this_thread::sleep_for(m_pause);
                continue;
            }
            ++bought;
            took.push_back(elapsed.count());
            m_report["last"] = body.value("id", "");
            if (keepLast && i + 1 == m_requests) break;
            call = {};
            call.method = "DELETE";
            call.target = "/v1/purchases/" + body.value("id", "");
            call.timeout = 30s;
            const auto ended = net::httpCall(net::UnixTarget{m_socket}, call);
            if (!ended || ended->status >= 300) note(ended);
            std::this_thread::sleep_for(m_pause);
        }
        std::sort(took.begin(), took.end());
        m_report["bought"] = bought;
        m_report["buy_p50_ms"] = quantile(took, 0.5);
        m_report["buy_max_ms"] = took.empty() ? 0 : took.back();
    }

    void finish() {
        m_report["unanswered"] = m_unanswered;
        m_report["troubles"] = m_troubles;
        printResult(m_report);
    }

private:
    void note(const net::HttpAnswer& answer) {
        ++m_unanswered;
        const std::string what = answer ? std::to_string(answer->status) + " " + answer->body.substr(0, 200)
                                        : std::string(net::describe(answer.error()));
        Json& count = m_troubles[what];
        count = (count.is_number() ? count.get<uint64_t>() : 0) + 1;
    }

    std::string m_socket, m_to, m_domain, m_name;
    std::chrono::microseconds m_pause;
    uint64_t m_requests;
    uint64_t m_nextPort;
    uint64_t m_unanswered = 0;
    Json m_troubles = Json::object();
    Json m_report = Json::object();
};

}  // namespace

int honestClientTool(const ToolArguments& arguments) {
    if (!becomeOtherUser(arguments)) return 1;
    HonestClient client(arguments);
    sayReady();
    if (arguments.text("what") == "buy") {
        client.buy(arguments.number("keep", 0) != 0);
    } else {
        client.askStatus();
    }
    client.finish();
    return 0;
}

}  // namespace netpas::lab
