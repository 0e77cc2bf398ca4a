// netpas quote: what is worth buying on the way to a destination, and what it would change (NetPaS §5.3).
#include <array>
#include <cmath>
#include <cstdio>
#include <memory>

#include "app/cli/answers.h"
#include "app/cli/streams.h"
#include "app/cli/text.h"
#include "app/cli/topics.h"

namespace netpas::cli {

using nlohmann::json;

namespace {

struct Given {
    std::string to;
    double mbit = 5;
    bool incoming = false;
    uint16_t toPort = 0, fromPort = 0;
    std::string protocol, className, seller, cap;
    pid_t process = 0;
    std::string url, domain;
};

// The other end, where it is said by a name, or by whose stream it is.
std::optional<Problem> findOtherEnd(Given& given) {
    const auto web = webOf(given.url);
    const std::vector<IpAddress> hosts = addressesOf(web ? web->host : given.to);
    if (given.process == 0 && given.url.empty()) {
        if (given.to.empty()) return usage("an address is missing", "netpas quote 192.0.2.10");
        if (hosts.empty()) return usage("there is no host " + given.to, "netpas quote 192.0.2.10");
        given.to = hosts.front().toString();
        return std::nullopt;
    }
    auto end = given.process > 0 ? streamAmong(connectionsOf(given.process), web, hosts) : std::nullopt;
    if (!end && web && hosts.size() == 1) end = Endpoint{hosts.front(), web->port};
    if (!end) {
        return Problem{Exit::Failed, "NO_STREAM", "it is not clear where that stream comes from",
                       "name the other end: netpas quote ADDRESS --incoming"};
    }
    given.to = end->address.toString();
    given.toPort = end->port;
    if (web && !IpAddress::parse(web->host)) given.domain = web->host;
    return std::nullopt;
}

json bodyOf(const Given& given) {
    json body{{"to", given.to}, {"stream_bit_per_second", static_cast<uint64_t>(std::llround(given.mbit * 1e6))}};
    if (!given.incoming) return body;
    body["direction"] = "incoming";
    if (given.toPort != 0) body["to_port"] = given.toPort;
    if (given.fromPort != 0) body["from_port"] = given.fromPort;
    if (!given.protocol.empty()) body["protocol"] = given.protocol;
    if (given.protocol.empty() && (given.toPort != 0 || given.fromPort != 0)) body["protocol"] = "tcp";
    if (!given.className.empty()) body["class"] = given.className;
    if (!given.seller.empty()) body["seller"] = given.seller;
    if (!given.cap.empty()) body["cap"] = given.cap;
    return body;
}

std::string qualityOf(const json& offer) {
    const json quality = at(offer, {"quality"});
    std::string text;
    if (quality.contains("latency_us")) text += std::to_string(quality["latency_us"].get<int64_t>() / 1000) + " ms";
    if (quality.contains("loss_per_million")) {
        std::array<char, 32> loss{};
        std::snprintf(loss.data(), loss.size(), "%s%.3g %% lost", text.empty() ? "" : ", ",
                      quality["loss_per_million"].get<double>() / 1e4);
        text += loss.data();
    }
    if (quality.contains("rate_bit_per_second")) {
        text += (text.empty() ? "" : ", ") +
                std::to_string(quality["rate_bit_per_second"].get<uint64_t>() / 1'000'000) + " Mbit/s";
    }
    return text.empty() ? "-" : text;
}

// Round trip and loss on the way there.
std::string measuredOf(const json& offer) {
    const json measured = at(offer, {"measured"});
    if (!measured.is_object()) return "-";
    constexpr double percent = 100;
    return estimateText(at(measured, {"round_trip_ms"}), 1, 0) + " ms, " +
           estimateText(at(measured, {"loss_there"}), percent, 1) + " % lost";
}

void show(const Given& given, const json& body) {
    Rows rows{{"TIER", "A MINUTE, $", "PROMISED", "MEASURED", "CHANGE", "OFFER"}};
    const json offers = at(body, {"offers"});
    for (const json& offer : offers) {
        const std::string setUp = textAt(at(offer, {"guarantee"}), "first_minute");
        rows.push_back({textAt(offer, "tier"),
                        textAt(offer, "per_minute_at_most") + (setUp.empty() ? "" : ", first packet " + setUp),
                        qualityOf(offer) + (setUp.empty() ? "" : ", guaranteed"), measuredOf(offer),
                        textAt(offer, "change"), textAt(offer, "id")});
    }
    print(table(rows));
    if (const std::string problem = textAt(body, "problem"); !problem.empty())
        print("\n" + problem + "; it stays best effort\n");
    if (offers.size() < 2) return;
    std::string flow = "--to " + given.to;
    if (given.incoming) flow += " --incoming";
    if (given.toPort != 0) flow += " --to-port " + std::to_string(given.toPort);
    if (given.fromPort != 0) flow += " --from-port " + std::to_string(given.fromPort);
    if (!given.protocol.empty()) flow += " --proto " + given.protocol;
    print(std::string(given.incoming
                          ? "\n"
                          : "\nPromised is what the ISPs say; measured is the round trip to the last ISP, here. ") +
          "Prices hold until " + textAt(offers.back(), "valid_until") + ".\nnext: netpas buy " + flow +
          " --cap 0.05 --offer " + textAt(offers[1], "id") + "\n");
}

Exit quote(const Client& client, Given given, Output output) {
    if (const auto unclear = findOtherEnd(given)) return report(*unclear, output);
    auto answer = [&] {
        const Progress progress(given.incoming ? "asking who sells there" : "asking the ISPs for their menus");
        return client.call("POST", "/v1/quotes", bodyOf(given));
    }();
    if (!answer) return report(answer.error(), output);
    if (output.json) {
        if (given.process > 0 || !given.url.empty()) answer->body["to_port"] = given.toPort;
        if (!given.domain.empty()) answer->body["domain"] = given.domain;
        printJson(answer->body);
    } else {
        show(given, answer->body);
    }
    return Exit::Ok;
}

}  // namespace

void addQuoteVerbs(CLI::App& app, Action& chosen) {
    const auto given = std::make_shared<Given>();
    CLI::App* const verb =
        addVerb(app, chosen, "quote", "offers for a destination, and what each would change",
                [given](const Client& client, Output output) { return quote(client, *given, output); });
    verb->add_option("to", given->to, "address or name of the other end");
    verb->add_option("--mbit", given->mbit,
                     "what the traffic needs, in millions of bits a second; 5 is a film in full HD")
        ->check(CLI::Range(0.001, 100'000.0));
    CLI::Option* const incoming = verb->add_flag("--incoming", given->incoming,
                                                 "for packets that come from there: what sellers offer for this flow");
    const auto forFlow = [&](CLI::Option* option) { option->needs(incoming); };
    forFlow(verb->add_option("--to-port", given->toPort, "its port")->check(CLI::Range(1, 65535)));
    forFlow(verb->add_option("--from-port", given->fromPort, "port of this machine")->check(CLI::Range(1, 65535)));
    forFlow(verb->add_option("--proto", given->protocol, "tcp, udp, icmp or any; with a port tcp, else any")
                ->check(CLI::IsMember({"tcp", "udp", "icmp", "any"})));
    forFlow(
        verb->add_option("--process", given->process, "instead of an address: where this process's stream comes from")
            ->check(CLI::PositiveNumber));
    forFlow(verb->add_option("--url", given->url, "the stream from this URL"));
    forFlow(verb->add_option("--class", given->className, "one class instead of the cheapest and the best"));
    forFlow(verb->add_option("--cap", given->cap, "the most that will be paid, in dollars; 1 when left out"));
    forFlow(verb->add_option("--seller", given->seller, "who sells, https://ADDRESS:PORT/#KEY; else the far ISP says"));
}

}  // namespace netpas::cli
