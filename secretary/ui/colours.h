// Colours that mean something, with a contrast of at least 4.5:1 on the ground of either theme (WCAG 2.2, 1.4.3). GUI's thread.
#pragma once

#include <QColor>
#include <QPalette>

namespace netpas::ui {

[[nodiscard]] bool isDark(const QPalette& palette);
[[nodiscard]] QColor paidColour(const QPalette& palette);
[[nodiscard]] QColor bestEffortColour(const QPalette& palette);
[[nodiscard]] QColor warningColour(const QPalette& palette);
[[nodiscard]] QPalette lightPalette();
[[nodiscard]] QPalette darkPalette();
// WCAG's ratio, 1 to 21.
[[nodiscard]] double contrast(const QColor& a, const QColor& b);

}  // namespace netpas::ui
