// What can go wrong between two processes.
#pragma once

#include <string_view>

namespace netpas::net {

enum class NetError {
    CannotListen,   // the address or socket path is taken, or not allowed
    CannotConnect,  // nobody answers there
    Refused,        // the other end does not accept our key, or its key is not the pinned one
    TimedOut,
    Closed,     // the other end hung up, or the link was stopped
    TooLarge,   // a message or answer above the limit
    Malformed,  // the other end does not speak the protocol
    QueueFull,  // the other end does not read
};

[[nodiscard]] std::string_view describe(NetError error);

}  // namespace netpas::net
