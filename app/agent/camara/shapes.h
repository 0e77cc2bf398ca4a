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
#include "core/net/http.h"

namespace netpas::agent::camara {

// As it is answered: {status, code, message}.
struct Fault {
    unsigned status = 400;
    std::string code = "INVALID_ARGUMENT";
    std::string message;
};
template <typename T>
using Judged = tl::expected<T, Fault>;

struct Device {
    nlohmann::json named;  // the one identifier that counts here, as it was given
    std::optional<IpAddress>
        address;  // by which it is identified; nothing: by no identifier that can be looked up here
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

[[nodiscard]] bool isCorrelator(std::string_view text);
[[nodiscard]] bool isUuid(std::string_view text);
[[nodiscard]] bool isProfileName(std::string_view text);
// RFC 3339 with a zone, to whole seconds.
[[nodiscard]] std::optional<SystemTime> timeFrom(std::string_view text);
[[nodiscard]] std::string newUuid();

// Some packet belongs to both.
[[nodiscard]] bool overlap(const FlowMatch& a, const FlowMatch& b);

}  // namespace netpas::agent::camara
