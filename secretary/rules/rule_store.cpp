#include "secretary/rules/rule_store.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "secretary/rules/json.h"
#include "secretary/rules/sentence.h"

namespace netpas::secretary::rules {

using nlohmann::json;

namespace {

constexpr const char* ruleKind = "rule";
constexpr const char* useKind = "rule-use";
constexpr const char* bookKind = "rule-book";
constexpr const char* bookId = "book";

Bytes bytesOf(const json& object) {
    const std::string text = object.dump(-1, ' ', false, json::error_handler_t::replace);
    return {text.begin(), text.end()};
}

store::DocumentChange keep(const char* kind, std::string id, const json& body) {
    return {{kind, std::move(id), bytesOf(body)}, false};
}
store::DocumentChange forget(const char* kind, RuleId id) { return {{kind, std::to_string(id.value()), {}}, true}; }

std::optional<json> parse(const store::Document& document) {
    auto parsed = parseStrictly({reinterpret_cast<const char*>(document.body.data()), document.body.size()});
    if (!parsed || !parsed->is_object()) return std::nullopt;
    return std::move(*parsed);
}

std::optional<RuleId> idFrom(const std::string& text) {
    uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size() || number == 0) return std::nullopt;
    return RuleId::from(number);
}

std::optional<SystemTime> timeAt(const json& object, const char* name) {
    const auto found = object.find(name);
    if (found == object.end() || !found->is_string()) return std::nullopt;
    return parseTimestamp(found->get_ref<const std::string&>());
}

std::optional<Rule> ruleFrom(const store::Document& document) {
    const auto id = idFrom(document.id);
    const auto object = parse(document);
    if (!id || !object) return std::nullopt;
    const auto created = timeAt(*object, "created"), changed = timeAt(*object, "changed");
    const auto text = object->find("rule");
    if (!created || !changed || text == object->end()) return std::nullopt;
    auto read = ruleFromJson(*text);
    if (!read) return std::nullopt;
    Rule rule;
    static_cast<RuleText&>(rule) = std::move(*read);
    rule.id = *id;
    rule.created = *created;
    rule.changed = *changed;
    return rule;
}

std::optional<RuleUse> useFrom(const store::Document& document) {
    const auto object = parse(document);
    if (!object) return std::nullopt;
    RuleUse use;
    const auto hits = object->find("hits"), spent = object->find("spent"), ended = object->find("ended");
    if (hits == object->end() || !hits->is_number_unsigned() || spent == object->end() || !spent->is_string() ||
        ended == object->end() || !ended->is_string()) {
        return std::nullopt;
    }
    use.hits = hits->get<uint64_t>();
    const auto amount = Money::parse(spent->get_ref<const std::string&>());
    if (!amount) return std::nullopt;
    use.spent = *amount;
    use.lastUsed = timeAt(*object, "last_used");
    for (const Ended value : {Ended::No, Ended::UsedUp, Ended::Expired, Ended::AppExited}) {
        if (*ended != name(value)) continue;
        use.ended = value;
        return use;
    }
    return std::nullopt;
}

}  // namespace

store::DocumentChange keepRule(const Rule& rule) {
    return keep(ruleKind, std::to_string(rule.id.value()),
                {{"rule", toJson(rule)}, {"created", timeText(rule.created)}, {"changed", timeText(rule.changed)}});
}

store::DocumentChange keepUse(const Rule& rule) {
    json body{
        {"hits", rule.use.hits}, {"spent", rule.use.spent.toString()}, {"ended", std::string(name(rule.use.ended))}};
    if (rule.use.lastUsed) body["last_used"] = timeText(*rule.use.lastUsed);
    return keep(useKind, std::to_string(rule.id.value()), body);
}

store::DocumentChange keepNextId(uint64_t next) { return keep(bookKind, bookId, {{"next", next}}); }
store::DocumentChange forgetRule(RuleId id) { return forget(ruleKind, id); }
store::DocumentChange forgetUse(RuleId id) { return forget(useKind, id); }

tl::expected<StoredRules, std::string> loadRules(const store::Documents& documents) {
    const auto failed = [](store::StoreError error) { return tl::unexpected(std::string(store::describe(error))); };
    const auto damaged = [](const store::Document& document) {
        return tl::unexpected("the stored " + document.kind + " " + document.id + " cannot be read");
    };
    StoredRules stored;
    const auto rules = documents.all(ruleKind);
    if (!rules) return failed(rules.error());
    for (const store::Document& document : *rules) {
        auto rule = ruleFrom(document);
        if (!rule) return damaged(document);
        stored.nextId = std::max(stored.nextId, rule->id.value() + 1);
        stored.rules.emplace(rule->id, std::move(*rule));
    }
    const auto uses = documents.all(useKind);
    if (!uses) return failed(uses.error());
    for (const store::Document& document : *uses) {
        const auto id = idFrom(document.id);
        const auto use = useFrom(document);
        if (!id || !use) return damaged(document);
        if (const auto rule = stored.rules.find(*id); rule != stored.rules.end()) rule->second.use = *use;
    }
    const auto book = documents.all(bookKind);
    if (!book) return failed(book.error());
    for (const store::Document& document : *book) {
        const auto object = parse(document);
        if (!object || !object->contains("next") || !(*object)["next"].is_number_unsigned()) return damaged(document);
        stored.nextId = std::max(stored.nextId, (*object)["next"].get<uint64_t>());
    }
    return stored;
}

}  // namespace netpas::secretary::rules
