// Messages of the accounting protocol (core/accounting/PROTOCOL.md). Plain values; encoding is canonical: what decodes,
// encodes to the same bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <tl/expected.hpp>

#include "core/accounting/confirmation.h"
#include "core/accounting/delivery_messages.h"
#include "core/accounting/dispute.h"
#include "core/accounting/nano_messages.h"
#include "core/accounting/payee_complaint.h"
#include "core/accounting/payment_messages.h"
#include "core/accounting/sibling_messages.h"
#include "core/bytes.h"
#include "core/crypto/identity.h"
#include "core/ids.h"
#include "core/money.h"
#include "core/session_key.h"

namespace netpas::accounting {

inline constexpr size_t maxMessageSize = 65536;
inline constexpr size_t maxNameSize = 64;
inline constexpr size_t maxTextSize = 512;
inline constexpr size_t maxAllowedIsps = 16;
inline constexpr size_t maxInvoiceLines = 1500;
inline constexpr size_t maxReportKeys = 1000;
inline constexpr size_t maxReportLinks = 256;
inline constexpr size_t maxReportIsps = 512;
inline constexpr size_t maxReportVerdicts = 64;
inline constexpr size_t maxBlacklist = 4096;
inline constexpr size_t maxCustomers = 256;
inline constexpr size_t maxAcks = 1024;

enum class DecodeError {
    Empty,
    UnknownType,
    Malformed,  // short, too long, a limit exceeded, a negative amount, or not canonical
};
[[nodiscard]] std::string_view describe(DecodeError error);

// Why a request was not done.
enum class Refusal : uint8_t {
    NotACustomer = 1,      // the connection does not come from inside a customer's prefixes, nor with an enrolled key
    OtherKeyEnrolled = 2,  // the customer has enrolled another identity key before
    NotJoined = 3,
    KeyIdUsed = 4,  // the session key's id was used before with other contents
    BadSignature = 5,
    Expired = 6,           // the key's expiry is past, or further away than the ISP allows
    BadCap = 7,            // a cap is zero, or above the customer's limit
    UnknownKey = 8,        // no such session key of this customer
    TooMany = 9,           // too many keys or requests at once
    EdgeUnavailable = 10,  // no edge router serves this customer at the moment
    NotAllowed = 11,       // a message that this kind of peer may not send
    StoreFailed = 12,      // the books cannot be written; nothing was done
    Forbidden = 13,        // by a rule of the customer's organisation
};
[[nodiscard]] std::string_view describe(Refusal refusal);

// --- customer -> accounting server; `request` is chosen by the client and repeated in the answer
struct Join {
    uint32_t request = 0;
    friend bool operator==(const Join&, const Join&) = default;
};
struct RegisterKey {
    uint32_t request = 0;
    SessionKey key;
    Signature signature;  // the customer's identity over registerKeyMessage(key, accounting server's node)
};
struct RevokeKey {
    uint32_t request = 0;
    SessionKeyId key;
};
struct UsageQuery {
    uint32_t request = 0;
    SessionKeyId key;
};
struct InvoiceQuery {
    uint32_t request = 0;
};

// --- accounting server -> customer
struct Joined {
    uint32_t request = 0;
    IspId isp;
    std::string ispName;
    std::string customerName;
};
struct KeyReady {
    uint32_t request = 0;
    SessionKeyId key;
};
struct UsageStatement {
    uint32_t request = 0;  // not signed
    SessionKeyId key;
    uint64_t packets = 0;
    uint64_t bytes = 0;  // of the inner packets
    Money amount;
    bool final = false;  // the key is gone from the edge router: the numbers will not change any more
    SystemTime time;
    Signature signature;  // the accounting server's over usageStatementMessage()
};
struct InvoiceLine {
    SessionKeyId key;
    uint64_t packets = 0;
    Money amount;
    bool final = false;
    friend bool operator==(const InvoiceLine&, const InvoiceLine&) = default;
};
struct Invoice {
    uint32_t request = 0;  // not signed
    NodeId customer;
    SystemTime time;
    uint64_t packets = 0;
    Money total;                     // of all keys ever, also those that no line shows
    std::vector<InvoiceLine> lines;  // the newest keys
    Signature signature;
};
struct Refused {
    uint32_t request = 0;
    Refusal reason{};
    std::string remedy;  // for people
};

// --- edge router -> accounting server
struct EdgeHello {
    std::string router;
    uint64_t incarnation = 0;            // differs after every start of the edge; its counters begin at 0 with it
    std::vector<std::string> customers;  // names of the customers whose packets enter here
};
// All counters are cumulative since the edge's start.
struct KeyCounters {
    SessionKeyId key;
    uint64_t packets = 0;
    uint64_t bytes = 0;
    Money amount;               // all nanopayments of the accepted packets, of every hop
    uint64_t nextSequence = 0;  // above every sequence number accepted
    friend bool operator==(const KeyCounters&, const KeyCounters&) = default;
};
struct LinkCounters {
    IspId neighbour;  // the next ISP; this ISP itself for packets delivered to their destination
    ExitPoint exit;
    uint64_t packets = 0;
    uint64_t bytes = 0;
    Money own;         // nanopayments to this ISP in packets handed over there
    Money downstream;  // nanopayments to all later ISPs in them
    friend bool operator==(const LinkCounters&, const LinkCounters&) = default;
};
struct IspAmount {
    IspId isp;
    Money amount;
    friend bool operator==(const IspAmount&, const IspAmount&) = default;
};
struct VerdictCount {
    std::string name;
    uint64_t packets = 0;
    friend bool operator==(const VerdictCount&, const VerdictCount&) = default;
};
struct EdgeReport {
    uint32_t sequence = 0;
    SystemTime time;
    std::vector<KeyCounters> keys;  // those that changed; a large router sends several reports
    std::vector<LinkCounters> links;
    std::vector<IspAmount> downstream;  // step 7: per downstream ISP, packets that left
    std::vector<IspAmount> upstream;    // what the samplers saw: the upstream ISP's nanopayments in packets that came
                                        // from it; this ISP itself for its own service as delivered
    std::vector<VerdictCount> verdicts;
};
struct EdgeSample {
    ConfirmationId id{};
    IspId beneficiary;  // the upstream ISP, or this ISP for its own service where the path ends
    Money amount;       // T
    AccountingHeader header;
    PacketExcerpt excerpt{};
};
struct KeyInstalled {
    SessionKeyId key;
};
struct KeyRemoved {
    KeyCounters counters;  // final for this incarnation; zero for a key that it never had
};

// --- accounting server -> edge router
struct EdgeWelcome {
    IspId isp;
};
struct InstallKey {
    SessionKey key;  // `cap` is what is left of it
    std::string customer;
    uint64_t nextSequence = 0;  // smaller ones were accepted before the edge's restart
};
struct RemoveKey {
    SessionKeyId key;
};
struct SetBlacklist {
    std::vector<IspId> isps;
};
struct EdgeReportAck {
    uint32_t sequence = 0;  // everything in that report is durable
};

// --- neighbour <-> neighbour; the beneficiary's upstream direction is towards the packet's source
struct ConfirmationToCountersign {
    Confirmation confirmation;
};
struct ForwardedConfirmation {
    Confirmation confirmation;
};
// A customer -> its ISP: both ISPs are the receiver, the confirming signature is the customer's over delegateMessage().
struct DelegatedConfirmation {
    Confirmation confirmation;
};
enum class AckResult : uint8_t {
    Accepted = 0,   // durable; the receiver owes what it says
    Duplicate = 1,  // accepted earlier, and nothing more is owed
    Expired = 2,
    FromTheFuture = 3,
    BadSignature = 4,
    WrongPath = 5,  // the header does not lead from the receiver to the sender as it must
    WrongAmount = 6,
    Conflict = 7,  // the id belongs to another confirmation
    NotDelegated = 8,
};
[[nodiscard]] std::string_view describe(AckResult result);
[[nodiscard]] constexpr bool isAccepted(AckResult result) {
    return result == AckResult::Accepted || result == AckResult::Duplicate;
}
struct AckEntry {
    ConfirmationId id{};
    AckResult result{};
    friend bool operator==(const AckEntry&, const AckEntry&) = default;
};
// Also answers EdgeSample.
struct Ack {
    std::vector<AckEntry> entries;
};

using Message =
    std::variant<Join, RegisterKey, RevokeKey, UsageQuery, InvoiceQuery, Joined, KeyReady, UsageStatement, Invoice,
                 Refused, EdgeHello, EdgeReport, EdgeSample, KeyInstalled, KeyRemoved, EdgeWelcome, InstallKey,
                 RemoveKey, SetBlacklist, EdgeReportAck, ConfirmationToCountersign, ForwardedConfirmation, Ack,
                 SendPayment, PaymentQuery, RouteQuery, SetReceiving, PaymentStatement, RouteFound, ReceivingSet,
                 ForwardPayment, PaymentRefused, PaymentConfirmed, PaymentAck, CancelPayment, AnnounceRoutes,
                 SiblingPlaces, SiblingCustomers, BatchAbility, ConfirmationBatch, BatchAck, Complaint, ComplaintAnswer,
                 CountPaths, PathCounts, PayeeComplaint, DelegatedConfirmation, TakePart, PartTaken, SetDeliveries,
                 PayeeComplaintAck>;

// The caller keeps the limits above; a message beyond them is cut to them.
[[nodiscard]] Bytes encode(const Message& message);
[[nodiscard]] tl::expected<Message, DecodeError> decode(ByteView bytes);

// What is signed. `server` is the accounting server's node: a signature for one ISP is worth nothing to another.
[[nodiscard]] Bytes registerKeyMessage(const SessionKey& key, const NodeId& server);
[[nodiscard]] Bytes usageStatementMessage(const UsageStatement& statement, const NodeId& customer);
[[nodiscard]] Bytes invoiceMessage(const Invoice& invoice);

}  // namespace netpas::accounting
