// The secretary's end of the channel on a thread of its own: while the control thread waits for the disk, the agent still
// hears that it lives. When more than a bounded number of messages wait for the control thread, nothing more is read and
// the signs of life end, too. All calls and all handlers: control thread (the one that runs `io`).
#pragma once

#include <functional>
#include <memory>

#include "core/channel/channel.h"

namespace netpas::channel {

class ThreadedChannel {
public:
    using MakeSource = std::function<std::unique_ptr<LineSource>(boost::asio::io_context&)>;

    // The source is made at once, so that what listens does so before a sandbox forbids it.
    ThreadedChannel(boost::asio::io_context& io, const MakeSource& makeSource, Channel::Handlers handlers,
                    Capabilities granted = agentCapabilities, ChannelTiming timing = {});
    // Says Goodbye; what was sent still leaves, within half a second. Waits for the thread.
    ~ThreadedChannel();
    ThreadedChannel(const ThreadedChannel&) = delete;
    ThreadedChannel& operator=(const ThreadedChannel&) = delete;

    // Makes the thread, with the rights that the caller has now. At most once. False: the system refuses threads.
    [[nodiscard]] bool start();
    // No handler is called any more.
    void stop();
    // As far as the handlers were told.
    [[nodiscard]] bool isUp() const;
    void setBrisk(bool brisk);
    // Within this session or not at all. A peer that does not read ends the session: onDown.
    tl::expected<void, SendError> send(const Message& message);

private:
    class Impl;
    std::shared_ptr<Impl> m_impl;
};

}  // namespace netpas::channel
