#include "secretary/learning/similarity.h"

#include <cmath>

#include <sodium.h>

#include "secretary/learning/numbers.h"

namespace netpas::secretary::learning {

namespace {

using Grid = std::array<double, Hyperparameters::steps>;

constexpr Grid deviationGrid{0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.4, 2.2};
constexpr Grid jitterGrid{0.02, 0.04, 0.07, 0.11, 0.16, 0.24, 0.36, 0.6};
constexpr Grid slipGrid{0.001, 0.003, 0.007, 0.015, 0.03, 0.06, 0.1, 0.15};
constexpr Grid driftGrid{0.01, 0.03, 0.06, 0.1, 0.15, 0.22, 0.35, 0.5};

// Most users are steady; of those who are not, worth moves by a quarter or more in a month. Log density.
constexpr Grid driftPrior{0, 0, -0.7, -0.5, 0, 0.5, 0.5, -0.5};
constexpr uint8_t driftAtFirst = 1;

// Where the prior of each other hyperparameter is centred, and its spread, in steps of its grid.
struct StepPrior {
    uint8_t centre;
    double spread;
};
constexpr std::array<StepPrior, Hyperparameters::driftAt> stepPriors{{
    {6, 1.0},  // user
    {3, 1.5},  // app
    {5, 1.5},  // purpose
    {3, 1.5},  // payee
    {4, 1.5},  // group
    {3, 1.5},  // domain
    {3, 1.5},  // purpose and group
    {2, 1.5},  // purpose and payee
    {2, 1.5},  // purpose and domain
    {2, 1.5},  // app and purpose
    {2, 1.5},  // everything
    {2, 1.5},  // jitter
    {3, 1.5},  // slip
}};

}  // namespace

std::string_view name(Field field) {
    switch (field) {
    case Field::App: return "app";
    case Field::Purpose: return "purpose";
    case Field::Payee: return "payee";
    case Field::Group: return "group";
    case Field::Domain: return "domain";
    }
    return {};
}

FieldTexts shortened(const FieldTexts& fields) {
    constexpr size_t kept = longestText - 2 * crypto_generichash_BYTES_MIN - 1;
    FieldTexts texts = fields;
    for (std::string& text : texts) {
        if (text.size() <= longestText) continue;
        std::array<unsigned char, crypto_generichash_BYTES_MIN> digest{};
        crypto_generichash(digest.data(), digest.size(), reinterpret_cast<const unsigned char*>(text.data()),
                           text.size(), nullptr, 0);
        std::array<char, 2 * crypto_generichash_BYTES_MIN + 1> hex{};
        sodium_bin2hex(hex.data(), hex.size(), digest.data(), digest.size());
        text.resize(kept);
        text += '~';
        text += hex.data();
    }
    return texts;
}

ContextKey contextKey(const FieldTexts& fields) {
    ContextKey key{};
    for (size_t i = 0; i < fieldCount; ++i) {
        std::array<unsigned char, crypto_generichash_BYTES_MIN> digest{};
        crypto_generichash(digest.data(), digest.size(), reinterpret_cast<const unsigned char*>(fields[i].data()),
                           fields[i].size(), nullptr, 0);
        for (size_t b = 0; b < sizeof(uint64_t); ++b) key[i] = key[i] << 8 | digest[b];
    }
    return key;
}

std::array<uint8_t, Hyperparameters::count> Hyperparameters::prior() {
    std::array<uint8_t, count> centre{};
    for (size_t i = 0; i < stepPriors.size(); ++i) centre[i] = stepPriors[i].centre;
    centre[driftAt] = driftAtFirst;
    return centre;
}

double Hyperparameters::effectVariance(size_t effect) const {
    const double deviation = deviationGrid[step[effect]];
    return deviation * deviation;
}

double Hyperparameters::jitter() const { return jitterGrid[step[jitterAt]]; }
double Hyperparameters::slip() const { return slipGrid[step[slipAt]]; }
double Hyperparameters::drift() const { return driftGrid[step[driftAt]]; }

double Hyperparameters::logPrior() const {
    double sum = driftPrior[step[driftAt]];
    for (size_t i = 0; i < stepPriors.size(); ++i) {
        const double distance = (double(step[i]) - double(stepPriors[i].centre)) / stepPriors[i].spread;
        sum -= 0.5 * distance * distance;
    }
    return sum;
}

double decayOver(double days) { return std::exp(-std::abs(days) / driftDays); }

Similarity::Similarity(const Hyperparameters& hyper) {
    const double wandering = hyper.drift() * hyper.drift();
    for (unsigned mask = 0; mask <= everyField; ++mask) {
        for (size_t effect = 0; effect < effectCount; ++effect) {
            if ((mask & effectMasks[effect]) == effectMasks[effect]) m_static[mask] += hyper.effectVariance(effect);
        }
        m_wandering[mask] = (mask & bit(Field::Purpose)) != 0 ? wandering : wandering / 2;
    }
}

}  // namespace netpas::secretary::learning
