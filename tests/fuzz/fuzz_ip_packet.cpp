// Arbitrary bytes as a frame with its virtio header: what the parser accepts is split and joined, and no step may leave the packet or
// contradict another one.
//
// Input: 10 bytes of virtio header, 2 bytes of maximum, the packet.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "core/bytes.h"
#include "tun/packet/checksum.h"
#include "tun/packet/coalesce.h"
#include "tun/packet/icmp_error.h"
#include "tun/packet/segment.h"

using namespace netpas;
using namespace netpas::tun;

namespace {

constexpr size_t prologue = sizeof(VnetHeader) + 2;

void require(bool condition) {
    if (!condition) std::abort();
}

void checkView(const PacketView& view, std::span<const uint8_t> packet) {
    require(view.data == packet.data() && view.totalLength == packet.size());
    require(view.headersLength() <= packet.size());
    require(view.version == 4 || view.version == 6);
    require(!view.firstFragment || view.fragment);
    const auto parsed = parsePacket(packet);
    require(parsed && parsed->flow == flowOf(view));
    require(!parsed->quoted || isIcmpError(view));
    if (view.version == 4) require(load16(packet.data() + 2) == packet.size());
}

void checkIcmp(const PacketView& view) {
    std::vector<uint8_t> out(maxIcmpErrorSize);
    const auto size = buildTooBig(view, 1400, out);
    if (!size) return;
    const auto error = parsePacket(std::span(out).first(*size));
    require(error && isIcmpError(*error) && transportChecksumHolds(*error));
    // A long chain of extension headers can fill the quote, and then nobody knows the ports.
    const size_t quoted = *size - error->headersLength();
    if (quoted >= view.headersLength()) require(error->quoted.has_value() && *error->quoted == flowOf(view));
}

void checkDscp(std::vector<uint8_t> packet) {
    const bool sound = packet[0] >> 4 == 6 || ipv4HeaderChecksumHolds(std::span(packet).first((packet[0] & 15u) * 4));
    rewriteDscp(packet, 46);
    const auto view = parseHeaders(packet);
    require(view && view->trafficClass() >> 2 == 46);
    if (view->version == 4 && sound) require(ipv4HeaderChecksumHolds(std::span(packet).first(view->l4Offset)));
}

// The packets of a plan are packets, and together they carry the payload.
std::vector<std::vector<uint8_t>> split(const Segmenter& plan, const PacketView& view, bool train) {
    std::vector<std::vector<uint8_t>> packets;
    size_t payload = 0;
    for (size_t first = 0; first < plan.count(); ++first) {
        std::vector<uint8_t> packet(plan.packetBytes(first, 1));
        require(plan.write(first, 1, size_t{0}, packet) == packet.size());
        const auto part = parseHeaders(packet);
        require(part.has_value() || !train);
        if (part && train) {
            require(transportChecksumHolds(*part));
            require(part->headersLength() == view.headersLength());
            payload += part->payloadLength();
        }
        packets.push_back(std::move(packet));
    }
    if (train) require(payload == view.payloadLength());
    return packets;
}

std::vector<uint8_t> bytesOf(const OutgoingFrame& frame) {
    std::vector<uint8_t> bytes;
    for (const auto piece : frame.pieces) bytes.insert(bytes.end(), piece.begin(), piece.end());
    return bytes;
}

// Joining loses nothing: splitting every frame at its own size gives the packets back, in the order of each flow.
void checkJoining(const std::vector<std::vector<uint8_t>>& packets) {
    Coalescer coalescer({.udp = true, .capacity = packets.size()});
    for (const auto& packet : packets) require(coalescer.add(packet));
    std::vector<std::vector<uint8_t>> again;
    for (const OutgoingFrame& frame : coalescer.frames()) {
        const auto bytes = bytesOf(frame);
        if (frame.vnet.gsoType == vnet_gso::none) {
            again.push_back(bytes);
            continue;
        }
        const auto view = parseHeaders(bytes);
        require(view.has_value());
        const auto plan = Segmenter::plan(frame.vnet, *view, maxFrameSize);
        require(plan.has_value());
        const auto parts = split(*plan, *view, true);
        again.insert(again.end(), parts.begin(), parts.end());
    }
    require(again == packets);
}

void check(const VnetHeader& vnet, size_t maximum, const std::vector<uint8_t>& packet) {
    (void)parseQuotedHeaders(packet);
    const auto view = parseHeaders(packet);
    if (!view) return;
    checkView(*view, packet);
    checkIcmp(*view);
    checkDscp(packet);
    const auto plan = Segmenter::plan(vnet, *view, maximum);
    if (!plan) return;
    require(plan->exceeds() == (plan->packetSize() > maximum));
    const auto packets = split(*plan, *view, plan->count() > 1);
    if (packets.size() <= 1024) checkJoining(packets);
}

// Mutations seldom keep the lengths in step with each other; set right, they lead past the parser.
void repair(VnetHeader& vnet, std::vector<uint8_t>& packet) {
    if (packet.size() < 40) return;
    const bool v6 = packet[0] >> 4 == 6;
    packet[0] = v6 ? packet[0] : uint8_t{0x45};
    store16(packet.data() + (v6 ? 4 : 2), static_cast<uint16_t>(v6 ? packet.size() - 40 : packet.size()));
    const auto quote = parseQuotedHeaders(packet);
    if (!quote || quote->fragment) return;
    const size_t l4 = quote->l4Offset;
    if (quote->protocol == ipproto::udp) store16(packet.data() + l4 + 4, static_cast<uint16_t>(packet.size() - l4));
    if (quote->protocol != ipproto::udp && quote->protocol != ipproto::tcp) return;
    const bool udp = quote->protocol == ipproto::udp;
    vnet.flags = vnet_flag::needsChecksum;
    vnet.gsoType = udp ? vnet_gso::udp : v6 ? vnet_gso::tcp6 : vnet_gso::tcp4;
    vnet.checksumStart = quote->l4Offset;
    vnet.checksumOffset = udp ? 6 : 16;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size < prologue || size > prologue + maxFrameSize) return 0;
    VnetHeader vnet;
    std::memcpy(&vnet, data, sizeof vnet);
    const size_t maximum = load16(data + sizeof vnet);
    // Buffers of exactly the packet's size, so that a sanitizer sees every byte that is read too far.
    std::vector<uint8_t> packet(data + prologue, data + size);
    check(vnet, maximum, packet);
    repair(vnet, packet);
    check(vnet, maximum, packet);
    return 0;
}
