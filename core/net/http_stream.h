// An answer without an end: what is pushed goes out in pieces for as long as its reader keeps up. One thread, the server's.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <utility>

namespace netpas::net {

class HttpStream {
public:
    // A reader that lets so many bytes wait is given up.
    explicit HttpStream(size_t mostWaiting = size_t{1} << 18) : m_most(mostWaiting) {}
    HttpStream(const HttpStream&) = delete;
    HttpStream& operator=(const HttpStream&) = delete;

    // False: nobody reads any more.
    bool push(const std::string& text) {
        if (m_over) return false;
        if (m_waiting.size() + text.size() > m_most) {
            end();
            return false;
        }
        m_waiting += text;
        if (m_wake) m_wake();
        return true;
    }
    // By either side; what waits is not sent any more.
    void end() {
        if (std::exchange(m_over, true)) return;
        m_waiting.clear();
        if (m_wake) m_wake();
        if (const auto told = std::exchange(m_onEnd, nullptr)) told();
    }
    [[nodiscard]] bool over() const { return m_over; }
    // Called once at the end, whoever ended it.
    void onEnd(std::function<void()> told) { m_onEnd = std::move(told); }

    // The connection's side: `wake` is called when there is something to take, or nothing any more.
    void attach(std::function<void()> wake) { m_wake = std::move(wake); }
    [[nodiscard]] std::string take() { return std::exchange(m_waiting, {}); }

private:
    size_t m_most;
    std::string m_waiting;
    std::function<void()> m_wake;
    std::function<void()> m_onEnd;
    bool m_over = false;
};

}  // namespace netpas::net
