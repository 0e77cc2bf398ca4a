// Two neighbours' windows on their real agents: one buys, the other accepts, and the agreement is ended.
#include "tests/ui/lab_window.h"

#include <QLabel>
#include <QMessageBox>
#include <QTableWidget>

#include "app/lab/scenario/mesh_link.h"
#include "secretary/ui/agreements_page.h"
#include "secretary/ui/money_text.h"

using namespace netpas;
using namespace netpas::test;

namespace {

constexpr const char* buyer = "b";
constexpr const char* seller = "a";
constexpr int neighbourly = 40000;  // milliseconds; adverts and answers take their time

}  // namespace

class TestWindowAgreements : public LabTest {
    Q_OBJECT

private:
    struct Side {
        std::unique_ptr<Window> window;
        ui::AgreementsPage* page = nullptr;
        template <typename Widget>
        Widget* find(const char* name) {
            return page->findChild<Widget*>(name);
        }
        QString cell(const char* table, int row, int column) {
            auto* const found = find<QTableWidget>(table);
            return found->rowCount() > row ? found->item(row, column)->text() : QString();
        }
        // What the button asks for is answered with yes, after it was seen what it is about.
        bool press(const char* button, const char* dialog, QString& question) {
            find<QPushButton>(button)->click();
            auto* const box = page->findChild<QMessageBox*>(dialog);
            if (box == nullptr) return false;
            question = box->text();
            box->findChild<QPushButton*>("yes")->click();
            return true;
        }
    };
    Side m_buyer, m_seller;

    [[nodiscard]] Side open(const char* node) const {
        Side side;
        side.window = std::make_unique<Window>(lab::agentSocket(m_lab->name(), node));
        side.page = side.window->showPage<ui::AgreementsPage>();
        return side;
    }

private slots:
    void initTestCase() {
        QVERIFY(lab::linkNeighbours(*m_lab, seller, buyer));
        for (const char* const node : {seller, buyer}) QVERIFY(lab::startNeighbour(*m_lab, node));
        QVERIFY(lab::netpas(*m_lab, seller,
                            {"neighbours", "set", "--upstream", "0.000001", "--notice", "0s", "--accept", "ask"}));
        m_buyer = open(buyer);
        m_seller = open(seller);
        QVERIFY(m_buyer.page != nullptr && m_seller.page != nullptr);
    }
    void cleanupTestCase() {
        m_buyer = {};
        m_seller = {};
    }

    void whatANeighbourAsksIsShown() {
        QTRY_COMPARE_WITH_TIMEOUT(
            m_buyer.cell("neighbours", 0, 2),
            ui::moneyText(*Money::parse("0.000001"), ui::Amount::Cost) + QStringLiteral(" per kB"), neighbourly);
        QCOMPARE(m_buyer.cell("neighbours", 0, 3), QStringLiteral("not sold"));
        QVERIFY(m_buyer.find<QPushButton>("offerUpstream")->isEnabled());
        QVERIFY2(!m_buyer.find<QPushButton>("offerDownstream")->isEnabled(), "nobody sells that");
    }

    void nothingIsBoughtWithoutAYes() {
        m_buyer.find<QPushButton>("offerUpstream")->click();
        auto* const box = m_buyer.page->findChild<QMessageBox*>("confirmOffer");
        QVERIFY(box != nullptr);
        QCOMPARE(box->defaultButton(), box->findChild<QPushButton*>("no"));
        QTest::keyClick(box, Qt::Key_Escape);
        QTest::qWait(500);
        QCOMPARE(m_seller.find<QTableWidget>("agreements")->rowCount(), 0);
    }

    void anAgreementIsOfferedAndAccepted() {
        QString question;
        QVERIFY(m_buyer.press("offerUpstream", "confirmOffer", question));
        QVERIFY2(
            question.contains(ui::moneyText(*Money::parse("0.000001"), ui::Amount::Cost) + QStringLiteral(" per kB")),
            qPrintable(question));
        QTRY_COMPARE_WITH_TIMEOUT(m_seller.cell("agreements", 0, 3), QStringLiteral("asked"), neighbourly);
        QCOMPARE(m_seller.cell("agreements", 0, 2), QStringLiteral("seller"));
        QCOMPARE(m_seller.cell("agreements", 0, 10), QStringLiteral("no"));
        QTRY_VERIFY_WITH_TIMEOUT(m_seller.find<QPushButton>("acceptAgreement")->isEnabled(), patience);
        QVERIFY(m_seller.press("acceptAgreement", "confirmAccept", question));
        QVERIFY2(question.contains(QStringLiteral("buys upstream from you")), qPrintable(question));
        QTRY_COMPARE_WITH_TIMEOUT(m_seller.cell("agreements", 0, 3), QStringLiteral("active"), neighbourly);
        QTRY_COMPARE_WITH_TIMEOUT(m_buyer.cell("agreements", 0, 3), QStringLiteral("active"), neighbourly);
        QTRY_COMPARE_WITH_TIMEOUT(m_seller.cell("agreements", 0, 10), QStringLiteral("yes"), neighbourly);
        QCOMPARE(m_buyer.cell("agreements", 0, 2), QStringLiteral("buyer"));
        QVERIFY(!m_seller.find<QPushButton>("acceptAgreement")->isEnabled());
    }

    void anAgreementIsEnded() {
        QString question;
        QTRY_VERIFY_WITH_TIMEOUT(m_buyer.find<QPushButton>("endAgreement")->isEnabled(), patience);
        QVERIFY(m_buyer.press("endAgreement", "confirmEnd", question));
        QVERIFY2(question.contains(QStringLiteral("You buy upstream from ")) &&
                     question.contains(m_buyer.cell("agreements", 0, 0)),
                 qPrintable(question));
        QTRY_COMPARE_WITH_TIMEOUT(m_buyer.cell("agreements", 0, 3), QStringLiteral("ended"), neighbourly);
        QTRY_COMPARE_WITH_TIMEOUT(m_seller.cell("agreements", 0, 3), QStringLiteral("ended"), neighbourly);
        QTRY_COMPARE_WITH_TIMEOUT(m_seller.cell("agreements", 0, 10), QStringLiteral("no"), neighbourly);
        QTRY_VERIFY_WITH_TIMEOUT(!m_buyer.find<QPushButton>("endAgreement")->isEnabled(), patience);
    }

    // The row goes, and nothing else is chosen in its place; nor does the offer come back.
    void anOfferIsTurnedDown() {
        QString question;
        QTRY_VERIFY_WITH_TIMEOUT(m_buyer.find<QPushButton>("offerUpstream")->isEnabled(), patience);
        QVERIFY(m_buyer.press("offerUpstream", "confirmOffer", question));
        QTRY_COMPARE_WITH_TIMEOUT(m_seller.cell("agreements", 0, 3), QStringLiteral("asked"), neighbourly);
        auto* const table = m_seller.find<QTableWidget>("agreements");
        QCOMPARE(table->rowCount(), 2);
        table->selectRow(0);
        QVERIFY(m_seller.press("endAgreement", "confirmEnd", question));
        QVERIFY2(question.contains(QStringLiteral("would buy upstream from you")), qPrintable(question));
        QTRY_COMPARE_WITH_TIMEOUT(table->rowCount(), 1, patience);
        QVERIFY(table->selectionModel()->selectedRows().isEmpty());
        QTRY_COMPARE_WITH_TIMEOUT(m_buyer.cell("agreements", 0, 3), QStringLiteral("ended"), neighbourly);
        // Looked at again meanwhile.
        QTest::qWait(2500);
        QCOMPARE(table->rowCount(), 1);
        QVERIFY(table->selectionModel()->selectedRows().isEmpty());
        QVERIFY(!m_seller.find<QPushButton>("endAgreement")->isEnabled());
    }
};

int main(int argc, char** argv) { return runInLab<TestWindowAgreements>(argc, argv, "mesh-pair"); }

#include "test_window_agreements.moc"
