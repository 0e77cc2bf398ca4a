#include "app/secretary/asio_worker.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <system_error>
#include <utility>

namespace netpas::secretaryd {

namespace asio = boost::asio;

AsioWorker::~AsioWorker() {
    if (m_thread.joinable()) m_thread.join();
}

void AsioWorker::run(std::function<void()> work, std::function<void()> done) {
    if (m_thread.joinable()) m_thread.join();
    // The loop does not end before `done` was called.
    auto guard = asio::make_work_guard(m_io);
    try {
        m_thread = std::thread([this, work, done, guard]() mutable {
            work();
            work = nullptr;  // what it holds is wiped before anybody goes on
            asio::post(m_io, std::move(done));
        });
    } catch (const std::system_error&) {
        work();
        asio::post(m_io, std::move(done));
    }
}

}  // namespace netpas::secretaryd
