// Declared here and not in scenario.h: see paid_web.cpp.
#pragma once

#include "app/lab/scenario/scenario.h"

namespace netpas::lab {

Scenario paidWebScenario();

}  // namespace netpas::lab
