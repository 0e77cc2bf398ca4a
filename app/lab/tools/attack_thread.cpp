#include "app/lab/tools/attack_thread.h"

#include <chrono>

namespace netpas::lab {
namespace {

using Clock = std::chrono::steady_clock;

Clock::duration fromSeconds(double seconds) {
    return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

}  // namespace

AttackThread::AttackThread(Senders senders, Forge forge, std::vector<Forge::Kind> kinds, double perSecond)
    : m_senders(std::move(senders)),
      m_forge(std::move(forge)),
      m_kinds(std::move(kinds)),
      m_perSecond(perSecond),
      m_counts(m_kinds.size(), 0) {}

void AttackThread::start(double seconds) {
    m_thread = std::thread([this, seconds] { run(seconds); });
}

void AttackThread::join() {
    if (m_thread.joinable()) m_thread.join();
}

void AttackThread::addTo(std::map<std::string, uint64_t>& byKind) const {
    for (size_t i = 0; i < m_kinds.size(); ++i) byKind[m_kinds[i].name] += m_counts[i];
}

void AttackThread::run(double seconds) {
    const auto wanted = static_cast<uint64_t>(m_perSecond * seconds);
    const auto begin = Clock::now();
    const auto patience = begin + fromSeconds(seconds * 3);
    for (uint64_t done = 0, turn = 0; done < wanted && Clock::now() < patience; ++turn) {
        const size_t kind = turn % m_kinds.size();
        const Datagram datagram = m_kinds[kind].make(m_forge);
        if (datagram.payload.empty()) continue;  // cannot be made yet
        if (!m_senders[datagram.dst.address.isV6() ? 1 : 0]->add(datagram)) continue;
        ++m_counts[kind];
        ++done;
        const auto due = begin + fromSeconds(static_cast<double>(done) / m_perSecond);
        if (due - Clock::now() > std::chrono::milliseconds(2)) {
            flush();
            std::this_thread::sleep_until(due);
        }
    }
    flush();
}

void AttackThread::flush() {
    for (const auto& sender : m_senders) sender->flush();
}

}  // namespace netpas::lab
