// What somebody asks to spend money on, as rules, budgets, learning and prompts see it (NetPaS §5.3). Plain data.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/ids.h"
#include "core/money.h"

namespace netpas::secretary {

// What the price is for. Prices of the two units are never compared with each other.
enum class PriceUnit : uint8_t { Minute, Item };

// Texts are UTF-8, at most 256 bytes, and empty where nothing is known: "none" is a value like any other.
struct SpendRequest {
    std::string app;      // verified executable of the local peer (/usr/bin/mpv); for a remote one what its node claims
    std::string purpose;  // as the application claims it: "video", "video-call", "comic", "article", …
    std::string payee;    // node identifier in hex of who is paid at the end; empty for service to a bare address
    std::string contact;  // the payee's name in the contacts
    std::string group;    // … and its group there: "family", "business partners"
    std::string domain;   // site on whose behalf: "example.net"
    std::vector<IspId> isps;  // that are paid, own ISP first
    uint32_t uid = 0;         // local user
    std::string user;         // … by name
    std::string node;         // device behind this one (modem); empty: this machine

    PriceUnit unit = PriceUnit::Minute;
    Money price;          // for one unit, as shown to people: the encoded price
    Money worstCase;      // the most that the whole purchase can cost; what budgets set aside
    std::string quality;  // service class or tier, for people
};

}  // namespace netpas::secretary
