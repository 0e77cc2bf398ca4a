#include "app/secretary/secretary_process.h"

#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "app/common/asio_timers.h"
#include "app/common/listening_socket.h"
#include "app/secretary/asio_worker.h"
#include "app/secretary/books.h"
#include "app/secretary/device_desk.h"
#include "app/secretary/fair_share.h"
#include "app/secretary/remote_agent.h"
#include "app/secretary/routes.h"
#include "app/secretary/sandbox.h"
#include "app/secretary/vault_service.h"
#include "app/secretary/watch_hub.h"
#include "core/channel/line.h"
#include "core/net/http_server.h"
#include "secretary/budgets/budget.h"
#include "secretary/vault/vault.h"

namespace netpas::secretaryd {

namespace {

namespace asio = boost::asio;

constexpr size_t largestBody = size_t{4} << 20;  // imports of rules and contacts; what a route takes, it says itself
constexpr std::chrono::milliseconds hangUpPatience{500};
constexpr uint32_t requestsPerSecond = 500;  // of one user; what comes faster waits
constexpr size_t mostConnections = 512;      // eight users at their limits

// A line that there is no other of: its end is told.
class LastLine final : public channel::LineSource {
public:
    LastLine(std::unique_ptr<channel::LineSource> source, std::function<void()> gone)
        : m_source(std::move(source)), m_gone(std::move(gone)) {}
    void start(std::function<void(std::shared_ptr<channel::Line>)> onLine,
               std::function<void(const std::string&)> onTrouble) override {
        m_source->start(std::move(onLine), std::move(onTrouble));
    }
    void again() override { m_gone(); }
    void stop() override { m_source->stop(); }

private:
    std::unique_ptr<channel::LineSource> m_source;
    std::function<void()> m_gone;
};

class SecretaryProcess {
public:
    SecretaryProcess(const SecretaryOptions& options, app::LogSink log)
        : m_options(options), m_log(std::move(log)), m_folder{options.stateDir / "secretary"} {
        m_state.limits = options.limits;
        m_state.version = options.version;
    }

    int run() {
        if (!initCrypto()) return fail({"cryptography cannot start", {}});
        (void)secretary::budgets::localCalendar();  // reads the time zone, which is out of reach later
        if (const auto done = secretary::adoptFirstRelease(m_options.stateDir, m_folder); !done) {
            return fail({"the books of the first release cannot be taken over: " + std::string(describe(done.error())),
                         "see " + m_options.stateDir.string()});
        }
        compose();
        if (!listen() || !giveUpEverythingElse()) return EXIT_FAILURE;
        // After the sandbox: its thread has no more rights than this one.
        if (!m_agent->start()) return fail({"the system refuses a thread", "raise the limit of tasks (TasksMax)"});
        openVault();
        m_signals.async_wait([this](const boost::system::error_code& error, int) {
            if (!error) stop();
        });
        m_log(LogLevel::Info, "the secretary is ready");
        m_io.run();
        return m_hungUp ? EXIT_FAILURE : EXIT_SUCCESS;
    }

private:
    int fail(const app::PrivilegeFailure& failure) {
        m_log(LogLevel::Error, failure.what + (failure.remedy.empty() ? "" : " (" + failure.remedy + ")"));
        return EXIT_FAILURE;
    }

    void compose() {
        addRoutes(m_router, m_state);
        m_router.setGate([this]() -> std::optional<net::HttpResponse> {
            if (m_service) return m_service->refusalNow();
            if (const auto& why = m_state.noVault) return refusal(why->status, why->code, why->message, why->hint);
            return std::nullopt;
        });
        channel::ThreadedChannel::MakeSource line = m_options.line;
        if (m_options.launched) {
            // Told on the channel's thread.
            line = [this, make = m_options.line](asio::io_context& io) -> std::unique_ptr<channel::LineSource> {
                return std::make_unique<LastLine>(make(io), [this] { asio::post(m_io, [this] { hungUp(); }); });
            };
        }
        m_agent = std::make_unique<RemoteAgent>(
            m_io, line, m_timers,
            [this](const net::HttpRequest& request, Caller caller, Reply reply) {
                // While it is locked the gate refuses whatever a device could want.
                if (!caller.node.empty() && m_state.devices != nullptr) {
                    if (auto stranger = m_state.devices->admit(caller)) return reply(std::move(*stranger));
                }
                m_share.handle(request, caller, reply,
                               [&](const Reply& charged) { m_router.handle(request, caller, charged); });
            },
            m_log);
        m_books =
            std::make_unique<Books>(Books::Parts{m_io, m_timers, *m_agent, m_state, m_folder, m_options.owner, m_log});
        m_state.agent = [this] { return m_agent->report(); };
    }

    // Its own door: the kernel says who asks.
    bool listen() {
        net::HttpLimits limits;
        limits.maxBody = largestBody;
        limits.perSecond = requestsPerSecond;
        limits.maxConnections = mostConnections;
        m_server = std::make_unique<net::HttpServer>(
            m_io,
            [this](const net::HttpRequest& request, net::HttpReply reply) {
                if (!request.peer)
                    return reply(
                        refusal(403, "UNAUTHORIZED", "the caller is not known", "ask through the Unix socket"));
                if (request.path != watchPath) return atDoor(request, std::move(reply));
                if (auto refused = refuseBrowser(request)) return reply(std::move(*refused));
                if (request.method != "GET") return reply(wrongMethod({"GET"}));
                m_watches->watch(request, reply);
            },
            limits);
        m_watches = std::make_unique<WatchHub>(
            m_timers, [this](const net::HttpRequest& request, Reply reply) { atDoor(request, std::move(reply)); });
        int descriptor = m_options.listening;
        if (descriptor < 0) {
            const auto bound = app::listenOnUnix(m_options.socket, 0660, m_options.group);
            if (!bound) return fail(bound.error()) == EXIT_SUCCESS;
            descriptor = *bound;
        }
        if (m_server->listenInherited(descriptor)) return true;
        return fail({"the socket that was handed over is none", {}}) == EXIT_SUCCESS;
    }

    void atDoor(const net::HttpRequest& request, Reply reply) {
        Caller caller;
        caller.door = Door::Secretary;
        caller.uid = request.peer->uid;
        caller.pid = request.peer->pid;
        caller.may = capabilitiesOf(Door::Secretary, caller.uid, m_options.owner);
        m_share.handle(request, caller, reply,
                       [&](const Reply& charged) { m_router.handle(request, caller, charged); });
    }

    bool giveUpEverythingElse() {
        secretary::SandboxOptions sandbox;
        sandbox.user = m_options.user;
        sandbox.stateFolder = m_folder.root;
        sandbox.alsoReadWrite = m_options.alsoReadWrite;
        sandbox.groups = m_options.groups;
        sandbox.endsWithParent = m_options.launched;
        sandbox.ownNetwork = m_options.ownNetwork;
        const auto report = secretary::enterSandbox(sandbox);
        if (!report) return fail(report.error()) == EXIT_SUCCESS;
        for (const std::string& note : report->notes) m_log(LogLevel::Info, note);
        for (const std::string& warning : report->warnings) m_log(LogLevel::Warning, warning);
        return true;
    }

    // Whatever is wrong, it stays up, so that whoever asks is told.
    void openVault() {
        if (const auto done = secretary::tidy(m_folder); !done) return withoutVault(done.error());
        auto vault = secretary::Vault::open(m_folder.vault(), systemClock());
        if (!vault) return withoutVault(vault.error());
        m_vault = std::make_unique<secretary::Vault>(std::move(*vault));
        m_service = std::make_unique<VaultService>(
            VaultService::Ports{m_folder, *m_vault, *m_books, m_worker, m_timers, systemClock()});
        m_state.vault = m_service.get();
        m_service->start();
        if (const auto& why = m_service->trouble()) {
            m_log(LogLevel::Error, why->message + (why->hint.empty() ? "" : " (" + why->hint + ")"));
        } else if (m_service->condition() == Condition::Locked) {
            m_log(LogLevel::Warning, "locked: nothing is bought until netpas unlock");
        }
    }

    void withoutVault(secretary::VaultError error) {
        const secretary::VaultFiles files = m_folder.vault();
        const bool protectedOne = ::access(files.vault.c_str(), F_OK) == 0;
        const std::string key = (protectedOne ? files.vault : files.keyFile).string();
        std::string hint = "see " + m_folder.root.string() + ", then restart netpasd";
        if (error == secretary::VaultError::Malformed || error == secretary::VaultError::NoKey) {
            hint = "bring back " + key + " from a copy and restart netpasd; or move it and " +
                   m_folder.database().string() + " away, restart netpasd, then netpas restore FILE --force";
        }
        m_state.noVault = ApiFailure{503, "DAMAGED", std::string(describe(error)) + "; nothing is spent", hint};
        m_log(LogLevel::Error, m_state.noVault->message + " (" + hint + ")");
    }

    // The agent ends, which the starter tells in a moment; or the channel was broken under both, and a secretary that is
    // started again gets another.
    void hungUp() {
        m_timers.after(hangUpPatience, [this] {
            if (m_stopping) return;
            m_log(LogLevel::Error, "the channel to the agent is broken: the secretary starts anew");
            m_hungUp = true;
            m_server->close();
            m_io.stop();
        });
    }

    void stop() {
        m_stopping = true;
        m_log(LogLevel::Info, "stopping; purchases are being settled");
        m_server->close();
        m_books->windUp(ledger::EndReason::AgentStopped, [this] {
            m_agent->stop();
            // What is being said still leaves.
            m_timers.after(std::chrono::milliseconds(50), [this] { m_io.stop(); });
        });
    }

    SecretaryOptions m_options;
    app::LogSink m_log;
    secretary::StateFolder m_folder;
    asio::io_context m_io{1};
    asio::signal_set m_signals{m_io, SIGTERM, SIGINT};
    app::AsioTimers m_timers{m_io};
    SecretaryState m_state{systemClock(), {}, {}};
    Router m_router;
    FairShare m_share{systemClock()};
    std::unique_ptr<secretary::Vault> m_vault;
    std::unique_ptr<RemoteAgent> m_agent;
    std::unique_ptr<Books> m_books;
    std::unique_ptr<VaultService> m_service;
    std::unique_ptr<net::HttpServer> m_server;
    std::unique_ptr<WatchHub> m_watches;
    bool m_stopping = false;
    bool m_hungUp = false;
    AsioWorker m_worker{m_io};  // the first to end
};

}  // namespace

int runSecretary(const SecretaryOptions& options, const app::LogSink& log) {
    return SecretaryProcess(options, log).run();
}

}  // namespace netpas::secretaryd
