// A capture that diverts nothing, for tests: it remembers what it was told.
#pragma once

#include <optional>
#include <vector>

#include "tun/capture/capture.h"

namespace netpas::tun {

// One thread.
class MemoryCapture final : public Capture {
public:
    [[nodiscard]] tl::expected<void, CaptureError> set(std::span<const CapturedFlow> flows) override;
    [[nodiscard]] std::string diagnosis() const override { return {}; }

    [[nodiscard]] const std::vector<CapturedFlow>& flows() const { return m_flows; }
    // What would become of a packet that this machine sends.
    [[nodiscard]] bool diverts(const FlowKey& flow) const;
    // How often set() succeeded.
    [[nodiscard]] size_t changes() const { return m_changes; }
    // The next set() fails like this and changes nothing.
    void failNext(CaptureError error) { m_failure = error; }

private:
    std::vector<CapturedFlow> m_flows;
    std::optional<CaptureError> m_failure;
    size_t m_changes = 0;
};

}  // namespace netpas::tun
