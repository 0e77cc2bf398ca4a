// The life of a lab as seen from the shell: an owner process holds it, a front process waits and cleans up.
#pragma once

#include <functional>
#include <string>

#include "app/lab/lab.h"

namespace netpas::lab {

struct SessionOptions {
    std::string name;  // empty: chosen from the topology's name
    bool bare = false;
    bool keep = false;  // the lab stays up after `work`
};

// Brings the lab up in an owner process, runs `work` there, and returns its exit status once the lab is down again or,
// with keep, detached. Ctrl-C, termination and the death of the caller end the lab.
// `work` writes to the caller's standard output.
Expected<int> runSession(const SessionOptions& options, const Topology& topology, const std::function<int(Lab&)>& work);

// Ends a lab that is up, whoever owns it.
Expected<void> takeDown(const std::string& name);

}  // namespace netpas::lab
