// What one ISP does with micropayments (NetPaS §2, §4.1, §4.2, §5.2; DESIGN §8): takes them from payers and neighbours,
// passes them on or refuses them, brings confirmations back along the stored hops, once, and takes back what a wrong
// signature has confirmed. Every change is in the books before anybody hears of it. One thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/accounting/books.h"
#include "core/clock.h"

namespace netpas::accounting {

// What the operator allows a customer.
struct PaymentAccount {
    bool maySend = true;
    bool mayReceive = false;  // few accounts need both (§4.1.3)
    bool frozen = false;      // §4.1.4
    Money perPayment = Money::max();
    Money perDay = Money::max();
    uint32_t perSecond = 10;  // payments
    // Only payees with a certificate of one of these classes (bits of certificates::PayeeClasses, §4.1.2); empty: any.
    std::optional<uint8_t> payees;
    bool spendsReceived = false;  // what it has received pays for its packets: must not be taken back any more
};

struct PaymentTerms {
    FeeModel fee;
    Money smallest = Money::fromEighths(1);
    std::map<std::string, PaymentAccount> accounts;  // of customers; a missing one has the defaults
    std::map<IspId, Money> credit;                   // of upstream neighbours; a missing one has none to give
};

// What a payee's certificates prove.
struct Certification {
    uint8_t classes = 0;  // bits of certificates::PayeeClasses
    SystemTime goodUntil;
};

class PaymentDesk {
public:
    using Certified = std::function<void(std::optional<Certification>)>;

    // The rest of the server. Messages are sent when the open group of the books is durable.
    class Surroundings {
    public:
        virtual ~Surroundings() = default;
        // Whether a payment can be handed over there now: a neighbour that is connected, a payee that is receiving.
        [[nodiscard]] virtual bool isThere(const Party& party) const = 0;
        virtual void send(const Party& party, Message message) = 0;
        // The customer with that identifier, connected or not.
        [[nodiscard]] virtual std::optional<std::string> payee(const NodeId& node) const = 0;
        // The sibling with which it is registered.
        [[nodiscard]] virtual std::optional<Party> payeeElsewhere(const NodeId&) const { return std::nullopt; }
        // The server by which a payment goes on to that ISP: a neighbour's, or a sibling that has one unless `direct`.
        [[nodiscard]] virtual Party towards(IspId next, [[maybe_unused]] bool direct) const { return {{}, next}; }
        // An enterprise's way out: everything goes to its ISP.
        [[nodiscard]] virtual std::optional<Party> provider() const { return std::nullopt; }
        // The rule of the payer's organisation that forbids it, for people.
        [[nodiscard]] virtual std::optional<std::string> forbids(const std::string&,
                                                                 const payments::SignedOrder&) const {
            return std::nullopt;
        }
        // The key that the customer has enrolled.
        [[nodiscard]] virtual std::optional<PublicKey> keyOf(const std::string& customer) const = 0;
        // What the payee's certificates prove, from the repository of its ISP; empty when there is none. Later, never from
        // inside this call.
        virtual void certify(const NodeId& payee, IspId isp, Certified done) = 0;
    };

    PaymentDesk(IspId isp, const Identity& identity, PaymentTerms terms, Books& books, const Clock& clock,
                Surroundings& around);
    ~PaymentDesk();
    PaymentDesk(const PaymentDesk&) = delete;
    PaymentDesk& operator=(const PaymentDesk&) = delete;

    // --- from a customer
    void order(const std::string& payer, const payments::SignedOrder& order);
    [[nodiscard]] PaymentStatement statement(const std::string& payer, const PaymentQuery& query);
    [[nodiscard]] std::optional<PaymentRefusal> mayReceive(const std::string& customer) const;

    // --- from the previous hop
    void forwarded(const Party& from, const ForwardPayment& message);
    void cancel(const Party& from, const CancelPayment& message);

    // --- from the next hop, a payee or a neighbour
    void confirmed(const Party& from, const PaymentConfirmed& message);
    void refused(const Party& from, const PaymentRefused& message);
    // From whichever side: of a confirmation by the previous hop, of a cancellation by the next one.
    void acknowledged(const Party& from, const PaymentAckEntry& entry);

    // A server is there (again): what it has not acknowledged goes once more. A customer: the ends of its payments that it
    // may have missed.
    void connected(const Party& party);
    // Now and then, as long as a server is there.
    void remind(const Party& party);
    // The books have fallen back to their last commit.
    void reload();
    // Expires what nobody has confirmed in time, and says again what a neighbour has not acknowledged.
    void tick();
    // When that may happen next.
    [[nodiscard]] std::optional<SystemTime> nextDeadline() const;

    [[nodiscard]] const PaymentTerms& terms() const { return m_terms; }
    // The operator's hand; not durable here.
    void setFrozen(const std::string& customer, bool frozen);

private:
    struct Rate {
        SteadyTime since{};
        uint32_t count = 0;
    };

    [[nodiscard]] const PaymentAccount& account(const std::string& customer) const;
    [[nodiscard]] bool tooOften(const std::string& payer);
    [[nodiscard]] std::optional<PaymentRefused> judgeOrder(const std::string& payer,
                                                           const payments::SignedOrder& order);
    [[nodiscard]] bool certified(const std::string& payer, const payments::SignedOrder& order);
    void pass(PaymentRecord record, std::vector<payments::Fee> fees);
    [[nodiscard]] std::optional<PaymentRefused> judge(const PaymentRecord& record,
                                                      const std::vector<payments::Fee>& fees) const;
    // Fills in where it goes and what that hop is owed.
    [[nodiscard]] std::optional<PaymentRefused> route(PaymentRecord& record,
                                                      const std::vector<payments::Fee>& fees) const;
    [[nodiscard]] Money owedBy(IspId neighbour) const;
    void connectedCustomer(const Party& party);
    void end(PaymentRecord record, PaymentState state, const PaymentRefused& why);
    void sayState(const PaymentRecord& record);
    [[nodiscard]] PaymentResult confirm(const Party& from, const payments::PaymentConfirmation& confirmation);
    // To a neighbour, until it is acknowledged or the neighbour is gone.
    void sayUntilHeard(const PaymentRecord& record, std::chrono::milliseconds patience);
    void sayAgain();
    [[nodiscard]] PaymentResult takeBack(const Party& from, const CancelPayment& message);
    [[nodiscard]] PaymentRefused refusal(const payments::PaymentId& id, PaymentRefusal reason, Money limit = {},
                                         std::string remedy = {}) const;

    IspId m_isp;
    const Identity& m_identity;
    PaymentTerms m_terms;
    Books& m_books;
    const Clock& m_clock;
    Surroundings& m_around;
    std::map<std::string, Rate> m_rates;
    std::set<payments::PaymentId> m_certifying;  // wait for their payee's certificate
    std::multimap<SystemTime, payments::PaymentId> m_deadlines;
    struct Unheard {
        payments::PaymentId id{};
        std::chrono::milliseconds patience{};
    };
    std::multimap<SystemTime, Unheard>
        m_unheard;  // when they are said again; those acknowledged meanwhile are passed over
    std::shared_ptr<int> m_alive = std::make_shared<int>();
};

}  // namespace netpas::accounting
