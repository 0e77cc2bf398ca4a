#include "app/lab/tools/flow_watch.h"

#include "app/lab/evidence.h"
#include "app/lab/lab.h"
#include "app/lab/tools/payment_meter.h"

namespace netpas::lab {

Expected<std::unique_ptr<FlowWatch>> FlowWatch::start(Lab& lab, const std::string& link, const std::string& node,
                                                      std::set<uint16_t> ports) {
    const auto interface = interfaceAt(lab, link, node);
    if (!interface) return fail(LabErrc::Usage, node + " has no end at link " + link);
    std::unique_ptr<FlowWatch> watch(new FlowWatch);
    watch->m_ports = std::move(ports);
    auto capture =
        LinkCapture::start(lab.netns(node), *interface, CaptureFilter::Everything,
                           [watching = watch.get()](const CapturedPacket& packet) { watching->take(packet); });
    if (!capture) return tl::unexpected(capture.error());
    watch->m_capture = std::move(*capture);
    return watch;
}

void FlowWatch::take(const CapturedPacket& captured) {
    if (captured.direction != PacketDirection::Outgoing) return;
    if (const auto packet = readPaidPacket(captured.frame)) {
        const auto paid = [&](FlowTimes& times) {
            ++times.paid;
            times.lastPaid = captured.time;
            times.amount = Money::fromEighths(times.amount.eighths() + static_cast<int64_t>(packet->totalEighths()));
        };
        const std::lock_guard lock(m_mutex);
        paid(m_times);
        if (m_ports.contains(packet->innerPort)) paid(m_ofPort[packet->innerPort]);
        return;
    }
    const auto plain = readPlainPacket(captured.frame);
    if (!plain || !m_ports.contains(plain->destinationPort)) return;
    const std::lock_guard lock(m_mutex);
    for (FlowTimes* const times : {&m_times, &m_ofPort[plain->destinationPort]}) {
        ++times->unpaid;
        times->lastUnpaid = captured.time;
    }
}

FlowTimes FlowWatch::times() const {
    const std::lock_guard lock(m_mutex);
    return m_times;
}

FlowTimes FlowWatch::times(uint16_t port) const {
    const std::lock_guard lock(m_mutex);
    const auto found = m_ofPort.find(port);
    return found == m_ofPort.end() ? FlowTimes{} : found->second;
}

Expected<FlowTimes> FlowWatch::stop() {
    const CaptureStatistics statistics = m_capture->stop();
    if (statistics.lost != 0)
        return fail(LabErrc::Evidence, "a capture lost " + std::to_string(statistics.lost) + " packets");
    return times();
}

}  // namespace netpas::lab
