// netpas-isp ndt7: serves capacity tests (ndt7) to customers.
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <cstdio>

#include "app/isp/server_commands.h"
#include "core/ndt7/server.h"

namespace netpas::isp {

namespace {

int fail(const std::string& text, int code) {
    std::fprintf(stderr, "netpas-isp ndt7: %s\n", text.c_str());
    return code;
}

struct Given {
    std::vector<std::string> listen;
    uint16_t port = ndt7::defaultPort;
    std::string identity;
    size_t tests = ndt7::ServerLimits{}.tests;
    size_t perAddress = ndt7::ServerLimits{}.perAddress;
};

void log(const ndt7::Served& one) {
    const double seconds = std::chrono::duration<double>(one.elapsed).count();
    const double rate = seconds > 0 ? static_cast<double>(one.bytes) * 8 / seconds / 1e6 : 0;
    spdlog::info("{} of {}: {} bytes, {:.1f} Mbit/s{}", ndt7::name(one.direction), one.client.toString(), one.bytes,
                 rate, one.complete ? "" : ", broken off");
}

int serve(const Given& given) {
    if (!initCrypto()) return fail("libsodium does not start", 1);
    std::optional<Identity> identity;
    if (!given.identity.empty()) {
        auto loaded = Identity::load(given.identity);
        if (!loaded)
            return fail(given.identity + ": " + std::string(describe(loaded.error())) +
                            "; make one with netpas-isp keygen " + given.identity,
                        2);
        identity.emplace(std::move(*loaded));
    }
    boost::asio::io_context io;
    ndt7::ServerLimits limits;
    limits.tests = given.tests;
    limits.perAddress = given.perAddress;
    ndt7::Server server(io, limits, log);
    for (const std::string& text : given.listen) {
        const auto address = IpAddress::parse(text);
        if (!address) return fail("'" + text + "' is no address; give one of this machine's", 2);
        const Endpoint endpoint{*address, given.port};
        const auto port = server.listen(endpoint, identity ? &*identity : nullptr);
        if (!port) return fail(endpoint.toString() + ": the address is taken, or not this machine's", 1);
        spdlog::info("serving tests at {}://{}", identity ? "wss" : "ws", Endpoint{*address, *port}.toString());
    }
    boost::asio::signal_set signals(io, SIGINT, SIGTERM);
    signals.async_wait([&](const boost::system::error_code& error, int) {
        if (error) return;
        server.close();
        io.stop();
    });
    io.run();
    return 0;
}

}  // namespace

int runNdt7(const std::vector<std::string>& arguments) {
    CLI::App app("Serves capacity tests (ndt7)", "netpas-isp ndt7");
    Given given;
    app.add_option("--listen", given.listen, "addresses of this machine")->required();
    app.add_option("--port", given.port, "TCP")->check(CLI::Range(1, 65535))->capture_default_str();
    app.add_option("--identity", given.identity,
                   "over TLS, proved by this key (netpas-isp keygen); left out: plain TCP");
    app.add_option("--tests", given.tests, "at a time")->check(CLI::Range(1, 1000))->capture_default_str();
    app.add_option("--per-address", given.perAddress, "at a time")->check(CLI::Range(1, 1000))->capture_default_str();
    try {
        app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    spdlog::set_default_logger(spdlog::stderr_logger_mt("ndt7"));
    return serve(given);
}

}  // namespace netpas::isp
