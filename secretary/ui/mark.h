// The program's mark, also with how many questions wait: for the window, the tray and notifications. The same drawing as
// resources/icons/netpas-secretary.svg. GUI's thread.
#pragma once

#include <QIcon>

namespace netpas::ui {

[[nodiscard]] QIcon mark(int questions = 0, bool paused = false);

}  // namespace netpas::ui
