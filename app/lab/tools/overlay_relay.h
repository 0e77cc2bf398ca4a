// A man in the middle of the accounting overlay: poses as a server to whoever dials it, as the dialer to the real server, and sees
// every message between them. With the keys of both ends it is a bad network; with those of one party it is that party's lie.
// One thread: the one that runs the io_context.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "core/accounting/client.h"
#include "core/accounting/messages.h"
#include "core/crypto/identity.h"
#include "core/net/net_error.h"
#include "core/net_address.h"

namespace boost::asio {
class io_context;
}

namespace netpas::lab {

// What a bad network does to messages, drawn from a seed. Shares of 1: 0.01 loses one in a hundred.
struct RelayWeather {
    double drop = 0;
    double duplicate = 0;
    double reorder = 0;  // falls behind later ones
    std::chrono::milliseconds delay{0};
    std::chrono::milliseconds jitter{0};  // added to the delay, evenly spread; order is kept
    // A transport that keeps its promises loses nothing without losing the connection: break it after each drop.
    bool breakOnDrop = false;

    friend bool operator==(const RelayWeather&, const RelayWeather&) = default;
};

enum class Partition : uint8_t {
    None,
    Silent,   // connections stay, nothing passes, and what was sent meanwhile is lost when it heals: they break then
    Refused,  // connections break and no new ones are taken
};

struct RelayOptions {
    Endpoint listen;         // port 0: any
    const Identity* face{};  // shown to those who dial the relay; outlives it
    accounting::ServerAddress to;
    // With what the real server is dialled for whoever dialled with that key; null: turned away. The identity outlives the relay.
    std::function<const Identity*(const PublicKey& dialer)> mask;
    RelayWeather weather;
    uint64_t seed = 1;
    // Confirmations may share signatures and messages. Otherwise nobody hears that the other end takes that, and each is a
    // message of its own.
    bool batches = false;
};

class OverlayRelay {
public:
    enum class Direction : uint8_t { Forth, Back };  // Forth: from the dialer to the real server
    // Called for every message that could be decoded, before the weather: what passes in its place.
    using Hook = std::function<std::vector<accounting::Message>(Direction, const accounting::Message&)>;

    struct Count {
        uint64_t seen = 0;
        uint64_t passed = 0;
        uint64_t dropped = 0;  // by the hook, the weather, a partition or a broken connection
        uint64_t duplicated = 0;
        uint64_t reordered = 0;
        uint64_t changed = 0;   // by the hook: not exactly the message that came
        uint64_t injected = 0;  // by inject()
        uint64_t undecodable = 0;
    };

    OverlayRelay(boost::asio::io_context& io, RelayOptions options, Hook hook = {});
    ~OverlayRelay();
    OverlayRelay(const OverlayRelay&) = delete;
    OverlayRelay& operator=(const OverlayRelay&) = delete;

    [[nodiscard]] tl::expected<uint16_t, net::NetError> start();
    void setHook(Hook hook);
    void setWeather(const RelayWeather& weather);
    void setPartition(Partition partition);
    // Ends every connection; they may come again.
    void breakConnections();
    // Into every pair of connections that is up; false when there is none.
    [[nodiscard]] bool inject(Direction direction, const accounting::Message& message);
    // As it is, also what is no message.
    [[nodiscard]] bool injectBytes(Direction direction, const Bytes& bytes);
    [[nodiscard]] size_t connections() const;  // with both ends up
    [[nodiscard]] const Count& count(Direction direction) const;

private:
    class Impl;
    std::shared_ptr<Impl> m_impl;
};

// "drop=0.1 duplicate=0.05 reorder=0.1 delay_ms=20 jitter_ms=10 break=1"; what is not named keeps its value in `start`. The error
// says what is wrong.
[[nodiscard]] tl::expected<RelayWeather, std::string> parseWeather(std::string_view text, RelayWeather start = {});

}  // namespace netpas::lab
