// Contacts as vCards (RFC 6350).
#include <QtTest>

#include "secretary/contacts/vcard.h"

using namespace netpas;
using namespace netpas::secretary::contacts;

namespace {

const std::string payee = "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20";

std::string card(const std::string& lines) { return "BEGIN:VCARD\r\nVERSION:4.0\r\n" + lines + "END:VCARD\r\n"; }

}  // namespace

class TestVCard : public QObject {
    Q_OBJECT

private slots:
    void whatIsWrittenIsRead() {
        Contact contact;
        contact.id = "5f0e3c0a-6d5d-4a3c-9a51-2b7f1c4e8d60";
        contact.name = "Müller, Söhne; & \\ Co";
        contact.payees = {*NodeId::parse(payee), NodeId({9})};
        contact.domains = {"mueller.example"};
        contact.addresses = {*IpAddress::parse("2001:db8::1")};
        contact.groups = {"business partners", "a, b", "c;d"};
        contact.note = "first line\nsecond, with ; and \\n and ";
        for (int i = 0; i < 60; ++i) contact.note += "\xe2\x82\xac";  // folded inside many characters, if it were
        Contact plain;
        plain.name = "Ana";
        const std::string text = toVCards(std::vector<Contact>{contact, plain});
        for (size_t at = 0; at < text.size();) {
            const size_t end = text.find("\r\n", at);
            QVERIFY(end != std::string::npos && end - at <= 75);
            QVERIFY(at == end || (static_cast<uint8_t>(text[at]) & 0xc0) != 0x80);
            at = end + 2;
        }
        const auto read = contactsFromVCards(text);
        QVERIFY(read);
        QVERIFY((*read == std::vector<Contact>{contact, plain}));
    }

    // As a telephone writes it.
    void otherProgramsCardsAreRead() {
        const auto read = contactsFromVCards(
            "begin:vcard\nversion:3.0\nPRODID:-//x//EN\nN:Doe;Jane;;;\nFN:Jane Doe\n"
            "item1.TEL;type=\"a:b\":+1 555\nURL:https://example.net/jane\n"
            "PHOTO;ENCODING=b:AAAA\n AAAA\nCATEGORIES:family, friends ,,family\n"
            "UID:4FBE8971-0BC3-424C-9C26-36C3E1EFF6B1\nend:vcard\n");
        QVERIFY(read);
        QCOMPARE(read->size(), size_t{1});
        const Contact& jane = read->front();
        QCOMPARE(jane.name, std::string("Jane Doe"));
        QCOMPARE(jane.groups, (std::vector<std::string>{"family", "friends"}));
        QCOMPARE(jane.id, std::string("4fbe8971-0bc3-424c-9c26-36c3e1eff6b1"));
        QVERIFY(jane.domains.empty());  // her page's site is not hers
    }

    void foreignIdentifiersAreStable() {
        const auto id = contactIdFrom("jane@example.net");
        QVERIFY(isContactId(id));
        QCOMPARE(contactIdFrom("jane@example.net"), id);
        QVERIFY(contactIdFrom("june@example.net") != id);
    }

    void errorsNameTheLine_data() {
        QTest::addColumn<QByteArray>("text");
        QTest::addColumn<QByteArray>("line");
        QTest::addColumn<int>("error");
        const auto row = [](const char* name, const std::string& text, const char* line,
                            ContactError error = ContactError::Malformed) {
            QTest::newRow(name) << QByteArray::fromStdString(text) << QByteArray(line) << int(error);
        };
        row("empty", "", "line 1:");
        row("no card", "hello", "line 1:");
        row("not inside", "FN:a\r\n", "line 1:");
        row("no end", "BEGIN:VCARD\r\nVERSION:4.0\r\nFN:a\r\n", "line 3:");
        row("no version", "BEGIN:VCARD\r\nFN:a\r\nEND:VCARD\r\n", "line 3:");
        row("old version", "BEGIN:VCARD\r\nVERSION:2.1\r\n", "line 2:");
        row("no name", card("NOTE:x\r\n"), "line 4:", ContactError::BadName);
        row("nested", "BEGIN:VCARD\r\nBEGIN:VCARD\r\n", "line 2:");
        row("other end", "BEGIN:VCARD\r\nEND:VEVENT\r\n", "line 2:");
        row("payee", card("FN:a\r\nX-NETPAS-PAYEE:12\r\n"), "line 4:", ContactError::BadPayee);
        row("domain", card("FN:a\r\nX-NETPAS-DOMAIN:https://a.example\r\n"), "line 4:", ContactError::BadDomain);
        row("address", card("FN:a\r\nX-NETPAS-ADDRESS:1.2.3\r\n"), "line 4:", ContactError::BadAddress);
        row("own property", card("FN:a\r\nX-NETPAS-CAP:5\r\n"), "line 4:");
        row("escape", card("FN:a\\\r\n"), "line 3:");
        row("control", card("FN:a\x1b[2J\r\n"), "line 4:", ContactError::BadName);
        row("twice", card("FN:a\r\nX-NETPAS-PAYEE:" + payee + "\r\nX-NETPAS-PAYEE:" + payee + "\r\n"),
            "line 6:", ContactError::BadPayee);
        row("begins folded", " FN:a\r\n", "line 1:");
    }

    void errorsNameTheLine() {
        QFETCH(QByteArray, text);
        QFETCH(QByteArray, line);
        QFETCH(int, error);
        const auto read = contactsFromVCards(text.toStdString());
        QVERIFY(!read);
        QVERIFY2(read.error().message.starts_with(line.toStdString()), read.error().message.c_str());
        QCOMPARE(int(read.error().error), error);
        QVERIFY(!read.error().hint.empty());
    }
};

QTEST_APPLESS_MAIN(TestVCard)
#include "test_vcard.moc"
