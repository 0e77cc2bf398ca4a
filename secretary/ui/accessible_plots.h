// Charts that are painted here, as screen readers see them: a chart with a name, and what it says in words. GUI's thread.
#pragma once

namespace netpas::ui {

// For every widget of this module whose class is called ...Plot; its words are its accessible description. Again: nothing.
void makePlotsAccessible();

}  // namespace netpas::ui
