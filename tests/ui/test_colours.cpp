#include <QtTest>

#include "secretary/ui/colours.h"

using namespace netpas::ui;

namespace {

constexpr double enough = 4.5;  // WCAG 2.2, 1.4.3

}  // namespace

class TestColours : public QObject {
    Q_OBJECT

private slots:
    void textCanBeRead_data() {
        QTest::addColumn<QPalette>("palette");
        QTest::newRow("light") << lightPalette();
        QTest::newRow("dark") << darkPalette();
    }
    void textCanBeRead() {
        QFETCH(QPalette, palette);
        using P = QPalette;
        const std::pair<P::ColorRole, P::ColorRole> pairs[] = {{P::WindowText, P::Window},
                                                               {P::Text, P::Base},
                                                               {P::Text, P::AlternateBase},
                                                               {P::ButtonText, P::Button},
                                                               {P::ToolTipText, P::ToolTipBase},
                                                               {P::PlaceholderText, P::Base},
                                                               {P::HighlightedText, P::Highlight},
                                                               {P::Link, P::Base},
                                                               {P::Link, P::Window},
                                                               {P::WindowText, P::Base}};
        for (const P::ColorGroup group : {P::Active, P::Inactive, P::Disabled}) {
            for (const auto& [text, ground] : pairs) {
                const double found = contrast(palette.color(group, text), palette.color(group, ground));
                QVERIFY2(
                    found >= enough,
                    qPrintable(
                        QStringLiteral("group %1, role %2 on %3: %4").arg(group).arg(text).arg(ground).arg(found)));
            }
        }
    }
    void whatMeansSomethingCanBeRead_data() { textCanBeRead_data(); }
    void whatMeansSomethingCanBeRead() {
        QFETCH(QPalette, palette);
        for (const auto ground : {QPalette::Base, QPalette::Window, QPalette::AlternateBase}) {
            for (const QColor& colour : {paidColour(palette), bestEffortColour(palette), warningColour(palette)})
                QVERIFY2(contrast(colour, palette.color(ground)) >= enough, qPrintable(colour.name()));
        }
    }
    void theRatioIsWcags() {
        QCOMPARE(contrast(Qt::black, Qt::white), 21.0);
        QCOMPARE(contrast(Qt::white, Qt::white), 1.0);
        // The grey that is known to be just enough on white.
        QVERIFY(contrast(QColor(0x76, 0x76, 0x76), Qt::white) >= enough);
        QVERIFY(contrast(QColor(0x77, 0x77, 0x77), Qt::white) < enough);
    }
};

QTEST_GUILESS_MAIN(TestColours)
#include "test_colours.moc"
