// Declared here and not in scenario.h: see x402.cpp.
#pragma once

#include "app/lab/scenario/scenario.h"

namespace netpas::lab {

Scenario x402Scenario();

}  // namespace netpas::lab
