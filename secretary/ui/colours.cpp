#include "secretary/ui/colours.h"

#include <algorithm>
#include <cmath>

namespace netpas::ui {

namespace {

double linear(double part) {
    constexpr double knee = 0.04045;
    return part <= knee ? part / 12.92 : std::pow((part + 0.055) / 1.055, 2.4);
}

double luminance(const QColor& colour) {
    return 0.2126 * linear(colour.redF()) + 0.7152 * linear(colour.greenF()) + 0.0722 * linear(colour.blueF());
}

}  // namespace

bool isDark(const QPalette& palette) { return luminance(palette.color(QPalette::Base)) < 0.2; }
QColor paidColour(const QPalette& palette) {
    return isDark(palette) ? QColor(0x63, 0xd4, 0x9a) : QColor(0x0b, 0x6e, 0x42);
}
QColor bestEffortColour(const QPalette& palette) {
    return isDark(palette) ? QColor(0xf0, 0xa8, 0x5e) : QColor(0x9a, 0x4a, 0x00);
}
QColor warningColour(const QPalette& palette) {
    return isDark(palette) ? QColor(0xff, 0x9d, 0x94) : QColor(0xb0, 0x1e, 0x14);
}

namespace {

QPalette paletteOf(const QColor& window, const QColor& base, const QColor& text, const QColor& faint,
                   const QColor& accent, const QColor& onAccent, const QColor& button) {
    QPalette palette(button, window);
    for (const auto role : {QPalette::WindowText, QPalette::Text, QPalette::ButtonText, QPalette::ToolTipText}) {
        palette.setColor(role, text);
        palette.setColor(QPalette::Disabled, role, faint);
    }
    palette.setColor(QPalette::Window, window);
    palette.setColor(QPalette::Base, base);
    palette.setColor(QPalette::AlternateBase, isDark(palette) ? base.darker(116) : base.darker(104));
    palette.setColor(QPalette::ToolTipBase, base);
    palette.setColor(QPalette::PlaceholderText, faint);
    palette.setColor(QPalette::Highlight, accent);
    palette.setColor(QPalette::HighlightedText, onAccent);
    palette.setColor(QPalette::Link, accent);
    return palette;
}

}  // namespace

QPalette lightPalette() {
    return paletteOf(QColor(0xf4, 0xf4, 0xf2), Qt::white, QColor(0x1c, 0x1c, 0x1e), QColor(0x63, 0x63, 0x68),
                     QColor(0x1d, 0x5f, 0xa8), Qt::white, QColor(0xe9, 0xe9, 0xe6));
}

QPalette darkPalette() {
    // Fields are lighter than what they lie on, so that they are seen.
    return paletteOf(QColor(0x1b, 0x1c, 0x1e), QColor(0x29, 0x2a, 0x2e), QColor(0xf0, 0xf0, 0xf0),
                     QColor(0xb4, 0xb4, 0xbb), QColor(0x7f, 0xb8, 0xf5), QColor(0x10, 0x10, 0x12),
                     QColor(0x3a, 0x3b, 0x40));
}

double contrast(const QColor& a, const QColor& b) {
    const double one = luminance(a), other = luminance(b);
    return (std::max(one, other) + 0.05) / (std::min(one, other) + 0.05);
}

}  // namespace netpas::ui
