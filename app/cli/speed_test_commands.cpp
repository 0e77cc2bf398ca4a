// netpas speedtest: how much the way to the ISP carries, and how quickly it answers meanwhile. Says what it costs first.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include "app/cli/answers.h"
#include "app/cli/speed_test.h"
#include "app/cli/test_purchase.h"
#include "app/cli/text.h"
#include "app/cli/topics.h"
#include "core/flow.h"
#include "core/money.h"

namespace netpas::cli {

using nlohmann::json;
using std::chrono::microseconds;

namespace {

struct Given {
    std::string server;  // ADDRESS[:PORT]; empty: the own ISP's, from its menu
    std::string key;     // of a server over TLS
    bool upload = false;
    bool download = false;
    double seconds = 10;
    uint64_t megabytes = 100;
    std::string className;
    std::string cap;
    bool yes = false;
};

template <typename T>
using Found = tl::expected<T, Problem>;

Found<ndt7::Target> targetFrom(const std::string& address, uint16_t port, const std::string& key) {
    ndt7::Target target;
    const auto parsed = IpAddress::parse(address);
    if (!parsed)
        return tl::unexpected(usage("'" + address + "' is no IP address", "netpas speedtest --server 192.0.2.1"));
    target.server = {*parsed, port};
    if (key.empty()) return target;
    target.key = PublicKey::parse(key);
    if (!target.key) return tl::unexpected(usage("--key is 64 hexadecimal digits", "ask whoever runs the server"));
    return target;
}

// The first that the own ISP's signed menu names.
Found<ndt7::Target> ispServer(const Client& client) {
    const auto menu = client.call("GET", "/v1/services");
    if (!menu) return tl::unexpected(menu.error());
    for (const json& one : menu->body.value("speed_tests", json::array())) {
        auto target = targetFrom(textAt(one, "address"), one.value("port", ndt7::defaultPort), textAt(one, "key"));
        if (target) return target;
    }
    return tl::unexpected(Problem{Exit::Failed, "NO_SERVER", "your ISP names no server for capacity tests",
                                  "netpas speedtest --server ADDRESS"});
}

Found<ndt7::Target> serverFor(const Client& client, const Given& given) {
    if (given.server.empty()) return ispServer(client);
    const size_t colon = given.server.rfind(':');
    const bool port = colon != std::string::npos && (given.server.find(':') == colon || given.server[colon - 1] == ']');
    if (!port) return targetFrom(given.server, ndt7::defaultPort, given.key);
    std::string address = given.server.substr(0, colon);
    if (address.starts_with("[") && address.ends_with("]")) address = address.substr(1, address.size() - 2);
    const int number = std::atoi(given.server.c_str() + colon + 1);
    if (number < 1 || number > 65535)
        return tl::unexpected(
            usage("the port of --server is a number up to 65535", "netpas speedtest --server 192.0.2.1:46725"));
    return targetFrom(address, static_cast<uint16_t>(number), given.key);
}

// What the test may cost, in the dearest case.
struct Cost {
    uint64_t bytes = 0;  // of the application, both directions; headers come on top
    Money dollars;
    std::string why;  // who is paid, for people
};

// What packets of the test cost under a purchase that covers them: full ones upwards, acknowledgements of what comes down.
std::optional<Money> priceUnder(const json& purchase, const SpeedTestPlan& plan) {
    const auto flow = FlowMatch::parse(textAt(purchase, "flow"));
    FlowKey key{flow && flow->local ? flow->local->address() : IpAddress{}, plan.target.server.address, ipproto::tcp,
                flow && flow->localPort != 0 ? flow->localPort : uint16_t{0}, plan.target.server.port};
    if (!flow || !flow->matches(key)) return std::nullopt;
    const auto price = [&](const char* size) {
        return Money::parse(textAt(purchase.value("price_per_packet", json::object()), size)).value_or(Money::zero());
    };
    constexpr uint64_t payload = 1348;  // of a packet of 1400 bytes
    constexpr uint64_t sentAgain = 11;  // tenths: what is lost is sent, and paid, again
    const uint64_t packets = plan.mostBytes / payload * sentAgain / 10 + 100;
    Money most = Money::zero();
    for (const ndt7::Direction direction : plan.directions) {
        const bool up = direction == ndt7::Direction::Upload;
        const auto part = checkedMul(price(up ? "1400" : "64"), static_cast<int64_t>(packets));
        const auto sum = part ? checkedAdd(most, *part) : part;
        if (!sum) return std::nullopt;
        most = *sum;
    }
    const Money cap = Money::parse(textAt(purchase, "cap")).value_or(Money::max());
    return std::min(most, cap);
}

Cost costOf(const Client& client, const Given& given, const SpeedTestPlan& plan) {
    Cost cost{plan.mostBytes * plan.directions.size(), Money::zero(), "best effort"};
    if (!given.cap.empty()) {
        cost.dollars = Money::parse(given.cap).value_or(Money::zero());
        cost.why =
            "class " + (given.className.empty() ? std::string("cheapest") : given.className) + ", bought for the test";
        return cost;
    }
    const auto open = client.call("GET", "/v1/purchases");  // without an agent nothing is paid for
    if (!open) return cost;
    for (const json& purchase : open->body.value("purchases", json::array())) {
        const auto price = priceUnder(purchase, plan);
        if (!price || textAt(purchase, "state") != "active") continue;
        cost.dollars = *price;
        cost.why = "purchase " + textAt(purchase, "id") + " pays for these packets";
        return cost;
    }
    return cost;
}

std::string megabytesText(uint64_t bytes) { return std::to_string((bytes + 500'000) / 1'000'000) + " MB"; }

std::string costText(const SpeedTestPlan& plan, const Cost& cost) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(plan.time).count();
    return "The test sends and receives at most " + megabytesText(cost.bytes) + " with " +
           plan.target.server.toString() + ", for at most " + std::to_string(seconds) +
           " s each way. It costs at most " + dollars(cost.dollars.toString()) + " (" + cost.why + ").\n";
}

// --- what came out

double milliseconds(microseconds time) { return static_cast<double>(time.count()) / 1000; }

json medianJson(std::vector<microseconds> times) {
    if (times.empty()) return nullptr;
    std::sort(times.begin(), times.end());
    return milliseconds(times[times.size() / 2]);
}

json partJson(const SpeedTestResult::Part& part) {
    const ndt7::Result& result = part.result;
    const double seconds = std::chrono::duration<double>(result.elapsed).count();
    json out{{"bytes", result.bytes},
             {"seconds", seconds},
             {"mbit", seconds > 0 ? json(static_cast<double>(result.bytes) * 8e-6 / seconds) : json()},
             {"stopped", result.stopped},
             {"round_trip_ms", medianJson(part.roundTrips)}};
    std::optional<microseconds> loaded;
    if (result.sender) {
        loaded = microseconds(static_cast<int64_t>(result.sender->rtt));
        out["min_rtt_ms"] = static_cast<double>(result.sender->minRtt) / 1000;
        const uint64_t sent = result.sender->bytesSent;
        if (sent > 0)
            out["retransmitted"] = static_cast<double>(result.sender->bytesRetransmitted) / static_cast<double>(sent);
    }
    const auto rpm = roundTripsPerMinute(part.roundTrips, loaded);
    out["responsiveness_rpm"] = rpm ? json(*rpm) : json();
    return out;
}

json resultJson(const SpeedTestPlan& plan, const Cost& cost, const SpeedTestResult& result) {
    json out{{"server", plan.target.server.toString()},
             {"cost", {{"most_bytes", cost.bytes}, {"most_dollars", cost.dollars.toString()}, {"currency", "USD"}}},
             {"round_trip_idle_ms", medianJson(result.idle)},
             {"stopped", result.interrupted}};
    for (const SpeedTestResult::Part& part : result.parts)
        out[std::string(ndt7::name(part.result.direction))] = partJson(part);
    if (result.failure) out["failure"] = describe(*result.failure);
    return out;
}

std::string number(const json& value, int digits, const char* unit) {
    if (!value.is_number()) return "not known";
    std::array<char, 48> text{};
    std::snprintf(text.data(), text.size(), "%.*f %s", digits, value.get<double>(), unit);
    return text.data();
}

void show(const json& result) {
    Rows rows{{"", "RATE", "ROUND TRIP", "ROUND TRIPS A MINUTE", "BYTES"}};
    rows.push_back({"idle", "", number(result.at("round_trip_idle_ms"), 2, "ms"), "", ""});
    for (const char* name : {"download", "upload"}) {
        if (!result.contains(name)) continue;
        const json& part = result.at(name);
        rows.push_back({name, number(part.at("mbit"), 2, "Mbit/s"), number(part.at("round_trip_ms"), 2, "ms"),
                        number(part.at("responsiveness_rpm"), 0, ""),
                        std::to_string(part.at("bytes").get<uint64_t>())});
    }
    print(table(rows));
    if (result.contains("charged")) print("charged: " + dollars(result.at("charged")) + "\n");
    if (result.at("stopped").get<bool>()) print("stopped before its end: what was measured until then\n");
}

json wishFor(const Given& given, const ndt7::Target& target) {
    if (given.cap.empty()) return nullptr;
    return {{"to", target.server.address.toString()},
            {"to_port", target.server.port},
            {"protocol", "tcp"},
            {"class", given.className.empty() ? "cheapest" : given.className},
            {"cap", given.cap}};
}

void showProgress(ndt7::Direction direction, microseconds elapsed, uint64_t bytes) {
    const double seconds = std::chrono::duration<double>(elapsed).count();
    std::fprintf(stderr, "\r%-8s %4.1f s  %8.2f Mbit/s", std::string(ndt7::name(direction)).c_str(), seconds,
                 seconds > 0 ? static_cast<double>(bytes) * 8e-6 / seconds : 0.0);
}

Exit speedTest(const Client& client, const Given& given, Output output) {
    if (!initCrypto()) return report({Exit::Failed, "LOCAL_FAILURE", "cryptography cannot start", ""}, output);
    const auto target = serverFor(client, given);
    if (!target) return report(target.error(), output);
    SpeedTestPlan plan{*target,
                       {},
                       std::chrono::milliseconds(static_cast<int64_t>(given.seconds * 1000)),
                       given.megabytes * 1'000'000};
    if (given.download || !given.upload) plan.directions.push_back(ndt7::Direction::Download);
    if (given.upload || !given.download) plan.directions.push_back(ndt7::Direction::Upload);
    const Cost cost = costOf(client, given, plan);
    if (!given.yes && !someoneIsHere())
        return report(usage(costText(plan, cost) + "Nobody is here to agree", "netpas speedtest --yes"), output);
    if (!given.yes && !agreedTo(costText(plan, cost)))
        return report({Exit::Denied, "DECLINED", "nothing was sent", "netpas ping ADDRESS"}, output);
    if (given.yes && !output.json) std::fprintf(stderr, "%s", costText(plan, cost).c_str());
    auto bought = TestPurchase::buy(client, wishFor(given, *target));
    if (!bought) return report(bought.error(), output);
    const bool paid = bought->any();
    const bool shown = ::isatty(STDERR_FILENO) == 1;
    const SpeedTestResult result = runSpeedTest(
        plan, shown ? showProgress : +[](ndt7::Direction, microseconds, uint64_t) {});
    if (shown) std::fprintf(stderr, "\r%-40s\r", "");
    json body = resultJson(plan, cost, result);
    if (paid) body["charged"] = bought->end();
    if (result.failure && result.parts.empty())
        return report(
            {Exit::Failed, "UNREACHABLE", target->server.toString() + ": " + std::string(describe(*result.failure)),
             "does netpas-isp ndt7 run there? netpas ping shows whether it can be reached"},
            output);
    if (output.json) {
        printJson(body);
    } else {
        show(body);
    }
    return result.interrupted || result.failure ? Exit::Failed : Exit::Ok;
}

}  // namespace

void addSpeedTestVerbs(CLI::App& app, Action& chosen) {
    const auto given = std::make_shared<Given>();
    CLI::App* const verb =
        addVerb(app, chosen, "speedtest", "how much the way to the ISP carries; says what it costs first",
                [given](const Client& client, Output output) { return speedTest(client, *given, output); });
    verb->add_option("--server", given->server, "ADDRESS or ADDRESS:PORT of an ndt7 server; left out: your ISP's");
    verb->add_option("--key", given->key, "of a server over TLS");
    verb->add_flag("--download", given->download, "only this direction");
    verb->add_flag("--upload", given->upload, "only this direction");
    verb->add_option("--seconds", given->seconds, "of each direction, at most")
        ->check(CLI::Range(0.5, 13.0))
        ->capture_default_str();
    verb->add_option("--megabytes", given->megabytes, "of each direction, at most")
        ->check(CLI::Range(1, 100'000))
        ->capture_default_str();
    CLI::Option* const cap =
        verb->add_option("--cap", given->cap, "buy service for the test, for at most so many dollars");
    verb->add_option("--class", given->className, "which; cheapest when left out")->needs(cap);
    verb->add_flag("--yes", given->yes, "the cost is agreed to; do not ask");
}

}  // namespace netpas::cli
