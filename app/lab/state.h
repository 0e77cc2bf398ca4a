// The state folders of labs, /run/netpas-lab/<lab>/: who owns a lab and what must be removed with it.
// Removal needs nothing but the manifest, so it works after any crash.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "app/lab/error.h"

namespace netpas::lab {

struct Manifest {
    std::string lab;
    std::string topology;                 // its name
    pid_t owner = 0;                      // the process whose death ends the lab
    uint64_t ownerStart = 0;              // clock ticks since boot: tells it from a later process with that number
    std::vector<std::string> namespaces;  // written before they are made
};

// Holds the lock that serialises creation and sweeping of labs on this machine.
class StateLock {
public:
    static Expected<StateLock> acquire();
    StateLock(StateLock&& other) noexcept;
    StateLock(const StateLock&) = delete;
    StateLock& operator=(const StateLock&) = delete;
    StateLock& operator=(StateLock&&) = delete;
    ~StateLock();

private:
    explicit StateLock(int fd) : m_fd(fd) {}
    int m_fd;
};

bool isLabName(const std::string& name);  // 1 to 12 lower-case letters and digits
std::string stateRoot();
std::string labFolder(const std::string& lab);
std::string namespaceOf(const std::string& lab, const std::string& node);

std::optional<uint64_t> processStartTime(pid_t pid);
bool ownerLives(const Manifest& manifest);

Expected<void> writeManifest(const Manifest& manifest);
// Creates the lab's folder and its first manifest, so that from then on it can be swept.
Expected<void> claimLab(const StateLock&, const Manifest& manifest);
Expected<Manifest> readManifest(const std::string& lab);
std::vector<std::string> labNames();

// Kills what lives in the lab's namespaces, removes them and the folder. Doing it twice is harmless.
Expected<void> removeLab(const std::string& lab);
// Removes labs whose owner died. Returns their names.
std::vector<std::string> sweepStaleLabs(const StateLock&);
// A name that no lab has: the wish, or the wish with a number.
std::string freeLabName(const StateLock&, const std::string& wish);

}  // namespace netpas::lab
