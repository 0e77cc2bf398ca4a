// The secretary's API as a table: which request needs which capability and who answers it. Whatever door a request came
// through, it is checked here and nowhere else. Control thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/channel/capability.h"
#include "core/net/http.h"

namespace netpas::secretaryd {

inline constexpr Capabilities requestOnly = Capability::Read | Capability::Request;
inline constexpr Capabilities ownerMay = requestOnly | Capability::Decide | Capability::Policy | Capability::Keys;

enum class Door : uint8_t {
    Secretary,  // the secretary's own socket: the kernel says who it is
    Agent,      // forwarded by an agent: who it is, is what the agent says
};

struct Caller {
    uint32_t uid = 0;
    Capabilities may;
    Door door = Door::Agent;
    int32_t pid = 0;         // 0: not known
    std::string executable;  // of a local peer, verified by who asked the kernel; empty: not known
    std::string node;        // device behind the agent; empty: the agent's own machine

    // Sees and ends everybody's purchases, not only those of the same user and node.
    [[nodiscard]] bool admin() const { return may.has(Capability::Policy); }
};

// Through its own socket root and the owner may everything, others may request. Through an agent nobody may more than
// request, whatever user it names: a hijacked agent could name any.
[[nodiscard]] Capabilities capabilitiesOf(Door door, uint32_t uid, uint32_t owner);

struct ApiCall {
    Caller caller;
    std::string method;
    std::string path;
    std::map<std::string, std::string> parameters;  // from the pattern: {id}
    std::map<std::string, std::string> query;
    std::vector<net::HttpHeader> headers;
    std::string text;  // the body as it came
    std::shared_ptr<const nlohmann::json>
        document;  // … parsed; null when there was no body, or the route takes raw ones

    [[nodiscard]] const nlohmann::json& body() const;
    [[nodiscard]] std::string parameter(std::string_view name) const;  // empty when there is none
    [[nodiscard]] std::string queryValue(std::string_view name) const;
    [[nodiscard]] std::string_view header(std::string_view name) const;
};

using Reply = std::function<void(net::HttpResponse)>;
// Answers at once or later, exactly once. The call may be copied and kept.
using Handler = std::function<void(const ApiCall&, Reply)>;

struct RouteLimits {
    size_t maxBody = 8192;
    bool raw = false;     // the body is not JSON
    bool always = false;  // also while the gate is closed
};

class Router {
public:
    // `pattern` is a path whose segments may be {names}: /v1/rules/{id}. A method is added once for each pattern. Where two
    // patterns match the same path, the one added first is used.
    void add(std::string method, std::string_view pattern, Capability needed, Handler handler, RouteLimits limits = {});
    // Asked before every request but those that are answered always: the refusal while the secretary is locked or damaged.
    void setGate(std::function<std::optional<net::HttpResponse>()> gate) { m_gate = std::move(gate); }
    struct RouteName {
        std::string method, pattern;
        Capability needed{};
    };
    // In the order in which they were added.
    [[nodiscard]] std::vector<RouteName> routes() const;
    // `request.peer` is not looked at: `caller` is who it is.
    void handle(const net::HttpRequest& request, Caller caller, Reply reply) const;

private:
    struct Method {
        std::string name;
        Capability needed{};
        Handler handler;
        RouteLimits limits;
    };
    struct Route {
        std::vector<std::string> segments;  // with the braces
        std::vector<Method> methods;
    };
    static std::optional<std::map<std::string, std::string>> match(const Route& route,
                                                                   const std::vector<std::string>& segments);
    std::vector<Route> m_routes;
    std::function<std::optional<net::HttpResponse>()> m_gate;
};

// A browser is never a legitimate client, whichever page drives it: the refusal, if this is one.
[[nodiscard]] std::optional<net::HttpResponse> refuseBrowser(const net::HttpRequest& request);

// 405, with the methods that there are.
[[nodiscard]] net::HttpResponse wrongMethod(const std::vector<std::string>& methods);
[[nodiscard]] net::HttpResponse answer(const nlohmann::json& body, unsigned status = 200);
[[nodiscard]] net::HttpResponse refusal(unsigned status, std::string_view code, std::string_view message,
                                        std::string_view hint = {});

}  // namespace netpas::secretaryd
