#include "app/agent/secretary_link.h"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <map>
#include <utility>
#include <variant>
#include <vector>

#include "app/agent/peer_watch.h"
#include "app/agent/seller_calls.h"
#include "app/common/channel_forms.h"
#include "core/channel/channel.h"
#include "core/channel/relay.h"
#include "core/random.h"
#include "tun/capture/linux_capture.h"

namespace netpas::agent {

using net::HttpRequest;
using net::HttpResponse;
using secretaryd::QuoteFailure;

namespace {

constexpr std::chrono::milliseconds harvestEvery{50};
constexpr size_t maxWaiting = 512;               // requests of local users
constexpr std::chrono::seconds longestWait{60};  // … each; then the listener has given up, too
constexpr size_t maxDrained = 256;               // final counters kept in case the secretary did not get them

QuoteFailure quoteFailureFrom(const cartographer::Failure& failure) {
    using cartographer::CartographerError;
    switch (failure.error) {
    case CartographerError::NotJoined:
    case CartographerError::BadUrl:
        return {QuoteFailure::Kind::NotJoined, failure.detail, "netpas join https://ADDRESS:PORT/#KEY"};
    case CartographerError::NoSuchClass:
        return {QuoteFailure::Kind::NoSuchClass, failure.detail, "netpas services --to ADDRESS"};
    case CartographerError::NoPath:
    case CartographerError::UnknownIsp:
    case CartographerError::NoSuchPayee:
    case CartographerError::PriceTooHigh:
        return {QuoteFailure::Kind::NoPath, failure.detail, "netpas services --to ADDRESS"};
    case CartographerError::Untrusted:
    case CartographerError::CannotStore:
        return {QuoteFailure::Kind::Untrusted, failure.detail, "ask your ISP for its current join address"};
    case CartographerError::ClockBehind:
        return {QuoteFailure::Kind::Untrusted, failure.detail, "set this machine's clock, then try again"};
    case CartographerError::Unreachable:
        return {QuoteFailure::Kind::Unreachable, failure.detail, "check the connection, then try again"};
    }
    return {QuoteFailure::Kind::Unreachable, failure.detail, {}};
}

// Why the ISP was not joined, and what helps.
channel::NotJoined notJoinedFrom(const cartographer::Failure& failure) {
    if (failure.error == cartographer::CartographerError::BadUrl) {
        return {failure.detail, "use https://ADDRESS:PORT/#KEY exactly as your ISP gave it to you"};
    }
    return {failure.detail, quoteFailureFrom(failure).hint};
}

HttpResponse noSecretary(std::string_view why) {
    return HttpResponse::error(503, "NO_SECRETARY",
                               "the secretary is not there" + (why.empty() ? "" : ": " + std::string(why)),
                               "plug it in or start it; everything goes best effort meanwhile");
}

channel::DeviceAnswer unheard(uint32_t request) {
    return {request, channel::DeviceRefused{503, "NO_SECRETARY", "the secretary is not there",
                                            "on the modem: netpas status; then try again"}};
}

std::string queryOf(const HttpRequest& request) {
    std::string query;
    for (const auto& [name, value] : request.query) {
        query += (query.empty() ? "" : "&") + net::encodeQueryValue(name) + "=" + net::encodeQueryValue(value);
    }
    return query;
}

}  // namespace

class SecretaryLink::Impl : public std::enable_shared_from_this<Impl> {
public:
    using DeviceReply = std::function<void(const channel::DeviceAnswer&)>;

    Impl(LinkContext context, std::unique_ptr<channel::LineSource> source);
    void start();
    void stop();
    [[nodiscard]] bool isUp() const { return m_channel->isUp(); }
    void forward(const HttpRequest& request, const std::string& node, Reply reply);
    void ask(channel::DeviceAsks asks, DeviceReply reply);
    void sendHome();
    void sendIfUp(const channel::Message& message) {
        if (m_channel->isUp()) send(message);
    }

private:
    [[nodiscard]] channel::Channel::Handlers handlers();
    [[nodiscard]] channel::Hello hello();
    void onWelcome();
    void onDown(const std::string& why);
    void onMessage(channel::Message message);

    void on(const channel::SetFlows& wanted);
    void on(const channel::Drain& wanted);
    void on(const channel::QuoteRequest& wanted);
    void on(const channel::Join& wanted);
    void on(const channel::FindSeller& wanted);
    void on(const channel::SellerCall& wanted);
    void on(channel::ApiAnswer& answer);
    void on(const channel::DeviceAnswer& answer);
    void failWaiting(const std::string& why);

    [[nodiscard]] channel::Home home() const;
    void keep(const channel::FlowCounters& drained);
    void sendState();
    void sendProcesses();
    void armHarvest();
    void harvest();
    void send(const channel::Message& message) { (void)m_channel->send(message); }
    template <typename Function>
    auto whileAlive(Function function) {
        return [weak = weak_from_this(), function = std::move(function)](auto&&... arguments) {
            if (const auto alive = weak.lock()) function(*alive, std::forward<decltype(arguments)>(arguments)...);
        };
    }

    LinkContext m_context;
    uint64_t m_incarnation;
    std::unique_ptr<channel::StreamRelay> m_relay;
    std::unique_ptr<channel::Channel> m_channel;
    std::unique_ptr<PeerWatch> m_peers;
    template <typename Answered>
    struct Waiting {
        Answered reply;
        app::Timers::Id patience = 0;  // ends it unanswered
    };
    std::map<uint32_t, Waiting<Reply>> m_waiting;
    std::map<uint32_t, Waiting<DeviceReply>> m_devices;
    std::vector<channel::FlowCounters> m_drained;  // the oldest first
    std::string m_trouble;                         // as last told to the secretary
    std::string m_why;                             // why there is no session
    bool m_planeUp = false;                        // … likewise
    SellerCalls m_sellers;
    uint32_t m_nextRequest = 1;
    app::Timers::Id m_harvest = 0;
};

SecretaryLink::Impl::Impl(LinkContext context, std::unique_ptr<channel::LineSource> source)
    : m_context(std::move(context)), m_incarnation(systemRandom().below(UINT64_MAX) + 1) {
    m_channel = std::make_unique<channel::Channel>(m_context.io, channel::Side::Agent, std::move(source), handlers());
    m_relay = std::make_unique<channel::StreamRelay>(
        m_context.io, [this](const channel::Message& message) { return m_channel->send(message).has_value(); },
        [this](const Endpoint& endpoint) {
            const auto& home = m_context.cartographer.home();
            return home && home->descriptor.accounting == endpoint;
        },
        tun::bypassMark);
}

channel::Channel::Handlers SecretaryLink::Impl::handlers() {
    channel::Channel::Handlers handlers;
    handlers.hello = [this] { return hello(); };
    handlers.onWelcome = [this](const channel::Welcome&) { onWelcome(); };
    handlers.onDown = [this](const std::string& why) { onDown(why); };
    handlers.onMessage = [this](channel::Message message) { onMessage(std::move(message)); };
    handlers.onTrouble = [this](const std::string& why) {
        m_why = why;
        m_context.log(LogLevel::Warning, "no secretary: " + why);
    };
    return handlers;
}

void SecretaryLink::Impl::start() {
    m_peers = std::make_unique<PeerWatch>(m_context.io, whileAlive([](Impl& self) { self.sendProcesses(); }));
    m_channel->start();
}

void SecretaryLink::Impl::stop() {
    m_context.timers.cancel(std::exchange(m_harvest, 0));
    m_peers.reset();
    m_channel->stop();
    m_relay->cut();
    m_context.plane.undivertAll();
    failWaiting("the agent is stopping");
}

channel::Hello SecretaryLink::Impl::hello() {
    channel::Hello hello;
    hello.incarnation = m_incarnation;
    hello.name = m_context.name.substr(0, channel::maxName);
    hello.held = m_drained;
    for (const FlowCounters& counters : m_context.plane.held()) {
        if (hello.held.size() < channel::maxHeld) hello.held.push_back(app::toChannel(counters));
    }
    return hello;
}

void SecretaryLink::Impl::onWelcome() {
    m_why.clear();
    m_context.log(LogLevel::Info, "the secretary is there");
    m_channel->setBrisk(m_context.plane.diverting());
    sendHome();
    sendState();
    sendProcesses();
    if (m_context.meshUp) m_context.meshUp();
    armHarvest();
}

// Nothing is paid for without a secretary: it could neither be counted nor stopped.
void SecretaryLink::Impl::onDown(const std::string& why) {
    m_context.plane.undivertAll();
    m_why = why;
    m_context.log(LogLevel::Warning, "lost the secretary (" + why + "): everything goes best effort");
    m_relay->cut();
    m_channel->setBrisk(false);
    m_context.timers.cancel(std::exchange(m_harvest, 0));
    failWaiting(why);
}

void SecretaryLink::Impl::failWaiting(const std::string& why) {
    for (auto& [id, one] : std::exchange(m_waiting, {})) {
        m_context.timers.cancel(one.patience);
        one.reply(noSecretary(why));
    }
    for (auto& [id, one] : std::exchange(m_devices, {})) {
        m_context.timers.cancel(one.patience);
        one.reply(unheard(id));
    }
}

void SecretaryLink::Impl::onMessage(channel::Message message) {
    if (m_relay->take(message)) return;
    if (const auto* flows = std::get_if<channel::SetFlows>(&message)) return on(*flows);
    if (const auto* drain = std::get_if<channel::Drain>(&message)) return on(*drain);
    if (const auto* quote = std::get_if<channel::QuoteRequest>(&message)) return on(*quote);
    if (const auto* join = std::get_if<channel::Join>(&message)) return on(*join);
    if (const auto* find = std::get_if<channel::FindSeller>(&message)) return on(*find);
    if (const auto* call = std::get_if<channel::SellerCall>(&message)) return on(*call);
    if (auto* answer = std::get_if<channel::ApiAnswer>(&message)) return on(*answer);
    if (const auto* answer = std::get_if<channel::DeviceAnswer>(&message)) return on(*answer);
    if (const auto* devices = std::get_if<channel::Devices>(&message); devices && m_context.devices)
        m_context.devices(*devices);
    if (const auto* mesh = std::get_if<channel::SetMesh>(&message); mesh && m_context.setMesh) m_context.setMesh(*mesh);
    if (const auto* say = std::get_if<channel::MeshSay>(&message); say && m_context.meshSay) m_context.meshSay(*say);
    if (const auto* test = std::get_if<channel::TestNeighbour>(&message); test && m_context.testNeighbour)
        m_context.testNeighbour(*test);
}

void SecretaryLink::Impl::on(const channel::SetFlows& wanted) {
    std::vector<PaidFlow> flows;
    for (const channel::PaidFlow& flow : wanted.flows) flows.push_back(app::fromChannel(flow));
    channel::FlowsApplied applied{wanted.generation, {}};
    if (const auto done = m_context.plane.apply(flows); !done) {
        const bool capture = done.error().kind == FlowsFailure::Kind::Capture;
        applied.failure = channel::FlowsFailure{capture ? channel::FlowsTrouble::Capture : channel::FlowsTrouble::Plane,
                                                done.error().what};
    }
    m_channel->setBrisk(m_context.plane.diverting());
    send(applied);
    armHarvest();
}

void SecretaryLink::Impl::on(const channel::Drain& wanted) {
    const auto kept = std::find_if(m_drained.begin(), m_drained.end(),
                                   [&](const channel::FlowCounters& counters) { return counters.key == wanted.key; });
    if (kept != m_drained.end()) return send(channel::Drained{*kept});
    m_context.plane.drain(wanted.purchase, wanted.key, whileAlive([](Impl& self, const FlowCounters& counters) {
                              const channel::FlowCounters said = app::toChannel(counters);
                              self.keep(said);
                              self.send(channel::Drained{said});
                          }));
}

// A session may end while the last counters of a key are on their way: they are told again in the next one.
void SecretaryLink::Impl::keep(const channel::FlowCounters& drained) {
    if (m_drained.size() == maxDrained) m_drained.erase(m_drained.begin());
    m_drained.push_back(drained);
}

void SecretaryLink::Impl::on(const channel::QuoteRequest& wanted) {
    m_context.cartographer.quote(app::fromChannel(wanted), whileAlive([id = wanted.request](Impl& self, auto quote) {
                                     app::QuoteResult result = quote ? app::QuoteResult(std::move(*quote))
                                                                     : tl::unexpected(quoteFailureFrom(quote.error()));
                                     channel::QuoteAnswer answer = app::toChannel(result);
                                     answer.request = id;
                                     self.send(answer);
                                 }));
}

void SecretaryLink::Impl::on(const channel::Join& wanted) {
    m_context.cartographer.join(wanted.url, whileAlive([id = wanted.request](Impl& self, const auto& joined) {
                                    channel::JoinAnswer answer;
                                    answer.request = id;
                                    if (joined) {
                                        self.m_context.useHome();
                                        answer.result = self.home();
                                    } else {
                                        answer.result = notJoinedFrom(joined.error());
                                    }
                                    self.send(answer);
                                }));
}

void SecretaryLink::Impl::on(const channel::FindSeller& wanted) {
    m_context.cartographer.survey(
        wanted.from, whileAlive([id = wanted.request](Impl& self, const auto& survey) {
            if (survey) return self.send(channel::SellerFound{id, sellerIn(*survey)});
            const QuoteFailure failure = quoteFailureFrom(survey.error());
            self.send(channel::SellerFound{
                id, channel::NoQuote{channel::QuoteTrouble::NoPath, failure.message, failure.hint}});
        }));
}

void SecretaryLink::Impl::on(const channel::SellerCall& wanted) {
    m_sellers.call(m_context.io, wanted,
                   whileAlive([](Impl& self, const channel::SellerAnswer& answer) { self.send(answer); }));
}

channel::Home SecretaryLink::Impl::home() const {
    const auto& home = m_context.cartographer.home();
    if (!home) return {};
    return {toString(home->url), home->envelope};
}

void SecretaryLink::Impl::sendHome() {
    if (m_channel->isUp()) send(home());
}

void SecretaryLink::Impl::sendState() {
    const DataPlane::State state = m_context.plane.state();
    m_planeUp = state.up;
    m_trouble = state.trouble;
    send(channel::AgentState{state.up, state.trouble});
}

void SecretaryLink::Impl::sendProcesses() {
    if (m_peers) send(channel::Processes{m_peers->running()});
}

void SecretaryLink::Impl::forward(const HttpRequest& request, const std::string& node, Reply reply) {
    if (!m_channel->isUp()) return reply(noSecretary(m_why));
    if (m_waiting.size() >= maxWaiting) {
        return reply(HttpResponse::error(429, "RATE_LIMITED", "too many requests wait", "try again in a moment"));
    }
    channel::ApiRequest asked;
    asked.request = m_nextRequest++;
    if (request.peer) {
        const Asker asker = m_context.executables.asker(request.peer->pid, request.peer->uid);
        asked.caller.uid = request.peer->uid;
        asked.caller.pid = static_cast<uint32_t>(std::max(asker.process, 0));
        if (m_peers && node.empty()) m_peers->saw(asker.process);
        asked.caller.executable = asker.executable;
    }
    asked.caller.node = node;
    asked.method = request.method;
    asked.path = request.path;
    asked.query = queryOf(request);
    if (const auto key = request.header("Idempotency-Key"); !key.empty()) {
        asked.headers.push_back({"Idempotency-Key", std::string(key)});
    }
    asked.body = request.body;
    if (const auto sent = m_channel->send(asked); !sent) {
        const bool large = sent.error() == channel::SendError::TooLarge;
        return reply(large ? HttpResponse::error(413, "INVALID_ARGUMENT", "the request is too long",
                                                 "what is long goes to the secretary's own socket")
                           : noSecretary(describe(sent.error())));
    }
    const auto patience =
        m_context.timers.after(longestWait, whileAlive([id = asked.request](Impl& self) { self.m_waiting.erase(id); }));
    m_waiting[asked.request] = {std::move(reply), patience};
}

void SecretaryLink::Impl::on(channel::ApiAnswer& answer) {
    const auto found = m_waiting.find(answer.request);
    if (found == m_waiting.end()) return;
    const Reply reply = std::move(found->second.reply);
    m_context.timers.cancel(found->second.patience);
    m_waiting.erase(found);
    HttpResponse response;
    response.status = answer.status;
    response.contentType = std::move(answer.contentType);
    response.body = std::move(answer.body);
    for (auto& [name, value] : answer.headers) response.headers.push_back({std::move(name), std::move(value)});
    reply(std::move(response));
}

void SecretaryLink::Impl::ask(channel::DeviceAsks asks, DeviceReply reply) {
    asks.request = m_nextRequest++;
    if (!m_channel->isUp() || m_devices.size() >= maxWaiting || !m_channel->send(asks))
        return reply(unheard(asks.request));
    const auto patience =
        m_context.timers.after(longestWait, whileAlive([id = asks.request](Impl& self) { self.m_devices.erase(id); }));
    m_devices[asks.request] = {std::move(reply), patience};
}

void SecretaryLink::Impl::on(const channel::DeviceAnswer& answer) {
    const auto found = m_devices.extract(answer.request);
    if (!found) return;
    m_context.timers.cancel(found.mapped().patience);
    found.mapped().reply(answer);
}

// Runs only while something is counted: an idle agent does not wake up.
void SecretaryLink::Impl::armHarvest() {
    if (m_harvest != 0 || !m_channel->isUp() || !m_context.plane.counting()) return;
    m_harvest = m_context.timers.after(harvestEvery, whileAlive([](Impl& self) {
                                           self.m_harvest = 0;
                                           self.harvest();
                                       }));
}

void SecretaryLink::Impl::harvest() {
    channel::Counters changed;
    for (const FlowCounters& counters : m_context.plane.harvest()) changed.flows.push_back(app::toChannel(counters));
    if (!changed.flows.empty()) send(changed);
    const DataPlane::State state = m_context.plane.state();
    if (state.up != m_planeUp || state.trouble != m_trouble) sendState();
    armHarvest();
}

SecretaryLink::SecretaryLink(LinkContext context, std::unique_ptr<channel::LineSource> source)
    : m_impl(std::make_shared<Impl>(std::move(context), std::move(source))) {}
SecretaryLink::~SecretaryLink() = default;
void SecretaryLink::start() { m_impl->start(); }
void SecretaryLink::stop() { m_impl->stop(); }
bool SecretaryLink::isUp() const { return m_impl->isUp(); }
void SecretaryLink::forward(const HttpRequest& request, const std::string& node, Reply reply) {
    m_impl->forward(request, node, std::move(reply));
}
void SecretaryLink::ask(channel::DeviceAsks asks, std::function<void(const channel::DeviceAnswer&)> reply) {
    m_impl->ask(std::move(asks), std::move(reply));
}
void SecretaryLink::notDelivered(const channel::NotDelivered& trouble) { m_impl->sendIfUp(trouble); }
void SecretaryLink::tellMesh(const channel::Message& message) { m_impl->sendIfUp(message); }
void SecretaryLink::homeChanged() { m_impl->sendHome(); }

}  // namespace netpas::agent
