// Questions of a real secretary, answered in the real window.
#include "tests/ui/lab_window.h"

#include <QComboBox>
#include <QDateTimeEdit>
#include <QLabel>
#include <QLineEdit>
#include <QListWidget>
#include <QTableWidget>

#include "secretary/ui/paths_page.h"
#include "secretary/ui/prompts_page.h"
#include "secretary/ui/settings_page.h"

using namespace netpas;
using namespace netpas::test;
using nlohmann::json;

// At most six questions an hour come by themselves: the order of the tests matters.
class TestWindowAnswers : public LabTest {
    Q_OBJECT

private:
    std::unique_ptr<Window> m_window;

    // The window shows a question for this purpose.
    bool asked(Window& one, const QString& purpose) {
        return QTest::qWaitFor(
            [&] {
                return one.prompt()->isVisible() && one.prompt()->findChild<QLabel*>("what")->text().contains(purpose);
            },
            patience);
    }
    void chooseInList(const char* comboBox, const char* data) {
        auto* const box = m_window->prompt()->findChild<QComboBox*>(comboBox);
        box->setCurrentIndex(box->findData(data));
        QCOMPARE(box->currentData().toString(), QLatin1String(data));
    }
    // Opens the question from the list, as it does not come by itself.
    void openFromList(const QString& purpose) {
        m_window->showPage<ui::PromptsPage>();
        auto* const table = m_window->find<QTableWidget>("questions");
        QTRY_VERIFY_WITH_TIMEOUT(!table->findItems(purpose, Qt::MatchExactly).isEmpty(), patience);
        table->selectRow(table->findItems(purpose, Qt::MatchExactly).front()->row());
        m_window->find<QPushButton>("answer")->click();
        QVERIFY(asked(*m_window, purpose));
    }

private slots:
    void initTestCase() {
        m_window = std::make_unique<Window>(socket());
        QVERIFY(QTest::qWaitForWindowActive(&m_window->window));
        QTRY_VERIFY_WITH_TIMEOUT(m_window->desk.state() == ui::Desk::State::Open && m_window->desk.board().is_object(),
                                 patience);
    }
    void cleanupTestCase() { m_window.reset(); }

    void notNowHasTheFocusAndMakesNoRule() {
        const size_t before = rules().size();
        ask("article");
        QVERIFY(asked(*m_window, "article"));
        QPushButton* const notNow = m_window->answer("notNow");
        QVERIFY(notNow->isDefault());
        QCOMPARE(m_window->prompt()->focusWidget(), notNow);
        // No stolen focus: the window that was in front stays there.
        QVERIFY(m_window->prompt()->testAttribute(Qt::WA_ShowWithoutActivating));
        QTest::keyClick(m_window->prompt(), Qt::Key_Escape);
        QTRY_VERIFY_WITH_TIMEOUT(!m_window->prompt()->isVisible(), patience);
        QCOMPARE(bought("article"), size_t{0});
        QCOMPARE(rules().size(), before);
    }
    void approvingOnceBuysOnceAndOnlyAfterTheGuard() {
        const size_t before = rules().size();
        ask("video");
        QVERIFY(asked(*m_window, "video"));
        QPushButton* const once = m_window->answer("approveOnce");
        if (!once->isEnabled()) QTest::mouseClick(once, Qt::LeftButton);
        QTRY_VERIFY_WITH_TIMEOUT(once->isEnabled(), patience);
        QVERIFY2(m_window->prompt()->isVisible(), "a click before the guard's end was an answer");
        QCOMPARE(bought("video"), size_t{0});
        QTest::mouseClick(once, Qt::LeftButton);
        QTRY_COMPARE_WITH_TIMEOUT(bought("video"), size_t{1}, patience);
        QTRY_VERIFY_WITH_TIMEOUT(!m_window->prompt()->isVisible(), patience);
        QCOMPARE(rules().size(), before);
    }
    // What is asked twice is one question; when it gets dearer under the pointer, no click counts for a while.
    void duplicatesMergeAndEveryChangeGuards() {
        ask("game");
        QVERIFY(asked(*m_window, "game"));
        QPushButton* const once = m_window->answer("approveOnce");
        QTRY_VERIFY_WITH_TIMEOUT(once->isEnabled(), patience);
        const qulonglong id = m_window->prompt()->id();
        const auto* const cost = m_window->prompt()->findChild<QLabel*>("cost");
        const QString before = cost->text();
        // At the very moment at which something else is shown.
        bool guarded = false;
        QObject moment;
        connect(&m_window->desk, &ui::Desk::boardChanged, &moment, [&] {
            if (cost->text() == before) return;
            guarded = !once->isEnabled();
            QTest::mouseClick(once, Qt::LeftButton);
        });
        ask("game", "0.0301");
        QTRY_VERIFY_WITH_TIMEOUT(cost->text() != before, patience);
        QVERIFY(guarded);
        QCOMPARE(bought("game"), size_t{0});
        QCOMPARE(m_window->prompt()->id(), id);
        QCOMPARE(m_window->desk.board()["pending"].size(), size_t{1});
        QTRY_VERIFY_WITH_TIMEOUT(once->isEnabled(), patience);
        QTest::mouseClick(once, Qt::LeftButton);
        QTRY_COMPARE_WITH_TIMEOUT(bought("game"), size_t{2}, patience);
    }
    void oneQuestionIsShownAndTheRestWait() {
        QTRY_VERIFY_WITH_TIMEOUT(m_window->desk.board()["pending"].empty(), patience);
        ask("music");
        QVERIFY(asked(*m_window, "music"));
        ask("backup");
        auto* const pages = m_window->find<QListWidget>("pages");
        QTRY_VERIFY_WITH_TIMEOUT(pages->item(1)->text().contains(u'2'), patience);
        QVERIFY(m_window->prompt()->findChild<QLabel*>("what")->text().contains("music"));
        m_window->answer("notNow")->click();
        QVERIFY(asked(*m_window, "backup"));
        QVERIFY(!m_window->answer("approveOnce")->isEnabled());
        m_window->answer("notNow")->click();
        QTRY_VERIFY_WITH_TIMEOUT(!m_window->prompt()->isVisible(), patience);
    }
    void theFirstOfTwoWindowsAnswersForBoth() {
        Window other(socket());
        QTRY_VERIFY_WITH_TIMEOUT(m_window->desk.board()["front_ends"] == 2, patience);
        ask("radio");
        QVERIFY(asked(*m_window, "radio"));
        QVERIFY(asked(other, "radio"));
        QTRY_VERIFY_WITH_TIMEOUT(other.answer("approveOnce")->isEnabled(), patience);
        other.answer("approveOnce")->click();
        QTRY_VERIFY_WITH_TIMEOUT(!m_window->prompt()->isVisible() && !other.prompt()->isVisible(), patience);
        QTRY_COMPARE_WITH_TIMEOUT(bought("radio"), size_t{1}, patience);
    }

    void theModeIsSetInTheSettings() {
        m_window->showPage<ui::SettingsPage>();
        auto* const mode = m_window->find<QComboBox>("mode");
        mode->setCurrentIndex(mode->findData("quiet"));
        emit mode->activated(mode->currentIndex());
        QTRY_COMPARE_WITH_TIMEOUT(netpas({"mode"}).value("mode", ""), std::string("quiet"), patience);
    }
    void everyLifetimeMakesItsRule_data() {
        QTest::addColumn<QByteArray>("lifetime");
        QTest::addColumn<QByteArray>("button");
        QTest::addColumn<QByteArray>("kind");
        for (const char* const one : {"app-exit", "hour", "today", "until", "always"}) {
            const bool timed = one != std::string("app-exit") && one != std::string("always");
            const QByteArray kind = timed ? QByteArray("until") : QByteArray(one);
            QTest::addRow("approve %s", one) << QByteArray(one) << QByteArray("approveRule") << kind;
            QTest::addRow("refuse %s", one) << QByteArray(one) << QByteArray("refuse") << kind;
        }
    }
    void everyLifetimeMakesItsRule() {
        QFETCH(const QByteArray, lifetime);
        QFETCH(const QByteArray, button);
        const QString purpose = QString::fromLatin1(button + '-' + lifetime);
        const size_t before = rules().size();
        ask(purpose.toStdString());
        openFromList(purpose);
        QTRY_VERIFY_WITH_TIMEOUT(m_window->answer("approveRule")->isEnabled(), patience);
        if (!m_window->prompt()->findChild<QLineEdit*>("amount")->isVisible()) m_window->answer("approveRule")->click();
        QVERIFY(m_window->prompt()->findChild<QLineEdit*>("amount")->isVisible());
        chooseInList("lifetime", lifetime);
        chooseInList("purpose", qPrintable(purpose));
        auto* const amount = m_window->prompt()->findChild<QLineEdit*>("amount");
        amount->selectAll();
        QTest::keyClicks(amount, "0.05");
        QPushButton* const decide = m_window->answer(button);
        QVERIFY(!decide->isEnabled());
        QTRY_VERIFY_WITH_TIMEOUT(decide->isEnabled(), patience);
        decide->click();
        QTRY_COMPARE_WITH_TIMEOUT(rules().size(), before + 1, patience);
        Json made;
        for (const Json& rule : rules()) {
            if (rule["match"].value("purpose", Json()).dump().find(purpose.toStdString()) != std::string::npos)
                made = rule;
        }
        QVERIFY2(made.is_object(), rules().dump().c_str());
        const std::string action = made["grant"].value("action", "");
        QVERIFY2((action == "deny") == (button == "refuse"), made.dump().c_str());
        QTRY_COMPARE_WITH_TIMEOUT(bought(purpose.toStdString()), size_t{button == "refuse" ? 0U : 1U}, patience);
    }

    void theAgentComesBackAndTheWindowWithIt() {
        QVERIFY(netpas({"mode", "ask"}).is_object());
        m_lab->stopProgram(lab::agentProgram(host));
        QTRY_COMPARE_WITH_TIMEOUT(m_window->desk.state(), ui::Desk::State::Lost, patience);
        QVERIFY(m_window->find<QLabel>("trouble")->isVisible());
        QVERIFY(!m_window->find<QLabel>("trouble")->text().isEmpty());
        // What is asked for meanwhile is said to be due, and comes without another click.
        auto* const paths = m_window->showPage<ui::PathsPage>();
        paths->lookAt(QString::fromStdString(peerAddress()));
        QVERIFY(!paths->findChild<QLabel*>("said")->text().isEmpty());
        QVERIFY(!paths->findChild<QPushButton*>("buy")->isEnabled());
        QVERIFY(lab::startAgent(*m_lab, host).has_value());
        constexpr int longestRetry = 30000;
        QTRY_COMPARE_WITH_TIMEOUT(m_window->desk.state(), ui::Desk::State::Open, longestRetry);
        QTRY_VERIFY_WITH_TIMEOUT(paths->findChild<QPushButton*>("buy")->isEnabled(), patience);
        ask("after the restart");
        QVERIFY(asked(*m_window, "after the restart"));
        m_window->answer("notNow")->click();
        QTRY_VERIFY_WITH_TIMEOUT(!m_window->prompt()->isVisible(), patience);
    }
};

int main(int argc, char** argv) { return runInLab<TestWindowAnswers>(argc, argv, "single-isp"); }
#include "test_window_answers.moc"
