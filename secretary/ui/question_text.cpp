#include "secretary/ui/question_text.h"

#include <QCoreApplication>

#include "secretary/ui/api_link.h"
#include "secretary/ui/api_words.h"
#include "secretary/ui/money_text.h"

namespace netpas::ui {

using nlohmann::json;

namespace {

struct Words {
    Q_DECLARE_TR_FUNCTIONS(Question)
};

}  // namespace

QString whoAsks(const json& question) {
    const json who = at(question, {"who"});
    QString name = textAt(who, "name");
    if (name.isEmpty()) name = Words::tr("A program");
    const QString node = textAt(who, "node");
    return node.isEmpty() ? name : Words::tr("%1 on %2").arg(name, node);
}

QString whatIsAsked(const json& question) { return Words::tr("%1 asks for better quality").arg(whoAsks(question)); }

QString fromWhom(const json& question) {
    const json claim = at(question, {"claim"});
    for (const char* const part : {"contact", "domain", "payee"}) {
        if (const QString text = textAt(claim, part); !text.isEmpty()) return text;
    }
    return {};
}

QString whatItSays(const json& question) {
    const QString purpose = wordFor(textAt(at(question, {"claim"}), "purpose")), from = fromWhom(question);
    if (purpose.isEmpty() && from.isEmpty()) return Words::tr("It does not say what for.");
    if (purpose.isEmpty()) return Words::tr("It says: from %1").arg(from);
    return from.isEmpty() ? Words::tr("It says: for %1").arg(purpose)
                          : Words::tr("It says: for %1, from %2").arg(purpose, from);
}

QString whatItCosts(const json& question) {
    const json cost = at(question, {"cost"});
    const auto price = moneyFrom(at(cost, {"price"})), worst = moneyFrom(at(cost, {"worst_case"}));
    if (!price) return Words::tr("The price is not known.");
    const QString amount = moneyText(*price, Amount::Cost);
    const bool minutes = textAt(cost, "per") == QLatin1String("minute");
    const QString text = minutes ? Words::tr("%1 a minute").arg(amount) : Words::tr("%1 once").arg(amount);
    return worst ? Words::tr("%1, at most %2").arg(text, moneyText(*worst, Amount::Cost)) : text;
}

}  // namespace netpas::ui
