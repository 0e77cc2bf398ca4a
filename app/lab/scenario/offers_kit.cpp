#include "app/lab/scenario/offers_kit.h"

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string_view>

#include "app/lab/command.h"
#include "app/lab/parties.h"

namespace netpas::lab {

using Clock = std::chrono::steady_clock;

double secondsSince(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

Expected<Json> offerOf(ScenarioContext& context, const std::string& tier) {
    Json found;
    LAB_TRY(waitUntil("the offer " + tier, offersPatience, [&] {
        const auto offers = netpas(context.lab(), "b", {"quote", context.address("a").toString()});
        if (!offers) return false;
        for (const Json& offer : offers->value("offers", Json::array())) {
            if (offer.value("tier", "") == tier) found = offer;
        }
        return !found.is_null();
    }));
    return found;
}

Expected<std::string> buyOffer(ScenarioContext& context, const std::string& offer, uint16_t port) {
    const auto bought = netpas(context.lab(), "b",
                               {"buy", "--to", context.address("a").toString(), "--to-port", std::to_string(port),
                                "--offer", offer, "--cap", "0.1"});
    if (!bought) return tl::unexpected(bought.error());
    return bought->value("id", "");
}

Json purchaseOf(ScenarioContext& context, const std::string& id) {
    for (const char* list : {"purchases", "history"}) {
        const auto all = netpas(context.lab(), "b", {list});
        if (!all) continue;
        for (const auto& [name, entries] : all->items()) {
            if (!entries.is_array()) continue;
            for (const Json& one : entries) {
                if (one.is_object() && one.value("id", "") == id) return one;
            }
        }
    }
    return Json::object();
}

bool crosses(const Json& purchase, uint16_t isp, unsigned service) {
    for (const Json& hop : purchase.value("path", Json::array())) {
        if (hop.value("isp", 0) == isp && (service == 0 || hop.value("class", 0U) == service)) return true;
    }
    return false;
}

Expected<double> untilItCrosses(ScenarioContext& context, const std::string& id, uint16_t isp, unsigned service,
                                const std::string& what) {
    const auto start = Clock::now();
    Json last;
    const auto done = waitUntil(what, offersPatience, [&] {
        last = purchaseOf(context, id);
        return last.value("state", "") == "active" && crosses(last, isp, service);
    });
    if (!done) return fail(done.error().code, done.error().text + "; it is " + last.dump());
    return secondsSince(start);
}

Expected<double> untilItEnds(ScenarioContext& context, const std::string& id) {
    const auto start = Clock::now();
    Json last;
    const auto done = waitUntil("the purchase to end by itself", offersPatience, [&] {
        last = purchaseOf(context, id);
        return last.value("state", "") == "settled";
    });
    if (!done) return fail(done.error().code, done.error().text + "; it is " + last.dump());
    return secondsSince(start);
}

Expected<Json> evidenceOf(ScenarioContext& context, const std::string& id) {
    const auto answer = netpas(context.lab(), "b", {"evidence", id});
    if (!answer) return tl::unexpected(answer.error());
    Json summary{{"statements", 0}, {"ways", Json::array()}};
    for (const Json& one : answer->value("evidence", Json::array())) {
        const std::string kind = one.value("kind", "");
        if (kind == "final-usage") {
            summary["statements"] = summary["statements"].get<int>() + 1;
            context.expect(one.value("accepted", false) && !one.value("signature", "").empty(),
                           "a final statement was not accepted");
        } else if (kind == "way") {
            summary["ways"].push_back(one.value("said", Json::object()));
        }
    }
    return summary;
}

Expected<OffersTransfer> OffersTransfer::start(ScenarioContext& context, double mbit) {
    const std::string where = "port=" + std::to_string(offersPort);
    const std::string seed = "seed=" + std::to_string(context.options().seed);
    auto sink = Tool::start(context.lab(), "a", "tcp-sink", {where, seed});
    if (!sink) return tl::unexpected(sink.error());
    auto sender = Tool::start(
        context.lab(), "b", "tcp-send",
        {"to=" + context.address("a").toString(), where, seed, "seconds=600", "mbit=" + std::to_string(mbit)});
    if (!sender) return tl::unexpected(sender.error());
    return OffersTransfer(std::move(*sink), std::move(*sender));
}

Expected<void> OffersTransfer::goesOn(ScenarioContext& context) {
    const auto acknowledged = [&]() -> uint64_t {
        constexpr std::string_view key = "bytes_acked:";
        const auto text = requireCommand({"ip", "netns", "exec", context.lab().netns("b"), "ss", "-tinH", "dport", "=",
                                          ":" + std::to_string(offersPort)});
        const size_t at = text ? text->find(key) : std::string::npos;
        return at == std::string::npos ? 0 : std::strtoull(text->c_str() + at + key.size(), nullptr, 10);
    };
    const uint64_t before = acknowledged();
    return waitUntil("the connection to go on", offersPatience * 2, [&] { return acknowledged() > before + 100'000; });
}

Expected<void> OffersTransfer::judge(ScenarioContext& context) {
    const auto sent = m_sender.stop();
    if (!sent) return tl::unexpected(sent.error());
    const auto received = m_sink.finish(offersPatience);
    if (!received) return tl::unexpected(received.error());
    Json& result = context.result();
    const uint64_t out = sent->value("sent", uint64_t{0});
    result["bytes"] = out;
    result["longest_pause_ms"] = received->value("longest_pause_ms", uint64_t{0});
    result["connection_kept"] = !sent->value("reset", true) && !received->value("reset", true);
    result["checksum_equal"] = sent->value("checksum", "-") == received->value("checksum", "+");
    context.expect(result["connection_kept"].get<bool>(), "the connection was reset");
    context.expect(out > 0 && result["checksum_equal"].get<bool>(), "bytes were lost or changed");
    return {};
}

}  // namespace netpas::lab
