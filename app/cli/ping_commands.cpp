// netpas ping: latency and loss to a reflector (STAMP, RFC 8762), there and back told apart.
#include <poll.h>
#include <csignal>

#include <algorithm>
#include <fstream>
#include <memory>

#include "app/cli/answers.h"
#include "app/cli/text.h"
#include "app/cli/topics.h"
#include "core/crypto/hex.h"
#include "core/crypto/identity.h"
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
    print(table(rows));
}

Exit ping(const Given& given, Output output) {
    const auto to = IpAddress::parse(given.to);
    if (!to) return report(usage("'" + given.to + "' is no IP address", "netpas ping 192.0.2.1"), output);
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
    Pinging pinging(given, std::move(*socket), options);
    {
        const Progress progress("measuring");
        pinging.run();
    }
    const json result = pinging.result();
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
    CLI::App* const verb = addVerb(app, chosen, "ping", "latency and loss to a reflector (STAMP)",
                                   [given](const Client&, Output output) { return ping(*given, output); });
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
}

}  // namespace netpas::cli
