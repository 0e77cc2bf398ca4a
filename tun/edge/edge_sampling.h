// How payments are sampled for confirmations; plain data.
#pragma once

#include <cstdint>

#include "core/money.h"

namespace netpas::tun {

enum class SamplerKind : uint8_t { Stratified, Smart };

struct EdgeSampling {
    Money threshold = Money::fromEighths(800'000);  // $0.0001
    SamplerKind kind = SamplerKind::Stratified;
    uint64_t seed = 0;  // 0 = the system's randomness
};

}  // namespace netpas::tun
