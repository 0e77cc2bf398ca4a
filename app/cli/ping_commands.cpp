// netpas ping: latency and loss to a reflector (STAMP, RFC 8762), there and back told apart.
#include <poll.h>
#include <csignal>

#include <algorithm>
#include <fstream>
#include <memory>

#include "app/cli/answers.h"
#include "app/cli/test_purchase.h"
#include "app/cli/text.h"
#include "app/cli/topics.h"
#include "core/crypto/hex.h"
#include "core/crypto/identity.h"
#include "core/money.h"
#include "core/random.h"
#include "core/stamp/sender.h"
#include "core/stamp/stamp_socket.h"

namespace netpas::cli {

using nlohmann::json;
using stamp::Sample;
using stamp::StampSocket;
using namespace std::chrono_literals;

namespace {

struct Given {
    std::string to;
    uint16_t port = stamp::defaultPort;
    uint32_t count = 10;
    double interval = 0.2;  // seconds
    uint32_t size = 0;
    uint32_t dscp = 0;
    std::string keyFile;
    bool synchronized = false;
    std::string tier;  // of the offers on the way; empty: as the machine's other packets go
    bool yes = false;
};

volatile std::sig_atomic_t interrupted = 0;

double milliseconds(std::chrono::nanoseconds time) { return std::chrono::duration<double, std::milli>(time).count(); }

std::chrono::nanoseconds quantile(const std::vector<std::chrono::nanoseconds>& sorted, double share) {
    return sorted[static_cast<size_t>(share * static_cast<double>(sorted.size() - 1) + 0.5)];
}

json spread(std::vector<std::chrono::nanoseconds> times) {
    if (times.empty()) return nullptr;
    std::sort(times.begin(), times.end());
    return {{"min_ms", milliseconds(times.front())},
            {"median_ms", milliseconds(quantile(times, 0.5))},
            {"p95_ms", milliseconds(quantile(times, 0.95))},
            {"max_ms", milliseconds(times.back())}};
}

class Pinging {
public:
    Pinging(const Given& given, StampSocket socket, stamp::SenderSession::Options options)
        : m_given(given), m_socket(std::move(socket)), m_session(std::move(options)) {}

    void run() {
        SteadyTime due = systemClock().steady();
        for (uint32_t sent = 0; interrupted == 0 && (sent < m_given.count || m_session.waiting());) {
            const SteadyTime now = systemClock().steady();
            if (sent < m_given.count && now >= due) {
                // Taken as late as can be: what the machine does in between is not the network's.
                const Bytes packet = m_session.next(systemClock().now(), systemClock().steady());
                m_unsent += m_socket.send(packet) ? 0U : 1U;
                ++sent;
                due += std::chrono::nanoseconds(static_cast<int64_t>(m_given.interval * 1e9));
            }
            wait(sent < m_given.count ? due : now + 100ms);
            collect();
            m_session.expire(systemClock().steady());
        }
    }

    [[nodiscard]] json result() const {
        const stamp::Tally& tally = m_session.tally();
        json out = {{"to", m_given.to},
                    {"sent", tally.sent},
                    {"answered", tally.answered},
                    {"lost", tally.lost},
                    {"lost_there", tally.lostThere},
                    {"lost_back", tally.lostBack},
                    {"duplicates", tally.duplicates},
                    {"late", tally.late},
                    {"reordered", tally.reordered},
                    {"not_sent", m_unsent},
                    {"round_trip", spread(timesOf([](const Sample& s) { return std::optional(s.roundTrip); }))},
                    {"there", spread(timesOf([](const Sample& s) { return s.there; }))},
                    {"back", spread(timesOf([](const Sample& s) { return s.back; }))}};
        if (!m_samples.empty()) out["hops_there"] = m_samples.back().hopsThere;
        return out;
    }
    [[nodiscard]] bool answered() const { return !m_samples.empty(); }

private:
    template <typename Part>
    std::vector<std::chrono::nanoseconds> timesOf(Part part) const {
        std::vector<std::chrono::nanoseconds> times;
        for (const Sample& sample : m_samples) {
            if (const auto time = part(sample)) times.push_back(*time);
        }
        return times;
    }
    void wait(SteadyTime until) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - systemClock().steady());
        pollfd entry{m_socket.descriptor(), POLLIN, 0};
        ::poll(&entry, 1, static_cast<int>(std::clamp(left, 0ms, 1000ms).count()));
    }
    void collect() {
        while (const auto received = m_socket.receive(systemClock().now())) {
            const SteadyTime now = systemClock().steady();
            // By how much the kernel had it earlier than we; a clock that was set in between does not count.
            const auto late =
                std::clamp<std::chrono::nanoseconds>(systemClock().now() - received->arrival.time, 0ns, 1s);
            const auto sample = m_session.take(received->packet, received->arrival.time, now - late);
            if (sample) m_samples.push_back(*sample);
        }
    }

    const Given& m_given;
    StampSocket m_socket;
    stamp::SenderSession m_session;
    std::vector<Sample> m_samples;
    uint64_t m_unsent = 0;
};

std::string spreadText(const json& times) {
    if (times.is_null()) return "not known: the clocks are not synchronized";
    const auto ms = [&](const char* name) {
        std::array<char, 32> text{};
        std::snprintf(text.data(), text.size(), "%.3f", times.at(name).get<double>());
        return std::string(text.data());
    };
    return ms("min_ms") + " / " + ms("median_ms") + " / " + ms("p95_ms") + " / " + ms("max_ms") +
           " ms (min / median / 95 % / max)";
}

void show(const json& result) {
    const auto number = [&](const char* name) { return std::to_string(result.at(name).get<uint64_t>()); };
    Rows rows{{"sent", number("sent")},
              {"answered", number("answered")},
              {"lost", number("lost") + " (" + number("lost_there") + " there, " + number("lost_back") +
                           " back, the rest after the last answer)"}};
    if (!result.at("round_trip").is_null()) {
        rows.push_back({"round trip", spreadText(result.at("round_trip"))});
        rows.push_back({"there", spreadText(result.at("there"))});
        rows.push_back({"back", spreadText(result.at("back"))});
    }
    if (result.contains("charged")) rows.push_back({"charged", dollars(result.at("charged"))});
    print(table(rows));
}

// What measuring in a tier buys, and what that costs at most.
struct Paid {
    json wish;  // null: nothing is bought
    std::string cost = "0";
};

// No packet costs more than one of this size does.
constexpr const char* largestPriced = "1400";
constexpr uint32_t largestPaid = 1352;  // bytes of a test packet: IPv6 and UDP headers come on top

std::optional<Money> costOf(const json& offer, const Given& given) {
    const auto price = Money::parse(textAt(at(offer, {"price_per_packet"}), largestPriced));
    auto cost = price ? checkedMul(*price, given.count) : price;
    if (!cost) return std::nullopt;
    // A guarantee costs something to be set up, and by the minute.
    const json guarantee = at(offer, {"guarantee"});
    const auto minutes = static_cast<int64_t>(given.count * given.interval / 60);
    for (const auto& [name, times] : {std::pair("first_minute", int64_t{1}), {"each_minute", minutes}}) {
        const std::string each = textAt(guarantee, name);
        if (each.empty()) continue;
        const auto money = Money::parse(each);
        const auto part = money ? checkedMul(*money, times) : money;
        cost = part ? checkedAdd(*cost, *part) : part;
        if (!cost) return std::nullopt;
    }
    return *cost;
}

tl::expected<Paid, Problem> paidFor(const Client& client, const Given& given) {
    if (given.tier.empty()) return Paid{};
    if (given.size > largestPaid) {
        return tl::unexpected(usage("with --tier a test packet has at most " + std::to_string(largestPaid) + " bytes",
                                    "netpas ping " + given.to + " --tier " + given.tier));
    }
    const auto bits = static_cast<uint64_t>(8.0 * std::max<uint32_t>(given.size, 100) / given.interval);
    const auto answer =
        client.call("POST", "/v1/quotes", {{"to", given.to}, {"stream_bit_per_second", std::max<uint64_t>(bits, 1)}});
    if (!answer) return tl::unexpected(answer.error());
    std::string tiers;
    for (const json& offer : at(answer->body, {"offers"})) {
        const std::string tier = textAt(offer, "tier"), id = textAt(offer, "id");
        tiers += (tiers.empty() ? "" : ", ") + tier;
        if (tier != given.tier) continue;
        if (id.empty() || tier == "best-effort") return Paid{};
        const auto cost = costOf(offer, given);
        if (!cost) break;
        return Paid{
            {{"to", given.to}, {"to_port", given.port}, {"protocol", "udp"}, {"offer", id}, {"cap", cost->toString()}},
            cost->toString()};
    }
    return tl::unexpected(Problem{Exit::Usage, "NO_OFFER",
                                  "there is no tier \"" + given.tier + "\" on the way; there is " + tiers,
                                  "netpas quote " + given.to});
}

std::string costText(const Given& given, const Paid& paid) {
    return std::to_string(given.count) + " test packets in tier " + given.tier + " cost at most " + dollars(paid.cost) +
           ".\n";
}

Exit ping(const Client& client, const Given& given, Output output) {
    const auto to = IpAddress::parse(given.to);
    if (!to) return report(usage("'" + given.to + "' is no IP address", "netpas ping 192.0.2.1"), output);
    const auto paid = paidFor(client, given);
    if (!paid) return report(paid.error(), output);
    const bool asks = !paid->wish.is_null() && !given.yes;
    if (asks && !someoneIsHere()) {
        return report(usage(costText(given, *paid) + "Nobody is here to agree",
                            "netpas ping " + given.to + " --tier " + given.tier + " --yes"),
                      output);
    }
    if (asks && !agreedTo(costText(given, *paid)))
        return report({Exit::Denied, "DECLINED", "nothing was sent", "netpas ping " + given.to}, output);
    if (!initCrypto()) return report({Exit::Failed, "LOCAL_FAILURE", "cryptography cannot start", ""}, output);
    stamp::SenderSession::Options options;
    options.session = static_cast<uint16_t>(1 + systemRandom().below(UINT16_MAX));
    options.size = given.size;
    options.clock.synchronized = given.synchronized;
    if (!given.keyFile.empty()) {
        std::ifstream in(given.keyFile);
        std::string hex;
        in >> hex;
        options.key.emplace();
        if (!fromHex(hex, *options.key))
            return report(usage(harmless(given.keyFile) + " does not hold 64 hexadecimal digits",
                                "ask whoever runs the reflector for its key"),
                          output);
    }
    const IpAddress any = to->isV6() ? *IpAddress::parse("::") : IpAddress{};
    auto socket = StampSocket::open({{any, 0}, Endpoint{*to, given.port}, static_cast<uint8_t>(given.dscp << 2), {}});
    if (!socket) return report({Exit::Failed, "UNREACHABLE", socket.error(), "netpas status"}, output);
    std::signal(SIGINT, [](int) { interrupted = 1; });  // what was measured so far is shown
    auto bought = TestPurchase::buy(client, paid->wish);
    if (!bought) return report(bought.error(), output);
    Pinging pinging(given, std::move(*socket), options);
    {
        const Progress progress("measuring");
        pinging.run();
    }
    json result = pinging.result();
    if (!given.tier.empty()) result["tier"] = given.tier;
    if (bought->any()) {
        result["most_dollars"] = paid->cost;
        result["charged"] = bought->end();
    }
    if (output.json) {
        printJson(result);
    } else {
        show(result);
    }
    if (pinging.answered()) return Exit::Ok;
    if (!output.json)
        std::fprintf(stderr, "netpas: no answer from %s; does a reflector run there?\n",
                     Endpoint{*to, given.port}.toString().c_str());
    return Exit::Failed;
}

}  // namespace

void addPingVerbs(CLI::App& app, Action& chosen) {
    const auto given = std::make_shared<Given>();
    CLI::App* const verb =
        addVerb(app, chosen, "ping", "latency and loss to a reflector (STAMP)",
                [given](const Client& client, Output output) { return ping(client, *given, output); });
    verb->add_option("to", given->to, "the reflector's address")->required();
    verb->add_option("--port", given->port, "its UDP port")->check(CLI::Range(1, 65535))->capture_default_str();
    verb->add_option("--count", given->count, "test packets")->check(CLI::Range(1, 1'000'000))->capture_default_str();
    verb->add_option("--interval", given->interval, "seconds between them")
        ->check(CLI::Range(0.001, 3600.0))
        ->capture_default_str();
    verb->add_option("--size", given->size, "bytes of a test packet; padded")->check(CLI::Range(0, 8900));
    verb->add_option("--dscp", given->dscp, "how the packets are marked")->check(CLI::Range(0, 63));
    verb->add_option("--key-file", given->keyFile, "authenticated mode: 64 hexadecimal digits, the reflector's");
    verb->add_flag("--synchronized", given->synchronized, "this clock follows UTC: show one-way delays");
    CLI::Option* const tier =
        verb->add_option("--tier", given->tier,
                         "as `netpas quote` names it: buys it for the test packets, and says what they cost first");
    verb->add_flag("--yes", given->yes, "the cost is agreed to; do not ask")->needs(tier);
}

}  // namespace netpas::cli
