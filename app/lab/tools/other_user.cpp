#include "app/lab/tools/other_user.h"

#include <grp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <iostream>

namespace netpas::lab {

bool becomeOtherUser(const ToolArguments& arguments) {
    const int nice = static_cast<int>(arguments.number("nice", 0));
    // Whatever class the lab was started in (chrt): who is nice is not in a hurry.
    const sched_param usual{};
    if (nice != 0 && (::sched_setscheduler(0, SCHED_OTHER, &usual) != 0 || ::setpriority(PRIO_PROCESS, 0, nice) != 0))
        return false;
    const auto uid = static_cast<uid_t>(arguments.number("uid", 0));
    if (uid == 0) return true;
    const auto group = static_cast<gid_t>(arguments.number("group", 0));
    const bool done = ::setgroups(group != 0 ? 1 : 0, &group) == 0 && ::setresgid(uid, uid, uid) == 0 &&
                      ::setresuid(uid, uid, uid) == 0;
    if (!done) std::cerr << "netpas-lab: cannot become user " << uid << std::endl;
    // Who was root a moment ago is nobody's process in /proc; a user's own program is the user's.
    return done && ::prctl(PR_SET_DUMPABLE, 1) == 0;
}

void raiseDescriptorLimit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace netpas::lab
