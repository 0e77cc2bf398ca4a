#include "app/secretary/watch_hub.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "app/secretary/router.h"
#include "core/net/http_stream.h"

namespace netpas::secretaryd {

using net::HttpRequest;
using net::HttpResponse;
using net::HttpStream;
using nlohmann::json;

namespace {

std::string lineOf(const json& event) { return event.dump(-1, ' ', false, json::error_handler_t::replace) + "\n"; }

// What one user may see, as it was last.
struct State {
    json status;                            // null: not known
    json trouble;                           // why: {code, message}; null when there is none
    std::map<std::string, json> purchases;  // by id

    [[nodiscard]] json snapshot() const {
        json list = json::array();
        for (const auto& [id, purchase] : purchases) list.push_back(purchase);
        return {{"event", "snapshot"}, {"status", status}, {"trouble", trouble}, {"purchases", std::move(list)}};
    }
};

std::string changes(const State& before, const State& after) {
    std::string lines;
    if (after.trouble != before.trouble) lines += lineOf({{"event", "trouble"}, {"trouble", after.trouble}});
    if (after.status != before.status) lines += lineOf({{"event", "status"}, {"status", after.status}});
    for (const auto& [id, purchase] : after.purchases) {
        const auto known = before.purchases.find(id);
        if (known == before.purchases.end() || known->second != purchase)
            lines += lineOf({{"event", "purchase"}, {"purchase", purchase}});
    }
    for (const auto& [id, purchase] : before.purchases) {
        if (!after.purchases.contains(id)) lines += lineOf({{"event", "gone"}, {"id", id}});
    }
    return lines;
}

}  // namespace

struct WatchHub::Impl : std::enable_shared_from_this<Impl> {
    struct Feed {
        net::PeerCredentials peer;
        State state;
        bool known = false;    // the state has been looked at
        bool looking = false;  // … and is being again
        std::vector<std::shared_ptr<HttpStream>> fresh, readers;
        uint32_t quiet = 0;  // looks since something was said
    };

    Impl(app::Timers& given, std::function<void(const HttpRequest&, Reply)> asked)
        : timers(given), ask(std::move(asked)) {}

    app::Timers& timers;
    std::function<void(const HttpRequest&, Reply)> ask;
    std::map<uint32_t, Feed> feeds;  // by user; none without readers
    app::Timers::Id timer = 0;

    [[nodiscard]] size_t readersOf(const Feed& feed) const { return feed.fresh.size() + feed.readers.size(); }
    void arm();
    void lookAtAll();
    void look(uint32_t uid);
    void get(const Feed& feed, const char* path, std::function<void(const HttpResponse&, json)> done);
    void looked(uint32_t uid, State next);
};

void WatchHub::Impl::arm() {
    if (timer != 0 || feeds.empty()) return;
    timer = timers.after(lookEvery, [weak = weak_from_this()] {
        const auto self = weak.lock();
        if (!self) return;
        self->timer = 0;
        self->lookAtAll();
    });
}

void WatchHub::Impl::lookAtAll() {
    std::vector<uint32_t> users;
    for (auto& [uid, feed] : feeds) {
        const auto over = [](const auto& stream) { return stream->over(); };
        std::erase_if(feed.fresh, over);
        std::erase_if(feed.readers, over);
        users.push_back(uid);
    }
    std::erase_if(feeds, [this](const auto& one) { return readersOf(one.second) == 0; });
    for (const uint32_t uid : users) look(uid);
    arm();
}

void WatchHub::Impl::get(const Feed& feed, const char* path, std::function<void(const HttpResponse&, json)> done) {
    HttpRequest request;
    request.path = path;
    request.headers = {{"Host", "netpas"}};
    request.peer = feed.peer;
    ask(request, [weak = weak_from_this(), done = std::move(done)](const HttpResponse& response) {
        if (weak.lock()) done(response, json::parse(response.body, nullptr, false));
    });
}

void WatchHub::Impl::look(uint32_t uid) {
    const auto found = feeds.find(uid);
    if (found == feeds.end() || found->second.looking) return;
    found->second.looking = true;
    get(found->second, "/v1/status", [this, uid](const HttpResponse& response, json body) {
        const auto feed = feeds.find(uid);
        if (feed == feeds.end()) return;
        State next;
        const bool good = response.status == 200 && body.is_object();
        if (good) {
            next.status = std::move(body);
        } else {
            next.trouble = {{"code", body.is_object() ? body.value("code", "") : ""},
                            {"message", body.is_object() ? body.value("message", "") : ""}};
        }
        get(feed->second, "/v1/purchases", [this, uid, next](const HttpResponse& listed, json list) mutable {
            const auto all = list.is_object() ? list.find("purchases") : list.end();
            if (listed.status == 200 && list.is_object() && all != list.end()) {
                for (json& one : *all) {
                    if (!one.is_object()) continue;
                    // Named before it is moved away: of an assignment the right side comes first.
                    const std::string id = one.value("id", "");
                    next.purchases[id] = std::move(one);
                }
            }
            looked(uid, std::move(next));
        });
    });
}

void WatchHub::Impl::looked(uint32_t uid, State next) {
    const auto found = feeds.find(uid);
    if (found == feeds.end()) return;
    Feed& feed = found->second;
    feed.looking = false;
    std::string lines = feed.known ? changes(feed.state, next) : std::string{};
    feed.state = std::move(next);
    feed.known = true;
    if (++feed.quiet >= aliveEvery / lookEvery && lines.empty()) lines = lineOf({{"event", "alive"}});
    if (!lines.empty()) {
        feed.quiet = 0;
        for (const auto& reader : feed.readers) (void)reader->push(lines);
    }
    if (feed.fresh.empty()) return;
    const std::string snapshot = lineOf(feed.state.snapshot());
    for (const auto& reader : std::exchange(feed.fresh, {})) {
        if (reader->push(snapshot)) feed.readers.push_back(reader);
    }
}

WatchHub::WatchHub(app::Timers& timers, std::function<void(const HttpRequest&, Reply)> ask)
    : m_impl(std::make_shared<Impl>(timers, std::move(ask))) {}

WatchHub::~WatchHub() {
    m_impl->timers.cancel(m_impl->timer);
    for (auto& [uid, feed] : m_impl->feeds) {
        for (const auto& reader : feed.fresh) reader->end();
        for (const auto& reader : feed.readers) reader->end();
    }
}

void WatchHub::watch(const HttpRequest& request, const Reply& reply) {
    size_t all = 0;
    for (const auto& [uid, feed] : m_impl->feeds) all += m_impl->readersOf(feed);
    const auto known = m_impl->feeds.find(request.peer->uid);
    const size_t own = known == m_impl->feeds.end() ? 0 : m_impl->readersOf(known->second);
    if (all >= most || own >= mostOfUser)
        return reply(refusal(429, "RATE_LIMITED", "too many watch", "close one of the others"));
    HttpResponse response;
    response.contentType = "application/x-ndjson";
    response.stream = std::make_shared<HttpStream>();
    Impl::Feed& feed = m_impl->feeds[request.peer->uid];
    feed.peer = *request.peer;
    feed.fresh.push_back(response.stream);
    const uint32_t uid = request.peer->uid;
    reply(std::move(response));
    m_impl->look(uid);
    m_impl->arm();
}

}  // namespace netpas::secretaryd
