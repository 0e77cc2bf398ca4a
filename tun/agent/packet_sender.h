// The packet thread of the agent: reads diverted packets from one queue of the TUN device, pays, and sends.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "core/clock.h"
#include "core/snapshot.h"
#include "tun/agent/bypass.h"
#include "tun/agent/edge_link.h"
#include "tun/agent/flow_cache.h"
#include "tun/agent/header_template.h"
#include "tun/agent/plane_state.h"
#include "tun/agent/train_plan.h"
#include "tun/device/tun_device.h"

namespace netpas::tun {

// Counters that have no purchase; written by the sender's thread.
struct alignas(64) SenderTotals {
    CounterCell unowned;
    std::atomic<uint64_t> framesRead{0};
    std::atomic<uint64_t> trainsSent{0};
};

// One thread. References outlive it.
class PacketSender {
public:
    struct Environment {
        TunDevice& device;
        UdpFactory& sockets;
        Bypass& bypass;
        std::mutex& bypassMutex;  // several senders share the bypass
        const Clock& clock;
        const EdgeLink::Settings& edges;
        Translation* translation;  // may be null
    };
    enum class Round : uint8_t {
        Idle,  // nothing waited
        Busy,
        Gone,  // the device was removed
    };

    PacketSender(const Environment& environment, unsigned queue, const SnapshotCell<PlaneState>& state,
                 SenderTotals& totals);

    // Reads up to one batch and sends it. Never waits for packets.
    [[nodiscard]] Round round();
    // When round() has something to do without packets.
    [[nodiscard]] SteadyTime nextEvent() const noexcept;
    // Descriptors that poll readable when reports about edges or answers about reservations have arrived.
    void appendPollHandles(std::vector<int>& handles) const;

private:
    struct Flow {
        const PaidFlow* paid = nullptr;
        HeaderTemplates templates;
        EdgeLink* edge = nullptr;
        CounterCell* counters = nullptr;
        size_t headroom = 0;
        std::vector<ReservationClock::Hop> guarantees;  // on the way; nothing unless they are paid for

        Flow(const PaidFlow& flow, EdgeLink& link, CounterCell& cell);
        // Bytes of the longest packet that needs no fragmentation.
        [[nodiscard]] size_t innerLimit() const noexcept {
            const size_t limit = edge->payloadLimit();
            return limit > headroom ? limit - headroom : 0;
        }
    };

    void adopt(const PlaneState& state);
    void beginRound();
    void planSlot(const ReadSlot& slot);
    void planPaid(const ReadSlot& slot, const PacketView& packet, FlowCache::Entry& entry);
    void planUnpaid(const ReadSlot& slot, const PacketView& packet, int32_t flow, BestEffortReason reason,
                    bool translated);
    void reportTooBig(const PacketView& packet, const Flow& flow, uint64_t flowHash);

    // Guarantees (NetPaS §3.1.1): asks and pays for them by packets without payload, when that is due.
    void payGuarantees();
    void payGuarantee(const Flow& flow, const TagIdentity& ends);
    [[nodiscard]] bool sendQuestion(const Flow& flow, const TagIdentity& ends, const ReservationClock::Task& what);
    // Why packets of `bytes` cannot leave under the guarantees of the flow's way now; nothing: they can.
    [[nodiscard]] std::optional<BestEffortReason> unguaranteed(const Flow& flow, uint64_t bytes);
    void hearAnswers();
    [[nodiscard]] UdpSocket* answerSocket(bool v6);

    void carryOut();
    void carryOutTrain(const Train& train);
    void writeTrain(const Train& train, uint8_t packets, uint64_t sequence);
    void refuseRest(const Train& train, uint32_t from, BestEffortReason reason);
    void sendPending();
    void settle(const Train& train, uint8_t packets, const OutgoingTrain& sent);

    void sendUnpaid(const Unpaid& unpaid);
    void queueBypass(std::span<const uint8_t> packet, int32_t flow, BestEffortReason reason, bool translated);
    void flushBypass();
    [[nodiscard]] bool rescueTooBig(const BypassPacket& packet);
    [[nodiscard]] CounterCell& cellOf(int32_t flow) noexcept;
    [[nodiscard]] std::span<uint8_t> room() noexcept { return std::span(m_arena).subspan(m_used); }

    Environment m_environment;
    unsigned m_queue;
    SnapshotReader<PlaneState> m_state;
    uint64_t m_adopted = 0;
    SenderTotals& m_totals;

    std::vector<uint8_t> m_frameMemory;
    std::vector<ReadSlot> m_slots;
    FlowCache m_cache;
    std::vector<Flow> m_flows;
    std::map<Endpoint, std::unique_ptr<EdgeLink>> m_edges;
    TrainPlan m_plan;
    // Whose packets went last under each clock: packets that only pay go between the same addresses.
    std::map<std::shared_ptr<ReservationClock>, TagIdentity> m_ends;
    std::array<std::unique_ptr<UdpSocket>, 2> m_answers;  // IPv4, IPv6; once there is something to ask

    std::vector<uint8_t> m_arena;  // what is being sent
    size_t m_used = 0;
    EdgeLink* m_pendingEdge = nullptr;
    size_t m_pending = 0;  // trains written and not sent yet
    std::array<OutgoingTrain, 64> m_outgoing;
    std::array<const Train*, 64> m_outgoingTrains{};
    std::array<uint8_t, 64> m_outgoingPackets{};

    struct BypassNote {
        int32_t flow;
        BestEffortReason reason;
    };
    std::array<BypassPacket, 64> m_bypass;
    std::array<BypassNote, 64> m_bypassNotes{};
    size_t m_bypassCount = 0;

    SteadyTime m_now{};
    SystemTime m_wall{};
    uint16_t m_minute = 0;
    struct TooBigNote {
        size_t mtu = 0;
        SteadyTime told{};
    };
    std::array<TooBigNote, 64> m_tooBigNotes{};  // by flow hash
};

}  // namespace netpas::tun
