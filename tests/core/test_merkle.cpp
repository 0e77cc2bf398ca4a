#include <QtTest>
#include <set>

#include "core/crypto/merkle.h"

using namespace netpas;
using namespace netpas::merkle;

namespace {

std::vector<Hash> leaves(size_t count) {
    std::vector<Hash> all;
    for (size_t i = 0; i < count; ++i) {
        const Bytes message{static_cast<uint8_t>(i), static_cast<uint8_t>(i >> 8)};
        all.push_back(leafHash(message));
    }
    return all;
}

}  // namespace

class TestMerkle : public QObject {
    Q_OBJECT

private slots:
    void everyLeafOfEveryTreeLeadsToTheRoot() {
        std::set<Hash> roots;
        for (const size_t count : {1u, 2u, 3u, 4u, 5u, 6u, 7u, 8u, 9u, 31u, 33u, 64u, 100u, 1000u, 1023u, 1024u}) {
            const auto all = leaves(count);
            const Tree tree(all);
            QVERIFY(roots.insert(tree.root()).second);
            for (size_t i = 0; i < count; ++i) {
                const Proof proof = tree.proof(i);
                QVERIFY(proof.path.size() <= maxPath && proof.path.size() == pathLength(i, count));
                QCOMPARE(rootOf(all[i], proof), std::optional(tree.root()));
            }
        }
    }

    void nothingElseLeadsThere() {
        for (const size_t count : {2u, 5u, 64u, 100u}) {
            const auto all = leaves(count);
            const Tree tree(all);
            for (size_t i = 0; i < count; ++i) {
                const Proof good = tree.proof(i);
                QVERIFY(rootOf(all[(i + 1) % count], good) != tree.root());
                Proof other = good;
                other.index = static_cast<uint16_t>((i + 1) % count);
                QVERIFY(rootOf(all[i], other) != tree.root());
                for (Hash& hash : other.path) hash[5] ^= 1;
                other.index = good.index;
                QVERIFY(rootOf(all[i], other) != tree.root());
            }
        }
    }

    void aNodeIsNoLeaf() {
        const auto all = leaves(4);
        const Tree tree(all);
        const Tree upper(std::vector<Hash>{Tree(std::span(all).first(2)).root(), Tree(std::span(all).last(2)).root()});
        QCOMPARE(upper.root(), tree.root());  // of hashes it is the same tree …
        Bytes both;                           // … but no message has the hash of a node
        both.insert(both.end(), all[0].begin(), all[0].end());
        both.insert(both.end(), all[1].begin(), all[1].end());
        QVERIFY(leafHash(both) != Tree(std::span(all).first(2)).root());
    }

    void pathsOfAnotherLengthAreRefused() {
        const auto all = leaves(7);
        const Tree tree(all);
        Proof proof = tree.proof(3);
        proof.path.push_back({});
        QVERIFY(!rootOf(all[3], proof));
        proof = tree.proof(3);
        proof.path.pop_back();
        QVERIFY(!rootOf(all[3], proof));
        proof = tree.proof(3);
        proof.index = 7;
        QVERIFY(!rootOf(all[3], proof));
        proof.count = 0;
        QVERIFY(!rootOf(all[3], proof));
        proof.count = 2000;
        QVERIFY(!rootOf(all[3], proof));
    }
};

QTEST_APPLESS_MAIN(TestMerkle)
#include "test_merkle.moc"
