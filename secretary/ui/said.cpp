#include "secretary/ui/said.h"

#include <QCoreApplication>
#include <QRegularExpression>
#include <QStringList>
#include <iterator>
#include <vector>

#include "secretary/ui/rule_words.h"

namespace netpas::ui {

namespace {

struct Words {
    Q_DECLARE_TR_FUNCTIONS(Said)
};

// Sentences as they come (secretary/decision, rules/explain, budgets; the agent's refusals), names and amounts as %1 … %9. The first that fits
// counts.
constexpr const char* templates[] = {
    // Why a rule decided.
    QT_TRANSLATE_NOOP("Said", "No rule is about this."),
    QT_TRANSLATE_NOOP("Said", "Rule %1 decides: %2 So %3. %4"),
    QT_TRANSLATE_NOOP("Said", "Rule %1 decides: %2 It could cost %3, and of its budget %4 is left, so %5. %6"),
    QT_TRANSLATE_NOOP("Said", "Rule %1 decides: %2 What is offered is %3, so %4. %5"),
    QT_TRANSLATE_NOOP("Said", "Rule %1 decides: %2. %3 is within it, so %4. %5"),
    QT_TRANSLATE_NOOP("Said", "Rule %1 decides: %2. %3 is above its %4, so %5. %6"),
    QT_TRANSLATE_NOOP("Said", "No other rule is about this."),
    QT_TRANSLATE_NOOP("Said", "Rule %1 comes second (%2): %3."),
    QT_TRANSLATE_NOOP("Said", "rule %1 has the higher priority (%2 against %3)"),
    QT_TRANSLATE_NOOP("Said", "rule %1 names more (%2 against %3)"),
    QT_TRANSLATE_NOOP("Said", "rule %1 names something narrower (%2 against %3)"),
    QT_TRANSLATE_NOOP("Said", "rule %1 has the shorter life (%2 against %3)"),
    QT_TRANSLATE_NOOP("Said", "of rules that are alike the stricter decides: refuse before ask before allow"),
    QT_TRANSLATE_NOOP("Said", "rule %1 is the newer one"),
    QT_TRANSLATE_NOOP("Said", "it is paid"),
    QT_TRANSLATE_NOOP("Said", "you are asked"),
    QT_TRANSLATE_NOOP("Said", "it is not paid"),
    QT_TRANSLATE_NOOP("Said", "it says nothing"),
    QT_TRANSLATE_NOOP("Said", "no known quality"),
    QT_TRANSLATE_NOOP("Said", "until the app exits"),
    QT_TRANSLATE_NOOP("Said", "purpose"),
    QT_TRANSLATE_NOOP("Said", "payee"),
    QT_TRANSLATE_NOOP("Said", "contact"),
    QT_TRANSLATE_NOOP("Said", "group"),
    QT_TRANSLATE_NOOP("Said", "group of sites"),
    QT_TRANSLATE_NOOP("Said", "site"),
    QT_TRANSLATE_NOOP("Said", "app"),
    QT_TRANSLATE_NOOP("Said", "user"),
    QT_TRANSLATE_NOOP("Said", "device"),
    QT_TRANSLATE_NOOP("Said", "times"),
    QT_TRANSLATE_NOOP("Said", "nothing"),
    // Why it was learnt, asked or said by a person.
    QT_TRANSLATE_NOOP(
        "Said",
        "From one answer of yours (%1 about exactly this) you pay %2 for this with %3 % probability; your limit "
        "lies between %4 and %5."),
    QT_TRANSLATE_NOOP(
        "Said",
        "From %1 answers of yours (%2 about exactly this) you pay %3 for this with %4 % probability; your "
        "limit lies between %5 and %6."),
    QT_TRANSLATE_NOOP("Said", "You asked for it, and the whole cap is within the limits."),
    QT_TRANSLATE_NOOP("Said", "You were asked, and approved it."),
    QT_TRANSLATE_NOOP("Said", "You refused it."),
    QT_TRANSLATE_NOOP("Said", "You said \"not now\"."),
    QT_TRANSLATE_NOOP("Said", "You said \"not now\" to this a while ago."),
    QT_TRANSLATE_NOOP("Said", "A person is asked."),
    QT_TRANSLATE_NOOP("Said", "A person is asked. %1"),
    QT_TRANSLATE_NOOP("Said", "Nobody is there to be asked."),
    QT_TRANSLATE_NOOP("Said", "Nobody could be asked."),
    QT_TRANSLATE_NOOP("Said", "Nobody answered before the quote ran out."),
    QT_TRANSLATE_NOOP("Said", "The quote has run out."),
    QT_TRANSLATE_NOOP("Said", "Too many questions wait for an answer."),
    QT_TRANSLATE_NOOP("Said", "What was paid and not spent goes back."),
    // Limits.
    QT_TRANSLATE_NOOP("Said", "The secretary is locked."),
    QT_TRANSLATE_NOOP("Said", "the secretary is locked"),
    QT_TRANSLATE_NOOP("Said", "the secretary is locked: nothing is spent"),
    QT_TRANSLATE_NOOP("Said", "Spending is paused."),
    QT_TRANSLATE_NOOP("Said", "The cap of %1 is above the limit of %2 for one purchase."),
    QT_TRANSLATE_NOOP(
        "Said", "The budget of %1 for each %2 (%3) has %4 left: %5 are spent and %6 set aside, and this may cost %7."),
    QT_TRANSLATE_NOOP("Said", "The budget of %1 has %2 left: %3 are spent and %4 set aside, and this may cost %5."),
    QT_TRANSLATE_NOOP(
        "Said", "The clock says %1, but it has been %2 already; nothing is spent, for no budget may start twice."),
    QT_TRANSLATE_NOOP("Said", "%1 for everything"),
    QT_TRANSLATE_NOOP("Said", "%1 without asking"),
    QT_TRANSLATE_NOOP("Said", "ask for less, or raise it with `netpas budget set`"),
    // What goes wrong.
    QT_TRANSLATE_NOOP("Said", "the agent is not connected: best effort"),
    QT_TRANSLATE_NOOP("Said", "the agent is not there"),
    QT_TRANSLATE_NOOP("Said", "the secretary is not there"),
    QT_TRANSLATE_NOOP("Said", "netpasd is starting"),
    QT_TRANSLATE_NOOP("Said", "no ISP was joined"),
    QT_TRANSLATE_NOOP("Said", "the ISP's directory does not answer"),
    QT_TRANSLATE_NOOP("Said", "the ISP's descriptor is not to be trusted: %1"),
    QT_TRANSLATE_NOOP("Said", "the prices on the way are not usable"),
    QT_TRANSLATE_NOOP("Said", "the offer has expired"),
    QT_TRANSLATE_NOOP("Said", "the cap does not pay for the smallest slice"),
    QT_TRANSLATE_NOOP("Said", "your ISP knows no way to ISP %1"),
    QT_TRANSLATE_NOOP("Said", "nothing was paid"),
    QT_TRANSLATE_NOOP("Said", "not an IP address: %1"),
    QT_TRANSLATE_NOOP("Said", "to is not an IP address"),
    QT_TRANSLATE_NOOP("Said", "you may not do this here"),
    QT_TRANSLATE_NOOP("Said", "too many requests in a second"),
    QT_TRANSLATE_NOOP("Said", "measurements are shown on the agent's own machine only"),
    // Neighbours.
    QT_TRANSLATE_NOOP("Said", "the neighbour has not answered yet"),
    QT_TRANSLATE_NOOP("Said", "it runs; the neighbour forwards as long as it is paid"),
    QT_TRANSLATE_NOOP("Said", "the neighbour owes %1 USD, above the close threshold of %2"),
    QT_TRANSLATE_NOOP("Said", "above the close threshold, but a payment is on its way"),
    QT_TRANSLATE_NOOP("Said", "it owes %1 USD, above its close threshold"),
    QT_TRANSLATE_NOOP("Said", "it has agreed to pay for nothing"),
    QT_TRANSLATE_NOOP("Said", "%1; the last count is on its way"),
    QT_TRANSLATE_NOOP("Said", "one of the two wished it"),
    QT_TRANSLATE_NOOP("Said", "its time was over"),
    QT_TRANSLATE_NOOP("Said", "its limit was reached"),
    QT_TRANSLATE_NOOP("Said", "the counts do not agree"),
    QT_TRANSLATE_NOOP("Said", "a newer one took its place"),
    QT_TRANSLATE_NOOP("Said", "the offer was not answered in time"),
    QT_TRANSLATE_NOOP("Said", "the quality was not what was claimed"),
    QT_TRANSLATE_NOOP("Said", "the neighbour was not heard of any more"),
    QT_TRANSLATE_NOOP("Said", "upstream"),
    QT_TRANSLATE_NOOP("Said", "downstream"),
    QT_TRANSLATE_NOOP("Said", "the agent is not there: what it forwarded last, it forwards on"),
    QT_TRANSLATE_NOOP("Said", "the neighbour pays"),
    QT_TRANSLATE_NOOP("Said", "the neighbour waits for an answer: netpas agreements accept"),
    QT_TRANSLATE_NOOP("Said", "a payment is on its way"),
    QT_TRANSLATE_NOOP("Said", "it pays"),
    QT_TRANSLATE_NOOP("Said", "there is no such neighbour now"),
    QT_TRANSLATE_NOOP("Said", "the neighbour does not sell %1"),
    QT_TRANSLATE_NOOP("Said", "the neighbour asks %1 USD per kB, more than you would pay"),
    QT_TRANSLATE_NOOP("Said", "the neighbour's packets are not counted yet"),
    QT_TRANSLATE_NOOP("Said", "it cannot be accepted any more"),
    QT_TRANSLATE_NOOP("Said", "there is no such agreement"),
    QT_TRANSLATE_NOOP("Said", "it is over"),
    // Rules that cannot be read.
    QT_TRANSLATE_NOOP("Said", "a rule begins with \"up to\", \"always\", \"never\" or \"ask\""),
    QT_TRANSLATE_NOOP("Said", "a limit is \"a minute\" or \"an item\""),
    QT_TRANSLATE_NOOP("Said", "\"%1\" is no amount"),
    QT_TRANSLATE_NOOP("Said", "\"%1\" is no site"),
    QT_TRANSLATE_NOOP("Said", "\"%1\" is no time"),
    QT_TRANSLATE_NOOP("Said", "\"%1\" is no ISP"),
    QT_TRANSLATE_NOOP("Said", "\"%1\" has no meaning here"),
    QT_TRANSLATE_NOOP("Said", "there is no amount"),
    QT_TRANSLATE_NOOP("Said", "there is no %1 after \"%2\""),
    QT_TRANSLATE_NOOP("Said", "a rule ends only once"),
    QT_TRANSLATE_NOOP("Said", "only what is allowed has a limit"),
    QT_TRANSLATE_NOOP("Said", "a budget is for a day, a week, a month, or in all"),
    QT_TRANSLATE_NOOP("Said", "write 5¢, 5c, $1.50 or 0.05"),
    QT_TRANSLATE_NOOP("Said", "write example.net or *.example.net"),
    QT_TRANSLATE_NOOP("Said", "write today, tomorrow, 18:00, 2026-12-24 or 2026-12-24 18:00"),
};

struct Template {
    const char* source;
    QRegularExpression form;
};

QRegularExpression formOf(const char* source) {
    static const QRegularExpression place(QStringLiteral("%(\\d)"));
    const QString text = QString::fromUtf8(source);
    QString pattern = QStringLiteral("^");
    qsizetype done = 0;
    for (auto found = place.globalMatch(text); found.hasNext();) {
        const auto one = found.next();
        pattern += QRegularExpression::escape(text.mid(done, one.capturedStart() - done)) + QStringLiteral("(.+?)");
        done = one.capturedEnd();
    }
    return QRegularExpression(pattern + QRegularExpression::escape(text.mid(done)) + u'$',
                              QRegularExpression::DotMatchesEverythingOption);
}

const std::vector<Template>& known() {
    static const std::vector<Template> all = [] {
        std::vector<Template> made;
        for (const char* const source : templates) made.push_back({source, formOf(source)});
        return made;
    }();
    return all;
}

// What stands in a sentence: another one, a list of names, or a rule.
QString part(const QString& english) {
    if (const QString whole = said(english); whole != english) return whole;
    static const QRegularExpression comma(QStringLiteral(", | and "));
    const QStringList names = english.split(comma);
    QStringList own;
    for (const QString& name : names) own << said(name);
    if (names.size() > 1 && own != names) {
        const QString last = own.takeLast();
        return Words::tr("%1 and %2").arg(own.join(QStringLiteral(", ")), last);
    }
    return ruleInWords(english);
}

}  // namespace

QString said(const QString& english) {
    for (const Template& one : known()) {
        const auto match = one.form.match(english);
        if (!match.hasMatch()) continue;
        const QString own = Words::tr(one.source);
        if (own == QString::fromUtf8(one.source)) return english;
        // All at once: what is put in may itself contain "%1".
        static const QRegularExpression place(QStringLiteral("%(\\d)"));
        QString text;
        qsizetype done = 0;
        for (auto found = place.globalMatch(own); found.hasNext();) {
            const auto here = found.next();
            text += own.mid(done, here.capturedStart() - done) + part(match.captured(here.captured(1).toInt()));
            done = here.capturedEnd();
        }
        return text + own.mid(done);
    }
    return english;
}

}  // namespace netpas::ui
