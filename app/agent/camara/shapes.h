// Requests of the CAMARA APIs (Quality-On-Demand, QoS Profiles), read and judged by their shape alone. Pure: no clock, no network.
// What a schema does not name is wrong, at any depth.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "core/clock.h"
#include "core/flow.h"

namespace netpas::agent::camara {

// As it is answered: {status, code, message}.
struct Fault {
    unsigned status = 400;
    std::string code = "INVALID_ARGUMENT";
    std::string message;
};
template <typename T>
using Judged = tl::expected<T, Fault>;

struct Identifier {
    nlohmann::json named;              // {kind: value}, as it was given
    std::optional<IpAddress> address;  // nothing: it cannot be looked up here
};
// Whoever does not know what is supported may give several: one that can be looked up is used, and nobody checks whether the others mean
// the same device.
struct Device {
    std::vector<Identifier> identifiers;  // in the order in which they are tried
};

struct SinkCredential {
    std::string token;
    SystemTime expires;
};

struct CreateSession {
    std::optional<Device> device;
    nlohmann::json applicationServer, devicePorts, applicationServerPorts;  // as given; null when they were not
    std::vector<FlowMatch> flows;  // 1 to mostFlows, all the combinations of servers, protocols and ports
    std::string profile;
    uint32_t duration = 0;  // seconds
    std::string sink;       // empty: none
    std::optional<SinkCredential> credential;
    bool privateKeyJwt = false;  // the sink wants a kind of credential that needs a configuration of its own
};

// Each is a purchase with a session key: one session must not take all of them.
inline constexpr size_t mostFlows = 16;

[[nodiscard]] Judged<CreateSession> createSessionFrom(const nlohmann::json& body);
// Seconds to add.
[[nodiscard]] Judged<uint32_t> extensionFrom(const nlohmann::json& body);
// {"device"?}
[[nodiscard]] Judged<std::optional<Device>> retrieveSessionsFrom(const nlohmann::json& body);
struct RetrieveProfiles {
    std::optional<Device> device;
    std::string name, status;  // empty: any
};
[[nodiscard]] Judged<RetrieveProfiles> retrieveProfilesFrom(const nlohmann::json& body);

// Some packet belongs to both.
[[nodiscard]] bool overlap(const FlowMatch& a, const FlowMatch& b);

}  // namespace netpas::agent::camara
