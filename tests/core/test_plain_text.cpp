#include <QtTest>

#include "core/plain_text.h"

using namespace netpas;

class TestPlainText : public QObject {
    Q_OBJECT

private slots:
    void onlyPlainTextIsText() {
        QVERIFY(isPlainText("B\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80"));
        QVERIFY(isPlainText("a\nb", true));
        for (const std::string bad : {"a\nb", "\x1b[2J", "\x7f", "\xc2\x9b", "\xc0\x80", "\xed\xa0\x80",
                                      "\xf4\x90\x80\x80", "\xe2\x82", "\x80", "\xe0\x80\x80", "\xf0\x80\x80\x80"}) {
            QVERIFY2(!isPlainText(bad), bad.c_str());
        }
    }

    void otherPartiesTextIsMadePlain() {
        QCOMPARE(toPlainText("B\xc3\xbc\x1b[2J\xff!", 100), std::string("B\xc3\xbc?[2J?!"));
        QCOMPARE(toPlainText("a\xe2\x82\xac", 3), std::string("a"));  // not half a character
        QCOMPARE(toPlainText("a\xe2\x82\xac", 4), std::string("a\xe2\x82\xac"));
    }
};

QTEST_APPLESS_MAIN(TestPlainText)
#include "test_plain_text.moc"
