// netpas-payee: takes micropayments for a web server that answers 402, or is that server.
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>

#include "app/common/privileges.h"
#include "app/payee/facilitator.h"
#include "app/payee/payee_config.h"
#include "app/payee/site.h"
#include "app/secretary/sandbox.h"
#include "core/certificates/payee_certificate.h"
#include "core/store/database.h"
#include "core/x402/site.h"

namespace {

using namespace netpas;
using namespace netpas::payee;

int fail(const std::string& text, int code = 1) {
    std::fprintf(stderr, "netpas-payee: %s\n", text.c_str());
    return code;
}

// The last line feed is not part of it.
std::optional<std::string> readText(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    if (!in) return std::nullopt;
    while (text.ends_with('\n')) text.pop_back();
    return text;
}

// A certificate that buyers would refuse is worth a word before the first of them comes.
tl::expected<std::string, std::string> readCertificate(const PayeeSettings& settings, const Identity& identity) {
    if (settings.certificate.empty()) return std::string();
    const auto pem = readText(settings.certificate);
    if (!pem) return tl::unexpected(settings.certificate.string() + " cannot be read");
    const auto chain = certificates::chainFromPem(*pem);
    const auto statement = chain ? certificates::inspect(*chain) : tl::unexpected(chain.error());
    if (!statement) return tl::unexpected(settings.certificate.string() + ": " + statement.error().message);
    if (statement->key != identity.publicKey()) {
        return tl::unexpected(settings.certificate.string() +
                              " is another payee's; have the key of `netpas-payee --identity` certified");
    }
    if (statement->notAfter <= systemClock().now())
        return tl::unexpected(settings.certificate.string() + " has expired");
    const auto site = settings.site ? x402::siteOf(settings.site->url) : std::nullopt;
    const std::string domain = site ? site->domain() : std::string();
    const auto& domains = statement->domains;
    if (!domain.empty() && std::find(domains.begin(), domains.end(), domain) == domains.end()) {
        spdlog::warn("the certificate does not name {}: who does not know the payee will not pay there", domain);
    }
    return *pem + "\n";
}

// Whatever is listened on, before root is given up.
class Doors {
public:
    Doors(boost::asio::io_context& io, Cashier& cashier, const PayeeSettings& settings, const std::string& token,
          const std::string& certificate) {
        net::HttpLimits limits;
        limits.maxBody = x402::maxBody;
        limits.maxHeader = 2 * x402::maxHeader;
        const std::string url =
            certificate.empty() || !settings.site ? std::string() : settings.site->url + std::string(certificatePath);
        m_facilitator = std::make_unique<Facilitator>(cashier, token, url);
        m_facilitatorServer = std::make_unique<net::HttpServer>(
            io,
            [this](const net::HttpRequest& request, const net::HttpReply& reply) {
                m_facilitator->handle(request, reply);
            },
            limits);
        if (!settings.site) return;
        limits.maxBody = 1024;  // nothing is sent to it
        m_site = std::make_unique<Site>(io, cashier, *settings.site, certificate);
        m_siteServer = std::make_unique<net::HttpServer>(
            io,
            [this](const net::HttpRequest& request, const net::HttpReply& reply) { m_site->handle(request, reply); },
            limits);
    }

    // What could not be listened on; empty: nothing.
    [[nodiscard]] std::string open(const PayeeSettings& settings) {
        if (settings.facilitator) {
            const FacilitatorSettings& facilitator = *settings.facilitator;
            constexpr unsigned ownerAndGroup = 0660;
            if (!facilitator.socket.empty() &&
                !m_facilitatorServer->listenUnix(facilitator.socket, ownerAndGroup, facilitator.group)) {
                return facilitator.socket.string();
            }
            if (facilitator.listen && !m_facilitatorServer->listenPlain(*facilitator.listen)) {
                return facilitator.listen->toString();
            }
        }
        if (!settings.site) return {};
        for (const Endpoint& endpoint : settings.site->listen) {
            if (!m_siteServer->listenPlain(endpoint)) return endpoint.toString();
        }
        return {};
    }

private:
    std::unique_ptr<Facilitator> m_facilitator;
    std::unique_ptr<Site> m_site;
    std::unique_ptr<net::HttpServer> m_facilitatorServer;
    std::unique_ptr<net::HttpServer> m_siteServer;
};

tl::expected<void, std::string> giveUpRights(const PayeeSettings& settings) {
    const bool root = ::geteuid() == 0;
    const auto user = root ? app::findUser(settings.user) : std::nullopt;
    if (root && !user) {
        spdlog::warn("there is no user {}: it keeps root's files (useradd --system --no-create-home {})", settings.user,
                     settings.user);
    }
    const auto prepared = app::preparePrivateFolder(settings.stateFolder, user);
    const auto dropped = prepared ? app::dropPrivileges(user, {}) : tl::unexpected(prepared.error());
    if (!dropped) return tl::unexpected(dropped.error().what + "; " + dropped.error().remedy);
    std::vector<std::filesystem::path> readable;
    if (settings.site && !settings.site->root.empty()) readable.push_back(settings.site->root);
    if (!secretary::restrictFiles({settings.stateFolder}, readable, secretary::Network::Kept)) {
        spdlog::warn("this kernel has no Landlock: other files are kept from it by their modes only");
    }
    return {};
}

int serve(const PayeeSettings& settings, Identity identity, const std::string& certificate, const std::string& token) {
    auto key = store::loadOrCreateKey(settings.stateFolder / "payee.key");
    if (!key) return fail("the key of the books: " + std::string(describe(key.error())));
    auto ledger = ledger::Ledger::open(settings.stateFolder / "payee.db", *key);
    store::wipeKey(*key);
    if (!ledger) return fail("the books: " + std::string(describe(ledger.error())));
    boost::asio::io_context io;
    const auto log = [](app::LogLevel level, const std::string& text) {
        spdlog::log(level == app::LogLevel::Error     ? spdlog::level::err
                    : level == app::LogLevel::Warning ? spdlog::level::warn
                                                      : spdlog::level::info,
                    "{}", text);
    };
    auto cashier = Cashier::open(io, {settings.isp, settings.rules}, std::move(identity), **ledger, systemClock(), log);
    if (!cashier) return fail(cashier.error());
    Doors doors(io, **cashier, settings, token, certificate);
    if (const std::string taken = doors.open(settings); !taken.empty()) {
        return fail(taken + ": the address is taken, or not this machine's");
    }
    (*cashier)->start();
    spdlog::info("payee {}", (*cashier)->state().payee.hex());
    boost::asio::signal_set signals(io, SIGINT, SIGTERM);
    signals.async_wait([&](const boost::system::error_code& error, int) {
        if (!error) io.stop();
    });
    io.run();
    return 0;
}

int run(const PayeeSettings& settings, bool identityOnly) {
    if (!initCrypto()) return fail("libsodium does not start");
    // Files of others are read with the rights that this was started with, its own made with those that it keeps.
    std::string token;
    if (settings.facilitator && !settings.facilitator->tokenFile.empty()) {
        const auto read = readText(settings.facilitator->tokenFile);
        if (!read || read->size() < 16) {
            return fail(settings.facilitator->tokenFile.string() +
                        ": no token of at least 16 characters; openssl rand -hex 32");
        }
        token = *read;
    }
    const auto pem = settings.certificate;
    const auto prepared =
        app::preparePrivateFolder(settings.stateFolder, ::geteuid() == 0 ? app::findUser(settings.user) : std::nullopt);
    if (!prepared) return fail(prepared.error().what + "; " + prepared.error().remedy);
    auto identity = Identity::loadOrCreate(settings.stateFolder / "identity.key");
    if (!identity)
        return fail((settings.stateFolder / "identity.key").string() + ": " + std::string(describe(identity.error())));
    if (identityOnly) {
        std::printf("key %s\npayee %s\n", identity->publicKey().hex().c_str(), identity->nodeId().hex().c_str());
        return 0;
    }
    const auto certificate = readCertificate(settings, *identity);
    if (!certificate) return fail(certificate.error());
    if (const auto given = giveUpRights(settings); !given) return fail(given.error());
    return serve(settings, std::move(*identity), *certificate, token);
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app("Takes micropayments for a web server that answers 402, or is that server. See netpas-payee(8).",
                 "netpas-payee");
    std::string file, level = "info";
    bool check = false, identity = false;
    app.add_option("--config", file, "its configuration (TOML)")->required();
    app.add_flag("--check", check, "only say whether the configuration is good");
    app.add_flag("--identity", identity, "only print key and identifier of the payee, made at the first time");
    app.add_option("--log-level", level, "trace, debug, info, warn, error or off")->capture_default_str();
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    spdlog::set_default_logger(spdlog::stderr_logger_mt("payee"));
    spdlog::set_level(spdlog::level::from_str(level));
    const auto settings = readPayeeConfig(file);
    if (!settings) {
        for (const auto& problem : settings.error()) std::fprintf(stderr, "%s\n", problem.toString().c_str());
        return 2;
    }
    if (check) return std::printf("%s is good\n", file.c_str()) > 0 ? 0 : 1;
    return run(*settings, identity);
}
