// What a screen reader and a keyboard find in the real window (WCAG 2.2: 1.3.1, 2.1.1, 2.4.3, 4.1.2).
#include "tests/ui/lab_window.h"

#include <QAbstractItemView>
#include <QAbstractSpinBox>
#include <QAccessible>
#include <QComboBox>
#include <QInputDialog>
#include <QTableView>
#include <set>

#include "secretary/ui/paths_page.h"
#include "secretary/ui/payments_page.h"

using namespace netpas;
using namespace netpas::test;

namespace {

QString describe(const QWidget& widget) {
    return QString::fromLatin1(widget.metaObject()->className()) + u' ' + widget.objectName();
}

// What the keyboard is meant to reach: the parts of Qt's compound widgets are reached through them.
QList<QWidget*> controlsOf(QWidget& top) {
    QList<QWidget*> controls;
    for (QWidget* const widget : top.findChildren<QWidget*>()) {
        const bool meant = widget->isVisible() && widget->isEnabled() && (widget->focusPolicy() & Qt::TabFocus) != 0;
        if (!meant || widget->window() != top.window() || widget->focusProxy() != nullptr) continue;
        bool part = false;
        for (const QWidget* above = widget->parentWidget(); above != nullptr && above != &top;
             above = above->parentWidget()) {
            part = part || qobject_cast<const QComboBox*>(above) != nullptr ||
                   qobject_cast<const QAbstractSpinBox*>(above) != nullptr ||
                   qobject_cast<const QAbstractItemView*>(above) != nullptr;
        }
        if (!part && qobject_cast<QTabBar*>(widget) == nullptr) controls << widget;
    }
    return controls;
}

}  // namespace

class TestWindowAccess : public LabTest {
    Q_OBJECT

private:
    std::unique_ptr<Window> m_window;

    // Every control has a name and a role that says what it is; none of what is drawn is silent.
    static void compareNames(QWidget& top) {
        for (QWidget* const control : controlsOf(top)) {
            QAccessibleInterface* const found = QAccessible::queryAccessibleInterface(control);
            QVERIFY2(found != nullptr, qPrintable(describe(*control)));
            QVERIFY2(!found->text(QAccessible::Name).trimmed().isEmpty(),
                     qPrintable(describe(*control) + " has no name"));
            const QAccessible::Role role = found->role();
            QVERIFY2(role != QAccessible::NoRole && role != QAccessible::Client && role != QAccessible::Pane,
                     qPrintable(describe(*control) + " does not say what it is"));
            QVERIFY2(found->state().focusable, qPrintable(describe(*control)));
        }
        for (QWidget* const widget : top.findChildren<QWidget*>()) {
            if (!widget->isVisible() || !QByteArray(widget->metaObject()->className()).endsWith("Plot")) continue;
            QAccessibleInterface* const found = QAccessible::queryAccessibleInterface(widget);
            QCOMPARE(found->role(), QAccessible::Chart);
            QVERIFY2(!found->text(QAccessible::Name).isEmpty(), qPrintable(describe(*widget)));
            QVERIFY2(!found->text(QAccessible::Description).isEmpty(),
                     qPrintable(describe(*widget) + " says nothing in words"));
        }
    }
    // Tab goes through all of them once and comes back, downwards on the whole, and Shift+Tab the other way.
    static void compareOrder(QWidget& top) {
        const QList<QWidget*> controls = controlsOf(top);
        QVERIFY(!controls.isEmpty());
        controls.front()->setFocus(Qt::TabFocusReason);
        QList<QWidget*> visited;
        for (qsizetype i = 0; i < 2 * controls.size() + 4; ++i) {
            QWidget* const now = top.window()->focusWidget();
            QVERIFY(now != nullptr);
            if (visited.contains(now)) break;
            visited << now;
            QTest::keyClick(now, Qt::Key_Tab);
        }
        for (QWidget* const control : controls)
            QVERIFY2(visited.contains(control), qPrintable(describe(*control) + " is not reached by Tab"));
        QWidget* const last = top.window()->focusWidget();
        QTest::keyClick(last, Qt::Key_Backtab);
        QVERIFY2(top.window()->focusWidget() != last || visited.size() == 1, "Shift+Tab goes nowhere");
        // Neighbours in the order stand in reading order, but for columns and the way back.
        int backwards = 0;
        for (qsizetype i = 1; i < visited.size(); ++i) {
            const QPoint before = visited[i - 1]->mapTo(top.window(), QPoint()),
                         here = visited[i]->mapTo(top.window(), QPoint());
            const bool below = here.y() + visited[i]->height() > before.y();
            const bool right = here.x() > before.x() || here.y() > before.y();
            backwards += below && right ? 0 : 1;
        }
        QVERIFY2(backwards <= 2, qPrintable(QStringLiteral("Tab jumps back %1 times").arg(backwards)));
    }

private slots:
    void initTestCase() {
        QVERIFY(netpas({"rules", "add", "Up to 1¢ a minute for video in mpv"}).is_object());
        QVERIFY(netpas({"contacts", "add", "Grandma", "--domain", "grandma.example"}).is_object());
        QVERIFY(netpas({"buy", "--to", peerAddress(), "--cap", "0.01", "--purpose", "game", "--proto", "udp",
                        "--to-port", "6999"})
                    .is_object());
        m_window = std::make_unique<Window>(socket());
        QVERIFY(QTest::qWaitForWindowActive(&m_window->window));
        QTRY_VERIFY_WITH_TIMEOUT(m_window->desk.state() == ui::Desk::State::Open && m_window->desk.board().is_object(),
                                 patience);
        m_window->window.showWay(QString::fromStdString(peerAddress()));
        QTRY_COMPARE_WITH_TIMEOUT(m_window->link.inFlight(), 0, patience);
    }
    void cleanupTestCase() { m_window.reset(); }

    void everyPageSpeaks_data() {
        QTest::addColumn<int>("page");
        for (int page = 0; page < m_window->window.pageNames().size(); ++page) QTest::addRow("%d", page) << page;
    }
    void everyPageSpeaks() {
        QFETCH(int, page);
        m_window->window.showPage(page);
        QTest::qWait(200);
        QTRY_COMPARE_WITH_TIMEOUT(m_window->link.inFlight(), 0, patience);
        QVERIFY(!m_window->window.page(page)->accessibleName().isEmpty());
        compareNames(m_window->window);
        compareOrder(m_window->window);
    }
    void pagesAreChangedByTheKeyboard() {
        auto* const pages = m_window->find<QWidget>("pages");
        m_window->window.showPage(0);
        pages->setFocus();
        QTest::keyClick(pages, Qt::Key_Down);
        QVERIFY(m_window->window.page(1)->isVisible());
    }
    void thePromptSpeaks() {
        ask("video");
        QTRY_VERIFY_WITH_TIMEOUT(m_window->prompt()->isVisible(), patience);
        QTRY_VERIFY_WITH_TIMEOUT(m_window->answer("approveRule")->isEnabled(), patience);
        m_window->answer("approveRule")->click();
        QTRY_VERIFY_WITH_TIMEOUT(m_window->answer("approveRule")->isEnabled(), patience);
        QVERIFY(!m_window->prompt()->windowTitle().isEmpty());
        compareNames(*m_window->prompt());
        compareOrder(*m_window->prompt());
        m_window->answer("notNow")->click();
        QTRY_VERIFY_WITH_TIMEOUT(!m_window->prompt()->isVisible(), patience);
    }
    // A label under a letter belongs to something: no mnemonic is dead, and none is given twice on one page.
    void lettersAreUnique_data() { everyPageSpeaks_data(); }
    void lettersAreUnique() {
        QFETCH(int, page);
        m_window->window.showPage(page);
        std::map<QString, QString> taken;
        for (QWidget* const control : controlsOf(m_window->window)) {
            const auto* const button = qobject_cast<const QAbstractButton*>(control);
            if (button == nullptr) continue;
            const QString letter = button->shortcut().toString();
            if (letter.isEmpty()) continue;
            QVERIFY2(!taken.contains(letter), qPrintable(letter + ": " + taken[letter] + " and " + button->text()));
            taken[letter] = button->text();
        }
    }
};

int main(int argc, char** argv) { return runInLab<TestWindowAccess>(argc, argv, "single-isp"); }
#include "test_window_access.moc"
