#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <cstdio>

#include "app/isp/server_commands.h"
#include "app/isp/server_configs.h"
#include "core/net/http_server.h"

namespace netpas::isp {

namespace {

int fail(const std::string& text, int code) {
    std::fprintf(stderr, "netpas-isp directory: %s\n", text.c_str());
    return code;
}

int serve(DirectorySettings settings) {
    if (!initCrypto()) return fail("libsodium does not start", 1);
    const auto identity = Identity::load(settings.identity);
    if (!identity) {
        return fail(settings.identity.string() + ": " + std::string(describe(identity.error())) +
                        "; make one with netpas-isp keygen " + settings.identity.string(),
                    1);
    }
    settings.content.keys.directoryKey = identity->publicKey();
    directory::Publisher publisher(std::move(settings.content), *identity, systemClock());
    boost::asio::io_context io;
    net::HttpLimits limits;
    limits.maxBody = 1024;  // nobody has anything to say to a directory
    limits.maxConnections = 512;
    limits.readTimeout = std::chrono::seconds(5);
    net::HttpServer server(
        io,
        [&publisher](const net::HttpRequest& request, const net::HttpReply& reply) {
            reply(publisher.answer(request));
        },
        limits);
    for (const Endpoint& endpoint : settings.listen) {
        if (!server.listenTls(endpoint, *identity)) {
            return fail(endpoint.toString() + ": the address is taken, or not this machine's", 1);
        }
        spdlog::info("join {}", directory::toString(directory::JoinUrl{endpoint, identity->publicKey()}));
    }
    boost::asio::signal_set signals(io, SIGINT, SIGTERM);
    signals.async_wait([&](const boost::system::error_code& error, int) {
        if (!error) io.stop();
    });
    io.run();
    return 0;
}

}  // namespace

int runDirectory(const std::vector<std::string>& arguments) {
    CLI::App app("An ISP's directory: descriptor, menu, keys and paths over HTTPS", "netpas-isp directory");
    std::string file;
    std::string level = "info";
    app.add_option("--config", file, "the directory's configuration (TOML)")->required();
    app.add_option("--log-level", level, "trace, debug, info, warn, error or off");
    try {
        app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    spdlog::set_default_logger(spdlog::stderr_logger_mt("directory"));
    spdlog::set_level(spdlog::level::from_str(level));
    auto settings = readDirectoryConfig(file);
    if (!settings) {
        for (const ConfigProblem& problem : settings.error()) std::fprintf(stderr, "%s\n", problem.toString().c_str());
        return 2;
    }
    return serve(std::move(*settings));
}

}  // namespace netpas::isp
