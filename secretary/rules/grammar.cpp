#include "secretary/rules/grammar.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "core/amount.h"
#include "core/when.h"
#include "secretary/rules/match.h"
#include "secretary/rules/sentence.h"

namespace netpas::secretary::rules {

namespace {

constexpr size_t longestSentence = 2048;
constexpr const char* example = "up to 1¢ a minute for video in mpv from example.net until today";

struct Word {
    std::string text;
    std::string lower;   // for comparing; of quoted ones empty
    bool ended = false;  // a comma, semicolon or full stop follows
};

std::string lowered(std::string text) {
    for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return text;
}

std::optional<std::vector<Word>> wordsOf(std::string_view sentence) {
    std::vector<Word> words;
    for (size_t i = 0; i < sentence.size();) {
        if (sentence[i] == ' ' || sentence[i] == '\t' || sentence[i] == '\n') {
            ++i;
            continue;
        }
        if (sentence[i] == '"') {
            const size_t end = sentence.find('"', i + 1);
            if (end == std::string_view::npos) return std::nullopt;
            words.push_back({std::string(sentence.substr(i + 1, end - i - 1)), "", false});
            i = end + 1;
            continue;
        }
        const size_t end = std::min(sentence.find_first_of(" \t\n", i), sentence.size());
        std::string text(sentence.substr(i, end - i));
        i = end;
        const bool ended =
            text.ends_with(',') || text.ends_with(';') || (text.ends_with('.') && end == sentence.size());
        if (ended) text.pop_back();
        if (!text.empty()) {
            words.push_back({text, lowered(text), ended});
        } else if (!words.empty()) {
            words.back().ended = true;
        }
    }
    return words;
}

class SentenceParser {
public:
    SentenceParser(std::vector<Word> words, SystemTime now, const TimeZone& zone)
        : m_words(std::move(words)), m_now(now), m_zone(zone) {}

    tl::expected<RuleText, GrammarError> parse() {
        if (!verb()) return tl::unexpected(m_error);
        while (m_at < m_words.size()) {
            if (!clause()) return tl::unexpected(m_error);
        }
        return m_rule;
    }

private:
    bool fail(std::string message, std::string hint = {}) {
        if (hint.empty()) hint = "write it like \"" + std::string(example) + "\"";
        m_error = {std::move(message), std::move(hint)};
        return false;
    }
    [[nodiscard]] bool next(std::initializer_list<std::string_view> words) const {
        if (m_at + words.size() > m_words.size()) return false;
        return std::equal(words.begin(), words.end(), m_words.begin() + static_cast<std::ptrdiff_t>(m_at),
                          [](std::string_view want, const Word& word) { return word.lower == want; });
    }
    bool take(std::initializer_list<std::string_view> words) {
        if (!next(words)) return false;
        m_at += words.size();
        return true;
    }
    [[nodiscard]] bool atKeyword() const {
        static constexpr std::string_view keywords[] = {"for", "in", "with", "from",  "to",  "through", "by",
                                                        "on",  "at", "once", "until", "ask", "refuse"};
        return std::find(std::begin(keywords), std::end(keywords), m_words[m_at].lower) != std::end(keywords) ||
               atLastingAlways();
    }
    // "… always" at the end: for how long, not a part of a name.
    [[nodiscard]] bool atLastingAlways() const { return m_at + 1 == m_words.size() && next({"always"}); }
    // Words up to the next keyword or stop.
    std::optional<std::string> phrase(const char* what) {
        std::string text;
        bool any = false;
        while (m_at < m_words.size() && !(any && atKeyword())) {
            const Word& word = m_words[m_at++];
            text += (any ? " " : "") + word.text;
            any = true;
            if (word.ended) break;
        }
        if (any) return text;
        fail("there is no " + std::string(what) + " after \"" + m_words[m_at - 1].text + "\"");
        return std::nullopt;
    }
    std::optional<Money> amount() {
        if (m_at >= m_words.size()) {
            fail("there is no amount");
            return std::nullopt;
        }
        std::string text = m_words[m_at++].text;
        for (const std::string_view unit : {"cent", "cents", "dollar", "dollars"}) {
            if (take({unit})) text += " " + std::string(unit);
        }
        const auto money = parseAmount(text);
        if (!money) fail("\"" + text + "\" is no amount", "write 5¢, 5c, $1.50 or 0.05");
        return money;
    }

    bool verb() {
        Grant& grant = m_rule.grant;
        if (take({"up", "to"})) {
            grant.action = Action::Allow;
            grant.upTo = amount();
            return grant.upTo && unit();
        }
        if (take({"always"})) {
            grant.action = Action::Allow;
            if (take({"whatever", "a", "minute", "costs"})) grant.unit = PriceUnit::Minute;
            if (take({"whatever", "an", "item", "costs"})) grant.unit = PriceUnit::Item;
            return true;
        }
        if (take({"never", "pay"}) || take({"never"})) {
            grant.action = Action::Deny;
            if (take({"by", "the", "minute"})) grant.unit = PriceUnit::Minute;
            if (take({"by", "the", "item"})) grant.unit = PriceUnit::Item;
            return true;
        }
        if (take({"ask"})) {
            grant.action = Action::Ask;
            if (take({"about", "prices", "by", "the", "minute"})) grant.unit = PriceUnit::Minute;
            if (take({"about", "prices", "by", "the", "item"})) grant.unit = PriceUnit::Item;
            return true;
        }
        return fail("a rule begins with \"up to\", \"always\", \"never\" or \"ask\"");
    }
    bool unit() {
        std::optional<PriceUnit>& unit = m_rule.grant.unit;
        if (take({"a", "minute"}) || take({"per", "minute"})) unit = PriceUnit::Minute;
        if (take({"an", "item"}) || take({"per", "item"}) || take({"each"})) unit = PriceUnit::Item;
        return unit ? true : fail("a limit is \"a minute\" or \"an item\"");
    }

    bool clause() {
        Match& match = m_rule.match;
        if (take({"for"})) return purpose();
        if (take({"in", "quality"})) return set(m_rule.grant.quality, phrase("quality"));
        if (take({"in"})) return set(match.app, phrase("app"));
        if (take({"with", "contact"})) return set(match.contact, phrase("contact"));
        if (take({"with"})) return set(match.group, phrase("group"));
        if (take({"from"})) return site();
        if (take({"to"})) return set(match.payee, phrase("payee"));
        if (take({"through", "isp"})) return isp();
        if (take({"by"})) return set(match.user, phrase("user"));
        if (take({"on", "this", "machine"})) return set(match.node, std::optional<std::string>(""));
        if (take({"on"})) return set(match.node, phrase("device"));
        if (take({"at", "most"})) return budget();
        if (take({"once"})) return lifetime(Lifetime::once());
        if (atLastingAlways() && take({"always"})) return lifetime(Lifetime{});
        if (take({"until"})) return until();
        if (take({"ask"})) return beyond(Beyond::Ask);
        if (take({"refuse"})) return beyond(Beyond::Deny);
        return fail("\"" + m_words[m_at].text + "\" has no meaning here");
    }
    template <typename Target>
    bool set(Target& target, std::optional<std::string> value) {
        if (!value) return false;
        if constexpr (std::is_same_v<Target, std::optional<std::string>>) {
            if (target) return fail("\"" + *value + "\" is one too many of its kind");
        }
        target = std::move(*value);
        return true;
    }

    bool purpose() {
        auto words = phrase("purpose");
        if (!words) return false;
        if (lowered(*words) == "anything") return true;
        return set(m_rule.match.purpose, purposeNamed(*words));
    }
    bool site() {
        if (take({"any", "site"})) return true;
        auto site = phrase("site");
        if (!site) return false;
        constexpr std::string_view below = " and its sub-domains";
        const bool all = site->ends_with(below);
        if (all) site->resize(site->size() - below.size());
        std::string domain = normalDomain(*site);
        if (all) domain.insert(0, "*.");
        if (!isDomainPattern(domain))
            return fail("\"" + domain + "\" is no site", "write example.net or *.example.net");
        return set(m_rule.match.domain, std::optional(std::move(domain)));
    }
    bool isp() {
        const auto text = phrase("ISP");
        if (!text) return false;
        uint64_t number = 0;
        for (const char c : *text)
            number = c >= '0' && c <= '9' && number < 100'000 ? number * 10 + uint64_t(c - '0') : 100'000;
        const auto isp = IspId::from(number);
        if (!isp || m_rule.match.isp) return fail("\"" + *text + "\" is no ISP", "write its number");
        m_rule.match.isp = *isp;
        return true;
    }
    bool budget() {
        const auto money = amount();
        if (!money) return false;
        for (const Period period : {Period::Day, Period::Week, Period::Month}) {
            if (!take({"a", name(period)}) && !take({"per", name(period)})) continue;
            m_rule.budget = RuleBudget{*money, period};
            return true;
        }
        if (!take({"in", "all"})) return fail("a budget is for a day, a week, a month, or in all");
        m_rule.budget = RuleBudget{*money, Period::Total};
        return true;
    }
    bool lifetime(const Lifetime& lifetime) {
        if (m_rule.lifetime.kind != Lifetime::Kind::Always) return fail("a rule ends only once");
        m_rule.lifetime = lifetime;
        return true;
    }
    bool until() {
        const auto text = phrase("time");
        if (!text) return false;
        const auto when = parseWhen(*text, m_now, m_zone);
        if (!when) {
            return fail("\"" + *text + "\" is no time", "write today, tomorrow, 18:00, 2026-12-24 or 2026-12-24 18:00");
        }
        return lifetime(Lifetime::untilTime(*when));
    }
    bool beyond(Beyond above) {
        if (m_rule.grant.action != Action::Allow) return fail("only what is allowed has a limit");
        if (!take({"above", "that"}) && !take({"beyond", "that"})) take({"about", "others"});
        m_rule.grant.above = above;
        return true;
    }

    std::vector<Word> m_words;
    SystemTime m_now;
    const TimeZone& m_zone;
    size_t m_at = 0;
    RuleText m_rule;
    GrammarError m_error;
};

}  // namespace

tl::expected<RuleText, GrammarError> parseSentence(std::string_view sentence, SystemTime now, const TimeZone& zone) {
    if (sentence.size() > longestSentence)
        return tl::unexpected(GrammarError{"the sentence is too long", "shorten it"});
    auto words = wordsOf(sentence);
    if (!words) return tl::unexpected(GrammarError{"a quotation mark is missing", "close it"});
    return SentenceParser(std::move(*words), now, zone).parse();
}

}  // namespace netpas::secretary::rules
