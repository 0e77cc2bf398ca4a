#include "secretary/ui/way_view.h"

#include <QLocale>
#include <QPainter>
#include <algorithm>
#include <nlohmann/json.hpp>

#include "secretary/ui/api_link.h"
#include "secretary/ui/colours.h"

namespace netpas::ui {

using nlohmann::json;

namespace {

constexpr int gap = 28;  // for the line to the next one
constexpr int padding = 8;
constexpr int stripe = 4;

// An estimate in words: scarce ones are a range.
QString estimateText(const json& estimate, double scale, const QString& unit) {
    const json low = at(estimate, {"low"}), high = at(estimate, {"high"}), value = at(estimate, {"value"});
    if (!low.is_number() || !high.is_number()) return {};
    const auto number = [scale](const json& one) { return QLocale().toString(one.get<double>() * scale, 'g', 3); };
    if (textAt(estimate, "grade") == QLatin1String("good") && value.is_number()) {
        return WayView::tr("%1 %2").arg(number(value), unit);
    }
    return WayView::tr("%1 to %2 %3").arg(number(low), number(high), unit);
}

// Whether the test packets travelled in exactly what is bought up to this ISP, or best effort.
bool isAbout(const json& measured, const json& path, size_t hop, bool bought) {
    if (textAt(measured, "source") != QLatin1String("stamp")) return false;
    if (at(measured, {"isp"}) != at(path[hop], {"isp"})) return false;
    const json classes = at(measured, {"classes"});
    if (!classes.is_array()) return false;
    if (!bought) return classes.empty();
    if (classes.size() != hop + 1) return false;
    for (size_t i = 0; i <= hop; ++i) {
        if (at(classes[i], {"isp"}) != at(path[i], {"isp"}) || at(classes[i], {"class"}) != at(path[i], {"class"})) {
            return false;
        }
    }
    return true;
}

}  // namespace

void addMeasured(WayStop& stop, const json& measurements, const json& path, size_t hop, bool bought) {
    for (const json& one : at(measurements, {"measurements"})) {
        if (!isAbout(one, path, hop, bought)) continue;
        // Of this ISP alone, where the one before it is measured too.
        const json segment = at(one, {"segment"});
        const bool alone = segment.is_object();
        const json trip = at(alone ? segment : one, {"round_trip_ms"}),
                   loss = at(alone ? segment : one, {"loss_there"});
        const QString ms = estimateText(trip, 1, WayView::tr("ms")),
                      lost = estimateText(loss, 100, WayView::tr("% lost"));
        if (ms.isEmpty() && lost.isEmpty()) continue;
        QStringList parts;
        if (!ms.isEmpty()) parts << (alone ? QStringLiteral("+") + ms : ms);
        if (!lost.isEmpty()) parts << lost;
        stop.measured = parts.join(u", ");
        constexpr double noticeable = 0.005;
        const json least = at(loss, {"low"});
        stop.quality =
            least.is_number() && least.get<double>() > noticeable ? WayStop::Quality::Lossy : WayStop::Quality::Good;
    }
}

WayView::WayView(QWidget* parent) : QWidget(parent) {
    setAccessibleName(tr("the way, ISP by ISP"));
    QSizePolicy policy(QSizePolicy::Preferred, QSizePolicy::Fixed);
    policy.setHeightForWidth(true);
    setSizePolicy(policy);
}

void WayView::setStops(std::vector<WayStop> stops) {
    m_stops = std::move(stops);
    QStringList words;
    for (const WayStop& stop : m_stops) {
        QStringList parts{stop.name};
        for (const QString& part : {stop.bought, stop.measured}) {
            if (!part.isEmpty()) parts << part;
        }
        words << parts.join(u", ");
    }
    setAccessibleDescription(words.join(u"; "));
    updateGeometry();
    update();
}

QSize WayView::boxSize() const {
    int widest = fontMetrics().averageCharWidth() * 14;
    QFont bold = font();
    bold.setBold(true);
    for (const WayStop& stop : m_stops) {
        widest = std::max(widest, QFontMetrics(bold).horizontalAdvance(stop.name));
        for (const QString& line : {stop.bought, stop.measured}) {
            widest = std::max(widest, fontMetrics().horizontalAdvance(line));
        }
    }
    return {widest + 2 * padding + stripe, 3 * fontMetrics().height() + 2 * padding};
}

int WayView::perLine(int width) const { return std::max((width + gap) / (boxSize().width() + gap), 1); }

int WayView::heightForWidth(int width) const {
    if (m_stops.empty()) return 0;
    const int lines = (static_cast<int>(m_stops.size()) + perLine(width) - 1) / perLine(width);
    return lines * (boxSize().height() + gap / 2) - gap / 2 + 2;
}

QSize WayView::sizeHint() const { return {520, heightForWidth(std::max(width(), 520))}; }
QSize WayView::minimumSizeHint() const { return {boxSize().width() + 2, heightForWidth(std::max(width(), 520))}; }

QRectF WayView::placeOf(size_t index) const {
    const QSize box = boxSize();
    const int columns = perLine(width()), column = static_cast<int>(index) % columns,
              line = static_cast<int>(index) / columns;
    return {column * (box.width() + gap) + 1.0, line * (box.height() + gap / 2) + 1.0, box.width() - 0.0,
            box.height() - 0.0};
}

void WayView::paintEvent(QPaintEvent*) {
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    const QColor faint = palette().color(QPalette::PlaceholderText);
    const int line = fontMetrics().height();
    for (size_t i = 0; i < m_stops.size(); ++i) {
        const WayStop& stop = m_stops[i];
        const QRectF box = placeOf(i);
        if (i + 1 < m_stops.size()) {
            painter.setPen(QPen(faint, 2));
            const double y = box.center().y();
            const double end = std::min(box.right() + gap - 2, width() - 1.0);
            painter.drawLine(QPointF(box.right() + 2, y), QPointF(end, y));
            painter.drawPolyline(QPolygonF{QPointF(end - 5, y - 4), QPointF(end, y), QPointF(end - 5, y + 4)});
        }
        painter.setPen(QPen(faint, 1));
        painter.setBrush(palette().base());
        painter.drawRoundedRect(box, 5, 5);
        const QColor mark = stop.quality == WayStop::Quality::Good    ? paidColour(palette())
                            : stop.quality == WayStop::Quality::Lossy ? warningColour(palette())
                                                                      : faint;
        painter.fillRect(QRectF(box.left() + 1, box.top() + 5, stripe, box.height() - 10), mark);
        QRectF text = box.adjusted(padding + stripe, padding, -padding, -padding);
        painter.setPen(palette().color(QPalette::Text));
        QFont bold = font();
        bold.setBold(true);
        painter.setFont(bold);
        painter.drawText(text, Qt::AlignLeft | Qt::AlignTop, stop.name);
        painter.setFont(font());
        painter.drawText(text.translated(0, line), Qt::AlignLeft | Qt::AlignTop, stop.bought);
        if (stop.quality == WayStop::Quality::Lossy) painter.setPen(mark);
        painter.drawText(text.translated(0, 2 * line), Qt::AlignLeft | Qt::AlignTop, stop.measured);
    }
}

}  // namespace netpas::ui
