// Inside core/net only: connects a stream to a Unix socket, and waits for its turn where too many wait already.
#pragma once

#include <sys/socket.h>

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <cerrno>
#include <memory>
#include <utility>

namespace netpas::net {

using UnixStream = boost::beast::basic_stream<boost::asio::local::stream_protocol>;

// Linux says EAGAIN when the listener's queue is full, and never that there is room again: asked again until `until`. (Asio takes that answer
// for a connection under way, and a while later for one that stands.) `done(error_code)`; `keep` holds the stream.
template <typename Keep, typename Done>
void connectUnix(UnixStream& stream, const boost::asio::local::stream_protocol::endpoint& at,
                 std::chrono::steady_clock::time_point until, Keep keep, Done done) {
    namespace asio = boost::asio;
    boost::system::error_code error;
    auto& socket = stream.socket();
    if (!socket.is_open()) socket.open({}, error);
    if (!error) socket.native_non_blocking(true, error);
    if (!error && ::connect(socket.native_handle(), at.data(), static_cast<socklen_t>(at.size())) != 0) {
        error = {errno, boost::system::system_category()};
    }
    const bool full = error == asio::error::try_again || error == asio::error::would_block;
    if (full && std::chrono::steady_clock::now() < until) {
        auto timer = std::make_shared<asio::steady_timer>(stream.get_executor(), std::chrono::milliseconds(1));
        timer->async_wait([&stream, at, until, keep, done, timer](const boost::system::error_code&) {
            connectUnix(stream, at, until, keep, done);
        });
        return;
    }
    if (full) error = boost::beast::error::timeout;
    asio::post(stream.get_executor(), [keep, done, error] { done(error); });
}

}  // namespace netpas::net
