// What a channel runs over: a line carries frames to one peer, a source makes lines. One thread: the one that runs the io_context.
// Handlers are never called from inside a call.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/bytes.h"
#include "core/crypto/identity.h"
#include "core/net_address.h"

namespace boost::asio {
class io_context;
}

namespace netpas::channel {

class Line {
public:
    virtual ~Line() = default;
    virtual void send(Bytes frame) = 0;
    // Bytes of frames that the kernel has not taken yet.
    [[nodiscard]] virtual size_t pending() const = 0;
    // What was sent still leaves, within half a second; no handler is called any more.
    virtual void close() = 0;
    // Of one frame's payload.
    [[nodiscard]] virtual size_t maxPayload() const = 0;
    // A new session begins on the same line when one has ended: there is no other.
    [[nodiscard]] virtual bool isOnlyOne() const = 0;

    struct Handlers {
        std::function<void(ByteView)> onFrame;
        std::function<void()> onDamaged;                       // bytes came that are no frame; more frames may follow
        std::function<void()> onDrained;                       // pending() fell to zero
        std::function<void(const std::string& why)> onClosed;  // once, last
    };
    // Reading begins with this call.
    virtual void start(Handlers handlers) = 0;
};

class LineSource {
public:
    virtual ~LineSource() = default;
    // `onLine` whenever there is a line; `onTrouble` with text for people when none can be made, once for each new reason.
    virtual void start(std::function<void(std::shared_ptr<Line>)> onLine,
                       std::function<void(const std::string&)> onTrouble) = 0;
    // The last line is gone: make another, after a pause that grows.
    virtual void again() = 0;
    virtual void stop() = 0;
};

// One end of a socket pair, or anything else that reads and writes like a stream socket. Owned from now on. When the peer has hung up
// that is the end: give() takes the next one.
class InheritedSource : public LineSource {
public:
    virtual void give(int descriptor) = 0;
};
[[nodiscard]] std::unique_ptr<InheritedSource> inheritedSource(boost::asio::io_context& io, int descriptor = -1);

// Connects. The process that listens must run as one of `peers` (user ids).
[[nodiscard]] std::unique_ptr<LineSource> unixDialer(boost::asio::io_context& io, std::string path,
                                                     std::vector<uint32_t> peers);
// Listens from now on, before start(): a sandbox may forbid it later. With the mode 0600; `owner` (user id) may connect beside root, where
// this process may give it away. Who connects must run as one of `peers`.
[[nodiscard]] std::unique_ptr<LineSource> unixListener(boost::asio::io_context& io, std::string path,
                                                       std::vector<uint32_t> peers,
                                                       std::optional<uint32_t> owner = std::nullopt);

// A serial line or pseudo-terminal: raw, 8N1. Opened again as long as it is not there.
[[nodiscard]] std::unique_ptr<LineSource> serialSource(boost::asio::io_context& io, std::string device,
                                                       uint32_t baud = 115200);

// `identity` outlives the source. Both ends know each other's key.
[[nodiscard]] std::unique_ptr<LineSource> tlsDialer(boost::asio::io_context& io, const Identity& identity,
                                                    const Endpoint& secretary, const PublicKey& key);
// Listens from now on, too.
[[nodiscard]] std::unique_ptr<LineSource> tlsListener(boost::asio::io_context& io, const Identity& identity,
                                                      const Endpoint& address,
                                                      std::function<bool(const PublicKey&)> accepts);

}  // namespace netpas::channel
