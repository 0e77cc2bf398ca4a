#include "app/secretary/mesh_settings.h"

#include <nlohmann/json.hpp>
#include <string>

#include "core/agreement/terms.h"

namespace netpas::secretaryd {

using nlohmann::json;

namespace {

constexpr const char* settingKind = "mesh";
constexpr const char* settingId = "settings";

const char* text(MeshBuys buys) {
    switch (buys) {
    case MeshBuys::Nothing: return "nothing";
    case MeshBuys::Best: return "best";
    case MeshBuys::Every: return "every";
    case MeshBuys::Routes: return "routes";
    }
    return "";
}

json priceJson(const std::optional<Money>& price) { return price ? json(price->toString()) : json(nullptr); }

void readPrice(JsonFields& fields, const json& object, const char* name, std::optional<Money>& into, bool mayBeNull) {
    if (fields.get(name) == nullptr) {
        if (mayBeNull && object.is_object() && object.contains(name)) into.reset();
        return;
    }
    into = fields.money(name, true);
    if (*into > agreement::maxPricePerKb)
        fields.fail(std::string(name) + " is above $0.001 per kB, a thousand dollars a gigabyte",
                    "such as \"0.000001\"");
}

void readMoney(JsonFields& fields, const char* name, Money& into) {
    if (fields.get(name) != nullptr) into = fields.money(name, true);
}

void readSeconds(JsonFields& fields, const char* name, std::chrono::seconds& into, std::chrono::seconds least,
                 std::chrono::seconds most) {
    if (fields.get(name) == nullptr) return;
    into = std::chrono::seconds(fields.number(name, static_cast<uint64_t>(most.count())));
    if (into < least) fields.fail(std::string(name) + " is at least " + std::to_string(least.count()));
}

}  // namespace

json meshSettingsJson(const MeshSettings& settings) {
    return {{"upstream_per_kb", priceJson(settings.asks.upstream)},
            {"downstream_per_kb", priceJson(settings.asks.downstream)},
            {"notice_s", settings.notice.count()},
            {"accept", settings.acceptsAlone ? "automatic" : "ask"},
            {"credit", settings.credit.toString()},
            {"automatic", text(settings.buys)},
            {"most_upstream_per_kb", priceJson(settings.most.upstream)},
            {"most_downstream_per_kb", priceJson(settings.most.downstream)},
            {"limit", settings.limit.toString()},
            {"pay_at", settings.payAt.toString()},
            {"close_at", settings.closeAt.toString()},
            {"lifetime_s", settings.lifetime.count()},
            {"interval_s", settings.interval.count()}};
}

tl::expected<MeshSettings, BadField> meshSettingsFromJson(const json& object, const MeshSettings& before) {
    using namespace std::chrono_literals;
    JsonFields fields(object);
    MeshSettings next = before;
    readPrice(fields, object, "upstream_per_kb", next.asks.upstream, true);
    readPrice(fields, object, "downstream_per_kb", next.asks.downstream, true);
    readPrice(fields, object, "most_upstream_per_kb", next.most.upstream, false);
    readPrice(fields, object, "most_downstream_per_kb", next.most.downstream, false);
    readSeconds(fields, "notice_s", next.notice, 0s, std::chrono::seconds(UINT16_MAX));
    if (const std::string accept = fields.text("accept"); !accept.empty()) {
        if (accept != "automatic" && accept != "ask") fields.fail("accept is automatic or ask");
        next.acceptsAlone = accept == "automatic";
    }
    if (const std::string automatic = fields.text("automatic"); !automatic.empty()) {
        bool known = false;
        for (const MeshBuys buys : {MeshBuys::Nothing, MeshBuys::Best, MeshBuys::Every, MeshBuys::Routes}) {
            if (automatic != text(buys)) continue;
            next.buys = buys;
            known = true;
        }
        if (!known) fields.fail("automatic is nothing, best, every or routes");
    }
    readMoney(fields, "credit", next.credit);
    readMoney(fields, "limit", next.limit);
    readMoney(fields, "pay_at", next.payAt);
    readMoney(fields, "close_at", next.closeAt);
    readSeconds(fields, "lifetime_s", next.lifetime, agreement::minLifetime, agreement::maxLifetime);
    readSeconds(fields, "interval_s", next.interval, 1s, agreement::maxInterval);
    if (next.payAt <= Money::zero() || next.closeAt <= next.payAt || next.limit < next.closeAt)
        fields.fail("pay_at, close_at and limit must be above zero and ascend",
                    "for example pay_at 0.001, close_at 0.005, limit 0.1");
    if (auto problem = fields.problem()) return tl::unexpected(std::move(*problem));
    return next;
}

tl::expected<MeshSettings, store::StoreError> loadMeshSettings(const store::Documents& documents) {
    const auto kept = documents.all(settingKind);
    if (!kept) return tl::unexpected(kept.error());
    for (const store::Document& one : *kept) {
        if (one.id != settingId) continue;
        const json object = json::parse(one.body.begin(), one.body.end(), nullptr, false);
        auto settings = meshSettingsFromJson(object, {});
        if (!settings) return tl::unexpected(store::StoreError::Damaged);
        return *settings;
    }
    return MeshSettings{};
}

tl::expected<void, store::StoreError> keepMeshSettings(store::Documents& documents, const MeshSettings& settings) {
    const std::string body = meshSettingsJson(settings).dump();
    return documents.put({settingKind, settingId, Bytes(body.begin(), body.end())});
}

}  // namespace netpas::secretaryd
