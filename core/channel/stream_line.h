// Inside core/channel only: frames over an Asio stream: a socket, or the descriptor of a serial device.
#pragma once

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <utility>

#include "core/channel/frame.h"
#include "core/channel/line.h"

namespace netpas::channel {

template <typename Stream>
class StreamLine final : public Line, public std::enable_shared_from_this<StreamLine<Stream>> {
    using error_code = boost::system::error_code;

public:
    struct Traits {
        std::unique_ptr<Framing> framing;
        size_t maxPayload = maxFramePayload;
        bool onlyOne = false;
        std::function<void(Stream&)> beforeClose;  // may be empty
    };
    StreamLine(Stream stream, Traits traits)
        : m_stream(std::move(stream)), m_drainTimer(m_stream.get_executor()), m_traits(std::move(traits)) {}

    void start(Handlers handlers) override {
        m_handlers = std::move(handlers);
        read();
    }
    void send(Bytes frame) override {
        if (m_state != State::Open) return;
        const Bytes wrapped = m_traits.framing->wrap(frame);
        m_queued.insert(m_queued.end(), wrapped.begin(), wrapped.end());
        write();
    }
    [[nodiscard]] size_t pending() const override { return m_queued.size() + m_inFlight.size(); }
    [[nodiscard]] size_t maxPayload() const override { return m_traits.maxPayload; }
    [[nodiscard]] bool isOnlyOne() const override { return m_traits.onlyOne; }

    void close() override {
        if (m_state != State::Open) return;
        forgetHandlers();
        if (pending() == 0) return shut();
        m_state = State::Draining;
        m_drainTimer.expires_after(std::chrono::milliseconds(500));
        m_drainTimer.async_wait([self = this->shared_from_this()](const error_code&) { self->shut(); });
    }

private:
    enum class State { Open, Draining, Closed };

    void read() {
        m_stream.async_read_some(
            boost::asio::buffer(m_input), [self = this->shared_from_this()](const error_code& error, size_t count) {
                if (self->m_state != State::Open) return;
                if (error) return self->ended(error);
                const bool whole = self->m_traits.framing->feed({self->m_input.data(), count}, [&](ByteView frame) {
                    const auto handler = self->m_handlers.onFrame;  // it may close this line
                    if (self->m_state == State::Open && handler) handler(frame);
                });
                if (!whole && self->m_state == State::Open) {
                    const auto handler = self->m_handlers.onDamaged;
                    if (handler) handler();
                    if (self->m_state == State::Open && !self->m_traits.framing->skipsDamage())
                        return self->ended(boost::asio::error::invalid_argument);
                }
                if (self->m_state == State::Open) self->read();
            });
    }

    void write() {
        if (m_writing || m_queued.empty() || m_state == State::Closed) return;
        m_writing = true;
        m_inFlight.swap(m_queued);
        boost::asio::async_write(m_stream, boost::asio::buffer(m_inFlight),
                                 [self = this->shared_from_this()](const error_code& error, size_t) {
                                     self->m_writing = false;
                                     self->m_inFlight.clear();
                                     if (error) return self->ended(error);
                                     self->written();
                                 });
    }

    void written() {
        if (!m_queued.empty()) return write();
        if (m_state == State::Draining) return shut();
        const auto handler = m_handlers.onDrained;
        if (m_state == State::Open && handler) handler();
    }

    void ended(const error_code& error) {
        if (m_state == State::Open) {
            const auto handler = m_handlers.onClosed;
            forgetHandlers();
            shut();
            if (handler) handler(error == boost::asio::error::eof ? "the other end hung up" : error.message());
        } else {
            shut();
        }
    }

    // Later: one of them may be running.
    void forgetHandlers() {
        boost::asio::post(m_stream.get_executor(), [self = this->shared_from_this()] { self->m_handlers = {}; });
    }

    void shut() {
        if (std::exchange(m_state, State::Closed) == State::Closed) return;
        m_drainTimer.cancel();
        if (m_traits.beforeClose) m_traits.beforeClose(m_stream);
        error_code ignored;
        m_stream.close(ignored);
    }

    Stream m_stream;
    boost::asio::steady_timer m_drainTimer;
    Traits m_traits;
    Handlers m_handlers;
    State m_state = State::Open;
    bool m_writing = false;
    std::array<uint8_t, 16384> m_input{};
    Bytes m_queued;
    Bytes m_inFlight;
};

}  // namespace netpas::channel
