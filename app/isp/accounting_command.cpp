#include <sys/resource.h>

#include <spdlog/spdlog.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "app/isp/books_admin.h"
#include "app/isp/server_commands.h"
#include "app/isp/server_configs.h"
#include "app/isp/server_program.h"
#include "core/net/http_server.h"
#include "core/store/postgres/postgres.h"

namespace netpas::isp {

namespace {

using accounting::AccountingServer;
using accounting::Books;
using net::HttpResponse;

int fail(const std::string& text, int code) {
    std::fprintf(stderr, "netpas-isp accounting: %s\n", text.c_str());
    return code;
}

void toLog(accounting::LogLevel level, const std::string& text) {
    switch (level) {
    case accounting::LogLevel::Info: spdlog::info("{}", text); break;
    case accounting::LogLevel::Warning: spdlog::warn("{}", text); break;
    case accounting::LogLevel::Error: spdlog::error("{}", text); break;
    }
}

HttpResponse setBlacklist(AccountingServer& server, const std::string& body) {
    const auto json = nlohmann::json::parse(body, nullptr, false);
    std::vector<IspId> isps;
    const auto list = json.is_object() ? json.find("isps") : json.end();
    bool good = json.is_object() && list != json.end() && list->is_array() && list->size() <= accounting::maxBlacklist;
    for (size_t i = 0; good && i < list->size(); ++i) {
        const auto& entry = (*list)[i];
        good = entry.is_number_unsigned() && entry.get<uint64_t>() <= IspId::maxValue;
        if (good) isps.emplace_back(entry.get<uint16_t>());
    }
    if (!good)
        return HttpResponse::error(400, "INVALID_ARGUMENT", "the body is not a list of ISPs", "send {\"isps\": [66]}");
    server.setBlacklist(std::move(isps));
    return HttpResponse{204, "", "", {}};
}

// The admin socket belongs to whoever runs the server: its mode keeps everybody else out.
HttpResponse answer(AccountingServer& server, BooksAdmin& books, const net::HttpRequest& request) {
    if (!server.books().readable())
        return HttpResponse::error(503, "UNAVAILABLE", "the books cannot be read: " + server.books().failure(),
                                   "see to the database; the server tries again every second");
    if (auto answered = books.answer(request)) return std::move(*answered);
    constexpr std::string_view customers = "/v1/customers/";
    constexpr std::string_view forget = "/forget";
    HttpResponse response;
    if (request.method == "GET" && request.path == "/v1/books") {
        response.body = server.booksJson();
        return response;
    }
    if (request.method == "GET" && request.path == "/v1/invoices") {
        response.body = server.invoicesJson();
        return response;
    }
    if (request.method == "POST" && request.path == "/v1/blacklist") return setBlacklist(server, request.body);
    const std::string_view path = request.path;
    if (request.method == "POST" && path.size() > customers.size() + forget.size() && path.starts_with(customers) &&
        path.ends_with(forget)) {
        const std::string name(path.substr(customers.size(), path.size() - customers.size() - forget.size()));
        if (server.forgetCustomer(name)) return HttpResponse{204, "", "", {}};
        return HttpResponse::error(404, "NOT_FOUND", "no identity is enrolled for customer " + name,
                                   "netpas-isp books lists the customers");
    }
    return HttpResponse::error(
        404, "NOT_FOUND", "there is no such resource",
        "GET /v1/books, /v1/invoices, /v1/bills, /v1/blocks, POST /v1/blacklist, /v1/customers/NAME/forget, "
        "/v1/accounts/NAME/freeze, /v1/complaints, /v1/bills/compare, /v1/bills/settle, /v1/audit");
}

std::string problemWith(const std::string& where, store::StoreError error, const std::string& details) {
    const bool rival = error == store::StoreError::InUse;
    return where + ": " + (details.empty() ? std::string(store::describe(error)) : details) +
           (rival ? "; stop the other accounting server, or give this one its own 'database'" : "");
}

tl::expected<Books, std::string> openBooks(const AccountingSettings& settings) {
    Books::Options options;
    // Ids are remembered for longer than any ISP on the way would accept them.
    options.isp = settings.server.isp;
    options.billing = settings.billing;
    options.idMemory = settings.server.confirmationLifetime + std::chrono::minutes(1);
    const SystemTime now = systemClock().now();
    const auto key = store::loadOrCreateKey(settings.databaseKey);
    if (!key) return tl::unexpected(settings.databaseKey.string() + ": " + std::string(store::describe(key.error())));
    if (!settings.databaseServer.empty()) {
        // The connection string may have a password in it: it is not shown.
        auto database = store::openPostgres({settings.databaseServer});
        if (!database) return tl::unexpected(problemWith("PostgreSQL", database.error().error, database.error().text));
        options.seal = Seal(*key);
        auto books = Books::open(std::move(*database), options, now);
        if (!books && books.error() == store::StoreError::WrongKey)
            return tl::unexpected("PostgreSQL: session keys there are sealed with another key than that in " +
                                  settings.databaseKey.string() + "; bring back the file that this server had");
        if (!books) return tl::unexpected(problemWith("PostgreSQL", books.error(), ""));
        return std::move(*books);
    }
    options.path = settings.database;
    options.key = *key;
    auto books = Books::open(options, now);
    if (!books) return tl::unexpected(problemWith(settings.database.string(), books.error(), ""));
    return std::move(*books);
}

// A descriptor for each connection, and some for the books.
void makeRoomForConnections(size_t connections) {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    const rlim_t wanted = connections + 128;
    if (limit.rlim_cur >= wanted) return;
    limit.rlim_cur = std::min(wanted, limit.rlim_max);
    (void)::setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < wanted)
        spdlog::warn("{} connections need as many file descriptors, and there are {}: raise LimitNOFILE", connections,
                     limit.rlim_cur);
}

// A payee whose certificate is revoked is found out within seconds, although good ones are remembered for a day.
class RevocationWatch {
public:
    RevocationWatch(boost::asio::io_context& io, PayeeCertifier& certifier, AccountingServer& server)
        : m_timer(io), m_certifier(certifier), m_server(server) {
        // Lists may have changed while no server ran.
        m_server.forgetCertified();
        wait();
    }

private:
    void wait() {
        m_timer.expires_after(std::chrono::seconds(2));
        m_timer.async_wait([this](const boost::system::error_code& error) {
            if (error) return;
            if (m_certifier.listsChanged()) m_server.forgetCertified();
            wait();
        });
    }

    boost::asio::steady_timer m_timer;
    PayeeCertifier& m_certifier;
    AccountingServer& m_server;
};

int serve(const AccountingSettings& settings, const std::string&) {
    makeRoomForConnections(settings.server.maxConnections);
    if (!initCrypto()) return fail("libsodium does not start", 1);
    const auto identity = Identity::load(settings.identity);
    if (!identity) {
        return fail(settings.identity.string() + ": " + std::string(describe(identity.error())) +
                        "; make one with netpas-isp keygen " + settings.identity.string(),
                    1);
    }
    auto opened = openBooks(settings);
    if (!opened) return fail(opened.error(), 1);
    boost::asio::io_context io;
    auto config = settings.server;
    std::optional<PayeeCertifier> certifier;
    if (settings.payees) {
        certifier.emplace(io, *settings.payees, systemClock());
        config.certify = [&certifier](const NodeId& payee, IspId isp, accounting::PaymentDesk::Certified done) {
            certifier->certify(payee, isp, std::move(done));
        };
    }
    AccountingServer server(io, *identity, std::move(config), std::move(*opened), systemClock(), toLog);
    for (const Endpoint& endpoint : settings.listen) {
        if (!server.listen(endpoint))
            return fail(endpoint.toString() + ": the address is taken, or not this machine's", 1);
    }
    BooksAdmin books(server, *identity);
    net::HttpServer admin(io, [&server, &books](const net::HttpRequest& request, const net::HttpReply& reply) {
        reply(answer(server, books, request));
    });
    server.start();
    std::optional<RevocationWatch> revocations;
    if (certifier) revocations.emplace(io, *certifier, server);
    if (!admin.listenUnix(settings.adminSocket, 0600)) {
        return fail(
            settings.adminSocket.string() + ": cannot listen there; is a server running, does the folder exist?", 1);
    }
    boost::asio::signal_set signals(io, SIGINT, SIGTERM);
    signals.async_wait([&](const boost::system::error_code& error, int) {
        if (error) return;
        server.stop();
        admin.close();
        io.stop();
    });
    spdlog::info("accounting server of ISP {} ({}), key {}", settings.server.isp.value(), settings.server.name,
                 identity->publicKey().hex());
    io.run();
    return 0;
}

}  // namespace

int runAccounting(const std::vector<std::string>& arguments) {
    const ServerProgram program{
        "accounting", "An ISP's accounting server: session keys, counters, confirmations, books", "the server's"};
    return runServer(program, arguments, readAccountingConfig, serve);
}

}  // namespace netpas::isp
