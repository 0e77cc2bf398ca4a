#include "app/agent/daemon.h"

#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>

#include "app/agent/api.h"
#include "app/agent/data_plane.h"
#include "app/common/asio_timers.h"
#include "app/secretary/hard_limits.h"
#include "app/secretary/isp_link.h"
#include "app/secretary/purchase_service.h"
#include "app/secretary/routes.h"
#include "cartographer/cartographer.h"
#include "core/net/http_server.h"
#include "secretary/wallet.h"

namespace netpas::agent {

namespace {

namespace asio = boost::asio;
using app::AsioTimers;
using secretaryd::ApiFailure;
using secretaryd::Flows;
using secretaryd::HardLimitsAuthority;
using secretaryd::HomeIsp;
using secretaryd::IspDesk;
using secretaryd::IspFailure;
using secretaryd::IspLink;
using secretaryd::JoinedIsp;
using secretaryd::KeyMint;
using secretaryd::PurchaseService;
using secretaryd::PurchaseSettings;
using secretaryd::QuoteFailure;
using secretaryd::Quotes;

constexpr std::chrono::seconds refreshEvery{30};
constexpr std::chrono::milliseconds harvestEvery{50};

class CartographerQuotes final : public Quotes {
public:
    explicit CartographerQuotes(cartographer::Cartographer& cartographer) : m_cartographer(cartographer) {}
    void quote(const cartographer::QuoteRequest& request,
               std::function<void(tl::expected<cartographer::Quote, QuoteFailure>)> done) override {
        m_cartographer.quote(request, [done = std::move(done)](auto quote) {
            if (quote) return done(std::move(*quote));
            done(tl::unexpected(failureFrom(quote.error())));
        });
    }

private:
    static QuoteFailure failureFrom(const cartographer::Failure& failure) {
        using cartographer::CartographerError;
        switch (failure.error) {
        case CartographerError::NotJoined:
        case CartographerError::BadUrl:
            return {QuoteFailure::Kind::NotJoined, failure.detail, "netpas join https://ADDRESS:PORT/#KEY"};
        case CartographerError::NoSuchClass:
            return {QuoteFailure::Kind::NoSuchClass, failure.detail, "netpas services --to ADDRESS"};
        case CartographerError::NoPath:
        case CartographerError::UnknownIsp:
        case CartographerError::NoSuchPayee:
        case CartographerError::PriceTooHigh:
            return {QuoteFailure::Kind::NoPath, failure.detail, "netpas services --to ADDRESS"};
        case CartographerError::Untrusted:
        case CartographerError::CannotStore:
            return {QuoteFailure::Kind::Untrusted, failure.detail, "ask your ISP for its current join address"};
        case CartographerError::Unreachable:
            return {QuoteFailure::Kind::Unreachable, failure.detail, "check the connection, then try again"};
        }
        return {QuoteFailure::Kind::Unreachable, failure.detail, {}};
    }
    cartographer::Cartographer& m_cartographer;
};

// The data plane of the same process as the purchase service's port.
class LocalFlows final : public Flows {
public:
    LocalFlows(asio::io_context& io, DataPlane& plane) : m_io(io), m_plane(plane) {}
    void set(const std::vector<PaidFlow>& flows, std::function<void(tl::expected<void, FlowsFailure>)> done) override {
        asio::post(m_io, [result = m_plane.apply(flows), done = std::move(done)] { done(result); });
    }
    void drain(PurchaseId id, SessionKeyId key, std::function<void(std::optional<FlowCounters>)> done) override {
        m_plane.drain(id, key, std::move(done));
    }

private:
    asio::io_context& m_io;
    DataPlane& m_plane;
};

class WalletMint final : public KeyMint {
public:
    explicit WalletMint(const secretary::Wallet& wallet) : m_wallet(wallet) {}
    SessionKey mint(Money cap, Money capPerSecond, std::vector<IspId> allowed, SystemTime expires) override {
        return m_wallet.mint(cap, capPerSecond, std::move(allowed), expires);
    }

private:
    const secretary::Wallet& m_wallet;
};

// Tells the service manager that the API answers; without one, nothing.
void notifyReady() {
    const char* const path = std::getenv("NOTIFY_SOCKET");
    if (path == nullptr) return;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const size_t length = std::strlen(path);
    if (length == 0 || length >= sizeof address.sun_path) return;
    std::memcpy(address.sun_path, path, length);
    if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
    const int descriptor = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return;
    constexpr char message[] = "READY=1";
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
    (void)::sendto(descriptor, message, sizeof message - 1, MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address),
                   size);
    ::close(descriptor);
}

bool makePrivateFolder(const std::filesystem::path& folder) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    return !error && ::chmod(folder.c_str(), 0700) == 0;
}

class Daemon final : public IspDesk {
public:
    Daemon(const DaemonOptions& options, LogSink log) : m_options(options), m_log(std::move(log)) {}

    int run() {
        // The capture forks its guard before a secret is in memory; the books are locked before the network is touched.
        if (!openFolders() || !openLedger() || !openDataPlane() || !openWallet()) return EXIT_FAILURE;
        compose();
        if (!listen()) return EXIT_FAILURE;
        if (const auto done = m_plane->start(); !done) return fail(done.error(), "see the system's log");
        if (const auto done = m_purchases->recover(); !done) {
            const bool damaged = done.error() == ledger::LedgerError::Damaged;
            return fail(std::string(describe(done.error())),
                        damaged ? "restore " + m_options.stateFolder.string() + " from a backup"
                                : "free some disk space for " + m_options.stateFolder.string());
        }
        m_signals.async_wait([this](const boost::system::error_code& error, int) {
            if (!error) stop();
        });
        m_purchases->agentUp({});
        keepDescriptorFresh();
        keepCounting();
        m_log(LogLevel::Info, "ready on " + m_options.socket.string());
        notifyReady();
        m_io.run();
        return EXIT_SUCCESS;
    }

private:
    int fail(const std::string& what, const std::string& remedy) {
        m_log(LogLevel::Error, what + (remedy.empty() ? "" : " (" + remedy + ")"));
        return EXIT_FAILURE;
    }

    bool openFolders() {
        if (!initCrypto()) {
            fail("cryptography cannot start", {});
            return false;
        }
        if (!makePrivateFolder(m_options.stateFolder)) {
            fail("the state folder " + m_options.stateFolder.string() + " cannot be made private",
                 "run netpasd as its owner, or choose another --state-dir");
            return false;
        }
        std::error_code error;
        if (m_options.socket.has_parent_path())
            std::filesystem::create_directories(m_options.socket.parent_path(), error);
        return true;
    }

    bool openLedger() {
        const auto key = store::loadOrCreateKey(m_options.stateFolder / "ledger.key");
        if (!key) {
            fail(std::string(describe(key.error())), "chmod 600 " + (m_options.stateFolder / "ledger.key").string());
            return false;
        }
        auto ledger = ledger::Ledger::open(m_options.stateFolder / "ledger.db", *key);
        if (!ledger) {
            const bool inUse = ledger.error() == ledger::LedgerError::InUse;
            fail(std::string(describe(ledger.error())), inUse ? "stop the other netpasd, or choose another --state-dir"
                                                              : "see " + m_options.stateFolder.string());
            return false;
        }
        m_ledger = std::move(*ledger);
        return true;
    }

    bool openDataPlane() {
        auto plane = DataPlane::open(m_io, systemClock(), m_options.device, m_log);
        if (!plane) {
            fail(plane.error().what, plane.error().remedy);
            return false;
        }
        m_plane = std::move(*plane);
        return true;
    }

    bool openWallet() {
        auto wallet = secretary::Wallet::open(m_options.stateFolder / "identity.key");
        if (!wallet) {
            fail("the identity cannot be used: " + std::string(describe(wallet.error())),
                 "see " + (m_options.stateFolder / "identity.key").string());
            return false;
        }
        m_wallet = std::make_unique<secretary::Wallet>(std::move(*wallet));
        return true;
    }

    void compose() {
        const auto cache = m_options.stateFolder / "directory";
        std::error_code error;
        std::filesystem::create_directories(cache, error);
        m_cartographer = std::make_unique<cartographer::Cartographer>(m_fetcher, systemClock(), cache);
        m_isp = std::make_unique<IspLink>(m_io, m_wallet->identity(), m_log);
        m_quotes = std::make_unique<CartographerQuotes>(*m_cartographer);
        m_mint = std::make_unique<WalletMint>(*m_wallet);
        m_flows = std::make_unique<LocalFlows>(m_io, *m_plane);
        m_authority = std::make_unique<HardLimitsAuthority>(*m_ledger, systemClock(), m_state.limits);
        m_purchases =
            std::make_unique<PurchaseService>(PurchaseService::Ports{*m_ledger, *m_quotes, *m_mint, *m_isp, *m_flows,
                                                                     *m_authority, m_timers, systemClock(), m_log},
                                              PurchaseSettings{});
        m_purchases->onSettled([this](PurchaseId) {
            // Not from here: this is the inside of a call of the ISP link's.
            if (m_stopping && m_purchases->idle()) asio::post(m_io, [this] { finish(); });
        });
        useHome();

        m_state.ledger = m_ledger.get();
        m_state.purchases = m_purchases.get();
        m_state.isp = this;
        secretaryd::addRoutes(m_router, m_state);
        ApiContext context{*m_cartographer, systemClock(), {}, {}};
        context.state = [this] {
            const DataPlane::State plane = m_plane->state();
            return AgentState{plane.up, plane.trouble, plane.unreachableEdges, plane.unownedPackets};
        };
        context.forward = [this](const net::HttpRequest& request, Reply reply) {
            secretaryd::Caller caller;
            caller.uid = request.peer->uid;
            caller.pid = request.peer->pid;
            caller.door = secretaryd::Door::Secretary;
            caller.may = secretaryd::capabilitiesOf(caller.door, caller.uid, ::geteuid());
            m_router.handle(request, std::move(caller), std::move(reply));
        };
        m_api = std::make_unique<Api>(std::move(context));
    }

    [[nodiscard]] std::optional<HomeIsp> home() const override {
        const auto& home = m_cartographer->home();
        if (!home) return std::nullopt;
        return HomeIsp{home->descriptor.validity.isp, home->descriptor.name, home->url.directory, m_isp->isUp()};
    }

    void join(const std::string& url, std::function<void(tl::expected<JoinedIsp, ApiFailure>)> done) override {
        const auto parsed = directory::parseJoinUrl(url);
        const auto& home = m_cartographer->home();
        // What is open can only be settled with the ISP that it was bought from.
        if (home && parsed && parsed->key != home->url.key && !m_purchases->idle()) {
            return done(tl::unexpected(ApiFailure{409, "CONFLICT", "purchases with the present ISP are not settled yet",
                                                  "netpas stop --all"}));
        }
        m_cartographer->join(url, [this, done = std::move(done)](auto joined) {
            if (!joined) return done(tl::unexpected(failureFor(joined.error())));
            useHome();
            m_isp->enrol([done, joined](const auto& customer) {
                if (!customer) {
                    const bool refused = customer.error().kind == IspFailure::Kind::Refused;
                    return done(tl::unexpected(ApiFailure{
                        refused ? 403U : 503U, refused ? "ISP_REFUSED" : "ISP_UNREACHABLE", customer.error().what,
                        refused ? "ask your ISP whether this line is its customer's" : "netpas join again later"}));
                }
                done(JoinedIsp{joined->descriptor.validity.isp, joined->descriptor.name, *customer});
            });
        });
    }

    void useHome() {
        const auto& home = m_cartographer->home();
        if (!home) return;
        std::vector<Endpoint> edges;
        for (const IpAddress& address : home->descriptor.edges) edges.push_back({address, home->descriptor.edgePort});
        m_plane->setEdges(std::move(edges));
        m_plane->setControl({home->descriptor.accounting, home->url.directory});
        m_isp->connect(home->descriptor);
    }

    bool listen() {
        net::HttpHandler handler = [this](const net::HttpRequest& request, net::HttpReply reply) {
            m_api->handle(request, std::move(reply));
        };
        m_server = std::make_unique<net::HttpServer>(m_io, std::move(handler));
        std::string group = m_options.group;
        if (!group.empty() && ::getgrnam(group.c_str()) == nullptr) {
            m_log(LogLevel::Warning, "there is no group \"" + group +
                                         "\": only root may use the socket (addgroup --system " + group + ")");
            group.clear();
        }
        const auto listening = m_server->listenUnix(m_options.socket, 0660, group);
        if (!listening) {
            fail("cannot listen on " + m_options.socket.string() + ": " + std::string(describe(listening.error())),
                 "stop the other netpasd, or choose another --socket");
        }
        return listening.has_value();
    }

    void keepDescriptorFresh() {
        m_timers.after(std::chrono::duration_cast<std::chrono::milliseconds>(refreshEvery), [this] {
            m_cartographer->refresh([this](const auto& home) {
                if (home) useHome();
            });
            keepDescriptorFresh();
        });
    }

    void keepCounting() {
        m_timers.after(harvestEvery, [this] {
            if (const auto counters = m_plane->harvest(); !counters.empty()) m_purchases->countersCame(counters);
            keepCounting();
        });
    }

    void stop() {
        m_log(LogLevel::Info, "stopping; purchases are being settled");
        m_stopping = true;
        m_server->close();
        m_timers.after(m_options.stopWithin, [this] {
            m_log(LogLevel::Warning, "some purchases are not settled yet: the next start does it");
            finish();
        });
        m_purchases->stopAll(ledger::EndReason::AgentStopped);
        if (m_purchases->idle()) finish();
    }

    void finish() {
        m_plane->stop();
        m_isp->disconnect();
        m_io.stop();
    }

    DaemonOptions m_options;
    LogSink m_log;
    secretaryd::SecretaryState m_state{
        systemClock(), m_options.version, {m_options.maxPerPurchase, m_options.maxPerDay}};
    secretaryd::Router m_router;
    asio::io_context m_io{1};
    asio::signal_set m_signals{m_io, SIGTERM, SIGINT};
    AsioTimers m_timers{m_io};
    cartographer::HttpsFetcher m_fetcher{m_io};
    std::unique_ptr<ledger::Ledger> m_ledger;
    std::unique_ptr<DataPlane> m_plane;
    std::unique_ptr<secretary::Wallet> m_wallet;
    std::unique_ptr<cartographer::Cartographer> m_cartographer;
    std::unique_ptr<IspLink> m_isp;
    std::unique_ptr<CartographerQuotes> m_quotes;
    std::unique_ptr<WalletMint> m_mint;
    std::unique_ptr<LocalFlows> m_flows;
    std::unique_ptr<HardLimitsAuthority> m_authority;
    std::unique_ptr<PurchaseService> m_purchases;
    std::unique_ptr<Api> m_api;
    std::unique_ptr<net::HttpServer> m_server;
    bool m_stopping = false;
};

}  // namespace

int runDaemon(const DaemonOptions& options, const LogSink& log) { return Daemon(options, log).run(); }

}  // namespace netpas::agent
