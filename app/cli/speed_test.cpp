#include "app/cli/speed_test.h"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <numeric>

#include "core/net/tls_context.h"

namespace netpas::cli {

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using Microseconds = std::chrono::microseconds;
using SteadyClock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds probeEvery{100};
constexpr size_t idleProbes = 10;
constexpr std::chrono::seconds probePatience{2};

// Opens a connection now and then, and notes how long each took; one at a time.
class Probes : public std::enable_shared_from_this<Probes> {
public:
    Probes(asio::io_context& io, const Endpoint& server) : m_io(io), m_server(net::toAsio(server)), m_timer(io) {}

    // `enough`: after so many samples or failures, then `done`; 0: until stopped.
    void start(size_t enough, std::function<void()> done) {
        m_enough = enough;
        m_done = std::move(done);
        next();
    }
    void stop() {
        m_stopped = true;
        m_timer.cancel();
        if (m_socket) {
            error_code ignored;
            m_socket->close(ignored);
        }
    }
    [[nodiscard]] const std::vector<Microseconds>& samples() const { return m_samples; }

private:
    void next() {
        if (m_stopped) return;
        if (m_enough != 0 && m_tried >= m_enough) {
            m_stopped = true;
            return m_done();
        }
        ++m_tried;
        m_socket = std::make_shared<tcp::socket>(m_io);
        const auto began = SteadyClock::now();
        m_timer.expires_after(probePatience);
        m_timer.async_wait([socket = m_socket](const error_code& error) {
            error_code ignored;
            if (!error) socket->close(ignored);
        });
        m_socket->async_connect(m_server, [self = shared_from_this(), began](const error_code& error) {
            if (self->m_stopped) return;
            if (!error) self->m_samples.push_back(std::chrono::duration_cast<Microseconds>(SteadyClock::now() - began));
            self->m_socket.reset();
            self->m_timer.expires_after(probeEvery);
            self->m_timer.async_wait([self](const error_code& cancelled) {
                if (!cancelled) self->next();
            });
        });
    }

    asio::io_context& m_io;
    tcp::endpoint m_server;
    asio::steady_timer m_timer;
    std::shared_ptr<tcp::socket> m_socket;
    std::vector<Microseconds> m_samples;
    std::function<void()> m_done;
    size_t m_enough = 0;
    size_t m_tried = 0;
    bool m_stopped = false;
};

class Running {
public:
    Running(const SpeedTestPlan& plan, const std::function<void(ndt7::Direction, Microseconds, uint64_t)>& progress)
        : m_plan(plan), m_progress(progress) {}

    SpeedTestResult run() {
        m_signals.async_wait([this](const error_code& error, int) {
            if (error) return;
            m_result.interrupted = true;
            if (m_probes) m_probes->stop();
            m_client ? m_client->stop() : m_io.stop();
        });
        m_probes = std::make_shared<Probes>(m_io, m_plan.target.server);
        m_probes->start(idleProbes, [this] {
            m_result.idle = m_probes->samples();
            begin(0);
        });
        m_io.run();
        return std::move(m_result);
    }

private:
    void begin(size_t part) {
        if (part >= m_plan.directions.size() || m_result.interrupted) return finish();
        const ndt7::Direction direction = m_plan.directions[part];
        m_probes = std::make_shared<Probes>(m_io, m_plan.target.server);
        m_probes->start(0, [] {});
        ndt7::Client::Handlers handlers;
        const std::string counting = direction == ndt7::Direction::Download ? "client" : "server";  // who receives
        handlers.onProgress = [this, direction, counting](const ndt7::Measurement& seen) {
            if (seen.origin == counting && m_progress) m_progress(direction, seen.elapsed, seen.bytes);
        };
        handlers.onDone = [this, part](tl::expected<ndt7::Result, net::NetError> result) {
            m_probes->stop();
            if (!result) {
                m_result.failure = result.error();
                return finish();
            }
            m_result.parts.push_back({*result, m_probes->samples()});
            asio::post(m_io, [this, part] { begin(part + 1); });
        };
        m_client = std::make_unique<ndt7::Client>(m_io, m_plan.target, direction,
                                                  ndt7::Options{m_plan.time, m_plan.mostBytes}, std::move(handlers));
    }

    void finish() {
        m_signals.cancel();
        m_io.stop();
    }

    const SpeedTestPlan& m_plan;
    const std::function<void(ndt7::Direction, Microseconds, uint64_t)>& m_progress;
    asio::io_context m_io{1};
    asio::signal_set m_signals{m_io, SIGINT};
    SpeedTestResult m_result;
    std::shared_ptr<Probes> m_probes;
    std::unique_ptr<ndt7::Client> m_client;
};

// Of all but the longest twentieth.
double trimmedMean(std::vector<Microseconds>& times) {
    std::sort(times.begin(), times.end());
    const size_t kept = std::max<size_t>(times.size() * 95 / 100, 1);
    const auto sum = std::accumulate(times.begin(), times.begin() + static_cast<ptrdiff_t>(kept), Microseconds(0));
    return static_cast<double>(sum.count()) / static_cast<double>(kept);
}

}  // namespace

SpeedTestResult runSpeedTest(
    const SpeedTestPlan& plan,
    const std::function<void(ndt7::Direction, std::chrono::microseconds, uint64_t)>& progress) {
    return Running(plan, progress).run();
}

std::optional<double> roundTripsPerMinute(std::vector<Microseconds> fresh, std::optional<Microseconds> loaded) {
    constexpr double minute = 60e6;
    if (fresh.empty()) return std::nullopt;
    const double byNew = minute / std::max(trimmedMean(fresh), 1.0);
    if (!loaded || loaded->count() <= 0) return byNew;
    return (byNew + minute / static_cast<double>(loaded->count())) / 2;
}

}  // namespace netpas::cli
