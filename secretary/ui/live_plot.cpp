#include "secretary/ui/live_plot.h"

#include <QLocale>
#include <QPainter>
#include <QPainterPath>
#include <algorithm>
#include <array>
#include <cmath>

#include "secretary/ui/colours.h"

namespace netpas::ui {

namespace {

constexpr qint64 span = 60000;
constexpr qint64 silence = 3000;  // without a value; a line over it would be invented
constexpr int margin = 8;

// 1, 2 or 5 times a power of ten, not below.
double roundTop(double value) {
    if (value <= 0) return 1;
    const double power = std::pow(10, std::floor(std::log10(value)));
    for (const double step : {1.0, 2.0, 5.0}) {
        if (value <= step * power) return step * power;
    }
    return 10 * power;
}

QString number(double value) {
    constexpr double hundred = 100;  // from there on without decimals, and never as a power of ten
    return value >= hundred ? QLocale().toString(value, 'f', 0) : QLocale().toString(value, 'g', 3);
}

}  // namespace

LivePlot::LivePlot(const QString& name, const QString& unit, QWidget* parent) : QWidget(parent), m_unit(unit) {
    setAccessibleName(name);
    setAccessibleDescription(inWords());
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Expanding);
    m_clock.start();
}

void LivePlot::add(const std::optional<Measured>& bestEffort, const std::optional<Measured>& paid) {
    const qint64 now = m_clock.elapsed();
    m_points.push_back({now, bestEffort, paid});
    while (!m_points.empty() && now - m_points.front().at > span) m_points.pop_front();
    setAccessibleDescription(inWords());
    setToolTip(inWords());
    update();
}

void LivePlot::show(const std::vector<Past>& points) {
    const qint64 now = m_clock.elapsed();
    m_points.clear();
    for (const Past& one : points) {
        if (one.age.count() <= span) m_points.push_back({now - one.age.count(), one.bestEffort, one.paid});
    }
    setAccessibleDescription(inWords());
    setToolTip(inWords());
    update();
}

void LivePlot::clear() {
    m_points.clear();
    setAccessibleDescription(inWords());
    update();
}

bool LivePlot::isShort() const {
    constexpr std::ptrdiff_t enough = 15;
    const auto both = [](const Point& point) { return point.bestEffort && point.paid; };
    return !m_points.empty() && std::count_if(m_points.begin(), m_points.end(), both) < enough;
}

QString LivePlot::inWords() const {
    if (m_points.empty()) return tr("Nothing is measured yet.");
    // One follows the other where the same packets were first not paid for.
    const auto last = [this](const std::optional<Measured> Point::*series) {
        const auto known = std::find_if(m_points.rbegin(), m_points.rend(),
                                        [series](const Point& point) { return (point.*series).has_value(); });
        return known != m_points.rend() ? (*known).*series : std::nullopt;
    };
    const auto text = [this](const std::optional<Measured>& one) {
        if (!one) return tr("not known");
        if (!one->value) return tr("between %1 and %2 %3").arg(number(one->low), number(one->high), m_unit);
        return tr("%1 %2").arg(number(*one->value), m_unit);
    };
    return tr("%1: paid %2, best effort %3")
        .arg(accessibleName(), text(last(&Point::paid)), text(last(&Point::bestEffort)));
}

void LivePlot::drawSeries(QPainter& painter, const QRectF& area, double top,
                          const std::optional<Measured> Point::*series, const QColor& colour) const {
    const qint64 now = m_points.back().at;
    const auto place = [&](qint64 at, double value) {
        return QPointF(area.right() - area.width() * static_cast<double>(now - at) / static_cast<double>(span),
                       area.bottom() - area.height() * std::min(value / top, 1.0));
    };
    QPolygonF upper, lower;
    QPainterPath line;
    bool drawing = false;
    // Two bands lie over each other while both are wide: their edges tell them apart.
    QColor band = colour, edge = colour;
    band.setAlphaF(0.15F);
    edge.setAlphaF(0.6F);
    const auto end = [&] {
        painter.setPen(Qt::NoPen);
        painter.setBrush(band);
        painter.drawPolygon(upper + lower);
        painter.setPen(QPen(edge, 1));
        painter.drawPolyline(upper);
        painter.drawPolyline(lower);
        upper.clear();
        lower.clear();
        drawing = false;
    };
    qint64 last = 0;
    for (const Point& point : m_points) {
        const auto& value = point.*series;
        if (!value || point.at - last > silence) end();
        last = point.at;
        if (!value) continue;
        upper << place(point.at, value->high);
        lower.prepend(place(point.at, value->low));
        if (!value->value) {
            drawing = false;
            continue;
        }
        const QPointF at = place(point.at, *value->value);
        drawing ? line.lineTo(at) : line.moveTo(at);
        drawing = true;
    }
    end();
    painter.setBrush(Qt::NoBrush);
    painter.setPen(QPen(colour, 2));
    painter.drawPath(line);
}

void LivePlot::paintEvent(QPaintEvent*) {
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    painter.fillRect(rect(), palette().base());
    const int text = fontMetrics().height();
    const QRectF area = QRectF(rect()).adjusted(margin, margin + text, -margin, -margin - text);
    painter.setPen(palette().color(QPalette::PlaceholderText));
    painter.drawLine(area.bottomLeft(), area.bottomRight());
    painter.setPen(palette().color(QPalette::Text));
    const QRectF title(area.left(), margin / 2.0, area.width(), text);
    painter.drawText(title, Qt::AlignLeft, accessibleName());
    if (m_points.empty()) {
        painter.drawText(area, Qt::AlignCenter, tr("Nothing is measured yet."));
        return;
    }
    double most = 0;
    for (const Point& point : m_points) {
        for (const auto* one : {&point.bestEffort, &point.paid}) {
            if (*one) most = std::max(most, (*one)->value.value_or((*one)->high));
        }
    }
    const double top = roundTop(most * 1.1);
    painter.drawText(title, Qt::AlignRight, tr("%1 %2").arg(number(top), m_unit));
    drawSeries(painter, area, top, &Point::bestEffort, bestEffortColour(palette()));
    drawSeries(painter, area, top, &Point::paid, paidColour(palette()));
    const Point& now = m_points.back();
    const auto scarce = [](const std::optional<Measured>& one) { return !one || !one->value; };
    if (scarce(now.paid) && scarce(now.bestEffort)) {
        painter.setPen(palette().color(QPalette::Text));
        painter.drawText(area, Qt::AlignTop | Qt::AlignHCenter | Qt::TextWordWrap,
                         tr("Few test packets so far: the truth lies in the bands, which get narrower."));
    }
    const QRectF legend(area.left(), area.bottom() + margin / 2.0, area.width(), text);
    painter.setPen(paidColour(palette()));
    painter.drawText(legend, Qt::AlignLeft, tr("paid"));
    painter.setPen(bestEffortColour(palette()));
    painter.drawText(legend, Qt::AlignRight, tr("best effort"));
}

}  // namespace netpas::ui
