#include "tun/capture/memory_capture.h"

namespace netpas::tun {

tl::expected<void, CaptureError> MemoryCapture::set(std::span<const CapturedFlow> flows) {
    if (m_failure) {
        const CaptureError error = *m_failure;
        m_failure.reset();
        return tl::unexpected(error);
    }
    if (auto valid = validate(flows); !valid) return valid;
    m_flows.assign(flows.begin(), flows.end());
    ++m_changes;
    return {};
}

bool MemoryCapture::diverts(const FlowKey& flow) const {
    for (const CapturedFlow& captured : m_flows) {
        if (captured.match.matches(flow)) return captured.action == CaptureAction::Divert;
    }
    return false;
}

}  // namespace netpas::tun
