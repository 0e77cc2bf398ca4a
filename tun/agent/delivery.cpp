#include "tun/agent/delivery.h"

#include <algorithm>

#include "core/wire/accounting_header.h"
#include "core/wire/shim.h"

namespace netpas::tun {

namespace {

constexpr size_t slotCount = 16;
constexpr size_t slotSize = 65535;

CoalesceOptions optionsFor(const TunDevice& device) {
    const TunOffloads offloads = device.offloads();
    CoalesceOptions options;
    options.tcp4 = offloads.tcp4;
    options.tcp6 = offloads.tcp6;
    options.udp = offloads.udp;
    return options;
}

void bump(std::atomic<uint64_t>& counter, uint64_t by) {
    counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
}

// Nobody but this machine itself sends from such an address.
bool isOnlyLocal(const IpAddress& address) {
    const auto bytes = address.bytes();
    if (address.isV4()) return bytes[0] == 127 || bytes[0] == 0 || bytes[0] >= 224;
    const bool zeros = std::all_of(bytes.begin(), bytes.end() - 1, [](uint8_t byte) { return byte == 0; });
    return bytes[0] == 0xff || (zeros && bytes[15] <= 1) || (bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80);
}

}  // namespace

Delivery::Delivery(TunDevice& device, std::vector<IpAddress> to, std::vector<IpPrefix> from)
    : m_device(device),
      m_to(std::move(to)),
      m_from(std::move(from)),
      m_memory(slotCount * slotSize),
      m_slots(slotCount),
      m_coalescer(optionsFor(device)) {
    for (size_t i = 0; i < slotCount; ++i) {
        m_slots[i].buffer = std::span(m_memory).subspan(i * slotSize, slotSize);
    }
}

bool Delivery::open(UdpFactory& sockets, uint32_t mark) {
    for (const IpAddress& address : m_to) {
        UdpOptions options;
        options.local = {address, dataPort};
        options.mark = mark;
        auto opened = sockets.open(options);
        if (!opened) return false;
        m_sockets.push_back(std::move(*opened));
    }
    return true;
}

void Delivery::appendPollHandles(std::vector<int>& handles) const {
    for (const auto& socket : m_sockets) {
        if (socket->pollHandle() >= 0) handles.push_back(socket->pollHandle());
    }
}

bool Delivery::round() noexcept {
    bool any = false;
    for (const auto& socket : m_sockets) {
        const auto received = socket->receive(m_slots);
        if (!received || *received == 0) continue;
        any = true;
        for (size_t i = 0; i < *received; ++i) accept(m_slots[i]);
        flush();
    }
    return any;
}

void Delivery::accept(const ReceivedTrain& train) noexcept {
    const bool known = !train.truncated && train.segmentSize > 0 &&
                       std::any_of(m_from.begin(), m_from.end(),
                                   [&](const IpPrefix& prefix) { return prefix.contains(train.from.address); });
    const auto data = train.data();
    for (size_t at = 0; at < data.size(); at += std::max<size_t>(train.segmentSize, 1)) {
        const auto datagram = data.subspan(at, std::min(train.segmentSize, data.size() - at));
        if (!known || !add(datagram)) bump(m_refused, 1);
        if (!known && train.segmentSize == 0) return;
    }
}

bool Delivery::add(std::span<const uint8_t> datagram) noexcept {
    const auto kind = shimKind(datagram);
    if (!kind || *kind != ShimKind::Delivery) return false;
    const auto header = header_bytes::validate(datagram.subspan(plainShimSize));
    if (!header) return false;
    const auto packet = parseHeaders(datagram.subspan(plainShimSize + *header));
    if (!packet) return false;
    const auto source = IpAddress::fromBytes(packet->source());
    const auto destination = IpAddress::fromBytes(packet->destination());
    if (!source || !destination || isOnlyLocal(*source)) return false;
    const auto ours = [&](const IpAddress& address) {
        return std::find(m_to.begin(), m_to.end(), address) != m_to.end();
    };
    if (!ours(*destination) || ours(*source)) return false;
    if (!m_coalescer.add(*packet)) {
        flush();
        if (!m_coalescer.add(*packet)) return false;
    }
    return true;
}

void Delivery::flush() noexcept {
    const size_t packets = m_coalescer.packets();
    if (packets == 0) return;
    const auto written = m_device.writeBatch(0, m_coalescer.frames());
    if (written) bump(m_delivered, packets);
    m_coalescer.clear();
}

}  // namespace netpas::tun
