// Certificates of payees from the directories of their ISPs, over real TLS (NetPaS §4.1.2, §5.2): Y (25) asks about payees of X (24).
#include <QtTest>

#include <boost/asio/io_context.hpp>
#include <fstream>

#include "app/isp/payee_certifier.h"
#include "core/certificates/authority.h"
#include "core/directory/publisher.h"
#include "core/net/http_server.h"

using namespace netpas;
using namespace netpas::isp;
using namespace std::chrono_literals;
using accounting::Certification;
using certificates::Authority;
using certificates::PayeeClass;

namespace {

const IpAddress loopback = *IpAddress::parse("127.0.0.1");

certificates::Lifetime aYear() {
    const SystemTime now = systemClock().now();
    return {now - 1h, now + 365 * 24h};
}

struct Directory {
    Directory(boost::asio::io_context& io, uint16_t isp) : m_io(io) {
        content.isp = IspId(isp);
        content.keys.directoryKey = identity.publicKey();
    }
    bool open() {
        publisher = std::make_unique<directory::Publisher>(content, identity, systemClock());
        server = std::make_unique<net::HttpServer>(
            m_io, [this](const net::HttpRequest& request, const net::HttpReply& reply) {
                asked.push_back(request.path);
                reply(publisher->answer(request));
            });
        const auto port = server->listenTls({loopback, 0}, identity);
        if (port) endpoint = {loopback, *port};
        return port.has_value();
    }

    boost::asio::io_context& m_io;
    Identity identity = Identity::generate();
    directory::Content content;
    std::unique_ptr<directory::Publisher> publisher;
    std::unique_ptr<net::HttpServer> server;
    Endpoint endpoint;
    std::vector<std::string> asked;
};

struct World {
    World() : x(io, 24), y(io, 25) {
        const auto chain = certificates::Chain{*authority.certify(request(payee.publicKey()))};
        x.content.payees[payee.nodeId()] = certificates::toPem(chain);
        serial = certificates::inspect(chain)->serial;
    }
    certificates::PayeeRequest request(const PublicKey& key) const {
        return {key, "A merchant", {}, certificates::PayeeClasses(PayeeClass::Accountable), aYear()};
    }
    void revoke(std::vector<std::string> serials, certificates::Lifetime lifetime = aYear()) {
        std::ofstream out(list, std::ios::binary | std::ios::trunc);
        out << certificates::revocationsToPem(*authority.revoke(serials, lifetime));
        out.close();
        // Two lists within one tick of the file system's clock would look like one.
        std::filesystem::last_write_time(list, std::filesystem::file_time_type::clock::now() + ++m_lists * 1s);
    }
    bool open() {
        if (!x.open()) return false;
        y.content.keys.others = {{IspId(24), "X", x.endpoint, x.identity.publicKey()},
                                 {IspId(23), "W", std::nullopt, x.identity.publicKey()}};
        if (!y.open()) return false;
        CertifierSettings settings{IspId(25), {y.endpoint, y.identity.publicKey()}, {}};
        settings.authorities.push_back({{trustedFor, authority.certificate()}, list});
        certifier = std::make_unique<PayeeCertifier>(io, settings, systemClock());
        return true;
    }
    // What each of `times` questions was answered.
    std::vector<std::optional<Certification>> ask(const NodeId& node, uint16_t isp, size_t times = 1) {
        std::vector<std::optional<Certification>> answers;
        for (size_t i = 0; i < times; ++i)
            certifier->certify(node, IspId(isp), [&](auto found) { answers.push_back(found); });
        const bool early = !answers.empty();
        io.restart();
        while (answers.size() < times && io.run_one_for(10s) != 0) {
        }
        return early ? std::vector<std::optional<Certification>>{} : answers;
    }
    bool certified() {
        const auto answers = ask(payee.nodeId(), 24);
        return answers.size() == 1 && answers[0].has_value();
    }

    boost::asio::io_context io;
    QTemporaryDir folder;
    std::filesystem::path list;  // of revoked certificates; empty: none
    PayeeClass trustedFor = PayeeClass::Accountable;
    Authority authority = *Authority::makeRoot(Identity::generate(), "Authority", aYear());
    Identity payee = Identity::generate();
    std::string serial;
    Directory x;
    Directory y;
    std::unique_ptr<PayeeCertifier> certifier;

private:
    int m_lists = 0;
};

}  // namespace

class TestPayeeCertifier : public QObject {
    Q_OBJECT

private slots:
    void initTestCase() { QVERIFY(initCrypto()); }

    void thePayeesIspIsAskedAndTheCertificateChecked() {
        World world;
        QVERIFY(world.open());
        const auto answers = world.ask(world.payee.nodeId(), 24);
        QCOMPARE(answers.size(), size_t{1});
        QVERIFY(answers[0]);
        QCOMPARE(answers[0]->classes, certificates::PayeeClasses(PayeeClass::Accountable).bits());
        QVERIFY(answers[0]->goodUntil > systemClock().now() + 300 * 24h);
    }

    void manyOrdersAreOneQuestion() {
        World world;
        QVERIFY(world.open());
        QCOMPARE(world.ask(world.payee.nodeId(), 24, 50).size(), size_t{50});
        QCOMPARE(world.x.asked.size(), size_t{1});
        QCOMPARE(world.y.asked.size(), size_t{1});
        QVERIFY(world.certified());
        QCOMPARE(world.y.asked.size(), size_t{1});  // its keys are known by now
    }

    void ourOwnPayeesAreAskedForAtOurOwnDirectory() {
        World world;
        world.y.content.payees = world.x.content.payees;
        QVERIFY(world.open());
        const auto answers = world.ask(world.payee.nodeId(), 25);
        QVERIFY(answers.size() == 1 && answers[0]);
        QVERIFY(world.x.asked.empty());
    }

    void nobodyIsCertifiedByWhoeverCannotSay() {
        World world;
        QVERIFY(world.open());
        QVERIFY(!world.ask(Identity::generate().nodeId(), 24).at(0));  // not in the directory
        QVERIFY(!world.ask(world.payee.nodeId(), 23).at(0));           // an ISP without a directory
        QVERIFY(!world.ask(world.payee.nodeId(), 99).at(0));           // an unknown ISP
        world.x.server->close();
        QVERIFY(!world.certified());
    }

    void anotherPayeesCertificateIsNone() {
        World world;
        const Identity thief = Identity::generate();
        world.x.content.payees[thief.nodeId()] = world.x.content.payees.at(world.payee.nodeId());
        QVERIFY(world.open());
        QVERIFY(!world.ask(thief.nodeId(), 24).at(0));
    }

    void anAuthorityVouchesForItsClassOnly() {
        World world;
        world.trustedFor = PayeeClass::FewComplaints;
        QVERIFY(world.open());
        QVERIFY(!world.certified());
    }

    void anAuthorityThatIsNotTrustedCertifiesNobody() {
        World world;
        const auto other = *Authority::makeRoot(Identity::generate(), "Authority", aYear());
        world.x.content.payees[world.payee.nodeId()] =
            certificates::toPem(certificates::Chain{*other.certify(world.request(world.payee.publicKey()))});
        QVERIFY(world.open());
        QVERIFY(!world.certified());
    }

    void aRevocationCountsWithoutARestart() {
        World world;
        world.list = std::filesystem::path(world.folder.path().toStdString()) / "revoked.pem";
        world.revoke({});
        QVERIFY(world.open());
        QVERIFY(world.certified());
        world.revoke({world.serial});
        QVERIFY(!world.certified());
        world.revoke({});
        QVERIFY(world.certified());
        const SystemTime now = systemClock().now();
        world.revoke({}, {now - 2h, now - 1h});  // an old list says nothing about today
        QVERIFY(!world.certified());
    }

    void aListThatCannotBeReadLeavesTheLastOneInPower() {
        World world;
        world.list = std::filesystem::path(world.folder.path().toStdString()) / "revoked.pem";
        world.revoke({world.serial});
        QVERIFY(world.open());
        QVERIFY(!world.certified());
        std::ofstream(world.list, std::ios::trunc) << "nothing";
        std::filesystem::last_write_time(world.list, std::filesystem::file_time_type::clock::now() + 1h);
        QVERIFY(!world.certified());
    }
};

QTEST_GUILESS_MAIN(TestPayeeCertifier)
#include "test_payee_certifier.moc"
