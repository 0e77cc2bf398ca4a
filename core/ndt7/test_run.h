// Inside core/ndt7 only: one test on an open WebSocket, the same at both ends and over TCP and TLS. One end sends as fast as it can, both report
// what they see, the sender ends it.
#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/websocket.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/ndt7/measurement.h"

namespace netpas::ndt7 {

struct RunOptions {
    Direction direction{};
    bool sends = false;
    std::string origin;  // "client" or "server"
    std::chrono::milliseconds testTime{};
    uint64_t mostBytes = UINT64_MAX;
    std::string client;  // addresses for the reports; the server's only
    std::string server;
};

struct RunOutcome {
    bool complete = false;  // closed in good order
    bool stopped = false;
    uint64_t bytes = 0;  // that this end sent or received
    std::chrono::microseconds elapsed{};
    std::optional<Measurement> peer;  // its last report
    std::optional<TcpInfo> tcp;       // our own at the end
};

template <typename Stream>
class TestRun : public std::enable_shared_from_this<TestRun<Stream>> {
    using error_code = boost::system::error_code;
    using SteadyClock = std::chrono::steady_clock;

public:
    using WebSocket = boost::beast::websocket::stream<Stream>;

    TestRun(std::unique_ptr<WebSocket> socket, RunOptions options, std::function<void(const Measurement&)> onReport,
            std::function<void(const RunOutcome&)> onDone)
        : m_socket(std::move(socket)),
          m_options(std::move(options)),
          m_onReport(std::move(onReport)),
          m_onDone(std::move(onDone)),
          m_reportTimer(m_socket->get_executor()),
          m_endTimer(m_socket->get_executor()),
          m_input(size_t{1} << 17) {}

    void start() {
        m_started = m_lastByte = SteadyClock::now();
        boost::beast::get_lowest_layer(*m_socket).expires_never();
        m_socket->read_message_max(maxMessage);
        m_socket->auto_fragment(false);
        m_endTimer.expires_after(m_options.testTime + (patience - testTime));
        m_endTimer.async_wait([weak = this->weak_from_this()](const error_code& error) {
            const auto self = weak.lock();
            if (!error && self) self->finish(false);
        });
        read();
        if (m_options.sends) {
            m_output.assign(largestMessage, 0);
            // Nothing on the way shall be able to pack it.
            uint64_t state = static_cast<uint64_t>(m_started.time_since_epoch().count()) | 1;
            for (uint8_t& byte : m_output) {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                byte = static_cast<uint8_t>(state >> 24);
            }
            m_nextReport = m_started + reportInterval;
            send();
        } else {
            armReport();
        }
    }

    // The sender ends with the message that is on its way, the receiver at once.
    void stop() {
        if (m_done) return;
        m_stopped = true;
        if (!m_options.sends) close();
    }

    void abort() { finish(false); }

private:
    std::chrono::microseconds sinceStart(SteadyClock::time_point time) const {
        return std::chrono::duration_cast<std::chrono::microseconds>(time - m_started);
    }
    int descriptor() { return boost::beast::get_lowest_layer(*m_socket).socket().native_handle(); }

    Measurement report() {
        const auto elapsed = sinceStart(SteadyClock::now());
        return {m_options.origin, m_options.direction, elapsed, m_bytes, tcpInfoOf(descriptor(), elapsed),
                m_options.client, m_options.server};
    }

    // --- the sender

    void send() {
        if (m_done) return;
        const auto now = SteadyClock::now();
        if (m_stopped || now - m_started >= m_options.testTime || m_bytes >= m_options.mostBytes) return close();
        if (now >= m_nextReport) {
            m_nextReport = now + reportInterval;
            return write(report(), [](TestRun& run) { run.send(); });
        }
        m_socket->binary(true);
        const size_t size = static_cast<size_t>(std::min<uint64_t>(m_size, m_options.mostBytes - m_bytes));
        m_socket->async_write(boost::asio::buffer(m_output.data(), size),
                              [self = this->shared_from_this()](const error_code& error, size_t count) {
                                  if (error) return self->finish(false);
                                  self->m_bytes += count;
                                  self->m_lastByte = SteadyClock::now();
                                  if (self->m_size < largestMessage && self->m_size < self->m_bytes / 16)
                                      self->m_size *= 2;
                                  self->send();
                              });
    }

    // --- reports

    template <typename Then>
    void write(const Measurement& measurement, Then then) {
        m_onReport(measurement);
        m_text = toJson(measurement);
        m_socket->text(true);
        m_socket->async_write(boost::asio::buffer(m_text),
                              [self = this->shared_from_this(), then](const error_code& error, size_t) {
                                  if (error) return self->finish(false);
                                  then(*self);
                              });
    }

    void armReport() {
        m_reportTimer.expires_after(reportInterval);
        m_reportTimer.async_wait([weak = this->weak_from_this()](const error_code& error) {
            const auto self = weak.lock();
            if (error || !self || self->m_done || self->m_closing) return;
            self->write(self->report(), [](TestRun& run) {
                if (!run.m_done) run.armReport();
            });
        });
    }

    // --- what comes

    void read() {
        m_socket->async_read_some(
            boost::asio::buffer(m_input),
            [self = this->shared_from_this()](const error_code& error, size_t count) { self->took(error, count); });
    }

    void took(const error_code& error, size_t count) {
        namespace websocket = boost::beast::websocket;
        if (m_done) return;
        if (error) return finish(error == websocket::error::closed);
        if (m_socket->got_binary()) {
            if (!m_options.sends) {
                m_bytes += count;
                m_lastByte = SteadyClock::now();
                if (m_bytes >= m_options.mostBytes && !m_stopped) stop();
            }
        } else {
            takeText({reinterpret_cast<const char*>(m_input.data()), count});
        }
        read();
    }

    void takeText(std::string_view part) {
        constexpr size_t longestReport = 65536;
        if (m_incoming.size() + part.size() <= longestReport) m_incoming += part;
        if (!m_socket->is_message_done()) return;
        if (const auto measurement = fromJson(m_incoming)) {
            m_peer = *measurement;
            m_onReport(*measurement);
        }
        m_incoming.clear();
    }

    // --- the end

    void close() {
        if (m_closing || m_done) return;
        m_closing = true;
        m_tcp = tcpInfoOf(descriptor(), sinceStart(SteadyClock::now()));
        m_socket->async_close(boost::beast::websocket::close_code::normal,
                              [self = this->shared_from_this()](const error_code& error) { self->finish(!error); });
    }

    void finish(bool complete) {
        if (m_done) return;
        m_done = true;
        if (!m_tcp) m_tcp = tcpInfoOf(descriptor(), sinceStart(SteadyClock::now()));
        m_reportTimer.cancel();
        m_endTimer.cancel();
        boost::beast::get_lowest_layer(*m_socket).close();
        m_onDone({complete, m_stopped, m_bytes, sinceStart(m_lastByte), m_peer, m_tcp});
    }

    std::unique_ptr<WebSocket> m_socket;
    RunOptions m_options;
    std::function<void(const Measurement&)> m_onReport;
    std::function<void(const RunOutcome&)> m_onDone;
    boost::asio::steady_timer m_reportTimer;
    boost::asio::steady_timer m_endTimer;
    std::vector<uint8_t> m_input;
    std::vector<uint8_t> m_output;
    std::string m_text;
    std::string m_incoming;
    SteadyClock::time_point m_started;
    SteadyClock::time_point m_lastByte;
    SteadyClock::time_point m_nextReport;
    size_t m_size = firstMessage;
    uint64_t m_bytes = 0;
    std::optional<Measurement> m_peer;
    std::optional<TcpInfo> m_tcp;
    bool m_stopped = false;
    bool m_closing = false;
    bool m_done = false;
};

}  // namespace netpas::ndt7
