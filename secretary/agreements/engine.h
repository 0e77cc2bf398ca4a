// This node's agreements with its neighbours: offers, acceptance, counts, payments, ends (core/agreement/AGREEMENTS.md). Decides who may have packets
// forwarded. No sockets and no waiting; whatever is said or paid is durable before. One thread; nothing here calls back into it.
#pragma once

#include <chrono>
#include <functional>
#include <initializer_list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "core/agreement/messages.h"
#include "core/clock.h"
#include "core/crypto/identity.h"
#include "core/store/documents.h"
#include "secretary/agreements/books.h"

namespace netpas::secretary::agreements {

// The packet filter's counters for one neighbour. Each only grows within a run.
struct Reading {
    uint64_t run = 0;
    uint64_t sent = 0, arrived = 0, taken = 0;  // bytes
    uint64_t arrivedPackets = 0, takenPackets = 0;
    uint64_t place = 0;  // where the neighbour is: each place has counters of its own
};

// What this node, as the buyer, wants.
struct Wish {
    Direction direction = Direction::Upstream;
    Money perKb, limit, payAt, closeAt;
    std::chrono::seconds lifetime{600}, interval{10};
    uint16_t allowance1024ths = 51;
};

struct SettlementOrder {
    payments::PaymentId id{};  // the same again pays nothing again
    PublicKey payee;
    Money amount;
    AgreementId agreement{};
};

struct EngineOptions {
    std::chrono::milliseconds repeatEvery{2000};   // what is not answered
    std::chrono::seconds offerPatience{15};        // for an answer to an offer
    std::chrono::seconds endPatience{600};         // for the final count
    std::chrono::seconds heldFor{30};              // a payment on its way keeps its payer from being cut off so long
    std::chrono::milliseconds payAgainAfter{250};  // a payment that came to nothing; doubled each time, up to 512 times
    Money smallest = Money::fromEighths(8000);     // worth a payment
    size_t maxAgreements = 1024;                   // that have not ended
    size_t maxOfOne = 8;                           // of these, sold to one neighbour in one direction
    size_t maxRemembered = 2048;                   // that have
};

// Why a message changed nothing. Repetitions are no errors.
enum class Ignored : uint8_t {
    Malformed,
    Forged,    // not signed by the neighbour that it came from
    Stranger,  // of an agreement with somebody else, or none
    Stale,     // nothing new
    Storage,   // the database refused; the engine has stopped
};
[[nodiscard]] std::string_view describe(Ignored why);

// What may be forwarded for a neighbour, and why not.
struct Standing {
    bool paysUpstream = false;
    bool paysDownstream = false;
    Money exposure;     // what it owes by this node's own counts
    bool held = false;  // above the threshold, but a payment is on its way
};

class Engine {
public:
    struct Ports {
        store::Documents& documents;
        const Clock& clock;
        const Identity& me;
        std::function<void(const PublicKey& to, Bytes datagram)> send;
        std::function<void(const SettlementOrder&)> pay;
        // As the seller: why these terms are not taken. Called for offers that could be taken.
        std::function<std::optional<agreement::RefuseReason>(const Terms&)> judge;
    };

    // Goes on where an earlier one stopped, however it did.
    [[nodiscard]] static tl::expected<Engine, store::StoreError> open(Ports ports, EngineOptions options);

    // Nothing: too many agreements, or the wish is none (terms that check() refuses).
    [[nodiscard]] std::optional<AgreementId> offer(const PublicKey& seller, const Wish& wish);
    // False: there is no such agreement that has not ended.
    bool end(const AgreementId& id, EndReason reason);
    // Before offer(), receive() and run(), so that counts begin at what is true now and are compared with it.
    void meter(const PublicKey& neighbour, const Reading& reading);
    // `from`: whose advert names the address that it came from.
    tl::expected<void, Ignored> receive(const PublicKey& from, ByteView datagram);
    // This node's payment has its end; posted: it has arrived for good. Else it never will.
    void paymentEnded(const payments::PaymentId& id, bool posted);
    // A payment to this node has arrived. False: it is not of an agreement. An error: it is, and must be told again.
    [[nodiscard]] tl::expected<bool, Ignored> paymentReceived(const payments::PaymentId& id, Money amount);
    // Repeats, counts, pays, ends what is due. Then again at least every `repeatEvery`.
    void run();

    [[nodiscard]] Standing standing(const PublicKey& neighbour) const;
    // Of the lifetime of one that is active; nothing of any other. Wall clocks may jump meanwhile.
    [[nodiscard]] std::chrono::nanoseconds left(const AgreementId& id) const;
    [[nodiscard]] const std::map<AgreementId, Agreement>& agreements() const { return m_agreements; }
    [[nodiscard]] const std::map<PublicKey, Pair>& pairs() const { return m_pairs; }
    // That have not ended.
    [[nodiscard]] const std::set<AgreementId>& with(const PublicKey& peer) const;
    [[nodiscard]] bool broken() const { return m_broken; }

private:
    static constexpr uint64_t allowanceWhole = 1024;

    // Of what has not ended, and forgotten by a restart.
    struct Going {
        SteadyTime until{};    // the end of its lifetime, or of patience
        SteadyTime nextSay{};  // what is repeated
        SteadyTime nextCount{};
        uint64_t sentThen = 0;  // what had been sent when the last count came
        // What had been sent and counted when it began.
        uint64_t sentFrom = 0, agreedFrom = 0;
    };
    struct Paying {
        SteadyTime again{};  // not before
        std::chrono::milliseconds pause{0};
        SteadyTime nextSay{};
        bool ordered = false;  // since this engine was opened
        // As the seller: what was promised and has not come, as far as it is owed.
        Money promised;
        SteadyTime heldUntil{};
    };
    // Of a neighbour with whom something may not be agreed yet.
    struct Seen {
        MeterMark last;
        std::map<uint64_t, MeterMark> places;  // in this run of the counters
    };

    Engine(Ports ports, EngineOptions options) : m_ports(std::move(ports)), m_options(options) {}
    [[nodiscard]] tl::expected<void, store::StoreError> load();

    // Whatever was changed becomes durable, all or nothing. False: broken.
    [[nodiscard]] bool keep(std::initializer_list<const Agreement*> agreements, const Pair* pair);
    void say(const Agreement& one, const agreement::Message& message);
    void sayTo(const PublicKey& to, const agreement::Message& message);
    Pair& pairOf(const PublicKey& peer);
    [[nodiscard]] Going& going(const Agreement& one);
    void begin(const Agreement& one, Going how);
    void endGoing(const Agreement& one);
    [[nodiscard]] Agreement* find(const AgreementId& id, const PublicKey& peer);
    // The one that is running, or ending, in that flow.
    [[nodiscard]] Agreement* covering(const PublicKey& peer, bool sends);
    [[nodiscard]] const Agreement* covering(const PublicKey& peer, bool sends) const;
    [[nodiscard]] Agreement* activeWith(const PublicKey& peer, Direction direction, bool buying);

    tl::expected<void, Ignored> onOffer(const PublicKey& from, const agreement::Offer& offer);
    tl::expected<void, Ignored> onAccept(Agreement& one, const agreement::Accept& accept);
    tl::expected<void, Ignored> onRefuse(Agreement& one, const agreement::Refuse& refuse);
    tl::expected<void, Ignored> onCount(Agreement& one, const agreement::Count& count);
    tl::expected<void, Ignored> onPaying(Agreement& one, const agreement::Paying& paying);
    tl::expected<void, Ignored> onEnd(Agreement& one, const agreement::End& end);
    tl::expected<void, Ignored> onEnded(Agreement& one, const agreement::Ended& ended);
    void turnDown(const PublicKey& to, const AgreementId& id, agreement::RefuseReason why);
    [[nodiscard]] std::optional<agreement::RefuseReason> objection(const PublicKey& from, const Terms& terms);

    void makeCount(Agreement& one, bool final);
    void sayCount(const Agreement& one);
    void sayEnd(const Agreement& one);
    // What of a count was sent is charged; false: it is much more than that.
    [[nodiscard]] bool take(Agreement& one, const agreement::Count& count);
    // Final counts that the neighbour has not heard, before it was lost, are said again.
    void remind(const PublicKey& peer);
    // Changes it in memory only.
    void closing(Agreement& one, EndReason reason);
    void startEnding(Agreement& one, EndReason reason);
    void finished(Agreement& one);
    void charge(Agreement& one, uint64_t bytes, uint64_t packets);
    bool forgetOldest();

    void settle(Pair& pair);
    void order(const Pair& pair);
    [[nodiscard]] payments::PaymentId paymentOf(const PublicKey& peer, const AgreementId& id, uint32_t number);
    void sayPaying(const Pair& pair);
    [[nodiscard]] Money exposure(const Pair& pair) const;
    [[nodiscard]] tl::expected<bool, Ignored> receivedUnder(Agreement& one, uint32_t number, Money amount);

    Ports m_ports;
    EngineOptions m_options;
    std::map<AgreementId, Agreement> m_agreements;
    std::map<PublicKey, Pair> m_pairs;
    std::map<AgreementId, Going> m_going;
    std::map<PublicKey, std::set<AgreementId>> m_with;  // the same by neighbour
    std::map<PublicKey, Paying> m_paying;
    SteadyTime m_takesOffers;                    // from then on
    std::map<PublicKey, SteadyTime> m_gapSince;  // when the counters began anew
    std::map<PublicKey, Seen> m_seen;            // the last readings, also where nothing was agreed
    std::map<PublicKey, SharedSecret> m_secrets;
    std::map<AgreementId, SteadyTime> m_turnedDown;  // an offer that comes late is not taken after all; until
    bool m_broken = false;
};

}  // namespace netpas::secretary::agreements
