#include "cartographer/share/trust.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <set>

namespace netpas::share {

namespace {

constexpr double newcomer = 0.5;
constexpr double least = 0.01;      // of a weight: who reforms can still be seen to agree
constexpr size_t enoughOthers = 3;  // to be judged by them
constexpr double farOff = 3;        // times what is tolerated: wrong, without any doubt

struct Pace {
    double lose, gain;
};
constexpr Pace byOwn{0.5, 0.1};
constexpr Pace byOthers{0.25, 0.05};

// How wrong `said` is: 0 (within what is tolerated) to 1. A wide interval excuses only so much, or whoever claims to know nothing could say anything.
double wrongness(const Opinion& said, double truth, double truthHalf, TrustBook::Tolerance tolerance) {
    constexpr double excused = 0.1;  // of the truth
    const double allowed = std::max(tolerance.relative * std::abs(truth), tolerance.absolute);
    const double claimed = std::min((said.high - said.low) / 2, excused * std::abs(truth));
    const double reach = std::max(allowed, truthHalf + claimed);
    const double distance = std::abs(said.value - truth);
    if (reach <= 0) return distance > 0 ? 1 : 0;
    return std::clamp((distance / reach - 1) / (farOff - 1), 0.0, 1.0);
}

}  // namespace

double TrustBook::weight(const PublicKey& signer) const {
    const auto known = m_scores.find(signer);
    const double score = known != m_scores.end() ? known->second : newcomer;
    return std::max(score * score, least);
}

void TrustBook::learn(const Opinion& said, const std::vector<Opinion>& others, const std::optional<Opinion>& own,
                      Tolerance tolerance) {
    double wrong = 0;
    Pace pace = byOwn;
    if (own) {
        wrong = wrongness(said, own->value, (own->high - own->low) / 2, tolerance);
    } else {
        const auto most = combine(others, [this](const PublicKey& signer) { return weight(signer); });
        if (!most || most->signers < enoughOthers) return;
        if (most->weight < weight(said.signer)) return;  // liars, where few others speak
        wrong = wrongness(said, most->value, (most->high - most->low) / 2, tolerance);
        pace = byOthers;
    }
    double& score = m_scores.try_emplace(said.signer, newcomer).first->second;
    const double right = 1 - wrong;
    score += (right < score ? pace.lose : pace.gain) * (right - score);
}

void TrustBook::keepOnly(const std::vector<PublicKey>& members) {
    const std::set<PublicKey> kept(members.begin(), members.end());
    std::erase_if(m_scores, [&](const auto& entry) { return !kept.contains(entry.first); });
}

std::string TrustBook::save() const {
    std::string text;
    for (const auto& [signer, score] : m_scores) {
        std::array<char, 32> number{};
        std::snprintf(number.data(), number.size(), " %.6f\n", score);
        text += signer.hex() + number.data();
    }
    return text;
}

void TrustBook::load(std::string_view text) {
    while (!text.empty()) {
        const size_t end = std::min(text.find('\n'), text.size());
        const std::string line(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
        const size_t space = line.find(' ');
        if (space == std::string::npos) continue;
        const auto signer = PublicKey::parse(std::string_view(line).substr(0, space));
        char* rest = nullptr;
        const double score = std::strtod(line.c_str() + space, &rest);
        if (signer && rest != nullptr && *rest == '\0' && score >= 0 && score <= 1) m_scores[*signer] = score;
    }
}

}  // namespace netpas::share
