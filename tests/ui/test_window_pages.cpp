// The pages of the real window beside what the command line and the ledger say.
#include "tests/ui/lab_window.h"

#include <QInputDialog>
#include <QLabel>
#include <QLineEdit>
#include <QProgressBar>
#include <QTableView>
#include <QTableWidget>

#include "app/lab/tools/tool.h"
#include "secretary/ui/frontier_plot.h"
#include "secretary/ui/money_text.h"
#include "secretary/ui/overview_page.h"
#include "secretary/ui/paths_page.h"
#include "secretary/ui/payments_model.h"
#include "secretary/ui/payments_page.h"
#include "secretary/ui/rules_page.h"
#include "secretary/ui/settings_page.h"

using namespace netpas;
using namespace netpas::test;
using nlohmann::json;

class TestWindowPages : public LabTest {
    Q_OBJECT

private:
    std::unique_ptr<Window> m_window;

    // Settled, with odd sums: packets of odd sizes and numbers.
    void spend() {
        int port = 7100;
        for (const int packets : {1, 7, 333}) {
            const std::string to = std::to_string(++port);
            const Json bought = netpas({"buy", "--to", peerAddress(), "--proto", "udp", "--to-port", to, "--cap",
                                        "0.01", "--purpose", "odd " + to});
            QVERIFY2(bought.is_object(), to.c_str());
            auto sender =
                lab::Tool::startProgram(*m_lab, host, "udp-send",
                                        {lab::programPath("netpas-lab"), "tool", "udp-send", "to=" + peerAddress(),
                                         "port=" + to, "packets=" + std::to_string(packets), "size=701"});
            QVERIFY(sender.has_value() && sender->finish(std::chrono::seconds(20)).has_value());
            QVERIFY(lab::stopPurchase(*m_lab, host, bought.value("id", "")).has_value());
        }
    }
    QTableView* loadedPayments(size_t rows) {
        m_window->showPage<ui::PaymentsPage>();
        auto* const table = m_window->find<QTableView>("payments");
        (void)QTest::qWaitFor([&] { return table->model()->rowCount() == static_cast<int>(rows); }, patience);
        return table;
    }
    // Exact where the mouse points, and what is to be paid never shown as less.
    static void compareMoney(const QString& shown, const QString& exact, Money truth, bool cost) {
        const auto read = [](QString text) { return ui::moneyTyped(text.remove(QLocale().groupSeparator())); };
        const auto full = read(exact);
        QVERIFY2(full.has_value(), qPrintable(exact));
        QCOMPARE(full->toString(), truth.toString());
        const auto rough = read(shown);
        QVERIFY2(rough.has_value(), qPrintable(shown));
        QVERIFY2(cost ? *rough >= truth : *rough <= truth, qPrintable(shown + " of " + exact));
    }
    static Money dollars(const Json& object, const char* name) {
        return Money::parse(object.value(name, "")).value_or(Money::max());
    }

private slots:
    void initTestCase() {
        spend();
        m_window = std::make_unique<Window>(socket());
        QVERIFY(QTest::qWaitForWindowActive(&m_window->window));
        QTRY_VERIFY_WITH_TIMEOUT(m_window->desk.state() == ui::Desk::State::Open && m_window->desk.board().is_object(),
                                 patience);
    }
    void cleanupTestCase() { m_window.reset(); }

    void everyAmountIsTheLedgers() {
        const Json entries = netpas({"history"}).value("entries", Json::array());
        QVERIFY(entries.size() >= 3);
        QTableView* const table = loadedPayments(entries.size());
        QCOMPARE(table->model()->rowCount(), static_cast<int>(entries.size()));
        Money sum;
        for (int row = 0; row < table->model()->rowCount(); ++row) {
            const QModelIndex cell = table->model()->index(row, ui::PaymentsModel::Charged);
            const auto id = cell.data(ui::PaymentsModel::idRole).toULongLong();
            Json entry;
            for (const Json& one : entries)
                if (std::stoull(one["id"].is_string() ? one["id"].get<std::string>() : one["id"].dump()) == id)
                    entry = one;
            QVERIFY2(entry.is_object(), qPrintable(QString::number(id)));
            const Money charged = dollars(entry, "charged");
            compareMoney(cell.data().toString(), cell.data(Qt::ToolTipRole).toString(), charged, true);
            sum = checkedAdd(sum, charged).value_or(Money::max());
        }
        QVERIFY(sum > Money::zero());
        auto* const label = m_window->find<QLabel>("sum");
        compareMoney(label->text().section(QStringLiteral(", "), -1), label->toolTip(), sum, true);
    }
    void sumsAndBudgetsAreTheLedgers() {
        QVERIFY(netpas({"budget", "set", "everything", "0.777", "--per", "week"}).is_object());
        m_window->showPage<ui::OverviewPage>();
        auto* const today = m_window->find<QLabel>("today");
        QTRY_VERIFY_WITH_TIMEOUT(!today->toolTip().isEmpty(), patience);
        compareMoney(today->text().section(QStringLiteral(": "), 1), today->toolTip(),
                     dollars(netpas({"status"}), "spent_today"), true);
        m_window->showPage<ui::SettingsPage>();
        auto* const table = m_window->find<QTableWidget>("budgets");
        const Json budgets = netpas({"budget", "show"}).value("budgets", Json::array());
        QVERIFY(budgets.size() >= 3);
        QTRY_COMPARE_WITH_TIMEOUT(table->rowCount(), static_cast<int>(budgets.size()), patience);
        for (int row = 0; row < table->rowCount(); ++row) {
            const Json& budget = budgets[static_cast<size_t>(row)];
            int column = 1;
            for (const char* const name : {"amount", "spent", "left"}) {
                const QTableWidgetItem* const cell = table->item(row, column++);
                compareMoney(cell->text(), cell->toolTip(), dollars(budget, name), std::string(name) == "spent");
            }
        }
    }
    void theExportIsTheCommandsExport() {
        QTemporaryDir folder;
        const QString file = folder.filePath("netpas.csv");
        QString trouble = "not yet";
        m_window->showPage<ui::PaymentsPage>()->exportTo(file, [&](const QString& said) { trouble = said; });
        QTRY_COMPARE_WITH_TIMEOUT(trouble, QString(), patience);
        const auto told = lab::requireCommand({lab::programPath("netpas"), "--socket", socket(), "history", "--csv"});
        QVERIFY(told.has_value());
        QFile written(file);
        QVERIFY(written.open(QIODevice::ReadOnly));
        const QByteArray bytes = written.readAll();
        QVERIFY(bytes.count('\n') >= 4);
        QCOMPARE(bytes, QByteArray::fromStdString(*told));
    }
    void anExportCanBeCancelled() {
        QTemporaryDir folder;
        const QString file = folder.filePath("netpas.csv");
        auto* const page = m_window->showPage<ui::PaymentsPage>();
        auto* const button = page->findChild<QPushButton*>("export");
        const QString usual = button->text();
        QString trouble;
        page->exportTo(file, [&](const QString& said) { trouble = said; });
        QVERIFY(button->text() != usual);
        button->click();
        QVERIFY(!trouble.isEmpty());
        QCOMPARE(button->text(), usual);
        QTest::qWait(500);  // what was on its way comes to nobody
        QVERIFY(QDir(folder.path()).isEmpty());
    }
    void aLabelIsKept() {
        QTableView* const table = loadedPayments(netpas({"history"}).value("entries", Json::array()).size());
        const QModelIndex first = table->model()->index(0, 0);
        emit table->activated(first);
        auto* const dialog = m_window->find<QInputDialog>("label");
        QVERIFY(dialog != nullptr);
        dialog->setTextValue("odd ones");
        dialog->accept();
        QTRY_COMPARE_WITH_TIMEOUT(first.siblingAtColumn(ui::PaymentsModel::Label).data().toString(),
                                  QString("odd ones"), patience);
        QVERIFY(netpas({"history"}).dump().find("odd ones") != std::string::npos);
        auto* const search = m_window->showPage<ui::PaymentsPage>()->findChild<QLineEdit*>("search");
        QTest::keyClicks(search, "odd ones");
        QCOMPARE(table->model()->rowCount(), 1);
        search->clear();
    }

    void aRuleIsWrittenTestedAndEdited() {
        auto* const page = m_window->showPage<ui::RulesPage>();
        const auto decides = [&] {
            return netpas({"rules", "test", "--purpose", "comic", "--price", "0.04", "--per", "item"})
                .value("outcome", "");
        };
        auto* const sentence = page->findChild<QLineEdit*>("sentence");
        auto* const keep = page->findChild<QPushButton*>("keep");
        auto* const table = page->findChild<QTableView*>("rules");
        QVERIFY(decides() != "allow");
        QTest::keyClicks(sentence, "up to 5c each for comic");
        QTRY_VERIFY_WITH_TIMEOUT(keep->isEnabled(), patience);
        QVERIFY(page->findChild<QLabel*>("meaning")->text().contains("comic"));
        QTest::keyClick(sentence, Qt::Key_Return);
        QTRY_COMPARE_WITH_TIMEOUT(rules().size(), size_t{1}, patience);
        QCOMPARE(decides(), std::string("allow"));
        QTRY_COMPARE_WITH_TIMEOUT(table->model()->rowCount(), 1, patience);
        table->selectRow(0);
        page->findChild<QPushButton*>("edit")->click();
        sentence->setText(sentence->text().replace("5\u00a0¢", "1¢"));
        QTRY_VERIFY_WITH_TIMEOUT(keep->isEnabled(), patience);
        keep->click();
        QTRY_VERIFY_WITH_TIMEOUT(decides() != "allow", patience);
        QCOMPARE(rules().size(), size_t{1});
        QTRY_COMPARE_WITH_TIMEOUT(table->model()->rowCount(), 1, patience);
        table->selectRow(0);
        page->findChild<QPushButton*>("remove")->click();
        QTRY_COMPARE_WITH_TIMEOUT(rules().size(), size_t{0}, patience);
    }

    void whatTheFrontierOffersIsBoughtAndStopped() {
        m_window->showPage<ui::PathsPage>();
        auto* const to = m_window->find<QLineEdit>("to");
        QTest::keyClicks(to, QString::fromStdString(peerAddress()));
        QTest::keyClick(to, Qt::Key_Return);
        auto* const plot = m_window->find<ui::FrontierPlot>("frontier");
        auto* const buy = m_window->find<QPushButton>("buy");
        auto* const ask = m_window->find<QPushButton>("ask");
        QTRY_VERIFY_WITH_TIMEOUT(buy->isEnabled(), patience);
        const QString look = ask->text();
        ask->click();
        QVERIFY2(!buy->isEnabled(), "nobody has answered yet");
        QVERIFY(ask->text() != look);
        ask->click();
        QCOMPARE(ask->text(), look);
        QTest::qWait(500);
        QVERIFY2(!buy->isEnabled(), "the question was cancelled");
        ask->click();
        QTRY_VERIFY_WITH_TIMEOUT(buy->isEnabled(), patience);
        plot->setFocus();
        while (plot->chosen() > 0) QTest::keyClick(plot, Qt::Key_Left);
        QVERIFY2(!buy->isEnabled(), "best effort is not for sale");
        QTest::keyClick(plot, Qt::Key_Right);
        QCOMPARE(plot->chosen(), 1);
        QVERIFY(buy->isEnabled());
        QVERIFY(!m_window->find<QWidget>("way")->accessibleDescription().isEmpty());
        buy->click();
        QTRY_COMPARE_WITH_TIMEOUT(netpas({"purchases"}).value("purchases", Json::array()).size(), size_t{1}, patience);
        m_window->showPage<ui::OverviewPage>();
        auto* const running = m_window->find<QTableWidget>("running");
        QTRY_COMPARE_WITH_TIMEOUT(running->rowCount(), 1, patience);
        m_window->find<QPushButton>("stop")->click();
        QTRY_VERIFY_WITH_TIMEOUT(netpas({"purchases"}).value("purchases", Json::array()).empty(), patience);
        QTRY_COMPARE_WITH_TIMEOUT(running->rowCount(), 0, patience);
    }

    void lockedAndUnlocked() {
        m_window->showPage<ui::SettingsPage>();
        m_window->find<QLineEdit>("fresh")->setText("correct horse battery staple");
        m_window->find<QLineEdit>("again")->setText("correct horse battery staple");
        m_window->find<QPushButton>("setPassphrase")->click();
        QTRY_VERIFY_WITH_TIMEOUT(m_window->window.page(0) != nullptr && m_window->link.inFlight() == 0, patience);
        m_window->find<QPushButton>("lock")->click();
        QTRY_COMPARE_WITH_TIMEOUT(m_window->desk.state(), ui::Desk::State::Locked, patience);
        auto* const unlock = m_window->find<QPushButton>("unlock");
        QVERIFY(unlock->isVisible());
        const auto type = [&](const char* words) {
            unlock->click();
            auto* const dialog = m_window->find<QInputDialog>("passphrase");
            QVERIFY(dialog != nullptr);
            QCOMPARE(dialog->textEchoMode(), QLineEdit::Password);
            dialog->setTextValue(words);
            dialog->accept();
            QTRY_VERIFY_WITH_TIMEOUT(m_window->find<QInputDialog>("passphrase") == nullptr, patience);
            QTRY_COMPARE_WITH_TIMEOUT(m_window->link.inFlight(), 0, patience);
        };
        const QString before = m_window->find<QLabel>("trouble")->text();
        type("wrong horse");
        QVERIFY(m_window->find<QLabel>("trouble")->text() != before);
        QCOMPARE(m_window->desk.state(), ui::Desk::State::Locked);
        constexpr int untilTriedAgain = 2500;  // after a wrong passphrase none is taken for two seconds
        QTest::qWait(untilTriedAgain);
        type("correct horse battery staple");
        QTRY_COMPARE_WITH_TIMEOUT(m_window->desk.state(), ui::Desk::State::Open, patience);
    }
};

int main(int argc, char** argv) { return runInLab<TestWindowPages>(argc, argv, "single-isp"); }
#include "test_window_pages.moc"
