#include "secretary/rules/rule_book.h"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_set>

#include "secretary/rules/explain.h"
#include "secretary/rules/json.h"
#include "secretary/rules/rule_store.h"

namespace netpas::secretary::rules {

namespace {

Failure failure(RuleError error, std::string message, std::string hint = {}) {
    return {error, std::move(message), std::move(hint), {}};
}

Failure storage(store::StoreError error) {
    return failure(RuleError::Storage, "the rules could not be kept: " + std::string(store::describe(error)),
                   "make room on the disk, then try again; netpas doctor looks for damage");
}

Failure wrong(RuleError error, std::vector<Finding> findings, std::span<const RuleText> rules) {
    Failure failed = failure(error, text(findings.front(), rules));
    failed.hint = findings.front().remedy;
    failed.findings = std::move(findings);
    return failed;
}

Failure unknown(RuleId id) {
    return failure(RuleError::Unknown, "there is no rule " + std::to_string(id.value()), "netpas rules list");
}

}  // namespace

struct RuleBook::Impl {
    Impl(store::Documents& where, StoredRules stored)
        : documents(where), rules(std::move(stored.rules)), nextId(stored.nextId) {}

    store::Documents& documents;
    std::map<RuleId, Rule> rules;  // nodes stay where they are: the index points to them
    uint64_t nextId;
    RuleIndex index;
    Zones zones;
    BudgetLeft budgetLeft;
    std::multimap<SystemTime, RuleId> ends;  // of live rules that end at a time
    std::set<RuleId> changedUses;            // counters that are not durable yet
    using Changes = std::vector<store::DocumentChange>;

    [[nodiscard]] tl::expected<void, Failure> keep(const Changes& changes) {
        if (changes.empty()) return {};
        const auto kept = documents.apply(changes);
        if (!kept) return tl::unexpected(storage(kept.error()));
        return {};
    }

    void enter(const Rule& rule) {
        if (!rule.alive()) return;
        index.add(rule, rule.match.schedule ? zones.find(rule.match.schedule->zone) : nullptr);
        if (rule.lifetime.kind == Lifetime::Kind::Until) ends.emplace(rule.lifetime.until, rule.id);
    }

    void leave(const Rule& rule) {
        index.remove(rule);
        if (rule.lifetime.kind != Lifetime::Kind::Until) return;
        const auto [begin, end] = ends.equal_range(rule.lifetime.until);
        for (auto it = begin; it != end; ++it) {
            if (it->second != rule.id) continue;
            ends.erase(it);
            return;
        }
    }

    // Ends them durably, and here even if that fails: what is over must not decide.
    [[nodiscard]] tl::expected<void, Failure> end(std::span<const RuleId> ids, Ended why) {
        Changes changes;
        for (const RuleId id : ids) {
            Rule& rule = rules.at(id);
            leave(rule);
            rule.use.ended = why;
            changes.push_back(keepUse(rule));
            changedUses.insert(id);
        }
        auto kept = keep(changes);
        if (!kept) return kept;
        for (const RuleId id : ids) changedUses.erase(id);
        return {};
    }

    [[nodiscard]] tl::expected<void, Failure> endExpired(SystemTime now) {
        std::vector<RuleId> over;
        for (auto it = ends.begin(); it != ends.end() && it->first <= now; ++it) over.push_back(it->second);
        if (over.empty()) return {};
        return end(over, Ended::Expired);
    }

    [[nodiscard]] std::vector<const Rule*> others(std::optional<RuleId> but = std::nullopt) const {
        std::vector<const Rule*> found;
        for (const auto& [id, rule] : rules) {
            if (id != but) found.push_back(&rule);
        }
        return found;
    }

    [[nodiscard]] std::optional<Failure> obstacle(const RuleText& rule, std::optional<RuleId> replaced,
                                                  SystemTime now) {
        const std::span<const RuleText> one(&rule, 1);
        std::vector<Finding> findings;
        checkRule(rule, 0, zones, now, findings);
        if (!findings.empty()) return wrong(RuleError::Invalid, std::move(findings), one);
        checkTogether(one, others(replaced), findings);
        if (!findings.empty()) return wrong(RuleError::Conflict, std::move(findings), one);
        return std::nullopt;
    }

    [[nodiscard]] Rule fresh(const RuleText& text, uint64_t id, SystemTime now) const {
        Rule rule;
        static_cast<RuleText&>(rule) = text;
        rule.id = RuleId{id};
        rule.created = rule.changed = now;
        return rule;
    }
};

RuleBook::RuleBook(std::unique_ptr<Impl> impl) : m_impl(std::move(impl)) {}
RuleBook::RuleBook(RuleBook&&) noexcept = default;
RuleBook& RuleBook::operator=(RuleBook&&) noexcept = default;
RuleBook::~RuleBook() = default;

tl::expected<RuleBook, Failure> RuleBook::open(store::Documents& documents, SystemTime now) {
    auto stored = loadRules(documents);
    if (!stored) {
        return tl::unexpected(failure(RuleError::Damaged, stored.error(),
                                      "netpas doctor looks for damage; netpas restore brings a backup back"));
    }
    auto impl = std::make_unique<Impl>(documents, std::move(*stored));
    for (const auto& [id, rule] : impl->rules) impl->enter(rule);
    RuleBook book(std::move(impl));
    const auto ended = book.m_impl->endExpired(now);
    if (!ended) return tl::unexpected(ended.error());
    return book;
}

void RuleBook::setBudgetLeft(BudgetLeft budgetLeft) { m_impl->budgetLeft = std::move(budgetLeft); }

Verdict RuleBook::decide(const SpendRequest& request, SystemTime now) {
    // Written at the next chance if it cannot be now: here they are over in any case.
    static_cast<void>(m_impl->endExpired(now));
    const Decision decision = m_impl->index.find(request, now, m_impl->budgetLeft);
    Verdict verdict;
    verdict.sentence = explain(decision, request, m_impl->budgetLeft);
    if (decision.decides.rule == nullptr) return verdict;
    const Rule& rule = *decision.decides.rule;
    verdict.outcome = decision.decides.outcome;
    verdict.cause = decision.decides.cause;
    verdict.rule = rule.id;
    verdict.upTo = rule.grant.upTo;
    verdict.budget = rule.budget;
    verdict.advantage = decision.advantage;
    if (decision.runnerUp.rule != nullptr) {
        verdict.runnerUp = decision.runnerUp.rule->id;
        verdict.runnerUpOutcome = decision.runnerUp.outcome;
    }
    return verdict;
}

tl::expected<void, Failure> RuleBook::use(const Verdict& verdict, SystemTime now) {
    if (!verdict.rule) return {};
    const auto found = m_impl->rules.find(*verdict.rule);
    if (found == m_impl->rules.end()) return tl::unexpected(unknown(*verdict.rule));
    Rule& rule = found->second;
    if (!rule.alive()) {
        return tl::unexpected(failure(RuleError::Ended, "rule " + std::to_string(rule.id.value()) + " is over",
                                      "the request is decided anew"));
    }
    const RuleUse before = rule.use;
    ++rule.use.hits;
    rule.use.lastUsed = now;
    // A rule that grants once is not used up by what it did not grant.
    if (rule.lifetime.kind != Lifetime::Kind::Once || !carriedOut(verdict.cause)) {
        m_impl->changedUses.insert(rule.id);
        return {};
    }
    rule.use.ended = Ended::UsedUp;
    const auto kept = m_impl->keep({keepUse(rule)});
    if (!kept) {
        rule.use = before;
        return kept;
    }
    m_impl->leave(rule);
    return {};
}

tl::expected<void, Failure> RuleBook::giveBack(RuleId id, SystemTime now) {
    const auto found = m_impl->rules.find(id);
    if (found == m_impl->rules.end()) return tl::unexpected(unknown(id));
    Rule& rule = found->second;
    if (rule.lifetime.kind != Lifetime::Kind::Once || rule.use.ended != Ended::UsedUp) return {};
    const RuleUse before = rule.use;
    rule.use.ended = Ended::No;
    rule.use.lastUsed = now;
    rule.use.hits -= rule.use.hits > 0 ? 1 : 0;
    const auto kept = m_impl->keep({keepUse(rule)});
    if (!kept) {
        rule.use = before;
        return kept;
    }
    m_impl->enter(rule);
    return {};
}

void RuleBook::addSpent(RuleId id, Money amount) {
    const auto found = m_impl->rules.find(id);
    if (found == m_impl->rules.end()) return;
    const auto sum = checkedAdd(found->second.use.spent, amount);
    if (!sum) return;
    found->second.use.spent = *sum;
    m_impl->changedUses.insert(id);
}

tl::expected<RuleId, Failure> RuleBook::add(const RuleText& rule, SystemTime now) {
    if (m_impl->rules.size() >= mostRules) {
        return tl::unexpected(failure(RuleError::Full, "there are 20,000 rules already", "netpas rules rm --ended"));
    }
    if (auto found = m_impl->obstacle(rule, std::nullopt, now)) return tl::unexpected(std::move(*found));
    Rule made = m_impl->fresh(rule, m_impl->nextId, now);
    const auto kept = m_impl->keep({keepRule(made), keepNextId(m_impl->nextId + 1)});
    if (!kept) return tl::unexpected(kept.error());
    const RuleId id{m_impl->nextId++};
    m_impl->enter(m_impl->rules.emplace(id, std::move(made)).first->second);
    return id;
}

tl::expected<void, Failure> RuleBook::edit(RuleId id, const RuleText& rule, SystemTime now) {
    const auto found = m_impl->rules.find(id);
    if (found == m_impl->rules.end()) return tl::unexpected(unknown(id));
    if (auto obstacle = m_impl->obstacle(rule, id, now)) return tl::unexpected(std::move(*obstacle));
    Rule made = m_impl->fresh(rule, id.value(), now);
    made.created = found->second.created;
    made.use = found->second.use;
    made.use.ended = Ended::No;
    const auto kept = m_impl->keep({keepRule(made), keepUse(made)});
    if (!kept) return kept;
    m_impl->leave(found->second);
    found->second = std::move(made);
    m_impl->enter(found->second);
    return {};
}

tl::expected<void, Failure> RuleBook::remove(RuleId id) {
    const auto found = m_impl->rules.find(id);
    if (found == m_impl->rules.end()) return tl::unexpected(unknown(id));
    const auto kept = m_impl->keep({forgetRule(id), forgetUse(id)});
    if (!kept) return kept;
    m_impl->leave(found->second);
    m_impl->changedUses.erase(id);
    m_impl->rules.erase(found);
    return {};
}

tl::expected<size_t, Failure> RuleBook::import(std::span<const RuleText> given, ImportMode mode, SystemTime now) {
    std::vector<RuleText> wanted;
    std::vector<const Rule*> staying;
    if (mode == ImportMode::Add) staying = m_impl->others();
    std::unordered_set<std::string> there;
    for (const Rule* rule : staying) {
        if (rule->alive()) there.insert(writeRule(*rule));
    }
    for (const RuleText& rule : given) {
        if (!there.contains(writeRule(rule))) wanted.push_back(rule);
    }
    if (wanted.size() + staying.size() > mostRules) {
        return tl::unexpected(failure(RuleError::Full, "these would be more than 20,000 rules",
                                      "netpas rules rm --ended, or import with --replace"));
    }
    std::vector<Finding> findings;
    for (size_t i = 0; i < wanted.size(); ++i) checkRule(wanted[i], i, m_impl->zones, now, findings);
    if (!findings.empty()) return tl::unexpected(wrong(RuleError::Invalid, std::move(findings), wanted));
    checkTogether(wanted, staying, findings);
    if (!findings.empty()) return tl::unexpected(wrong(RuleError::Conflict, std::move(findings), wanted));

    Impl::Changes changes;
    std::vector<Rule> made;
    if (mode == ImportMode::Replace) {
        for (const auto& [id, rule] : m_impl->rules) {
            changes.push_back(forgetRule(id));
            changes.push_back(forgetUse(id));
        }
    }
    for (const RuleText& rule : wanted) {
        made.push_back(m_impl->fresh(rule, m_impl->nextId + made.size(), now));
        changes.push_back(keepRule(made.back()));
    }
    changes.push_back(keepNextId(m_impl->nextId + made.size()));
    const auto kept = m_impl->keep(changes);
    if (!kept) return tl::unexpected(kept.error());
    if (mode == ImportMode::Replace) {
        m_impl->index = RuleIndex();
        m_impl->ends.clear();
        m_impl->changedUses.clear();
        m_impl->rules.clear();
    }
    m_impl->nextId += made.size();
    for (Rule& rule : made) m_impl->enter(m_impl->rules.emplace(rule.id, std::move(rule)).first->second);
    return made.size();
}

const Rule* RuleBook::find(RuleId id) const {
    const auto found = m_impl->rules.find(id);
    return found == m_impl->rules.end() ? nullptr : &found->second;
}

std::vector<const Rule*> RuleBook::list() const { return m_impl->others(); }
size_t RuleBook::size() const { return m_impl->rules.size(); }
Zones& RuleBook::zones() { return m_impl->zones; }

tl::expected<void, Failure> RuleBook::sweep(SystemTime now) {
    auto ended = m_impl->endExpired(now);
    if (!ended) return ended;
    Impl::Changes changes;
    for (const RuleId id : m_impl->changedUses) changes.push_back(keepUse(m_impl->rules.at(id)));
    auto kept = m_impl->keep(changes);
    if (kept) m_impl->changedUses.clear();
    return kept;
}

tl::expected<void, Failure> RuleBook::endThoseOfExitedApps(const StillRuns& stillRuns) {
    std::vector<RuleId> over;
    for (const auto& [id, rule] : m_impl->rules) {
        if (!rule.alive() || rule.lifetime.kind != Lifetime::Kind::AppExit) continue;
        const Lifetime& lifetime = rule.lifetime;
        if (!stillRuns(rule.match.app.value_or(""), lifetime.process, lifetime.started)) over.push_back(id);
    }
    if (over.empty()) return {};
    return m_impl->end(over, Ended::AppExited);
}

}  // namespace netpas::secretary::rules
