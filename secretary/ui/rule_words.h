// Rules in the user's language. The grammar is the secretary's, in English; this is a phrase book for it, which is read in both directions: what
// is shown can be edited and typed back. GUI's thread.
#pragma once

#include <QString>

namespace netpas::ui {

// "Up to 50¢ a minute for video calls with family." → "Bis zu 50 ¢ pro Minute für Videoanrufe mit family."
[[nodiscard]] QString ruleInWords(const QString& english);
// … and back, as it is told to the secretary. English is understood in every language.
[[nodiscard]] QString ruleFromWords(const QString& typed);

}  // namespace netpas::ui
