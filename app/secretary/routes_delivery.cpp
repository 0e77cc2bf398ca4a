// /v1/deliveries: what was paid for and not delivered, with the evidence, and the classes that are avoided because of it.
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "app/secretary/routes.h"
#include "core/when.h"
#include "secretary/delivery/delivery_book.h"

namespace netpas::secretaryd {

using nlohmann::json;
using secretary::delivery::Case;
using secretary::delivery::DeliveryBook;
using secretary::delivery::Mark;

namespace {

json classJson(const SoldClass& sold) { return {{"isp", sold.isp.value()}, {"class", sold.service.value()}}; }

json classesJson(const std::vector<SoldClass>& classes) {
    json list = json::array();
    for (const SoldClass& one : classes) list.push_back(classJson(one));
    return list;
}

json caseJson(const Case& one) {
    json evidence = json::parse(one.evidence, nullptr, false);
    if (evidence.is_discarded()) evidence = one.evidence;
    return {{"number", one.number},
            {"at", timeText(one.at)},
            {"purchase", std::to_string(one.purchase.value())},
            {"flow", one.flow},
            {"node", one.node},
            {"way", classesJson(one.way)},
            {"not_delivered", classesJson(one.suspects)},
            {"paid", one.paid.toString()},
            {"outcome", one.outcome},
            {"evidence", std::move(evidence)}};
}

json markJson(const Mark& mark, SystemTime now) {
    json out = classJson(mark.sold);
    out["since"] = timeText(mark.since);
    out["until"] = timeText(mark.until);
    out["times"] = mark.times;
    out["avoided"] = now < mark.until;
    return out;
}

// The same user name means different people on different devices.
bool maySee(const Caller& caller, const Case& one) {
    return caller.admin() || (one.uid == caller.uid && one.node == caller.node);
}

std::optional<SoldClass> classFrom(std::string_view text) {
    uint64_t isp = 0, service = 0;
    const size_t dash = text.find('-');
    if (dash == std::string_view::npos) return std::nullopt;
    const auto read = [](std::string_view part, uint64_t& number) {
        const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), number);
        return error == std::errc{} && end == part.data() + part.size();
    };
    if (!read(text.substr(0, dash), isp) || !read(text.substr(dash + 1), service)) return std::nullopt;
    const auto known = IspId::from(isp);
    const auto sold = ServiceClass::from(service);
    if (!known || !sold) return std::nullopt;
    return SoldClass{*known, *sold};
}

void list(const SecretaryState& state, const ApiCall& call, const Reply& reply) {
    json cases = json::array();
    for (const Case& one : state.deliveries->cases()) {
        if (maySee(call.caller, one)) cases.push_back(caseJson(one));
    }
    json marks = json::array();
    for (const Mark& mark : state.deliveries->marks()) marks.push_back(markJson(mark, state.clock.now()));
    reply(answer({{"cases", std::move(cases)}, {"classes", std::move(marks)}}));
}

void forgive(const SecretaryState& state, const ApiCall& call, const Reply& reply) {
    const std::string text = call.parameter("class");
    const auto sold = classFrom(text);
    if (!sold)
        return reply(refusal(400, "INVALID_ARGUMENT", "no class: " + text, "an ISP and its class, such as 25-1"));
    const auto done = state.deliveries->forgive(*sold);
    if (!done) return reply(refusal(500, "LOCAL_FAILURE", describe(done.error()), "free some disk space"));
    if (!*done) return reply(refusal(404, "NOT_FOUND", "class " + text + " is not avoided", "netpas deliveries"));
    reply(answer({{"forgiven", classJson(*sold)}}));
}

}  // namespace

void addDeliveryRoutes(Router& router, SecretaryState& state) {
    const auto with = [&state](auto function) {
        return [&state, function](const ApiCall& call, const Reply& reply) { function(state, call, reply); };
    };
    router.add("GET", "/v1/deliveries", Capability::Read, with(list));
    router.add("DELETE", "/v1/deliveries/classes/{class}", Capability::Policy, with(forgive));
}

}  // namespace netpas::secretaryd
