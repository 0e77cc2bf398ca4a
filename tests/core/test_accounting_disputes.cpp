// After an alarm: one path is counted, the neighbour is told and may correct it, and only then anything happens to it
// (NetPaS §4.3.5, §4.3.6).
#include <QtTest>

#include "tests/core/accounting_fixture.h"

using namespace netpas;
using namespace netpas::accounting;
using namespace netpas::accounting::test;

namespace {

// X (24) confirms what Y (25) hands over; both routers report all the time.
struct Pair {
    Pair() : x(io, 24), y(io, 25) {
        y.addNeighbour(x);
        x.addNeighbour(y);
        for (Isp* isp : {&x, &y}) {
            isp->config.watch.investigation = 500ms;
            isp->config.watch.disputeTime = 3s;
            isp->config.watch.blacklist = true;
        }
    }
    bool start() {
        if (!x.open() || !y.open()) return false;
        x.start({&y});
        y.start({&x});
        x.startEdge();
        y.startEdge();
        return run([&] { return x.edge->client.isUp() && y.edge->client.isUp(); });
    }
    bool run(const std::function<bool()>& condition) {
        auto next = std::chrono::steady_clock::now();
        return runUntil(io, [&] {
            if (std::chrono::steady_clock::now() >= next) {
                x.edge->client.report(atX);
                y.edge->client.report(atY);
                PathCounts counts;
                for (const auto& path : y.edge->ordered) counts.counts.push_back({path.id, 5, onPath});
                if (!counts.counts.empty()) y.edge->client.countedPaths(counts);
                next = std::chrono::steady_clock::now() + 50ms;
            }
            return condition();
        });
    }
    void confirm(uint64_t from, uint64_t count) {
        for (uint64_t i = from; i < from + count; ++i) (void)x.edge->client.sample(sampleOf(i, 25, header, t));
    }
    // Y has counted so much of its own service on the way to X, X so much of that when it came.
    void counted(int64_t byY, int64_t byX) {
        atY.links = {{IspId(24), ExitPoint(1), 1000, 100'000, *checkedMul(t, byY), Money::zero()}};
        atX.upstream = {{IspId(25), *checkedMul(t, byX)}};
    }
    [[nodiscard]] const Dispute* ofY() const {
        return y.books().disputes().empty() ? nullptr : &y.books().disputes().begin()->second;
    }
    [[nodiscard]] bool answered(ComplaintReply reply) const {
        return ofY() != nullptr && ofY()->answer && ofY()->answer->reply == reply;
    }

    boost::asio::io_context io;
    Isp x, y;
    AccountingHeader header = headerOf({{25, 10}, {24, 3}});
    Money t = dollars("0.0001");
    EdgeReport atX, atY;
    std::vector<Money> onPath{Money::zero(), Money::zero()};
};

}  // namespace

class TestAccountingDisputes : public QObject {
    Q_OBJECT

private slots:
    void whoeverHasConfirmedTooLittleByMistakeConfirmsTheRestWhenTold() {
        Pair p;
        QVERIFY(p.start());
        p.counted(40, 40);  // but twenty samples were lost with a router
        p.confirm(0, 20);
        QVERIFY(p.run([&] { return p.answered(ComplaintReply::Rectified); }));
        QVERIFY(!p.ofY()->complaint.tooMuch);
        QCOMPARE(p.ofY()->answer->rectified, *checkedMul(p.t, 20));
        QVERIFY(p.run([&] { return p.ofY()->state == DisputeState::Resolved; }));
        QCOMPARE(p.y.sum(SumKind::ConfirmedOwn, 24), *checkedMul(p.t, 40));
        QVERIFY(p.y.edge->blacklist.empty());
        // Both keep what was said, with both signatures.
        QVERIFY(p.run([&] { return !p.x.books().disputes().empty(); }));
        const Dispute& atX = p.x.books().disputes().begin()->second;
        const Complaint& complaint = atX.complaint;
        QVERIFY(verify(p.y.identity.publicKey(), complaintMessage(complaint), complaint.signature));
        QVERIFY(verify(p.x.identity.publicKey(), complaintAnswerMessage(*atX.answer), atX.answer->signature));
        QVERIFY(p.y.server->booksJson().find("has rectified it") != std::string::npos);
    }

    void whatStaysWrongEndsInAVerdictAndOnTheBlacklist() {
        Pair p;
        QVERIFY(p.start());
        p.counted(40, 20);  // X says that no more came
        p.confirm(0, 20);
        QVERIFY(p.run([&] { return p.answered(ComplaintReply::Disagrees); }));
        QVERIFY(p.y.edge->blacklist.empty());  // not yet
        QVERIFY(p.run([&] { return p.ofY()->state == DisputeState::Unresolved; }));
        QVERIFY(p.run([&] { return p.y.edge->blacklist == std::vector<IspId>{IspId(24)}; }));
        QCOMPARE(p.y.books().alarms().back().kind, AlarmKind::Dispute);
    }

    void theAlarmIsFollowedByTheExactCountOfOnePath() {
        Pair p;
        p.x.config.watch.disputeTime = p.y.config.watch.disputeTime = 1h;
        QVERIFY(p.start());
        p.counted(0, 0);
        p.confirm(0, 10);
        QVERIFY(p.run([&] { return !p.y.edge->ordered.empty(); }));
        QCOMPARE(p.y.edge->ordered[0].isps, (PathIsps{IspId(25), IspId(24)}));
        QVERIFY(p.ofY() != nullptr && p.ofY()->complaint.tooMuch);
        // Many confirmations and hardly a packet; the first second after the order does not count.
        uint64_t number = 100;
        auto next = std::chrono::steady_clock::now();
        QVERIFY(p.run([&] {
            if (std::chrono::steady_clock::now() >= next) {
                p.confirm(number++, 1);
                next += 2ms;
            }
            return !p.ofY()->finding.empty();
        }));
        QVERIFY2(p.ofY()->finding.find("On path 25-24 we counted 5 packets") == 0, p.ofY()->finding.c_str());
        QVERIFY2(p.ofY()->finding.find("more than chance explains") != std::string::npos, p.ofY()->finding.c_str());
        QVERIFY(p.run([&] { return p.y.edge->ordered.empty(); }));
    }

    void nobodyIsHeardInAnothersName() {
        Pair p;
        QVERIFY(p.start());
        p.counted(40, 20);
        p.confirm(0, 20);
        QVERIFY(p.run([&] { return p.answered(ComplaintReply::Disagrees); }));
        // X's answer again, but with another signature, through X's own connection.
        std::shared_ptr<net::TlsConnection> link;
        net::TlsDialer liar(p.io, p.x.identity, loopback(p.y.port), p.y.identity.publicKey(),
                            {[&](std::shared_ptr<net::TlsConnection> connection) { link = connection; }, nullptr});
        liar.start();
        QVERIFY(p.run([&] { return link != nullptr; }));
        ComplaintAnswer forged = *p.ofY()->answer;
        forged.reply = ComplaintReply::Rectified;
        QVERIFY(link->send(encode(Message(forged))));
        settle(p.io);
        QVERIFY(p.answered(ComplaintReply::Disagrees));
    }

    void disputesAreInTheBooksAfterARestart() {
        Pair p;
        QVERIFY(p.start());
        p.counted(40, 20);
        p.confirm(0, 20);
        QVERIFY(p.run([&] { return p.answered(ComplaintReply::Disagrees); }));
        const Bytes before = encodeDispute(*p.ofY());
        Dispute onOnePath = *p.ofY();
        onOnePath.onPath = true;
        const auto read = decodeDispute(onOnePath.number, encodeDispute(onOnePath));
        QVERIFY(read && read->onPath && !decodeDispute(1, before)->onPath);
        p.y.server->stop();
        p.y.server.reset();
        const auto books = Books::open(p.y.options, systemClock().now());
        QVERIFY(books && books->disputes().size() == 1);
        QCOMPARE(encodeDispute(books->disputes().begin()->second), before);
    }
};

QTEST_APPLESS_MAIN(TestAccountingDisputes)
#include "test_accounting_disputes.moc"
