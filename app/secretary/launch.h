// How `netpasd --role all` has a secretary beside it. A small starter process stays behind with the rights to start it, because the agent
// gives its own up: it starts the secretary, starts it again when it dies, and ends it with the agent. It takes no order but "stop".
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "app/common/privileges.h"

namespace boost::asio {
class io_context;
}

namespace netpas::secretary {

struct LaunchOptions {
    std::string program = "/proc/self/exe";
    // With argv[0]. "--channel fd:3" follows, and with a listening socket "--listen fd:4".
    std::vector<std::string> arguments;
    int listening = -1;  // of secretary.sock; stays open over restarts, so that its clients wait instead of failing
    std::chrono::milliseconds firstPause{200};     // before a secretary that died is started again; doubles …
    std::chrono::milliseconds longestPause{5000};  // … up to this, and is short again after one that lived longer
    std::chrono::milliseconds patience{15000};     // for an orderly end, then SIGKILL
};

inline constexpr int launchedChannel = 3;
inline constexpr int launchedListening = 4;

class LaunchedSecretary {
public:
    // Forks. Call before any thread runs, before a secret is in memory, and before the capture starts its guard.
    [[nodiscard]] static tl::expected<std::unique_ptr<LaunchedSecretary>, app::PrivilegeFailure> start(
        const LaunchOptions& options);
    // The secretary is told to stop (SIGTERM) and killed when it does not. Does not wait.
    ~LaunchedSecretary();
    LaunchedSecretary(const LaunchedSecretary&) = delete;
    LaunchedSecretary& operator=(const LaunchedSecretary&) = delete;

    // `onChannel` gets the agent's end of the channel whenever a secretary was started; the receiver owns it. `onGone`: it ended in order
    // and is not started again.
    void watch(boost::asio::io_context& io, std::function<void(int)> onChannel, std::function<void()> onGone);
    // SIGTERM to the secretary; onGone follows.
    void askToStop();

private:
    struct Impl;
    explicit LaunchedSecretary(std::shared_ptr<Impl> impl);
    std::shared_ptr<Impl> m_impl;
};

}  // namespace netpas::secretary
