#include "secretary/rules/index.h"

#include <algorithm>
#include <utility>

#include "secretary/rules/match.h"
#include "secretary/rules/sentence.h"

namespace netpas::secretary::rules {

namespace {

// Values of texts, as small numbers. 0 stands for "any" in a rule and for "in no rule" in a request.
using Token = uint32_t;

enum Field : uint8_t { Purpose, Payee, Contact, Group, App, User, Node, Site, Sites, Isp, fieldCount };
constexpr size_t plainFields = Site;  // those that are compared text by text

// What one text, number or site says about how narrow a rule is.
constexpr std::array<uint32_t, fieldCount> narrowness{2, 9, 8, 4, 5, 3, 3, 7, 4, 1};

const std::string& textOf(const SpendRequest& request, size_t field) {
    switch (static_cast<Field>(field)) {
    case Purpose: return request.purpose;
    case Payee: return request.payee;
    case Contact: return request.contact;
    case Group: return request.group;
    case App: return request.app;
    case User: return request.user;
    case Node: return request.node;
    case Site:
    case Sites: return request.domain;
    case Isp:
    case fieldCount: break;
    }
    static const std::string none;
    return none;
}

const std::optional<std::string>& textOf(const Match& match, size_t field) {
    switch (static_cast<Field>(field)) {
    case Purpose: return match.purpose;
    case Payee: return match.payee;
    case Contact: return match.contact;
    case Group: return match.group;
    case App: return match.app;
    case User: return match.user;
    case Node: return match.node;
    case Site:
    case Sites: return match.domain;
    case Isp:
    case fieldCount: break;
    }
    static const std::optional<std::string> none;
    return none;
}

// Applications and people spell one purpose in several ways: "films", "Film", "video calls".
std::string oneSpelling(const std::string& purpose) {
    std::string lower = purpose;
    for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return purposeNamed(lower);
}

bool isPattern(const Match& match) { return match.domain && match.domain->starts_with("*."); }

// What does not depend on the request; the greater decides.
struct Rank {
    int32_t priority = 0;
    Specificity specificity;
    uint64_t brevity = 0;
    friend auto operator<=>(const Rank&, const Rank&) = default;
};

uint64_t brevity(const Lifetime& lifetime) {
    switch (lifetime.kind) {
    case Lifetime::Kind::Once: return UINT64_MAX;
    case Lifetime::Kind::AppExit: return UINT64_MAX - 1;
    case Lifetime::Kind::Until:
        // Earlier is shorter; the bias makes every time positive.
        return (uint64_t{1} << 63) - static_cast<uint64_t>(lifetime.until.time_since_epoch().count());
    case Lifetime::Kind::Always: return 0;
    }
    return 0;
}

Rank rankOf(const Rule& rule) { return {rule.priority, specificity(rule.match), brevity(rule.lifetime)}; }

struct Entry {
    Rank rank;
    std::array<Token, plainFields> texts{};
    Token site = 0;   // exact …
    Token sites = 0;  // … or this and everything below
    int32_t isp = -1;
    const Rule* rule = nullptr;
    const TimeZone* zone = nullptr;
};

uint64_t bucketKey(Field field, uint64_t value) { return uint64_t{field} << 56 | value; }
constexpr uint64_t anyBucket = uint64_t{fieldCount} << 56;

struct TextHash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

class Tokens {
public:
    Token take(std::string_view text) {
        const auto found = m_tokens.try_emplace(std::string(text), Use{m_next, 0}).first;
        if (found->second.count++ == 0) ++m_next;
        return found->second.token;
    }
    void giveBack(std::string_view text) {
        const auto found = m_tokens.find(text);
        if (found != m_tokens.end() && --found->second.count == 0) m_tokens.erase(found);
    }
    [[nodiscard]] Token find(std::string_view text) const {
        const auto found = m_tokens.find(text);
        return found == m_tokens.end() ? 0 : found->second.token;
    }

private:
    struct Use {
        Token token;
        uint32_t count;
    };
    std::unordered_map<std::string, Use, TextHash, std::equal_to<>> m_tokens;
    Token m_next = 1;
};

// A request in tokens.
struct Question {
    std::array<Token, plainFields> texts{};
    Token site = 0;
    std::vector<Token> sites;  // it and its parents, those that rules name
    const SpendRequest& request;
    SystemTime now;
    const BudgetLeft& budgetLeft;
};

bool applies(const Entry& entry, const Question& question) {
    for (size_t i = 0; i < plainFields; ++i) {
        if (entry.texts[i] != 0 && entry.texts[i] != question.texts[i]) return false;
    }
    if (entry.site != 0 && entry.site != question.site) return false;
    if (entry.sites != 0 &&
        std::find(question.sites.begin(), question.sites.end(), entry.sites) == question.sites.end()) {
        return false;
    }
    const SpendRequest& request = question.request;
    const Rule& rule = *entry.rule;
    if (entry.isp >= 0 && std::find(request.isps.begin(), request.isps.end(),
                                    IspId{static_cast<uint16_t>(entry.isp)}) == request.isps.end()) {
        return false;
    }
    if (rule.grant.unit && *rule.grant.unit != request.unit) return false;
    if (rule.lifetime.kind == Lifetime::Kind::Until && rule.lifetime.until <= question.now) return false;
    if (rule.lifetime.kind == Lifetime::Kind::AppExit && rule.lifetime.process != request.process) {
        // Another instance of the app. Where the agent does not say which one it is, nothing is granted.
        if (request.process != 0 || rule.grant.action == Action::Allow) return false;
    }
    if (!rule.match.schedule) return true;
    if (entry.zone == nullptr) return rule.grant.action != Action::Allow;
    return scheduleIsOpen(*rule.match.schedule, *entry.zone, question.now);
}

Judgement judge(const Entry& entry, const Question& question) {
    const Rule& rule = *entry.rule;
    const Grant& grant = rule.grant;
    switch (grant.action) {
    case Action::Ask: return {&rule, Outcome::Ask, Cause::Says};
    case Action::Deny: return {&rule, Outcome::Deny, Cause::Says};
    case Action::Allow: break;
    }
    const Outcome beyond = grant.above == Beyond::Ask ? Outcome::Ask : Outcome::Deny;
    if (!grant.quality.empty() && grant.quality != question.request.quality)
        return {&rule, beyond, Cause::OtherQuality};
    if (grant.upTo && question.request.price > *grant.upTo) return {&rule, beyond, Cause::AboveLimit};
    if (rule.budget && question.budgetLeft) {
        const auto left = question.budgetLeft(rule);
        if (left && question.request.worstCase > *left) return {&rule, beyond, Cause::OverBudget};
    }
    return {&rule, Outcome::Allow, Cause::Within};
}

struct Judged {
    Rank rank;
    Judgement judgement;
    [[nodiscard]] bool before(const Judged& other) const { return advantageOver(other) != Advantage::Alone; }
    // How this one comes before the other; Alone when it does not.
    [[nodiscard]] Advantage advantageOver(const Judged& other) const {
        if (rank.priority != other.rank.priority)
            return first(rank.priority > other.rank.priority, Advantage::Priority);
        if (rank.specificity != other.rank.specificity) {
            return first(rank.specificity > other.rank.specificity, Advantage::Specificity);
        }
        if (rank.brevity != other.rank.brevity) return first(rank.brevity > other.rank.brevity, Advantage::Lifetime);
        if (judgement.outcome != other.judgement.outcome) {
            return first(judgement.outcome > other.judgement.outcome, Advantage::Strictness);
        }
        return first(judgement.rule->id > other.judgement.rule->id, Advantage::Newest);
    }
    static Advantage first(bool is, Advantage how) { return is ? how : Advantage::Alone; }
};

}  // namespace

struct RuleIndex::Impl {
    Tokens tokens;
    std::unordered_map<uint64_t, std::vector<Entry>> buckets;
    std::unordered_map<uint64_t, uint64_t> bucketOf;  // by rule

    Entry entryOf(const Rule& rule, const TimeZone* zone) {
        Entry entry;
        entry.rank = rankOf(rule);
        for (size_t i = 0; i < plainFields; ++i) {
            const auto& text = textOf(rule.match, i);
            if (text) entry.texts[i] = tokens.take(i == Purpose ? oneSpelling(*text) : *text);
        }
        if (rule.match.domain) {
            const bool pattern = isPattern(rule.match);
            (pattern ? entry.sites : entry.site) =
                tokens.take(std::string_view(*rule.match.domain).substr(pattern ? 2 : 0));
        }
        if (rule.match.isp) entry.isp = rule.match.isp->value();
        entry.rule = &rule;
        entry.zone = zone;
        return entry;
    }

    [[nodiscard]] uint64_t smallestBucket(const Entry& entry) const {
        uint64_t smallest = anyBucket;
        size_t least = SIZE_MAX;
        const auto consider = [&](Field field, uint64_t value) {
            const uint64_t key = bucketKey(field, value);
            const auto found = buckets.find(key);
            const size_t size = found == buckets.end() ? 0 : found->second.size();
            if (size < least) {
                least = size;
                smallest = key;
            }
        };
        for (size_t i = 0; i < plainFields; ++i) {
            if (entry.texts[i] != 0) consider(static_cast<Field>(i), entry.texts[i]);
        }
        if (entry.site != 0) consider(Site, entry.site);
        if (entry.sites != 0) consider(Sites, entry.sites);
        if (entry.isp >= 0) consider(Isp, static_cast<uint64_t>(entry.isp));
        return smallest;
    }

    void look(uint64_t key, const Question& question, Judged& best, Judged& second) const {
        const auto found = buckets.find(key);
        if (found == buckets.end()) return;
        for (const Entry& entry : found->second) {
            if (second.judgement.rule != nullptr && entry.rank < second.rank) return;
            if (!applies(entry, question)) continue;
            Judged judged{entry.rank, judge(entry, question)};
            if (best.judgement.rule == nullptr || judged.before(best)) std::swap(judged, best);
            // What was not, or no longer, the best may be the second.
            if (judged.judgement.rule == nullptr) continue;
            if (second.judgement.rule == nullptr || judged.before(second)) second = judged;
        }
    }
};

std::string_view name(Outcome outcome) {
    switch (outcome) {
    case Outcome::None: return "none";
    case Outcome::Allow: return "allow";
    case Outcome::Ask: return "ask";
    case Outcome::Deny: return "deny";
    }
    return "";
}

Specificity specificity(const Match& match) {
    Specificity found;
    const auto add = [&](uint32_t narrow) {
        ++found.named;
        found.narrowness += narrow * 256;
    };
    for (size_t i = 0; i < plainFields; ++i) {
        if (textOf(match, i)) add(narrowness[i]);
    }
    if (match.domain) {
        add(narrowness[isPattern(match) ? Sites : Site]);
        // *.a.example.net is narrower than *.example.net.
        if (isPattern(match)) {
            found.narrowness += static_cast<uint32_t>(std::count(match.domain->begin(), match.domain->end(), '.'));
        }
    }
    if (match.isp) add(narrowness[Isp]);
    if (match.schedule) add(1);
    return found;
}

RuleIndex::RuleIndex() : m_impl(std::make_unique<Impl>()) {}
RuleIndex::~RuleIndex() = default;
RuleIndex::RuleIndex(RuleIndex&&) noexcept = default;
RuleIndex& RuleIndex::operator=(RuleIndex&&) noexcept = default;

void RuleIndex::add(const Rule& rule, const TimeZone* zone) {
    const Entry entry = m_impl->entryOf(rule, zone);
    const uint64_t key = m_impl->smallestBucket(entry);
    m_impl->bucketOf[rule.id.value()] = key;
    std::vector<Entry>& bucket = m_impl->buckets[key];
    const auto place = std::upper_bound(bucket.begin(), bucket.end(), entry,
                                        [](const Entry& a, const Entry& b) { return a.rank > b.rank; });
    bucket.insert(place, entry);
}

void RuleIndex::remove(const Rule& rule) {
    const auto where = m_impl->bucketOf.find(rule.id.value());
    if (where == m_impl->bucketOf.end()) return;
    const auto bucket = m_impl->buckets.find(where->second);
    std::erase_if(bucket->second, [&](const Entry& entry) { return entry.rule == &rule; });
    if (bucket->second.empty()) m_impl->buckets.erase(bucket);
    m_impl->bucketOf.erase(where);
    for (size_t i = 0; i < plainFields; ++i) {
        const auto& text = textOf(rule.match, i);
        if (text) m_impl->tokens.giveBack(i == Purpose ? oneSpelling(*text) : *text);
    }
    if (rule.match.domain) {
        m_impl->tokens.giveBack(std::string_view(*rule.match.domain).substr(isPattern(rule.match) ? 2 : 0));
    }
}

Decision RuleIndex::find(const SpendRequest& request, SystemTime now, const BudgetLeft& budgetLeft) const {
    const Impl& impl = *m_impl;
    Question question{{}, 0, {}, request, now, budgetLeft};
    const std::string domain = normalDomain(request.domain);
    question.site = impl.tokens.find(domain);
    for (std::string_view parent = domain; !parent.empty();) {
        if (const Token token = impl.tokens.find(parent)) question.sites.push_back(token);
        const size_t dot = parent.find('.');
        parent = dot == std::string_view::npos ? std::string_view() : parent.substr(dot + 1);
    }
    Judged best, second;
    const auto look = [&](uint64_t key) { impl.look(key, question, best, second); };
    for (size_t i = Purpose + 1; i < plainFields; ++i) question.texts[i] = impl.tokens.find(textOf(request, i));
    question.texts[Purpose] = impl.tokens.find(oneSpelling(request.purpose));
    for (size_t i = 0; i < plainFields; ++i) {
        if (question.texts[i] != 0) look(bucketKey(static_cast<Field>(i), question.texts[i]));
    }
    if (question.site != 0) look(bucketKey(Site, question.site));
    for (const Token token : question.sites) look(bucketKey(Sites, token));
    for (size_t i = 0; i < request.isps.size(); ++i) {
        // An ISP that occurs twice must not make a rule its own runner-up.
        const auto here = request.isps.begin() + static_cast<std::ptrdiff_t>(i);
        if (std::find(request.isps.begin(), here, *here) == here) look(bucketKey(Isp, here->value()));
    }
    look(anyBucket);
    Decision decision{best.judgement, second.judgement, Advantage::Alone};
    if (second.judgement.rule != nullptr) decision.advantage = best.advantageOver(second);
    return decision;
}

}  // namespace netpas::secretary::rules
