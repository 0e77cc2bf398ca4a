// What code that took over the agent's process can do to the secretary beside it: this tool becomes what the agent is (user,
// groups, capabilities, namespaces) and tries everything that would give it the secretary's memory, files or obedience.
#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "app/lab/tools/tools.h"

namespace netpas::lab {
namespace {

// Lines of /proc/PID/status, by name.
std::map<std::string, std::string> statusOf(const std::string& pid) {
    std::map<std::string, std::string> status;
    std::ifstream file("/proc/" + pid + "/status");
    std::string line;
    while (std::getline(file, line)) {
        const size_t colon = line.find(':');
        if (colon != std::string::npos) status[line.substr(0, colon)] = line.substr(colon + 1);
    }
    return status;
}

std::vector<uint32_t> numbersIn(const std::string& text) {
    std::istringstream in(text);
    std::vector<uint32_t> numbers;
    for (uint32_t number = 0; in >> number;) numbers.push_back(number);
    return numbers;
}

bool enter(const std::string& pid, const char* kind, int type) {
    const int fd = ::open(("/proc/" + pid + "/ns/" + kind).c_str(), O_RDONLY | O_CLOEXEC);
    const bool done = fd >= 0 && ::setns(fd, type) == 0;
    if (fd >= 0) ::close(fd);
    return done;
}

bool become(const std::string& pid) {
    auto status = statusOf(pid);
    const auto uids = numbersIn(status["Uid"]), gids = numbersIn(status["Gid"]);
    const auto groups = numbersIn(status["Groups"]);
    if (uids.size() < 4 || gids.size() < 4) return false;
    if (!enter(pid, "net", CLONE_NEWNET) || !enter(pid, "mnt", CLONE_NEWNS)) return false;
    const uint64_t capabilities = std::strtoull(status["CapPrm"].c_str(), nullptr, 16);
    if (::setgroups(groups.size(), groups.data()) != 0 || ::prctl(PR_SET_KEEPCAPS, 1) != 0) return false;
    if (::setresgid(gids[0], gids[0], gids[0]) != 0 || ::setresuid(uids[0], uids[0], uids[0]) != 0) return false;
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct data[2]{};
    for (int i = 0; i < 2; ++i) {
        data[i].effective = data[i].permitted = static_cast<uint32_t>(capabilities >> (32 * i));
    }
    return ::syscall(SYS_capset, &header, data) == 0 && ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

class Attempts {
public:
    // `attempt` succeeds when it answers true; errno says why not.
    void add(const std::string& what, const std::function<bool()>& attempt) {
        errno = 0;
        const bool done = attempt();
        m_list.push_back({{"attempt", what}, {"result", done ? "succeeded" : ::strerrorname_np(errno)}});
        m_succeeded += done ? 1 : 0;
    }
    void opens(const std::string& path, int flags) {
        add((flags == O_RDONLY ? "read " : "write ") + path.substr(path.rfind('/') + 1), [&] {
            const int fd = ::open(path.c_str(), flags | O_CLOEXEC, 0600);
            if (fd >= 0) ::close(fd);
            return fd >= 0;
        });
    }
    void lists(const std::string& what, const std::string& path) {
        add(what, [&] {
            DIR* const folder = ::opendir(path.c_str());
            if (folder != nullptr) ::closedir(folder);
            return folder != nullptr;
        });
    }
    [[nodiscard]] Json result() const { return {{"attempts", m_list}, {"succeeded", m_succeeded}}; }

private:
    Json m_list = Json::array();
    int m_succeeded = 0;
};

void againstFiles(Attempts& attempts, const std::string& folder) {
    attempts.lists("list the secretary's folder", folder);
    for (const char* name : {"/secretary.db", "/secretary.key", "/vault", "/secretary.db-wal"}) {
        attempts.opens(folder + name, O_RDONLY);
    }
    attempts.opens(folder + "/secretary.key", O_WRONLY | O_CREAT);
    attempts.add("replace the secretary's folder",
                 [&] { return ::rename(folder.c_str(), (folder + ".stolen").c_str()) == 0; });
}

void againstProcess(Attempts& attempts, const std::string& who, pid_t pid) {
    const std::string process = "/proc/" + std::to_string(pid);
    const std::string of = " of the " + who;
    attempts.opens(process + "/mem", O_RDONLY);
    attempts.opens(process + "/environ", O_RDONLY);
    attempts.lists("list the descriptors" + of, process + "/fd");
    attempts.add("read the memory" + of, [&] {
        char byte = 0;
        const iovec here{&byte, 1}, there{reinterpret_cast<void*>(0x400000), 1};
        return ::process_vm_readv(pid, &here, 1, &there, 1, 0) == 1 || errno == EFAULT;
    });
    attempts.add("trace the " + who, [&] {
        if (::ptrace(PTRACE_SEIZE, pid, nullptr, nullptr) != 0) return false;
        (void)::ptrace(PTRACE_DETACH, pid, nullptr, nullptr);
        return true;
    });
    attempts.add("take a descriptor" + of, [&] {
        const int descriptor = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
        return descriptor >= 0 && ::syscall(SYS_pidfd_getfd, descriptor, 3, 0) >= 0;
    });
    attempts.add("enter the network" + of, [&] { return enter(std::to_string(pid), "net", CLONE_NEWNET); });
    attempts.add("signal the " + who, [&] { return ::kill(pid, 0) == 0; });
}

// Reaching the socket is no theft where its group may; being obeyed there is.
void againstDoor(Attempts& attempts, const std::string& door) {
    attempts.add("lock the books through the owner's door", [&] {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        door.copy(address.sun_path, sizeof address.sun_path - 1);
        const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return false;
        const std::string request =
            "POST /v1/recovery-words HTTP/1.1\r\nHost: netpas\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
        (void)!::send(fd, request.data(), request.size(), MSG_NOSIGNAL);
        char answer[32]{};
        (void)!::recv(fd, answer, sizeof answer - 1, 0);
        errno = EACCES;
        return std::strstr(answer, " 403 ") == nullptr;
    });
}

}  // namespace

int agentThiefTool(const ToolArguments& arguments) {
    if (!become(arguments.text("agent"))) {
        std::cerr << "cannot become what the agent is: " << std::strerror(errno) << std::endl;
        return 1;
    }
    sayReady();
    Attempts attempts;
    againstFiles(attempts, arguments.text("folder"));
    againstProcess(attempts, "secretary", static_cast<pid_t>(arguments.number("secretary", 0)));
    againstProcess(attempts, "starter", static_cast<pid_t>(arguments.number("starter", 0)));
    againstDoor(attempts, arguments.text("door"));
    // The same on a process of the attacker's own: what was refused above lacks nothing but the right.
    int ready[2];
    if (::pipe2(ready, O_CLOEXEC) != 0) return 1;
    const pid_t own = ::fork();
    if (own == 0) {
        (void)::prctl(PR_SET_DUMPABLE, 1);  // it became another user, too
        (void)!::write(ready[1], "", 1);
        ::pause();
        ::_exit(0);
    }
    char byte = 0;
    (void)!::read(ready[0], &byte, 1);
    Attempts control;
    againstProcess(control, "attacker's own process", own);
    ::kill(own, SIGKILL);
    Json result = attempts.result();
    result["control"] = control.result();
    printResult(result);
    return 0;
}

}  // namespace netpas::lab
