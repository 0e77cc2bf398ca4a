// Runs a function in a child process that may give up its rights, and brings back what it found.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <map>
#include <string>

namespace netpas::test {

// What was tried, and how it ended: "works", or the error.
class Findings {
public:
    explicit Findings(int descriptor) : m_descriptor(descriptor) {}
    void tell(const std::string& name, const std::string& outcome) {
        const std::string line = name + "=" + outcome + "\n";
        (void)!::write(m_descriptor, line.data(), line.size());
    }
    // `result` as of a system call.
    void tried(const std::string& name, long result) {
        tell(name, result >= 0 ? "works" : std::string(::strerrorname_np(errno)));
    }

private:
    int m_descriptor;
};

// The child's end is in "ended": "0" when it returned.
inline std::map<std::string, std::string> inChild(const std::function<void(Findings&)>& act) {
    int ends[2];
    if (::pipe(ends) != 0) return {};
    const pid_t child = ::fork();
    if (child == 0) {
        ::close(ends[0]);
        Findings findings(ends[1]);
        act(findings);
        ::_exit(0);
    }
    ::close(ends[1]);
    std::string text;
    char bytes[4096];
    for (ssize_t count = 0; (count = ::read(ends[0], bytes, sizeof bytes)) > 0;)
        text.append(bytes, static_cast<size_t>(count));
    ::close(ends[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    std::map<std::string, std::string> all;
    for (size_t at = 0; at < text.size();) {
        const size_t end = text.find('\n', at);
        const std::string line = text.substr(at, end - at);
        all[line.substr(0, line.find('='))] = line.substr(line.find('=') + 1);
        at = end + 1;
    }
    all["ended"] =
        WIFEXITED(status) ? std::to_string(WEXITSTATUS(status)) : "signal " + std::to_string(WTERMSIG(status));
    return all;
}

}  // namespace netpas::test
