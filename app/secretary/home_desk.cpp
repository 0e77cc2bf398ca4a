#include "app/secretary/home_desk.h"

#include <utility>

namespace netpas::secretaryd {

namespace {

constexpr std::string_view pinKind = "isp";
constexpr std::string_view pinId = "home";

}  // namespace

tl::expected<std::unique_ptr<HomeDesk>, store::StoreError> HomeDesk::open(Parts parts) {
    const auto pins = parts.documents.all(pinKind);
    if (!pins) return tl::unexpected(pins.error());
    std::unique_ptr<HomeDesk> desk(new HomeDesk(std::move(parts)));
    for (const store::Document& pin : *pins) {
        const auto url = directory::parseJoinUrl(std::string(pin.body.begin(), pin.body.end()));
        if (pin.id == pinId && url) desk->m_pinned = *url;
    }
    return desk;
}

std::optional<HomeIsp> HomeDesk::home() const {
    if (!m_pinned || !m_descriptor) return std::nullopt;
    return HomeIsp{m_descriptor->validity.isp, m_descriptor->name, m_pinned->directory, m_parts.isp.isUp()};
}

tl::expected<directory::Descriptor, ApiFailure> HomeDesk::verified(const directory::JoinUrl& url,
                                                                   const AgentHome& found) const {
    const auto at = directory::parseJoinUrl(found.joinUrl);
    if (!at || at->key != url.key) {
        return tl::unexpected(
            ApiFailure{502, "UNTRUSTED", "the agent has fetched another ISP's documents", "look after the agent"});
    }
    auto descriptor = directory::openDescriptor(found.descriptor, url.key, m_parts.clock.now());
    if (!descriptor) {
        const bool future = descriptor.error() == directory::DocumentError::NotYetValid;
        return tl::unexpected(ApiFailure{
            502, "UNTRUSTED", "the ISP's descriptor is not to be trusted: " + std::string(describe(descriptor.error())),
            future ? "set this machine's clock, then try again" : "ask your ISP for its current join address"});
    }
    return std::move(*descriptor);
}

void HomeDesk::agentSays(const AgentHome& home) {
    if (!m_pinned) return;
    const auto at = directory::parseJoinUrl(home.joinUrl);
    if (!at || at->key != m_pinned->key) {
        // A fresh agent, or one that was another secretary's.
        m_parts.agent.join(toString(*m_pinned), [weak = std::weak_ptr<bool>(m_alive), this](const auto& joined) {
            if (weak.expired() || !joined) return;
            const auto now = directory::parseJoinUrl(joined->joinUrl);
            if (now && m_pinned && now->key == m_pinned->key) agentSays(*joined);
        });
        return;
    }
    auto descriptor = verified(*m_pinned, home);
    if (!descriptor) return m_parts.log(LogLevel::Warning, descriptor.error().message);
    m_descriptor = std::move(*descriptor);
    m_parts.isp.connect(*m_descriptor);
}

void HomeDesk::join(const std::string& text, std::function<void(tl::expected<JoinedIsp, ApiFailure>)> done) {
    const auto url = directory::parseJoinUrl(text);
    if (!url) {
        return done(tl::unexpected(ApiFailure{400, "INVALID_ARGUMENT", std::string(describe(url.error())),
                                              "use https://ADDRESS:PORT/#KEY exactly as your ISP gave it to you"}));
    }
    // What is open can only be settled with the ISP that it was bought from.
    if (m_pinned && m_pinned->key != url->key && !m_parts.settled()) {
        return done(tl::unexpected(
            ApiFailure{409, "CONFLICT", "purchases with the present ISP are not settled yet", "netpas stop --all"}));
    }
    m_parts.agent.join(text, [weak = std::weak_ptr<bool>(m_alive), this, url = *url, done](const auto& found) {
        if (weak.expired()) return;
        if (!found) return done(tl::unexpected(found.error()));
        auto descriptor = verified(url, *found);
        if (!descriptor) return done(tl::unexpected(descriptor.error()));
        const std::string pin = toString(url);
        if (!m_parts.documents.put({std::string(pinKind), std::string(pinId), Bytes(pin.begin(), pin.end())})) {
            return done(tl::unexpected(
                ApiFailure{500, "LOCAL_FAILURE", "the ISP cannot be remembered", "free some disk space"}));
        }
        m_pinned = url;
        m_descriptor = std::move(*descriptor);
        m_parts.isp.connect(*m_descriptor);
        enrol(*m_descriptor, done);
    });
}

void HomeDesk::enrol(const directory::Descriptor& descriptor,
                     std::function<void(tl::expected<JoinedIsp, ApiFailure>)> done) {
    m_parts.isp.enrol([isp = descriptor.validity.isp, name = descriptor.name,
                       done = std::move(done)](const tl::expected<std::string, IspFailure>& customer) {
        if (!customer) {
            const bool refused = customer.error().kind == IspFailure::Kind::Refused;
            return done(tl::unexpected(
                ApiFailure{refused ? 403U : 503U, refused ? "ISP_REFUSED" : "ISP_UNREACHABLE", customer.error().what,
                           refused ? "ask your ISP whether this line is its customer's" : "netpas join again later"}));
        }
        done(JoinedIsp{isp, name, *customer});
    });
}

}  // namespace netpas::secretaryd
