// The ISP that everything is bought through. The owner names it by its join URL, and with that its key; the agent only
// fetches what it publishes. Nothing is connected to that this key has not signed. Control thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "app/common/log.h"
#include "app/secretary/isp_link.h"
#include "app/secretary/remote_agent.h"
#include "app/secretary/state.h"
#include "core/clock.h"
#include "core/directory/documents.h"
#include "core/store/documents.h"

namespace netpas::secretaryd {

class HomeDesk final : public IspDesk {
public:
    struct Parts {
        store::Documents& documents;
        RemoteAgent& agent;
        IspLink& isp;
        const Clock& clock;
        app::LogSink log;
        std::function<bool()> settled;  // nothing is open with the present ISP
    };
    // Reads which ISP was joined.
    [[nodiscard]] static tl::expected<std::unique_ptr<HomeDesk>, store::StoreError> open(Parts parts);

    // What the agent has as its home: used if the owner's ISP has signed it; else the agent is told where its home is.
    void agentSays(const AgentHome& home);
    [[nodiscard]] std::optional<HomeIsp> home() const override;
    void join(const std::string& url, std::function<void(tl::expected<JoinedIsp, ApiFailure>)> done) override;

private:
    explicit HomeDesk(Parts parts) : m_parts(std::move(parts)), m_alive(std::make_shared<bool>(true)) {}
    // The descriptor, if the ISP of `url` has signed it and it is current.
    [[nodiscard]] tl::expected<directory::Descriptor, ApiFailure> verified(const directory::JoinUrl& url,
                                                                           const AgentHome& found) const;
    void enrol(const directory::Descriptor& descriptor, std::function<void(tl::expected<JoinedIsp, ApiFailure>)> done);

    Parts m_parts;
    std::shared_ptr<bool> m_alive;
    std::optional<directory::JoinUrl> m_pinned;
    std::optional<directory::Descriptor> m_descriptor;
};

}  // namespace netpas::secretaryd
