// Looks on a link for what an edge router sent on: marked packets of the attackers, and datagrams on NetPaS's port.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "app/lab/capture.h"

namespace netpas::lab {

class Lab;

class MarkerWatch {
public:
    static Expected<std::unique_ptr<MarkerWatch>> start(Lab& lab, const std::string& link, const std::string& node);

    [[nodiscard]] uint64_t forged() const { return m_forged; }
    [[nodiscard]] uint64_t valid() const { return m_valid; }      // the attackers' proofs that their forge works
    [[nodiscard]] uint64_t relayed() const { return m_relayed; }  // datagrams that no attacker sent by himself
    CaptureStatistics stop() { return m_capture->stop(); }

private:
    MarkerWatch() = default;
    void take(std::span<const uint8_t> frame);

    std::atomic<uint64_t> m_forged{0};
    std::atomic<uint64_t> m_valid{0};
    std::atomic<uint64_t> m_relayed{0};
    std::unique_ptr<LinkCapture> m_capture;  // last: its thread uses the rest
};

}  // namespace netpas::lab
