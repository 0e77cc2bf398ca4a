#include "secretary/ui/money_text.h"

#include <QCoreApplication>
#include <QLocale>
#include <algorithm>
#include <nlohmann/json.hpp>

namespace netpas::ui {

namespace {

__extension__ using Wide = unsigned __int128;

constexpr int picoDigits = 12;      // of a dollar
constexpr int picoCentDigits = 10;  // of a cent
constexpr int significant = 3;

Wide picodollars(Money amount) {
    const int64_t eighths = amount.eighths();
    const uint64_t size = eighths < 0 ? uint64_t{0} - static_cast<uint64_t>(eighths) : static_cast<uint64_t>(eighths);
    return Wide{size} * 125;
}

QString digitsOf(Wide value) {
    QString text;
    do {
        text.prepend(QChar(u'0' + static_cast<char16_t>(value % 10)));
        value /= 10;
    } while (value > 0);
    return text;
}

Wide powerOfTen(int exponent) {
    Wide value = 1;
    for (int i = 0; i < exponent; ++i) value *= 10;
    return value;
}

// To a multiple of ten to the power of `dropped`.
Wide rounded(Wide value, int dropped, bool up) {
    const Wide unit = powerOfTen(dropped);
    const Wide rest = value % unit;
    return value - rest + (up && rest > 0 ? unit : Wide{0});
}

// `value` has so many decimals; trailing zeros beyond `leastDecimals` go.
QString decimal(Wide value, int decimals, int leastDecimals) {
    const QLocale locale;
    const Wide unit = powerOfTen(decimals);
    QString fraction = digitsOf(value % unit).rightJustified(decimals, u'0');
    while (fraction.size() > leastDecimals && fraction.endsWith(u'0')) fraction.chop(1);
    const QString whole = locale.toString(static_cast<qulonglong>(value / unit));
    return fraction.isEmpty() ? whole : whole + locale.decimalPoint() + fraction;
}

}  // namespace

QString moneyText(Money amount, Amount kind) {
    // Of a negative cost the size is a credit.
    const bool up = (kind == Amount::Cost) != amount.isNegative();
    const QString sign = amount.isNegative() ? QStringLiteral("−") : QString();
    const Wide pico = picodollars(amount);
    if (pico == 0) return QStringLiteral("$0");
    const Wide dollar = powerOfTen(picoDigits);
    if (pico >= dollar) return sign + QStringLiteral("$") + decimal(rounded(pico, picoCentDigits, up), picoDigits, 2);
    const int digits = static_cast<int>(digitsOf(pico).size());
    const Wide shown = rounded(pico, std::max(digits - significant, 0), up);
    if (shown >= dollar) return sign + QStringLiteral("$") + decimal(shown, picoDigits, 2);
    return sign + decimal(shown, picoCentDigits, 0) + QStringLiteral(" ¢");
}

QString exactMoney(Money amount) {
    return (amount.isNegative() ? QStringLiteral("−$") : QStringLiteral("$")) +
           decimal(picodollars(amount), picoDigits, 0);
}

std::optional<Money> moneyFrom(const nlohmann::json& text) {
    if (!text.is_string()) return std::nullopt;
    const auto amount = Money::parse(text.get_ref<const std::string&>());
    return amount ? std::optional(*amount) : std::nullopt;
}

std::optional<Money> moneyTyped(const QString& text) {
    QString plain = text.trimmed();
    bool cents = false;
    for (const QString& unit : {QStringLiteral("¢"), QStringLiteral("ct"), QStringLiteral("c")}) {
        if (!plain.endsWith(unit, Qt::CaseInsensitive)) continue;
        plain.chop(unit.size());
        cents = true;
        break;
    }
    plain.remove(u'$');
    plain = plain.trimmed();
    // Of two decimal marks the last would decide in one country and the first in another: then it is no number.
    plain.replace(QLocale().decimalPoint(), QStringLiteral("."));
    const auto amount = Money::parse(plain.toStdString());
    if (!amount || amount->isNegative()) return std::nullopt;
    if (!cents) return *amount;
    constexpr int64_t centsOfDollar = 100;
    if (amount->eighths() % centsOfDollar != 0) return std::nullopt;
    return Money::fromEighths(amount->eighths() / centsOfDollar);
}

}  // namespace netpas::ui
