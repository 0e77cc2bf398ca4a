#include <QtTest>

#include "core/domain_name.h"

using namespace netpas;

class TestDomainName : public QObject {
    Q_OBJECT

private slots:
    void namesHaveOneForm() {
        QCOMPARE(*parseDomain("Example.NET."), std::string("example.net"));
        QCOMPARE(*parseDomain("localhost"), std::string("localhost"));
        QCOMPARE(*parseDomain("xn--bcher-kva.example"), std::string("xn--bcher-kva.example"));
        QCOMPARE(*parseDomain("3com.com"), std::string("3com.com"));
    }

    void whatIsNoNameIsRefused() {
        const std::string label63(63, 'a');
        QVERIFY(parseDomain(label63 + ".net"));
        for (const std::string bad :
             {"", ".", "a..b", ".a", "-a.net", "a-.net", "a_b.net", "*.net", "a b", "192.0.2.1", "a.1",
              "b\xc3\xbc"
              "cher.example",
              "example.net/x", "example.net:80", "[::1]"}) {
            QVERIFY2(!parseDomain(bad), bad.c_str());
        }
        QVERIFY(!parseDomain(label63 + "a.net"));
        QVERIFY(!parseDomain(label63 + "." + label63 + "." + label63 + "." + label63));
        QVERIFY(!parseDomain(std::string("a\0.net", 6)));
    }

    void parentsAreVisitedFromTheNearest() {
        std::vector<std::string> seen;
        QVERIFY(!anyDomainOf("a.b.net", [&](std::string_view name) {
            seen.emplace_back(name);
            return false;
        }));
        QCOMPARE(seen, (std::vector<std::string>{"a.b.net", "b.net", "net"}));
        QVERIFY(anyDomainOf("a.b.net", [](std::string_view name) { return name == "b.net"; }));
        QVERIFY(!anyDomainOf("", [](std::string_view) { return true; }));
    }
};

QTEST_APPLESS_MAIN(TestDomainName)
#include "test_domain_name.moc"
