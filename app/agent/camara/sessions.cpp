#include "app/agent/camara/sessions.h"

#include <algorithm>
#include <utility>

#include "app/agent/camara/profiles.h"
#include "app/agent/camara/sessions_impl.h"
#include "app/agent/camara/words.h"
#include "cartographer/cache_file.h"

namespace netpas::agent::camara {

using net::HttpResponse;
using nlohmann::json;

namespace {

constexpr std::chrono::milliseconds tidyEvery{60'000};

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
