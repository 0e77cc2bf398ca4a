// Whoever holds a session key that is not his: finds it in the memory of the process that pays with it, and pays with it from
// another address.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "app/lab/tools/attacker.h"
#include "app/lab/tools/process_memory.h"
#include "app/lab/tools/raw_sender.h"

namespace netpas::lab {

// Byte strings that stand behind the key's number in that memory and look like a secret, each once.
std::vector<TagKey> secretsBehind(const ProcessMemory& memory, SessionKeyId key);

class KeyThief {
public:
    // `plan.valid` is the stolen key.
    static Expected<std::unique_ptr<KeyThief>> start(const std::string& netns, AttackPlan plan, uint64_t seed);
    ~KeyThief() { stop(); }

    // Packets that lack nothing.
    void pay(uint64_t packets);
    // The same bytes as those that were sent last, once more.
    void repeat();
    // One packet each millisecond, until stop().
    void goOn();
    void stop();
    [[nodiscard]] uint64_t sent() const { return m_sent; }

private:
    KeyThief(AttackPlan plan, uint64_t seed) : m_plan(std::move(plan)), m_forge(m_plan, m_none, m_none, seed) {}

    AttackPlan m_plan;
    Wiretap m_none;
    Forge m_forge;
    std::unique_ptr<RawSender> m_sender;
    std::vector<Datagram> m_last;
    std::atomic<uint64_t> m_sent{0};
    std::atomic<bool> m_stop{false};
    std::thread m_thread;
};

}  // namespace netpas::lab
