#include "app/agent/camara/session.h"

#include <algorithm>

#include "app/agent/camara/profiles.h"
#include "app/agent/camara/words.h"

namespace netpas::agent::camara {

using nlohmann::json;

namespace {

constexpr const char* eventType = "org.camaraproject.quality-on-demand.v1.qos-status-changed";
constexpr const char* purpose = "quality-on-demand";  // what rules can say "for" of

void put(json& object, const char* name, const json& value) {
    if (!value.is_null()) object[name] = value;
}

std::optional<SystemTime> timeOrNothing(const json& value) {
    return value.is_number_integer() ? std::optional(SystemTime(std::chrono::seconds(value.get<int64_t>())))
                                     : std::nullopt;
}

json secondsOrNull(const std::optional<SystemTime>& time) {
    if (!time) return nullptr;
    return std::chrono::duration_cast<std::chrono::seconds>(time->time_since_epoch()).count();
}

std::optional<Money> moneyIn(const json& object, const char* name) {
    const auto found = object.find(name);
    if (found == object.end() || !found->is_string()) return std::nullopt;
    const auto amount = Money::parse(found->get_ref<const std::string&>());
    return amount ? std::optional(*amount) : std::nullopt;
}

const char* protocolName(uint8_t protocol) {
    if (protocol == ipproto::tcp) return "tcp";
    return protocol == ipproto::udp ? "udp" : "any";
}

// Begun ones count.
uint32_t minutesOf(uint32_t seconds) {
    constexpr uint32_t minute = 60;
    return (seconds + minute - 1) / minute;
}

std::string remoteText(const FlowMatch& flow) {
    const bool host = flow.remote->length() == (flow.remote->address().isV6() ? 128 : 32);
    return host ? flow.remote->address().toString() : flow.remote->toString();
}

}  // namespace

const char* nameOf(QosStatus status) {
    switch (status) {
    case QosStatus::Requested: return "REQUESTED";
    case QosStatus::Available: return "AVAILABLE";
    case QosStatus::Unavailable: return "UNAVAILABLE";
    }
    return "";
}

const char* nameOf(StatusInfo info) {
    switch (info) {
    case StatusInfo::DurationExpired: return "DURATION_EXPIRED";
    case StatusInfo::NetworkTerminated: return "NETWORK_TERMINATED";
    case StatusInfo::DeleteRequested: return "DELETE_REQUESTED";
    }
    return "";
}

json infoJson(const Session& session) {
    json info{{"sessionId", session.id},
              {"applicationServer", session.applicationServer},
              {"qosProfile", session.profile},
              {"duration", session.duration},
              {"qosStatus", nameOf(session.status)}};
    put(info, "device", session.device);
    put(info, "devicePorts", session.devicePorts);
    put(info, "applicationServerPorts", session.applicationServerPorts);
    if (!session.sink.empty()) info["sink"] = session.sink;
    // The feature files want startedAt of what is available only.
    if (session.status == QosStatus::Available && session.started) info["startedAt"] = timeText(*session.started);
    if (session.status != QosStatus::Requested && session.expires) info["expiresAt"] = timeText(*session.expires);
    if (session.status == QosStatus::Unavailable) info["statusInfo"] = nameOf(session.info);
    return info;
}

std::optional<Money> atMost(const SessionFlow& flow, uint32_t duration) {
    if (!flow.perMinute) return std::nullopt;
    const uint32_t minutes = minutesOf(duration);
    const auto more = checkedMul(*flow.perMinute, minutes - std::min(minutes, flow.minutes));
    const auto all = more ? checkedAdd(flow.allowed, *more) : tl::unexpected(MoneyError{});
    return all ? std::optional(*all) : std::nullopt;
}

std::optional<Money> allow(SessionFlow& flow, uint32_t duration) {
    const auto all = atMost(flow, duration);
    const auto left = all ? checkedSub(*all, flow.spent) : tl::unexpected(MoneyError{});
    // What is free is bought with nothing; what is not needs something that is left.
    if (!left || *left < Money::zero() || (*left == Money::zero() && flow.spent > Money::zero())) return std::nullopt;
    flow.allowed = *all;
    flow.minutes = std::max(flow.minutes, minutesOf(duration));
    return *left;
}

json quoteJson(const Session& session) {
    json flows = json::array();
    Money all;
    bool known = true;
    for (const SessionFlow& one : session.flows) {
        const auto cap = atMost(one, session.duration);
        if (const auto sum = cap ? checkedAdd(all, *cap) : tl::unexpected(MoneyError{})) {
            all = *sum;
        } else {
            known = false;
        }
        flows.push_back({{"to", remoteText(one.flow)},
                         {"protocol", protocolName(one.flow.protocol)},
                         {"to_port", one.flow.remotePort},
                         {"from_port", one.flow.localPort},
                         {"offer", one.offer},
                         {"per_minute_at_most", one.perMinute ? json(one.perMinute->toString()) : json(nullptr)},
                         {"at_most", cap ? json(cap->toString()) : json(nullptr)},
                         {"purchase", one.purchase.empty() ? json(nullptr) : json(one.purchase)}});
    }
    return {{"id", session.id},
            {"session", "/quality-on-demand/v1/sessions/" + session.id},
            {"profile", session.profile},
            {"status", nameOf(session.status)},
            {"trouble", session.trouble},
            {"stream_bit_per_second", sessionBitPerSecond},
            {"duration_s", session.duration},
            {"flows", std::move(flows)},
            {"at_most", known ? json(all.toString()) : json(nullptr)},
            {"currency", "USD"}};
}

json orderJson(const SessionFlow& flow, uint32_t seconds, Money cap) {
    json order{{"to", remoteText(flow.flow)}, {"protocol", protocolName(flow.flow.protocol)},
               {"offer", flow.offer},         {"cap", cap.toString()},
               {"duration_s", seconds},       {"purpose", purpose}};
    if (flow.flow.remotePort != 0) order["to_port"] = flow.flow.remotePort;
    if (flow.flow.localPort != 0) order["from_port"] = flow.flow.localPort;
    return order;
}

json eventJson(const Session& session, SystemTime now) {
    json data{{"sessionId", session.id}, {"qosStatus", nameOf(session.status)}};
    if (session.status == QosStatus::Unavailable) data["statusInfo"] = nameOf(session.info);
    return {{"id", newUuid()},
            {"source", "/quality-on-demand/v1/sessions/" + session.id},
            {"specversion", "1.0"},
            {"type", eventType},
            {"datacontenttype", "application/json"},
            {"time", timeText(now)},
            {"data", std::move(data)}};
}

json keptJson(const Session& session) {
    json flows = json::array();
    for (const SessionFlow& one : session.flows) {
        flows.push_back({{"flow", one.flow.toString()},
                         {"offer", one.offer},
                         {"per_minute", one.perMinute ? json(one.perMinute->toString()) : json(nullptr)},
                         {"purchase", one.purchase},
                         {"allowed", one.allowed.toString()},
                         {"minutes", one.minutes},
                         {"spent", one.spent.toString()}});
    }
    json kept{{"id", session.id},
              {"owner", session.owner},
              {"uid", session.uid},
              {"client", session.client},
              {"device", session.device},
              {"server", session.applicationServer},
              {"device_ports", session.devicePorts},
              {"server_ports", session.applicationServerPorts},
              {"profile", session.profile},
              {"sink", session.sink},
              {"duration", session.duration},
              {"status", static_cast<int>(session.status)},
              {"info", static_cast<int>(session.info)},
              {"started", secondsOrNull(session.started)},
              {"expires", secondsOrNull(session.expires)},
              {"parts", session.parts},
              {"flows", std::move(flows)}};
    if (session.credential) {
        kept["bearer"] = session.credential->token;
        kept["bearer_until"] = secondsOrNull(session.credential->expires);
    }
    return kept;
}

std::optional<Session> keptFrom(const json& object) {
    try {
        Session session;
        session.id = object.at("id").get<std::string>();
        session.owner = object.at("owner").get<std::string>();
        session.uid = object.at("uid").get<uint32_t>();
        session.client = object.at("client").get<std::string>();
        session.device = object.at("device");
        session.applicationServer = object.at("server");
        session.devicePorts = object.at("device_ports");
        session.applicationServerPorts = object.at("server_ports");
        session.profile = object.at("profile").get<std::string>();
        session.sink = object.at("sink").get<std::string>();
        session.duration = object.at("duration").get<uint32_t>();
        const int status = object.at("status").get<int>(), info = object.at("info").get<int>();
        if (!isUuid(session.id) || status < 0 || status > 2 || info < 0 || info > 2) return std::nullopt;
        session.status = static_cast<QosStatus>(status);
        session.info = static_cast<StatusInfo>(info);
        session.started = timeOrNothing(object.at("started"));
        session.expires = timeOrNothing(object.at("expires"));
        session.parts = object.at("parts").get<uint32_t>();
        for (const json& one : object.at("flows")) {
            SessionFlow flow;
            const auto match = FlowMatch::parse(one.at("flow").get<std::string>());
            if (!match || !match->remote || session.flows.size() >= mostFlows) return std::nullopt;
            flow.flow = *match;
            flow.offer = one.at("offer").get<std::string>();
            flow.perMinute = moneyIn(one, "per_minute");
            flow.purchase = one.at("purchase").get<std::string>();
            flow.allowed = moneyIn(one, "allowed").value_or(Money::zero());
            flow.minutes = one.value("minutes", 0U);
            flow.spent = moneyIn(one, "spent").value_or(Money::zero());
            session.flows.push_back(std::move(flow));
        }
        if (object.contains("bearer"))
            session.credential = SinkCredential{object.at("bearer").get<std::string>(),
                                                timeOrNothing(object.at("bearer_until")).value_or(SystemTime{})};
        return session;
    } catch (const json::exception&) {
        return std::nullopt;
    }
}

}  // namespace netpas::agent::camara
