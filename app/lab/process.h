// A child process of the lab inside a namespace. It dies with the thread that started it.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "app/lab/error.h"

namespace netpas::lab {

struct ProcessSpec {
    std::string name;  // for messages
    std::vector<std::string> argv;
    std::string netns;    // empty: where the caller is
    std::string logFile;  // standard error; also standard output unless outFile is set
    std::string outFile;
    std::map<std::string, std::string> environment;  // added to the caller's
    std::string workingFolder;
};

class Process {
public:
    static Expected<Process> start(ProcessSpec spec);
    Process(Process&& other) noexcept;
    Process& operator=(Process&& other) noexcept;
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;
    ~Process();  // kills and reaps

    const ProcessSpec& spec() const { return m_spec; }
    pid_t pid() const { return m_pid; }
    bool running();
    // 128 + signal for a process that was killed; nothing while it runs.
    std::optional<int> exitStatus();
    void signal(int number);
    // SIGTERM, then SIGKILL after the grace time.
    void stop(std::chrono::milliseconds grace = std::chrono::seconds(3));
    Expected<int> wait(std::chrono::milliseconds limit);
    // The last lines of the log, for messages.
    std::string logTail() const;

private:
    explicit Process(ProcessSpec spec) : m_spec(std::move(spec)) {}

    ProcessSpec m_spec;
    pid_t m_pid = -1;
    std::optional<int> m_status;
};

// Asks again and again until the answer is yes; between questions it waits a few milliseconds.
// `what` completes "waited 5 s for ...".
Expected<void> waitUntil(const std::string& what, std::chrono::milliseconds limit, const std::function<bool()>& ask);

// Whether somebody listens on a Unix socket.
bool unixSocketAnswers(const std::string& path);

}  // namespace netpas::lab
