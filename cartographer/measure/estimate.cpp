#include "cartographer/measure/estimate.h"

#include <algorithm>
#include <cmath>

namespace netpas::measure {

namespace {

// Everything but value and interval: as good as the worst part, as old as the oldest.
Estimate weakestOf(std::span<const Estimate> parts) {
    Estimate all;
    if (parts.empty()) return all;
    all = parts.front();
    for (const Estimate& part : parts) {
        all.grade = std::min(all.grade, part.grade);
        all.samples = std::min(all.samples, part.samples);
        all.newest = std::min(all.newest, part.newest);
    }
    return all;
}

// Independent errors of chance add up by their squares, systematic ones as they are.
struct Widths {
    double below = 0;
    double above = 0;
    double systematic = 0;

    void add(double value, double low, double high, double constant) {
        below += std::pow(std::max(value - low - constant, 0.0), 2);
        above += std::pow(std::max(high - value - constant, 0.0), 2);
        systematic += constant;
    }
    [[nodiscard]] double low(double value) const { return value - std::sqrt(below) - systematic; }
    [[nodiscard]] double high(double value) const { return value + std::sqrt(above) + systematic; }
};

// Losses of stretches add up as these do.
double thinning(double loss) { return -std::log1p(-std::min(loss, 1 - 1e-12)); }
double lossOf(double thinned) { return std::clamp(-std::expm1(-thinned), 0.0, 1.0); }

}  // namespace

std::string_view name(Grade grade) {
    switch (grade) {
    case Grade::Unknown: return "unknown";
    case Grade::Scarce: return "scarce";
    case Grade::Good: return "good";
    }
    return "unknown";
}

std::optional<std::chrono::nanoseconds> Estimate::age(SteadyTime now) const {
    if (!known()) return std::nullopt;
    return std::max(now - newest, std::chrono::nanoseconds(0));
}

Estimate latencyAlong(std::span<const Estimate> stretches) {
    Estimate all = weakestOf(stretches);
    if (!all.known()) return {};
    Widths widths;
    all.value = 0;
    for (const Estimate& part : stretches) {
        all.value += part.value;
        widths.add(part.value, part.low, part.high, part.systematic);
    }
    all.low = std::max(widths.low(all.value), 0.0);
    all.high = widths.high(all.value);
    all.systematic = widths.systematic;
    return all;
}

Estimate lossAlong(std::span<const Estimate> stretches) {
    Estimate all = weakestOf(stretches);
    if (!all.known()) return {};
    Widths widths;
    double sum = 0;
    for (const Estimate& part : stretches) {
        sum += thinning(part.value);
        widths.add(thinning(part.value), thinning(part.low), thinning(part.high), 0);
    }
    all.value = lossOf(sum);
    all.low = lossOf(std::max(widths.low(sum), 0.0));
    all.high = lossOf(widths.high(sum));
    all.systematic = 0;
    return all;
}

Estimate rateAlong(std::span<const Estimate> stretches) {
    Estimate all = weakestOf(stretches);
    if (!all.known()) return {};
    for (const Estimate& part : stretches) {
        if (part.value < all.value) all.systematic = part.systematic;
        all.value = std::min(all.value, part.value);
        all.low = std::min(all.low, part.low);
        all.high = std::min(all.high, part.high);
    }
    return all;
}

Estimate latencyBetween(const Estimate& toBegin, const Estimate& toEnd) {
    const Estimate both[] = {toBegin, toEnd};
    Estimate all = weakestOf(both);
    if (!all.known()) return {};
    const double value = toEnd.value - toBegin.value;
    Widths widths;  // what makes the first one shorter makes the difference longer
    widths.add(toEnd.value, toEnd.low, toEnd.high, toEnd.systematic);
    widths.add(-toBegin.value, -toBegin.high, -toBegin.low, toBegin.systematic);
    all.value = std::max(value, 0.0);
    all.low = std::max(widths.low(value), 0.0);
    all.high = std::max(widths.high(value), 0.0);
    all.systematic = widths.systematic;
    return all;
}

Estimate lossBetween(const Estimate& toBegin, const Estimate& toEnd) {
    const Estimate both[] = {toBegin, toEnd};
    Estimate all = weakestOf(both);
    if (!all.known()) return {};
    const double value = thinning(toEnd.value) - thinning(toBegin.value);
    Widths widths;
    widths.add(thinning(toEnd.value), thinning(toEnd.low), thinning(toEnd.high), 0);
    widths.add(-thinning(toBegin.value), -thinning(toBegin.high), -thinning(toBegin.low), 0);
    all.value = lossOf(std::max(value, 0.0));
    all.low = lossOf(std::max(widths.low(value), 0.0));
    all.high = lossOf(std::max(widths.high(value), 0.0));
    all.systematic = 0;
    return all;
}

}  // namespace netpas::measure
