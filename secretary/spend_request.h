// What somebody asks to spend money on, as rules, budgets, learning and prompts see it (NetPaS §5.3). Plain data.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/ids.h"
#include "core/money.h"
#include "core/price_unit.h"

namespace netpas::secretary {

using netpas::PriceUnit;

// One of the qualities that could be bought, as a prompt shows them.
struct QualityTier {
    std::string name;
    Money price;  // for one unit
    friend bool operator==(const QualityTier&, const QualityTier&) = default;
};

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

    // For the prompt, if there is one; rules and budgets do not look at these.
    std::vector<std::string> facts;  // that were observed: "3 stalls in the last minute"; at most eight
    std::vector<QualityTier> tiers;  // cheapest first; at most four
    bool attended = false;           // after a person's act, or of the application in front
    SystemTime quoteExpires;         // nothing is paid after that; zero: not known
    uint32_t process = 0;            // of the local peer; 0: not known

    friend bool operator==(const SpendRequest&, const SpendRequest&) = default;
};

}  // namespace netpas::secretary
