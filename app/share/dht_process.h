// The table of a community over OpenDHT, in a process of its own: what strangers send is parsed there, without a right and without a secret. Control
// thread.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cartographer/share/transport.h"

namespace boost::asio {
class io_context;
}

namespace netpas::dht {

struct DhtOptions {
    std::filesystem::path program;       // netpas-dht
    uint16_t port = 0;                   // UDP; 0: any
    uint32_t network = 0;                // nodes of others are not spoken with
    std::vector<std::string> bootstrap;  // HOST:PORT of some that are usually there
};

class DhtProcess final : public share::Transport {
public:
    // Starts it, and again some seconds after it has ended. `problem` is called when it cannot be, or has ended, once each time.
    DhtProcess(boost::asio::io_context& io, DhtOptions options, std::function<void(const std::string&)> problem);
    ~DhtProcess() override;  // it ends with this
    DhtProcess(const DhtProcess&) = delete;
    DhtProcess& operator=(const DhtProcess&) = delete;

    void follow(const std::set<share::Topic>& topics) override;
    void publish(const share::Topic& topic, const Bytes& value) override;
    // That answer it now; 0: alone.
    [[nodiscard]] uint16_t nodes() const;

private:
    struct Impl;
    std::shared_ptr<Impl> m_impl;
};

}  // namespace netpas::dht
