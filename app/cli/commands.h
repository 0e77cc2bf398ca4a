// The verbs of `netpas`. Each prints its result, or what went wrong and the next command to type.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "app/cli/client.h"

namespace netpas::cli {

struct Output {
    bool json = false;
};

struct BuyWish {
    bool attended = false;  // a person has just asked for it
    std::string to;         // address or host name
    std::string from;       // address of this machine's; only behind a modem
    uint16_t toPort = 0;
    uint16_t fromPort = 0;
    std::string protocol;  // tcp, udp, icmp, any; empty: tcp when a port is given, else any
    std::string className;
    std::vector<std::string> perIsp;  // "24=gold"
    std::string offer;                // of `netpas quote`, in place of classes
    std::string cap;
    std::string rateCap;
    std::string duration;
    bool incoming = false;  // for packets that come from there
    std::string seller;     // … who sells that: https://ADDRESS:PORT/#KEY; empty: whom the far ISP names
    std::string purpose;    // what an application says that it is for
    std::string domain;     // … and on which site's behalf
};

[[nodiscard]] Exit status(const Client& client, Output output);
// The same, and what changes, until it is ended: Ctrl-C is the way to do that.
[[nodiscard]] Exit watchStatus(const Client& client, Output output);
[[nodiscard]] Exit services(const Client& client, Output output, const std::string& to);
[[nodiscard]] Exit buy(const Client& client, Output output, const BuyWish& wish);
[[nodiscard]] Exit stop(const Client& client, Output output, const std::vector<std::string>& ids, bool all);
// `id`: this one, also when it is over; empty: what is open.
[[nodiscard]] Exit purchases(const Client& client, Output output, const std::string& id);
[[nodiscard]] Exit join(const Client& client, Output output, const std::string& url);

// Prints a problem as `output` says; the answer is its exit status.
Exit report(const Problem& problem, Output output);

}  // namespace netpas::cli
