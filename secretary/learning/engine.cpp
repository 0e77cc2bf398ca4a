#include "secretary/learning/engine.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "secretary/learning/numbers.h"
#include "secretary/learning/tuner.h"

namespace netpas::secretary::learning {

namespace {

constexpr double memoryOfSurplus = 300;  // requests
constexpr int sweepsPerAnswer = 6;
// Answers that agree in these are about one and the same threshold.
constexpr MatchMask ownFields = bit(Field::Purpose) | bit(Field::Payee);
constexpr double idleCredit = 2;     // prompts that may be saved up while none is needed
constexpr double idleDoubt = 0.5;    // the same for expected wrong approvals
constexpr double doubtPatience = 2;  // expected wrong approvals above the rate that raise mistrust by a factor e
// The price of attention: when it begins to be learnt and by how much a request moves its logarithm, with bounds.
constexpr double pricedFrom = 0.4;  // of novelty
constexpr double priceStep = 0.03;
constexpr double lowestPrice = -1.5;
constexpr double highestPrice = 3;
// The first prompts stay cheap until novelty falls below this.
constexpr double newBelow = 0.1;
// Answers from one look at how steady the user is to the next, once acquainted.
constexpr uint64_t answersPerLook = 4;

Money moneyOf(double logPrice) {
    constexpr double highest = 43;  // below the logarithm of INT64_MAX
    return Money::fromEighths(static_cast<int64_t>(std::exp(std::min(logPrice, highest))));
}

}  // namespace

Engine::Engine(const Settings& settings) : m_settings(settings) {
    for (size_t i = 0; i < unitCount; ++i) m_posteriors.emplace_back(answerCapacity);
}

Engine::Weighed Engine::weigh(const Belief& belief, double logPrice) const {
    const Losses losses = expectedLosses(belief, logPrice, answerModel());
    Weighed weighed{losses.approve + mistrust() * m_surplus * losses.wrong, losses.refuse, losses.wrong};
    if (losses.wrong > m_settings.mostDoubt) weighed.approve = std::numeric_limits<double>::infinity();
    return weighed;
}

// The mean that the posterior was fitted with, where answers about the purpose exist: a threshold does not move because
// prices do.
double Engine::priorMean(PriceUnit unit, const ContextKey& key) const {
    constexpr auto purpose = static_cast<size_t>(Field::Purpose);
    for (const Observation& answer : m_posteriors[static_cast<size_t>(unit)].answers()) {
        if (answer.key[purpose] == key[purpose]) return answer.priorMean;
    }
    return currentMean(unit, key);
}

// Beliefs as of the latest answer.
void Engine::refresh(Recent& request, double day) {
    if (request.version == m_version) return;
    request.version = m_version;
    const Posterior& model = posterior(request.unit);
    request.probe = model.probe(request.key, priorMean(request.unit, request.key), day);
    std::vector<size_t> own;
    for (size_t i = 0; i < model.size(); ++i) {
        if ((matchMask(model.answers()[i].key, request.key) & ownFields) == ownFields) own.push_back(i);
    }
    Gaussian kind = request.probe.threshold;
    if (!own.empty()) {
        ContextKey sibling = request.key;
        sibling[static_cast<size_t>(Field::Payee)] = 0;  // nobody's
        kind = model.probe(sibling, priorMean(request.unit, sibling), day).threshold;
    }
    Belief& belief = request.belief;
    belief.parts[0] = {kind, 1 - m_settings.outliers};
    kind.variance += m_settings.outlierSpread * m_settings.outlierSpread;
    belief.parts[1] = {kind, m_settings.outliers};
    for (const size_t i : own) {
        const Observation& answer = model.answers()[i];
        (void)condition(belief, {answer.logPrice, answer.accepted}, answerModel());
    }
    // The posterior knows better than one pass over the own answers.
    belief.parts[0].threshold = request.probe.threshold;
}

double Engine::mistrust() const { return m_settings.mistrust * std::exp(std::max(0.0, m_doubtLevel) / doubtPatience); }

double Engine::usualPromptCost() const { return m_settings.promptCost * m_surplus * std::exp(m_attentionPrice); }

double Engine::promptCost() const {
    const double pressure = std::exp(std::max(-idleCredit, m_promptLevel) / m_settings.patience);
    const double patience = 1 - std::min(1.0, m_novelty / newBelow) * (1 - m_settings.firstCost);
    return usualPromptCost() * pressure * patience;
}

// Keeps the share of requests that are worth a usual prompt near the sustained rate.
void Engine::learnAttentionPrice(bool worthwhile) {
    if (m_novelty > pricedFrom) return;
    m_attentionPrice += priceStep * ((worthwhile ? 1 : 0) - m_settings.promptRate);
    m_attentionPrice = std::clamp(m_attentionPrice, lowestPrice, highestPrice);
}

// The knowledge gradient: what the answer is expected to save in decisions like the recent ones.
double Engine::learningValue(Recent& request, double day) {
    const Posterior& model = posterior(request.unit);
    const double cost = promptCost();
    model.solve(request.probe);
    double saved = 0;
    // Per answer: its probability, and how it moves the posterior.
    std::array<double, 2> probability{};
    std::array<AnswerMoments, 2> moments{};
    for (const bool accepted : {false, true}) {
        Belief belief = request.belief;
        probability[accepted] = condition(belief, {request.logPrice, accepted}, answerModel());
        moments[accepted] =
            answerMoments(request.probe.threshold, request.logPrice, accepted, hyper().jitter(), hyper().slip());
    }
    for (Recent& other : m_recent) {
        if (other.unit != request.unit) continue;
        refresh(other, day);
        const MatchMask mask = matchMask(request.key, other.key);
        const double covariance = model.covariance(request.probe, other.probe, model.similarity()(mask, 1));
        const bool own = (mask & ownFields) == ownFields;
        saved += std::min(cost, weigh(other.belief, other.logPrice).least());
        for (const bool accepted : {false, true}) {
            Belief after = other.belief;
            if (own) {
                (void)condition(after, {request.logPrice, accepted}, answerModel());
            } else {
                Gaussian& threshold = after.parts[0].threshold;
                threshold.mean += covariance * moments[accepted].gradient;
                threshold.variance =
                    std::max(threshold.variance - covariance * covariance * moments[accepted].curvature, 1e-9);
            }
            saved -= probability[accepted] * std::min(cost, weigh(after, other.logPrice).least());
        }
    }
    return saved * m_settings.horizon / double(std::max<size_t>(m_recent.size(), 16));
}

void Engine::remember(const Recent& request, double surplus) {
    m_seen = std::min(m_seen + 1, memoryOfSurplus);
    m_surplus += (surplus - m_surplus) / m_seen;
    if (m_novelty <= 0) m_promptLevel = std::max(m_promptLevel - m_settings.promptRate, -idleCredit);
    m_doubtLevel = std::max(m_doubtLevel - m_settings.doubtRate, -idleDoubt);
    m_novelty = std::max(0.0, m_novelty - 1 / m_settings.acquaintance);
    m_recent.push_back(request);
    if (m_recent.size() > recentCapacity) m_recent.pop_front();
}

void Engine::evidence(Decision& decision, const Recent& request) const {
    const double jitter = hyper().jitter();
    const auto& parts = request.belief.parts;
    const Gaussian& threshold = parts[parts[1].weight > parts[0].weight ? 1 : 0].threshold;
    const double spread = 1.645 * std::sqrt(threshold.variance + jitter * jitter);
    decision.thresholdLow = moneyOf(threshold.mean - spread);
    decision.thresholdHigh = moneyOf(threshold.mean + spread);
    for (const Observation& answer : m_posteriors[static_cast<size_t>(request.unit)].answers()) {
        const MatchMask mask = matchMask(answer.key, request.key);
        if (mask == everyField) ++decision.answersHere;
        if (mask != 0) ++decision.answersRelated;
    }
}

// Whether the last answer about exactly this was yes, to this price or a higher one.
bool Engine::paidAsMuch(const Recent& request) const {
    const auto& answers = m_posteriors[static_cast<size_t>(request.unit)].answers();
    const auto last = std::find_if(answers.rbegin(), answers.rend(),
                                   [&](const Observation& answer) { return answer.key == request.key; });
    return last != answers.rend() && last->accepted && last->logPrice >= request.logPrice;
}

Decision Engine::decide(const Request& request, SystemTime now) {
    Decision decision;
    if (request.price <= Money::zero()) {
        decision.verdict = Verdict::Approve;
        decision.acceptance = 1;
        return decision;
    }
    const double day = dayOf(now);
    Recent seen{contextKey(shortened(request.fields)), request.price, logOf(request.price), request.unit, {}, {}, 0};
    m_prices[static_cast<size_t>(seen.unit)].add(seen.key[static_cast<size_t>(Field::Purpose)], seen.logPrice);
    refresh(seen, day);
    const double price = std::exp(seen.logPrice);
    double surplus = 0;
    for (const Belief::Part& part : seen.belief.parts) {
        surplus += part.weight * std::max(0.0, std::exp(std::min(part.threshold.mean, seen.logPrice + 3)) - price);
    }
    remember(seen, m_seen < 20 ? 0.5 * price : surplus);

    const Weighed weighed = weigh(seen.belief, seen.logPrice);
    decision.acceptance = 1 - weighed.doubt;
    evidence(decision, seen);
    decision.verdict = weighed.approve <= weighed.refuse ? Verdict::Approve : Verdict::Refuse;
    const double cost = promptCost();
    const bool predictable = std::min(weighed.doubt, 1 - weighed.doubt) < 0.01;
    const double usual = usualPromptCost();
    double gain = weighed.least();
    if (gain <= std::max(cost, usual) && !predictable) gain += learningValue(seen, day);
    learnAttentionPrice(gain > usual);
    // Whatever else was answered: who has just agreed to this is not refused it without a word.
    const bool doubtful = decision.verdict == Verdict::Refuse && paidAsMuch(seen);
    if (gain > cost || doubtful) {
        decision.verdict = Verdict::Ask;
        // A question asked for decency's sake is no sign that questions are dear.
        if (m_novelty <= 0 && gain > cost) m_promptLevel += 1;
    } else if (decision.verdict == Verdict::Approve) {
        m_doubtLevel += weighed.doubt;
    }
    return decision;
}

void Engine::add(const AnsweredRequest& answered) {
    const Request& request = answered.request;
    posterior(request.unit)
        .add({contextKey(request.fields), logOf(request.price), 0, dayOf(answered.when),
              answered.answer == Answer::Accept});
    m_answers[static_cast<size_t>(request.unit)].push_back(answered);
}

void Engine::observe(const Request& request, Answer answer, SystemTime now) {
    if (request.price <= Money::zero()) return;
    Posterior& model = posterior(request.unit);
    if (model.full()) {
        const size_t least = model.leastInformative();
        model.remove(least);
        auto& answers = m_answers[static_cast<size_t>(request.unit)];
        answers.erase(answers.begin() + static_cast<std::ptrdiff_t>(least));
    }
    const Request kept{shortened(request.fields), request.price, request.unit};
    // What a rule or the user's own order brought never came to decide(); without a price level its answer would look like a slip.
    PriceLevels& prices = m_prices[static_cast<size_t>(request.unit)];
    const uint64_t purpose = contextKey(kept.fields)[static_cast<size_t>(Field::Purpose)];
    if (!prices.knows(purpose)) prices.add(purpose, logOf(request.price));
    add({kept, answer, now});
    model.setPriorMeans([&](const ContextKey& key) { return currentMean(request.unit, key); });
    model.refine(sweepsPerAnswer);
    if (++m_answered >= m_nextTuning) {
        tune(m_posteriors);
        m_nextTuning = m_answered + std::clamp<uint64_t>(m_answered / 4, 3, answerCapacity / 4);
    } else if (m_novelty <= 0 && m_answered % answersPerLook == 0) {
        tuneNoise(m_posteriors);
    }
    ++m_version;
}

std::vector<RuleProposal> Engine::proposals(SystemTime now) {
    std::vector<AnsweredRequest> all;
    for (const auto& answers : m_answers) all.insert(all.end(), answers.begin(), answers.end());
    const auto plausible = [&](const Request& request, std::optional<Money> upTo) {
        if (!upTo) return true;
        Recent asked{contextKey(request.fields), request.price, logOf(request.price), request.unit, {}, {}, 0};
        refresh(asked, dayOf(now));
        Decision belief;
        evidence(belief, asked);
        return belief.thresholdLow <= *upTo && *upTo <= belief.thresholdHigh;
    };
    return proposeRules(all, plausible);
}

}  // namespace netpas::secretary::learning
