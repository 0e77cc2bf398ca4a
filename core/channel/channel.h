// One end of the channel between agent and secretary: handshake, signs of life, messages (core/channel/PROTOCOL.md).
// One thread: the one that runs the io_context. Handlers are never called from inside a call.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <tl/expected.hpp>

#include "core/channel/line.h"
#include "core/channel/messages.h"

namespace netpas::channel {

enum class Side { Agent, Secretary };

// Whether that side may send the message with these capabilities granted to the agent.
[[nodiscard]] bool mayCome(const Message& message, Side from, Capabilities granted);

struct ChannelTiming {
    std::chrono::milliseconds heartbeat{200};  // while brisk; the secretary tells its agent
    std::chrono::milliseconds silence{700};    // nothing heard for so long while brisk: the session is over
    std::chrono::milliseconds slowHeartbeat{2000};
    std::chrono::milliseconds slowSilence{7000};
    std::chrono::milliseconds greeting{500};     // an agent says Hello again after that
    std::chrono::milliseconds refused{2000};     // … or that, when it was turned away
    std::chrono::milliseconds announcement{20};  // on the only line there is, a secretary speaks first after that
    std::chrono::milliseconds unheard{5000};     // a connection without a Hello is closed
};

enum class SendError {
    Down,      // no session
    TooLarge,  // a limit of messages.h is exceeded: nothing was sent
    Stuck,     // too much waits for a peer that does not read: the session ends
};
[[nodiscard]] std::string_view describe(SendError error);

class Channel {
public:
    struct Handlers {
        // Agent: what to say; asked at every attempt. The nonce is filled in by the channel.
        std::function<Hello()> hello;
        // Agent: the secretary has answered. Secretary: an agent has said Hello, and was welcomed.
        std::function<void(const Welcome&)> onWelcome;
        std::function<void(const Hello&)> onHello;
        // The session is over, for whatever reason; the next one begins by itself.
        std::function<void(const std::string& why)> onDown;
        // Any message but Hello, Welcome, Goodbye, Ping and Pong; checked against side and capabilities.
        std::function<void(Message)> onMessage;
        // No session comes about: no device, turned away, another version. Text for people, once for each new reason.
        std::function<void(const std::string& why)> onTrouble;
    };

    // `granted` matters on the secretary's side.
    Channel(boost::asio::io_context& io, Side side, std::unique_ptr<LineSource> source, Handlers handlers,
            Capabilities granted = agentCapabilities, ChannelTiming timing = {});
    ~Channel();
    Channel(const Channel&) = delete;
    Channel& operator=(const Channel&) = delete;

    void start();
    // Says Goodbye; no handler is called any more.
    void stop();
    [[nodiscard]] bool isUp() const;
    // While brisk a silent peer is noticed within ChannelTiming::silence. Each side for itself.
    void setBrisk(bool brisk);
    // In order. While the session lasts, what was taken arrives or the session ends.
    tl::expected<void, SendError> send(const Message& message);
    // What encode() made.
    tl::expected<void, SendError> sendEncoded(Bytes message);

private:
    class Impl;
    std::shared_ptr<Impl> m_impl;
};

}  // namespace netpas::channel
