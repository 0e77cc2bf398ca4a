#include "tun/agent/reservation.h"

#include <algorithm>

#include "core/random.h"

namespace netpas::tun {

namespace {

using namespace std::chrono_literals;

constexpr auto early = 10s;       // a minute is paid so long before it begins
constexpr auto patience = 1s;     // for answers
constexpr auto fresh = 2s;        // so long is what was answered believed when money depends on it
constexpr auto fullAgain = 10s;   // to ask whether there is a place by now
constexpr unsigned mostLost = 3;  // charges in a row; then there is a rest
// Half of what the router allows at once: packets come closer together than they were sent.
constexpr auto depth = 500ms;

}  // namespace

ReservationClock::Task ReservationClock::take(const std::vector<Hop>& way, SteadyTime now) {
    const std::lock_guard lock(m_mutex);
    const bool same = std::equal(way.begin(), way.end(), m_places.begin(), m_places.end(),
                                 [](const Hop& hop, const Place& place) { return hop == place.hop; });
    if (!same) {
        m_places.clear();
        for (const Hop& hop : way) m_places.push_back({hop});
        m_next = now;
        m_nonce = 0;
        m_answered.reset();
        m_unacknowledged = 0;
    }
    if (m_places.empty() || !m_next || now < *m_next) return {};
    Task task;
    const bool believed = m_nonce == 0 && m_answered && now - *m_answered <= fresh;
    if (believed && std::none_of(m_places.begin(), m_places.end(), [](const Place& one) { return one.full; })) {
        bool any = false;
        for (const Place& one : m_places) {
            task.charges[one.hop.position] = dueAt(one, now);
            any = any || task.charges[one.hop.position] != HopCharge::None;
        }
        if (!any) {
            plan(now);
            if (*m_next > now) return {};
        }
        if (any) ++m_unacknowledged;
    }
    task.send = true;
    task.nonce = m_nonce = systemRandom().below(UINT64_MAX - 1) + 1;
    for (Place& one : m_places) one.answered = false;
    m_next = now + patience;
    return task;
}

HopCharge ReservationClock::dueAt(const Place& place, SteadyTime now) const {
    if (place.until <= now) return HopCharge::First;
    return place.until - now <= early ? HopCharge::Minute : HopCharge::None;
}

void ReservationClock::wait(SteadyTime now) {
    const std::lock_guard lock(m_mutex);
    if (m_next && *m_next <= now) m_next = now + patience;
}

void ReservationClock::failed(const Task& task, SteadyTime now) {
    const std::lock_guard lock(m_mutex);
    if (task.charges != HopCharges{} && m_unacknowledged > 0) --m_unacknowledged;
    m_nonce = 0;
    m_answered.reset();
    m_next = now + patience;
}

bool ReservationClock::allAnswered() const {
    return std::all_of(m_places.begin(), m_places.end(), [](const Place& one) { return one.answered; });
}

void ReservationClock::heard(const ReservationAnswer& answer, SteadyTime now) {
    using Said = ReservationAnswer::Place;
    const std::lock_guard lock(m_mutex);
    if (m_nonce == 0 || answer.nonce != m_nonce) return;
    for (Place& one : m_places) {
        if (one.hop.isp != answer.isp || one.hop.service != answer.service) continue;
        one.answered = true;
        one.full = answer.place == Said::None;
        one.until = answer.place == Said::Held ? now + std::chrono::seconds(answer.secondsLeft) : SteadyTime{};
    }
    if (!allAnswered()) return;
    m_nonce = 0;
    m_answered = now;
    plan(now);
}

// All have answered.
void ReservationClock::plan(SteadyTime now) {
    SteadyTime first = SteadyTime::max();
    for (const Place& one : m_places) {
        if (one.full) {
            m_next = now + fullAgain;
            return;
        }
        first = std::min(first, one.until > now ? one.until - early : now);
    }
    if (first > now) m_unacknowledged = 0;
    // Whoever takes money and never reserves gets no more than this in a while.
    m_next = m_unacknowledged >= mostLost ? now + fullAgain : first;
    if (m_unacknowledged >= mostLost) m_unacknowledged = 0;
}

ReservationClock::Admission ReservationClock::admit(uint64_t bytes, SteadyTime now) {
    const std::lock_guard lock(m_mutex);
    uint64_t rate = UINT64_MAX;
    for (const Place& one : m_places) {
        if (one.full) return Admission::NoPlace;
        if (one.until <= now) return Admission::NotYet;
        rate = std::min(rate, one.hop.bitsPerSecond);
    }
    if (m_places.empty()) return Admission::NotYet;
    if (rate == 0 || bytes > UINT32_MAX) return Admission::TooMuch;
    const std::chrono::nanoseconds takes(8 * bytes * uint64_t{1'000'000'000} / rate);
    const SteadyTime full = std::max(m_full, now) + takes;
    if (full - now > depth) return Admission::TooMuch;
    m_full = full;
    return Admission::Yes;
}

std::optional<SteadyTime> ReservationClock::next() const {
    const std::lock_guard lock(m_mutex);
    return m_next;
}

}  // namespace netpas::tun
