#include "app/agent/privileges.h"

#include <linux/capability.h>
#include <unistd.h>

namespace netpas::agent {

tl::expected<AgentPrivileges, app::PrivilegeFailure> dropAgentPrivileges(const std::string& user,
                                                                         const std::vector<std::string>& groups) {
    AgentPrivileges result;
    std::optional<app::SystemUser> found;
    if (::geteuid() == 0) found = app::findUser(user);
    if (::geteuid() == 0 && !found) {
        result.warnings.push_back("there is no user " + user + ": the agent stays " +
                                  "root without root's capabilities (useradd --system --no-create-home --shell "
                                  "/usr/sbin/nologin " +
                                  user + ")");
    }
    result.user = found ? user : std::string();
    if (const auto done = app::dropPrivileges(found, {CAP_NET_ADMIN, CAP_NET_RAW}, app::findGroups(groups)); !done)
        return tl::unexpected(done.error());
    return result;
}

}  // namespace netpas::agent
