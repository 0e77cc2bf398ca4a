// The routers of a lab whose ISPs speak BGP: BIRD 2 in each router's namespace.
#pragma once

#include "app/lab/lab.h"

namespace netpas::lab {

std::string birdProgram(const std::string& router);
Expected<void> startRouters(Lab& lab);
// Every ISP's directory offers a path to every other ISP.
Expected<void> awaitRoutes(Lab& lab);

}  // namespace netpas::lab
