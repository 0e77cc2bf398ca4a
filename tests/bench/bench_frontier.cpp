// How long the offers for one destination take: a way of 6 ISPs with 8 classes each, alone and with 15 alternates that share its last
// two ISPs. Medians of 100 rounds with menus drawn anew.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <random>

#include "cartographer/frontier.h"

using namespace netpas;
using namespace netpas::cartographer;

namespace {

constexpr size_t isps = 6;
constexpr size_t classes = 8;

// Each class costs more than the one before, and is better in all respects.
Leg drawLeg(uint16_t isp, std::mt19937& random) {
    const auto below = [&](uint32_t bound) { return static_cast<uint32_t>(random() % bound); };
    Leg leg{IspId(isp), {}};
    Money price = Money::fromEighths(8 + below(16));
    Quality quality{10'000 + below(20'000), 5'000'000 + below(20'000'000), 2'000'000 + below(4) * 1'000'000};
    for (uint8_t i = 0; i < classes; ++i) {
        leg.options.push_back({ServiceClass(i), {price, Money::zero(), 13}, quality});
        price = Money::fromEighths(price.eighths() + 4 + below(40));
        quality.latencyMicroseconds = quality.latencyMicroseconds * (60 + below(35)) / 100;
        quality.lossPerBillion = quality.lossPerBillion / 100 * (30 + below(50));
        quality.bitsPerSecond *= 2;
    }
    return leg;
}

void measure(size_t alternates) {
    std::mt19937 random(1);
    std::vector<double> times;
    std::vector<size_t> sizes;
    for (int round = 0; round < 100; ++round) {
        std::vector<Way> ways(alternates);
        for (size_t way = 0; way < alternates; ++way) {
            for (size_t i = 0; i < isps; ++i) {
                const bool shared = way != 0 && i + 2 >= isps;
                const auto isp = static_cast<uint16_t>(shared ? i : way * 100 + i);
                ways[way].push_back(shared ? ways[0][i] : drawLeg(isp, random));
            }
        }
        const auto start = std::chrono::steady_clock::now();
        sizes.push_back(frontier(ways, 1400, {90'000, 60'000'000, 3'000'000}).size());
        times.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
    }
    std::sort(times.begin(), times.end());
    std::sort(sizes.begin(), sizes.end());
    std::printf("%2zu ways: %.2f ms, %zu combinations worth having\n", alternates, times[50], sizes[50]);
}

}  // namespace

int main() {
    measure(1);
    measure(16);
    return 0;
}
