// Threads that carry accepted connections, so that handshakes, encryption and framing leave the thread that owns them to its own work.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

namespace boost::asio {
class io_context;
}

namespace netpas::net {

// Made and destroyed on the owner's thread; it must go before the owner's io_context. The connections that it carries end with it.
class TlsThreads {
public:
    explicit TlsThreads(size_t count);  // at least one
    ~TlsThreads();
    TlsThreads(const TlsThreads&) = delete;
    TlsThreads& operator=(const TlsThreads&) = delete;

    // One for each core that the owner leaves free; none on a single core.
    [[nodiscard]] static size_t coresToSpare();
    // Where the next connection goes, in turn.
    [[nodiscard]] boost::asio::io_context& next();

private:
    struct Carrier;
    std::vector<std::unique_ptr<Carrier>> m_carriers;
    size_t m_next = 0;
};

}  // namespace netpas::net
