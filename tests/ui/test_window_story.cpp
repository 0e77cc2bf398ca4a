// The story as a person sees it: the viewer's player asks, the real window shows the question, a click buys, and the overview shows what it brings. Everybody
// else (the film, the player, the ISPs, the judgement) is `netpas-lab run window-story`, which opens no window of its own.
#include "tests/ui/lab_window.h"

#include <QLabel>
#include <QProcess>
#include <QTableWidget>

#include "secretary/ui/overview_page.h"

using namespace netpas;
using namespace netpas::test;

class TestWindowStory : public QObject {
    Q_OBJECT

private:
    static constexpr int untilAsked = 180000;  // milliseconds; the lab, the film, and the picture has to freeze first
    static constexpr int untilPaid = 60000;
    static constexpr int untilTheEnd = 120000;
    const std::string m_lab = "ws" + std::to_string(::getpid());
    const std::string m_socket = lab::agentSocket(m_lab, "a");
    QProcess m_story;
    std::unique_ptr<Window> m_window;

    // Everything that happened, where a wait was for nothing.
    bool waitFor(const std::function<bool()>& done, int limit) {
        if (QTest::qWaitFor([&] { return done() || m_story.state() != QProcess::Running; }, limit) && done())
            return true;
        qWarning("%s%s", m_story.readAllStandardError().constData(), m_story.readAllStandardOutput().constData());
        return false;
    }

private slots:
    void initTestCase() {
        m_story.start(QStringLiteral(NETPAS_PROGRAMS "/netpas-lab"),
                      {"run", "window-story", "--headless", "--json", "--duration", "15", "--name",
                       QString::fromStdString(m_lab)});
        QVERIFY(m_story.waitForStarted());
        QVERIFY(waitFor([this] { return QFile::exists(QString::fromStdString(m_socket)); }, untilAsked));
        m_window = std::make_unique<Window>(m_socket);
        QVERIFY(m_window->showPage<ui::OverviewPage>() != nullptr);
    }
    void cleanupTestCase() {
        m_window.reset();
        if (m_story.state() == QProcess::NotRunning) return;
        m_story.terminate();
        m_story.waitForFinished();
    }

    void theQuestionIsAnsweredWithAClick() {
        QVERIFY(waitFor([this] { return m_window->prompt()->isVisible(); }, untilAsked));
        QVERIFY(m_window->prompt()->findChild<QLabel*>("what")->text().contains("video"));
        QPushButton* const once = m_window->answer("approveOnce");
        QVERIFY(waitFor([once] { return once->isEnabled(); }, patience));
        QTest::mouseClick(once, Qt::LeftButton);
        QVERIFY(waitFor([this] { return !m_window->prompt()->isVisible(); }, patience));
    }
    void theOverviewShowsWhatComesAndIsPaid() {
        auto* const running = m_window->find<QTableWidget>("running");
        auto* const quality = m_window->find<QLabel>("quality");
        QVERIFY(waitFor([running] { return running->rowCount() == 1; }, untilPaid));
        // A number of what is paid for; that of best effort is known if prices were asked for long enough before.
        const bool paid = waitFor([quality] { return quality->text().contains("Mbit/s, best effort"); }, untilPaid);
        QVERIFY2(paid, qPrintable(quality->text()));
    }
    void allBooksAreExactAndThePictureStandsStillNoMore() {
        QVERIFY(waitFor([this] { return m_story.state() == QProcess::NotRunning; }, untilTheEnd));
        const QByteArray text = m_story.readAllStandardOutput(), told = m_story.readAllStandardError();
        const Json said = Json::parse(text.toStdString(), nullptr, false);
        QVERIFY2(said.is_object() && said.value("ok", false) && m_story.exitCode() == 0, (text + told).constData());
        QVERIFY(said.value("exact", false));
        QVERIFY(said.value("stalls_best_effort", 0) >= 3);
        QCOMPARE(said.value("stalls_paid", -1), 0);
    }
    void whatIsOverIsNotShownAsRunning() {
        QTRY_COMPARE_WITH_TIMEOUT(m_window->desk.state(), ui::Desk::State::Lost, patience);  // the lab is gone
        QVERIFY(m_window->find<QLabel>("trouble")->isVisible());
    }
};

int main(int argc, char** argv) {
    if (::geteuid() != 0) {
        std::puts("skipped: network namespaces need root");
        return 77;
    }
    QApplication app(argc, argv);
    TestWindowStory test;
    return QTest::qExec(&test, argc, argv);
}
#include "test_window_story.moc"
