// The signatures of an endpoint that confirms what its ISP delivers to it (NetPaS §2): one for each pick of its sampler. What
// the ISP has not acknowledged comes again. One thread.
#pragma once

#include <functional>
#include <unordered_map>

#include "core/accounting/messages.h"
#include "core/clock.h"
#include "core/crypto/identity.h"

namespace netpas::accounting {

class DeliveryConfirmer {
public:
    static constexpr size_t most = 10'000;  // that wait; what finds no room is lost, and counted

    // Both outlive it. `send`: to the ISP if it is connected.
    DeliveryConfirmer(const Identity& identity, const Clock& clock, std::function<void(const Confirmation&)> send)
        : m_identity(identity), m_clock(clock), m_send(std::move(send)) {}

    // What the ISP said when it was asked.
    void setTerms(const PartTaken& terms) { m_terms = terms; }
    [[nodiscard]] const PartTaken& terms() const { return m_terms; }
    // A packet that was picked. False: it does not pay our ISP as the last one, or there is no room.
    bool confirm(const AccountingHeader& header, const PacketExcerpt& excerpt);
    void acknowledged(const AckEntry& entry);
    // After a reconnect, and every few seconds: the ISP's routers report more slowly than we confirm.
    void sendAgain();

    [[nodiscard]] size_t waiting() const { return m_waiting.size(); }
    [[nodiscard]] uint64_t accepted() const { return m_accepted; }
    [[nodiscard]] uint64_t refused() const { return m_refused; }
    [[nodiscard]] uint64_t lost() const { return m_lost; }

private:
    const Identity& m_identity;
    const Clock& m_clock;
    std::function<void(const Confirmation&)> m_send;
    PartTaken m_terms;
    std::unordered_map<ConfirmationId, Confirmation, ConfirmationIdHash> m_waiting;
    uint64_t m_accepted = 0;
    uint64_t m_refused = 0;
    uint64_t m_lost = 0;
};

}  // namespace netpas::accounting
