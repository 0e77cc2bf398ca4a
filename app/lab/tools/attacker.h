// Forges NetPaS datagrams, each with one defect, from valid ones: what a hostile customer, a host that pretends to be a neighbour, or a
// hostile neighbour could send. The valid one (`control`) is accepted; every other kind must not be.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "app/lab/tools/raw_sender.h"
#include "core/price_code.h"
#include "core/random.h"
#include "core/session_key.h"
#include "core/wire/accounting_header.h"

namespace netpas::lab {

// Stands in the inner payload of everything forged; whoever finds it behind an edge router has found a packet that was accepted.
inline constexpr std::string_view hostileMarker = "NETPAS-LAB-FORGED";
// In the payload of valid packets that an attacker sends to prove that its forgeries lack nothing but the defect.
inline constexpr std::string_view controlMarker = "NETPAS-LAB-VALID";

// Genuine datagrams as they were seen on a link, by a wiretapper. Filled by a capture, read by attackers.
class Wiretap {
public:
    void record(std::span<const uint8_t> udpPayload);
    [[nodiscard]] size_t size() const;
    // A datagram that was recorded some time ago, so that the genuine one has arrived; empty when there is none yet. `index` counts
    // modulo what there is.
    [[nodiscard]] std::vector<uint8_t> at(uint64_t index) const;

private:
    static constexpr size_t most = 200'000;
    static constexpr std::chrono::milliseconds ripe{300};
    struct Entry {
        std::chrono::steady_clock::time_point at;
        std::vector<uint8_t> payload;
    };
    mutable std::mutex m_mutex;
    std::vector<Entry> m_entries;
};

// What the attackers know. Prices and classes are public (menus); keys are the attacker's own.
struct AttackPlan {
    std::vector<HopBlock> path;  // valid, from the first ISP to the last, at menu prices
    IspId blacklisted;           // by the first ISP
    IspId stranger;              // an ISP that no ISP of the path knows
    SessionKey valid;            // own key, allowed: everything that stands in forged paths but `forbidden`
    SessionKey expired;
    SessionKey revoked;
    SessionKey poor;               // its cap is below the price of one packet
    SessionKey slow;               // its cap per second is
    IspId forbidden;               // not in valid.allowed
    uint64_t firstSequence = 0;    // with `valid`; far above the replay window
    IpAddress attacker;            // a customer of the first ISP
    IpAddress victim;              // another customer of it, with an agent
    IpAddress target;              // where forged inner packets go: a host of the last ISP
    IpAddress outside;             // an address that no ISP of the path delivers to
    std::vector<IpAddress> edges;  // of the ISPs, by position on the path, where customers send
    std::vector<std::pair<IpAddress, IpAddress>> betweenIsps;  // [i]: link between ISP i and i + 1, near and far end
    std::vector<IpAddress> edgesBetween;  // of the ISPs, in the family that they speak with each other
    std::vector<IpAddress> servers;       // accounting and directory
};

// One attacker's forge. One thread.
class Forge {
public:
    Forge(const AttackPlan& plan, const Wiretap& live, const Wiretap& stopped, uint64_t seed)
        : m_plan(plan), m_live(live), m_stopped(stopped), m_random(seed), m_sequence(plan.firstSequence) {}

    using Make = std::function<Datagram(Forge&)>;
    struct Kind {
        std::string name;
        Make make;  // an empty payload: cannot be made now
    };
    // From a customer's line at the first ISP; the victim's own line can also carry `stolenSource` ones.
    static const std::vector<Kind>& customerKinds();
    // From a host at ISP `at` (position on the path, not the first) that pretends to be the ISP before it.
    static std::vector<Kind> pretenderKinds(size_t at);
    // From the real neighbour's router before ISP `at`.
    static std::vector<Kind> neighbourKinds(size_t at);

    // Valid: from the attacker with its own key; and from the router before ISP `at`.
    Datagram control();
    Datagram controlBetween(size_t at);
    // One recorded datagram as it was, from the attacker's address.
    Datagram replay(uint64_t index);

private:
    friend struct Forgeries;

    const AttackPlan& m_plan;
    const Wiretap& m_live;
    const Wiretap& m_stopped;
    SeededRandom m_random;
    uint64_t m_sequence;
    uint64_t m_replayed = 0;
};

}  // namespace netpas::lab
