// Estimates from what comes in: round trips, losses, rates (see series.h for what is forgotten and when). One thread.
#pragma once

#include <deque>

#include "cartographer/measure/estimate.h"
#include "cartographer/measure/series.h"

namespace netpas::measure {

class LatencyEstimator {
public:
    // `systematic`: by how much the clock readings behind each sample may be wrong, all in the same way.
    explicit LatencyEstimator(std::chrono::nanoseconds systematic, Series::Options options = {});
    void add(SteadyTime at, std::chrono::nanoseconds latency);
    void clear() { m_series.clear(); }
    [[nodiscard]] Estimate estimate(SteadyTime now);
    [[nodiscard]] uint64_t changes() const { return m_series.changes(); }

private:
    double m_systematic;  // seconds
    Series m_series;
};

class LossEstimator {
public:
    explicit LossEstimator(Series::Options options = {});
    // Packets whose fate is known now, in the order in which they were sent. lost ≤ sent; nothing happens when none were.
    void add(SteadyTime at, uint64_t sent, uint64_t lost);
    void clear() { m_series.clear(); }
    [[nodiscard]] Estimate estimate(SteadyTime now);
    [[nodiscard]] uint64_t changes() const { return m_series.changes(); }

private:
    Series m_series;
};

// From moments at which the network alone held a sender back: what it delivered then. Their median is the rate.
class RateEstimator {
public:
    struct Options {
        std::chrono::seconds memory{600};
        size_t samples = 128;
        double systematic = 0.02;  // share of the rate: headers and acknowledgements that are not seen
    };
    explicit RateEstimator(Options options) : m_options(options) {}
    RateEstimator() : RateEstimator(Options{}) {}
    void add(SteadyTime at, double bitsPerSecond);
    void clear() { m_samples.clear(); }
    [[nodiscard]] Estimate estimate(SteadyTime now);

private:
    struct Sample {
        SteadyTime at;
        double rate = 0;
    };
    void forget(SteadyTime now);
    void lookForChange();
    Options m_options;
    std::deque<Sample> m_samples;
};

}  // namespace netpas::measure
