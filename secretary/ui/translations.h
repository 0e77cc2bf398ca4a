// The languages of the window. They are part of the program; Qt's own words come from the system where it has them.
#pragma once

#include <QString>

namespace netpas::ui {

// "de", "en", or "system": as the desktop is set. Before the first widget is made; after the QApplication.
void speak(const QString& language);

}  // namespace netpas::ui
