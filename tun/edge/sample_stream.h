// Step 1 of NetPaS §5.1: which packets are confirmed to one ISP, and what is kept of them.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "core/ids.h"
#include "core/sampling/sampler.h"
#include "core/wire/accounting_header.h"
#include "tun/edge/edge_sampling.h"

namespace netpas::tun {

// One packet that was picked: the accounting header as it arrived and the 40 bytes behind it.
struct EdgeSample {
    static constexpr size_t innerLimit = 40;

    IspId beneficiary;   // whose service is confirmed
    uint32_t picks = 0;  // confirmations of T each that this packet stands for, ≥ 1
    uint8_t headerSize = 0;
    uint8_t innerSize = 0;
    std::array<uint8_t, header_bytes::maxSize> headerBytes{};
    std::array<uint8_t, innerLimit> innerBytes{};

    [[nodiscard]] std::span<const uint8_t> header() const { return {headerBytes.data(), headerSize}; }
    [[nodiscard]] std::span<const uint8_t> inner() const { return {innerBytes.data(), innerSize}; }
    friend bool operator==(const EdgeSample&, const EdgeSample&) = default;
};

// Samples on their way to the accounting server. Bounded; what finds no room is counted, never waited for.
class SampleOutbox {
public:
    explicit SampleOutbox(size_t limit = 8192) : m_limit(limit) { m_samples.reserve(limit); }

    void add(const EdgeSample& sample) {
        if (m_samples.size() < m_limit) {
            m_samples.push_back(sample);
        } else {
            m_dropped += sample.picks;
        }
    }
    // Moves everything to the back of `out`.
    void drainTo(std::vector<EdgeSample>& out) {
        out.insert(out.end(), m_samples.begin(), m_samples.end());
        m_samples.clear();
    }
    [[nodiscard]] bool empty() const { return m_samples.empty(); }
    [[nodiscard]] size_t size() const { return m_samples.size(); }
    [[nodiscard]] uint64_t dropped() const { return m_dropped; }

private:
    size_t m_limit;
    std::vector<EdgeSample> m_samples;
    uint64_t m_dropped = 0;  // confirmations
};

// The payments to one ISP at one place. Owner: the packet thread.
class SampleStream {
public:
    // `random` outlives the stream.
    SampleStream(IspId beneficiary, const EdgeSampling& sampling, RandomSource& random);

    void observe(Money payment, std::span<const uint8_t> header, std::span<const uint8_t> inner, SampleOutbox& out) {
        const SampleOutcome outcome = m_sampler->observe(payment);
        if (outcome.picked != 0 || outcome.released != 0) move(outcome, header, inner, out);
    }
    [[nodiscard]] IspId beneficiary() const { return m_beneficiary; }
    // Everything that waits leaves: the router stops.
    void flush(SampleOutbox& out);

private:
    void move(SampleOutcome outcome, std::span<const uint8_t> header, std::span<const uint8_t> inner,
              SampleOutbox& out);

    IspId m_beneficiary;
    std::unique_ptr<Sampler> m_sampler;
    std::deque<EdgeSample> m_waiting;  // oldest first
};

}  // namespace netpas::tun
