#include <QtTest>

#include <QComboBox>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>

#include "secretary/ui/api_link.h"
#include "secretary/ui/prompt_dialog.h"

using namespace netpas::ui;
using nlohmann::json;

namespace {

constexpr int guard = 750;

json question(uint64_t id, const char* price) {
    return {{"id", id},
            {"revision", 3},
            {"state", "waiting"},
            {"who", {{"name", "mpv"}, {"executable", "/usr/bin/mpv"}, {"node", nullptr}}},
            {"claim", {{"purpose", "video"}, {"domain", "example.net"}, {"payee", nullptr}, {"contact", nullptr}}},
            {"facts", {"3 stalls in the last minute"}},
            {"cost", {{"price", price}, {"per", "minute"}, {"worst_case", "0.5"}, {"tiers", json::array()}}},
            {"budget", {{"left", "0.04"}}},
            {"suggestion", {{"match", {"app", "domain"}}, {"up_to", price}, {"lifetime", "today"}}}};
}

struct Shown {
    Shown() {
        QObject::connect(&dialog, &PromptDialog::answered,
                         [this](qulonglong id, const json& body) { answers.emplace_back(id, body); });
        dialog.setQuestion(question(1, "0.01"));
        dialog.show();
    }
    QPushButton* button(const char* name) { return dialog.findChild<QPushButton*>(name); }
    PromptDialog dialog;
    std::vector<std::pair<qulonglong, json>> answers;
};

}  // namespace

class TestPromptDialog : public QObject {
    Q_OBJECT

private slots:
    void decliningIsSafeAndFirst() {
        Shown shown;
        QVERIFY(QTest::qWaitForWindowExposed(&shown.dialog));
        QVERIFY(shown.button("notNow")->isDefault());
        QVERIFY(shown.button("notNow")->hasFocus());
        QTest::keyClick(&shown.dialog, Qt::Key_Return);
        QCOMPARE(shown.answers.size(), size_t{1});
        QCOMPARE(shown.answers[0].second["answer"], "not_now");
        QCOMPARE(shown.answers[0].second["revision"], 3);
        QTest::keyClick(&shown.dialog, Qt::Key_Escape);
        QCOMPARE(shown.answers[1].second["answer"], "not_now");
    }
    void approvingWaitsUntilTheContentWasThereForAWhile() {
        Shown shown;
        QPushButton* const once = shown.button("approveOnce");
        QTest::mouseClick(once, Qt::LeftButton);
        QVERIFY(shown.answers.empty());
        QTRY_VERIFY(once->isEnabled());
        shown.dialog.setQuestion(question(1, "0.02"));
        QVERIFY(!once->isEnabled());
        QTest::mouseClick(once, Qt::LeftButton);
        QVERIFY(shown.answers.empty());
        QTRY_VERIFY(once->isEnabled());
        QTest::mouseClick(once, Qt::LeftButton);
        QCOMPARE(shown.answers.size(), size_t{1});
        QCOMPARE(shown.answers[0].second["answer"], "approve_once");
    }
    void enterNeverApproves() {
        Shown shown;
        QPushButton* const once = shown.button("approveOnce");
        QTRY_VERIFY(once->isEnabled());
        once->setFocus();
        QTest::keyClick(&shown.dialog, Qt::Key_Return);
        QTest::keyClick(once, Qt::Key_Enter);
        QVERIFY(shown.answers.empty());
    }
    void theRuleIsASentenceToEdit() {
        Shown shown;
        QPushButton* const rule = shown.button("approveRule");
        QTRY_VERIFY(rule->isEnabled());
        rule->click();  // opens the sentence, decides nothing
        QVERIFY(shown.answers.empty());
        auto* const amount = shown.dialog.findChild<QLineEdit*>("amount");
        QCOMPARE(amount->text(), "1 ¢");
        amount->setText("two");
        QTest::qWait(guard + 100);
        QVERIFY(!rule->isEnabled());
        amount->setText("2 ¢");
        auto* const lifetime = shown.dialog.findChild<QComboBox*>("lifetime");
        lifetime->setCurrentIndex(lifetime->findData("always"));
        shown.dialog.findChild<QComboBox*>("from")->setCurrentIndex(0);
        QTRY_VERIFY(rule->isEnabled());
        rule->click();
        QCOMPARE(shown.answers.size(), size_t{1});
        const json expected{
            {"answer", "approve_rule"}, {"revision", 3}, {"match", {"app"}}, {"up_to", "0.02"}, {"lifetime", "always"}};
        QCOMPARE(shown.answers[0].second, expected);
    }
    void whatOthersWroteIsText() {
        Shown shown;
        json hostile = question(2, "0.01");
        hostile["claim"]["purpose"] = "<b>video</b>\u202e";
        shown.dialog.setQuestion(hostile);
        QCOMPARE(shown.dialog.findChild<QLabel*>("what")->textFormat(), Qt::PlainText);
    }
    void anAnswerFromTheWrongVersionShowsWhatItCan() {
        Shown shown;
        for (const char* text :
             {"{}", "{\"id\":7,\"who\":3,\"claim\":[],\"cost\":null,\"facts\":{\"a\":1},\"suggestion\":\"x\"}"}) {
            shown.dialog.setQuestion(json::parse(text));
        }
        QVERIFY(shown.dialog.isVisible());
    }
};

QTEST_MAIN(TestPromptDialog)
#include "test_prompt_dialog.moc"
