#include <QtTest>
#include <set>

#include "core/crypto/merkle.h"
#include "core/random.h"

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

// Every leaf with an even chance, at least one.
std::vector<PartialTree::Leaf> some(const std::vector<PartialTree::Leaf>& all, RandomSource& random) {
    std::vector<PartialTree::Leaf> part;
    for (const auto& leaf : all) {
        if (random.below(2) == 0) part.push_back(leaf);
    }
    if (part.empty()) part.push_back(all.back());
    return part;
}

std::vector<uint16_t> indices(const std::vector<PartialTree::Leaf>& part) {
    std::vector<uint16_t> all;
    for (const auto& leaf : part) all.push_back(leaf.index);
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

    void somePartOfATreeProvesItselfAndEveryPartOfItself() {
        SeededRandom random(5);
        for (const size_t count : {1u, 2u, 3u, 7u, 64u, 100u, 1000u, 1024u}) {
            const auto all = leaves(count);
            const Tree full(all);
            std::vector<PartialTree::Leaf> everything;
            for (size_t i = 0; i < count; ++i) everything.push_back({static_cast<uint16_t>(i), all[i]});
            const auto whole = PartialTree::build(count, everything, {});
            QVERIFY(whole && whole->root() == full.root());
            for (int round = 0; round < 20; ++round) {
                const auto part = some(everything, random);
                const auto beside = whole->beside(indices(part));
                QVERIFY(beside && beside->size() == besideLength(count, indices(part)));
                const auto tree = PartialTree::build(count, part, *beside);
                QVERIFY(tree && tree->root() == full.root());
                // What is in the part can be passed on from there, and nothing else.
                const auto smaller = some(part, random);
                const auto less = tree->beside(indices(smaller));
                QVERIFY(less && *less == *whole->beside(indices(smaller)));
                QCOMPARE(tree->proof(part[0].index), std::optional(full.proof(part[0].index)));
                if (!beside->empty()) {
                    auto wrong = *beside;
                    wrong.pop_back();
                    QVERIFY(!PartialTree::build(count, part, wrong));
                    wrong = *beside;
                    wrong.push_back({});
                    QVERIFY(!PartialTree::build(count, part, wrong));
                    wrong = *beside;
                    wrong[random.below(wrong.size())][3] ^= 1;
                    QVERIFY(PartialTree::build(count, part, wrong)->root() != full.root());
                }
            }
        }
    }

    void leavesOutOfOrderMakeNoTree() {
        const auto all = leaves(8);
        const std::vector<PartialTree::Leaf> twice{{1, all[1]}, {1, all[1]}};
        const std::vector<PartialTree::Leaf> back{{2, all[2]}, {1, all[1]}};
        const std::vector<PartialTree::Leaf> beyond{{8, all[2]}};
        const std::vector<Hash> beside(10);
        for (size_t n = 0; n <= beside.size(); ++n) {
            QVERIFY(!PartialTree::build(8, twice, std::span(beside).first(n)));
            QVERIFY(!PartialTree::build(8, back, std::span(beside).first(n)));
            QVERIFY(!PartialTree::build(8, beyond, std::span(beside).first(n)));
        }
        QVERIFY(!PartialTree::build(8, {}, beside) && !PartialTree::build(0, back, {}));
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
