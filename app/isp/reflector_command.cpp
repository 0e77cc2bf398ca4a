// netpas-isp reflector: the far end of measurements (STAMP, RFC 8762), for customers and neighbours.
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <cstdio>
#include <fstream>

#include "app/isp/server_commands.h"
#include "core/crypto/hex.h"
#include "core/crypto/identity.h"
#include "core/stamp/reflector.h"
#include "core/stamp/stamp_socket.h"

namespace netpas::isp {

namespace {

int fail(const std::string& text, int code) {
    std::fprintf(stderr, "netpas-isp reflector: %s\n", text.c_str());
    return code;
}

// One address that is listened on.
class Ear {
public:
    Ear(boost::asio::io_context& io, stamp::StampSocket socket, stamp::Reflector& reflector)
        : m_socket(std::move(socket)), m_wait(io, m_socket.descriptor()), m_reflector(reflector) {
        wait();
    }
    ~Ear() { m_wait.release(); }  // the socket closes it
    Ear(const Ear&) = delete;
    Ear& operator=(const Ear&) = delete;

private:
    void wait() {
        m_wait.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                          [this](const boost::system::error_code& error) {
                              if (error) return;
                              answer();
                              wait();
                          });
    }
    void answer() {
        constexpr int batch = 64;  // then others have their turn
        for (int i = 0; i < batch; ++i) {
            const auto received = m_socket.receive(systemClock().now());
            if (!received) return;
            const auto reply = m_reflector.answer(received->packet, received->arrival, systemClock().now());
            if (reply) m_socket.send(*reply, received->arrival.from);
        }
    }

    stamp::StampSocket m_socket;
    boost::asio::posix::stream_descriptor m_wait;
    stamp::Reflector& m_reflector;
};

struct Given {
    std::vector<std::string> listen;
    uint16_t port = stamp::defaultPort;
    uint32_t rate = stamp::ReflectorOptions{}.perSecond;
    std::string keyFile;
    bool synchronized = false;
};

tl::expected<stamp::Key, std::string> readKey(const std::string& file) {
    std::ifstream in(file);
    std::string hex;
    in >> hex;
    stamp::Key key{};
    if (!fromHex(hex, key))
        return tl::unexpected(file + " must hold 64 hexadecimal digits; make them with openssl rand -hex 32");
    return key;
}

int serve(const Given& given) {
    if (!initCrypto()) return fail("libsodium does not start", 1);
    stamp::ReflectorOptions options;
    options.perSecond = given.rate;
    options.clock.synchronized = given.synchronized;
    if (!given.keyFile.empty()) {
        const auto key = readKey(given.keyFile);
        if (!key) return fail(key.error(), 2);
        options.key = *key;
    }
    stamp::Reflector reflector(options);
    boost::asio::io_context io;
    std::vector<std::unique_ptr<Ear>> ears;
    for (const std::string& text : given.listen) {
        const auto address = IpAddress::parse(text);
        if (!address) return fail("'" + text + "' is no address; give one of this machine's", 2);
        auto socket = stamp::StampSocket::open({{*address, given.port}, {}, 0, {}});
        if (!socket) return fail(socket.error() + "; ports below 1024 need root, and each serves one program", 1);
        spdlog::info("reflecting at {}", socket->local().toString());
        ears.push_back(std::make_unique<Ear>(io, std::move(*socket), reflector));
    }
    boost::asio::signal_set signals(io, SIGINT, SIGTERM);
    signals.async_wait([&](const boost::system::error_code& error, int) {
        if (!error) io.stop();
    });
    io.run();
    const auto& counts = reflector.counts();
    spdlog::info("answered {}, malformed {}, of another key {}, too many {}", counts.answered, counts.malformed,
                 counts.unauthenticated, counts.tooMany);
    return 0;
}

}  // namespace

int runReflector(const std::vector<std::string>& arguments) {
    CLI::App app("The far end of measurements (STAMP, RFC 8762)", "netpas-isp reflector");
    Given given;
    app.add_option("--listen", given.listen, "addresses of this machine")->required();
    app.add_option("--port", given.port, "UDP")->check(CLI::Range(1, 65535))->capture_default_str();
    app.add_option("--rate", given.rate, "packets a second of one address")->check(CLI::Range(1, 1'000'000));
    app.add_option("--key-file", given.keyFile, "authenticated mode: 64 hexadecimal digits that the senders have too");
    app.add_flag("--synchronized", given.synchronized, "this machine's clock follows UTC: one-way delays make sense");
    try {
        app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    spdlog::set_default_logger(spdlog::stderr_logger_mt("reflector"));
    return serve(given);
}

}  // namespace netpas::isp
