// Scenarios of a mesh of neighbours.
#pragma once

#include "app/lab/scenario/scenario.h"

namespace netpas::lab {

Scenario meshSevenScenario();
Scenario meshChurnScenario();

}  // namespace netpas::lab
