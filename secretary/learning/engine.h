// Infers what a user is willing to pay from the user's answers, and decides, refuses or asks (NetPaS §5.3). Model,
// priors and decision rule are explained in README.md of this folder.
#pragma once

#include <array>
#include <deque>
#include <vector>

#include <tl/expected.hpp>

#include "core/bytes.h"
#include "core/clock.h"
#include "secretary/learning/belief.h"
#include "secretary/learning/posterior.h"
#include "secretary/learning/price_levels.h"
#include "secretary/learning/proposal.h"
#include "secretary/learning/request.h"

namespace netpas::secretary::learning {

// How the engine weighs a person's attention against money. Money is measured in the surplus (willingness above
// price) that an average request brings, so that the same settings serve cents and dollars.
struct Settings {
    double promptCost = 0.25;    // what one prompt costs, in average surpluses …
    double firstCost = 0.05;     // … and a new user's first, in terms of promptCost
    double acquaintance = 200;   // requests in which a new user becomes an old one
    double promptRate = 0.0375;  // prompts per request that are sustained, once acquainted
    double patience = 4;         // prompts above that which raise the cost of a prompt by a factor e
    double mistrust = 1.3;       // what a purchase the user would not have made costs beyond its money, in surpluses
    double mostDoubt = 0.4;      // nothing is approved with a higher probability of being unwanted
    double doubtRate = 0.003;    // expected wrong approvals per request, above which mistrust grows
    double horizon = 300;        // requests over which an answer may pay off
    double outliers = 0.006;     // share of payees in a class of their own …
    double outlierSpread = 1.5;  // … and how far off they are, as a deviation of the log threshold
};

enum class StateError {
    UnknownVersion,  // written by another version of this program
    Malformed,       // cut short, too long, or a value out of range
};
[[nodiscard]] std::string_view describe(StateError error);

// One user. One thread. Memory is bounded by `answerCapacity` answers for each unit.
class Engine {
public:
    static constexpr size_t answerCapacity = 192;
    static constexpr size_t recentCapacity = 96;

    explicit Engine(const Settings& settings = {});

    // Approve and Refuse are final; after Ask the caller asks the user, now or never. The request counts as seen.
    [[nodiscard]] Decision decide(const Request& request, SystemTime now);
    // What the user said, whether asked by decide() or not.
    void observe(const Request& request, Answer answer, SystemTime now);

    // Rules that the answers so far agree on, for a person to keep or not.
    [[nodiscard]] std::vector<RuleProposal> proposals(SystemTime now);

    // Everything learnt, in at most some 300 KiB; the same state gives the same bytes.
    [[nodiscard]] Bytes save() const;
    [[nodiscard]] static tl::expected<Engine, StateError> restore(ByteView bytes, const Settings& settings = {});

    [[nodiscard]] const std::vector<AnsweredRequest>& answers(PriceUnit unit) const {
        return m_answers[static_cast<size_t>(unit)];
    }
    [[nodiscard]] const Hyperparameters& hyper() const { return m_posteriors.front().hyper(); }

private:
    struct Recent {
        ContextKey key{};
        Money price;
        double logPrice = 0;
        PriceUnit unit = PriceUnit::Minute;
        Posterior::Probe probe;
        Belief belief;
        uint64_t version = 0;  // of the posterior that these two were made with
    };
    // Losses with the costs of the settings, in money.
    struct Weighed {
        double approve;
        double refuse;
        double doubt;
        [[nodiscard]] double least() const { return approve < refuse ? approve : refuse; }
    };

    void add(const AnsweredRequest& answered);
    [[nodiscard]] Posterior& posterior(PriceUnit unit) { return m_posteriors[static_cast<size_t>(unit)]; }
    [[nodiscard]] Weighed weigh(const Belief& belief, double logPrice) const;
    [[nodiscard]] AnswerModel answerModel() const { return {hyper().jitter(), hyper().slip()}; }
    [[nodiscard]] double currentMean(PriceUnit unit, const ContextKey& key) const {
        return m_prices[static_cast<size_t>(unit)].mean(key[static_cast<size_t>(Field::Purpose)]);
    }
    [[nodiscard]] double priorMean(PriceUnit unit, const ContextKey& key) const;
    void refresh(Recent& request, double day);
    [[nodiscard]] double mistrust() const;
    [[nodiscard]] double promptCost() const;
    [[nodiscard]] double usualPromptCost() const;
    void learnAttentionPrice(bool worthwhile);
    [[nodiscard]] double learningValue(Recent& request, double day);
    void remember(const Recent& request, double surplus);
    void evidence(Decision& decision, const Recent& request) const;
    [[nodiscard]] bool paidAsMuch(const Recent& request) const;

    Settings m_settings;
    std::vector<Posterior> m_posteriors;                            // by PriceUnit
    std::array<std::vector<AnsweredRequest>, unitCount> m_answers;  // as in the posteriors
    std::array<PriceLevels, unitCount> m_prices;
    std::deque<Recent> m_recent;
    uint64_t m_version = 1;
    double m_seen = 0;            // requests, as many as matter
    double m_novelty = 1;         // from 1 for a new user to 0
    double m_surplus = 0;         // of an average request
    double m_doubtLevel = 0;      // expected wrong approvals above the sustained rate
    double m_attentionPrice = 0;  // logarithm of what a prompt costs beyond the settings
    double m_promptLevel = 0;     // prompts above the sustained rate; negative is credit
    uint64_t m_answered = 0;
    uint64_t m_nextTuning = 6;  // value of m_answered
};

}  // namespace netpas::secretary::learning
