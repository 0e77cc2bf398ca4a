#include "secretary/ui/spending_plot.h"

#include <QDate>
#include <QHelpEvent>
#include <QKeyEvent>
#include <QLocale>
#include <QMouseEvent>
#include <QPainter>
#include <QToolTip>
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "secretary/ui/api_link.h"
#include "secretary/ui/colours.h"
#include "secretary/ui/money_text.h"

namespace netpas::ui {

using nlohmann::json;

namespace {

constexpr int margin = 8;
constexpr size_t mostNames = 6;

Money sumOf(Money a, Money b) { return checkedAdd(a, b).value_or(Money::max()); }

}  // namespace

std::vector<SpendingBar> spendingByDay(const json& totals, const QDate& first, const QDate& last) {
    std::map<QString, Money> known;
    for (const json& one : at(totals, {"totals"}))
        known[textAt(one, "name")] = moneyFrom(at(one, {"amount"})).value_or(Money::zero());
    std::vector<SpendingBar> bars;
    for (QDate day = first; day <= last; day = day.addDays(1)) {
        const auto found = known.find(day.toString(Qt::ISODate));
        bars.push_back(
            {QLocale().toString(day, QLocale::ShortFormat), found == known.end() ? Money::zero() : found->second});
    }
    return bars;
}

std::vector<SpendingBar> spendingByName(const json& totals, size_t most) {
    std::vector<SpendingBar> bars;
    Money others;
    size_t rest = 0;
    for (const json& one : at(totals, {"totals"})) {
        const Money amount = moneyFrom(at(one, {"amount"})).value_or(Money::zero());
        if (bars.size() < most) {
            const QString name = textAt(one, "name").section(u'/', -1);
            bars.push_back({name.isEmpty() ? SpendingPlot::tr("not said") : name, amount});
        } else {
            others = sumOf(others, amount);
            ++rest;
        }
    }
    if (rest > 0) bars.push_back({SpendingPlot::tr("%n others", nullptr, static_cast<int>(rest)), others});
    return bars;
}

SpendingPlot::SpendingPlot(QWidget* parent) : QWidget(parent) {
    setFocusPolicy(Qt::StrongFocus);
    setAccessibleName(tr("spending"));
}

QSize SpendingPlot::sizeHint() const {
    return {420, (fontMetrics().height() + 4) * static_cast<int>(mostNames + 1) + 2 * margin};
}

void SpendingPlot::setBars(Kind kind, std::vector<SpendingBar> bars) {
    m_kind = kind;
    m_known = true;
    m_bars = std::move(bars);
    m_most = Money::zero();
    Money sum;
    for (const SpendingBar& bar : m_bars) {
        m_most = std::max(m_most, bar.amount);
        sum = sumOf(sum, bar.amount);
    }
    m_chosen = -1;
    setAccessibleDescription(tr("%1 in all").arg(moneyText(sum, Amount::Cost)));
    update();
}

int SpendingPlot::labelWidth() const {
    int widest = 0;
    for (const SpendingBar& bar : m_bars) widest = std::max(widest, fontMetrics().horizontalAdvance(bar.name));
    return std::min(widest + margin, width() / 3);
}

QRectF SpendingPlot::area() const {
    const int text = fontMetrics().height();
    const QRectF inside = QRectF(rect()).adjusted(margin, margin, -margin, -margin);
    if (m_kind == Kind::Days) return inside.adjusted(0, text + 2, 0, -text - 2);
    return inside.adjusted(labelWidth(), 0, 0, 0);
}

QRectF SpendingPlot::slotOf(size_t index) const {
    const QRectF box = area();
    const auto count = static_cast<double>(std::max<size_t>(m_bars.size(), 1));
    const auto place = static_cast<double>(index);
    if (m_kind == Kind::Days) {
        return {box.left() + box.width() * place / count, box.top(), box.width() / count, box.height()};
    }
    const double height = std::min(box.height() / count, fontMetrics().height() + 6.0);
    return {box.left(), box.top() + height * place, box.width(), height};
}

int SpendingPlot::barAt(const QPointF& point) const {
    for (size_t i = 0; i < m_bars.size(); ++i) {
        QRectF place = slotOf(i);
        if (m_kind == Kind::Names) place.setLeft(0);
        if (place.contains(point)) return static_cast<int>(i);
    }
    return -1;
}

QString SpendingPlot::inWords(int index) const {
    if (index < 0 || index >= static_cast<int>(m_bars.size())) return {};
    const SpendingBar& bar = m_bars[static_cast<size_t>(index)];
    return tr("%1: %2").arg(bar.name, exactMoney(bar.amount));
}

void SpendingPlot::choose(int index) {
    if (m_bars.empty()) return;
    m_chosen = std::clamp(index, 0, static_cast<int>(m_bars.size()) - 1);
    setAccessibleDescription(inWords(m_chosen));
    update();
}

void SpendingPlot::paintEvent(QPaintEvent*) {
    QPainter painter(this);
    painter.fillRect(rect(), palette().base());
    if (hasFocus()) {
        painter.setPen(palette().color(QPalette::Highlight));
        painter.drawRect(rect().adjusted(0, 0, -1, -1));
    }
    painter.setPen(palette().color(QPalette::Text));
    if (m_most == Money::zero()) {
        if (m_known) painter.drawText(rect(), Qt::AlignCenter, tr("Nothing was spent in this time."));
        return;
    }
    m_kind == Kind::Days ? paintDays(painter) : paintNames(painter);
}

void SpendingPlot::paintDays(QPainter& painter) const {
    const QRectF box = area();
    const int text = fontMetrics().height();
    const QRectF above(box.left(), margin / 2.0, box.width(), text),
        below(box.left(), box.bottom() + 2, box.width(), text);
    painter.drawText(
        above, Qt::AlignLeft,
        m_chosen >= 0 ? inWords(m_chosen) : tr("%1 on the dearest day").arg(moneyText(m_most, Amount::Cost)));
    painter.drawText(below, Qt::AlignLeft, m_bars.front().name);
    painter.drawText(below, Qt::AlignRight, m_bars.back().name);
    painter.setPen(palette().color(QPalette::PlaceholderText));
    painter.drawLine(box.bottomLeft(), box.bottomRight());
    painter.setPen(Qt::NoPen);
    for (size_t i = 0; i < m_bars.size(); ++i) {
        QRectF bar = slotOf(i);
        const double part = static_cast<double>(m_bars[i].amount.eighths()) / static_cast<double>(m_most.eighths());
        bar.setTop(bar.bottom() - bar.height() * part);
        bar.adjust(bar.width() * 0.1, 0, -bar.width() * 0.1, 0);
        painter.fillRect(
            bar, static_cast<int>(i) == m_chosen ? palette().color(QPalette::Highlight) : paidColour(palette()));
    }
}

void SpendingPlot::paintNames(QPainter& painter) const {
    for (size_t i = 0; i < m_bars.size(); ++i) {
        const QRectF place = slotOf(i);
        const QString amount = moneyText(m_bars[i].amount, Amount::Cost);
        const double room = place.width() - fontMetrics().horizontalAdvance(amount) - margin;
        const double part = static_cast<double>(m_bars[i].amount.eighths()) / static_cast<double>(m_most.eighths());
        const QRectF bar(place.left(), place.top() + 3, std::max(room * part, 1.0), place.height() - 6);
        painter.fillRect(
            bar, static_cast<int>(i) == m_chosen ? palette().color(QPalette::Highlight) : paidColour(palette()));
        painter.setPen(palette().color(QPalette::Text));
        const QRectF label(margin, place.top(), labelWidth() - margin, place.height());
        painter.drawText(label, Qt::AlignLeft | Qt::AlignVCenter,
                         fontMetrics().elidedText(m_bars[i].name, Qt::ElideRight, static_cast<int>(label.width())));
        painter.drawText(QRectF(bar.right() + margin / 2.0, place.top(), place.width(), place.height()),
                         Qt::AlignLeft | Qt::AlignVCenter, amount);
    }
}

bool SpendingPlot::event(QEvent* event) {
    if (event->type() != QEvent::ToolTip) return QWidget::event(event);
    auto* const help = static_cast<QHelpEvent*>(event);
    QToolTip::showText(help->globalPos(), inWords(barAt(help->pos())), this);
    return true;
}

void SpendingPlot::mousePressEvent(QMouseEvent* event) {
    if (const int bar = barAt(event->position()); bar >= 0) choose(bar);
}

void SpendingPlot::keyPressEvent(QKeyEvent* event) {
    switch (event->key()) {
    case Qt::Key_Right:
    case Qt::Key_Down: return choose(m_chosen + 1);
    case Qt::Key_Left:
    case Qt::Key_Up: return choose(m_chosen - 1);
    default: QWidget::keyPressEvent(event);
    }
}

}  // namespace netpas::ui
