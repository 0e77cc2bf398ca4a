// What secretary and agent say in sentences (why something was paid or refused, what went wrong, what helps), in the user's language. What is not
// known here stays as it came. GUI's thread.
#pragma once

#include <QString>

namespace netpas::ui {

[[nodiscard]] QString said(const QString& english);

}  // namespace netpas::ui
