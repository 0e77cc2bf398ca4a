// Every combination of services worth having (NetPaS §5.3): the exact Pareto frontier of price against latency, loss and rate over all
// paths and classes. Pure; no clock, no network.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "core/ids.h"
#include "core/money.h"
#include "core/price_model.h"

namespace netpas::cartographer {

// Of a stretch of the way, for packets that are sent now.
struct Quality {
    uint64_t latencyMicroseconds = 0;
    uint32_t lossPerBillion = 0;  // 0..1'000'000'000
    uint64_t bitsPerSecond = UINT64_MAX;

    // This stretch, then that one: latency adds up, losses are independent, the narrower one decides.
    [[nodiscard]] Quality then(const Quality& next) const;
    friend bool operator==(const Quality&, const Quality&) = default;
};

struct ClassOption {
    ServiceClass service;
    PriceModel price;
    Quality quality;
};

// One ISP of a way, and what can be bought there.
struct Leg {
    IspId isp;
    std::vector<ClassOption> options;  // at most 64, as the header has it; none: the way cannot be bought
};
using Way = std::vector<Leg>;  // in path order, at most 16; longer ones are left out

// An index into the options of each leg of a way. There are thousands of these: no memory of their own.
class Choices {
public:
    static constexpr size_t most = 16;
    void push_back(uint8_t choice) { m_of[m_size++] = choice; }
    [[nodiscard]] uint8_t operator[](size_t leg) const { return m_of[leg]; }
    [[nodiscard]] size_t size() const { return m_size; }
    [[nodiscard]] bool empty() const { return m_size == 0; }

private:
    std::array<uint8_t, most> m_of{};
    uint8_t m_size = 0;
};

struct Combination {
    static constexpr size_t bestEffort = SIZE_MAX;
    size_t way = bestEffort;  // which of the ways
    Choices choices;          // none for best effort
    Money price;              // of one packet, as it is encoded (§5.1): what the user pays
    Quality quality;
};

// What no other combination beats in every respect, by price, then latency, loss and rate; of several that are alike in all four the
// first. Best effort is always the first of all, also when it is beaten. `innerBytes` is the size of the packet. A combination whose price no code
// can say is left out.
[[nodiscard]] std::vector<Combination> frontier(std::span<const Way> ways, uint32_t innerBytes,
                                                const Quality& bestEffort);

}  // namespace netpas::cartographer
