// Inside core/channel only: whole messages over a line. Cuts them into numbered frames, lets signs of life go between the parts, and
// notices when a frame is missing.
#pragma once

#include <deque>
#include <functional>
#include <memory>

#include "core/channel/frame.h"
#include "core/channel/line.h"
#include "core/channel/messages.h"

namespace netpas::channel {

class FrameLink : public std::enable_shared_from_this<FrameLink> {
public:
    struct Handlers {
        // `opening`: the first of its sender's session.
        std::function<void(ByteView message, bool opening)> onMessage;
        std::function<void()> onFrame;  // a sign of life
        std::function<void(Farewell)>
            onTrouble;  // LineTrouble, OtherVersion or Misbehaved; expectOpening() has been done
        std::function<void(const std::string& why)> onClosed;
    };
    explicit FrameLink(std::shared_ptr<Line> line);
    void start(Handlers handlers);
    void close();

    [[nodiscard]] bool isOnlyOne() const { return m_line->isOnlyOne(); }
    // What waits is forgotten; the next message opens a session.
    void beginSession();
    // Nothing is taken from now on but what opens a session.
    void expectOpening();
    // False when too much waits: nothing was taken.
    [[nodiscard]] bool send(Bytes message);
    // A small message, ahead of the parts of others that wait.
    void sendNow(const Bytes& message);
    [[nodiscard]] bool hasPending() const { return m_line->pending() > 0 || !m_waiting.empty(); }

private:
    void pump();
    void sendFrame(ByteView payload, bool first, bool last);
    void received(ByteView frame);
    void takeParts(const FrameHeader& header, ByteView payload);
    void trouble(Farewell reason);

    std::shared_ptr<Line> m_line;
    Handlers m_handlers;
    std::deque<Bytes> m_waiting;
    size_t m_waitingBytes = 0;
    size_t m_sentOfFront = 0;
    uint32_t m_nextOut = 0;
    bool m_inSession = false;
    bool m_opening = false;  // the message that comes in parts
    uint32_t m_nextIn = 0;
    Bytes m_parts;
    bool m_haveParts = false;
};

}  // namespace netpas::channel
