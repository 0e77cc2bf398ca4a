// An application that asks for purchases as fast as it is answered, uses some of them, and gives them back. It reports what it
// was granted and for how long it certainly had it.
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <thread>

#include "app/lab/tools/tools.h"
#include "core/net/http_client.h"
#include "core/random.h"

namespace netpas::lab {
namespace {

using namespace std::chrono_literals;

struct Setup {
    std::string socket, to, cap, pauseFile;
    uint64_t index = 0, requests = 0, seed = 0, purposes = 0, payees = 0, mostPackets = 0;
};

uint64_t microseconds() {
    return static_cast<uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now().time_since_epoch())
            .count());
}

class BudgetClient {
public:
    explicit BudgetClient(const Setup& setup)
        : m_setup(setup), m_random(setup.seed * 1000 + setup.index), m_report(Json::object()) {
        m_report["approved"] = Json::array();
        m_report["codes"] = Json::object();
        m_socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        sockaddr_in here{};
        here.sin_family = AF_INET;
        here.sin_port = htons(ownPort());
        m_bound = ::bind(m_socket, reinterpret_cast<const sockaddr*>(&here), sizeof here) == 0;
    }
    ~BudgetClient() { ::close(m_socket); }
    BudgetClient(const BudgetClient&) = delete;
    BudgetClient& operator=(const BudgetClient&) = delete;

    int run() {
        if (!m_bound) return 1;
        sayReady();
        for (uint64_t i = 0; i < m_setup.requests && !toolShouldEnd(); ++i) {
            while (::access(m_setup.pauseFile.c_str(), F_OK) == 0 && !toolShouldEnd()) std::this_thread::sleep_for(5ms);
            one(i);
        }
        m_report["asked"] = m_asked;
        m_report["refused"] = m_refused;
        m_report["repeated"] = m_repeated;
        m_report["contradictions"] = m_contradictions;
        printResult(m_report);
        return 0;
    }

private:
    [[nodiscard]] uint16_t ownPort() const { return static_cast<uint16_t>(20000 + m_setup.index); }

    // Asks until it is decided, however often the other side dies; nothing when this client is to end.
    std::optional<net::HttpResponse> insist(const net::HttpCall& call) {
        constexpr int attempts = 3000;  // a minute: longer than any restart
        for (int attempt = 0; attempt < attempts && (attempt == 0 || !toolShouldEnd()); ++attempt) {
            const auto answer = net::httpCall(net::UnixTarget{m_setup.socket}, call);
            if (answer && !isUndecided(*answer)) return *answer;
            ++m_repeated;
            std::this_thread::sleep_for(20ms);
        }
        return std::nullopt;
    }
    // Nobody has looked at the request, or nobody knows what became of it.
    static bool isUndecided(const net::HttpResponse& answer) {
        if (answer.status == 504 || answer.status == 429) return true;
        if (answer.status != 503) return false;
        const Json body = Json::parse(answer.body, nullptr, false);
        return body.is_object() && body.value("code", "") == "NO_SECRETARY";
    }

    void one(uint64_t number) {
        const uint64_t purpose = m_random.below(m_setup.purposes);
        const uint64_t payee = m_random.below(m_setup.payees);
        const auto port = static_cast<uint16_t>(1024 + number % 60000);
        net::HttpCall ask;
        ask.method = "POST";
        ask.target = "/v1/purchases";
        ask.timeout = 20s;
        ask.body = Json{
            {"to", m_setup.to},
            {"protocol", "udp"},
            {"from_port", ownPort()},
            {"to_port", port},
            {"cap", m_setup.cap},
            {"purpose", "race-" + std::to_string(purpose)},
            {"payee", std::string(63, '0') + std::to_string(payee)},
            {"class",
             "gold"}}.dump();
        ask.headers = {{"Content-Type", "application/json"},
                       {"Idempotency-Key", std::to_string(m_setup.seed) + "-" + std::to_string(m_setup.index) + "-" +
                                               std::to_string(number)}};
        ++m_asked;
        const auto answer = insist(ask);
        if (!answer) return;
        const uint64_t granted = microseconds();
        const Json body = Json::parse(answer->body, nullptr, false);
        if (answer->status != 200) {
            ++m_refused;
            Json& count = m_report["codes"][body.is_object() ? body.value("code", "?") : "?"];
            count = (count.is_number() ? count.get<uint64_t>() : 0) + 1;
            return;
        }
        const std::string id = body.value("id", "");
        const uint64_t packets = use(port);
        const uint64_t given = microseconds();
        net::HttpCall stop;
        stop.method = "DELETE";
        stop.target = "/v1/purchases/" + id;
        stop.timeout = 20s;
        (void)insist(stop);
        m_report["approved"].push_back({id, granted, given, purpose, payee, packets});
        // The same request once more is the same purchase, never another one.
        if (m_random.below(16) != 0) return;
        if (const auto again = insist(ask)) {
            const Json same = Json::parse(again->body, nullptr, false);
            if (same.is_object() && again->status == 200 && same.value("id", "") != id) ++m_contradictions;
        }
    }

    // Sends a little over the flow. How many packets left.
    uint64_t use(uint16_t port) {
        sockaddr_in there{};
        there.sin_family = AF_INET;
        there.sin_port = htons(port);
        ::inet_pton(AF_INET, m_setup.to.c_str(), &there.sin_addr);
        // Now and then so much that further session keys are needed: an ISP takes only so many in a second.
        const uint64_t most = m_random.below(8) == 0 ? m_setup.mostPackets : m_setup.mostPackets / 6;
        const uint64_t packets = m_random.below(most + 1);
        const std::array<char, 64> filler{};
        uint64_t sent = 0;
        for (uint64_t i = 0; i < packets; ++i) {
            const ssize_t size = ::sendto(m_socket, filler.data(), filler.size(), 0,
                                          reinterpret_cast<const sockaddr*>(&there), sizeof there);
            sent += size == static_cast<ssize_t>(filler.size()) ? 1 : 0;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(m_random.below(20)));
        return sent;
    }

    Setup m_setup;
    SeededRandom m_random;
    Json m_report;
    int m_socket = -1;
    bool m_bound = false;
    uint64_t m_asked = 0, m_refused = 0, m_repeated = 0, m_contradictions = 0;
};

}  // namespace

int budgetClientTool(const ToolArguments& arguments) {
    Setup setup;
    setup.socket = arguments.text("socket");
    setup.to = arguments.text("to");
    setup.cap = arguments.text("cap");
    setup.pauseFile = arguments.text("pause");
    setup.index = arguments.number("index", 0);
    setup.requests = arguments.number("requests", 1);
    setup.seed = arguments.number("seed", 1);
    setup.purposes = arguments.number("purposes", 2);
    setup.payees = arguments.number("payees", 8);
    setup.mostPackets = arguments.number("packets", 50);
    return BudgetClient(setup).run();
}

}  // namespace netpas::lab
