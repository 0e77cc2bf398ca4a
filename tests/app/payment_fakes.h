// An ISP as payments see it, with what it remembers over the lives of its customer's program. Any call can be the moment of a kill.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "app/secretary/payment_ports.h"
#include "core/crypto/identity.h"
#include "tests/app/purchase_fakes.h"

namespace netpas::secretaryd::fake {

// The books of the first ISP, and the payee behind it.
struct PaymentBooks {
    struct Entry {
        payments::SignedOrder order;
        accounting::PaymentState state = accounting::PaymentState::Pending;
        std::optional<payments::PaymentConfirmation> confirmation;
        std::optional<accounting::PaymentRefused> refused;
    };
    Identity payee = Identity::generate();
    std::map<payments::PaymentId, Entry> entries;
    std::vector<payments::Fee> fees{{IspId{25}, *Money::fromNanodollars(500)},
                                    {IspId{24}, *Money::fromNanodollars(2000)}};
    bool silent = false;          // no answer to anything, and nothing is done
    bool losesTheAnswer = false;  // does what it is told
    bool holds = false;           // the payee does not confirm
    bool badSignature = false;
    bool keepsBad = false;  // does not take a badly signed one back
    std::optional<accounting::PaymentRefusal> refuses;
    Money limit;
    int tooSoon = 0;  // so many orders are turned away for their number, and forgotten
    bool changesTotal = false;

    [[nodiscard]] Money owed() const {
        Money sum;
        for (const auto& [id, entry] : entries) {
            if (entry.state != accounting::PaymentState::Confirmed) continue;
            sum = *checkedAdd(sum, *payments::total(entry.order.order));
        }
        return sum;
    }
    [[nodiscard]] size_t confirmed() const {
        size_t count = 0;
        for (const auto& [id, entry] : entries) count += entry.state == accounting::PaymentState::Confirmed ? 1 : 0;
        return count;
    }
};

class PaymentIsp final : public secretaryd::PaymentIsp {
public:
    PaymentIsp(PaymentBooks& books, const ManualClock& clock, Timers& timers, KillSwitch& kill)
        : m_books(books), m_clock(clock), m_timers(timers), m_kill(kill) {}

    void findRoute(IspId, Money, IspAnswer<std::vector<payments::Fee>> done) override {
        m_kill.step();
        ++routes;
        reply<std::vector<payments::Fee>>(done, m_books.fees);
    }
    void pay(const payments::SignedOrder& order, IspAnswer<PaymentOutcome> done) override {
        m_kill.step();
        ++orders;
        if (m_books.tooSoon > 0) {
            --m_books.tooSoon;
            const auto sum = *payments::total(order.order);
            return reply<PaymentOutcome>(
                done, accounting::PaymentRefused{order.order.payment.id, IspId{25},
                                                 accounting::PaymentRefusal::RateLimit, sum, "pay more slowly"});
        }
        if (!m_books.silent) take(order);
        m_kill.step();
        const auto found = m_books.entries.find(order.order.payment.id);
        if (found == m_books.entries.end()) return reply<PaymentOutcome>(done, std::nullopt);
        const PaymentBooks::Entry& entry = found->second;
        std::optional<PaymentOutcome> outcome;
        if (entry.state == accounting::PaymentState::Confirmed) outcome = *entry.confirmation;
        if (entry.refused) outcome = *entry.refused;
        reply<PaymentOutcome>(done, outcome);
    }
    void query(const payments::PaymentId& id, IspAnswer<SignedState> done) override {
        m_kill.step();
        ++queries;
        SignedState said{accounting::PaymentState::Unknown, {}, false, {1, 2, 3}, {4}};
        if (const auto found = m_books.entries.find(id); found != m_books.entries.end())
            said.state = found->second.state;
        reply<SignedState>(done, said);
    }
    void cancel(const payments::PaymentId& id, const PublicKey& key,
                IspAnswer<accounting::PaymentResult> done) override {
        m_kill.step();
        cancelledWith = key;
        auto result = accounting::PaymentResult::Unknown;
        if (const auto found = m_books.entries.find(id); found != m_books.entries.end() && !m_books.silent) {
            const bool good =
                payments::verify(*found->second.confirmation, found->second.order.order.payment).has_value();
            result = good ? accounting::PaymentResult::BadProof : accounting::PaymentResult::Done;
            if (m_books.keepsBad) result = accounting::PaymentResult::TooLate;
            if (result == accounting::PaymentResult::Done) found->second.state = accounting::PaymentState::Cancelled;
        }
        reply<accounting::PaymentResult>(done, result);
    }
    void setReceiving(bool on, IspAnswer<std::optional<accounting::PaymentRefusal>> done) override {
        m_kill.step();
        receiving = on;
        reply<std::optional<accounting::PaymentRefusal>>(done, mayNotReceive);
    }
    void confirm(const payments::PaymentConfirmation& confirmation) override {
        m_kill.step();
        confirmations.push_back(confirmation);
    }
    void refuse(const payments::PaymentId& id, const std::string& why) override {
        m_kill.step();
        refusals.emplace_back(id, why);
    }

    // The payee's word comes at last.
    void confirmAll() {
        for (auto& [id, entry] : m_books.entries) {
            if (entry.state == accounting::PaymentState::Pending) confirmOne(entry);
        }
    }

    int routes = 0, orders = 0, queries = 0;
    std::optional<PublicKey> cancelledWith;
    bool receiving = false;
    std::optional<accounting::PaymentRefusal> mayNotReceive;
    std::vector<payments::PaymentConfirmation> confirmations;
    std::vector<std::pair<payments::PaymentId, std::string>> refusals;

private:
    void confirmOne(PaymentBooks::Entry& entry) {
        entry.state = accounting::PaymentState::Confirmed;
        entry.confirmation = payments::confirm(entry.order.order.payment, m_books.payee, m_clock.now());
        if (m_books.badSignature) entry.confirmation->signature.bytes[7] ^= 1;
    }
    void take(const payments::SignedOrder& order) {
        const auto [at, fresh] = m_books.entries.try_emplace(order.order.payment.id);
        if (!fresh) return;
        at->second.order = order;
        const bool late = order.order.payment.expires < m_clock.now();
        const auto no = late ? std::optional(accounting::PaymentRefusal::Expired) : m_books.refuses;
        if (no) {
            at->second.state = accounting::PaymentState::Refused;
            at->second.refused =
                accounting::PaymentRefused{order.order.payment.id, IspId{24}, *no, m_books.limit, "ask again"};
        } else if (!m_books.holds) {
            confirmOne(at->second);
        }
    }
    template <typename T>
    void reply(const IspAnswer<T>& done, std::optional<T> what) {
        tl::expected<T, IspFailure> answer = tl::unexpected(IspFailure{IspFailure::Kind::Unreachable, "no answer"});
        const bool lost = m_books.silent || m_books.losesTheAnswer || !what;
        if (!lost) answer = std::move(*what);
        m_timers.after(std::chrono::milliseconds(lost ? 2000 : 2), [done, answer] { done(answer); });
    }

    PaymentBooks& m_books;
    const ManualClock& m_clock;
    Timers& m_timers;
    KillSwitch& m_kill;
};

}  // namespace netpas::secretaryd::fake
