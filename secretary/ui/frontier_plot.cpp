#include "secretary/ui/frontier_plot.h"

#include <QKeyEvent>
#include <QMouseEvent>
#include <QPainter>
#include <algorithm>
#include <cmath>

#include "secretary/ui/colours.h"

namespace netpas::ui {

namespace {

constexpr int margin = 10;
constexpr double radius = 7;

}  // namespace

FrontierPlot::FrontierPlot(QWidget* parent) : QWidget(parent) {
    setFocusPolicy(Qt::StrongFocus);
    setAccessibleName(tr("price against quality"));
    setChosen(0);
}

void FrontierPlot::setPoints(std::vector<FrontierPoint> points) {
    m_points = std::move(points);
    m_chosen = 0;
    setChosen(0);
}

void FrontierPlot::setChosen(int index) {
    m_chosen = std::clamp(index, 0, std::max(static_cast<int>(m_points.size()) - 1, 0));
    if (m_points.empty()) {
        setAccessibleDescription(tr("nothing is offered yet"));
    } else {
        const FrontierPoint& point = m_points[static_cast<size_t>(m_chosen)];
        setAccessibleDescription(point.name + QStringLiteral(": ") + point.words);
    }
    update();
}

void FrontierPlot::choose(int index) {
    if (m_points.empty() || index < 0 || index >= static_cast<int>(m_points.size())) return;
    setChosen(index);
    emit chosenByUser(m_chosen);
}

QRectF FrontierPlot::area() const {
    const int text = fontMetrics().height();
    return QRectF(rect()).adjusted(margin * 2, margin + text, -margin * 2, -margin - text);
}

QPointF FrontierPlot::placeOf(size_t index) const {
    double dearest = 0, best = 0, worst = 0;
    bool any = false;
    for (const FrontierPoint& point : m_points) {
        dearest = std::max(dearest, point.price);
        if (!point.known) continue;
        best = any ? std::min(best, point.quality) : point.quality;
        worst = any ? std::max(worst, point.quality) : point.quality;
        any = true;
    }
    const FrontierPoint& point = m_points[index];
    const QRectF box = area();
    const double x = dearest > 0 ? point.price / dearest : 0;
    // What is not known stands by its place in the list, where dearer is meant to be better.
    const double rank = m_points.size() > 1 ? static_cast<double>(index) / static_cast<double>(m_points.size() - 1) : 0;
    const double y = point.known && worst > best ? (worst - point.quality) / (worst - best) : rank;
    return {box.left() + x * box.width(), box.bottom() - y * box.height()};
}

void FrontierPlot::paintEvent(QPaintEvent*) {
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    painter.fillRect(rect(), palette().base());
    if (hasFocus()) {
        painter.setPen(palette().color(QPalette::Highlight));
        painter.drawRect(rect().adjusted(0, 0, -1, -1));
    }
    painter.setPen(palette().color(QPalette::Text));
    const QRectF box = area();
    const int text = fontMetrics().height();
    painter.drawText(QRectF(box.left(), 4, box.width(), text), Qt::AlignLeft, tr("better ↑"));
    painter.drawText(QRectF(box.left(), box.bottom() + 4, box.width(), text), Qt::AlignRight, tr("dearer →"));
    QPolygonF line;
    for (size_t i = 0; i < m_points.size(); ++i) line << placeOf(i);
    painter.setPen(QPen(palette().color(QPalette::PlaceholderText), 1, Qt::DashLine));
    painter.drawPolyline(line);
    for (size_t i = 0; i < m_points.size(); ++i) {
        const bool chosen = static_cast<int>(i) == m_chosen;
        const QColor colour = m_points[i].id.isEmpty() ? bestEffortColour(palette()) : paidColour(palette());
        painter.setPen(QPen(colour, 2));
        painter.setBrush(chosen ? QBrush(colour) : QBrush(palette().base()));
        painter.drawEllipse(line[static_cast<int>(i)], radius, radius);
        painter.setPen(palette().color(QPalette::Text));
        const double width = painter.fontMetrics().horizontalAdvance(m_points[i].name);
        const double x =
            std::clamp(line[static_cast<int>(i)].x() - width / 2, 2.0, std::max(2.0, this->width() - width - 2));
        painter.drawText(QPointF(x, line[static_cast<int>(i)].y() - radius - 3), m_points[i].name);
    }
}

void FrontierPlot::mousePressEvent(QMouseEvent* event) {
    int nearest = -1;
    double least = 3 * radius;
    for (size_t i = 0; i < m_points.size(); ++i) {
        const QPointF away = placeOf(i) - event->position();
        const double distance = std::hypot(away.x(), away.y());
        if (distance < least) {
            least = distance;
            nearest = static_cast<int>(i);
        }
    }
    choose(nearest);
}

void FrontierPlot::keyPressEvent(QKeyEvent* event) {
    switch (event->key()) {
    case Qt::Key_Right:
    case Qt::Key_Up: return choose(m_chosen + 1);
    case Qt::Key_Left:
    case Qt::Key_Down: return choose(m_chosen - 1);
    default: QWidget::keyPressEvent(event);
    }
}

}  // namespace netpas::ui
