// Asks a neighbour's babeld for its routes to some prefixes, beside this node's own babeld: the answer goes to that one. Works in the network namespace of the
// calling thread; waits for nothing.
#pragma once

#include <string>
#include <vector>

#include "core/net_address.h"

namespace netpas::agent {

// False: it could not be sent. Whether it arrives nobody knows.
bool requestRoutes(const std::string& interface, const IpAddress& neighbour, const std::vector<IpPrefix>& prefixes);

}  // namespace netpas::agent
