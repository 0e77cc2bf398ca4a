#include "tun/udp/udp_socket.h"

namespace netpas::tun {

std::string_view describe(UdpError error) noexcept {
    switch (error) {
    case UdpError::NotPermitted: return "not permitted";
    case UdpError::AddressInUse: return "the port is in use";
    case UdpError::AddressNotHere: return "the local address is none of this machine's";
    case UdpError::NoSuchDevice: return "there is no such network interface";
    case UdpError::FamilyMismatch: return "IPv4 and IPv6 mixed";
    case UdpError::Unreachable: return "no route to the peer";
    case UdpError::NotConnected: return "the socket has no peer";
    case UdpError::SystemRefused: return "the system refused";
    }
    return "unknown UDP error";
}

std::string_view describe(SendOutcome outcome) noexcept {
    switch (outcome) {
    case SendOutcome::Pending: return "not tried";
    case SendOutcome::Sent: return "sent";
    case SendOutcome::Full: return "no room to send";
    case SendOutcome::TooBig: return "exceeds the path MTU";
    case SendOutcome::Unreachable: return "unreachable";
    case SendOutcome::Failed: return "failed";
    }
    return "unknown outcome";
}

}  // namespace netpas::tun
