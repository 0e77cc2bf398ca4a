// Confirmations that share signatures (DESIGN §8): proofs of parts, forged ones, and neighbours that do not take them.
#include <QtTest>
#include <set>

#include "core/accounting/batch_reach.h"
#include "core/accounting/confirmation_batch.h"
#include "tests/core/accounting_fixture.h"

using namespace netpas;
using namespace netpas::accounting;
using namespace netpas::accounting::test;

namespace {

const AccountingHeader header = headerOf({{26, 2}, {25, 10}, {24, 3}});
const Money t = dollars("0.0001");

Confirmation fresh(uint64_t number) {
    Confirmation c;
    c.id = idOf(number);
    c.time = systemClock().now();
    c.confirming = IspId(24);
    c.beneficiary = IspId(25);
    c.amount = t;
    c.header = header;
    c.excerpt.fill(static_cast<uint8_t>(number));
    return c;
}

// Signed by 24 in one tree and by 25 in another.
std::vector<ProvenConfirmation> signedBatch(size_t count, const Identity& confirming, const Identity& beneficiary) {
    std::vector<ProvenConfirmation> all(count);
    std::vector<merkle::Hash> leaves;
    for (size_t i = 0; i < count; ++i) {
        all[i].confirmation = fresh(i);
        leaves.push_back(merkle::leafHash(confirmingMessage(all[i].confirmation)));
    }
    const auto first = signTree(IspId(24), confirming, leaves);
    leaves.clear();
    for (size_t i = 0; i < count; ++i) {
        all[i].confirmation.confirmingSignature = first->signature;
        all[i].confirming = first;
        all[i].confirmingLeaf = static_cast<uint16_t>(i);
        leaves.push_back(merkle::leafHash(beneficiaryMessage(all[i].confirmation)));
    }
    const auto second = signTree(IspId(25), beneficiary, leaves);
    for (size_t i = 0; i < count; ++i) {
        all[i].confirmation.beneficiarySignature = second->signature;
        all[i].beneficiary = second;
        all[i].beneficiaryLeaf = static_cast<uint16_t>(i);
    }
    return all;
}

std::optional<OpenedBatch> sent(const ConfirmationBatch& batch) {
    const auto message = decode(encode(Message(batch)));
    if (!message) return std::nullopt;
    return openBatch(ConfirmationBatch(std::get<ConfirmationBatch>(*message)));
}

// X (24) → Y (25) → Z (26); Z may be of an older version, which neither says nor takes anything of batches.
struct Three {
    explicit Three(bool old) : x(io, 24), y(io, 25), z(io, 26) {
        z.addCustomer("B", "127.0.0.0/8");
        z.addNeighbour(y);
        y.addNeighbour(z);
        y.addNeighbour(x);
        x.addNeighbour(y);
        z.config.batchSignatures = !old;
    }
    bool start() {
        if (!x.open() || !y.open() || !z.open()) return false;
        x.start({&y});
        y.start({&x, &z});
        z.start({&y});
        for (Isp* isp : {&x, &y, &z}) isp->startEdge();
        return runUntil(io, [&] { return told() && x.edge->client.isUp() && y.edge->client.isUp(); });
    }
    [[nodiscard]] bool told() const { return x.server->booksJson().find("\"batches\": true") != std::string::npos; }
    [[nodiscard]] bool quiet() const {
        return x.waiting() + y.waiting() + z.waiting() == 0 && x.edge->client.samplesWaiting() == 0;
    }
    // Both kinds of proofs are in the log, by whether they have paths.
    [[nodiscard]] std::pair<int, int> logged(Isp& isp, const Identity& confirming) {
        std::pair<int, int> result;
        isp.server.reset();
        auto books = Books::open(isp.options, systemClock().now());
        if (!books) return result;
        const bool read =
            books->forEachConfirmation(SystemTime{}, SystemTime::max(), [&](const Confirmation& confirmation, Role) {
                const bool good = verifyConfirming(confirmation, confirming.publicKey()) &&
                                  verifyBeneficiary(confirmation, y.identity.publicKey());
                if (good) ++(confirmation.confirmingPath ? result.second : result.first);
                return true;
            });
        return read ? result : std::pair(-1, -1);
    }

    boost::asio::io_context io;
    Isp x, y, z;
};

}  // namespace

class TestAccountingBatches : public QObject {
    Q_OBJECT

private slots:
    void everyConfirmationProvesItselfWhereverItGoes() {
        const Identity x = Identity::generate();
        const Identity y = Identity::generate();
        for (const size_t count : {1u, 2u, 64u, 1024u}) {
            const auto all = signedBatch(count, x, y);
            const auto packed = packBatches(all, false);
            size_t found = 0;
            for (const ConfirmationBatch& batch : packed) {
                QVERIFY(encode(Message(batch)).size() <= maxMessageSize);
                const auto opened = sent(batch);
                QVERIFY(opened.has_value());
                RootCheck check;
                QVERIFY(check.good(*opened->trees[0], x.publicKey()) && check.good(*opened->trees[1], y.publicKey()));
                for (const ProvenConfirmation& proven : opened->confirmations) {
                    Confirmation alone = standalone(proven);
                    QVERIFY(verifyConfirming(alone, x.publicKey()) && verifyBeneficiary(alone, y.publicKey()));
                    Writer writer;
                    encodeProven(writer, alone);
                    Reader reader(writer.data());
                    QVERIFY(decodeProven(reader) == alone && reader.finished());
                    alone.amount = dollars("0.0002");
                    QVERIFY(!verifyConfirming(alone, x.publicKey()) && !verifyBeneficiary(alone, y.publicKey()));
                    ++found;
                }
                // A part goes on by itself, as at an ISP with several neighbours before it.
                std::vector<ProvenConfirmation> part;
                for (size_t i = 0; i < opened->confirmations.size(); i += 3) part.push_back(opened->confirmations[i]);
                for (const ConfirmationBatch& smaller : packBatches(part, false)) {
                    const auto again = sent(smaller);
                    QVERIFY(again && again->trees[0]->tree.root() == all[0].confirming->tree.root());
                    QVERIFY(verifyBeneficiary(standalone(again->confirmations.back()), y.publicKey()));
                }
            }
            QCOMPARE(found, count);
        }
    }

    void partsOfManyBatchesFitTheirMessages() {
        const Identity x = Identity::generate();
        std::vector<ProvenConfirmation> scattered;
        for (int batch = 0; batch < 100; ++batch) {
            const auto all = signedBatch(256, x, x);
            for (size_t i = 0; i < all.size(); i += 50) scattered.push_back(all[i]);
        }
        size_t found = 0;
        for (const ConfirmationBatch& batch : packBatches(scattered, false)) {
            QVERIFY(encode(Message(batch)).size() <= maxMessageSize);
            const auto opened = sent(batch);
            QVERIFY(opened.has_value());
            found += opened->confirmations.size();
        }
        QCOMPARE(found, scattered.size());
    }

    void oneSignatureServesABatchAndAWrongOneNone() {
        const Identity x = Identity::generate();
        const Identity y = Identity::generate();
        const auto all = signedBatch(1024, x, y);
        RootCheck check;
        for (const ConfirmationBatch& batch : packBatches(all, false)) {
            const auto opened = sent(batch);
            for (int i = 0; i < 5; ++i) QVERIFY(check.good(*opened->trees[0], x.publicKey()));
        }
        QCOMPARE(check.verifications(), uint64_t{1});
        QVERIFY(!check.good(*all[0].confirming, y.publicKey()));
        ConfirmationBatch changed = packBatches(all, false)[0];
        changed.entries[7].confirmation.amount = dollars("0.0002");
        const auto opened = sent(changed);
        QVERIFY(opened && !check.good(*opened->trees[0], x.publicKey()) &&
                !check.good(*opened->trees[1], y.publicKey()));
        // One leaf for two, a root that somebody else signed, a root for nothing: no batch.
        ConfirmationBatch twice = packBatches(all, false)[0];
        twice.entries[1].confirmingLeaf = twice.entries[0].confirmingLeaf;
        QVERIFY(!sent(twice));
        ConfirmationBatch stranger = packBatches(all, false)[0];
        stranger.roots[0].signer = IspId(77);
        QVERIFY(!sent(stranger));
        ConfirmationBatch empty = packBatches(all, false)[0];
        empty.roots.push_back(empty.roots[0]);
        QVERIFY(!sent(empty));
    }

    void manyConfirmationsShareFewSignaturesAndTheLogProvesAllOfThem() {
        Three c(false);
        QVERIFY(c.start());
        QVERIFY(
            runUntil(c.io, [&] { return c.y.server->booksJson().find("\"batches\": false") == std::string::npos; }));
        for (uint64_t i = 0; i < 500; ++i) QVERIFY(c.x.edge->client.sample(sampleOf(i, 25, header, t)));
        QVERIFY(runUntil(c.io, [&] { return c.quiet() && c.z.sum(SumKind::OwedTo, 25) == dollars("0.05"); }));
        QCOMPARE(c.z.books().sum(SumKind::ConfirmedIsp, IspId(25)).count, uint64_t{500});
        QCOMPARE(c.logged(c.z, c.x.identity), std::pair(0, 500));
        QCOMPARE(c.y.books().alarmCount(), uint64_t{0});
    }

    // Z has never heard of batches: what must come to it is signed one by one, although X and Y could do otherwise.
    void anOlderVersionOnTheWayGetsSingleOnes() {
        Three c(true);
        QVERIFY(c.start());
        for (uint64_t i = 0; i < 20; ++i) QVERIFY(c.x.edge->client.sample(sampleOf(i, 25, header, t)));
        QVERIFY(runUntil(c.io, [&] { return c.quiet() && c.z.sum(SumKind::OwedTo, 25) == dollars("0.002"); }));
        // What ends at Y may be shared.
        const AccountingHeader local = headerOf({{25, 10}, {24, 3}});
        for (uint64_t i = 100; i < 110; ++i) QVERIFY(c.x.edge->client.sample(sampleOf(i, 25, local, t)));
        QVERIFY(runUntil(c.io, [&] { return c.quiet() && c.y.sum(SumKind::ConfirmedOwn, 24) == dollars("0.003"); }));
        QCOMPARE(c.logged(c.y, c.x.identity), std::pair(20, 10));
        QCOMPARE(c.logged(c.z, c.x.identity), std::pair(20, 0));
    }

    void onlyWhatIsWrongInABatchIsRefused() {
        Three c(false);
        QVERIFY(c.start());
        std::vector<BatchAck> acks;
        std::shared_ptr<net::TlsConnection> link;
        net::TlsDialer liar(c.io, c.x.identity, loopback(c.y.port), c.y.identity.publicKey(),
                            {[&](std::shared_ptr<net::TlsConnection> connection) {
                                 link = connection;
                                 link->onMessage = [&](ByteView bytes) {
                                     const auto message = decode(bytes);
                                     if (const auto* ack = std::get_if<BatchAck>(&*message)) acks.push_back(*ack);
                                 };
                             },
                             nullptr});
        liar.start();
        QVERIFY(runUntil(c.io, [&] { return link != nullptr; }));
        const auto answer = [&](const std::vector<Confirmation>& confirmations, const Identity& signer) {
            std::vector<merkle::Hash> leaves;
            for (const Confirmation& one : confirmations) leaves.push_back(merkle::leafHash(confirmingMessage(one)));
            const auto tree = signTree(IspId(24), signer, leaves);
            std::vector<ProvenConfirmation> proven;
            for (size_t i = 0; i < confirmations.size(); ++i) {
                proven.push_back({confirmations[i], tree, static_cast<uint16_t>(i), nullptr, 0, 0});
            }
            acks.clear();
            (void)link->send(encode(Message(packBatches(proven, true)[0])));
            (void)runUntil(c.io, [&] { return !acks.empty(); });
            return acks.empty() ? std::vector<BatchAckEntry>{{999, AckResult::Accepted}} : acks[0].entries;
        };
        Confirmation wrongPath = fresh(2);
        wrongPath.header = headerOf({{26, 2}, {24, 3}});
        Confirmation late = fresh(3);
        late.time -= c.y.config.confirmationLifetime + 60s;
        Confirmation nothing = fresh(4);
        nothing.amount = Money::zero();
        const std::vector<Confirmation> some{fresh(1), wrongPath, late, nothing, fresh(5)};
        const std::vector<BatchAckEntry> expected{
            {1, AckResult::WrongPath}, {2, AckResult::Expired}, {3, AckResult::WrongAmount}};
        QCOMPARE(answer(some, c.x.identity), expected);
        QCOMPARE(c.y.sum(SumKind::ConfirmedOwn, 24), dollars("0.0002"));
        Confirmation reused = some[0];
        reused.excerpt.fill(77);
        const std::vector<BatchAckEntry> again{
            {0, AckResult::Duplicate}, {1, AckResult::Duplicate}, {2, AckResult::Conflict}};
        QCOMPARE(answer({some[0], some[4], reused}, c.x.identity), again);
        const std::vector<BatchAckEntry> forged{{0, AckResult::BadSignature}, {1, AckResult::BadSignature}};
        QCOMPARE(answer({fresh(6), fresh(7)}, c.z.identity), forged);
        QCOMPARE(c.y.sum(SumKind::ConfirmedOwn, 24), dollars("0.0002"));
        QVERIFY(runUntil(c.io, [&] { return c.z.sum(SumKind::OwedTo, 25) == dollars("0.0002"); }));
    }

    // Half are checked until one is wrong; then all, and the alarm holds what anybody can check.
    void aForgedSignatureIsFoundByChanceAndThenNoneGetsThrough() {
        Three c(false);
        c.z.config.signatureShare = 0.5;
        c.z.config.signers = {{IspId(24), c.x.identity.publicKey()}};
        QVERIFY(c.start());
        std::map<AckResult, int> results;
        std::shared_ptr<net::TlsConnection> link;
        net::TlsDialer liar(c.io, c.y.identity, loopback(c.z.port), c.z.identity.publicKey(),
                            {[&](std::shared_ptr<net::TlsConnection> connection) {
                                 link = connection;
                                 link->onMessage = [&](ByteView bytes) {
                                     const auto message = decode(bytes);
                                     if (const auto* ack = std::get_if<Ack>(&*message)) {
                                         for (const AckEntry& entry : ack->entries) ++results[entry.result];
                                     }
                                 };
                             },
                             nullptr});
        liar.start();
        QVERIFY(runUntil(c.io, [&] { return link != nullptr; }));
        const auto forge = [&](uint64_t number) {
            Confirmation one = fresh(number);
            signAsConfirming(one, c.z.identity);
            signAsBeneficiary(one, c.y.identity);
            (void)link->send(encode(Message(ForwardedConfirmation{one})));
        };
        for (uint64_t i = 0; i < 100; ++i) forge(i);
        QVERIFY(runUntil(c.io, [&] { return results[AckResult::Accepted] + results[AckResult::BadSignature] == 100; }));
        QVERIFY(results[AckResult::Accepted] < 40);  // 2^-40 to get so far
        const int accepted = results[AckResult::Accepted];
        for (uint64_t i = 100; i < 150; ++i) forge(i);
        QVERIFY(runUntil(c.io, [&] { return results[AckResult::Accepted] + results[AckResult::BadSignature] == 150; }));
        QCOMPARE(results[AckResult::Accepted], accepted);
        const auto& alarms = c.z.books().alarms();
        const auto alarm = std::find_if(alarms.begin(), alarms.end(),
                                        [](const Alarm& one) { return one.kind == AlarmKind::WrongSignature; });
        QVERIFY(alarm != alarms.end());
        QCOMPARE(alarm->subject, std::string("ISP 25"));
        Reader reader(alarm->evidence);
        const Confirmation evidence = decodeProven(reader);
        QVERIFY(reader.finished() && !verifyConfirming(evidence, c.x.identity.publicKey()));
        QVERIFY(verifyBeneficiary(evidence, c.y.identity.publicKey()));  // who passed it on has signed it
    }

    void whoTakesBatchesIsKnownThroughOthersAndForgotten() {
        const AccountingHeader chain = headerOf({{27, 1}, {26, 2}, {25, 10}, {24, 3}});
        BatchReach reach(IspId(24));
        QVERIFY(!reach.takesUpTo(chain, 2));
        QVERIFY(reach.heard(IspId(25), {{{IspId(25), 0}, {IspId(26), 1}}}));
        QVERIFY(reach.takes(IspId(25)) && !reach.takesUpTo(chain, 2));  // 27 does not
        QVERIFY(reach.heard(IspId(25), {{{IspId(25), 0}, {IspId(26), 1}, {IspId(27), 2}}}));
        QVERIFY(!reach.heard(IspId(25), {{{IspId(25), 0}, {IspId(26), 1}, {IspId(27), 2}}}));
        QVERIFY(reach.takesUpTo(chain, 2));
        const std::vector<BatchIsp> others{{IspId(24), 0}, {IspId(25), 1}, {IspId(26), 2}, {IspId(27), 3}};
        QCOMPARE(reach.toTell(IspId(99)).isps, others);
        QCOMPARE(reach.toTell(IspId(25)).isps, std::vector<BatchIsp>({{IspId(24), 0}}));
        QVERIFY(reach.lost(IspId(25)) && !reach.lost(IspId(25)) && !reach.takes(IspId(25)));
    }

    // Two that only know of a third from each other forget it.
    void nobodyIsRememberedForEver() {
        BatchReach a(IspId(1));
        BatchReach b(IspId(2));
        BatchReach c(IspId(3));  // a, b and c in a circle, and 9 behind a
        (void)a.heard(IspId(9), {{{IspId(9), 0}}});
        const auto exchange = [&] {
            bool changed = a.heard(IspId(2), b.toTell(IspId(1)));
            changed = a.heard(IspId(3), c.toTell(IspId(1))) || changed;
            changed = b.heard(IspId(1), a.toTell(IspId(2))) || changed;
            changed = b.heard(IspId(3), c.toTell(IspId(2))) || changed;
            changed = c.heard(IspId(1), a.toTell(IspId(3))) || changed;
            return c.heard(IspId(2), b.toTell(IspId(3))) || changed;
        };
        while (exchange()) {
        }
        const auto knows = [](const BatchReach& reach) {
            const auto isps = reach.toTell(IspId(50)).isps;
            return std::any_of(isps.begin(), isps.end(), [](const BatchIsp& entry) { return entry.isp == IspId(9); });
        };
        QVERIFY(knows(b) && knows(c));
        (void)a.lost(IspId(9));
        int rounds = 0;
        while (exchange()) QVERIFY(++rounds < 50);
        QVERIFY(!knows(a) && !knows(b) && !knows(c));
    }
};

QTEST_APPLESS_MAIN(TestAccountingBatches)
#include "test_accounting_batches.moc"
