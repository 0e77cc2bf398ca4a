#include <spdlog/spdlog.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <cstdio>
#include <functional>
#include <memory>

#include "app/isp/server_commands.h"
#include "app/isp/server_configs.h"
#include "app/isp/server_program.h"
#include "core/net/http_server.h"

namespace netpas::isp {

namespace {

int fail(const std::string& text, int code) {
    std::fprintf(stderr, "netpas-isp directory: %s\n", text.c_str());
    return code;
}

// The router's routes, as its newest dump has them. A full table takes seconds to read: that is another thread's work.
class RouterRoutes {
public:
    RouterRoutes(boost::asio::io_context& io, BgpSettings settings)
        : m_io(io), m_timer(io), m_settings(std::move(settings)), m_watch(m_settings) {}
    ~RouterRoutes() { m_reader.join(); }
    RouterRoutes(const RouterRoutes&) = delete;
    RouterRoutes& operator=(const RouterRoutes&) = delete;

    static constexpr std::chrono::seconds freshness{1};

    void start() { look(); }
    [[nodiscard]] std::optional<directory::Route> find(const IpAddress& to) const {
        return m_table ? soldRoute(*m_table, m_settings, to) : std::nullopt;
    }

private:
    void look() {
        constexpr std::chrono::milliseconds every{200};
        if (!m_reading) {
            if (const auto dumps = m_watch.poll()) read(*dumps);
        }
        m_timer.expires_after(every);
        m_timer.async_wait([this](const boost::system::error_code& error) {
            if (!error) look();
        });
    }

    void read(const std::vector<std::filesystem::path>& dumps) {
        m_reading = true;
        boost::asio::post(m_reader, [this, dumps] {
            auto read = std::make_shared<BgpTable>(readBgpTable(dumps));
            boost::asio::post(m_io, [this, read] { take(*read); });
        });
    }

    // A dump that ends in the middle would make routes vanish that still hold.
    void take(BgpTable& read) {
        m_reading = false;
        if (!read.problem.empty()) spdlog::warn("{}", read.problem);
        if (!read.complete) return spdlog::warn("the routes from before stay in force: a dump is not whole");
        const bool news = !m_table || m_table->size() != read.table.size() || m_table->routes() != read.table.routes();
        m_table = std::make_unique<routes::RouteTable>(std::move(read.table));
        if (news) spdlog::info("{} prefixes with {} routes from BGP", m_table->size(), m_table->routes());
    }

    boost::asio::io_context& m_io;
    boost::asio::steady_timer m_timer;
    const BgpSettings m_settings;
    DumpWatch m_watch;
    std::unique_ptr<routes::RouteTable> m_table;
    bool m_reading = false;
    boost::asio::thread_pool m_reader{1};
};

// SIGHUP: what is published is read again. A file that is no good changes nothing.
void readAgain(const std::string& file, const Identity& identity, directory::Publisher& publisher) {
    auto settings = readDirectoryConfig(file);
    if (!settings) {
        for (const ConfigProblem& problem : settings.error()) spdlog::error("{}", problem.toString());
        return spdlog::error("what was published before stays");
    }
    settings->content.keys.directoryKey = identity.publicKey();
    publisher.replace(std::move(settings->content));
    spdlog::info("{} was read again; addresses, identity and [bgp] change with a restart only", file);
}

int serve(DirectorySettings settings, const std::string& file) {
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
    std::unique_ptr<RouterRoutes> routes;
    if (settings.bgp) {
        routes = std::make_unique<RouterRoutes>(io, std::move(*settings.bgp));
        publisher.followRoutes([&routes](const IpAddress& to) { return routes->find(to); }, RouterRoutes::freshness);
        routes->start();
    }
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
    boost::asio::signal_set hangups(io, SIGHUP);
    std::function<void()> awaitHangup = [&] {
        hangups.async_wait([&](const boost::system::error_code& error, int) {
            if (error) return;
            readAgain(file, *identity, publisher);
            awaitHangup();
        });
    };
    awaitHangup();
    boost::asio::signal_set signals(io, SIGINT, SIGTERM);
    signals.async_wait([&](const boost::system::error_code& error, int) {
        if (!error) io.stop();
    });
    io.run();
    return 0;
}

}  // namespace

int runDirectory(const std::vector<std::string>& arguments) {
    const ServerProgram program{"directory", "An ISP's directory: descriptor, menu, keys and paths over HTTPS",
                                "the directory's"};
    return runServer(program, arguments, readDirectoryConfig, serve);
}

}  // namespace netpas::isp
