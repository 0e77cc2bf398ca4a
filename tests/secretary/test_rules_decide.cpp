// Which rule decides, and why.
#include <QTest>

#include <random>

#include "secretary/rules/match.h"
#include "secretary/rules/rule_book.h"
#include "tests/secretary/rules_fixture.h"

using namespace netpas;
using namespace netpas::secretary;
using namespace netpas::secretary::rules;

namespace {

const SystemTime noon = utc("2026-11-22T12:00:00Z");

struct Book {
    store::MemoryDocuments documents;
    RuleBook book = RuleBook::open(documents, noon).value();

    RuleId add(const RuleText& rule) {
        const auto id = book.add(rule, noon);
        if (!id) qFatal("%s", id.error().message.c_str());
        return *id;
    }
    Verdict decide(const SpendRequest& request, SystemTime now = noon) { return book.decide(request, now); }
};

RuleText withPriority(RuleText rule, int32_t priority) {
    rule.priority = priority;
    return rule;
}
RuleText until(RuleText rule, const char* time) {
    rule.lifetime = Lifetime::untilTime(utc(time));
    return rule;
}

bool says(const Verdict& verdict, const char* words) {
    if (verdict.sentence.find(words) != std::string::npos) return true;
    qWarning("%s", verdict.sentence.c_str());
    return false;
}

}  // namespace

class RulesDecideTest : public QObject {
    Q_OBJECT

private slots:
    void noRuleDecidesNothing() {
        Book book;
        QCOMPARE(book.decide(videoRequest()).outcome, Outcome::None);
        book.add(allow(purpose("comic"), "1"));
        const Verdict verdict = book.decide(videoRequest());
        QCOMPARE(verdict.outcome, Outcome::None);
        QVERIFY(!verdict.rule);
        QVERIFY(says(verdict, "No rule is about this."));
    }

    void aPurposeIsTheSameInEverySpelling() {
        Book book;
        const RuleId id = book.add(say(Action::Deny, purpose("film")));
        SpendRequest request = videoRequest();
        for (const char* spelled : {"film", "films", "Films"}) {
            request.purpose = spelled;
            QCOMPARE(book.decide(request).outcome, Outcome::Deny);
        }
        request.purpose = "filming";
        QCOMPARE(book.decide(request).outcome, Outcome::None);
        QVERIFY(book.book.remove(id));
        const RuleId calls = book.add(say(Action::Deny, purpose("Video calls")));
        request.purpose = "video-call";
        QCOMPARE(book.decide(request).rule, std::optional(calls));
    }

    void thePriceDecidesWhatARuleComesTo() {
        Book book;
        const RuleId id = book.add(allow(purpose("video"), "0.02", PriceUnit::Minute, Beyond::Deny));
        const Verdict within = book.decide(videoRequest("0.02"));
        QCOMPARE(within.outcome, Outcome::Allow);
        QCOMPARE(within.rule, std::optional(id));
        QCOMPARE(within.upTo, std::optional(dollars("0.02")));
        QVERIFY(says(within,
                     "Rule 1 decides: Up to 2¢ a minute for video; refuse above that. 2¢ a minute is within it, "
                     "so it is paid. No other rule is about this."));
        const Verdict above = book.decide(videoRequest("0.021"));
        QCOMPARE(above.outcome, Outcome::Deny);
        QCOMPARE(above.cause, Cause::AboveLimit);
        QVERIFY(says(above, "2.1¢ a minute is above its 2¢, so it is not paid."));
    }

    void priorityComesFirst() {
        Book book;
        Match narrow = app("/usr/bin/mpv");
        narrow.purpose = "video";
        const RuleId specific = book.add(allow(narrow, "1"));
        const RuleId first = book.add(withPriority(say(Action::Deny, {}), 10));
        const Verdict verdict = book.decide(videoRequest());
        QCOMPARE(verdict.outcome, Outcome::Deny);
        QCOMPARE(verdict.rule, std::optional(first));
        QCOMPARE(verdict.runnerUp, std::optional(specific));
        QCOMPARE(verdict.runnerUpOutcome, Outcome::Allow);
        QCOMPARE(verdict.advantage, Advantage::Priority);
        QVERIFY(says(verdict, "rule 2 has the higher priority (10 against 0)"));
    }

    void whatNamesMoreComesBeforeWhatNamesLess() {
        Book book;
        const RuleId one = book.add(say(Action::Deny, purpose("video")));
        Match two = purpose("video");
        two.app = "/usr/bin/mpv";
        const RuleId more = book.add(allow(two, "1"));
        const Verdict verdict = book.decide(videoRequest());
        QCOMPARE(verdict.rule, std::optional(more));
        QCOMPARE(verdict.runnerUp, std::optional(one));
        QVERIFY(says(verdict, "rule 2 names more (purpose and app against purpose)"));
    }

    void aPayeeIsNarrowerThanAGroupAndASiteThanThoseBelowIt() {
        Book book;
        book.add(say(Action::Ask, site("*.net")));
        book.add(say(Action::Deny, site("*.example.net")));
        const RuleId exact = book.add(allow(site("example.net"), "1"));
        QCOMPARE(book.decide(videoRequest()).rule, std::optional(exact));
        SpendRequest below = videoRequest();
        below.domain = "www.example.net";
        const Verdict verdict = book.decide(below);
        QCOMPARE(verdict.outcome, Outcome::Deny);
        QVERIFY(says(verdict, "narrower (group of sites against group of sites)"));
        Match group, payee;
        group.group = "family";
        payee.payee = "aa";
        QVERIFY(specificity(payee) > specificity(group));
    }

    void theShorterLifeComesFirst() {
        Book book;
        const RuleId always = book.add(say(Action::Deny, purpose("video")));
        const RuleId later = book.add(until(allow(purpose("video"), "1"), "2026-12-24T00:00:00Z"));
        const RuleId soon = book.add(until(allow(purpose("video"), "2"), "2026-12-01T00:00:00Z"));
        RuleText once = allow(purpose("video"), "3");
        once.lifetime = Lifetime::once();
        const RuleId one = book.add(once);
        const Verdict verdict = book.decide(videoRequest());
        QCOMPARE(verdict.rule, std::optional(one));
        QCOMPARE(verdict.runnerUp, std::optional(soon));
        QVERIFY(says(verdict, "rule 4 has the shorter life (once against until 2026-12-01T00:00:00Z)"));
        QVERIFY(book.book.use(verdict, noon));
        QCOMPARE(book.decide(videoRequest()).rule, std::optional(soon));
        QCOMPARE(book.decide(videoRequest()).runnerUp, std::optional(later));
        QCOMPARE(book.decide(videoRequest(), utc("2026-12-25T00:00:00Z")).rule, std::optional(always));
    }

    // Not the same match, or they would contradict each other; but alike in priority, width and life.
    void amongEqualsTheStricterDecidesThenTheNewer() {
        Book book;
        Match user;
        user.user = "anna";
        Match node;
        node.node = "";
        const RuleId denies = book.add(say(Action::Deny, user));
        book.add(say(Action::Ask, node));
        Verdict verdict = book.decide(videoRequest());
        QCOMPARE(verdict.rule, std::optional(denies));
        QCOMPARE(verdict.advantage, Advantage::Strictness);
        QVERIFY(says(verdict, "the stricter decides"));

        Book other;
        const RuleId first = other.add(say(Action::Ask, user));
        const RuleId second = other.add(say(Action::Ask, node));
        verdict = other.decide(videoRequest());
        QCOMPARE(verdict.rule, std::optional(second));
        QCOMPARE(verdict.runnerUp, std::optional(first));
        QCOMPARE(verdict.advantage, Advantage::Newest);
    }

    // A limit that is passed makes a rule stricter than an equal one that allows.
    void strictnessIsThatOfTheOutcome() {
        Book book;
        Match user;
        user.user = "anna";
        Match node;
        node.node = "";
        const RuleId strict = book.add(allow(user, "0.005", PriceUnit::Minute, Beyond::Deny));
        const RuleId mild = book.add(allow(node, "1"));
        QCOMPARE(book.decide(videoRequest("0.01")).rule, std::optional(strict));
        QCOMPARE(book.decide(videoRequest("0.004")).rule, std::optional(mild));
    }

    void everyFieldMatches() {
        using Change = std::function<void(Match&)>;
        const std::vector<std::pair<Change, Change>> cases{
            {[](Match& m) { m.app = "/usr/bin/mpv"; }, [](Match& m) { m.app = "mpv"; }},
            {[](Match& m) { m.purpose = "video"; }, [](Match& m) { m.purpose = "videos"; }},
            {[](Match& m) { m.payee = ""; }, [](Match& m) { m.payee = "ab"; }},
            {[](Match& m) { m.contact = ""; }, [](Match& m) { m.contact = "Bob"; }},
            {[](Match& m) { m.group = ""; }, [](Match& m) { m.group = "family"; }},
            {[](Match& m) { m.domain = "*.net"; }, [](Match& m) { m.domain = "*.org"; }},
            {[](Match& m) { m.user = "anna"; }, [](Match& m) { m.user = "bob"; }},
            {[](Match& m) { m.node = ""; }, [](Match& m) { m.node = "tablet"; }},
            {[](Match& m) { m.isp = IspId{24}; }, [](Match& m) { m.isp = IspId{7}; }},
            {[](Match& m) {
                 m.schedule = Schedule{0x40, Minutes(0), Minutes(1440), "UTC"};
             },
             [](Match& m) {
                 m.schedule = Schedule{0x01, Minutes(0), Minutes(1440), "UTC"};
             }}};
        for (const auto& [yes, no] : cases) {
            Book book;
            Match match;
            no(match);
            book.add(say(Action::Deny, match));
            QCOMPARE(book.decide(videoRequest()).outcome, Outcome::None);
            match = {};
            yes(match);
            const RuleId id = book.add(say(Action::Deny, match));
            QCOMPARE(book.decide(videoRequest()).rule, std::optional(id));
        }
    }

    void anIspThatIsPaidTwiceIsNoRunnerUpOfItself() {
        Book book;
        Match match;
        match.isp = IspId{25};
        book.add(say(Action::Deny, match));
        SpendRequest request = videoRequest();
        request.isps = {IspId{25}, IspId{26}, IspId{25}};
        QVERIFY(!book.decide(request).runnerUp);
    }

    void aQualityThatIsNotGrantedIsBeyondTheRule() {
        Book book;
        RuleText rule = allow(purpose("video"), "1");
        rule.grant.quality = "gold";
        book.add(rule);
        SpendRequest request = videoRequest();
        request.quality = "silver";
        QCOMPARE(book.decide(request).outcome, Outcome::Ask);
        QCOMPARE(book.decide(request).cause, Cause::OtherQuality);
        request.quality = "gold";
        QCOMPARE(book.decide(request).outcome, Outcome::Allow);
    }

    void aBudgetThatIsUsedUpIsBeyondTheRule() {
        Book book;
        RuleText rule = allow(purpose("video"), "1");
        rule.budget = RuleBudget{dollars("2"), Period::Month};
        book.add(rule);
        Money left = dollars("0.5");
        book.book.setBudgetLeft([&](const Rule&) { return std::optional(left); });
        SpendRequest request = videoRequest();
        request.worstCase = dollars("0.5");
        QCOMPARE(book.decide(request).outcome, Outcome::Allow);
        QCOMPARE(book.decide(request).budget, rule.budget);
        left = dollars("0.4");
        const Verdict verdict = book.decide(request);
        QCOMPARE(verdict.outcome, Outcome::Ask);
        QCOMPARE(verdict.cause, Cause::OverBudget);
        QVERIFY(says(verdict, "It could cost 50¢, and of its budget 40¢ is left, so you are asked."));
    }

    void disabledRulesDecideNothing() {
        Book book;
        RuleText rule = say(Action::Deny, {});
        rule.enabled = false;
        const RuleId id = book.add(rule);
        QCOMPARE(book.decide(videoRequest()).outcome, Outcome::None);
        rule.enabled = true;
        QVERIFY(book.book.edit(id, rule, noon));
        QCOMPARE(book.decide(videoRequest()).outcome, Outcome::Deny);
    }

    // The index against the definition, over random rules and requests.
    void theIndexFindsWhatALookAtEveryRuleFinds() {
        std::mt19937 random(7);
        const auto pick = [&](const std::vector<const char*>& from) {
            return std::string(from[random() % from.size()]);
        };
        Book book;
        std::vector<RuleId> made;
        for (int i = 0; i < 1500; ++i) {
            Match match;
            if (random() % 3 == 0) match.purpose = pick({"video", "comic", "article", ""});
            if (random() % 3 == 0) match.app = pick({"/usr/bin/mpv", "/usr/bin/vlc"});
            if (random() % 4 == 0) match.group = pick({"", "family"});
            if (random() % 3 == 0) match.domain = pick({"example.net", "*.example.net", "*.net", "a.example.net"});
            if (random() % 5 == 0) match.user = pick({"anna", "bob"});
            if (random() % 5 == 0) match.isp = IspId{static_cast<uint16_t>(22 + random() % 5)};
            RuleText rule =
                random() % 2 == 0 ? allow(match, "0.01") : say(random() % 2 == 0 ? Action::Ask : Action::Deny, match);
            rule.priority = static_cast<int32_t>(random() % 3);
            if (const auto id = book.book.add(rule, noon)) made.push_back(*id);
            if (made.size() > 3 && random() % 8 == 0) {
                const size_t victim = random() % made.size();
                QVERIFY(book.book.remove(made[victim]));
                made.erase(made.begin() + static_cast<std::ptrdiff_t>(victim));
            }
        }
        QVERIFY(made.size() > 200);
        for (int i = 0; i < 3000; ++i) {
            SpendRequest request = videoRequest(random() % 2 == 0 ? "0.01" : "0.02");
            request.purpose = pick({"video", "comic", "article", "", "other"});
            request.app = pick({"/usr/bin/mpv", "/usr/bin/vlc", "/bin/sh"});
            request.group = pick({"", "family", "work"});
            request.domain = pick({"example.net", "a.example.net", "b.a.example.net", "notexample.net", "", "x.org"});
            request.user = pick({"anna", "bob", "eve"});
            const Rule* best = nullptr;
            const auto outcome = [&](const Rule& rule) {
                if (rule.grant.action != Action::Allow) return rule.grant.action == Action::Ask ? 2 : 3;
                return request.price <= *rule.grant.upTo ? 1 : 2;
            };
            const auto key = [&](const Rule& rule) {
                return std::tuple(rule.priority, specificity(rule.match), outcome(rule), rule.id);
            };
            for (const Rule* rule : book.book.list()) {
                const Match& m = rule->match;
                const auto is = [](const std::optional<std::string>& want, const std::string& have) {
                    return !want || *want == have;
                };
                const bool isp =
                    !m.isp || std::find(request.isps.begin(), request.isps.end(), *m.isp) != request.isps.end();
                if (!is(m.purpose, request.purpose) || !is(m.app, request.app) || !is(m.group, request.group) ||
                    !is(m.user, request.user) || !isp || (m.domain && !domainMatches(*m.domain, request.domain))) {
                    continue;
                }
                if (best == nullptr || key(*rule) > key(*best)) best = rule;
            }
            const Verdict verdict = book.decide(request);
            QCOMPARE(verdict.rule.has_value(), best != nullptr);
            if (best != nullptr) QCOMPARE(*verdict.rule, best->id);
        }
    }
};

QTEST_APPLESS_MAIN(RulesDecideTest)
#include "test_rules_decide.moc"
