// A CAMARA session: a purchase for each of its flows. Plain data and its two forms, the one of the API and the one that is kept.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "app/agent/camara/shapes.h"
#include "core/money.h"

namespace netpas::agent::camara {

enum class QosStatus : uint8_t { Requested, Available, Unavailable };
enum class StatusInfo : uint8_t { DurationExpired, NetworkTerminated, DeleteRequested };

[[nodiscard]] const char* nameOf(QosStatus status);
[[nodiscard]] const char* nameOf(StatusInfo info);

struct SessionFlow {
    FlowMatch flow;
    std::string offer;               // id of what was bought
    std::optional<Money> perMinute;  // at most, for sessionBitPerSecond
    std::string purchase;            // id; empty: not bought yet
    bool active = false;             // as last seen
    // An extension is another purchase, which may cost what is left of what the session may cost.
    Money allowed = {};    // what all purchases so far may cost
    uint32_t minutes = 0;  // that this is for
    Money spent = {};      // by the purchases before the present one
    friend bool operator==(const SessionFlow&, const SessionFlow&) = default;
};

struct Session {
    std::string id;     // UUID
    std::string owner;  // Grant::owner(): nobody else may see it
    uint32_t uid = 0;
    std::string client;
    nlohmann::json device, applicationServer, devicePorts, applicationServerPorts;  // as given; null: they were not
    std::string profile;
    std::string sink;
    std::optional<SinkCredential> credential;
    uint32_t duration = 0;  // seconds: granted, once it is over those that it lasted
    QosStatus status = QosStatus::Requested;
    StatusInfo info = StatusInfo::NetworkTerminated;  // of Unavailable
    std::optional<SystemTime> started, expires;
    std::vector<SessionFlow> flows;
    uint32_t parts = 0;        // purchases in a row, for their idempotency keys
    std::string trouble = {};  // why it is not available, for people

    [[nodiscard]] bool ended() const { return status == QosStatus::Unavailable; }
};

// SessionInfo of the specification.
[[nodiscard]] nlohmann::json infoJson(const Session& session);
// What the session costs: our own resource, to which SessionInfo has no room.
[[nodiscard]] nlohmann::json quoteJson(const Session& session);
// What the flow costs at most in a session of so many seconds, with all that was bought for it before; nothing: more than money can say.
[[nodiscard]] std::optional<Money> atMost(const SessionFlow& flow, uint32_t duration);
// Makes room for another purchase: what this one may cost. Nothing: all that the session may cost is spent.
[[nodiscard]] std::optional<Money> allow(SessionFlow& flow, uint32_t duration);
// POST /v1/purchases of one flow for so many seconds.
[[nodiscard]] nlohmann::json orderJson(const SessionFlow& flow, uint32_t seconds, Money cap);
// CloudEvent with the session's present state.
[[nodiscard]] nlohmann::json eventJson(const Session& session, SystemTime now);

[[nodiscard]] nlohmann::json keptJson(const Session& session);
[[nodiscard]] std::optional<Session> keptFrom(const nlohmann::json& object);

}  // namespace netpas::agent::camara
