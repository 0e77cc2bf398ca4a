#include "secretary/ui/mark.h"

#include <QPainter>
#include <QPixmap>

namespace netpas::ui {

namespace {

constexpr double side = 64;  // of the drawing

// A way through three networks, the last of which is paid.
void drawMark(QPainter& painter, bool paused) {
    painter.setPen(Qt::NoPen);
    painter.setBrush(paused ? QColor(0x63, 0x63, 0x68) : QColor(0x1d, 0x5f, 0xa8));
    painter.drawRoundedRect(QRectF(2, 2, 60, 60), 14, 14);
    const QPointF near(15, 46), middle(32, 34), far(47, 19);
    painter.setPen(QPen(Qt::white, 5, Qt::SolidLine, Qt::RoundCap, Qt::RoundJoin));
    painter.drawPolyline(QPolygonF{near, middle, far});
    painter.setPen(Qt::NoPen);
    painter.setBrush(Qt::white);
    painter.drawEllipse(near, 6, 6);
    painter.drawEllipse(middle, 6, 6);
    painter.setBrush(QColor(0xff, 0xc9, 0x4d));
    painter.drawEllipse(far, 9, 9);
}

void drawBadge(QPainter& painter, int questions) {
    constexpr int most = 9;
    const QRectF badge(28, 28, 36, 36);
    painter.setPen(QPen(Qt::white, 3));
    painter.setBrush(QColor(0xb0, 0x1e, 0x14));
    painter.drawEllipse(badge.adjusted(2, 2, -2, -2));
    QFont font = painter.font();
    font.setBold(true);
    font.setPixelSize(questions > most ? 18 : 24);
    painter.setFont(font);
    painter.drawText(badge, Qt::AlignCenter,
                     questions > most ? QString::number(most) + u'+' : QString::number(questions));
}

}  // namespace

QIcon mark(int questions, bool paused) {
    QIcon icon;
    for (const int size : {16, 22, 24, 32, 48, 64, 128, 256}) {
        QPixmap pixmap(size, size);
        pixmap.fill(Qt::transparent);
        QPainter painter(&pixmap);
        painter.setRenderHint(QPainter::Antialiasing);
        painter.scale(size / side, size / side);
        drawMark(painter, paused);
        if (questions > 0) drawBadge(painter, questions);
        painter.end();
        icon.addPixmap(pixmap);
    }
    return icon;
}

}  // namespace netpas::ui
