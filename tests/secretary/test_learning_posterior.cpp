#include <QtTest>

#include <cmath>
#include <vector>

#include "secretary/learning/belief.h"
#include "secretary/learning/posterior.h"

using namespace netpas::secretary::learning;

namespace {

constexpr double start = 0.3;  // prior mean

FieldTexts fields(const char* payee) { return {"player", "video", payee, "", "example.net"}; }

Observation answer(const char* payee, double logPrice, bool accepted) {
    return {contextKey(fields(payee)), logPrice, start, 100, accepted};
}

Hyperparameters fewSlips() {
    Hyperparameters hyper;
    hyper.step[Hyperparameters::jitterAt] = 4;
    hyper.step[Hyperparameters::slipAt] = 2;
    return hyper;
}

struct Integral {
    Gaussian threshold;
    double logEvidence;
};

// The same posterior by brute force, for answers about one threshold.
Integral integrate(const std::vector<Observation>& answers, const Hyperparameters& hyper) {
    const double variance = Similarity(hyper).variance();
    double mass = 0;
    double first = 0;
    double second = 0;
    constexpr double step = 0.0005;
    for (double f = -12; f < 12; f += step) {
        double weight = normalDensity(f / std::sqrt(variance)) / std::sqrt(variance) * step;
        for (const Observation& one : answers) {
            const double z = (one.accepted ? 1 : -1) * (start + f - one.logPrice) / hyper.jitter();
            weight *= hyper.slip() + (1 - 2 * hyper.slip()) * normalCdf(z);
        }
        mass += weight;
        first += weight * f;
        second += weight * f * f;
    }
    const double mean = first / mass;
    return {{start + mean, second / mass - mean * mean}, std::log(mass)};
}

Posterior posteriorOf(const std::vector<Observation>& answers, const Hyperparameters& hyper) {
    Posterior posterior(64);
    posterior.setHyper(hyper);
    for (const Observation& one : answers) posterior.add(one);
    posterior.refine(30);
    return posterior;
}

}  // namespace

class TestLearningPosterior : public QObject {
    Q_OBJECT

    static void compare(const std::vector<Observation>& answers, double tolerance,
                        const Hyperparameters& hyper = fewSlips()) {
        const Posterior posterior = posteriorOf(answers, hyper);
        const Integral exact = integrate(answers, hyper);
        const Gaussian found = posterior.probe(answers.front().key, start, 100).threshold;
        QVERIFY2(std::abs(found.mean - exact.threshold.mean) < tolerance,
                 qPrintable(QString("mean %1 against %2").arg(found.mean).arg(exact.threshold.mean)));
        const double deviation = std::sqrt(found.variance);
        const double exactDeviation = std::sqrt(exact.threshold.variance);
        QVERIFY2(std::abs(deviation - exactDeviation) < tolerance,
                 qPrintable(QString("deviation %1 against %2").arg(deviation).arg(exactDeviation)));
        QVERIFY2(std::abs(posterior.logEvidence() - exact.logEvidence) < 0.15,
                 qPrintable(QString("evidence %1 against %2").arg(posterior.logEvidence()).arg(exact.logEvidence)));
    }

private slots:
    void noAnswersLeaveThePrior() {
        const Posterior posterior(8);
        const Gaussian threshold = posterior.probe(contextKey(fields("a")), start, 0).threshold;
        QCOMPARE(threshold.mean, start);
        QCOMPARE(threshold.variance, Similarity(Hyperparameters{}).variance());
    }
    void oneAnswerAgreesWithIntegration() { compare({answer("a", 0.5, true)}, 0.05); }
    // Without slips: with them the posterior has far tails, which a Gaussian leaves out.
    void aBracketAgreesWithIntegration() {
        Hyperparameters hyper = fewSlips();
        hyper.step[Hyperparameters::slipAt] = 0;
        compare({answer("a", 0.5, true), answer("a", 1.1, false)}, 0.1, hyper);
    }
    void manyAnswersAgreeWithIntegration() {
        std::vector<Observation> answers;
        for (int i = 0; i < 16; ++i) answers.push_back(answer("a", -0.8 + 0.15 * i, i < 9));
        compare(answers, 0.02);
    }
    void aSlipAgreesWithIntegration() {
        std::vector<Observation> answers;
        for (int i = 0; i < 12; ++i) answers.push_back(answer("a", -0.8 + 0.2 * i, i < 6));
        answers.push_back(answer("a", -0.7, false));
        compare(answers, 0.03);
    }
    void learningAboutOneTeachesAboutItsKind() {
        std::vector<Observation> answers;
        for (int i = 0; i < 8; ++i) answers.push_back(answer("a", 2.0 + 0.1 * i, i < 4));
        const Posterior posterior = posteriorOf(answers, fewSlips());
        const Gaussian same = posterior.probe(contextKey(fields("a")), start, 100).threshold;
        const Gaussian sibling = posterior.probe(contextKey(fields("b")), start, 100).threshold;
        FieldTexts elsewhere = fields("b");
        elsewhere = {"browser", "article", "b", "friends", "example.org"};
        const Gaussian stranger = posterior.probe(contextKey(elsewhere), start, 100).threshold;
        QVERIFY(sibling.mean > stranger.mean && stranger.mean > start);
        QVERIFY(same.variance < sibling.variance && sibling.variance < stranger.variance);
    }
    void oldAnswersCountForLess() {
        std::vector<Observation> answers;
        for (int i = 0; i < 8; ++i) answers.push_back(answer("a", 2.0 + 0.1 * i, i < 4));
        const Posterior posterior = posteriorOf(answers, fewSlips());
        const double fresh = posterior.probe(answers.front().key, start, 100).threshold.variance;
        const double later = posterior.probe(answers.front().key, start, 200).threshold.variance;
        QVERIFY(later > fresh);
    }
    void removingAnAnswerIsAsIfItWasNeverGiven() {
        std::vector<Observation> answers{answer("a", 0.5, true), answer("b", 0.9, false), answer("a", 1.1, false)};
        Posterior posterior = posteriorOf(answers, fewSlips());
        posterior.remove(1);
        posterior.refine(30);
        answers.erase(answers.begin() + 1);
        const Posterior without = posteriorOf(answers, fewSlips());
        const Gaussian a = posterior.probe(answers.front().key, start, 100).threshold;
        const Gaussian b = without.probe(answers.front().key, start, 100).threshold;
        QVERIFY(std::abs(a.mean - b.mean) < 1e-3 && std::abs(a.variance - b.variance) < 1e-3);
    }
    void expectedLossesAgreeWithIntegration() {
        const Gaussian willingness{0.4, 0.3};
        const double logPrice = 0.7;
        double approve = 0;
        double refuse = 0;
        constexpr double step = 0.0005;
        for (double z = -9; z < 9; z += step) {
            const double worth = std::exp(willingness.mean + z * std::sqrt(willingness.variance));
            const double surplus = worth - std::exp(logPrice);
            (surplus < 0 ? approve : refuse) += std::abs(surplus) * normalDensity(z) * step;
        }
        const Losses losses = expectedLosses(willingness, logPrice);
        QVERIFY(std::abs(losses.approve - approve) < 1e-4);
        QVERIFY(std::abs(losses.refuse - refuse) < 1e-4);
    }
    void anOutlierIsRecognisedByItsAnswers() {
        Belief belief;
        belief.parts[0] = {{0, 0.04}, 0.98};
        belief.parts[1] = {{0, 2.25}, 0.02};
        const AnswerModel model{0.1, 0.01};
        for (const double price : {1.0, 1.3, 1.6}) (void)condition(belief, {price, true}, model);
        QVERIFY(belief.parts[1].weight > 0.9);
        QVERIFY(belief.parts[1].threshold.mean > 1.3);
    }
};

QTEST_APPLESS_MAIN(TestLearningPosterior)
#include "test_learning_posterior.moc"
