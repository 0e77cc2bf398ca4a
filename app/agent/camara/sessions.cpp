#include "app/agent/camara/sessions.h"

#include <algorithm>
#include <set>
#include <utility>

#include "app/agent/camara/profiles.h"
#include "app/agent/camara/words.h"
#include "app/agent/network_json.h"
#include "cartographer/cache_file.h"

namespace netpas::agent::camara {

using net::HttpRequest;
using net::HttpResponse;
using nlohmann::json;

namespace {

constexpr const char* notApplicable = "QUALITY_ON_DEMAND.QOS_PROFILE_NOT_APPLICABLE";
constexpr std::chrono::milliseconds tidyEvery{60'000};

std::string textIn(const json& object, const char* name) {
    const auto found = object.is_object() ? object.find(name) : object.end();
    return object.is_object() && found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

// Why it was not sold, in CAMARA's words; nothing: it was asked for properly and the network does not do it.
std::optional<Fault> faultOf(const HttpResponse& response, const json& body) {
    const std::string code = textIn(body, "code"), message = textIn(body, "message");
    if (code == "QUOTA_EXCEEDED" || code == "INSUFFICIENT_BALANCE")
        return Fault{429, "QUOTA_EXCEEDED", "The owner's budget does not allow it: " + message};
    if (code == "RATE_LIMITED" || response.status == 429) return Fault{429, "TOO_MANY_REQUESTS", message};
    if (code == "NO_OFFER" || code == "NOT_JOINED") return Fault{422, notApplicable, message};
    if (code == "CONFLICT") return Fault{409, "CONFLICT", message};
    if (code == "ISP_REFUSED") return std::nullopt;
    if (response.status == 403) return Fault{403, "PERMISSION_DENIED", "The owner does not allow it: " + message};
    if (response.status == 400) return Fault{400, "INVALID_ARGUMENT", message};
    return std::nullopt;
}

std::optional<Fault> faultOf(const cartographer::Failure& why) {
    using cartographer::CartographerError;
    switch (why.error) {
    case CartographerError::NotJoined:
    case CartographerError::BadUrl:
    case CartographerError::NoPath:
    case CartographerError::NoSuchClass:
    case CartographerError::NoSuchPayee:
    case CartographerError::UnknownIsp:
    case CartographerError::PriceTooHigh: return Fault{422, notApplicable, why.detail};
    case CartographerError::Unreachable:
    case CartographerError::Untrusted:
    case CartographerError::ClockBehind:
    case CartographerError::CannotStore: return std::nullopt;
    }
    return std::nullopt;
}

Money amountIn(const json& object, const char* name) {
    const auto amount = Money::parse(textIn(object, name));
    return amount ? *amount : Money::zero();
}

// What a purchase that is over cost; before it is settled, what was sent, which is never less.
Money costOf(const json& purchase) {
    if (!textIn(purchase, "charged").empty()) return amountIn(purchase, "charged");
    return amountIn(purchase.value("sent", json::object()), "amount");
}

enum class Standing { Waiting, Active, Over, Elapsed };

Standing standingOf(const json& purchase) {
    const std::string state = textIn(purchase, "state");
    if (state == "active") return Standing::Active;
    if (state == "requested" || state == "reserved" || state == "key ready" || state == "published")
        return Standing::Waiting;
    return textIn(purchase, "reason") == "duration over" ? Standing::Elapsed : Standing::Over;
}

}  // namespace

struct Sessions::Impl : std::enable_shared_from_this<Impl> {
    explicit Impl(SessionsContext given) : context(std::move(given)) {}

    struct Entry {
        Session session;
        bool making = true;   // nobody has been told of it yet
        bool busy = false;    // its purchases are being looked at or renewed
        int32_t process = 0;  // that asks while it is being made
    };
    // What became of buying flows.
    struct Outcome {
        std::optional<Fault> fault;
        bool sold = true;
        bool pending = false;
        std::string trouble;
    };
    using Bought = std::function<void(const Outcome&)>;

    SessionsContext context;
    std::map<std::string, Entry> all;
    app::Timers::Id timer = 0;

    [[nodiscard]] SystemTime now() const { return context.clock.now(); }
    Entry* entry(const std::string& id) {
        const auto found = all.find(id);
        return found == all.end() ? nullptr : &found->second;
    }
    void load();
    void store() const;
    void ask(const Entry& entry, const std::string& method, const std::string& path, const json& body,
             const std::string& key, std::function<void(const HttpResponse&, const json&)> done);

    [[nodiscard]] std::optional<Fault> objection(const Session& session) const;
    void buyFlow(const std::string& id, size_t index, bool onlyThis, Bought done);
    void buyOffer(const std::string& id, size_t index, bool onlyThis, Bought done);
    void bought(const std::string& id, size_t index, bool onlyThis, const HttpResponse& response, const json& body,
                Bought done);
    void undo(uint32_t uid, const std::string& purchase);
    void made(const std::string& id, const Outcome& outcome, const Done& done);
    void stopPurchases(const Entry& entry, std::function<void()> done);

    void available(Session& session);
    void end(Entry& entry, StatusInfo info, const std::string& trouble);
    void tell(const Session& session) const;

    void arm();
    void look();
    void judge(const std::string& id, const std::map<std::string, json>& open);
    void judged(const std::string& id, size_t index, const json& purchase);
    void renew(const std::string& id, size_t index);
};

// --- file

void Sessions::Impl::load() {
    const auto text = cartographer::readCacheFile(context.file);
    const json kept = text ? json::parse(*text, nullptr, false) : json();
    for (const json& one : kept.is_array() ? kept : json::array()) {
        auto session = keptFrom(one);
        if (!session || all.size() >= most) continue;
        const std::string id = session->id;
        all[id] = Entry{std::move(*session), false, false, 0};
    }
    arm();
}

void Sessions::Impl::store() const {
    json kept = json::array();
    for (const auto& [id, entry] : all) {
        if (!entry.making) kept.push_back(keptJson(entry.session));
    }
    (void)cartographer::writeCacheFile(context.file, kept.dump(-1, ' ', false, json::error_handler_t::replace));
}

// --- buying

void Sessions::Impl::ask(const Entry& entry, const std::string& method, const std::string& path, const json& body,
                         const std::string& key, std::function<void(const HttpResponse&, const json&)> done) {
    HttpRequest request;
    request.method = method;
    request.path = path;
    request.headers = {{"Host", "netpas"}};
    if (!key.empty()) request.headers.push_back({"Idempotency-Key", key});
    if (!body.is_null()) request.body = body.dump();
    request.peer = net::PeerCredentials{entry.session.uid, entry.session.uid, entry.process};
    context.secretary(request, [weak = weak_from_this(), done = std::move(done)](const HttpResponse& response) {
        if (weak.lock()) done(response, json::parse(response.body, nullptr, false));
    });
}

std::optional<Fault> Sessions::Impl::objection(const Session& session) const {
    size_t ofUser = 0, ofOwner = 0;
    for (const auto& [id, other] : all) {
        ofUser += other.session.uid == session.uid ? 1U : 0U;
        ofOwner += other.session.owner == session.owner ? 1U : 0U;
        if (other.session.ended()) continue;
        for (const SessionFlow& theirs : other.session.flows) {
            for (const SessionFlow& ours : session.flows) {
                if (overlap(theirs.flow, ours.flow))
                    return Fault{409, "CONFLICT", "A session for this device and these flows exists already."};
            }
        }
    }
    if (all.size() >= most || ofUser >= mostOfUser || ofOwner >= mostOfOwner)
        return Fault{429, "QUOTA_EXCEEDED", "Too many sessions: delete some, also those that are over."};
    return std::nullopt;
}

// Chooses an offer for flow `index` and asks for it, then for those behind it.
void Sessions::Impl::buyFlow(const std::string& id, size_t index, bool onlyThis, Bought done) {
    const Entry* const one = entry(id);
    if (one == nullptr) return done({Fault{404, "NOT_FOUND", "The session is gone."}, false, false, {}});
    const IpPrefix to = *one->session.flows[index].flow.remote;
    context.cartographer.survey(to.address(), [weak = weak_from_this(), id, index, onlyThis, to,
                                               done = std::move(done)](const auto& survey) {
        const auto self = weak.lock();
        Entry* const asked = self ? self->entry(id) : nullptr;
        if (asked == nullptr) return;
        if (!survey) return done({faultOf(survey.error()), false, false, survey.error().detail});
        constexpr std::chrono::seconds held{300};
        const IpPrefix& known = survey->paths.prefix;
        if (to.length() < known.length() || !known.contains(to.address()))
            return done(
                {Fault{422, notApplicable,
                       "The way is known to " + known.toString() + " only, not to all of " + to.toString() + "."},
                 false,
                 false,
                 {}});
        const auto offers = cartographer::offersFrom(to.address(), *survey, sessionBitPerSecond, self->now(), held);
        SessionFlow& flow = asked->session.flows[index];
        const auto* const offer = offerFor(asked->session.profile, offers.offers);
        if (offer != nullptr) {
            flow.offer = offer->id.toString();
            flow.perMinute = perMinuteAtMost(*offer, sessionBitPerSecond);
        }
        if (offer == nullptr || !flow.perMinute)
            return done({Fault{422, notApplicable,
                               offers.none ? offers.none->detail : "Nothing of this profile is sold on the way there."},
                         false,
                         false,
                         {}});
        self->buyOffer(id, index, onlyThis, done);
    });
}

void Sessions::Impl::buyOffer(const std::string& id, size_t index, bool onlyThis, Bought done) {
    Entry* const one = entry(id);
    if (one == nullptr) return;
    Session& session = one->session;
    const std::string key = "camara-" + id + "-" + std::to_string(index) + "-" + std::to_string(session.parts++);
    uint32_t seconds = session.duration;
    if (session.expires) {
        const auto left = std::chrono::ceil<std::chrono::seconds>(*session.expires - now()).count();
        seconds = static_cast<uint32_t>(std::max<int64_t>(left, 1));
    }
    const auto cap = allow(session.flows[index], session.duration);
    if (!cap) return done({std::nullopt, false, false, "all that the session may cost is spent"});
    ask(*one, "POST", "/v1/purchases", orderJson(session.flows[index], seconds, *cap), key,
        [this, id, index, onlyThis, uid = session.uid, done = std::move(done)](const HttpResponse& response,
                                                                               const json& body) {
            if (entry(id) != nullptr) return bought(id, index, onlyThis, response, body, done);
            // Removed meanwhile: nobody else would end it.
            if (response.status == 200 || response.status == 202) undo(uid, textIn(body, "id"));
        });
}

void Sessions::Impl::bought(const std::string& id, size_t index, bool onlyThis, const HttpResponse& response,
                            const json& body, Bought done) {
    Entry* const one = entry(id);
    const std::string purchase = textIn(body, "id");
    const bool sold = response.status == 200 || response.status == 202;
    if (!sold) return done({faultOf(response, body), false, false, textIn(body, "message")});
    SessionFlow& flow = one->session.flows[index];
    flow.purchase = purchase;
    flow.active = response.status == 200;
    const bool pending = response.status == 202;
    if (onlyThis || index + 1 >= one->session.flows.size()) return done({std::nullopt, true, pending, {}});
    buyFlow(id, index + 1, false, [pending, done = std::move(done)](Outcome rest) {
        rest.pending = rest.pending || pending;
        done(rest);
    });
}

void Sessions::Impl::undo(uint32_t uid, const std::string& purchase) {
    Entry nobody;
    nobody.session.uid = uid;
    ask(nobody, "DELETE", "/v1/purchases/" + purchase, nullptr, {}, [](const HttpResponse&, const json&) {});
}

void Sessions::Impl::stopPurchases(const Entry& entry, std::function<void()> done) {
    auto left = std::make_shared<size_t>(1);
    const auto finished = [left, done = std::move(done)] {
        if (--*left == 0 && done) done();
    };
    for (const SessionFlow& flow : entry.session.flows) {
        if (flow.purchase.empty()) continue;
        ++*left;
        ask(entry, "DELETE", "/v1/purchases/" + flow.purchase, nullptr, {},
            [finished](const HttpResponse&, const json&) { finished(); });
    }
    finished();
}

void Sessions::Impl::made(const std::string& id, const Outcome& outcome, const Done& done) {
    Entry* const one = entry(id);
    if (one == nullptr) return;
    one->making = false;
    one->process = 0;
    if (!outcome.sold) stopPurchases(*one, {});
    if (outcome.fault) {
        all.erase(id);
        return done(tl::unexpected(*outcome.fault));
    }
    Session& session = one->session;
    if (!outcome.sold) {
        end(*one, StatusInfo::NetworkTerminated, outcome.trouble);
    } else if (!outcome.pending) {
        available(session);
    }
    store();
    arm();
    done(session);
}

// --- states

void Sessions::Impl::available(Session& session) {
    session.status = QosStatus::Available;
    session.started = now();
    session.expires = *session.started + std::chrono::seconds(session.duration);
    tell(session);
}

void Sessions::Impl::end(Entry& entry, StatusInfo info, const std::string& trouble) {
    Session& session = entry.session;
    const SystemTime start = session.started.value_or(now());
    session.status = QosStatus::Unavailable;
    session.info = info;
    session.trouble = trouble;
    session.expires = now();
    const auto lasted = std::chrono::duration_cast<std::chrono::seconds>(now() - start).count();
    session.duration = static_cast<uint32_t>(std::clamp<int64_t>(lasted, 1, INT32_MAX));
    tell(session);
    session.credential.reset();  // of no use any more
}

void Sessions::Impl::tell(const Session& session) const {
    if (session.sink.empty() || !context.notify) return;
    const bool may = session.credential && session.credential->expires > now();
    context.notify({session.uid, session.sink, may ? session.credential->token : "",
                    eventJson(session, now()).dump(-1, ' ', false, json::error_handler_t::replace), newUuid()});
}

// --- looking after them

void Sessions::Impl::arm() {
    context.timers.cancel(std::exchange(timer, 0));
    if (all.empty()) return;
    const bool live = std::any_of(all.begin(), all.end(), [](const auto& one) { return !one.second.session.ended(); });
    timer = context.timers.after(live ? lookEvery : tidyEvery, [weak = weak_from_this()] {
        if (const auto self = weak.lock()) self->look();
    });
}

void Sessions::Impl::look() {
    timer = 0;
    const size_t before = all.size();
    std::erase_if(all, [this](const auto& one) {
        const Session& session = one.second.session;
        return session.ended() && session.expires && *session.expires + keptAfterEnd < now();
    });
    if (all.size() != before) store();
    std::map<uint32_t, std::vector<std::string>> byUser;
    for (const auto& [id, one] : all) {
        if (!one.making && !one.busy && !one.session.ended()) byUser[one.session.uid].push_back(id);
    }
    for (const auto& [uid, ids] : byUser) {
        ask(all.at(ids.front()), "GET", "/v1/purchases", nullptr, {},
            [this, ids = ids](const HttpResponse& response, const json& body) {
                // Without a secretary nothing is known, and nothing is paid for.
                if (response.status != 200 || !body.is_object() || !body.contains("purchases")) return;
                std::map<std::string, json> open;
                for (const json& one : body["purchases"]) open[textIn(one, "id")] = one;
                for (const std::string& id : ids) judge(id, open);
            });
    }
    arm();
}

void Sessions::Impl::judge(const std::string& id, const std::map<std::string, json>& open) {
    Entry* const one = entry(id);
    if (one == nullptr || one->busy || one->session.ended()) return;
    Session& session = one->session;
    for (size_t index = 0; index < session.flows.size(); ++index) {
        SessionFlow& flow = session.flows[index];
        const auto found = open.find(flow.purchase);
        if (found == open.end()) {
            one->busy = true;
            return ask(*one, "GET", "/v1/purchases/" + flow.purchase, nullptr, {},
                       [this, id, index](const HttpResponse& response, const json& body) {
                           if (Entry* const asked = entry(id)) asked->busy = false;
                           if (response.status == 200 || response.status == 404) judged(id, index, body);
                       });
        }
        const Standing standing = standingOf(found->second);
        if (standing == Standing::Over || standing == Standing::Elapsed) return judged(id, index, found->second);
        flow.active = standing == Standing::Active;
    }
    const bool ready = std::all_of(session.flows.begin(), session.flows.end(), [](const auto& f) { return f.active; });
    if (!ready || session.status != QosStatus::Requested) return;
    available(session);
    store();
}

// One of its purchases is over.
void Sessions::Impl::judged(const std::string& id, size_t index, const json& purchase) {
    Entry* const one = entry(id);
    if (one == nullptr || one->session.ended()) return;
    const bool elapsed = standingOf(purchase) == Standing::Elapsed;
    constexpr std::chrono::seconds shortest{1};
    if (elapsed && one->session.expires && *one->session.expires - now() >= shortest) {
        SessionFlow& flow = one->session.flows[index];
        if (const auto sum = checkedAdd(flow.spent, costOf(purchase))) flow.spent = *sum;
        return renew(id, index);
    }
    const std::string why = textIn(purchase, "reason"), note = textIn(purchase, "note");
    end(*one, elapsed ? StatusInfo::DurationExpired : StatusInfo::NetworkTerminated,
        elapsed ? "" : why + (note.empty() ? "" : ": " + note));
    stopPurchases(*one, {});
    store();
}

// What was extended goes on with another purchase, decided like the first.
void Sessions::Impl::renew(const std::string& id, size_t index) {
    Entry* const one = entry(id);
    one->busy = true;
    buyFlow(id, index, true, [this, id](const Outcome& outcome) {
        Entry* const renewed = entry(id);
        if (renewed == nullptr) return;
        renewed->busy = false;
        if (!outcome.sold || outcome.pending) {
            const std::string why = outcome.fault ? outcome.fault->message : outcome.trouble;
            end(*renewed, StatusInfo::NetworkTerminated, outcome.pending ? "the owner has not decided" : why);
            stopPurchases(*renewed, {});
        }
        store();
        arm();
    });
}

Sessions::Sessions(SessionsContext context) : m_impl(std::make_shared<Impl>(std::move(context))) { m_impl->load(); }
Sessions::~Sessions() { m_impl->context.timers.cancel(m_impl->timer); }

void Sessions::create(const Grant& grant, int32_t process, CreateSession wish, Done done) {
    Session session;
    session.id = newUuid();
    session.owner = grant.owner();
    session.uid = grant.uid;
    session.client = grant.client;
    if (wish.device) session.device = wish.device->identifiers.front().named;
    session.applicationServer = std::move(wish.applicationServer);
    session.devicePorts = std::move(wish.devicePorts);
    session.applicationServerPorts = std::move(wish.applicationServerPorts);
    session.profile = std::move(wish.profile);
    session.sink = std::move(wish.sink);
    session.credential = std::move(wish.credential);
    session.duration = wish.duration;
    for (const FlowMatch& flow : wish.flows) session.flows.push_back({flow, {}, {}, {}});
    if (auto why = m_impl->objection(session)) return done(tl::unexpected(std::move(*why)));
    const std::string id = session.id;
    m_impl->all[id] = Impl::Entry{std::move(session), true, false, process};
    m_impl->buyFlow(id, 0, false, [impl = m_impl.get(), id, done = std::move(done)](const Impl::Outcome& outcome) {
        impl->made(id, outcome, done);
    });
}

const Session* Sessions::find(const std::string& id) const {
    const auto found = m_impl->all.find(id);
    return found == m_impl->all.end() || found->second.making ? nullptr : &found->second.session;
}

std::vector<Session> Sessions::of(const std::string& owner) const {
    std::vector<Session> sessions;
    for (const auto& [id, one] : m_impl->all) {
        if (!one.making && one.session.owner == owner) sessions.push_back(one.session);
    }
    return sessions;
}

void Sessions::extend(const std::string& id, uint32_t seconds) {
    Impl::Entry* const one = m_impl->entry(id);
    if (one == nullptr || one->session.status != QosStatus::Available) return;
    Session& session = one->session;
    session.duration = std::min(longestSession, session.duration + std::min(seconds, longestSession));
    // What was bought ends at its own time; that is looked at then.
    session.expires = *session.started + std::chrono::seconds(session.duration);
    m_impl->store();
}

void Sessions::remove(const std::string& id, std::function<void()> done) {
    Impl::Entry* const one = m_impl->entry(id);
    if (one == nullptr) return done();
    if (one->session.status == QosStatus::Available) {
        one->session.status = QosStatus::Unavailable;
        one->session.info = StatusInfo::DeleteRequested;
        m_impl->tell(one->session);
    }
    const Impl::Entry gone = std::move(*one);
    m_impl->all.erase(id);
    m_impl->store();
    m_impl->stopPurchases(gone, std::move(done));
}

}  // namespace netpas::agent::camara
