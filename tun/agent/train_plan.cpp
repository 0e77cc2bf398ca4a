#include "tun/agent/train_plan.h"

#include <algorithm>
#include <cstring>

namespace netpas::tun {

namespace {

// One frame of 64 KiB becomes at most 8191 packets (8 bytes of payload each), 64 a train; or 128 datagrams that must travel alone.
constexpr size_t maxTrains = 512;
constexpr size_t trainsOfOneFrame = 160;
constexpr size_t maxPieces = 2 * maxTrains;

}  // namespace

TrainPlan::TrainPlan() {
    m_frames.reserve(maxFrames);
    m_trains.reserve(maxTrains);
    m_pieces.reserve(maxPieces);
    m_unpaid.reserve(maxPieces);
}

void TrainPlan::clear() noexcept {
    ++m_round;
    m_frames.clear();
    m_trains.clear();
    m_pieces.clear();
    m_unpaid.clear();
}

bool TrainPlan::hasRoom() const noexcept {
    return m_frames.size() < maxFrames && m_trains.size() + trainsOfOneFrame <= maxTrains &&
           m_pieces.size() + trainsOfOneFrame <= maxPieces && m_unpaid.size() + trainsOfOneFrame <= maxPieces;
}

uint32_t TrainPlan::addFrame(const Segmenter& segmenter) noexcept {
    m_frames.push_back(segmenter);
    return static_cast<uint32_t>(m_frames.size() - 1);
}

void TrainPlan::addUnpaid(uint32_t frame, int32_t flow, BestEffortReason reason, bool translated) noexcept {
    m_unpaid.push_back({{frame, 0, static_cast<uint32_t>(m_frames[frame].count()), noPiece}, flow, reason, translated});
}

void TrainPlan::addPaid(uint32_t frame, FlowCache::Entry& entry, HeaderTemplates& templates, uint16_t minute,
                        bool alone) noexcept {
    const Segmenter& segmenter = m_frames[frame];
    const auto count = static_cast<uint32_t>(segmenter.count());
    const auto size = static_cast<uint16_t>(segmenter.packetSize());
    const auto lastSize = static_cast<uint16_t>(segmenter.lastPacketSize());
    const uint32_t equal = lastSize == size ? count : count - 1;
    if (equal > 0) addRun({frame, 0, equal, noPiece}, size, entry, templates, minute, alone);
    if (equal < count) addRun({frame, equal, 1, noPiece}, lastSize, entry, templates, minute, alone);
}

void TrainPlan::addRun(Piece run, uint16_t size, FlowCache::Entry& entry, HeaderTemplates& templates, uint16_t minute,
                       bool alone) noexcept {
    const HeaderTemplate& header = templates.at(size, minute);
    if (!header.payable) {
        m_unpaid.push_back({run, entry.flow, BestEffortReason::PriceTooHigh, entry.translated});
        return;
    }
    const size_t headerSize = templates.headerSize();
    while (run.count > 0) {
        Train* train = alone ? nullptr : openTrain(entry);
        size_t room = train == nullptr ? 0 : roomFor(*train, size, header, headerSize);
        if (m_pieces.size() == maxPieces || (room == 0 && m_trains.size() == maxTrains)) {
            m_unpaid.push_back({run, entry.flow, BestEffortReason::SendFailed,
                                entry.translated});  // no frame of a device comes to that
            return;
        }
        if (room == 0) {
            entry.train = static_cast<uint32_t>(m_trains.size());
            entry.round = m_round;
            train = &m_trains.emplace_back();
            train->identity = entry.identity;
            std::copy_n(header.bytes.begin(), headerSize, train->header.begin());
            train->each = header.total;
            train->flow = entry.flow;
            train->translated = entry.translated;
            train->innerSize = size;
            train->headroom = static_cast<uint16_t>(customerShimSize + headerSize);
            room = alone ? 1 : roomFor(*train, size, header, headerSize);
            train->closed = alone;
        }
        Piece part = run;
        part.count = static_cast<uint32_t>(std::min<size_t>(run.count, std::max<size_t>(room, 1)));
        append(*train, part);
        if (size < train->innerSize) train->closed = true;
        run.first += part.count;
        run.count -= part.count;
    }
}

Train* TrainPlan::openTrain(const FlowCache::Entry& entry) noexcept {
    if (entry.round != m_round) return nullptr;
    Train& train = m_trains[entry.train];
    return train.closed ? nullptr : &train;
}

// How many packets of this size the train still takes: equally long ones, or one shorter one, which ends it, if it costs the same.
size_t TrainPlan::roomFor(const Train& train, uint16_t size, const HeaderTemplate& header, size_t headerSize) noexcept {
    if (size > train.innerSize) return 0;
    const size_t stride = size_t{train.headroom} + train.innerSize;
    const size_t limit = std::min<size_t>(maxBurst, maxTrainBytes / stride);
    if (train.count >= limit) return 0;
    if (size == train.innerSize) return limit - train.count;
    return std::memcmp(train.header.data(), header.bytes.data(), headerSize) == 0 ? 1 : 0;
}

void TrainPlan::append(Train& train, const Piece& piece) noexcept {
    const auto index = static_cast<uint32_t>(m_pieces.size());
    m_pieces.push_back(piece);
    if (train.firstPiece == noPiece) {
        train.firstPiece = index;
    } else {
        m_pieces[train.lastPiece].next = index;
    }
    train.lastPiece = index;
    train.count = static_cast<uint8_t>(train.count + piece.count);
}

}  // namespace netpas::tun
