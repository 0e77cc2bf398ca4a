#include "app/lab/tools/payment_meter.h"

#include <algorithm>

#include "app/lab/evidence.h"
#include "app/lab/lab.h"

namespace netpas::lab {
namespace {

Money plus(Money a, uint64_t eighths) { return Money::fromEighths(a.eighths() + static_cast<int64_t>(eighths)); }

}  // namespace

std::optional<std::string> interfaceAt(const Lab& lab, const std::string& link, const std::string& node) {
    for (const auto& ends : lab.plan().links) {
        if (lab.topology().links[ends[0].link].name != link) continue;
        for (const InterfacePlan& end : ends) {
            if (end.node == node) return end.name;
        }
    }
    return std::nullopt;
}

Expected<std::unique_ptr<PaymentMeter>> PaymentMeter::start(Lab& lab, const std::string& link, const std::string& node,
                                                            Filter filter) {
    const auto interface = interfaceAt(lab, link, node);
    if (!interface) return fail(LabErrc::Usage, node + " has no end at link " + link);
    std::unique_ptr<PaymentMeter> meter(new PaymentMeter);
    meter->m_filter = std::move(filter);
    auto capture =
        LinkCapture::start(lab.netns(node), *interface, CaptureFilter::NetpasData,
                           [counting = meter.get()](const CapturedPacket& packet) { counting->take(packet); });
    if (!capture) return tl::unexpected(capture.error());
    meter->m_capture = std::move(*capture);
    return meter;
}

void PaymentMeter::take(const CapturedPacket& captured) {
    if (captured.direction != PacketDirection::Outgoing || (m_filter && !m_filter(captured.frame))) return;
    const auto packet = readPaidPacket(captured.frame);
    if (!packet) return;
    const std::lock_guard lock(m_mutex);
    m_count.last = std::chrono::steady_clock::now();
    if (!m_count.first) m_count.first = m_count.last;
    m_count.dearest = std::max(m_count.dearest, plus(Money::zero(), packet->totalEighths()));
    ++m_count.packets;
    m_count.amount = plus(m_count.amount, packet->totalEighths());
    for (const PaidHop& hop : packet->hops) {
        Money& one = m_count.perIsp.try_emplace(hop.isp, Money::zero()).first->second;
        one = plus(one, hop.priceEighths);
    }
}

PaymentCount PaymentMeter::count() const {
    const std::lock_guard lock(m_mutex);
    return m_count;
}

Expected<PaymentCount> PaymentMeter::stop() {
    const CaptureStatistics statistics = m_capture->stop();
    if (statistics.lost != 0) {
        return fail(LabErrc::Evidence, "a capture lost " + std::to_string(statistics.lost) + " packets");
    }
    return count();
}

}  // namespace netpas::lab
