#include "secretary/ui/rule_words.h"

#include <QCoreApplication>
#include <QLocale>
#include <QRegularExpression>
#include <QStringList>
#include <algorithm>
#include <optional>
#include <vector>

#include "secretary/ui/money_text.h"

namespace netpas::ui {

namespace {

struct Words {
    Q_DECLARE_TR_FUNCTIONS(RuleWords)
};

// What stands between the names, amounts and times of a rule (secretary/rules/sentence, grammar). But for
// days, which are shown only, no two may be the same in a translation.
constexpr const char* phrases[] = {
    QT_TRANSLATE_NOOP("RuleWords", "up to"),
    QT_TRANSLATE_NOOP("RuleWords", "always"),
    QT_TRANSLATE_NOOP("RuleWords", "never pay"),
    QT_TRANSLATE_NOOP("RuleWords", "never"),
    QT_TRANSLATE_NOOP("RuleWords", "ask"),
    QT_TRANSLATE_NOOP("RuleWords", "a minute"),
    QT_TRANSLATE_NOOP("RuleWords", "an item"),
    QT_TRANSLATE_NOOP("RuleWords", "each"),
    QT_TRANSLATE_NOOP("RuleWords", "whatever a minute costs"),
    QT_TRANSLATE_NOOP("RuleWords", "whatever an item costs"),
    QT_TRANSLATE_NOOP("RuleWords", "by the minute"),
    QT_TRANSLATE_NOOP("RuleWords", "by the item"),
    QT_TRANSLATE_NOOP("RuleWords", "about prices by the minute"),
    QT_TRANSLATE_NOOP("RuleWords", "about prices by the item"),
    QT_TRANSLATE_NOOP("RuleWords", "for"),
    QT_TRANSLATE_NOOP("RuleWords", "for anything"),
    QT_TRANSLATE_NOOP("RuleWords", "for what has no purpose"),
    QT_TRANSLATE_NOOP("RuleWords", "in quality"),
    QT_TRANSLATE_NOOP("RuleWords", "in"),
    QT_TRANSLATE_NOOP("RuleWords", "in unknown apps"),
    QT_TRANSLATE_NOOP("RuleWords", "with"),
    QT_TRANSLATE_NOOP("RuleWords", "with contact"),
    QT_TRANSLATE_NOOP("RuleWords", "with strangers"),
    QT_TRANSLATE_NOOP("RuleWords", "with nobody of a group"),
    QT_TRANSLATE_NOOP("RuleWords", "from"),
    QT_TRANSLATE_NOOP("RuleWords", "from any site"),
    QT_TRANSLATE_NOOP("RuleWords", "without a site"),
    QT_TRANSLATE_NOOP("RuleWords", "and its sub-domains"),
    QT_TRANSLATE_NOOP("RuleWords", "to"),
    QT_TRANSLATE_NOOP("RuleWords", "to bare addresses"),
    QT_TRANSLATE_NOOP("RuleWords", "through ISP"),
    QT_TRANSLATE_NOOP("RuleWords", "by"),
    QT_TRANSLATE_NOOP("RuleWords", "by nobody known"),
    QT_TRANSLATE_NOOP("RuleWords", "on"),
    QT_TRANSLATE_NOOP("RuleWords", "on this machine"),
    QT_TRANSLATE_NOOP("RuleWords", "at most"),
    QT_TRANSLATE_NOOP("RuleWords", "a day"),
    QT_TRANSLATE_NOOP("RuleWords", "a week"),
    QT_TRANSLATE_NOOP("RuleWords", "a month"),
    QT_TRANSLATE_NOOP("RuleWords", "in all"),
    QT_TRANSLATE_NOOP("RuleWords", "once"),
    QT_TRANSLATE_NOOP("RuleWords", "until"),
    QT_TRANSLATE_NOOP("RuleWords", "until the app exits"),
    QT_TRANSLATE_NOOP("RuleWords", "exits"),
    QT_TRANSLATE_NOOP("RuleWords", "today"),
    QT_TRANSLATE_NOOP("RuleWords", "tomorrow"),
    QT_TRANSLATE_NOOP("RuleWords", "ask above that"),
    QT_TRANSLATE_NOOP("RuleWords", "refuse above that"),
    QT_TRANSLATE_NOOP("RuleWords", "ask beyond that"),
    QT_TRANSLATE_NOOP("RuleWords", "refuse beyond that"),
    QT_TRANSLATE_NOOP("RuleWords", "ask about others"),
    QT_TRANSLATE_NOOP("RuleWords", "refuse about others"),
    QT_TRANSLATE_NOOP("RuleWords", "every day"),
    QT_TRANSLATE_NOOP("RuleWords", "on working days"),
    QT_TRANSLATE_NOOP("RuleWords", "at weekends"),
    QT_TRANSLATE_NOOP("RuleWords", "on Mondays"),
    QT_TRANSLATE_NOOP("RuleWords", "on Tuesdays"),
    QT_TRANSLATE_NOOP("RuleWords", "on Wednesdays"),
    QT_TRANSLATE_NOOP("RuleWords", "on Thursdays"),
    QT_TRANSLATE_NOOP("RuleWords", "on Fridays"),
    QT_TRANSLATE_NOOP("RuleWords", "on Saturdays"),
    QT_TRANSLATE_NOOP("RuleWords", "on Sundays"),
    QT_TRANSLATE_NOOP("RuleWords", "Tuesdays"),
    QT_TRANSLATE_NOOP("RuleWords", "Wednesdays"),
    QT_TRANSLATE_NOOP("RuleWords", "Thursdays"),
    QT_TRANSLATE_NOOP("RuleWords", "Fridays"),
    QT_TRANSLATE_NOOP("RuleWords", "Saturdays"),
    QT_TRANSLATE_NOOP("RuleWords", "Sundays"),
    QT_TRANSLATE_NOOP("RuleWords", "advertisement"),
    QT_TRANSLATE_NOOP("RuleWords", "articles"),
    QT_TRANSLATE_NOOP("RuleWords", "audio calls"),
    QT_TRANSLATE_NOOP("RuleWords", "books"),
    QT_TRANSLATE_NOOP("RuleWords", "calls"),
    QT_TRANSLATE_NOOP("RuleWords", "comics"),
    QT_TRANSLATE_NOOP("RuleWords", "conferences"),
    QT_TRANSLATE_NOOP("RuleWords", "downloads"),
    QT_TRANSLATE_NOOP("RuleWords", "films"),
    QT_TRANSLATE_NOOP("RuleWords", "games"),
    QT_TRANSLATE_NOOP("RuleWords", "movies"),
    QT_TRANSLATE_NOOP("RuleWords", "music"),
    QT_TRANSLATE_NOOP("RuleWords", "songs"),
    QT_TRANSLATE_NOOP("RuleWords", "video"),
    QT_TRANSLATE_NOOP("RuleWords", "video calls"),
    QT_TRANSLATE_NOOP("RuleWords", "video conferences"),
    QT_TRANSLATE_NOOP("RuleWords", "voice calls"),
};

struct Word {
    QString text;
    QString stop;  // a comma, semicolon or full stop behind it
};

struct Phrase {
    QStringList words;
    QString meaning;
};
using Book = std::vector<Phrase>;

Book makeBook(bool back) {
    Book book;
    for (const char* const phrase : phrases) {
        const QString english = QString::fromLatin1(phrase), own = Words::tr(phrase);
        book.push_back({(back ? own : english).toLower().split(u' '), back ? english : own});
    }
    std::stable_sort(book.begin(), book.end(),
                     [](const Phrase& a, const Phrase& b) { return a.words.size() > b.words.size(); });
    return book;
}

// Made anew when another language is spoken.
const Book& bookOf(bool back) {
    static QString language;
    static Book books[2];
    if (const QString spoken = Words::tr("up to"); spoken != language || books[0].empty()) {
        language = spoken;
        books[0] = makeBook(false);
        books[1] = makeBook(true);
    }
    return books[back ? 1 : 0];
}

// What stands in quotation marks is one word, and stays as it is.
std::vector<Word> wordsOf(const QString& text) {
    static const QRegularExpression word(QStringLiteral(R"(("[^"]*"|[^ \t\n]+))"));
    std::vector<Word> words;
    for (auto found = word.globalMatch(text); found.hasNext();) {
        Word one{found.next().captured(), {}};
        if (one.text.size() > 1 && QStringLiteral(",;.").contains(one.text.back())) {
            one.stop = one.text.back();
            one.text.chop(1);
        }
        words.push_back(std::move(one));
    }
    return words;
}

const Phrase* phraseAt(const Book& book, const std::vector<Word>& words, size_t at) {
    const auto isHere = [&](const Phrase& phrase) {
        const auto length = static_cast<size_t>(phrase.words.size());
        if (at + length > words.size()) return false;
        for (size_t i = 0; i < length; ++i) {
            const Word& word = words[at + i];
            if (word.text.toLower() != phrase.words[static_cast<qsizetype>(i)]) return false;
            if (i + 1 < length && !word.stop.isEmpty()) return false;
        }
        return true;
    };
    const auto found = std::find_if(book.begin(), book.end(), isHere);
    return found == book.end() ? nullptr : &*found;
}

// "$1.50" and "0.3¢" as this country writes them; every digit stays.
QString amountShown(QString word) {
    static const QRegularExpression amount(QStringLiteral("^(\\$\\d+(\\.\\d+)?|\\d+(\\.\\d+)?¢)$"));
    if (!amount.match(word).hasMatch()) return word;
    word.replace(u'.', QLocale().decimalPoint());
    return word.replace(QStringLiteral("¢"), QStringLiteral("\u00a0¢"));
}

// An amount with a sign, a unit or decimals; other numbers are something else.
std::optional<QString> amountTyped(const std::vector<Word>& words, size_t at, size_t& used) {
    static const QRegularExpression amount(
        QStringLiteral("^(\\$\\d+([.,]\\d+)?|\\d+[.,]\\d+|\\d+([.,]\\d+)?\u00a0?(¢|c|ct))$"),
        QRegularExpression::CaseInsensitiveOption);
    static const QRegularExpression number(QStringLiteral("^\\d+([.,]\\d+)?$"));
    static const QStringList units{QStringLiteral("¢"), QStringLiteral("ct"), QStringLiteral("cent"),
                                   QStringLiteral("cents")};
    QString text = words[at].text;
    used = 1;
    const bool followed = at + 1 < words.size() && units.contains(words[at + 1].text.toLower());
    if (followed && words[at].stop.isEmpty() && number.match(text).hasMatch()) {
        text += QStringLiteral("¢");
        used = 2;
    } else if (!amount.match(text).hasMatch()) {
        return std::nullopt;
    }
    const auto money = moneyTyped(text.remove(u'\u00a0'));
    if (!money) return std::nullopt;
    return u'$' + QString::fromStdString(money->toString());
}

bool isClock(const Word& word) {
    static const QRegularExpression clock(QStringLiteral("^\\d\\d:\\d\\d$"));
    return clock.match(word.text).hasMatch();
}

QString asBegun(QString text, const QString& like) {
    if (!text.isEmpty() && !like.isEmpty() && like.front().isUpper()) text.front() = text.front().toUpper();
    return text;
}

}  // namespace

QString ruleInWords(const QString& english) {
    const std::vector<Word> words = wordsOf(english);
    const Book& book = bookOf(false);
    QStringList out;
    for (size_t i = 0; i < words.size();) {
        // Times of the day; all else that comes from somewhere is a site.
        if (i + 3 < words.size() && words[i].text == u"from" && isClock(words[i + 1]) && isClock(words[i + 3])) {
            out << Words::tr("from %1 to %2").arg(words[i + 1].text, words[i + 3].text) + words[i + 3].stop;
            i += 4;
            continue;
        }
        if (const Phrase* const phrase = phraseAt(book, words, i)) {
            const size_t last = i + static_cast<size_t>(phrase->words.size()) - 1;
            out << asBegun(phrase->meaning, i == 0 ? english : QString()) + words[last].stop;
            i = last + 1;
            continue;
        }
        out << amountShown(words[i].text) + words[i].stop;
        ++i;
    }
    return out.join(u' ');
}

QString ruleFromWords(const QString& typed) {
    const std::vector<Word> words = wordsOf(typed);
    const Book& book = bookOf(true);
    QStringList out;
    for (size_t i = 0; i < words.size();) {
        size_t used = 1;
        if (const auto amount = amountTyped(words, i, used)) {
            out << *amount + words[i + used - 1].stop;
            i += used;
            continue;
        }
        const Phrase* const phrase = phraseAt(book, words, i);
        const size_t last = phrase != nullptr ? i + static_cast<size_t>(phrase->words.size()) - 1 : i;
        out << (phrase != nullptr ? phrase->meaning : words[i].text) + words[last].stop;
        i = last + 1;
    }
    return out.join(u' ');
}

}  // namespace netpas::ui
