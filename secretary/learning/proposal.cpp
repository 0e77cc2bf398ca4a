#include "secretary/learning/proposal.h"

#include <algorithm>
#include <array>
#include <map>

namespace netpas::secretary::learning {

namespace {

constexpr uint32_t fewestAnswers = 6;
// One answer in so many may contradict a rule: people slip.
constexpr uint32_t answersPerSlip = 10;
// Prices accepted and refused must come this close for a threshold to be called known.
constexpr double widestGap = 1.8;
// "Always" needs accepted prices that differ by this factor.
constexpr double alwaysRange = 4;
// The posterior of so many of the requests must allow the threshold: each is a 90 % interval, and follows slips a little.
constexpr double believedShare = 0.8;

using Scope = std::vector<Field>;
const std::array<Scope, 6> scopes{{{Field::Purpose},
                                   {Field::Domain},
                                   {Field::Purpose, Field::Group},
                                   {Field::Purpose, Field::Domain},
                                   {Field::Payee},
                                   {Field::Purpose, Field::Payee}}};

using Answers = std::vector<const AnsweredRequest*>;

double ratio(Money a, Money b) { return double(a.eighths()) / double(b.eighths()); }

std::string priceText(Money amount) {
    constexpr int64_t centsPerDollar = 100;
    const auto cents = checkedMul(amount, centsPerDollar);
    if (cents && amount < Money::fromEighths(Money::eighthsPerDollar)) return cents->toString() + "¢";
    return "$" + amount.toString();
}

std::string sentenceOf(const RuleProposal& rule) {
    const auto value = [&](Field field) {
        const auto found =
            std::find_if(rule.match.begin(), rule.match.end(), [&](const auto& part) { return part.first == field; });
        return found == rule.match.end() ? std::string() : found->second;
    };
    std::string text = "Always";
    if (rule.upTo) text = "Up to " + priceText(*rule.upTo) + (rule.unit == PriceUnit::Minute ? " a minute" : " each");
    text += value(Field::Purpose).empty() ? " for anything" : " for " + value(Field::Purpose);
    if (!value(Field::Group).empty()) text += " with " + value(Field::Group);
    const std::string from = value(Field::Payee).empty() ? value(Field::Domain) : value(Field::Payee);
    if (!from.empty()) text += " from " + from;
    return text + (rule.upTo ? "; ask above that." : ".");
}

// The cut that contradicts the fewest answers: so many of the cheapest are within it.
size_t bestCut(const Answers& byPrice) {
    size_t wrong = 0;
    for (const auto* answer : byPrice) wrong += answer->answer == Answer::Accept ? 1U : 0U;
    size_t least = wrong;
    size_t cut = 0;
    for (size_t i = 0; i < byPrice.size(); ++i) {
        if (byPrice[i]->answer == Answer::Accept)
            --wrong;
        else
            ++wrong;
        if (wrong <= least) {
            least = wrong;
            cut = i + 1;
        }
    }
    return cut;
}

// Fills threshold and evidence; false when the answers do not tell one.
bool fit(RuleProposal& rule, Answers answers) {
    std::stable_sort(answers.begin(), answers.end(),
                     [](const auto* a, const auto* b) { return a->request.price < b->request.price; });
    const size_t cut = bestCut(answers);
    rule.answers = static_cast<uint32_t>(answers.size());
    for (size_t i = 0; i < answers.size(); ++i) {
        const bool accepted = answers[i]->answer == Answer::Accept;
        const Money price = answers[i]->request.price;
        if (accepted != (i < cut)) continue;
        ++rule.agreeing;
        if (accepted)
            rule.highestAccepted = price;
        else if (!rule.lowestRefused)
            rule.lowestRefused = price;
    }
    if (rule.agreeing + rule.answers / answersPerSlip < rule.answers) return false;
    if (rule.highestAccepted == Money::zero()) return false;
    if (!rule.lowestRefused) return ratio(rule.highestAccepted, answers.front()->request.price) >= alwaysRange;
    if (*rule.lowestRefused <= rule.highestAccepted) return false;
    if (ratio(*rule.lowestRefused, rule.highestAccepted) > widestGap) return false;
    rule.upTo = roundAmount(rule.highestAccepted, *rule.lowestRefused);
    return true;
}

// Nobody answered for any other purpose: the rule that names it says all that is known.
bool saysTooMuch(const Scope& scope, const Answers& answers) {
    const std::string& purpose = answers.front()->request[Field::Purpose];
    return std::find(scope.begin(), scope.end(), Field::Purpose) == scope.end() && !purpose.empty() &&
           std::all_of(answers.begin(), answers.end(),
                       [&](const auto* answer) { return answer->request[Field::Purpose] == purpose; });
}

// A wider rule says nearly the same already.
bool isCovered(const RuleProposal& rule, const AnsweredRequest& example, std::span<const RuleProposal> wider) {
    constexpr double nearly = 1.25;
    return std::any_of(wider.begin(), wider.end(), [&](const RuleProposal& other) {
        if (other.unit != rule.unit || (rule.upTo && !other.upTo)) return false;
        const bool holds = std::all_of(other.match.begin(), other.match.end(),
                                       [&](const auto& part) { return example.request[part.first] == part.second; });
        if (!holds) return false;
        // "Always" is said only where more was accepted than the wider rule allows.
        if (!rule.upTo) return !other.upTo || *other.upTo >= rule.highestAccepted;
        const double times = ratio(*rule.upTo, *other.upTo);
        return times < nearly && 1 / times < nearly;
    });
}

}  // namespace

Money roundAmount(Money low, Money high) {
    constexpr int64_t largest = Money::eighthsPerDollar * 10'000;
    // 1, 2, 5, 10, … cents and their parts and multiples: all are whole eighths of a nanodollar.
    for (int64_t decade = largest; decade >= 80; decade /= 10) {
        for (const int64_t part : {decade, decade / 2, decade / 5}) {
            if (part > high.eighths()) continue;
            const int64_t multiple = (low.eighths() / part + (low.eighths() % part != 0 ? 1 : 0)) * part;
            if (multiple < high.eighths()) return Money::fromEighths(multiple);
        }
    }
    return low;
}

std::vector<RuleProposal> proposeRules(std::span<const AnsweredRequest> answers, const Plausible& plausible) {
    std::vector<RuleProposal> proposals;
    for (const Scope& scope : scopes) {
        std::map<std::pair<PriceUnit, std::vector<std::string>>, Answers> byValue;
        for (const AnsweredRequest& answer : answers) {
            std::vector<std::string> values;
            for (const Field field : scope) values.push_back(answer.request[field]);
            if (std::any_of(values.begin(), values.end(), [](const auto& value) { return value.empty(); })) continue;
            byValue[{answer.request.unit, values}].push_back(&answer);
        }
        std::vector<RuleProposal> found;
        for (const auto& [key, inScope] : byValue) {
            if (inScope.size() < fewestAnswers || saysTooMuch(scope, inScope)) continue;
            RuleProposal rule;
            rule.unit = key.first;
            for (size_t i = 0; i < scope.size(); ++i) rule.match.emplace_back(scope[i], key.second[i]);
            if (!fit(rule, inScope) || isCovered(rule, *inScope.front(), proposals)) continue;
            const auto believed = std::count_if(inScope.begin(), inScope.end(), [&](const auto* answer) {
                return plausible(answer->request, rule.upTo);
            });
            if (double(believed) < believedShare * double(inScope.size())) continue;
            rule.sentence = sentenceOf(rule);
            found.push_back(std::move(rule));
        }
        proposals.insert(proposals.end(), found.begin(), found.end());
    }
    return proposals;
}

}  // namespace netpas::secretary::learning
