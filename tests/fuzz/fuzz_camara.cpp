// Bodies of CAMARA requests: what is taken is within its bounds, and a session that is made of it survives being kept.
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "app/agent/camara/session.h"
#include "app/agent/camara/shapes.h"
#include "app/agent/camara/words.h"

using namespace netpas::agent::camara;
using nlohmann::json;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const json body = json::parse(data, data + size, nullptr, false);
    if (body.is_discarded()) return 0;
    (void)extensionFrom(body);
    (void)retrieveSessionsFrom(body);
    (void)retrieveProfilesFrom(body);
    (void)keptFrom(body);
    const auto made = createSessionFrom(body);
    if (!made) {
        if (made.error().status != 400 || made.error().message.empty()) std::abort();
        return 0;
    }
    if (made->flows.empty() || made->flows.size() > mostFlows || made->duration == 0) std::abort();
    Session session;
    session.id = newUuid();
    session.applicationServer = made->applicationServer;
    session.profile = made->profile;
    session.sink = made->sink;
    session.duration = made->duration;
    for (const auto& flow : made->flows) session.flows.push_back({flow, {}, {}, {}});
    const auto back = keptFrom(keptJson(session));
    if (!back || back->flows != session.flows || infoJson(*back) != infoJson(session)) std::abort();
    return 0;
}
