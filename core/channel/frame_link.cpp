#include "core/channel/frame_link.h"

#include <algorithm>
#include <utility>

namespace netpas::channel {

namespace {

constexpr size_t maxWaitingBytes = size_t{8} << 20;
constexpr size_t maxUrgentBytes = size_t{256} << 10;  // with a peer that does not read: signs of life are lost on it

// Number 0 opens a session and does not come again.
uint32_t after(uint32_t sequence) { return sequence == UINT32_MAX ? 1 : sequence + 1; }

}  // namespace

FrameLink::FrameLink(std::shared_ptr<Line> line) : m_line(std::move(line)) {}

void FrameLink::start(Handlers handlers) {
    m_handlers = std::move(handlers);
    Line::Handlers of;
    of.onFrame = [weak = weak_from_this()](ByteView frame) {
        if (const auto self = weak.lock()) self->received(frame);
    };
    of.onDamaged = [weak = weak_from_this()] {
        if (const auto self = weak.lock()) self->trouble(Farewell::LineTrouble);
    };
    of.onDrained = [weak = weak_from_this()] {
        if (const auto self = weak.lock()) self->pump();
    };
    of.onClosed = [weak = weak_from_this()](const std::string& why) {
        const auto self = weak.lock();
        if (self && self->m_handlers.onClosed) self->m_handlers.onClosed(why);
    };
    m_line->start(std::move(of));
}

void FrameLink::close() {
    m_line->close();
    m_handlers = {};
}

void FrameLink::beginSession() {
    m_waiting.clear();
    m_waitingBytes = 0;
    m_sentOfFront = 0;
    m_nextOut = 0;
}

void FrameLink::expectOpening() {
    m_inSession = false;
    m_parts.clear();
    m_haveParts = false;
}

bool FrameLink::send(Bytes message) {
    if (m_waitingBytes + message.size() > maxWaitingBytes) return false;
    m_waitingBytes += message.size();
    m_waiting.push_back(std::move(message));
    pump();
    return true;
}

void FrameLink::sendNow(const Bytes& message) {
    if (m_line->pending() < maxUrgentBytes) sendFrame(message, true, true);
}

// One frame at a time is with the line, so that what is urgent waits for no more than that.
void FrameLink::pump() {
    while (!m_waiting.empty() && m_line->pending() == 0) {
        const ByteView all(m_waiting.front());
        const size_t size = std::min(all.size() - m_sentOfFront, m_line->maxPayload());
        const bool last = m_sentOfFront + size == all.size();
        sendFrame(all.subspan(m_sentOfFront, size), m_sentOfFront == 0, last);
        m_sentOfFront += size;
        if (!last) continue;
        m_waitingBytes -= all.size();
        m_waiting.pop_front();
        m_sentOfFront = 0;
    }
}

void FrameLink::sendFrame(ByteView payload, bool first, bool last) {
    m_line->send(makeFrame({protocolVersion, first, last, m_nextOut}, payload));
    m_nextOut = after(m_nextOut);
}

void FrameLink::received(ByteView frame) {
    const auto header = readFrameHeader(frame);
    if (!header) return trouble(Farewell::Misbehaved);
    if (header->version != protocolVersion) return trouble(Farewell::OtherVersion);
    if (header->sequence == 0 && header->first) {
        expectOpening();
        m_inSession = true;
        m_nextIn = 0;
    }
    if (!m_inSession) return;
    if (header->sequence != m_nextIn) return trouble(Farewell::LineTrouble);
    m_nextIn = after(m_nextIn);
    if (m_handlers.onFrame) m_handlers.onFrame();
    takeParts(*header, frame.subspan(frameHeaderSize));
}

void FrameLink::takeParts(const FrameHeader& header, ByteView payload) {
    const auto handler = m_handlers.onMessage;  // may be replaced while it runs
    if (header.first && header.last) {          // also between the parts of another
        if (handler) handler(payload, header.sequence == 0);
        return;
    }
    if (header.first == m_haveParts || m_parts.size() + payload.size() > maxMessageSize)
        return trouble(Farewell::Misbehaved);
    if (header.first) m_opening = header.sequence == 0;
    m_haveParts = !header.last;
    m_parts.insert(m_parts.end(), payload.begin(), payload.end());
    if (!header.last) return;
    const Bytes whole = std::exchange(m_parts, {});
    if (handler) handler(whole, m_opening);
}

void FrameLink::trouble(Farewell reason) {
    expectOpening();
    const auto handler = m_handlers.onTrouble;
    if (handler) handler(reason);
}

}  // namespace netpas::channel
