// The durable books of one ISP's accounting server (DESIGN §8): customers, session keys, counters, confirmations, sums and
// alarms. Everything is in memory as well; the database is written in groups. What a change makes visible to others waits
// until commit() has returned.
// One thread.
#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <tl/expected.hpp>

#include "core/accounting/billing_cycle.h"
#include "core/accounting/dispute.h"
#include "core/accounting/messages.h"
#include "core/accounting/payee_complaint.h"
#include "core/accounting/payment_record.h"
#include "core/accounting/replay_table.h"
#include "core/crypto/seal.h"
#include "core/store/sql.h"

namespace netpas::accounting {

enum class KeyState : uint8_t {
    Installing = 0,  // registered; the edge router has not confirmed it yet
    Active = 1,
    Removing = 2,  // revoked; the edge router has not confirmed that yet
    Final = 3,
};

struct Usage {
    uint64_t packets = 0;
    uint64_t bytes = 0;
    Money amount;
    uint64_t nextSequence = 0;
};

struct KeyRecord {
    SessionKey key;
    Signature signature;  // the customer's
    std::string customer;
    std::string router;  // the edge that has the key
    KeyState state = KeyState::Installing;
    SystemTime registered;
    SystemTime finalised;  // with KeyState::Final
    Usage usage;           // over all incarnations of the edge
};

// Running totals, one for each kind and ISP.
enum class SumKind : uint8_t {
    OwedTo = 1,        // we owe this downstream neighbour: confirmations of others' services that it passed to us
    OwedBy = 2,        // this upstream neighbour owes us: confirmations that it has acknowledged
    ConfirmedOwn = 3,  // our service, confirmed by this neighbour; by ourselves where the path ends
    ConfirmedVia = 4,  // others' services, confirmations that came through this neighbour (equals OwedTo)
    ConfirmedIsp = 5,  // the service of this downstream ISP, through whichever neighbour
    MadeFor = 6,       // our confirmations of this upstream neighbour's service
    RefusedBy = 7,     // what this neighbour did not take: we lose it
    AllowanceOwn = 8,  // counters that may have died with an edge router, by comparison (watch.h)
    AllowanceVia = 9,
    AllowanceIsp = 10,
};
struct Sum {
    Money total;
    uint64_t count = 0;
    Money largest;  // the largest single amount: T of whoever confirms
};

struct LinkTotals {
    uint64_t packets = 0;
    uint64_t bytes = 0;
    Money own;
    Money downstream;
};

enum class AlarmKind : uint8_t {
    CounterWentBack = 1,  // an edge router's report is smaller than an earlier one of the same incarnation
    TooMuchConfirmed = 2,
    TooLittleConfirmed = 3,
    Refused = 4,          // a neighbour refused a confirmation
    BadConfirmation = 5,  // a neighbour sent one that cannot be right
    Overflow = 6,         // a sum does not fit: the change was not made
    Dispute = 8,          // a disagreement with a neighbour was not settled in time
    WrongSignature = 7,   // a neighbour passed on a confirmation that one of those it names has not signed
    PayeeComplaint = 16,  // another ISP complains about payments to a customer, or its account was frozen
};
struct Alarm {
    int64_t number = 0;
    SystemTime time;
    AlarmKind kind{};
    std::string subject;
    std::string text;
    Bytes evidence{};  // the signed confirmation (encodeProven), if one shows it
};
[[nodiscard]] std::string_view describe(AlarmKind kind);

// What waits to be sent to a neighbour's or a sibling's server.
struct OutboxEntry {
    int64_t number = 0;
    Party neighbour;
    bool countersign = false;  // the neighbour is the beneficiary and has not signed yet
    Confirmation confirmation;
};

// One cycle with one neighbour. Closed, it never changes: what comes later goes into the next one.
struct Settlement {
    SystemTime paid;
    std::string reference;
};
struct BillRecord {
    Bill bill;  // signed once it is closed
    bool closed = false;
    std::optional<Settlement> settled;
};

// An ISP on the blacklist, or a customer whose account is frozen (NetPaS §4.1.4, §4.1.5).
struct BlockRecord {
    SystemTime since;
    std::string reason;
};

// What this ISP had to do with a confirmation.
enum class Role : uint8_t {
    Made = 1,      // confirmed an upstream neighbour's service
    SelfMade = 2,  // confirmed our own where the path ends
    Countersigned = 3,
    Forwarded = 4,
    Relayed = 5,  // between a sibling and a neighbour
};

class Books {
public:
    struct Options {
        std::filesystem::path path;
        store::DatabaseKey key{};
        std::chrono::seconds idMemory{3600};  // ids of confirmations younger than this are known
        size_t idsKept = 20'000'000;          // at most: about 280 MB
        IspId isp;                            // whose books these are
        BillingCycle billing;
        // Secrets of session keys are sealed with it, where others can read the database; none: they stand there as they are.
        std::optional<Seal> seal{};
    };
    [[nodiscard]] static tl::expected<Books, store::StoreError> open(const Options& options, SystemTime now);
    // In a database that is open already (store/postgres); `options` without path and key.
    [[nodiscard]] static tl::expected<Books, store::StoreError> open(store::SqlDatabase database,
                                                                     const Options& options, SystemTime now);

    Books(Books&&) noexcept = default;
    Books& operator=(Books&&) noexcept = default;

    // --- groups
    [[nodiscard]] bool dirty() const { return m_dirty; }
    // Durable when it returns. On an error nothing since the last commit was kept, neither here nor on disk.
    [[nodiscard]] tl::expected<void, store::StoreError> commit();
    // False after a failure when the database could not be read anew either: the memory means nothing, until a later
    // commit() has read it.
    [[nodiscard]] bool readable() const { return m_readable; }
    // The database's own words about the last failure.
    [[nodiscard]] const std::string& failure() const { return m_failure; }

    // --- customers
    [[nodiscard]] const std::map<std::string, PublicKey>& customers() const { return m_customers; }
    [[nodiscard]] std::optional<std::string> customerOf(const PublicKey& key) const;
    void enrol(const std::string& customer, const PublicKey& key, SystemTime now);
    void forget(const std::string& customer);

    // --- session keys
    [[nodiscard]] const KeyRecord* key(SessionKeyId id) const;
    [[nodiscard]] const std::map<SessionKeyId, KeyRecord>& keys() const { return m_keys; }
    void addKey(KeyRecord record);
    void setKeyState(SessionKeyId id, KeyState state, SystemTime now);

    // --- counters; alarms go to the books, and their texts to `alarms` for the log
    void applyKey(const std::string& router, uint64_t incarnation, const KeyCounters& counters, SystemTime now);
    void applyReport(const std::string& router, uint64_t incarnation, const EdgeReport& report, SystemTime now);
    // By neighbour; this ISP itself stands for packets delivered here.
    [[nodiscard]] const std::map<IspId, LinkTotals>& links() const { return m_linkTotals; }
    // Our own service in packets that left by that exit, through whichever router.
    [[nodiscard]] Money ownAt(IspId neighbour, ExitPoint exit) const;
    [[nodiscard]] size_t linkCount(IspId neighbour) const;  // distinct links that ever carried something there
    [[nodiscard]] const std::map<IspId, Money>& downstream() const { return m_downstreamTotals; }
    [[nodiscard]] const std::map<IspId, Money>& upstream() const { return m_upstreamTotals; }
    [[nodiscard]] const std::map<std::string, uint64_t>& verdicts() const { return m_verdictTotals; }

    // --- confirmations
    enum class Known { No, Same, Other, Full };
    [[nodiscard]] Known known(const Confirmation& confirmation) const;
    // … and from now on it is, if it was not.
    [[nodiscard]] Known remember(const Confirmation& confirmation, uint64_t digest, SystemTime now);
    // A sample that an edge router may send again.
    [[nodiscard]] bool knownSample(const ConfirmationId& id) const { return m_samples.contains(id); }
    void rememberSample(const ConfirmationId& id, SystemTime now) { (void)m_samples.insert(id, now); }
    [[nodiscard]] const ReplayTable& replayTable() const { return m_replay; }
    // Also in the log of confirmations too old for idMemory; slow, for those about to be refused.
    [[nodiscard]] bool logged(const Confirmation& confirmation);
    void record(const Confirmation& confirmation, Role role, SystemTime now);
    // With the signature of the customer to whom confirming is delegated, as evidence.
    void recordDelegate(const Confirmation& confirmation, const std::string& customer);
    void queue(const Party& neighbour, bool countersign, const Confirmation& confirmation);
    [[nodiscard]] const std::map<int64_t, OutboxEntry>& outbox() const { return m_outbox; }
    [[nodiscard]] const OutboxEntry* waiting(const Party& neighbour, const ConfirmationId& id) const;
    void unqueue(int64_t number);
    // Confirmations with shared signatures (books_batches.cpp): logged as they were or will be sent, and with a neighbour
    // also put into its queue. Answers the number, which is the message's sequence.
    struct WaitingBatch {
        int64_t number = 0;
        Party neighbour;
        std::shared_ptr<const Bytes> body;  // ConfirmationBatch without its sequence
        size_t count = 0;
    };
    int64_t recordBatch(const ConfirmationBatch& batch, Role role, const std::optional<Party>& neighbour,
                        SystemTime now);
    [[nodiscard]] const std::map<int64_t, WaitingBatch>& batchOutbox() const { return m_batchOutbox; }
    void unqueueBatch(int64_t number);
    // Everything in the log that was made in that time, in the order of the log, with what proves it (encodeProven).
    // False when the log cannot be read; ends early when `each` says false.
    [[nodiscard]] bool forEachConfirmation(SystemTime from, SystemTime until,
                                           const std::function<bool(const Confirmation&, Role)>& each);
    // Confirmations that wait for that ISP's acknowledgement.
    [[nodiscard]] size_t waitingFor(IspId neighbour) const;
    // Forgets ids beyond idMemory, and confirmations, micropayments and final session keys from before `logFrom`, a bounded
    // number of them: true when there are more. Their sums stay. `upstreamOf` says to whom a confirmation was passed on to be
    // paid for it.
    using UpstreamOf = std::function<std::optional<Party>(const Confirmation&, Role)>;
    bool prune(SystemTime now, SystemTime logFrom, const UpstreamOf& upstreamOf);
    // The part of a sum whose records are gone.
    [[nodiscard]] BillSide summarised(SumKind kind, IspId isp) const;
    [[nodiscard]] BillSide summarised(PaymentSum kind, const Party& party) const;
    // What a customer's forgotten session keys have cost.
    struct Retired {
        Money amount;
        uint64_t packets = 0;
        uint64_t keys = 0;
    };
    [[nodiscard]] Retired retired(const std::string& customer) const;
    // Calls `each` with up to `most` confirmations of the log, those after number `after` and up to `newest`; the number of the
    // last one, 0 when there are none.
    [[nodiscard]] tl::expected<int64_t, store::StoreError> readLog(
        int64_t after, int64_t newest, size_t most, const std::function<void(const Confirmation&, Role)>& each);
    [[nodiscard]] tl::expected<int64_t, store::StoreError> newestLogged();
    // The same for those with shared signatures, which are numbered by message.
    [[nodiscard]] tl::expected<int64_t, store::StoreError> readBatches(
        int64_t after, int64_t newest, size_t most, const std::function<void(const Confirmation&, Role)>& each);
    [[nodiscard]] int64_t newestBatch() const { return m_nextBatch - 1; }
    [[nodiscard]] std::vector<ConfirmationId> waitingInBatches() const;
    [[nodiscard]] tl::expected<void, store::StoreError> readPayments(const std::function<void(Bytes)>& each);

    // --- blocks
    [[nodiscard]] const std::map<Party, BlockRecord>& blocks() const { return m_blocks; }
    void block(const Party& party, std::string reason, SystemTime now);
    void unblock(const Party& party);
    // False when there was one about that payment before.
    [[nodiscard]] bool addComplaint(const std::string& customer, const PayeeComplaint& complaint, SystemTime now);
    // The operator has looked into all that there are: they do not count any more.
    void settleComplaints(const std::string& customer);
    [[nodiscard]] const std::map<payments::PaymentId, PayeeComplaint>& complaints(const std::string& customer) const;
    // Complaints that the party has not taken yet: durable, and said again on each of its connections.
    struct WaitingComplaint {
        Party to;
        PayeeComplaint complaint;
    };
    void queueComplaint(const Party& to, const PayeeComplaint& complaint);
    void unqueueComplaint(const payments::PaymentId& payment);
    [[nodiscard]] const std::map<payments::PaymentId, WaitingComplaint>& complaintOutbox() const {
        return m_complaintOutbox;
    }
    void receive(const std::string& customer, Money amount, SystemTime now);
    struct Receipts {
        Money recent;  // today and yesterday (UTC)
        Money usual;   // on an average day of the four weeks before
    };
    [[nodiscard]] Receipts receipts(const std::string& customer, SystemTime now) const;

    // --- bills
    // `theirs`: the neighbour owes it to us. `made` is the time in the item itself.
    void bill(IspId neighbour, BillItem item, bool theirs, Money amount, SystemTime made, SystemTime now);
    void bill(PaymentSum kind, const Party& party, const PaymentRecord& record, SystemTime now);
    // Closes and signs every bill whose time is over; how many.
    size_t closeBills(IspId issuer, const Identity& identity, SystemTime now);
    // False when there is no such closed bill.
    [[nodiscard]] bool settle(IspId neighbour, CycleNumber cycle, Settlement settlement);
    // The neighbour's payments, without those taken back, of all settled cycles.
    [[nodiscard]] Money settledPaymentsOf(IspId neighbour) const;
    [[nodiscard]] const std::map<std::pair<IspId, CycleNumber>, BillRecord>& bills() const { return m_bills; }
    // What the neighbour has signed about a cycle; a second version is evidence against it, more are not kept.
    static constexpr size_t versionsKept = 2;
    void keepNeighbourBill(const Bill& theirs);
    [[nodiscard]] const std::map<std::pair<IspId, CycleNumber>, std::vector<Bill>>& neighbourBills() const {
        return m_neighbourBills;
    }

    // --- sums
    void add(SumKind kind, IspId isp, Money amount, SystemTime now);
    void addAll(SumKind kind, IspId isp, const Sum& several, SystemTime now);
    [[nodiscard]] Sum sum(SumKind kind, IspId isp) const;
    [[nodiscard]] const std::map<std::pair<SumKind, IspId>, Sum>& sums() const { return m_sums; }

    // --- micropayments
    // Null when it was never heard of, or too long ago to be in memory.
    [[nodiscard]] const PaymentRecord* payment(const payments::PaymentId& id) const;
    // Also what is only in the database; slow.
    [[nodiscard]] std::optional<PaymentRecord> paymentEver(const payments::PaymentId& id);
    // In memory: every payment whose end may still change.
    [[nodiscard]] const std::unordered_map<payments::PaymentId, PaymentRecord, payments::PaymentIdHash>& payments()
        const {
        return m_payments;
    }
    // New, or changed. Keeps the sums of what is pending and of the day. Written with the group.
    void setPayment(PaymentRecord record, SystemTime now);
    // A neighbour has acknowledged the confirmation, or the cancellation. Waits for another change to be written with it, at
    // most until writeLate(): when it is lost, the neighbour is told once more.
    void setHeard(const payments::PaymentId& id, bool cancellation, SystemTime now);
    void writeLate() { m_dirty = m_dirty || !m_dirtyPayments.empty(); }
    // Payments that have left the memory, and which the party has not acknowledged; the oldest.
    [[nodiscard]] std::vector<PaymentRecord> unheardBy(const Party& party, size_t most);
    // Of the party as payer or previous hop: what it will owe when everything pending is confirmed.
    [[nodiscard]] Money pendingOf(const Party& party) const;
    // … of all servers of that neighbour.
    [[nodiscard]] Money pendingOf(IspId neighbour) const;
    // … what it owes for the last 24 hours, the pending included.
    [[nodiscard]] Money spentOf(const Party& party, SystemTime now);
    [[nodiscard]] Money spentIn(const Party& party, SystemTime now) const;
    void add(PaymentSum kind, const Party& party, Money amount, SystemTime now);
    [[nodiscard]] Sum sum(PaymentSum kind, const Party& party) const;
    // Over all servers of that neighbour.
    [[nodiscard]] Money total(PaymentSum kind, IspId neighbour) const;
    [[nodiscard]] const std::map<std::pair<PaymentSum, Party>, Sum>& paymentSums() const { return m_paymentSums; }
    // Payees whose certificate was found good, by class (bits).
    [[nodiscard]] std::optional<uint8_t> certifiedClasses(const NodeId& payee, SystemTime now) const;
    void setCertified(const NodeId& payee, uint8_t classes, SystemTime until, SystemTime now);
    // What was found good before a list of revoked certificates has changed.
    void forgetCertified(SystemTime now);
    // Drops from memory what cannot change any more, and what no neighbour has acknowledged for long.
    void prunePayments(SystemTime now);

    // --- disputes with neighbours, the newest 1000 and what came since the start
    void setDispute(const Dispute& dispute, SystemTime now);
    [[nodiscard]] const std::map<int64_t, Dispute>& disputes() const { return m_disputes; }
    [[nodiscard]] int64_t nextDispute() const { return m_disputes.empty() ? 1 : m_disputes.rbegin()->first + 1; }

    // --- alarms
    void alarm(AlarmKind kind, std::string subject, std::string text, SystemTime now, Bytes evidence = {});
    [[nodiscard]] const std::deque<Alarm>& alarms() const { return m_alarms; }  // the newest 1000
    [[nodiscard]] uint64_t alarmCount() const { return m_alarmCount; }

private:
    explicit Books(store::SqlDatabase database, Options options)
        : m_database(std::move(database)),
          m_options(std::move(options)),
          m_replay(m_options.idMemory, idsAhead, m_options.idsKept),
          m_samples(m_options.idMemory) {}
    static constexpr std::chrono::seconds idsAhead{10};  // more than any neighbour's clock may be ahead

    using Incarnation = std::pair<std::string, uint64_t>;  // router, and which of its lives
    using LinkKey = std::tuple<std::string, uint64_t, IspId, ExitPoint>;
    using IspKey = std::tuple<std::string, uint64_t, IspId>;
    enum class IspCounter : uint8_t { Downstream = 1, Upstream = 2 };

    [[nodiscard]] tl::expected<void, store::StoreError> load(SystemTime now);
    [[nodiscard]] tl::expected<void, store::StoreError> loadCustomersAndKeys();
    [[nodiscard]] Bytes keyBody(const KeyRecord& record) const;
    [[nodiscard]] std::optional<RegisterKey> keyFrom(SessionKeyId id, ByteView body) const;
    [[nodiscard]] tl::expected<void, store::StoreError> sealKeys(const std::vector<SessionKeyId>& ids);
    [[nodiscard]] tl::expected<void, store::StoreError> loadCounters();
    [[nodiscard]] tl::expected<void, store::StoreError> loadConfirmations(SystemTime now);
    [[nodiscard]] tl::expected<void, store::StoreError> loadDisputes();
    [[nodiscard]] tl::expected<void, store::StoreError> loadBatches(SystemTime now);
    [[nodiscard]] bool loggedInBatch(const Confirmation& confirmation);
    [[nodiscard]] bool pruneBatches(SystemTime logFrom, const UpstreamOf& upstreamOf);
    [[nodiscard]] tl::expected<void, store::StoreError> loadSumsAndAlarms();
    void countSettled(const BillRecord& record);
    [[nodiscard]] tl::expected<void, store::StoreError> loadPayments(SystemTime now);
    void reload();
    store::SqlStatement* statement(const char* sql);
    void run(store::SqlStatement* statement);
    void writeSums();
    [[nodiscard]] Bill& openBill(IspId neighbour, SystemTime made, SystemTime now);
    void writeBill(const BillRecord& record);
    void writeBills();
    [[nodiscard]] tl::expected<void, store::StoreError> loadBlocks();
    [[nodiscard]] tl::expected<void, store::StoreError> loadComplaints();
    void pruneComplaints(SystemTime before);
    void billWhatIsOld(SystemTime now);
    [[nodiscard]] tl::expected<void, store::StoreError> loadBills(SystemTime now);
    [[nodiscard]] tl::expected<void, store::StoreError> loadNeighbourBills();
    void summarise(const Confirmation& one, Role role, const UpstreamOf& upstreamOf);
    [[nodiscard]] bool pruneConfirmations(SystemTime logFrom, const UpstreamOf& upstreamOf);
    [[nodiscard]] bool pruneOldPayments(SystemTime before, SystemTime now);
    [[nodiscard]] bool pruneKeys(SystemTime before);
    void writeSummaries();
    [[nodiscard]] tl::expected<void, store::StoreError> loadSummaries();
    void writePayments();
    void noteUnheard(const PaymentRecord& record);
    [[nodiscard]] tl::expected<void, store::StoreError> loadUnheard();
    void writePayment(const PaymentRecord& record, int64_t openUntil);
    void countSpent(const PaymentRecord& record, bool more);
    void applyIsps(const std::string& router, uint64_t incarnation, IspCounter which,
                   const std::vector<IspAmount>& amounts, SystemTime now);
    void applyLink(const std::string& router, uint64_t incarnation, const LinkCounters& counters, SystemTime now);
    void applyVerdict(const std::string& router, uint64_t incarnation, const VerdictCount& verdict);
    [[nodiscard]] bool raise(Money& total, Money by, const std::string& subject, SystemTime now);
    void wentBack(const std::string& router, const std::string& what, SystemTime now);

    store::SqlDatabase m_database;
    Options m_options;
    std::unordered_map<const char*, store::SqlStatement> m_statements;  // by the literal's address
    bool m_dirty = false;
    std::optional<store::StoreError> m_failed;  // the group cannot be committed any more
    bool m_readable = true;
    std::string m_failure;

    std::map<std::string, PublicKey> m_customers;
    std::map<std::array<uint8_t, 32>, std::string> m_customerOf;  // by key
    std::map<SessionKeyId, KeyRecord> m_keys;
    std::map<std::pair<Incarnation, SessionKeyId>, Usage> m_keyCounters;
    std::map<LinkKey, LinkCounters> m_linkCounters;
    std::map<std::pair<IspCounter, IspKey>, Money> m_ispCounters;
    std::map<std::pair<Incarnation, std::string>, uint64_t> m_verdictCounters;
    std::map<IspId, LinkTotals> m_linkTotals;
    std::map<IspId, Money> m_downstreamTotals;
    std::map<IspId, Money> m_upstreamTotals;
    std::map<std::string, uint64_t> m_verdictTotals;
    ReplayTable m_replay;
    RecentIds m_samples;
    std::map<int64_t, WaitingBatch> m_batchOutbox;
    std::map<IspId, size_t> m_batchesWaiting;  // confirmations in them
    int64_t m_nextBatch = 1;
    std::map<int64_t, OutboxEntry> m_outbox;
    std::map<std::pair<Party, ConfirmationId>, int64_t> m_outboxIds;
    int64_t m_nextOutbox = 1;
    std::map<std::pair<SumKind, IspId>, Sum> m_sums;
    std::map<std::pair<SumKind, IspId>, bool> m_dirtySums;
    // What a customer has spent, by the minute: those as old as a day leave.
    struct Window {
        std::map<int64_t, Money> minutes;
        Money total;
    };
    struct Certified {
        uint8_t classes = 0;
        SystemTime until;
    };
    std::unordered_map<payments::PaymentId, PaymentRecord, payments::PaymentIdHash> m_payments;
    std::unordered_map<payments::PaymentId, int64_t, payments::PaymentIdHash>
        m_paymentNumbers;  // rows of those in memory
    int64_t m_nextPayment = 1;
    std::unordered_set<payments::PaymentId, payments::PaymentIdHash> m_dirtyPayments;
    std::set<std::pair<PaymentSum, Party>> m_dirtyPaymentSums;
    std::set<Party> m_unheard;  // who may have payments that unheardBy() finds
    std::map<Party, Money> m_pending;
    std::map<Party, Window> m_windows;
    std::map<std::pair<PaymentSum, Party>, Sum> m_paymentSums;
    std::unordered_map<NodeId, Certified> m_certified;
    std::map<int64_t, Dispute> m_disputes;
    std::map<Party, BlockRecord> m_blocks;
    std::map<std::string, std::map<payments::PaymentId, PayeeComplaint>> m_complaints;  // by customer
    std::set<payments::PaymentId> m_settledComplaints;
    std::map<payments::PaymentId, WaitingComplaint> m_complaintOutbox;
    std::map<std::string, std::map<int64_t, Money>> m_receipts;  // by customer and day since 1970
    std::map<std::pair<IspId, CycleNumber>, BillRecord> m_bills;
    // Of settled bills. Both grow: the bill that has what was taken back may be settled before the one that has the payment.
    struct SettledPayments {
        Money passed;
        Money takenBack;
    };
    std::map<IspId, SettledPayments> m_settledPayments;
    std::map<std::pair<IspId, CycleNumber>, bool> m_dirtyBills;
    std::map<std::pair<IspId, CycleNumber>, std::vector<Bill>> m_neighbourBills;
    std::map<std::pair<SumKind, IspId>, BillSide> m_summarised;
    std::map<std::pair<PaymentSum, Party>, BillSide> m_summarisedPayments;
    std::map<std::string, Retired> m_retired;  // by customer
    std::set<std::pair<SumKind, IspId>> m_dirtySummaries;
    std::set<std::pair<PaymentSum, Party>> m_dirtyPaymentSummaries;
    std::set<std::string> m_dirtyRetired;
    std::deque<Alarm> m_alarms;
    uint64_t m_alarmCount = 0;
    SystemTime m_now;  // of the last call that told it; for reload()
};

}  // namespace netpas::accounting
