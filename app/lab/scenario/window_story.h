// The story for somebody in front of a screen: the viewer's player asks, the secretary's window shows the question, and a click buys.
#pragma once

#include "app/lab/scenario/scenario.h"

namespace netpas::lab {

Scenario windowStoryScenario();

}  // namespace netpas::lab
