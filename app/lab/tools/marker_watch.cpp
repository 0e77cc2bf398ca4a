#include "app/lab/tools/marker_watch.h"

#include <algorithm>
#include <string_view>

#include "app/lab/evidence.h"
#include "app/lab/lab.h"
#include "app/lab/tools/attacker.h"
#include "app/lab/tools/payment_meter.h"
#include "core/flow.h"
#include "core/wire/shim.h"

namespace netpas::lab {
namespace {

bool holds(std::span<const uint8_t> frame, std::string_view marker) {
    return std::search(frame.begin(), frame.end(), marker.begin(), marker.end()) != frame.end();
}

}  // namespace

Expected<std::unique_ptr<MarkerWatch>> MarkerWatch::start(Lab& lab, const std::string& link, const std::string& node) {
    const auto interface = interfaceAt(lab, link, node);
    if (!interface) return fail(LabErrc::Topology, node + " has no end at link " + link);
    std::unique_ptr<MarkerWatch> watch(new MarkerWatch);
    auto capture =
        LinkCapture::start(lab.netns(node), *interface, CaptureFilter::Everything,
                           [watching = watch.get()](const CapturedPacket& packet) { watching->take(packet.frame); });
    if (!capture) return tl::unexpected(capture.error());
    watch->m_capture = std::move(*capture);
    return watch;
}

// On its way to an edge router a forgery may cross any link as an ordinary datagram: only what an edge sent counts. ICMP
// errors quote what they refuse.
void MarkerWatch::take(std::span<const uint8_t> frame) {
    if (isHostileFrame(frame)) return;
    const auto plain = readPlainPacket(frame);
    if (!plain || (plain->protocol != ipproto::udp && plain->protocol != ipproto::tcp)) return;
    if (plain->protocol == ipproto::udp && plain->destinationPort == dataPort) ++m_relayed;
    if (holds(frame, hostileMarker)) ++m_forged;
    if (holds(frame, controlMarker)) ++m_valid;
}

}  // namespace netpas::lab
