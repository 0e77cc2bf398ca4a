// What is wrong with the look of a widget and of all that is visible in it: texts that are cut, widgets that overlap or stick out. GUI's thread.
#pragma once

#include <QStringList>

class QWidget;

namespace netpas::ui {

// A sentence for each fault, with the name of the widget; none: all can be read. What is drawn by hand is not looked at.
[[nodiscard]] QStringList lookFaults(QWidget& top);

}  // namespace netpas::ui
