// Inside the purchase service only: what it knows of an open purchase and of its session keys.
#pragma once

#include <algorithm>
#include <chrono>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "app/secretary/purchase_service.h"
#include "cartographer/quote.h"

namespace netpas::secretaryd {

enum class KeyPhase {
    Registering,
    Ready,     // at the edge router; the agent gets it with the next set
    Live,      // the agent pays with it
    Leaving,   // replaced or not diverted any more, or about to be; its last packets are on their way
    Revoking,  // nothing is paid with it any more
};

struct PurchaseService::Key {
    SessionKey key;
    std::vector<cartographer::QuotedHop> path;  // what it pays for
    KeyPhase phase = KeyPhase::Registering;
    ledger::Usage usage;
    bool capReached = false;
    enum class InSet { No, Pays, Leaves } inSet = InSet::No;  // what the set that is on its way says of it
    bool published = false;                                   // the agent may have paid with it
    bool draining = false;
    bool countDone = false;   // the counters do not change any more
    bool countShort = false;  // nobody knows how far they came: the key's cap bounds what may be charged
    bool asking = false;      // a revocation is on its way
    bool statementCame = false;
    std::optional<FinalUsage> statement;  // nothing though it came: the ISP knows no such key
    SteadyTime liveSince{};
    Timers::Id timer = 0;     // grace or retry
    Timers::Id patience = 0;  // with an agent that does not say what it counted
    std::chrono::milliseconds retryDelay{0};
};

struct PurchaseService::Entry {
    ledger::Purchase book;
    std::optional<cartographer::Quote> quote;
    cartographer::QuoteRequest what;
    std::optional<cartographer::OfferId> offer;
    Money agreed;                   // the dearest full-sized packet when it was agreed to
    cartographer::Charges charges;  // of guarantees when it was agreed to, the dearest
    Money dearest;                  // packet on the present way, one that only pays charges included
    std::vector<Key> keys;          // that are not closed, oldest first
    Money charged;                  // by those that are
    ledger::Usage closedUsage;
    std::string decision;
    bool byPerson = false;
    uint32_t process = 0;
    bool attended = false;
    std::optional<Money> funded;          // BuyOrder::funded
    bool judged = false;                  // the authority knows of it
    bool suspended = false;               // from an earlier run: goes on if the agent has it
    bool resuming = false;                // waits for a quote to go on with
    std::vector<SoldClass> failed;        // did not deliver: not for this purchase any more
    bool replacing = false;               // is being quoted without them
    bool following = false;               // is being quoted again
    std::deque<SteadyTime> changes = {};  // of the way, lately
    bool renewalDue = false;              // by age, or because its way changed
    bool uncounted = false;               // usage that the ledger does not have yet
    Timers::Id end = 0;
    Timers::Id renewal = 0;
    std::chrono::milliseconds renewalDelay{0};
    std::string trouble;       // of the data plane
    std::string renewTrouble;  // of the next key
    std::string settleTrouble;
    std::string disputes;
    std::vector<BuyDone> waiting;

    [[nodiscard]] bool stopping() const { return book.state >= ledger::PurchaseState::Stopping; }
    [[nodiscard]] Key* find(SessionKeyId id) {
        const auto found = std::find_if(keys.begin(), keys.end(), [&](const Key& key) { return key.key.id == id; });
        return found == keys.end() ? nullptr : &*found;
    }
    [[nodiscard]] Key* in(KeyPhase phase) {
        const auto found = std::find_if(keys.begin(), keys.end(), [&](const Key& key) { return key.phase == phase; });
        return found == keys.end() ? nullptr : &*found;
    }
    [[nodiscard]] const Key* in(KeyPhase phase) const { return const_cast<Entry*>(this)->in(phase); }
};

// What a purchase that ended for this reason before it was active is called to whoever asked for it.
[[nodiscard]] BuyRefusal::Kind kindOf(ledger::EndReason reason);
[[nodiscard]] std::vector<ledger::LedgerHop> hopsOf(const cartographer::Quote& quote,
                                                    const cartographer::PacketPrice& price);
[[nodiscard]] bool isOnAny(const std::vector<cartographer::QuotedHop>& way, const std::vector<SoldClass>& classes);
void keepAwayFrom(cartographer::QuoteRequest& what, const std::vector<SoldClass>& classes);
[[nodiscard]] BuyRefusal local(std::optional<PurchaseId> id, std::string message, std::string hint = {});

inline std::string nameOf(PurchaseId id) { return "purchase " + std::to_string(id.value()); }

}  // namespace netpas::secretaryd
