#include "tun/device/tun_device.h"

namespace netpas::tun {

std::string_view describe(TunError error) noexcept {
    switch (error) {
    case TunError::Unsupported: return "there is no TUN device here";
    case TunError::NotPermitted: return "creating a network interface needs CAP_NET_ADMIN";
    case TunError::NameTaken: return "the interface's name is taken";
    case TunError::BadName: return "bad interface name";
    case TunError::BadMtu: return "bad MTU";
    case TunError::TooManyQueues: return "too many queues";
    case TunError::Gone: return "the interface is gone";
    case TunError::SystemRefused: return "the system refused";
    }
    return "unknown TUN error";
}

}  // namespace netpas::tun
