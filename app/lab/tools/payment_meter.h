// Adds up the money that leaves a node over a link, from captured headers alone.
#pragma once

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
#include "core/money.h"

namespace netpas::lab {

class Lab;

struct PaymentCount {
    uint64_t packets = 0;
    Money amount = Money::zero();      // of all hops
    std::map<uint16_t, Money> perIsp;  // what the headers promise to each ISP
    std::optional<std::chrono::steady_clock::time_point> first;
    std::optional<std::chrono::steady_clock::time_point> last{};
    Money dearest{};  // packet
};

class PaymentMeter {
public:
    // Whether a frame counts; runs on the capture's thread.
    using Filter = std::function<bool(std::span<const uint8_t> frame)>;

    // Counts the paid packets that `node` sends over the link from now on.
    static Expected<std::unique_ptr<PaymentMeter>> start(Lab& lab, const std::string& link, const std::string& node,
                                                         Filter filter = {});
    [[nodiscard]] PaymentCount count() const;
    // The count is final afterwards. An error when packets escaped the capture.
    Expected<PaymentCount> stop();

private:
    PaymentMeter() = default;
    void take(const CapturedPacket& packet);

    Filter m_filter;
    mutable std::mutex m_mutex;
    PaymentCount m_count;
    std::unique_ptr<LinkCapture> m_capture;  // last: its thread uses the rest
};

// The end of a link at a node: its interface. Nothing when the node has no end there.
std::optional<std::string> interfaceAt(const Lab& lab, const std::string& link, const std::string& node);

}  // namespace netpas::lab
