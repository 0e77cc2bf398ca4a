// Inside core/channel only: the pause before the next attempt to make a line.
#pragma once

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>

namespace netpas::channel {

class Retry {
public:
    explicit Retry(boost::asio::io_context& io) : m_timer(io) {}
    // A line that lasted makes the next pause short again.
    void made() { m_madeAt = std::chrono::steady_clock::now(); }
    void after(std::function<void()> attempt) {
        if (std::chrono::steady_clock::now() - m_madeAt > lasting) m_pause = shortest;
        m_madeAt = std::chrono::steady_clock::time_point::max() - lasting;
        m_timer.expires_after(m_pause);
        m_pause = std::min(m_pause * 2, longest);
        m_timer.async_wait([attempt = std::move(attempt)](const boost::system::error_code& error) {
            if (!error) attempt();
        });
    }
    void cancel() { m_timer.cancel(); }

private:
    static constexpr std::chrono::milliseconds shortest{50};
    static constexpr std::chrono::milliseconds longest{250};
    static constexpr std::chrono::seconds lasting{3};

    boost::asio::steady_timer m_timer;
    std::chrono::milliseconds m_pause = shortest;
    std::chrono::steady_clock::time_point m_madeAt;
};

}  // namespace netpas::channel
