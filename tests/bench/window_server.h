// A secretary's door for bench_window: many payments and rules that nobody ever made, and a standing that does not change.
#pragma once

#include <atomic>
#include <string>
#include <thread>

namespace netpas::bench {

class WindowServer {
public:
    WindowServer(std::string socket, size_t payments, size_t rules);
    ~WindowServer();
    WindowServer(const WindowServer&) = delete;
    WindowServer& operator=(const WindowServer&) = delete;

private:
    void run();
    void serve(int connection) const;
    [[nodiscard]] std::string answer(const std::string& target) const;
    [[nodiscard]] std::string history(size_t before, size_t limit) const;

    std::string m_socket;
    size_t m_payments;
    std::string m_rules;
    int m_listener = -1;
    std::atomic<bool> m_over{false};
    std::thread m_thread;
};

}  // namespace netpas::bench
