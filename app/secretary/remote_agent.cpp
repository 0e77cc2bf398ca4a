#include "app/secretary/remote_agent.h"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <map>
#include <optional>
#include <utility>
#include <variant>

#include "app/common/channel_forms.h"
#include "core/channel/relay.h"

namespace netpas::secretaryd {

using app::fromChannel;
using app::toChannel;

namespace {

// Longer than any honest agent takes to ask several directories.
constexpr std::chrono::seconds networkPatience{20};
constexpr size_t mostHeld = channel::maxHeld;

ApiFailure agentLost() { return {503, "AGENT_LOST", "the agent is not there", "connect it, then try again"}; }

QuoteFailure noQuote(const std::string& why) {
    return {QuoteFailure::Kind::Unreachable, why, "check the connection, then try again"};
}

net::HttpRequest requestFrom(const channel::ApiRequest& asked) {
    net::HttpRequest request;
    // What does not decode is no query.
    if (!net::decodeTarget("/?" + asked.query, request)) request.query.clear();
    request.method = asked.method;
    request.path = asked.path;
    for (const channel::Header& header : asked.headers) request.headers.push_back({header.name, header.value});
    request.body = asked.body;
    return request;
}

}  // namespace

class RemoteAgent::Impl : public std::enable_shared_from_this<Impl> {
public:
    Impl(boost::asio::io_context& context, const channel::ThreadedChannel::MakeSource& makeLine, app::Timers& time,
         Requests handler, app::LogSink sink)
        : io(context), timers(time), requests(std::move(handler)), log(std::move(sink)) {
        channel::Channel::Handlers handlers;
        handlers.onHello = [this](const channel::Hello& hello) { onHello(hello); };
        handlers.onDown = [this](const std::string& why) { onDown(why); };
        handlers.onMessage = [this](channel::Message message) { onMessage(std::move(message)); };
        handlers.onTrouble = [this](const std::string& why) { log(LogLevel::Warning, "no agent: " + why); };
        line = std::make_unique<channel::ThreadedChannel>(io, makeLine, std::move(handlers));
        streams = std::make_unique<channel::RelayedStreams>(
            io, [this](const channel::Message& message) { return send(message); });
    }

    bool send(const channel::Message& message) { return line->send(message).has_value(); }
    void onHello(const channel::Hello& hello);
    void onDown(const std::string& why);
    void onMessage(channel::Message message);
    void on(const channel::FlowsApplied& applied);
    void on(const channel::Drained& drained);
    void on(const channel::QuoteAnswer& answer);
    void on(const channel::JoinAnswer& answer);
    void on(const channel::SellerFound& answer);
    void on(const channel::SellerAnswer& answer);
    void on(const channel::ApiRequest& asked);
    void on(const channel::DeviceAsks& asks);
    void failAll();

    // Callbacks of requests, each kept until it is answered, given up, or the session ends.
    template <typename Done>
    struct Waiting {
        Done done;
        app::Timers::Id timer = 0;
    };
    using SetDone = std::function<void(tl::expected<void, FlowsFailure>)>;
    using DrainDone = std::function<void(std::optional<FlowCounters>)>;
    using QuoteDone = std::function<void(tl::expected<cartographer::Quote, QuoteFailure>)>;
    using FoundDone = std::function<void(tl::expected<SellerAddress, QuoteFailure>)>;
    using SaidDone = std::function<void(SellerReply)>;
    using JoinDone = std::function<void(tl::expected<AgentHome, ApiFailure>)>;

    boost::asio::io_context& io;
    app::Timers& timers;
    Requests requests;
    app::LogSink log;
    Listener listener;
    std::unique_ptr<channel::ThreadedChannel> line;
    std::unique_ptr<channel::RelayedStreams> streams;
    AgentReport report;
    std::vector<FlowCounters> held;  // as the last Hello said
    std::optional<AgentHome> home;
    channel::Devices devices;
    std::optional<std::vector<uint32_t>> running;
    channel::MeshLinks meshLinks;
    std::optional<channel::MeshHops> meshHops;
    uint64_t generation = 0;
    uint32_t nextRequest = 1;
    std::map<uint64_t, SetDone> sets;
    std::map<uint32_t, DrainDone> drains;  // by key
    std::map<uint32_t, Waiting<QuoteDone>> quotes;
    std::map<uint32_t, Waiting<JoinDone>> joins;
    std::map<uint32_t, Waiting<FoundDone>> finds;
    std::map<uint32_t, Waiting<SaidDone>> calls;

    // Keeps `done` for the answer to a request that was sent, or says at once, or in the end, that there is none.
    template <typename Done>
    void await(std::map<uint32_t, Waiting<Done>>& all, uint32_t id, bool sent, Done done,
               std::function<void(const Done&)> none) {
        if (!sent) {
            boost::asio::post(io, [done = std::move(done), none = std::move(none)] { none(done); });
            return;
        }
        auto& waiting = all[id];
        waiting.done = std::move(done);
        waiting.timer = timers.after(networkPatience, [weak = weak_from_this(), &all, id, none = std::move(none)] {
            const auto self = weak.lock();
            if (!self) return;
            if (const auto late = all.extract(id)) none(late.mapped().done);
        });
    }
    template <typename Done, typename... Values>
    void answered(std::map<uint32_t, Waiting<Done>>& all, uint32_t id, Values&&... values) {
        const auto waiting = all.extract(id);
        if (!waiting) return;
        timers.cancel(waiting.mapped().timer);
        waiting.mapped().done(std::forward<Values>(values)...);
    }
};

void RemoteAgent::Impl::onHello(const channel::Hello& hello) {
    report = {true, hello.name, false, {}};
    running.reset();
    meshLinks = {};
    meshHops.reset();
    held.clear();
    for (const channel::FlowCounters& counters : hello.held) {
        if (held.size() < mostHeld) held.push_back(fromChannel(counters));
    }
    log(LogLevel::Info, "the agent " + hello.name + " is there");
    send(devices);  // before flows that name them
    if (listener.up) listener.up(held);
}

void RemoteAgent::Impl::onDown(const std::string& why) {
    report.connected = report.planeUp = false;
    home.reset();
    line->setBrisk(false);
    log(LogLevel::Warning, "lost the agent: " + why);
    streams->cut();
    if (listener.down) listener.down();
    failAll();
}

void RemoteAgent::Impl::failAll() {
    for (auto& [generation_, done] : std::exchange(sets, {})) {
        done(tl::unexpected(FlowsFailure{FlowsFailure::Kind::AgentLost, "the agent is not there"}));
    }
    for (auto& [key, done] : std::exchange(drains, {})) done(std::nullopt);
    for (auto& [id, waiting] : std::exchange(quotes, {})) {
        timers.cancel(waiting.timer);
        waiting.done(tl::unexpected(noQuote("the agent was lost")));
    }
    for (auto& [id, waiting] : std::exchange(joins, {})) {
        timers.cancel(waiting.timer);
        waiting.done(tl::unexpected(agentLost()));
    }
    for (auto& [id, waiting] : std::exchange(finds, {})) {
        timers.cancel(waiting.timer);
        waiting.done(tl::unexpected(noQuote("the agent was lost")));
    }
    for (auto& [id, waiting] : std::exchange(calls, {})) {
        timers.cancel(waiting.timer);
        waiting.done({});
    }
}

void RemoteAgent::Impl::onMessage(channel::Message message) {
    if (streams->take(message)) return;
    if (const auto* applied = std::get_if<channel::FlowsApplied>(&message)) return on(*applied);
    if (const auto* drained = std::get_if<channel::Drained>(&message)) return on(*drained);
    if (const auto* quoted = std::get_if<channel::QuoteAnswer>(&message)) return on(*quoted);
    if (const auto* joined = std::get_if<channel::JoinAnswer>(&message)) return on(*joined);
    if (const auto* found = std::get_if<channel::SellerFound>(&message)) return on(*found);
    if (const auto* said = std::get_if<channel::SellerAnswer>(&message)) return on(*said);
    if (const auto* asked = std::get_if<channel::ApiRequest>(&message)) return on(*asked);
    if (const auto* asks = std::get_if<channel::DeviceAsks>(&message)) return on(*asks);
    if (auto* said = std::get_if<channel::NotDelivered>(&message)) {
        DeliveryTrouble trouble{std::move(said->purchases), {}, std::move(said->evidence)};
        for (const channel::IspClass& one : said->suspects) trouble.suspects.push_back({one.isp, one.service});
        if (listener.notDelivered) listener.notDelivered(trouble);
        return;
    }
    if (const auto* counted = std::get_if<channel::Counters>(&message)) {
        std::vector<FlowCounters> all;
        for (const channel::FlowCounters& one : counted->flows) all.push_back(fromChannel(one));
        if (listener.counters) listener.counters(all);
    } else if (auto* at = std::get_if<channel::Home>(&message)) {
        home = AgentHome{std::move(at->joinUrl), std::move(at->descriptor)};
        if (listener.home) listener.home(*home);
    } else if (const auto* processes = std::get_if<channel::Processes>(&message)) {
        running = processes->running;
        if (listener.processes) listener.processes(*running);
    } else if (auto* links = std::get_if<channel::MeshLinks>(&message)) {
        meshLinks = std::move(*links);
        if (listener.meshLinks) listener.meshLinks(meshLinks);
    } else if (auto* hops = std::get_if<channel::MeshHops>(&message)) {
        meshHops = std::move(*hops);
        if (listener.meshHops) listener.meshHops(*meshHops);
    } else if (const auto* counts = std::get_if<channel::MeshCounts>(&message)) {
        if (listener.meshCounts) listener.meshCounts(*counts);
    } else if (const auto* heard = std::get_if<channel::MeshHeard>(&message)) {
        if (listener.meshHeard) listener.meshHeard(*heard);
    } else if (const auto* flows = std::get_if<channel::FlowsSeen>(&message)) {
        if (listener.flowsSeen) listener.flowsSeen(*flows);
    } else if (const auto* tested = std::get_if<channel::NeighbourTested>(&message)) {
        if (listener.neighbourTested) listener.neighbourTested(*tested);
    } else if (const auto* state = std::get_if<channel::AgentState>(&message)) {
        report.planeUp = state->planeUp;
        report.trouble = state->trouble;
    }
}

void RemoteAgent::Impl::on(const channel::FlowsApplied& applied) {
    const auto found = sets.find(applied.generation);
    if (found == sets.end()) return;
    const SetDone done = std::move(found->second);
    sets.erase(found);
    if (!applied.failure) return done({});
    const bool capture = applied.failure->kind == channel::FlowsTrouble::Capture;
    done(tl::unexpected(
        FlowsFailure{capture ? FlowsFailure::Kind::Capture : FlowsFailure::Kind::Plane, applied.failure->text}));
}

void RemoteAgent::Impl::on(const channel::Drained& drained) {
    const auto found = drains.find(drained.counters.key.value());
    if (found == drains.end()) return;
    const DrainDone done = std::move(found->second);
    drains.erase(found);
    done(fromChannel(drained.counters));
}

void RemoteAgent::Impl::on(const channel::QuoteAnswer& answer) {
    const auto found = quotes.find(answer.request);
    if (found == quotes.end()) return;
    const auto waiting = std::move(found->second);
    quotes.erase(found);
    timers.cancel(waiting.timer);
    waiting.done(fromChannel(answer));
}

void RemoteAgent::Impl::on(const channel::JoinAnswer& answer) {
    const auto found = joins.find(answer.request);
    if (found == joins.end()) return;
    const auto waiting = std::move(found->second);
    joins.erase(found);
    timers.cancel(waiting.timer);
    if (const auto* refused = std::get_if<channel::NotJoined>(&answer.result)) {
        return waiting.done(tl::unexpected(ApiFailure{503, "ISP_UNREACHABLE", refused->message, refused->hint}));
    }
    const auto& found_ = std::get<channel::Home>(answer.result);
    home = AgentHome{found_.joinUrl, found_.descriptor};
    waiting.done(*home);
}

void RemoteAgent::Impl::on(const channel::SellerFound& answer) {
    if (const auto* none = std::get_if<channel::NoQuote>(&answer.result)) {
        return answered(finds, answer.request,
                        tl::expected<SellerAddress, QuoteFailure>(
                            tl::unexpected(QuoteFailure{QuoteFailure::Kind::NoPath, none->message, none->hint})));
    }
    const auto& seller = std::get<channel::ReverseSeller>(answer.result);
    answered(finds, answer.request,
             tl::expected<SellerAddress, QuoteFailure>(SellerAddress{seller.server, seller.key}));
}

void RemoteAgent::Impl::on(const channel::SellerAnswer& answer) {
    answered(calls, answer.request, SellerReply{answer.status, answer.body, answer.receivedSegments});
}

void RemoteAgent::Impl::on(const channel::DeviceAsks& asks) {
    if (listener.device) {
        (void)send(listener.device(asks));
    } else {
        (void)send(channel::DeviceAnswer{asks.request, channel::DeviceRefused{423, "LOCKED", "the secretary is locked",
                                                                              "on the modem: netpas unlock"}});
    }
}

// Whatever user the agent names: it may ask and read, no more.
void RemoteAgent::Impl::on(const channel::ApiRequest& asked) {
    Caller caller;
    caller.door = Door::Agent;
    caller.uid = asked.caller.uid;
    caller.may = capabilitiesOf(Door::Agent, caller.uid, 0);
    caller.pid = static_cast<int32_t>(std::min<uint32_t>(asked.caller.pid, INT32_MAX));
    caller.executable = asked.caller.executable;
    caller.node = asked.caller.node;
    requests(
        requestFrom(asked), std::move(caller),
        [weak = weak_from_this(), id = asked.request](const net::HttpResponse& response) {
            const auto self = weak.lock();
            if (!self) return;
            channel::ApiAnswer answer{id, static_cast<uint16_t>(response.status), response.contentType, response.body};
            for (const auto& [name, value] : response.headers) answer.headers.push_back({name, value});
            if (const auto sent = self->line->send(answer); !sent && sent.error() == channel::SendError::TooLarge) {
                const auto refused =
                    refusal(413, "TOO_LARGE", "the answer is too long for the channel", "ask for less, with limit=");
                (void)self->line->send(channel::ApiAnswer{id, 413, refused.contentType, refused.body});
            }
        });
}

RemoteAgent::RemoteAgent(boost::asio::io_context& io, const channel::ThreadedChannel::MakeSource& line,
                         app::Timers& timers, Requests requests, app::LogSink log)
    : m_impl(std::make_shared<Impl>(io, line, timers, std::move(requests), std::move(log))) {}

RemoteAgent::~RemoteAgent() { stop(); }

bool RemoteAgent::start() { return m_impl->line->start(); }

void RemoteAgent::stop() {
    m_impl->listener = {};
    m_impl->line->stop();
    m_impl->streams->cut();
}

void RemoteAgent::listen(Listener listener) {
    m_impl->listener = std::move(listener);
    if (!m_impl->line->isUp()) return;
    boost::asio::post(m_impl->io, [weak = std::weak_ptr<Impl>(m_impl)] {
        const auto self = weak.lock();
        if (!self || !self->line->isUp()) return;
        if (self->listener.up) self->listener.up(self->held);
        if (self->home && self->listener.home) self->listener.home(*self->home);
        if (self->running && self->listener.processes) self->listener.processes(*self->running);
        if (self->meshLinks.on && self->listener.meshLinks) self->listener.meshLinks(self->meshLinks);
        if (self->meshHops && self->listener.meshHops) self->listener.meshHops(*self->meshHops);
    });
}

void RemoteAgent::tell(const channel::Devices& devices) {
    m_impl->devices = devices;
    (void)m_impl->send(devices);
}

void RemoteAgent::forgetListener() {
    m_impl->listener = {};
    tell({});
    m_impl->sets.clear();
    m_impl->drains.clear();
    m_impl->quotes.clear();
    m_impl->joins.clear();
    m_impl->finds.clear();
    m_impl->calls.clear();
}

void RemoteAgent::tellMesh(const channel::Message& message) { (void)m_impl->send(message); }

AgentReport RemoteAgent::report() const { return m_impl->report; }

void RemoteAgent::clearFlows() {
    m_impl->line->setBrisk(false);
    (void)m_impl->send(channel::SetFlows{++m_impl->generation, {}});
}

void RemoteAgent::set(const std::vector<PaidFlow>& flows, std::function<void(tl::expected<void, FlowsFailure>)> done) {
    channel::SetFlows wanted;
    wanted.generation = ++m_impl->generation;
    bool diverts = false;
    for (const PaidFlow& flow : flows) {
        wanted.flows.push_back(toChannel(flow));
        diverts = diverts || flow.diverted;
    }
    m_impl->line->setBrisk(diverts);
    if (const auto sent = m_impl->line->send(wanted); !sent) {
        const bool large = sent.error() == channel::SendError::TooLarge;
        FlowsFailure failure{large ? FlowsFailure::Kind::Plane : FlowsFailure::Kind::AgentLost,
                             large ? "too many flows at once" : "the agent is not there"};
        boost::asio::post(m_impl->io,
                          [done = std::move(done), failure = std::move(failure)] { done(tl::unexpected(failure)); });
        return;
    }
    m_impl->sets.emplace(wanted.generation, std::move(done));
}

void RemoteAgent::drain(PurchaseId id, SessionKeyId key, std::function<void(std::optional<FlowCounters>)> done) {
    if (!m_impl->send(channel::Drain{id, key})) {
        boost::asio::post(m_impl->io, [done = std::move(done)] { done(std::nullopt); });
        return;
    }
    m_impl->drains.insert_or_assign(key.value(), std::move(done));
}

void RemoteAgent::quote(const cartographer::QuoteRequest& request,
                        std::function<void(tl::expected<cartographer::Quote, QuoteFailure>)> done) {
    channel::QuoteRequest asked = toChannel(request);
    asked.request = m_impl->nextRequest++;
    if (!m_impl->send(asked)) {
        boost::asio::post(m_impl->io,
                          [done = std::move(done)] { done(tl::unexpected(noQuote("the agent is not there"))); });
        return;
    }
    auto& waiting = m_impl->quotes[asked.request];
    waiting.done = std::move(done);
    waiting.timer = m_impl->timers.after(networkPatience, [weak = std::weak_ptr<Impl>(m_impl), id = asked.request] {
        const auto self = weak.lock();
        const auto late = self ? self->quotes.extract(id) : decltype(self->quotes)::node_type{};
        if (late) late.mapped().done(tl::unexpected(noQuote("the agent found no prices in time")));
    });
}

void RemoteAgent::join(const std::string& url, std::function<void(tl::expected<AgentHome, ApiFailure>)> done) {
    const uint32_t id = m_impl->nextRequest++;
    if (!m_impl->send(channel::Join{id, url})) {
        boost::asio::post(m_impl->io, [done = std::move(done)] { done(tl::unexpected(agentLost())); });
        return;
    }
    auto& waiting = m_impl->joins[id];
    waiting.done = std::move(done);
    waiting.timer = m_impl->timers.after(networkPatience, [weak = std::weak_ptr<Impl>(m_impl), id] {
        const auto self = weak.lock();
        const auto late = self ? self->joins.extract(id) : decltype(self->joins)::node_type{};
        if (late) {
            late.mapped().done(tl::unexpected(
                ApiFailure{503, "ISP_UNREACHABLE", "the ISP's directory does not answer", "netpas join again later"}));
        }
    });
}

void RemoteAgent::find(const IpAddress& from, std::function<void(tl::expected<SellerAddress, QuoteFailure>)> done) {
    const uint32_t id = m_impl->nextRequest++;
    const bool sent = m_impl->send(channel::FindSeller{id, from});
    m_impl->await<Impl::FoundDone>(m_impl->finds, id, sent, std::move(done), [](const Impl::FoundDone& tell) {
        tell(tl::unexpected(noQuote("the agent found no seller in time")));
    });
}

void RemoteAgent::call(const SellerAddress& seller, const std::string& method, const std::string& path,
                       const std::string& body, const std::optional<FlowMatch>& flow,
                       std::function<void(SellerReply)> done) {
    const uint32_t id = m_impl->nextRequest++;
    const bool sent = m_impl->send(channel::SellerCall{id, {seller.server, seller.key}, method, path, body, flow});
    m_impl->await<Impl::SaidDone>(m_impl->calls, id, sent, std::move(done),
                                  [](const Impl::SaidDone& tell) { tell({}); });
}

net::Connector RemoteAgent::connector() { return m_impl->streams->connector(); }

}  // namespace netpas::secretaryd
