// The life of CAMARA sessions. A session is bought like anything else: for each of its flows an offer is chosen by the profile and asked
// for in the name of the token's user; rules, budgets and people decide, and here only what they said is put into CAMARA's words. What is
// longer than what was bought first is bought again when that is over. Kept in a file, so that a restart ends none without saying so.
// Control thread.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "app/agent/access_tokens.h"
#include "app/agent/camara/session.h"
#include "app/agent/camara/sinks.h"
#include "app/common/timers.h"
#include "cartographer/cartographer.h"
#include "core/net/http.h"

namespace netpas::agent::camara {

struct SessionsContext {
    cartographer::Cartographer& cartographer;
    const Clock& clock;
    app::Timers& timers;
    std::filesystem::path file;
    // Asks the secretary; `request.peer` says who asks.
    std::function<void(const net::HttpRequest& request, std::function<void(net::HttpResponse)> reply)> secretary;
    std::function<void(Event)> notify;
};

class Sessions {
public:
    static constexpr size_t most = 256;
    static constexpr size_t mostOfUser = 64;
    static constexpr size_t mostOfOwner = 32;
    static constexpr std::chrono::milliseconds lookEvery{500};
    static constexpr std::chrono::seconds keptAfterEnd{600};  // at least 360 by the specification

    using Done = std::function<void(Judged<Session>)>;

    explicit Sessions(SessionsContext context);
    ~Sessions();
    Sessions(const Sessions&) = delete;
    Sessions& operator=(const Sessions&) = delete;

    // `wish.device`: the one identifier that is used. `process`: of the local caller; 0: not known. `done` comes when it is bought, waits for a decision, or cannot be had.
    void create(const Grant& grant, int32_t process, CreateSession wish, Done done);
    // Nothing: there is none, or it is not made yet.
    [[nodiscard]] const Session* find(const std::string& id) const;
    [[nodiscard]] std::vector<Session> of(const std::string& owner) const;
    // Of one that is available; its profile's longest duration is the limit. Bought when the time comes.
    void extend(const std::string& id, uint32_t seconds);
    // Ends what it bought. `done` when the flows are free again.
    void remove(const std::string& id, std::function<void()> done);

private:
    struct Impl;
    std::shared_ptr<Impl> m_impl;
};

}  // namespace netpas::agent::camara
