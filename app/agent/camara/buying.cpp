#include <algorithm>
#include <utility>

#include "app/agent/camara/profiles.h"
#include "app/agent/camara/sessions_impl.h"
#include "app/agent/network_json.h"

namespace netpas::agent::camara {

using net::HttpRequest;
using net::HttpResponse;
using nlohmann::json;

std::string textIn(const json& object, const char* name) {
    const auto found = object.is_object() ? object.find(name) : object.end();
    return object.is_object() && found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

namespace {

constexpr const char* notApplicable = "QUALITY_ON_DEMAND.QOS_PROFILE_NOT_APPLICABLE";

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

}  // namespace

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

}  // namespace netpas::agent::camara
