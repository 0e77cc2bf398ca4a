// The data plane of an edge router as a pure function: a batch of packets in, a verdict for each out (NetPaS §5.1).
//
// No input or output, no lock, no allocation per packet. One thread owns a processor and everything in it; another
// one publishes tables (EdgeTables) and hands over commands between batches.
//
// What is charged: a customer's packet costs its key the sum of all nanopayments of its header, and it is charged
// when the packet leaves (forwarded, handed over or delivered), not before. A packet that any step refuses changes no
// cap, no replay window, no bucket and no payment counter. The one exception is step 1: a neighbour that brought a
// packet here has served it, so it is sampled even if a later step refuses it.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "core/random.h"
#include "core/wire/shim.h"
#include "tun/edge/edge_config.h"
#include "tun/edge/edge_counters.h"
#include "tun/edge/edge_tables.h"
#include "tun/edge/key_table.h"
#include "tun/edge/reservations.h"
#include "tun/edge/sample_stream.h"
#include "tun/edge/verdict.h"
#include "tun/packet/ip_packet.h"

namespace netpas::tun {

enum class Arrival : uint8_t {
    Customer,   // source = index in EdgeConfig::customers
    Neighbour,  // source = index of the link, all neighbours' links in order
    Internal,   // source = index in EdgeConfig::internals
    Provider,   // source = index in EdgeConfig::providers
};

struct EdgePacket {
    static constexpr uint16_t unknownSource = UINT16_MAX;

    uint8_t* data = nullptr;  // UDP payload; rewritten in place
    uint32_t size = 0;
    uint16_t source = unknownSource;
    Arrival arrival = Arrival::Customer;
};

struct EdgeResult {
    Verdict verdict = Verdict::MalformedShim;
    bool leaves = false;  // false: dropped
    uint8_t dscp = 0;     // of the outer packet, or already written into the bare inner one
    EdgeTables::Target target;
    uint32_t offset = 0;  // of what leaves, in EdgePacket::data
    uint32_t size = 0;
};

struct EdgeTime {
    SteadyTime steady;
    SystemTime wall;
};

class EdgeProcessor {
public:
    static constexpr size_t batch = 32;

    EdgeProcessor(const EdgeConfig& config, SteadyTime now);

    // Any number of packets; results has as many. Works in batches of 32, whose memory is fetched beforehand.
    void process(std::span<const EdgePacket> packets, std::span<EdgeResult> results, const EdgeTables& tables,
                 EdgeTime now);

    // Between batches, by the owning thread:
    // The key's cap is what may still be spent; sequences below nextSequence were accepted before a restart.
    [[nodiscard]] tl::expected<void, KeyError> installKey(const SessionKey& key, uint64_t nextSequence, SteadyTime now,
                                                          uint16_t customer = anyCustomer);
    // From here on no packet can use the key; these counters are final.
    [[nodiscard]] std::optional<KeyCounters> removeKey(SessionKeyId id);
    [[nodiscard]] const KeyTable& keys() const { return m_keys; }
    // An exact cut. At most `keyLimit` changed keys; the report's memory is reused.
    void harvest(EdgeReport& report, size_t keyLimit = 4096);
    // Every key counts as changed: for an accounting server that has just connected.
    void markAllKeys();
    void clearInvestigation(uint8_t slot);
    [[nodiscard]] SampleOutbox& samples() { return m_samples; }
    // Picks that wait for the end of their stratum leave now; before the router stops.
    void flushSamples();
    // Answers to who asked about reservations since the last call, some hundreds at most.
    struct Notice {
        Endpoint to;
        ReservationAnswer answer;
    };
    [[nodiscard]] std::vector<Notice> takeNotices() { return std::exchange(m_notices, {}); }
    [[nodiscard]] uint64_t verdictCounter(Verdict verdict) const { return m_verdicts[static_cast<size_t>(verdict)]; }

    // Before tables with this counter are published.
    void prepareCounter(ExitPoint counter) { m_delegated.try_emplace(counter); }

    // Levels of before a restart, by index in EdgeConfig; before the first packet.
    void restoreCustomerLevel(size_t index, Money level);
    void restoreNeighbourLevel(size_t index, Money level);
    // Likewise; what is over by now is not restored.
    void restorePlace(const HeldPlace& place, EdgeTime now);

private:
    // One packet of the batch in work.
    struct Work {
        const EdgePacket* packet;
        EdgeResult* result;
        uint8_t* header;
        uint8_t* inner;
        uint32_t innerSize;
        uint8_t headerSize;
        uint8_t hops;
        uint8_t own;   // position of this ISP on the path
        bool last;     // this ISP is the last one
        bool pending;  // no verdict yet
        CustomerShim shim;
        PacketView view;  // customers' packets and those for a destination here
        KeyRecord* key;
        uint64_t slot;  // of the replay window
        int64_t total;  // eighths: all ISPs of the path
        int64_t ownPrice;
        int64_t downstream;  // all ISPs after this one
        const EdgeTables::ClassEntry* service;
        EdgeTables::Target target;
        ExitPoint exit;   // chosen here, 0 = none
        bool unreserved;  // asks about a reservation and has none: leaves like best effort
    };
    // The last customer packet whose tag was right: the others of its burst carry the same bytes.
    struct ProvenTag {
        bool valid = false;
        std::array<uint8_t, customerShimSize> shim;
        size_t headerSize;
        std::array<uint8_t, header_bytes::maxSize> header;
        uint8_t version;
        uint8_t protocol;
        uint16_t sourcePort;
        uint16_t destinationPort;
        std::array<uint8_t, 32> addresses;
    };

    // Before the steps.
    void read(Work& work, const EdgeTables& tables);
    bool readShim(Work& work);
    bool readHeader(Work& work, const EdgeTables& tables);
    bool readInner(Work& work);
    void findKey(Work& work);
    bool authenticate(Work& work);
    bool tagIsRight(const Work& work);

    // The eight steps of NetPaS §5.1. False: refused, and the verdict is set.
    void sampleUpstream(Work& work);                              // 1
    bool checkBlacklist(Work& work, const EdgeTables& tables);    // 2
    bool checkBucket(Work& work);                                 // 3
    bool lookUpForwarding(Work& work, const EdgeTables& tables);  // 4
    bool checkPrice(Work& work, const EdgeTables& tables);        // 5
    bool checkReservation(Work& work, const EdgeTables& tables);  // 5, with a guarantee
    void answer(const Work& work, const ReservationQuestion& question);
    void countService(const Work& work);                                 // 6
    void countDownstream(const Work& work, const EdgeTables& tables);    // 7
    void countInvestigated(const Work& work, const EdgeTables& tables);  // 8

    bool lookUpNextIsp(Work& work, const EdgeTables& tables);
    bool lookUpDestination(Work& work, const EdgeTables& tables);
    void processBatch(std::span<const EdgePacket> packets, std::span<EdgeResult> results, const EdgeTables& tables);
    void judge(Work& work, const EdgeTables& tables);
    void charge(Work& work);
    void fillIn(Work& work);
    bool refuse(Work& work, Verdict verdict);
    bool toKernelUncharged(Work& work, Verdict verdict);
    MoneyBucket* bucketOf(const Work& work);
    void countArrived(const Work& work);  // at a customer's border router
    void sampleOwn(const Work& work);

    KeyTable m_keys;
    Reservations m_reservations;
    std::vector<Notice> m_notices;
    std::vector<uint16_t> m_neighbourOfLink;
    std::vector<IspId> m_neighbourIsps;
    std::vector<MoneyBucket> m_customerBuckets;
    std::vector<MoneyBucket> m_neighbourBuckets;
    std::unique_ptr<RandomSource> m_seeded;
    SampleOutbox m_samples;
    std::vector<SampleStream> m_upstreamSamples;  // by neighbour
    SampleStream m_ownSamples;                    // delivered here

    std::array<uint64_t, verdictCount> m_verdicts{};
    std::vector<IngressCounters> m_ingress;  // by neighbour
    std::vector<LinkCounters> m_links;
    DeliveredCounters m_delivered;
    std::map<ExitPoint, LinkCounters> m_delegated;  // deliveries that others confirm
    IspId m_isp;
    bool m_border = false;                         // of a customer
    std::vector<DownstreamCounters> m_downstream;  // by neighbour
    std::array<InvestigationCounters, InvestigatedPath::limit> m_investigations{};
    bool m_investigating = false;
    std::vector<SessionKeyId> m_dirtyKeys;
    std::vector<std::pair<IspId, ExitPoint>> m_linkNames;
    std::array<Work, batch> m_work;
    int64_t m_steadyMicros = 0;  // the time of the call to process()
    int64_t m_wallMicros = 0;
    ProvenTag m_proven;
};

}  // namespace netpas::tun
