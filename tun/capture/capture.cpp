#include "tun/capture/capture.h"

namespace netpas::tun {

namespace {

bool familiesAgree(const FlowMatch& match) {
    return !match.local || !match.remote || match.local->address().isV6() == match.remote->address().isV6();
}

bool senderIsKnown(const CapturedFlow& flow) {
    if (flow.point == CapturePoint::Output) return !flow.sender;
    return flow.match.local.has_value();  // and with it the family
}

bool portsMakeSense(const FlowMatch& match) {
    if (match.localPort == 0 && match.remotePort == 0) return true;
    return match.protocol == 0 || match.protocol == ipproto::tcp || match.protocol == ipproto::udp;
}

}  // namespace

std::string_view describe(CaptureError error) noexcept {
    switch (error) {
    case CaptureError::NotPermitted: return "diverting packets needs the capability CAP_NET_ADMIN";
    case CaptureError::AlreadyInUse: return "another agent diverts packets on this machine under the same names";
    case CaptureError::NoSuchDevice: return "the TUN device is gone";
    case CaptureError::InvalidFlow:
        return "a flow mixes address families, has ports that its protocol has not, or is forwarded and does not name "
               "its sender";
    case CaptureError::TooManyFlows: return "too many flows";
    case CaptureError::PointUnsupported: return "forwarded packets cannot be diverted on this platform";
    case CaptureError::GuardFailed: return "the guard process could not be started";
    case CaptureError::SystemRefused: return "the system refused to divert packets";
    }
    return "unknown capture error";
}

tl::expected<void, CaptureError> validate(std::span<const CapturedFlow> flows) noexcept {
    if (flows.size() > maxCapturedFlows) return tl::unexpected(CaptureError::TooManyFlows);
    for (const CapturedFlow& flow : flows) {
        if (!familiesAgree(flow.match) || !portsMakeSense(flow.match) || !senderIsKnown(flow)) {
            return tl::unexpected(CaptureError::InvalidFlow);
        }
    }
    return {};
}

}  // namespace netpas::tun
