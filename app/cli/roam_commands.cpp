// netpas roam: away from home, access is bought from an ISP that knows nobody and only money, with what the home agent sends (NetPaS §3.1.4). Runs
// until it is told to end. Nothing is paid ahead but slices: whoever takes money and gives nothing keeps one.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <thread>

#include "app/cli/answers.h"
#include "app/cli/remote_agent.h"
#include "app/cli/text.h"
#include "app/cli/topics.h"
#include "core/crypto/hex.h"
#include "core/money.h"
#include "core/net/http.h"
#include "core/random.h"

namespace netpas::cli {

using nlohmann::json;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds lookEvery{250};
constexpr milliseconds payEvery{50};          // asking what became of a payment
constexpr std::chrono::seconds payWithin{8};  // what a payment over several ISPs has
constexpr std::chrono::seconds settleWithin{5};
constexpr milliseconds probeFor{1000};
constexpr int probes = 3;
constexpr int slices = 8;       // of the budget; as many as the secretary makes of a purchase's cap
constexpr int aheadHalves = 3;  // half slices: one more is paid when less is ahead, which the next session key needs
constexpr int secondsOfSlice = 10;  // a slice lasts at least so long
constexpr uint16_t probePort = 9;   // nobody need listen: that it is refused has come all the way, too

volatile std::sig_atomic_t endRequested = 0;

struct RoamGiven {
    std::string url;
    std::string home = "home";
    std::string homeAt;
    std::string budget;
    std::string duration;
};

Money plus(Money a, Money b) { return checkedAdd(a, b).value_or(Money::max()); }
Money minus(Money a, Money b) { return std::max(checkedSub(a, b).value_or(Money::zero()), Money::zero()); }
Money moneyAt(const json& object, const char* name) {
    return Money::parse(textAt(object, name)).value_or(Money::zero());
}

std::string freshKey() {
    std::array<uint8_t, 16> bytes{};
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(systemRandom().below(256));
    return toHex(bytes);
}

// Whether anything comes back from there: a connection, or a refusal.
bool answers(const IpAddress& address, milliseconds patience) {
    sockaddr_in v4{};
    sockaddr_in6 v6{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(probePort);
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(probePort);
    const auto bytes = address.bytes();
    std::memcpy(address.isV6() ? static_cast<void*>(&v6.sin6_addr) : static_cast<void*>(&v4.sin_addr), bytes.data(),
                bytes.size());
    const auto* const to =
        address.isV6() ? reinterpret_cast<const sockaddr*>(&v6) : reinterpret_cast<const sockaddr*>(&v4);
    const socklen_t length = address.isV6() ? sizeof v6 : sizeof v4;
    const int socket = ::socket(to->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (socket < 0) return false;
    int error = ::connect(socket, to, length) == 0 ? 0 : errno;
    if (error == EINPROGRESS) {
        pollfd ready{socket, POLLOUT, 0};
        socklen_t size = sizeof error;
        error = ETIMEDOUT;
        if (::poll(&ready, 1, static_cast<int>(patience.count())) > 0)
            (void)::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size);
    }
    ::close(socket);
    return error == 0 || error == ECONNREFUSED;
}

class Roaming {
public:
    Roaming(const Client& local, RemoteAgent home, RoamGiven given, Money budget, Output output)
        : m_local(local),
          m_home(std::move(home)),
          m_given(std::move(given)),
          m_budget(budget),
          m_slice(Money::fromEighths(budget.eighths() / slices)),
          m_output(output),
          m_began(std::chrono::steady_clock::now()) {}

    Exit run() {
        if (const auto problem = begin()) return finish(*problem);
        say("online", {{"price", m_price}});
        const auto length = m_given.duration.empty() ? std::nullopt : parseDuration(m_given.duration);
        const auto end = std::chrono::steady_clock::now() + length.value_or(std::chrono::hours(24 * 365));
        while (endRequested == 0 && std::chrono::steady_clock::now() < end) {
            std::this_thread::sleep_for(lookEvery);
            if (!keepUp()) break;
        }
        return finish({});
    }

private:
    // Nothing: online.
    std::optional<Problem> begin() {
        const auto joined = m_local.call("POST", "/v1/join", {{"url", m_given.url}});
        if (!joined) return joined.error();
        m_isp = joined->body.value("isp", 0);
        say("joined", {{"isp", m_isp}, {"name", textAt(joined->body, "name")}});
        const auto receiving = m_local.call("PUT", "/v1/receiving", {{"on", true}});
        if (!receiving) return receiving.error();
        m_payee = textAt(receiving->body, "payee");
        if (!receiving->body.value("accepted", false)) {
            return Problem{Exit::Denied, "MAY_NOT_RECEIVE",
                           "this ISP lets nobody pay for a visitor: " + textAt(receiving->body, "trouble"),
                           "try another network"};
        }
        if (const auto problem = pay()) return *problem;
        const bool v6 = m_home.at.address.isV6();
        const auto bought =
            m_local.call("POST", "/v1/purchases",
                         {{"to", v6 ? "::/0" : "0.0.0.0/0"},
                          {"cap", m_budget.toString()},
                          {"cap_per_second", Money::fromEighths(m_slice.eighths() / secondsOfSlice).toString()},
                          {"purpose", "roaming"}},
                         freshKey());
        if (!bought) return bought.error();
        m_purchase = textAt(bought->body, "id");
        m_price = textAt(bought->body, "price_per_packet");
        say("bought", {{"purchase", m_purchase}, {"state", textAt(bought->body, "state")}});
        for (int i = 0; i < probes; ++i) {
            if (answers(m_home.at.address, probeFor)) return std::nullopt;
        }
        return Problem{Exit::Failed, "NOT_DELIVERED",
                       "this ISP took " + m_paid.toString() + " dollars, and nothing gets through",
                       "try another network; the payment is in the home agent's books (netpas payments)"};
    }

    // The home agent sends a slice.
    std::optional<Problem> pay() {
        const Money amount = std::min(m_slice, minus(m_budget, m_paid));
        if (amount <= Money::zero()) return std::nullopt;
        const auto sent = std::chrono::steady_clock::now();
        auto answer = askHome(
            "POST", "/v1/payments",
            {{"payee", m_payee}, {"isp", m_isp}, {"amount", amount.toString()}, {"purpose", "roaming"}}, freshKey());
        while (answer && isOpen(textAt(answer->body, "state")) && endRequested == 0 &&
               std::chrono::steady_clock::now() - sent < payWithin) {
            std::this_thread::sleep_for(payEvery);
            answer = askHome("GET", "/v1/payments/" + net::encodeQueryValue(textAt(answer->body, "id")), nullptr, {});
        }
        if (!answer) return answer.error();
        const std::string state = textAt(answer->body, "state");
        if (state != "posted") {
            return Problem{Exit::Denied, "NOT_PAID", "the home agent's payment is " + state,
                           textAt(answer->body, "note").empty() ? "at home: netpas payments, netpas pending"
                                                                : textAt(answer->body, "note")};
        }
        m_paid = plus(m_paid, amount);
        m_charged = plus(m_charged, moneyAt(answer->body, "charged"));
        say("paid", {{"amount", amount.toString()}, {"paid", m_paid.toString()}});
        return std::nullopt;
    }
    // Waits no longer than a payment takes: meanwhile what is paid is used up.
    [[nodiscard]] tl::expected<Answer, Problem> askHome(const std::string& method, const std::string& target,
                                                        const json& body, const std::string& idempotencyKey) const {
        net::HttpCall call;
        call.method = method;
        call.target = target;
        call.timeout = payWithin;
        if (!body.is_null()) {
            call.body = body.dump();
            call.headers.push_back({"Content-Type", "application/json"});
        }
        if (!idempotencyKey.empty()) call.headers.push_back({"Idempotency-Key", idempotencyKey});
        const auto answer = net::httpCall(net::TlsTarget{m_home.at, m_home.key, m_home.identity.get()}, call);
        if (!answer) {
            return tl::unexpected(
                Problem{Exit::NotRunning, "HOME_UNREACHABLE",
                        "the home agent at " + m_home.at.toString() + ": " + std::string(net::describe(answer.error())),
                        "at home: netpas status; does this network let visitors reach it?"});
        }
        const json said = json::parse(answer->body, nullptr, false);
        if (said.is_object() && answer->status < 400) return Answer{answer->status, said};
        return tl::unexpected(Problem{Exit::Denied, textAt(said, "code"), "the home agent: " + textAt(said, "message"),
                                      textAt(said, "hint")});
    }
    static bool isOpen(const std::string& state) {
        return state == "sent" || state == "pending" || state == "deciding";
    }

    // Pays ahead what is used up. False: it is over.
    bool keepUp() {
        const auto purchase = look();
        if (!purchase) return true;
        const std::string state = textAt(*purchase, "state");
        if (state == "settled" || state == "refused" || state == "stopping" || state == "settling") {
            say("ended", {{"state", state}, {"reason", textAt(*purchase, "reason")}});
            return false;
        }
        takeUsage();
        const bool low = minus(m_paid, m_used) < Money::fromEighths(m_slice.eighths() / 2 * aheadHalves);
        if (!low || m_paid >= m_budget || std::chrono::steady_clock::now() < m_payAgain) return true;
        if (const auto problem = pay()) {
            // The home agent may be back before what is paid is used up.
            constexpr std::chrono::seconds pause{2};
            m_payAgain = std::chrono::steady_clock::now() + pause;
            say("unpaid", {{"code", problem->code}, {"message", problem->message}});
        }
        return true;
    }
    // Of all that is bought here, also beside the access.
    void takeUsage() {
        const auto open = m_local.call("GET", "/v1/purchases");
        if (!open) return;
        for (const json& one : at(open->body, {"purchases"}))
            m_usedBy[textAt(one, "id")] = moneyAt(at(one, {"sent"}), "amount");
        m_used = Money::zero();
        for (const auto& [id, amount] : m_usedBy) m_used = plus(m_used, amount);
    }
    [[nodiscard]] std::optional<json> look() const {
        const auto answer = m_local.call("GET", "/v1/purchases/" + net::encodeQueryValue(m_purchase));
        return answer ? std::optional(answer->body) : std::nullopt;
    }

    Exit finish(const std::optional<Problem>& why) {
        json sum{{"isp", m_isp}, {"payee", m_payee}, {"purchase", m_purchase}, {"paid", m_paid.toString()}};
        sum["charged_at_home"] = m_charged.toString();
        if (!m_purchase.empty()) {
            (void)m_local.call("DELETE", "/v1/purchases/" + net::encodeQueryValue(m_purchase));
            const auto end = std::chrono::steady_clock::now() + settleWithin;
            auto purchase = look();
            while (purchase && at(*purchase, {"charged"}).is_null() && std::chrono::steady_clock::now() < end) {
                std::this_thread::sleep_for(lookEvery);
                purchase = look();
            }
            const auto used = charged();
            sum["used"] = used ? json(used->toString()) : json();
            sum["left_with_isp"] = used ? json(minus(m_paid, *used).toString()) : json();
        } else {
            sum["used"] = Money::zero().toString();
            sum["left_with_isp"] = m_paid.toString();
        }
        say("over", sum);
        return why ? report(*why, m_output) : Exit::Ok;
    }

    // For everything that was bought here, once all of it is settled.
    [[nodiscard]] std::optional<Money> charged() const {
        Money sum;
        std::map<std::string, Money> all = m_usedBy;
        all.emplace(m_purchase, Money::zero());
        for (const auto& [id, used] : all) {
            const auto answer = m_local.call("GET", "/v1/purchases/" + net::encodeQueryValue(id));
            if (!answer || at(answer->body, {"charged"}).is_null()) return std::nullopt;
            sum = plus(sum, moneyAt(answer->body, "charged"));
        }
        return sum;
    }

    // One line each; JSON for programs.
    void say(const std::string& event, json more) const {
        const auto since = std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - m_began).count();
        if (m_output.json) {
            more["event"] = event;
            more["ms"] = since;
            print(more.dump() + "\n");
            (void)std::fflush(stdout);
            return;
        }
        std::string text = event + " after " + std::to_string(since) + " ms";
        for (const auto& [key, value] : more.items()) {
            if (value.is_string() || value.is_number())
                text += ", " + key + " " + (value.is_string() ? value.get<std::string>() : value.dump());
        }
        print(text + "\n");
        (void)std::fflush(stdout);
    }

    const Client& m_local;
    RemoteAgent m_home;
    RoamGiven m_given;
    Money m_budget, m_slice;
    Output m_output;
    std::chrono::steady_clock::time_point m_began;
    std::chrono::steady_clock::time_point m_payAgain{};
    int m_isp = 0;
    std::string m_payee, m_purchase, m_price;
    Money m_paid, m_charged, m_used;
    std::map<std::string, Money> m_usedBy;  // by purchase
};

Exit roam(const Client& client, Output output, RoamGiven given) {
    if (!initCrypto()) return report({Exit::Failed, "LOCAL_FAILURE", "cryptography cannot start", ""}, output);
    auto home = loadRemote(given.home);
    if (!home)
        return report({Exit::Usage, "INVALID_ARGUMENT", home.error(), "at home: netpas pair request URL --name NAME"},
                      output);
    if (!given.homeAt.empty()) {
        const auto elsewhere = remoteFromUrl("https://" + given.homeAt + "/#" + home->key.hex());
        if (!elsewhere) return report(usage("not ADDRESS:PORT: " + given.homeAt, "--home-at 192.0.2.1:46724"), output);
        home->at = elsewhere->at;
    }
    const auto budget = Money::parse(given.budget);
    if (!budget || budget->eighths() < slices)
        return report(usage("not an amount of dollars: " + given.budget, "--budget 0.40"), output);
    if (!given.duration.empty() && !parseDuration(given.duration))
        return report(usage("not a duration: " + given.duration, "--for 2h"), output);
    struct sigaction action {};
    action.sa_handler = [](int) { endRequested = 1; };
    ::sigaction(SIGINT, &action, nullptr);
    ::sigaction(SIGTERM, &action, nullptr);
    return Roaming(client, *home, std::move(given), *budget, output).run();
}

}  // namespace

void addRoamVerbs(CLI::App& app, Action& chosen) {
    const auto given = std::make_shared<RoamGiven>();
    CLI::App* const verb =
        addVerb(app, chosen, "roam", "away from home: access that the home agent pays for",
                [given](const Client& client, Output output) { return roam(client, output, *given); });
    verb->add_option("url", given->url, "https://ADDRESS:PORT/#KEY of the ISP here")->required();
    verb->add_option("--home", given->home, "the home agent, by the name it was paired under")->capture_default_str();
    verb->add_option("--home-at", given->homeAt, "ADDRESS:PORT where it is reached from outside");
    verb->add_option("--budget", given->budget, "never more than so many dollars")->required();
    verb->add_option("--for", given->duration, "end by itself after 90s, 10m, 2h");
}

}  // namespace netpas::cli
