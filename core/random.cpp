#include "core/random.h"

#include <sodium.h>

namespace netpas {

namespace {

// Draws again where a plain remainder would favour small values.
template <typename Next>
uint64_t uniformBelow(uint64_t bound, Next next) {
    const uint64_t unfair = (uint64_t{0} - bound) % bound;  // 2^64 mod bound
    uint64_t value = next();
    while (value < unfair) value = next();
    return value % bound;
}

class SystemRandom : public RandomSource {
public:
    uint64_t below(uint64_t bound) override {
        return uniformBelow(bound, [] {
            uint64_t value = 0;
            randombytes_buf(&value, sizeof value);
            return value;
        });
    }
};

}  // namespace

RandomSource& systemRandom() {
    static SystemRandom random;
    return random;
}

// SplitMix64 (Steele, Lea, Flood 2014).
uint64_t SeededRandom::next() {
    m_state += 0x9e3779b97f4a7c15U;
    uint64_t z = m_state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

uint64_t SeededRandom::below(uint64_t bound) {
    return uniformBelow(bound, [this] { return next(); });
}

}  // namespace netpas
