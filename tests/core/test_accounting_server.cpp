// Customers, session keys and edge routers at one accounting server.
#include <sys/resource.h>

#include <csignal>

#include <QtTest>
#include <nlohmann/json.hpp>

#include "tests/core/accounting_fixture.h"
#include "tests/core/books_backend.h"

using namespace netpas;
using namespace netpas::accounting;
using namespace netpas::accounting::test;

namespace {

template <typename T>
using Result = std::optional<tl::expected<T, ClientFailure>>;

struct Customer {
    Customer(boost::asio::io_context& io, const Isp& isp) : client(io, identity, isp.address()) { client.start(); }

    Identity identity = Identity::generate();
    AccountingClient client;
};

SessionKey keyOf(uint32_t id, const char* cap = "0.05") {
    SessionKey key;
    key.id = SessionKeyId(id);
    key.secret.fill(7);
    key.cap = dollars(cap);
    key.capPerSecond = dollars("0.01");
    key.allowed = {IspId(26), IspId(25)};
    key.expires = systemClock().now() + 1h;
    return key;
}

struct Fixture {
    Fixture() : isp(io, 26) {
        isp.addCustomer("B", "127.0.0.0/8");
        opened = isp.open();
        isp.start({});
        isp.startEdge();
    }
    bool run(const std::function<bool()>& condition) { return runUntil(io, condition); }

    template <typename T, typename Ask>
    Result<T> ask(Ask call) {
        Result<T> result;
        call([&](tl::expected<T, ClientFailure> r) { result = std::move(r); });
        run([&] { return result.has_value(); });
        return result;
    }
    Result<Joined> join(Customer& c) {
        return ask<Joined>([&](auto done) { c.client.join(done); });
    }
    Result<KeyReady> registerKey(Customer& c, const SessionKey& key) {
        return ask<KeyReady>([&](auto done) { c.client.registerKey(key, done); });
    }
    Result<UsageStatement> revoke(Customer& c, uint32_t id) {
        return ask<UsageStatement>([&](auto done) { c.client.revokeKey(SessionKeyId(id), done); });
    }
    Result<UsageStatement> usage(Customer& c, uint32_t id) {
        return ask<UsageStatement>([&](auto done) { c.client.queryUsage(SessionKeyId(id), done); });
    }
    Result<Invoice> invoice(Customer& c) {
        return ask<Invoice>([&](auto done) { c.client.queryInvoice(done); });
    }
    // The server dies without a last commit and comes back on the same port.
    bool crash() {
        isp.server.reset();
        const bool back = isp.open();
        if (back) isp.start({});
        return back;
    }

    boost::asio::io_context io;
    Isp isp;
    bool opened = false;
};

bool good(const auto& result) { return result && *result; }

bool refusedWith(const auto& result, Refusal reason) {
    return result && !*result && result->error().error == ClientError::Refused && result->error().refusal == reason &&
           !result->error().remedy.empty();
}

KeyCounters counted(uint32_t id, uint64_t packets, const char* amount) {
    return {SessionKeyId(id), packets, packets * 100, dollars(amount), packets};
}

}  // namespace

class TestAccountingServer : public QObject {
    Q_OBJECT

private slots:
    void initTestCase() { NETPAS_NEED_DATABASE(); }

    void keyLivesFromJoinToFinalStatement() {
        Fixture f;
        QVERIFY(f.opened);
        Customer b(f.io, f.isp);
        const auto joined = f.join(b);
        QVERIFY(joined && *joined);
        QCOMPARE((*joined)->isp, IspId(26));
        QCOMPARE((*joined)->customerName, std::string("B"));
        const auto ready = f.registerKey(b, keyOf(1));
        QVERIFY(ready && *ready);
        // Ready means that the edge has it.
        QVERIFY(f.isp.edge->installed.contains(SessionKeyId(1)));
        QCOMPARE(f.isp.edge->installed.at(SessionKeyId(1)).key.cap, dollars("0.05"));
        QCOMPARE(f.isp.edge->installed.at(SessionKeyId(1)).customer, std::string("B"));

        EdgeReport report;
        report.keys = {counted(1, 10, "0.00000015")};
        const uint32_t number = f.isp.edge->client.report(report);
        QVERIFY(number != 0);
        QVERIFY(f.run([&] { return f.isp.edge->stored == number; }));
        const auto usage = f.usage(b, 1);
        QVERIFY(usage && *usage);
        QCOMPARE((*usage)->amount, dollars("0.00000015"));
        QVERIFY(!(*usage)->final);

        f.isp.edge->keys[SessionKeyId(1)] = counted(1, 12, "0.00000018");
        const auto final = f.revoke(b, 1);
        QVERIFY(final && *final);
        QVERIFY((*final)->final);
        QCOMPARE((*final)->packets, uint64_t{12});
        QCOMPARE((*final)->amount, dollars("0.00000018"));
        const auto invoice = f.invoice(b);
        QVERIFY(invoice && *invoice);
        QCOMPARE((*invoice)->total, dollars("0.00000018"));
        QCOMPARE((*invoice)->lines.size(), size_t{1});
    }

    void repeatedRequestsGetTheSameAnswerAlsoAfterACrash() {
        Fixture f;
        Customer b(f.io, f.isp);
        QVERIFY(good(f.join(b)));
        QVERIFY(good(f.join(b)));
        QVERIFY(good(f.registerKey(b, keyOf(1))));
        SessionKey again = keyOf(1);
        again.expires = f.isp.books().key(SessionKeyId(1))->key.expires;
        QVERIFY(good(f.registerKey(b, again)));
        f.isp.edge->keys[SessionKeyId(1)] = counted(1, 3, "0.000000045");
        const auto first = f.revoke(b, 1);
        QVERIFY(*first);
        const auto second = f.revoke(b, 1);
        QCOMPARE((*second)->signature, (*first)->signature);
        QCOMPARE(f.isp.edge->removals, 1);
        QVERIFY(f.crash());
        const auto third = f.revoke(b, 1);
        QVERIFY(third && *third);
        QCOMPARE((*third)->signature, (*first)->signature);
        QVERIFY(refusedWith(f.registerKey(b, again), Refusal::KeyIdUsed));
    }

    void secondIdentityOfACustomerIsRefusedUntilTheFirstIsForgotten() {
        Fixture f;
        Customer first(f.io, f.isp);
        Customer second(f.io, f.isp);
        QVERIFY(good(f.join(first)));
        const auto refused = f.join(second);
        QVERIFY(refusedWith(refused, Refusal::OtherKeyEnrolled));
        QVERIFY(refused->error().remedy.find("forget-customer B") != std::string::npos);
        QVERIFY(refusedWith(f.registerKey(second, keyOf(5)), Refusal::NotJoined));
        QVERIFY(f.crash());
        QVERIFY(refusedWith(f.join(second), Refusal::OtherKeyEnrolled));
        QVERIFY(f.isp.server->forgetCustomer("B"));
        QVERIFY(!f.isp.server->forgetCustomer("B"));
        QVERIFY(good(f.join(second)));
        // The first one's connection is still open, and worth nothing.
        QVERIFY(refusedWith(f.registerKey(first, keyOf(6)), Refusal::NotJoined));
    }

    void badRegistrationsAreRefusedWithTheirReason() {
        Fixture f;
        Customer b(f.io, f.isp);
        QVERIFY(good(f.join(b)));
        SessionKey past = keyOf(1);
        past.expires = systemClock().now() - 1s;
        QVERIFY(refusedWith(f.registerKey(b, past), Refusal::Expired));
        SessionKey far = keyOf(2);
        far.expires = systemClock().now() + 24h * 365;
        QVERIFY(refusedWith(f.registerKey(b, far), Refusal::Expired));
        QVERIFY(refusedWith(f.registerKey(b, keyOf(3, "0")), Refusal::BadCap));
        QVERIFY(good(f.registerKey(b, keyOf(4))));
        QVERIFY(refusedWith(f.registerKey(b, keyOf(4, "0.06")), Refusal::KeyIdUsed));
        QVERIFY(refusedWith(f.usage(b, 99), Refusal::UnknownKey));
        QVERIFY(refusedWith(f.revoke(b, 99), Refusal::UnknownKey));
        QCOMPARE(f.isp.books().keys().size(), size_t{1});
    }

    void strangersAreRefusedInTheHandshake() {
        boost::asio::io_context io;
        Isp isp(io, 26);
        isp.addCustomer("B", "192.0.2.0/24");  // not where the test connects from
        QVERIFY(isp.open());
        Identity identity = Identity::generate();
        std::vector<net::NetError> downs;
        AccountingClient client(io, identity, isp.address(),
                                {nullptr, [&](net::NetError error) { downs.push_back(error); }, {}, {}, {}, {}, {}});
        client.start();
        QVERIFY(runUntil(io, [&] { return downs.size() >= 2; }));
        QCOMPARE(downs.front(), net::NetError::Refused);
    }

    void counterSumsSurviveRestartsOfTheEdgeAndTheServer() {
        Fixture f;
        Customer b(f.io, f.isp);
        QVERIFY(good(f.join(b)));
        QVERIFY(good(f.registerKey(b, keyOf(1))));
        EdgeReport report;
        report.keys = {counted(1, 100, "0.0000015")};
        QVERIFY(f.isp.edge->client.report(report) != 0);
        QVERIFY(f.run([&] { return f.isp.edge->stored == 1; }));
        QVERIFY(f.crash());
        // A new life of the router: it gets the key again, with what is left of the cap.
        f.isp.startEdge(2);
        QVERIFY(f.run([&] { return f.isp.edge->installed.contains(SessionKeyId(1)); }));
        QCOMPARE(f.isp.edge->installed.at(SessionKeyId(1)).key.cap, *checkedSub(dollars("0.05"), dollars("0.0000015")));
        QCOMPARE(f.isp.edge->installed.at(SessionKeyId(1)).nextSequence, uint64_t{100});
        f.isp.edge->keys[SessionKeyId(1)] = counted(1, 10, "0.00000015");
        const auto final = f.revoke(b, 1);
        QVERIFY(final && *final);
        QCOMPARE((*final)->packets, uint64_t{110});
        QCOMPARE((*final)->amount, dollars("0.00000165"));
    }

    void counterThatGoesBackIsAnAlarmAndKeepsTheLargerNumber() {
        Fixture f;
        Customer b(f.io, f.isp);
        QVERIFY(good(f.join(b)));
        QVERIFY(good(f.registerKey(b, keyOf(1))));
        EdgeReport report;
        report.keys = {counted(1, 100, "0.0000015")};
        QVERIFY(f.isp.edge->client.report(report) != 0);
        report.keys = {counted(1, 99, "0.0000014")};
        const uint32_t last = f.isp.edge->client.report(report);
        QVERIFY(f.run([&] { return f.isp.edge->stored == last; }));
        QCOMPARE(f.isp.books().alarms().back().kind, AlarmKind::CounterWentBack);
        QCOMPARE((*f.usage(b, 1))->amount, dollars("0.0000015"));
    }

    void revocationWaitsForAnEdgeThatIsAway() {
        Fixture f;
        Customer b(f.io, f.isp);
        QVERIFY(good(f.join(b)));
        QVERIFY(good(f.registerKey(b, keyOf(1))));
        f.isp.edge.reset();
        Result<UsageStatement> result;
        b.client.revokeKey(SessionKeyId(1), [&](auto r) { result = std::move(r); });
        settle(f.io);
        QVERIFY(!result);
        QCOMPARE(f.isp.books().key(SessionKeyId(1))->state, KeyState::Removing);
        QVERIFY(f.crash());
        f.isp.startEdge(2);
        QVERIFY(f.run([&] { return result.has_value(); }));
        QVERIFY(result->has_value() && (*result)->final);
    }

    void expiredKeysAreRemovedWithoutBeingAsked() {
        Fixture f;
        Customer b(f.io, f.isp);
        QVERIFY(good(f.join(b)));
        SessionKey brief = keyOf(1);
        brief.expires = systemClock().now() + 100ms;
        QVERIFY(good(f.registerKey(b, brief)));
        QVERIFY(f.run([&] { return f.isp.books().key(SessionKeyId(1))->state == KeyState::Final; }));
        QCOMPARE(f.isp.edge->removals, 1);
    }

    void messagesOfTheWrongKindOfPeerEndTheConnection() {
        Fixture f;
        Customer b(f.io, f.isp);
        QVERIFY(good(f.join(b)));
        std::shared_ptr<net::TlsConnection> link;
        std::vector<net::NetError> downs;
        net::TlsDialer rogue(f.io, b.identity, loopback(f.isp.port), f.isp.identity.publicKey(),
                             {[&](std::shared_ptr<net::TlsConnection> connection) { link = connection; },
                              [&](net::NetError error) { downs.push_back(error); }});
        rogue.start();
        const std::vector<Bytes> wrong = {encode(EdgeHello{"r", 9, {}}), encode(KeyInstalled{SessionKeyId(1)}),
                                          Bytes{0xff}, encode(Ack{}), Bytes(2000, 3)};
        for (const Bytes& message : wrong) {
            link = nullptr;
            QVERIFY(f.run([&] { return link != nullptr && link->isOpen(); }));
            downs.clear();
            QVERIFY(link->send(message));
            QVERIFY(f.run([&] { return !downs.empty(); }));
        }
        QVERIFY(refusedWith(f.usage(b, 1), Refusal::UnknownKey));  // the honest one is still served
    }

    void impatientCustomerIsSlowedDown() {
        Fixture f;
        Customer b(f.io, f.isp);
        QVERIFY(good(f.join(b)));
        int answered = 0;
        int slowed = 0;
        for (int i = 0; i < 400; ++i) {
            b.client.queryInvoice([&](auto result) {
                ++answered;
                if (!result && result.error().refusal == Refusal::TooMany) ++slowed;
            });
        }
        QVERIFY(f.run([&] { return answered == 400; }));
        QVERIFY(slowed > 100);
    }

    void secondServerOnTheSameBooksIsRefused() {
        Fixture f;
        const auto second = openBooks(f.isp.options, systemClock().now());
        QVERIFY(!second.has_value());
        QCOMPARE(second.error(), store::StoreError::InUse);
    }

    // Files must not grow any more: what a full disk does to a database.
    void fullDiskAcknowledgesNothingAndRecovers() {
        if (onPostgres()) QSKIP("the server has its own limits: core.accounting_full_disk");
        Fixture f;
        Customer b(f.io, f.isp);
        QVERIFY(good(f.join(b)));
        std::signal(SIGXFSZ, SIG_IGN);
        rlimit before{};
        QCOMPARE(::getrlimit(RLIMIT_FSIZE, &before), 0);
        const rlimit full{4096, before.rlim_max};
        QCOMPARE(::setrlimit(RLIMIT_FSIZE, &full), 0);
        Result<KeyReady> ready;
        b.client.registerKey(keyOf(1), [&](auto r) { ready = std::move(r); });
        EdgeSample sample = sampleOf(1, 26, headerOf({{26, 2}}), f.isp.config.threshold);
        QVERIFY(f.isp.edge->client.sample(sample));
        settle(f.io);
        settle(f.io);
        const bool answered = ready.has_value();
        const bool installed = f.isp.edge->installed.contains(SessionKeyId(1));
        const size_t waiting = f.isp.edge->client.samplesWaiting();
        QCOMPARE(::setrlimit(RLIMIT_FSIZE, &before), 0);
        QVERIFY(!answered);
        QVERIFY(!installed);
        QCOMPARE(waiting, size_t{1});
        // Space returns: both repeat themselves, and it is done once.
        QVERIFY(f.run([&] { return ready.has_value() && f.isp.edge->client.samplesWaiting() == 0; }));
        QVERIFY(good(ready));
        QCOMPARE(f.isp.sum(SumKind::ConfirmedOwn, 26), f.isp.config.threshold);
        QVERIFY(f.crash());
        QCOMPARE(f.isp.sum(SumKind::ConfirmedOwn, 26), f.isp.config.threshold);
        QVERIFY(f.isp.books().key(SessionKeyId(1)) != nullptr);
    }

    void booksAndInvoicesAreJsonWithExactAmounts() {
        Fixture f;
        Customer b(f.io, f.isp);
        QVERIFY(good(f.join(b)));
        QVERIFY(good(f.registerKey(b, keyOf(1))));
        EdgeReport report;
        report.keys = {counted(1, 7, "0.000000105125")};
        report.links = {{IspId(25), ExitPoint(1), 7, 700, dollars("0.000000014"), dollars("0.000000091")}};
        report.verdicts = {{"forwarded", 7}, {"tag-wrong", 3}};
        const uint32_t number = f.isp.edge->client.report(report);
        QVERIFY(f.run([&] { return f.isp.edge->stored == number; }));
        const auto books = nlohmann::json::parse(f.isp.server->booksJson());
        QCOMPARE(books.at("customers").at(0).at("amount").get<std::string>(), std::string("0.000000105125"));
        QCOMPARE(books.at("customers").at(0).at("keys").at(0).at("state").get<std::string>(), std::string("active"));
        QCOMPARE(books.at("verdicts").at("tag-wrong").get<int>(), 3);
        QCOMPARE(books.at("links").at(0).at("own").get<std::string>(), std::string("0.000000014"));
        const auto invoices = nlohmann::json::parse(f.isp.server->invoicesJson());
        QCOMPARE(invoices.at("customers").at(0).at("amount").get<std::string>(), std::string("0.000000105125"));
    }

    void blacklistReachesTheEdgeNowAndAfterAReconnect() {
        Fixture f;
        QVERIFY(f.run([&] { return f.isp.edge->client.isUp(); }));
        f.isp.server->setBlacklist({IspId(66)});
        QVERIFY(f.run([&] { return f.isp.edge->blacklist == std::vector{IspId(66)}; }));
        f.isp.startEdge(2);
        QVERIFY(f.run([&] { return f.isp.edge->blacklist == std::vector{IspId(66)}; }));
    }
};

QTEST_APPLESS_MAIN(TestAccountingServer)
#include "test_accounting_server.moc"
