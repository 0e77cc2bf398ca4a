#include <QTemporaryDir>
#include <QtTest>

#include <sys/stat.h>
#include <fstream>

#include "core/crypto/hex.h"
#include "core/crypto/identity.h"
#include "core/crypto/seal.h"
#include "core/crypto/tag.h"

using namespace netpas;

namespace {

std::array<uint8_t, 32> bytes32(const char* hex) {
    std::array<uint8_t, 32> out{};
    if (!fromHex(hex, out)) std::abort();
    return out;
}

}  // namespace

class TestCrypto : public QObject {
    Q_OBJECT
private slots:
    void initTestCase() { QVERIFY(initCrypto()); }
    void signaturesMatchRfc8032() {
        // RFC 8032 §7.1, test 1: the empty message.
        const Identity identity =
            Identity::fromSeed(bytes32("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"));
        QCOMPARE(identity.publicKey().hex(),
                 std::string("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"));
        const Signature signature = identity.sign({});
        QCOMPARE(toHex(signature.bytes).substr(0, 32), std::string("e5564300c360ac729086e2cc806e828a"));
        QVERIFY(verify(identity.publicKey(), {}, signature));
        const uint8_t other[] = {1};
        QVERIFY(!verify(identity.publicKey(), other, signature));
    }
    void aSealOpensOnlyWithItsKeyAndInItsPlace() {
        const Bytes secret{1, 2, 3, 4, 5, 6, 7, 8};
        const Seal seal(bytes32("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"));
        const Seal other(bytes32("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f61"));
        const Bytes sealed = seal.close(secret, "here");
        QVERIFY(std::search(sealed.begin(), sealed.end(), secret.begin(), secret.end()) == sealed.end());
        QVERIFY(seal.close(secret, "here") != sealed);
        QVERIFY(seal.open(sealed, "here") == secret);
        QVERIFY(!seal.open(sealed, "there") && !other.open(sealed, "here"));
        for (size_t i = 0; i < sealed.size(); ++i) {
            Bytes changed = sealed;
            changed[i] ^= 1;
            QVERIFY(!seal.open(changed, "here"));
            QVERIFY(!seal.open(ByteView(sealed).first(i), "here"));
        }
    }
    void keyFilesArePrivateAndStay() {
        QTemporaryDir folder;
        const std::filesystem::path file = folder.filePath("id.key").toStdString();
        const auto made = Identity::loadOrCreate(file);
        QVERIFY(made.has_value());
        struct stat status {};
        QCOMPARE(::stat(file.c_str(), &status), 0);
        QCOMPARE(status.st_mode & 0777, mode_t{0600});
        QCOMPARE(Identity::loadOrCreate(file)->publicKey().hex(), made->publicKey().hex());
        QCOMPARE(::chmod(file.c_str(), 0640), 0);
        QCOMPARE(int(Identity::load(file).error()), int(IdentityError::TooOpen));
        QCOMPARE(::chmod(file.c_str(), 0600), 0);
        std::ofstream(file) << "not a key\n";
        QCOMPARE(int(Identity::loadOrCreate(file).error()), int(IdentityError::Malformed));
        QCOMPARE(int(Identity::load(folder.filePath("none").toStdString()).error()), int(IdentityError::CannotRead));
    }
    void tagsCoverWhatTheFormatSays() {
        TagKey key{};
        key[0] = 7;
        std::array<uint8_t, 16> shim{};
        std::array<uint8_t, 8> header{};
        const std::array<uint8_t, 4> src = {192, 0, 2, 1};
        const std::array<uint8_t, 4> dst = {192, 0, 2, 2};
        const TagInner inner{4, 6, src, dst, 1000, 80};
        const uint64_t tag = customerTag(key, shim, header, inner);
        QVERIFY(tagsEqual(tag, customerTag(key, shim, header, inner)));
        shim[15] = 1;
        QVERIFY(tag != customerTag(key, shim, header, inner));
        shim[15] = 0;
        header[7] = 1;
        QVERIFY(tag != customerTag(key, shim, header, inner));
        header[7] = 0;
        TagInner changed = inner;
        changed.dstPort = 81;
        QVERIFY(tag != customerTag(key, shim, header, changed));
        changed = inner;
        changed.src = dst;
        QVERIFY(tag != customerTag(key, shim, header, changed));
        key[15] = 1;
        QVERIFY(tag != customerTag(key, shim, header, inner));
    }
    void hexRefusesOtherLengthsAndLetters() {
        std::array<uint8_t, 2> out{};
        QVERIFY(fromHex("00fF", out));
        for (const char* text : {"", "00f", "00fff", "00fg", "0 ff"}) QVERIFY2(!fromHex(text, out), text);
    }
};

QTEST_APPLESS_MAIN(TestCrypto)
#include "test_crypto.moc"
