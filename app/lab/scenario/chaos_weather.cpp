#include "app/lab/scenario/chaos_weather.h"

#include <nlohmann/json.hpp>

namespace netpas::lab {

Expected<std::unique_ptr<ChaosWeather>> ChaosWeather::start(Overlay& overlay, uint64_t seed) {
    std::unique_ptr<ChaosWeather> made(new ChaosWeather);
    auto thread = OverlayThread::start(overlay.lab().netns(overlay.node()));
    if (!thread) return tl::unexpected(thread.error());
    made->m_thread = std::move(*thread);
    for (const OverlayIspSpec& spec : overlay.isps()) {
        auto identity = Identity::load(overlay.identityFile(spec.isp));
        if (!identity) return fail(LabErrc::State, "cannot read " + overlay.identityFile(spec.isp));
        made->m_identities[spec.isp] = std::make_unique<Identity>(std::move(*identity));
    }
    bool listening = true;
    made->m_thread->run([&] {
        for (const OverlayIspSpec& spec : overlay.isps()) {
            for (const uint16_t to : spec.neighbours) {
                RelayOptions options;
                options.listen = overlay.relayEndpoint(spec.isp, to);
                options.face = made->m_identities.at(to).get();
                options.to = overlay.server(to);
                options.mask = [mask = made->m_identities.at(spec.isp).get()](const PublicKey& dialer) {
                    return dialer == mask->publicKey() ? mask : nullptr;
                };
                options.seed = ++seed;
                auto relay = std::make_unique<OverlayRelay>(made->m_thread->io(), std::move(options));
                listening = listening && relay->start().has_value();
                made->m_relays.emplace(std::pair(spec.isp, to), std::move(relay));
                overlay.reachThrough(spec.isp, to, overlay.relayEndpoint(spec.isp, to));
            }
        }
    });
    if (!listening) return fail(LabErrc::System, "a relay cannot listen");
    return made;
}

ChaosWeather::~ChaosWeather() {
    if (m_thread) m_thread->run([this] { m_relays.clear(); });
}

void ChaosWeather::set(const RelayWeather& weather) {
    m_thread->run([&] {
        for (const auto& [way, relay] : m_relays) relay->setWeather(weather);
    });
}

void ChaosWeather::part(uint16_t a, uint16_t b, Partition partition) {
    if (partition != Partition::None) ++m_partitions;
    m_thread->run([&] {
        m_relays.at({a, b})->setPartition(partition);
        m_relays.at({b, a})->setPartition(partition);
    });
}

void ChaosWeather::heal() {
    m_thread->run([&] {
        for (const auto& [way, relay] : m_relays) {
            relay->setWeather({});
            relay->setPartition(Partition::None);
        }
    });
}

Json ChaosWeather::statistics() {
    OverlayRelay::Count all;
    m_thread->run([&] {
        for (const auto& [way, relay] : m_relays) {
            for (const auto direction : {OverlayRelay::Direction::Forth, OverlayRelay::Direction::Back}) {
                const OverlayRelay::Count& one = relay->count(direction);
                all.seen += one.seen;
                all.passed += one.passed;
                all.dropped += one.dropped;
                all.duplicated += one.duplicated;
                all.reordered += one.reordered;
                all.undecodable += one.undecodable;
            }
        }
    });
    return {{"seen", all.seen},           {"passed", all.passed},
            {"dropped", all.dropped},     {"duplicated", all.duplicated},
            {"reordered", all.reordered}, {"undecodable", all.undecodable},
            {"partitions", m_partitions}};
}

}  // namespace netpas::lab
