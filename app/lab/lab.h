// A running lab: the network, the programs in it, and the ways to reach them. Lives in the owner process.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "app/lab/plan.h"
#include "app/lab/process.h"
#include "app/lab/state.h"

namespace netpas::lab {

// A program beside netpas-lab's own executable, or in the PATH.
std::string programPath(const std::string& name);
// A file of resources/, where this program is installed or in the sources; relative when there is none.
std::string resourcePath(const std::string& file);

class Lab {
public:
    // Claims the name, makes the network and, unless `bare`, starts the ISPs' programs and the agents and waits until
    // they answer. On failure the caller removes what exists with removeLab().
    static Expected<std::unique_ptr<Lab>> bringUp(const std::string& name, Topology topology, bool bare);

    const std::string& name() const { return m_name; }
    const Topology& topology() const { return m_topology; }
    const NetworkPlan& plan() const { return m_plan; }
    std::string folder() const { return labFolder(m_name); }
    std::string netns(const std::string& node) const { return namespaceOf(m_name, node); }
    std::string logFile(const std::string& program) const { return folder() + "/log/" + program + ".log"; }

    // A supervised program in a node's namespace; it appears in the log folder under its name.
    Expected<void> startProgram(const std::string& name, const std::string& node, std::vector<std::string> argv,
                                std::map<std::string, std::string> environment = {});
    Process* program(const std::string& name);
    std::vector<std::string> programNames() const;
    void stopProgram(const std::string& name);
    // The first program that ended although nobody stopped it.
    Expected<void> checkPrograms();

private:
    Lab(std::string name, Topology topology, NetworkPlan plan);
    Expected<void> startWire(size_t linkIndex);
    Expected<void> recordProgram(const std::string& name);

    std::string m_name;
    Topology m_topology;
    NetworkPlan m_plan;
    std::map<std::string, Process> m_programs;
};

// The topology and plan of a lab that another process owns.
struct LabView {
    Manifest manifest;
    Topology topology;
    NetworkPlan plan;
};
Expected<LabView> openLab(const std::string& name);
// The lab that is meant when no name is given: the only one that is up.
Expected<std::string> chooseLab(const std::string& given);

}  // namespace netpas::lab
