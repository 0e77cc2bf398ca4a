// A thread of its own for what takes long.
#pragma once

#include <boost/asio/io_context.hpp>
#include <thread>

#include "app/secretary/custody.h"

namespace netpas::secretaryd {

class AsioWorker final : public Worker {
public:
    explicit AsioWorker(boost::asio::io_context& io) : m_io(io) {}
    // Waits for what still runs; its `done` is not called any more when the loop has ended.
    ~AsioWorker() override;
    AsioWorker(const AsioWorker&) = delete;
    AsioWorker& operator=(const AsioWorker&) = delete;

    // Where no thread can be made, `work` is done at once.
    void run(std::function<void()> work, std::function<void()> done) override;

private:
    boost::asio::io_context& m_io;
    std::thread m_thread;  // one at a time; the next waits for the one before
};

}  // namespace netpas::secretaryd
