#include "secretary/ui/said.h"

#include <QCache>
#include <QCoreApplication>
#include <QLocale>
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
    QT_TRANSLATE_NOOP("Said", "the neighbour refused the offer: %1"),
    QT_TRANSLATE_NOOP("Said", "this direction is not for sale"),
    QT_TRANSLATE_NOOP("Said", "the price is below what is asked now"),
    QT_TRANSLATE_NOOP("Said", "the terms are not what the seller takes"),
    QT_TRANSLATE_NOOP("Said", "these packets are paid for by the other direction's agreement"),
    QT_TRANSLATE_NOOP("Said", "the seller has too many agreements"),
    QT_TRANSLATE_NOOP("Said", "what is due must be paid first"),
    QT_TRANSLATE_NOOP("Said", "the neighbour knows no such agreement"),
    QT_TRANSLATE_NOOP("Said", "%1; the last payment failed: %2"),
    QT_TRANSLATE_NOOP("Said", "%1; a payment waits: %2"),
    QT_TRANSLATE_NOOP("Said", "%1; a payment is on its way"),
    QT_TRANSLATE_NOOP("Said", "you are asked: %1"),
    QT_TRANSLATE_NOOP("Said", "this node owes %1 USD, above the close threshold of %2"),
    QT_TRANSLATE_NOOP("Said", "the books cannot be written: what was forwarded last is forwarded on"),
    QT_TRANSLATE_NOOP("Said", "somebody else has agreed about this with the neighbour"),
    QT_TRANSLATE_NOOP("Said", "wait until that has ended; the owner may end or replace it"),
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
    QT_TRANSLATE_NOOP("Said", "no ISP was joined that could carry payments"),
    QT_TRANSLATE_NOOP("Said",
                      "these packets are paid for by the other direction's agreement, or the limit is below the close "
                      "threshold, or there are too many agreements"),
    QT_TRANSLATE_NOOP("Said", "nobody waits for an answer to it"),
    QT_TRANSLATE_NOOP("Said", "there is no such offer now"),
    QT_TRANSLATE_NOOP("Said", "only the owner, or who offered it, ends an agreement"),
    QT_TRANSLATE_NOOP("Said", "the books cannot be written: nothing is agreed or paid any more"),
    QT_TRANSLATE_NOOP("Said", "nothing is sold: this node cannot be paid (netpas receive on)"),
    QT_TRANSLATE_NOOP("Said", "nothing is bought: no ISP was joined that could carry payments (netpas join)"),
    // Passphrase, backup, recovery words.
    QT_TRANSLATE_NOOP("Said", "that is not the passphrase; nothing was spent, try again"),
    QT_TRANSLATE_NOOP("Said", "too soon after a wrong passphrase; wait two seconds"),
    QT_TRANSLATE_NOOP("Said", "try again in two seconds"),
    QT_TRANSLATE_NOOP("Said", "a passphrase has 8 to 1024 bytes"),
    QT_TRANSLATE_NOOP("Said", "the secretary is locked; unlock it with `netpas unlock`"),
    QT_TRANSLATE_NOOP("Said", "there is no passphrase; set one with `netpas passphrase set`"),
    QT_TRANSLATE_NOOP("Said", "a file of the secretary cannot be read; see `netpas doctor`"),
    QT_TRANSLATE_NOOP("Said", "a file of the secretary cannot be written; free disk space, or see `netpas doctor`"),
    QT_TRANSLATE_NOOP("Said", "a file of the secretary is damaged"),
    QT_TRANSLATE_NOOP("Said", "written by a newer version of this program; install that version"),
    QT_TRANSLATE_NOOP("Said", "not enough memory to derive the key; end some programs, then try again"),
    QT_TRANSLATE_NOOP("Said", "the database is there, but the file with its key is not"),
    QT_TRANSLATE_NOOP("Said", "the database is gone or empty, and with it what was spent; nothing is spent"),
    QT_TRANSLATE_NOOP("Said", "another operation on the vault is under way"),
    QT_TRANSLATE_NOOP("Said", "try again when it has ended"),
    QT_TRANSLATE_NOOP("Said", "there is no identity yet"),
    QT_TRANSLATE_NOOP("Said", "another identity is here, and its recovery words may not have been written down"),
    QT_TRANSLATE_NOOP("Said", "the present history, rules and contacts would be replaced"),
    QT_TRANSLATE_NOOP("Said", "the backup cannot be read: check its name and its owner"),
    QT_TRANSLATE_NOOP("Said", "this is no backup of NetPaS: choose another file"),
    QT_TRANSLATE_NOOP("Said", "that is not the passphrase of this backup, or the backup is damaged"),
    QT_TRANSLATE_NOOP("Said", "the backup is damaged or cut short: take another copy of it"),
    QT_TRANSLATE_NOOP("Said", "the backup is damaged: take another copy of it"),
    QT_TRANSLATE_NOOP("Said", "the backup's database is damaged"),
    QT_TRANSLATE_NOOP("Said", "there are 24 recovery words; these are %1"),
    QT_TRANSLATE_NOOP("Said", "word %1 is not in the list; is it \"%2\"?"),
    QT_TRANSLATE_NOOP("Said", "word %1 is not in the list"),
    QT_TRANSLATE_NOOP(
        "Said",
        "all words are in the list, but they do not belong together: one is another word, or two changed places"),
    QT_TRANSLATE_NOOP("Said", "look at the paper again, word by word"),
    QT_TRANSLATE_NOOP("Said", "the identity cannot be stored: free disk space, or see `netpas doctor`"),
    QT_TRANSLATE_NOOP(
        "Said", "the stored identity is damaged: `netpas restore --words` brings it back from the recovery words"),
    // The ISP, and ways to elsewhere.
    QT_TRANSLATE_NOOP("Said", "use https://ADDRESS:PORT/#KEY exactly as your ISP gave it to you"),
    QT_TRANSLATE_NOOP("Said", "ask your ISP for its current join address"),
    QT_TRANSLATE_NOOP("Said", "ask your ISP whether this line is its customer's"),
    QT_TRANSLATE_NOOP("Said", "set this machine's clock, then try again"),
    QT_TRANSLATE_NOOP("Said", "purchases with the present ISP are not settled yet"),
    QT_TRANSLATE_NOOP("Said", "the ISP cannot be remembered"),
    QT_TRANSLATE_NOOP("Said", "the agent has fetched another ISP's documents"),
    QT_TRANSLATE_NOOP("Said", "check the connection, then try again"),
    QT_TRANSLATE_NOOP("Said", "the directory at %1 does not answer: %2"),
    QT_TRANSLATE_NOOP("Said", "the directory at %1 has another key than expected"),
    QT_TRANSLATE_NOOP("Said", "the directory at %1 does not serve this: %2"),
    QT_TRANSLATE_NOOP("Said", "no paid path to %1 is known"),
    QT_TRANSLATE_NOOP("Said", "ISP %1 is on the way, but it publishes no menu"),
    QT_TRANSLATE_NOOP("Said", "ISP %1 is on the way, but its directory is not known"),
    QT_TRANSLATE_NOOP("Said", "ISP %1 asks more than a packet can carry"),
    QT_TRANSLATE_NOOP("Said", "ISP %1 offers no class at all"),
    QT_TRANSLATE_NOOP("Said", "no way there costs %1 a packet or less"),
    QT_TRANSLATE_NOOP("Said", "no way can be bought"),
    // Purchases.
    QT_TRANSLATE_NOOP("Said", "the offer does not hold any more"),
    QT_TRANSLATE_NOOP("Said", "the prices of the quote are not valid any more"),
    QT_TRANSLATE_NOOP("Said", "ask again"),
    QT_TRANSLATE_NOOP("Said", "no fresh session key could be made"),
    QT_TRANSLATE_NOOP("Said", "the flow goes best effort; try again later"),
    QT_TRANSLATE_NOOP("Said", "the flow goes best effort"),
    QT_TRANSLATE_NOOP("Said", "too many purchases are open"),
    QT_TRANSLATE_NOOP("Said", "stop some of them, or wait until they have ended"),
    QT_TRANSLATE_NOOP("Said", "stop some of them"),
    QT_TRANSLATE_NOOP("Said", "this flow is bought already"),
    QT_TRANSLATE_NOOP("Said", "see `netpas purchases`, or `netpas stop` the other one first"),
    QT_TRANSLATE_NOOP("Said", "that purchase is over"),
    QT_TRANSLATE_NOOP("Said", "there is no purchase %1"),
    QT_TRANSLATE_NOOP("Said", "there is no question %1"),
    QT_TRANSLATE_NOOP("Said", "A minute at %1 does not pay for the seller's smallest slice of %2."),
    QT_TRANSLATE_NOOP("Said", "ask for a larger cap, or for a shorter time"),
    QT_TRANSLATE_NOOP("Said", "a slice was not paid: %1"),
    QT_TRANSLATE_NOOP("Said", "the seller refuses: %1"),
    QT_TRANSLATE_NOOP("Said", "the seller does not say how the order stands"),
    QT_TRANSLATE_NOOP("Said", "the seller has ended it: %1"),
    QT_TRANSLATE_NOOP("Said", "the seller charges more for a packet than it offered"),
    QT_TRANSLATE_NOOP("Said", "not delivered: the seller charged for %1 packets, %2 arrived"),
    QT_TRANSLATE_NOOP("Said", "incoming packets cannot be bought for here"),
    QT_TRANSLATE_NOOP("Said", "purchase %1: the ISP states %2, counted here %3"),
    QT_TRANSLATE_NOOP("Said", "the ISP states %1, counted here %2"),
    QT_TRANSLATE_NOOP("Said", "the ISP knows no such key: nothing is owed"),
    // Contacts and budgets.
    QT_TRANSLATE_NOOP("Said", "there is no such contact"),
    QT_TRANSLATE_NOOP("Said", "contact %1: the name belongs to contact %2"),
    QT_TRANSLATE_NOOP("Said", "contact %1: payee %2 belongs to contact %3"),
    QT_TRANSLATE_NOOP("Said", "contact %1: domain %2 belongs to contact %3"),
    QT_TRANSLATE_NOOP("Said", "contact %1: address %2 belongs to contact %3"),
    QT_TRANSLATE_NOOP("Said", "a name is 1 to 128 bytes of plain text"),
    QT_TRANSLATE_NOOP("Said", "give it such a name"),
    QT_TRANSLATE_NOOP("Said", "a group is 1 to 64 bytes of plain text"),
    QT_TRANSLATE_NOOP("Said", "rename or remove the group"),
    QT_TRANSLATE_NOOP("Said", "\"%1\" is not a domain name"),
    QT_TRANSLATE_NOOP("Said", "give it like example.net, without https:// and without a path"),
    QT_TRANSLATE_NOOP("Said", "give domains like example.net, without https:// and without a path"),
    QT_TRANSLATE_NOOP("Said", "the contacts cannot be written; nothing was changed"),
    QT_TRANSLATE_NOOP("Said", "there are 10000 contacts already"),
    QT_TRANSLATE_NOOP("Said", "a budget below zero"),
    QT_TRANSLATE_NOOP("Said", "give an amount such as 0.50"),
    QT_TRANSLATE_NOOP("Said", "that limit is the administrator's"),
    QT_TRANSLATE_NOOP("Said", "restart netpasd with another limit"),
    QT_TRANSLATE_NOOP("Said", "ask for less, or restart netpasd with a higher limit"),
    QT_TRANSLATE_NOOP("Said", "there is no such budget"),
    QT_TRANSLATE_NOOP("Said", "the budget cannot be written"),
    QT_TRANSLATE_NOOP("Said", "set the clock right, or say that it is with `netpas budget accept-clock`"),
    // Whatever is asked for.
    QT_TRANSLATE_NOOP("Said", "plug it in or start it; everything goes best effort meanwhile"),
    QT_TRANSLATE_NOOP("Said", "on the modem: netpas status; then try again"),
    QT_TRANSLATE_NOOP("Said", "the secretary is not there: %1"),
    QT_TRANSLATE_NOOP("Said", "too many requests wait"),
    QT_TRANSLATE_NOOP("Said", "try again in a moment"),
    QT_TRANSLATE_NOOP("Said", "the ledger cannot be written"),
    QT_TRANSLATE_NOOP("Said", "the books cannot be written"),
    QT_TRANSLATE_NOOP("Said", "free disk space"),
    QT_TRANSLATE_NOOP("Said", "free some disk space"),
    QT_TRANSLATE_NOOP("Said", "free some disk space, then restart netpasd"),
    QT_TRANSLATE_NOOP("Said", "ask the owner of this machine"),
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

QString inOwnWords(const QString& english) {
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

}  // namespace

// Tables ask for the same sentences again and again, when they are sorted for each of 100,000 rows.
QString said(const QString& english) {
    constexpr qsizetype mostKept = 4096;
    static QCache<QString, QString> kept(mostKept);
    const QString key = QLocale().name() + u' ' + english;
    if (const QString* const own = kept.object(key)) return *own;
    const QString own = inOwnWords(english);
    kept.insert(key, new QString(own));
    return own;
}

}  // namespace netpas::ui
