// The recent past of one quantity in bounded memory: its mean and how far that can be from the truth, also when neighbouring samples resemble
// each other (queues, bursts of losses). What is old is forgotten; what lies before a lasting change, too. One thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "core/clock.h"

namespace netpas::measure {

class Series {
public:
    struct Options {
        std::chrono::seconds memory{600};  // what is older does not count
        size_t bins = 128;                 // at most; neighbours are merged when there would be more
        // Of the mean of a sample per unit of weight, at least: chance alone makes so much. For shares, of p: p · (1 - p).
        bool share = false;
    };
    explicit Series(Options options) : m_options(options) {}

    // `weight` trials that began after the ones before, and their sum: one latency, or `weight` packets of which `sum` were lost. weight > 0.
    void add(SteadyTime at, double sum, double weight = 1);
    void clear();

    struct Summary {
        uint64_t samples = 0;  // of weight
        double mean = 0;
        double deviation = 0;  // standard deviation of the mean
        double freedom = 0;    // degrees of it
        SteadyTime newest{};
        bool judged = false;  // there were enough bins to see how much neighbours resemble each other
    };
    // Of what is not forgotten at `now`.
    [[nodiscard]] Summary summary(SteadyTime now);
    // Lasting changes that were noticed.
    [[nodiscard]] uint64_t changes() const { return m_changes; }

private:
    struct Bin {
        SteadyTime begin, end;
        double sum = 0;
        double squares = 0;  // of the samples' means, by weight
        double weight = 0;
        uint64_t samples = 0;
    };
    struct Split {
        size_t at = 0;  // the first bin after it
        double score = 0;
        double before = 0;
        double difference = 0;
    };
    void forget(SteadyTime now);
    void mergePairs();
    void lookForChange();
    [[nodiscard]] Split likeliestSplit() const;
    [[nodiscard]] bool lasts(const Split& split) const;
    template <typename Rest>
    [[nodiscard]] double likeness(Rest rest) const;
    void widenByLikeness(Summary& out) const;

    Options m_options;
    std::vector<Bin> m_bins;
    uint64_t m_perBin = 1;  // calls of add() that share a bin
    uint64_t m_changes = 0;
};

// Two-sided 95 % quantile of Student's distribution. freedom ≥ 1.
[[nodiscard]] double student95(double freedom);

}  // namespace netpas::measure
