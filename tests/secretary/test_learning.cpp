#include <QtTest>

#include <cmath>
#include <functional>

#include "core/random.h"
#include "secretary/learning/engine.h"

using namespace netpas;
using namespace netpas::secretary::learning;

namespace {

Money cents(double amount) { return Money::fromEighths(std::llround(amount * 8e7)); }

Request request(const char* purpose, const std::string& payee, const char* group, const std::string& domain,
                double priceInCents, PriceUnit unit) {
    return {{"app", purpose, payee, group, domain}, cents(priceInCents), unit};
}

Request call(const std::string& contact, const char* group, double priceInCents) {
    return request("video-call", contact, group, "", priceInCents, PriceUnit::Minute);
}

SystemTime day(double days) { return SystemTime(std::chrono::microseconds(std::llround(days * 86'400e6))); }

}  // namespace

class TestLearning : public QObject {
    Q_OBJECT

    // Lets the engine meet requests and answers its questions; counts them.
    struct Life {
        Engine engine;
        SeededRandom random{7};
        double now = 0;
        int asked = 0;

        double price(double around) { return around * std::exp(double(random.below(2001)) / 500 - 2); }
        Decision meet(const Request& one, double worthInCents) {
            now += 1.0 / 40;
            const Decision decision = engine.decide(one, day(now));
            if (decision.verdict == Verdict::Ask) {
                ++asked;
                engine.observe(one, one.price <= cents(worthInCents) ? Answer::Accept : Answer::Refuse, day(now));
            }
            return decision;
        }
        void call(int times, double worthInCents, const char* group = "family") {
            for (int i = 0; i < times; ++i) {
                meet(::call("contact-" + std::to_string(random.below(6)), group, price(10)), worthInCents);
            }
        }
        [[nodiscard]] Verdict verdict(const Request& one) { return engine.decide(one, day(now)).verdict; }
    };

    // NetPaS §5.3.
    static void livePaper(Life& life, int requests) {
        for (int i = 0; i < requests; ++i) {
            const std::string number = std::to_string(life.random.below(8));
            switch (life.random.below(5)) {
            case 0: life.meet(::call("partner-" + number, "business-partners", life.price(20)), 50); break;
            case 1: life.meet(::call("relative-" + number, "family", life.price(20)), 10); break;
            case 2:
                life.meet(request("comic", "comics" + number + ".example", "", "comics" + number + ".example",
                                  life.price(4), PriceUnit::Item),
                          5);
                break;
            case 3:
                life.meet(request("article", "economist.com", "", "economist.com", life.price(20), PriceUnit::Item),
                          1e6);
                break;
            default:
                life.meet(request("article", "news" + number + ".example", "", "news" + number + ".example",
                                  life.price(20), PriceUnit::Item),
                          3);
                break;
            }
        }
    }

private slots:
    void aStrangerIsAsked() {
        Life life;
        life.call(60, 12);
        QVERIFY(life.asked > 5);
    }
    void whatIsFreeNeedsNobody() {
        Engine engine;
        const Request free = request("video", "a", "", "a", 0, PriceUnit::Minute);
        QCOMPARE(int(engine.decide(free, day(1)).verdict), int(Verdict::Approve));
        engine.observe(free, Answer::Refuse, day(1));
        QVERIFY(engine.answers(PriceUnit::Minute).empty());
    }
    void whatIsKnownIsDecidedAlone() {
        Life life;
        life.call(300, 12);
        const int before = life.asked;
        life.call(300, 12);
        QVERIFY2(life.asked - before < 20, qPrintable(QString::number(life.asked - before)));
        QCOMPARE(int(life.verdict(call("contact-1", "family", 8))), int(Verdict::Approve));
        QCOMPARE(int(life.verdict(call("contact-1", "family", 18))), int(Verdict::Refuse));
    }
    void acceptanceFallsWithThePrice() {
        Life life;
        life.call(150, 12);
        double last = 1;
        for (double price = 0.5; price < 200; price *= 1.1) {
            const double acceptance = life.engine.decide(call("contact-2", "family", price), day(life.now)).acceptance;
            QVERIFY(acceptance <= last + 1e-12);
            last = acceptance;
        }
    }
    void aGroupSpeaksForItsNewMembers() {
        Life life;
        for (int i = 0; i < 200; ++i) {
            life.call(1, 12);
            life.call(1, 60, "business-partners");
        }
        const Decision relative = life.engine.decide(call("new-relative", "family", 30), day(life.now));
        const Decision partner = life.engine.decide(call("new-partner", "business-partners", 30), day(life.now));
        QVERIFY(relative.acceptance < 0.1);
        QVERIFY(partner.acceptance > 0.8);
        QCOMPARE(partner.answersHere, 0U);
        QVERIFY(partner.answersRelated > 10);
        QVERIFY(partner.thresholdLow < partner.thresholdHigh);
    }
    void minutesAndItemsAreNotCompared() {
        Life life;
        life.call(200, 12);
        Request item = call("contact-1", "family", 8);
        item.unit = PriceUnit::Item;
        QCOMPARE(int(life.verdict(item)), int(Verdict::Ask));
    }
    void oneSlipDoesNotOverturnManyAnswers() {
        Life life;
        life.call(250, 12);
        life.engine.observe(call("contact-1", "family", 7), Answer::Refuse, day(life.now));
        QCOMPARE(int(life.verdict(call("contact-1", "family", 5))), int(Verdict::Approve));
    }
    void whoOrderedItOnceIsNotRefusedIt() {
        const Request comic = request("comic", "payee", "", "comics.example", 5, PriceUnit::Item);
        Engine engine;  // which has never been asked about any price
        engine.observe(comic, Answer::Accept, day(1));
        const Decision decision = engine.decide(comic, day(1.01));
        QVERIFY(decision.verdict != Verdict::Refuse);
        QVERIFY2(decision.acceptance > 0.5, qPrintable(QString::number(decision.acceptance)));
    }
    void oneYesAmongManyNoesIsAskedAbout() {
        Life life;
        for (int i = 0; i < 300; ++i) {
            const std::string site = "comics" + std::to_string(life.random.below(8)) + ".example";
            life.meet(request("comic", site, "", site, life.price(4), PriceUnit::Item), 0.1);
        }
        const Request dear = request("comic", "payee", "", "payee.example", 5, PriceUnit::Item);
        QCOMPARE(int(life.verdict(dear)), int(Verdict::Refuse));
        life.engine.observe(dear, Answer::Accept, day(life.now));
        QVERIFY(life.verdict(dear) != Verdict::Refuse);
        const Request dearer = request("comic", "payee", "", "payee.example", 500, PriceUnit::Item);
        QVERIFY(life.verdict(dearer) != Verdict::Approve);
        life.engine.observe(dear, Answer::Refuse, day(life.now));
        QVERIFY(life.verdict(dear) != Verdict::Approve);
    }
    void aChangeOfMindIsFollowed() {
        Life life;
        life.call(300, 12);
        life.call(900, 5);
        QVERIFY(life.verdict(call("contact-1", "family", 10)) != Verdict::Approve);
        QCOMPARE(int(life.verdict(call("contact-1", "family", 2.5))), int(Verdict::Approve));
    }
    void theFourRulesOfThePaperAreProposed() {
        Life life;
        livePaper(life, 900);
        QStringList sentences;
        for (const RuleProposal& rule : life.engine.proposals(day(life.now))) {
            sentences << QString::fromStdString(rule.sentence);
            QVERIFY(rule.agreeing <= rule.answers && rule.answers >= 6);
        }
        const QString all = sentences.join('\n');
        QVERIFY2(sentences.contains("Up to 50¢ a minute for video-call with business-partners; ask above that."),
                 qPrintable(all));
        QVERIFY2(sentences.contains("Up to 10¢ a minute for video-call with family; ask above that."), qPrintable(all));
        QVERIFY2(sentences.contains("Up to 5¢ each for comic; ask above that."), qPrintable(all));
        QVERIFY2(sentences.contains("Always for article from economist.com."), qPrintable(all));
    }
    void fewAnswersMakeNoRule() {
        Engine engine;
        for (int i = 0; i < 4; ++i) {
            engine.observe(call("contact-1", "family", 5 + 2 * i), i < 2 ? Answer::Accept : Answer::Refuse, day(1));
        }
        QVERIFY(engine.proposals(day(1)).empty());
    }
    void contradictingAnswersMakeNoRule() {
        Engine engine;
        for (int i = 0; i < 20; ++i) {
            engine.observe(call("contact-1", "family", 5 + i % 5), i % 2 ? Answer::Accept : Answer::Refuse, day(1));
        }
        QVERIFY(engine.proposals(day(1)).empty());
    }
    void amountsAreRounded() {
        QCOMPARE(roundAmount(cents(47), cents(53)), cents(50));
        QCOMPARE(roundAmount(cents(9.6), cents(11)), cents(10));
        QCOMPARE(roundAmount(cents(4.8), cents(5.6)), cents(5));
        QCOMPARE(roundAmount(cents(101), cents(104)), cents(102));
        QCOMPARE(roundAmount(Money::fromEighths(3), Money::fromEighths(4)), Money::fromEighths(3));
    }
    void memoryIsBounded() {
        Engine engine;
        for (size_t i = 0; i < Engine::answerCapacity + 20; ++i) {
            engine.observe(call("contact-" + std::to_string(i) + std::string(5000, 'x'), "family", 5), Answer::Accept,
                           day(double(i)));
        }
        QCOMPARE(engine.answers(PriceUnit::Minute).size(), Engine::answerCapacity);
        QVERIFY(engine.save().size() < 300'000);
    }
    void longTextsStayDistinct() {
        Engine engine;
        const std::string common(500, 'x');
        for (int i = 0; i < 3; ++i) engine.observe(call(common + "1", "family", 5), Answer::Accept, day(1));
        QCOMPARE(engine.decide(call(common + "1", "family", 5), day(1)).answersHere, 3U);
        QCOMPARE(engine.decide(call(common + "2", "family", 5), day(1)).answersHere, 0U);
    }
    void aRestoredStateDecidesAlike() {
        Life life;
        livePaper(life, 400);
        const Bytes saved = life.engine.save();
        auto restored = Engine::restore(saved);
        QVERIFY(restored.has_value());
        QCOMPARE(restored->save(), saved);
        for (double price = 1; price < 100; price *= 1.3) {
            const Request one = call("relative-3", "family", price);
            const double before = life.engine.decide(one, day(life.now)).acceptance;
            const double after = restored->decide(one, day(life.now)).acceptance;
            QVERIFY2(std::abs(before - after) < 0.05, qPrintable(QString("%1 %2").arg(before).arg(after)));
        }
    }
    void aDamagedStateIsRefused() {
        Life life;
        life.call(40, 12);
        Bytes saved = life.engine.save();
        QVERIFY(Engine::restore({}).error() == StateError::Malformed);
        for (size_t length = 1; length < saved.size(); length += 37) {
            QVERIFY(Engine::restore(ByteView(saved).first(length)).error() == StateError::Malformed);
        }
        Bytes longer = saved;
        longer.push_back(0);
        QVERIFY(Engine::restore(longer).error() == StateError::Malformed);
        saved[0] = 99;
        QVERIFY(Engine::restore(saved).error() == StateError::UnknownVersion);
        saved[0] = 1;
        saved[1] = 200;
        QVERIFY(Engine::restore(saved).error() == StateError::Malformed);
    }
};

QTEST_APPLESS_MAIN(TestLearning)
#include "test_learning.moc"
