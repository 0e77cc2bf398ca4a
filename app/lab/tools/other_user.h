// Tools that act as another user of the machine.
#pragma once

#include "app/lab/tools/tools.h"

namespace netpas::lab {

// For good: from `uid` (left out: nobody changes), `group` (the only supplementary group; left out: none) and `nice`.
[[nodiscard]] bool becomeOtherUser(const ToolArguments& arguments);
// As many descriptors as the system lets this process have.
void raiseDescriptorLimit();

}  // namespace netpas::lab
