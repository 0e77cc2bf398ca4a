// The window's own scenario; see window_tour.cpp.
#pragma once

#include "app/lab/scenario/scenario.h"

namespace netpas::lab {

Scenario windowTourScenario();

}  // namespace netpas::lab
