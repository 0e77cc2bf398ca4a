// Sorting the packets of a batch into trains: runs of equally long packets of one flow that share one header, one tag and one system call. One packet thread.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "core/wire/shim.h"
#include "tun/agent/flow_cache.h"
#include "tun/agent/header_template.h"
#include "tun/agent/purchase_counters.h"
#include "tun/packet/segment.h"
#include "tun/udp/udp_socket.h"

namespace netpas::tun {

inline constexpr uint32_t noPiece = UINT32_MAX;

// Some of the packets of one planned frame.
struct Piece {
    uint32_t frame = 0;
    uint32_t first = 0;
    uint32_t count = 0;
    uint32_t next = noPiece;  // of the same train
};

struct Train {
    TagIdentity identity;
    std::array<uint8_t, header_bytes::maxSize> header{};
    Money each;  // what one packet pays
    int32_t flow = noFlow;
    uint32_t firstPiece = noPiece;
    uint32_t lastPiece = noPiece;
    uint16_t innerSize = 0;  // of every packet but the last, which may be shorter
    uint16_t headroom = 0;   // shim and header
    uint8_t count = 0;
    bool translated = false;  // see BypassPacket
    bool closed = false;      // takes no more packets
};

// Packets that are not paid for.
struct Unpaid {
    Piece piece;
    int32_t flow = noFlow;
    BestEffortReason reason{};
    bool translated = false;  // see BypassPacket
};

// A round plans frames until it is full, then everything is carried out in the order of planning; clear() begins the next one.
class TrainPlan {
public:
    static constexpr size_t maxFrames = 64;

    TrainPlan();

    void clear() noexcept;
    // Room for another frame, however it is going to be split?
    [[nodiscard]] bool hasRoom() const noexcept;

    // The frame's number in this round.
    [[nodiscard]] uint32_t addFrame(const Segmenter& segmenter) noexcept;
    // All packets of the frame; `entry` is its flow's, `templates` that of the flow. `alone`: too long to travel in a train.
    void addPaid(uint32_t frame, FlowCache::Entry& entry, HeaderTemplates& templates, uint16_t minute,
                 bool alone) noexcept;
    void addUnpaid(uint32_t frame, int32_t flow, BestEffortReason reason, bool translated) noexcept;

    [[nodiscard]] std::span<const Train> trains() const noexcept { return m_trains; }
    [[nodiscard]] std::span<const Unpaid> unpaid() const noexcept { return m_unpaid; }
    [[nodiscard]] const Piece& piece(uint32_t index) const noexcept { return m_pieces[index]; }
    [[nodiscard]] const Segmenter& segmenter(uint32_t frame) const noexcept { return m_frames[frame]; }
    [[nodiscard]] size_t frames() const noexcept { return m_frames.size(); }

private:
    void addRun(Piece run, uint16_t size, FlowCache::Entry& entry, HeaderTemplates& templates, uint16_t minute,
                bool alone) noexcept;
    [[nodiscard]] Train* openTrain(const FlowCache::Entry& entry) noexcept;
    [[nodiscard]] static size_t roomFor(const Train& train, uint16_t size, const HeaderTemplate& header,
                                        size_t headerSize) noexcept;
    void append(Train& train, const Piece& piece) noexcept;

    uint64_t m_round = 1;
    std::vector<Segmenter> m_frames;
    std::vector<Train> m_trains;
    std::vector<Piece> m_pieces;
    std::vector<Unpaid> m_unpaid;
};

}  // namespace netpas::tun
