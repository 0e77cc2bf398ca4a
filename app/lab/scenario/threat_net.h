// A small internet for attacks: real accounting servers and real edge routers, all in one namespace, joined by UDP over the
// loopback interface. Every connection of a cheating ISP can be led through the cheat's own relays.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "app/lab/scenario/overlay_kit.h"
#include "app/lab/tools/overlay_relay.h"
#include "app/lab/tools/packet_relay.h"
#include "core/session_key.h"
#include "core/wire/accounting_header.h"

namespace netpas::lab {

struct ThreatIsp {
    uint16_t isp = 0;
    std::string name;
    std::string price;              // dollars a packet, of its only class; empty: it has no router
    std::vector<uint16_t> links{};  // to these neighbours, for packets and accounting
    std::vector<uint16_t> overlayOnly{};
    std::vector<OverlayCustomerSpec> customers{};
    std::string fee = "0";
    std::string credit = "100";
    std::string bucketRate = "1000000";  // of each customer's nanopayments, dollars a second …
    std::string bucketBurst = "1000000";
    std::string more{};      // for the end of accounting.toml
    std::string payments{};  // more lines of its [payments]
    std::string router{};    // for the end of edge.toml
    int graceSeconds = 1;    // of its comparisons
    uint16_t provider = 0;   // not 0: an enterprise, customer of that ISP (NetPaS §5.4); its router is a border router
    std::string comparison{};  // more lines of its [comparison]
    [[nodiscard]] bool hasRouter() const { return !price.empty() || provider != 0; }
};

class ThreatNet {
public:
    static constexpr const char* threshold = "0.0001";  // T

    // Addresses, keys and configurations. `seed` decides what the routers sample.
    static Expected<std::unique_ptr<ThreatNet>> make(Lab& lab, OverlayThread& thread, std::vector<ThreatIsp> isps,
                                                     uint64_t seed);
    ~ThreatNet();  // ends all programs
    ThreatNet(const ThreatNet&) = delete;
    ThreatNet& operator=(const ThreatNet&) = delete;

    // --- the cheat's hands; before start()
    // Packets between the two go through a box.
    Expected<PacketRelay*> boxBetween(uint16_t a, uint16_t b);
    // The ISP's router and its accounting server talk through a relay, which has the keys of both.
    Expected<OverlayRelay*> relayAtRouter(uint16_t isp);
    // What `from` says to `to`, and the answers, go through a relay that poses as `to`.
    Expected<OverlayRelay*> relayBetween(uint16_t from, uint16_t to);

    Expected<void> start();
    void stop(uint16_t isp);
    [[nodiscard]] ThreatIsp& spec(uint16_t isp) { return m_isps[indexOf(isp)]; }  // before start()

    [[nodiscard]] Overlay& overlay() { return *m_overlay; }
    [[nodiscard]] OverlayThread& thread() { return m_thread; }
    Expected<Json> books(uint16_t isp) const;
    Expected<Json> counters(uint16_t isp) const;  // of its router
    Expected<void> askRouter(uint16_t isp, const std::string& method, const std::string& target,
                             const std::string& body) const;
    [[nodiscard]] const Identity& identity(uint16_t isp) const { return *m_identities.at(isp); }
    [[nodiscard]] const Identity& routerIdentity(uint16_t isp) const { return *m_routers.at(isp); }
    [[nodiscard]] Endpoint edge(uint16_t isp) const;  // where customers send
    // A destination there; what is delivered to it arrives at sink(), with its header.
    [[nodiscard]] IpAddress destination(uint16_t isp) const;
    [[nodiscard]] Endpoint sink(uint16_t isp) const;
    [[nodiscard]] std::string netns() const;
    // Hop blocks at each ISP's own price.
    [[nodiscard]] std::vector<HopBlock> path(const std::vector<uint16_t>& isps) const;

private:
    ThreatNet(Lab& lab, OverlayThread& thread, std::vector<ThreatIsp> isps)
        : m_lab(lab), m_thread(thread), m_isps(std::move(isps)) {}
    [[nodiscard]] size_t indexOf(uint16_t isp) const;
    [[nodiscard]] IpAddress linkAddress(uint16_t of, uint16_t towards) const;
    [[nodiscard]] IpAddress remoteOf(uint16_t isp, uint16_t neighbour) const;
    [[nodiscard]] std::string accountingTables(const ThreatIsp& isp) const;
    Expected<void> configureRouter(const ThreatIsp& isp) const;
    void writeTrade(std::ostream& out, const ThreatIsp& isp) const;
    [[nodiscard]] std::string edgeProgram(uint16_t isp) const { return "edge-" + std::to_string(isp); }
    [[nodiscard]] std::string edgeSocketOf(uint16_t isp) const { return m_overlay->folder(isp) + "/edge.sock"; }

    Lab& m_lab;
    OverlayThread& m_thread;
    std::vector<ThreatIsp> m_isps;
    uint64_t m_seed = 1;
    std::unique_ptr<Overlay> m_overlay;
    std::map<uint16_t, std::unique_ptr<Identity>> m_identities, m_routers;
    std::map<std::pair<uint16_t, uint16_t>, IpAddress> m_boxAddresses;
    std::vector<std::unique_ptr<PacketRelay>> m_boxes;
    std::vector<std::unique_ptr<OverlayRelay>> m_relays;
    std::map<uint16_t, Endpoint> m_edgeAccounting;
};

// A customer that pays for packets by itself, without an agent, as much or as little as it likes.
class PaidSender {
public:
    // Joined, with a session key that the router has.
    static Expected<std::unique_ptr<PaidSender>> make(ThreatNet& net, uint16_t isp, const std::string& customer,
                                                      const std::string& cap = "1000",
                                                      std::vector<uint16_t> allowed = {});
    ~PaidSender();
    PaidSender(const PaidSender&) = delete;
    PaidSender& operator=(const PaidSender&) = delete;

    // Evenly spread over the time that they take; returns how many were sent.
    uint64_t send(const std::vector<HopBlock>& path, const IpAddress& to, uint64_t packets, double perSecond);
    // The next one, not sent.
    [[nodiscard]] Bytes datagram(const std::vector<HopBlock>& path, const IpAddress& to);
    bool sendBytes(ByteView bytes);

    [[nodiscard]] OverlayCustomer& customer() { return *m_customer; }
    [[nodiscard]] const SessionKey& key() const { return m_key; }

private:
    PaidSender() = default;

    std::unique_ptr<OverlayCustomer> m_customer;
    SessionKey m_key;
    IpAddress m_from;
    Endpoint m_edge;
    int m_fd = -1;
    uint64_t m_sequence = 1;
};

// Counts what arrives at an endpoint that takes part, with what it paid.
class PaidSink {
public:
    static Expected<std::unique_ptr<PaidSink>> start(ThreatNet& net, uint16_t isp);
    ~PaidSink();
    PaidSink(const PaidSink&) = delete;
    PaidSink& operator=(const PaidSink&) = delete;

    [[nodiscard]] uint64_t packets() const { return m_packets; }
    // In the headers that arrived, for that ISP.
    [[nodiscard]] Money paid(uint16_t isp) const;

private:
    PaidSink() = default;
    int m_fd = -1;
    std::atomic<bool> m_ending{false};
    std::atomic<uint64_t> m_packets{0};
    mutable std::mutex m_mutex;
    std::map<uint16_t, Money> m_paid;
    std::thread m_thread;
};

// A party of the overlay in the cheat's hands: an ISP's key, and connections with which it says what it wants.
class RogueIsp {
public:
    RogueIsp(OverlayThread& thread, const Identity& identity, const accounting::ServerAddress& victim);
    ~RogueIsp();
    RogueIsp(const RogueIsp&) = delete;
    RogueIsp& operator=(const RogueIsp&) = delete;

    Expected<void> awaitUp();
    bool say(const accounting::Message& message);
    bool sayBytes(const Bytes& bytes);
    // What the victim has answered so far, by result.
    [[nodiscard]] std::map<accounting::AckResult, uint64_t> acks();
    [[nodiscard]] std::vector<accounting::Message> heard();
    [[nodiscard]] bool up();

private:
    OverlayThread& m_thread;
    struct State;
    std::shared_ptr<State> m_state;
};

}  // namespace netpas::lab
