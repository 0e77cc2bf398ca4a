#include "core/net/tls_threads.h"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <thread>

namespace netpas::net {

namespace asio = boost::asio;

struct TlsThreads::Carrier {
    asio::io_context io{1};
    asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};
    std::thread thread;
};

TlsThreads::TlsThreads(size_t count) {
    // Signals are the owner's.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (size_t i = 0; i < std::max<size_t>(count, 1); ++i) {
        auto carrier = std::make_unique<Carrier>();
        carrier->thread = std::thread([&io = carrier->io] { io.run(); });
        pthread_setname_np(carrier->thread.native_handle(), "tls");
        m_carriers.push_back(std::move(carrier));
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TlsThreads::~TlsThreads() {
    for (auto& carrier : m_carriers) carrier->io.stop();
    for (auto& carrier : m_carriers) carrier->thread.join();
}

size_t TlsThreads::coresToSpare() {
    const size_t cores = std::thread::hardware_concurrency();
    return cores > 1 ? cores - 1 : 0;
}

asio::io_context& TlsThreads::next() {
    m_next = (m_next + 1) % m_carriers.size();
    return m_carriers[m_next]->io;
}

}  // namespace netpas::net
