// The network between the accounting servers of an overlay: a relay on every connection between neighbours, with bad weather
// and partitions. Runs on a thread of its own.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <utility>

#include "app/lab/scenario/overlay_kit.h"
#include "app/lab/tools/overlay_relay.h"

namespace netpas::lab {

class ChaosWeather {
public:
    // Before the servers start: they are told to reach each other through the relays.
    static Expected<std::unique_ptr<ChaosWeather>> start(Overlay& overlay, uint64_t seed);
    ~ChaosWeather();
    ChaosWeather(const ChaosWeather&) = delete;
    ChaosWeather& operator=(const ChaosWeather&) = delete;

    void set(const RelayWeather& weather);
    // Both directions between two neighbours.
    void part(uint16_t a, uint16_t b, Partition partition);
    void heal();  // no weather, no partition
    [[nodiscard]] Json statistics();

private:
    ChaosWeather() = default;
    std::unique_ptr<OverlayThread> m_thread;
    std::map<uint16_t, std::unique_ptr<Identity>> m_identities;
    std::map<std::pair<uint16_t, uint16_t>, std::unique_ptr<OverlayRelay>> m_relays;  // from, to
    uint64_t m_partitions = 0;
};

}  // namespace netpas::lab
