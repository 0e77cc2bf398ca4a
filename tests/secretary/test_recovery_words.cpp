#include <QtTest>
#include <array>

#include "core/crypto/hex.h"
#include "secretary/vault/recovery_words.h"
#include "secretary/vault/word_list.h"

using namespace netpas;
using namespace netpas::secretary;

namespace {

struct Vector {
    const char* entropy;
    const char* words;
};

// The published test vectors of BIP 39 with 256 bits.
constexpr std::array<Vector, 8> vectors{
    {{"0000000000000000000000000000000000000000000000000000000000000000",
      "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon "
      "abandon abandon abandon abandon abandon abandon abandon abandon abandon art"},
     {"7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f",
      "legal winner thank year wave sausage worth useful legal winner thank year wave sausage worth useful legal "
      "winner "
      "thank year wave sausage worth title"},
     {"8080808080808080808080808080808080808080808080808080808080808080",
      "letter advice cage absurd amount doctor acoustic avoid letter advice cage absurd amount doctor acoustic avoid "
      "letter advice cage absurd amount doctor acoustic bless"},
     {"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
      "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo vote"},
     {"00ac97c48106f0aeb8ba061e0250a559b3251dc35854e694780ba51d53a50120",
      "absent gorilla van acoustic humor firm title dolphin bulk barely citizen recall crane moment aspect appear "
      "track "
      "phrase actual enforce steel spoon afraid benefit"},
     {"3edc83b60740d77af3afa2fcb82c2f1bc541ee4e2518ddef4996d32453f54a3c",
      "disagree tomato unique attend aspect runway solid violin witness scrap armed daring favorite warm decade "
      "perfect "
      "target kid grant play early wide cigar night"},
     {"89bb4bc5555992cdaf3444c5e7ca5a6e9f27efab894f1990bae41be8b2a26ea4",
      "meadow surge vanish primary odor grocery rubber mass shine dinner notable tag venue water purchase clarify book "
      "magic ribbon daughter menu eye ritual orchard"},
     {"911fec0fbd88029f6fa99164896c18d898c9232af18bdcca3e42d53b86493104",
      "much youth advance kitchen lens exile salt cram goose enter alert raise milk muscle profit cousin system faint "
      "mouse price reveal cause series long"}}};

SeedSecret seed(const char* hex) {
    SeedSecret out;
    [[maybe_unused]] const bool good = fromHex(hex, out.bytes());
    Q_ASSERT(good);
    return out;
}

}  // namespace

class TestRecoveryWords : public QObject {
    Q_OBJECT

private slots:
    void publishedVectorsAreMetBothWays() {
        for (const Vector& vector : vectors) {
            QCOMPARE(std::string(wordsFromSeed(seed(vector.entropy)).view()), std::string(vector.words));
            const auto back = seedFromWords(vector.words);
            QVERIFY(back);
            QVERIFY(back->bytes() == seed(vector.entropy).bytes());
        }
    }

    void theListHas2048WordsInOrder() {
        std::string_view rest = englishWords;
        std::string_view before;
        int count = 0;
        while (!rest.empty()) {
            const size_t end = rest.find('\n');
            QVERIFY(rest.substr(0, end) > before);
            before = rest.substr(0, end);
            rest.remove_prefix(end + 1);
            ++count;
        }
        QCOMPARE(count, 2048);
    }

    void wordsMayBeWrittenAsPeopleWriteThem() {
        const std::string written =
            "1. Absent\n2. gorilla\n3) VAN acoustic humor firm title dolphin bulk barely citizen recall crane moment "
            "aspect appear\ttrack  phrase actual, enforce steel spoon afraid\r\n24. benefit \n";
        QVERIFY(seedFromWords(written)->bytes() == seed(vectors[4].entropy).bytes());
    }

    void aWrongWordIsNamedByItsPlaceAndAMisspeltOneRecognised() {
        const std::string good = vectors[4].words;
        const auto misspelt = seedFromWords("absent gorrila" + good.substr(good.find(" van")));
        QCOMPARE(misspelt.error().kind, WordsError::Kind::Unknown);
        QCOMPARE(misspelt.error().message, std::string("word 2 is not in the list"));
        const auto near = seedFromWords("absent gorillas" + good.substr(good.find(" van")));
        QCOMPARE(near.error().message, std::string("word 2 is not in the list; is it \"gorilla\"?"));
    }

    void tooFewTooManyOrSwappedWordsAreRefused() {
        const std::string good = vectors[4].words;
        QCOMPARE(seedFromWords(good + " zoo").error().kind, WordsError::Kind::Count);
        QCOMPARE(seedFromWords(good.substr(0, good.rfind(' '))).error().kind, WordsError::Kind::Count);
        QCOMPARE(seedFromWords("").error().kind, WordsError::Kind::Count);
        const auto swapped = seedFromWords("gorilla absent" + good.substr(good.find(" van")));
        QCOMPARE(swapped.error().kind, WordsError::Kind::Checksum);
    }
};

QTEST_APPLESS_MAIN(TestRecoveryWords)
#include "test_recovery_words.moc"
