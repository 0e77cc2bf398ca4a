#include "secretary/ui/api_words.h"

#include <QCoreApplication>

#include "secretary/ui/api_link.h"
#include "secretary/ui/money_text.h"

namespace netpas::ui {

namespace {

struct Words {
    Q_DECLARE_TR_FUNCTIONS(ApiWords)
};

// For lupdate; the look-up goes by the text itself.
[[maybe_unused]] constexpr const char* known[] = {
    QT_TRANSLATE_NOOP("ApiWords", "requested"),
    QT_TRANSLATE_NOOP("ApiWords", "reserved"),
    QT_TRANSLATE_NOOP("ApiWords", "key ready"),
    QT_TRANSLATE_NOOP("ApiWords", "published"),
    QT_TRANSLATE_NOOP("ApiWords", "active"),
    QT_TRANSLATE_NOOP("ApiWords", "stopping"),
    QT_TRANSLATE_NOOP("ApiWords", "settling"),
    QT_TRANSLATE_NOOP("ApiWords", "settled"),
    QT_TRANSLATE_NOOP("ApiWords", "refused"),
    QT_TRANSLATE_NOOP("ApiWords", "disabled"),
    QT_TRANSLATE_NOOP("ApiWords", "used"),
    QT_TRANSLATE_NOOP("ApiWords", "expired"),
    QT_TRANSLATE_NOOP("ApiWords", "app-exited"),
    QT_TRANSLATE_NOOP("ApiWords", "best effort"),
    QT_TRANSLATE_NOOP("ApiWords", "thrifty"),
    QT_TRANSLATE_NOOP("ApiWords", "enough"),
    QT_TRANSLATE_NOOP("ApiWords", "most"),
    QT_TRANSLATE_NOOP("ApiWords", "none: this is what you have"),
    QT_TRANSLATE_NOOP("ApiWords", "not known: too little is promised"),
    QT_TRANSLATE_NOOP("ApiWords", "stalls go on: the stream needs more than that"),
    QT_TRANSLATE_NOOP("ApiWords", "stalls gone: possible"),
    QT_TRANSLATE_NOOP("ApiWords", "stalls gone: likely"),
    QT_TRANSLATE_NOOP("ApiWords", "stopped"),
    QT_TRANSLATE_NOOP("ApiWords", "cap reached"),
    QT_TRANSLATE_NOOP("ApiWords", "duration over"),
    QT_TRANSLATE_NOOP("ApiWords", "agent stopped"),
    QT_TRANSLATE_NOOP("ApiWords", "agent restarted"),
    QT_TRANSLATE_NOOP("ApiWords", "refused by the ISP"),
    QT_TRANSLATE_NOOP("ApiWords", "ISP unreachable"),
    QT_TRANSLATE_NOOP("ApiWords", "data plane failed"),
    QT_TRANSLATE_NOOP("ApiWords", "capture failed"),
    QT_TRANSLATE_NOOP("ApiWords", "refused by the secretary"),
    QT_TRANSLATE_NOOP("ApiWords", "no offer"),
    QT_TRANSLATE_NOOP("ApiWords", "key expired"),
    QT_TRANSLATE_NOOP("ApiWords", "locked"),
    QT_TRANSLATE_NOOP("ApiWords", "spending paused"),
    QT_TRANSLATE_NOOP("ApiWords", "agent lost"),
    QT_TRANSLATE_NOOP("ApiWords", "alarm"),
    QT_TRANSLATE_NOOP("ApiWords", "paid"),
    QT_TRANSLATE_NOOP("ApiWords", "payment expired"),
    QT_TRANSLATE_NOOP("ApiWords", "payment cancelled"),
    QT_TRANSLATE_NOOP("ApiWords", "payment refused"),
    QT_TRANSLATE_NOOP("ApiWords", "not delivered"),
    QT_TRANSLATE_NOOP("ApiWords", "app"),
    QT_TRANSLATE_NOOP("ApiWords", "payee"),
    QT_TRANSLATE_NOOP("ApiWords", "purpose"),
    QT_TRANSLATE_NOOP("ApiWords", "node"),
    QT_TRANSLATE_NOOP("ApiWords", "user"),
    QT_TRANSLATE_NOOP("ApiWords", "rule"),
    // Agreements with neighbours.
    QT_TRANSLATE_NOOP("ApiWords", "upstream"),
    QT_TRANSLATE_NOOP("ApiWords", "downstream"),
    QT_TRANSLATE_NOOP("ApiWords", "buyer"),
    QT_TRANSLATE_NOOP("ApiWords", "seller"),
    QT_TRANSLATE_NOOP("ApiWords", "asked"),
    QT_TRANSLATE_NOOP("ApiWords", "offered"),
    QT_TRANSLATE_NOOP("ApiWords", "ending"),
    QT_TRANSLATE_NOOP("ApiWords", "ended"),
    // What applications say it is for, where they use the usual words.
    QT_TRANSLATE_NOOP("ApiWords", "advertisement"),
    QT_TRANSLATE_NOOP("ApiWords", "article"),
    QT_TRANSLATE_NOOP("ApiWords", "audio-call"),
    QT_TRANSLATE_NOOP("ApiWords", "backup"),
    QT_TRANSLATE_NOOP("ApiWords", "book"),
    QT_TRANSLATE_NOOP("ApiWords", "call"),
    QT_TRANSLATE_NOOP("ApiWords", "comic"),
    QT_TRANSLATE_NOOP("ApiWords", "conference"),
    QT_TRANSLATE_NOOP("ApiWords", "download"),
    QT_TRANSLATE_NOOP("ApiWords", "film"),
    QT_TRANSLATE_NOOP("ApiWords", "game"),
    QT_TRANSLATE_NOOP("ApiWords", "movie"),
    QT_TRANSLATE_NOOP("ApiWords", "music"),
    QT_TRANSLATE_NOOP("ApiWords", "present"),
    QT_TRANSLATE_NOOP("ApiWords", "song"),
    QT_TRANSLATE_NOOP("ApiWords", "video"),
    QT_TRANSLATE_NOOP("ApiWords", "video-call"),
    QT_TRANSLATE_NOOP("ApiWords", "video-conference"),
    QT_TRANSLATE_NOOP("ApiWords", "voice-call"),
};

}  // namespace

QString wordFor(const QString& word) { return Words::tr(word.toUtf8().constData()); }

QString budgetText(const nlohmann::json& budget) {
    const auto amount = moneyFrom(at(budget, {"amount"}));
    if (!amount) return textAt(budget, "sentence");
    const QString period = textAt(budget, "period"), scope = textAt(budget, "scope"),
                  subject = textAt(budget, "subject");
    const QString most = moneyText(*amount, Amount::Credit);
    const QString text = period == QLatin1String("day")     ? Words::tr("%1 a day").arg(most)
                         : period == QLatin1String("week")  ? Words::tr("%1 a week").arg(most)
                         : period == QLatin1String("month") ? Words::tr("%1 a month").arg(most)
                                                            : Words::tr("%1 in all").arg(most);
    if (scope == QLatin1String("everything")) return Words::tr("%1 for everything").arg(text);
    if (scope == QLatin1String("rule") && subject == QLatin1String("learned")) {
        return Words::tr("%1 without asking").arg(text);
    }
    if (subject.isEmpty() || at(budget, {"each"}) == nlohmann::json(true)) {
        return Words::tr("%1 for each %2").arg(text, wordFor(scope));
    }
    return Words::tr("%1 for %2 %3").arg(text, wordFor(scope), subject);
}

}  // namespace netpas::ui
