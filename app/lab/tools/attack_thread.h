// One attacker at work: sends kinds of forgeries in turn at a steady rate.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "app/lab/tools/attacker.h"
#include "app/lab/tools/raw_sender.h"

namespace netpas::lab {

class AttackThread {
public:
    using Senders = std::array<std::unique_ptr<RawSender>, 2>;  // IPv4, IPv6

    AttackThread(Senders senders, Forge forge, std::vector<Forge::Kind> kinds, double perSecond);
    AttackThread(AttackThread&&) = default;  // before start()
    AttackThread& operator=(AttackThread&&) = delete;
    ~AttackThread() { join(); }

    // Until the share of `seconds` has been sent; at most three times as long, where the machine is too slow.
    void start(double seconds);
    void join();

    // After join():
    void addTo(std::map<std::string, uint64_t>& byKind) const;
    [[nodiscard]] uint64_t sent() const { return m_senders[0]->sent() + m_senders[1]->sent(); }
    [[nodiscard]] uint64_t refused() const { return m_senders[0]->refused() + m_senders[1]->refused(); }

private:
    void run(double seconds);
    void flush();

    Senders m_senders;
    Forge m_forge;
    std::vector<Forge::Kind> m_kinds;
    double m_perSecond;
    std::vector<uint64_t> m_counts;
    std::thread m_thread;
};

}  // namespace netpas::lab
