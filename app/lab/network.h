// Makes the kernel's part of a lab: namespaces, links, addresses, routes and queues.
#pragma once

#include <functional>
#include <string>

#include "app/lab/plan.h"

namespace netpas::lab {

// Starts the wire of a link (its two TAP devices) and returns when both exist.
using StartWire = std::function<Expected<void>(size_t linkIndex)>;

Expected<void> makeNetwork(const std::string& lab, const Topology& topology, const NetworkPlan& plan,
                           const StartWire& startWire);

// The lines for `tc -batch` that queue one end of a link by DSCP; empty for a link without a rate.
std::string queueCommands(const Topology& topology, const InterfacePlan& end);

}  // namespace netpas::lab
