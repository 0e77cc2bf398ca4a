// Notifications to the addresses that clients name. Whoever may ask for a session can make this process connect there, so a sink is
// only https with a certificate that is good, on an address that anybody could reach: never this machine, its own network or a private
// one. What is checked is the address that is connected to, not the name. No redirects, no proxy; answers are not read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "core/net_address.h"

namespace netpas::agent::camara {

struct Event {
    uint32_t uid = 0;    // whose session it is: a slow sink holds up only the events of the same user
    std::string sink;    // https URL
    std::string bearer;  // empty: none
    std::string body;    // a CloudEvent in JSON
    std::string correlator;
};

// Everybody could reach it: neither private, nor link-local, nor loopback, nor multicast, nor a translation of such.
[[nodiscard]] bool isPublicAddress(const IpAddress& address);

class Sinks {
public:
    static constexpr size_t mostWaiting = 512;      // what is beyond that is not told
    static constexpr size_t mostWaitingOfOne = 64;  // user
    static constexpr size_t threads = 4;
    static constexpr int attempts = 3;

    // `authority`: file of certificates to trust besides the system's; empty: none. `isOwn` is called on other threads.
    Sinks(std::filesystem::path authority, std::function<bool(const IpAddress&)> isOwn);
    ~Sinks();  // what waits is not sent any more
    Sinks(const Sinks&) = delete;
    Sinks& operator=(const Sinks&) = delete;

    // Returns at once; a user's are sent in order, on threads of this.
    void send(Event event);

private:
    class Impl;
    std::unique_ptr<Impl> m_impl;
};

}  // namespace netpas::agent::camara
