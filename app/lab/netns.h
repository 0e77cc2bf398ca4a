// Network namespaces by name (as `ip netns` keeps them).
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "app/lab/error.h"

namespace netpas::lab {

std::string namespacePath(const std::string& name);
bool namespaceExists(const std::string& name);

// Puts the calling thread into a namespace for good. Only for threads and processes made for that.
Expected<void> enterNamespace(const std::string& name);
// As enterNamespace, and the calling process sees that namespace's /sys in mounts of its own.
Expected<void> enterNamespaceWithSysfs(const std::string& name);

// Runs `action` in a short-lived thread inside the namespace: for making sockets, which stay there.
Expected<void> inNamespace(const std::string& name, const std::function<Expected<void>()>& action);
// The same in a forked child with its own /sys; what the action changes in memory is lost.
Expected<void> inNamespaceProcess(const std::string& name, const std::function<Expected<void>()>& action);

// Every process that lives in one of the namespaces.
std::vector<pid_t> processesIn(const std::vector<std::string>& names);

}  // namespace netpas::lab
