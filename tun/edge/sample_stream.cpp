#include "tun/edge/sample_stream.h"

#include <algorithm>

namespace netpas::tun {

namespace {

std::unique_ptr<Sampler> makeSampler(const EdgeSampling& sampling, RandomSource& random) {
    switch (sampling.kind) {
    case SamplerKind::Stratified: return std::make_unique<StratifiedSampler>(sampling.threshold, random);
    case SamplerKind::Smart: return std::make_unique<SmartSampler>(sampling.threshold, random);
    }
    return nullptr;
}

}  // namespace

SampleStream::SampleStream(IspId beneficiary, const EdgeSampling& sampling, RandomSource& random)
    : m_beneficiary(beneficiary), m_sampler(makeSampler(sampling, random)) {}

void SampleStream::move(SampleOutcome outcome, std::span<const uint8_t> header, std::span<const uint8_t> inner,
                        SampleOutbox& out) {
    if (outcome.picked != 0) {
        EdgeSample sample;
        sample.beneficiary = m_beneficiary;
        sample.picks = outcome.picked;
        sample.headerSize = static_cast<uint8_t>(std::min(header.size(), sample.headerBytes.size()));
        sample.innerSize = static_cast<uint8_t>(std::min(inner.size(), EdgeSample::innerLimit));
        std::copy_n(header.begin(), sample.headerSize, sample.headerBytes.begin());
        std::copy_n(inner.begin(), sample.innerSize, sample.innerBytes.begin());
        m_waiting.push_back(sample);
    }
    uint32_t released = outcome.released;
    while (released > 0 && !m_waiting.empty()) {
        EdgeSample& oldest = m_waiting.front();
        if (oldest.picks > released) {
            EdgeSample part = oldest;
            part.picks = released;
            oldest.picks -= released;
            out.add(part);
            return;
        }
        released -= oldest.picks;
        out.add(oldest);
        m_waiting.pop_front();
    }
}

void SampleStream::flush(SampleOutbox& out) {
    for (const EdgeSample& sample : m_waiting) out.add(sample);
    m_waiting.clear();
}

}  // namespace netpas::tun
