#include "app/lab/parties.h"

#include "app/lab/lab.h"

namespace netpas::lab {

std::string agentSocket(const std::string& lab, const std::string& host) {
    return labFolder(lab) + "/host/" + host + "/netpasd.sock";
}
std::string agentProgram(const std::string& host) { return "netpasd-" + host; }

Expected<void> startAgent(Lab& lab, const std::string& host) {
    (void)lab;
    (void)host;
    return {};
}

Expected<void> startParties(Lab& lab) {
    (void)lab;
    return {};
}

}  // namespace netpas::lab
