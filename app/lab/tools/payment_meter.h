// Reads money from a link: counts NetPaS data packets and adds up the prices in their headers, with a decoder of its own, so that
// it is evidence beside the product's books.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>

#include "app/lab/capture.h"
#include "core/ids.h"
#include "core/money.h"
#include "core/net_address.h"

namespace netpas::lab {

class Lab;

// A NetPaS datagram found in a captured frame.
struct DataPacket {
    IpAddress src;
    IpAddress dst;
    uint8_t ttl = 0;                   // hop limit of the datagram
    std::span<const uint8_t> payload;  // shim and everything behind it
    std::span<const uint8_t> header;   // the accounting header
    std::span<const uint8_t> inner;
};
// Nothing when the frame holds no whole data packet of this version (also later fragments of a datagram).
std::optional<DataPacket> dataPacketIn(std::span<const uint8_t> frame);

struct PaymentCount {
    uint64_t packets = 0;
    Money amount;                      // of all hops
    std::map<uint16_t, Money> perIsp;  // what the headers promise to each ISP
    std::optional<std::chrono::steady_clock::time_point> first;
};

class PaymentMeter {
public:
    // Counts what `node` sends over the link. The filter, when given, chooses; it runs on the meter's thread.
    static Expected<std::unique_ptr<PaymentMeter>> start(Lab& lab, const std::string& link, const std::string& node,
                                                         std::function<bool(const DataPacket&)> filter = {});
    [[nodiscard]] PaymentCount count() const;
    // The count is final afterwards. An error when packets escaped the capture.
    Expected<PaymentCount> stop();

private:
    PaymentMeter() = default;
    void take(const CapturedPacket& packet);

    std::function<bool(const DataPacket&)> m_filter;
    mutable std::mutex m_mutex;
    PaymentCount m_count;
    std::unique_ptr<LinkCapture> m_capture;  // last: its thread uses the rest
};

// The end of a link at a node: its interface. Nothing when the node has no end there.
std::optional<std::string> interfaceAt(const Lab& lab, const std::string& link, const std::string& node);

}  // namespace netpas::lab
