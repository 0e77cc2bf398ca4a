// Inside core/channel only: carries one byte stream between a socket and the messages of a channel. At most a window is under way in each
// direction; a socket that does not take bytes stops the sender at the other end of the channel.
#pragma once

#include <array>
#include <boost/asio/generic/stream_protocol.hpp>
#include <functional>
#include <memory>

#include "core/channel/messages.h"

namespace netpas::channel {

class StreamPump : public std::enable_shared_from_this<StreamPump> {
public:
    using Socket = boost::asio::generic::stream_protocol::socket;
    struct Handlers {
        std::function<bool(const Message&)> send;  // false: the channel is down
        std::function<void()> onEnd;               // once, and not for cut(); never from inside a call
    };
    StreamPump(uint32_t stream, Socket socket, Handlers handlers);

    void start();
    void data(ByteView bytes);
    void credit(uint32_t bytes);
    // The other end has closed: what came before still reaches the socket.
    void finish();
    void cut();

private:
    void read();
    void write();
    void end(StreamEnd reason);
    void shut();

    uint32_t m_stream;
    Socket m_socket;
    Handlers m_handlers;
    std::array<uint8_t, maxStreamChunk> m_input{};
    size_t m_mayRead = streamWindow;  // until the other end gives credit
    bool m_reading = false;
    Bytes m_queued;  // for the socket
    Bytes m_inFlight;
    bool m_finishing = false;
    bool m_open = true;
};

}  // namespace netpas::channel
