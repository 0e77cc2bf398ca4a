#include "core/channel/stream_pump.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <utility>

namespace netpas::channel {

namespace asio = boost::asio;
using boost::system::error_code;

StreamPump::StreamPump(uint32_t stream, Socket socket, Handlers handlers)
    : m_stream(stream), m_socket(std::move(socket)), m_handlers(std::move(handlers)) {}

void StreamPump::start() { read(); }

void StreamPump::read() {
    if (m_reading || !m_open || m_finishing || m_mayRead == 0) return;
    m_reading = true;
    const size_t most = std::min(m_input.size(), m_mayRead);
    m_socket.async_read_some(
        asio::buffer(m_input.data(), most), [self = shared_from_this()](const error_code& error, size_t count) {
            self->m_reading = false;
            if (!self->m_open) return;
            if (error) return self->end(error == asio::error::eof ? StreamEnd::Closed : StreamEnd::Failed);
            self->m_mayRead -= count;
            const StreamData data{self->m_stream, Bytes(self->m_input.data(), self->m_input.data() + count)};
            if (!self->m_handlers.send(data)) return self->end(StreamEnd::Failed);
            self->read();
        });
}

void StreamPump::credit(uint32_t bytes) {
    if (bytes > streamWindow - m_mayRead) return end(StreamEnd::Failed);  // more than was under way
    m_mayRead += bytes;
    read();
}

void StreamPump::data(ByteView bytes) {
    if (!m_open || m_finishing) return;
    if (bytes.size() > streamWindow - std::min(streamWindow, m_queued.size() + m_inFlight.size()))
        return end(StreamEnd::Failed);  // a sender that does not wait for credit
    m_queued.insert(m_queued.end(), bytes.begin(), bytes.end());
    write();
}

void StreamPump::write() {
    if (!m_inFlight.empty() || m_queued.empty() || !m_open) return;
    m_inFlight.swap(m_queued);
    asio::async_write(m_socket, asio::buffer(m_inFlight), [self = shared_from_this()](const error_code& error, size_t) {
        const auto count = static_cast<uint32_t>(self->m_inFlight.size());
        self->m_inFlight.clear();
        if (!self->m_open) return;
        if (error) return self->end(StreamEnd::Failed);
        if (!self->m_finishing && !self->m_handlers.send(StreamCredit{self->m_stream, count}))
            return self->end(StreamEnd::Failed);
        self->write();
        if (self->m_finishing && self->m_inFlight.empty()) self->shut();
    });
}

void StreamPump::finish() {
    if (!m_open || std::exchange(m_finishing, true)) return;
    if (m_inFlight.empty() && m_queued.empty()) shut();
}

void StreamPump::cut() {
    m_handlers.onEnd = nullptr;
    shut();
}

void StreamPump::end(StreamEnd reason) {
    if (!m_open) return;
    (void)m_handlers.send(StreamClosed{m_stream, reason});
    shut();
}

void StreamPump::shut() {
    if (!std::exchange(m_open, false)) return;
    error_code ignored;
    m_socket.close(ignored);
    asio::post(m_socket.get_executor(), [self = shared_from_this()] {
        const auto handlers = std::exchange(self->m_handlers, {});
        if (handlers.onEnd) handlers.onEnd();
    });
}

}  // namespace netpas::channel
