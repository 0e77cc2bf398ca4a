// Scenarios of a mesh of neighbours.
#pragma once

#include "app/lab/scenario/scenario.h"

namespace netpas::lab {

Scenario meshSevenScenario();
Scenario meshPricesScenario();
Scenario meshChurnScenario();
Scenario meshSpeedtestScenario();
Scenario manyNeighboursScenario();

}  // namespace netpas::lab
