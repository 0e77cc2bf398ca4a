// The agent's end of its channel to the secretary, taken out of the agent's process by an attacker, who speaks on it in the
// agent's place. The agent stands still meanwhile.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/lab/error.h"
#include "core/channel/frame.h"
#include "core/channel/messages.h"

namespace netpas::lab {

class StolenChannel {
public:
    // Stops the agent and copies its descriptor. `netns`: where streams for the secretary are connected.
    static Expected<std::unique_ptr<StolenChannel>> take(pid_t agent, const std::string& netns);
    ~StolenChannel();  // hangs up, and lets the agent go on
    StolenChannel(const StolenChannel&) = delete;
    StolenChannel& operator=(const StolenChannel&) = delete;

    // Where a stream that the secretary opens is really connected to; nothing: nowhere, the secretary waits.
    std::function<std::optional<Endpoint>(const Endpoint&)> relayTo;
    // Everything but pings and what belongs to a relayed stream.
    std::function<void(const channel::Message&)> onMessage;

    // A new session: its first frame has the number 0.
    void hello(uint64_t incarnation, std::vector<channel::FlowCounters> held);
    // False: the secretary does not read, or has hung up.
    bool say(const channel::Message& message);
    bool write(ByteView bytes);
    // Reads, answers pings and relays until `done` says so or the time is over.
    bool serve(std::chrono::milliseconds atMost, const std::function<bool()>& done = {});

    bool hungUp() const { return m_hungUp; }
    size_t streams() const { return m_opened; }    // that were connected
    size_t streamsEnded() const { return m_cut; }  // by the secretary
    size_t goodbyes() const { return m_goodbyes; }

private:
    StolenChannel(pid_t agent, int fd, std::string netns);
    void readChannel();
    void take(const channel::Message& message);
    void open(const channel::StreamOpen& wanted);
    void readStream(uint32_t stream);

    pid_t m_agent;
    int m_fd;
    std::string m_netns;
    uint32_t m_next = 0;
    bool m_hungUp = false;
    size_t m_opened = 0, m_cut = 0, m_goodbyes = 0;
    std::unique_ptr<channel::Framing> m_framing = channel::lengthFraming();
    Bytes m_parts;
    std::map<uint32_t, int> m_streams;
};

}  // namespace netpas::lab
