// Messages between an agent and its secretary (core/channel/PROTOCOL.md). Plain values; encoding is canonical: what decodes, encodes
// to the same bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <tl/expected.hpp>

#include "core/bytes.h"
#include "core/channel/capability.h"
#include "core/channel/mesh_messages.h"
#include "core/crypto/identity.h"
#include "core/flow.h"
#include "core/guarantee.h"
#include "core/ids.h"
#include "core/link_address.h"
#include "core/money.h"
#include "core/net_address.h"
#include "core/price_model.h"
#include "core/session_key.h"

namespace netpas::channel {

inline constexpr uint8_t protocolVersion = 2;  // in every frame

inline constexpr size_t maxMessageSize = size_t{1} << 20;
inline constexpr size_t maxName = 64;
inline constexpr size_t maxText = 512;  // for people; a longer one is cut
inline constexpr size_t maxFlows = 512;
inline constexpr size_t maxHeld = 1024;  // two keys of each flow while they are changed
inline constexpr size_t maxHops = 16;
inline constexpr size_t maxWithout = 64;
inline constexpr size_t maxPeriods = 64;
inline constexpr size_t maxAllowedIsps = 16;
inline constexpr size_t maxJoinUrl = 512;
inline constexpr size_t maxDescriptor = 32768;
inline constexpr size_t maxStreamChunk = 16384;
inline constexpr size_t streamWindow =
    65536;  // bytes that may be under way in each direction of a stream before the first credit
inline constexpr size_t maxMethod = 16;
inline constexpr size_t maxExecutable = 4096;
inline constexpr size_t maxPath = 2048;
inline constexpr size_t maxQuery = 4096;
inline constexpr size_t maxHeaders = 8;
inline constexpr size_t maxProcesses = 512;
inline constexpr size_t maxHeaderValue = 512;
inline constexpr size_t maxRequestBody = 65536;
inline constexpr size_t maxAnswerBody = 1000000;
inline constexpr size_t maxDevices = 256;
inline constexpr size_t maxDeviceName = 32;
inline constexpr size_t maxErrorCode = 32;
inline constexpr size_t maxSellerBody = 16384;
inline constexpr size_t maxEvidence = 32768;

enum class MessageError {
    Empty,
    UnknownType,
    Malformed,  // short, too long, a limit exceeded, a negative amount, or not canonical
    TooLarge,   // encoding: a limit is exceeded
};
[[nodiscard]] std::string_view describe(MessageError error);

// --- the start and the end of a session; the channel itself sends and reads these

// Counters of one purchase under one key; each only grows. The next key of the purchase begins at zero.
struct FlowCounters {
    PurchaseId purchase;
    SessionKeyId key;
    uint64_t packets = 0;  // paid
    uint64_t bytes = 0;    // inner bytes of paid packets
    Money amount;          // sum of all nanopayments of paid packets
    uint64_t bestEffort = 0;
    bool capReached = false;  // a packet could not be paid for, because the key's cap is used up
    std::string trouble;      // why packets go unpaid at the moment, for people; empty when they do not
};

// Agent. Opens a session, and ends the one before, if there was one.
struct Hello {
    uint64_t nonce = 0;              // new for every attempt
    uint64_t incarnation = 0;        // new for every start of the agent's process
    std::string name;                // for people
    std::vector<FlowCounters> held;  // what the agent can still pay for, or has counted and not yet reported as drained
};
// Secretary.
struct Welcome {
    uint64_t nonce = 0;                  // of the Hello that it answers
    uint32_t heartbeatMilliseconds = 0;  // how often to give a sign of life while paid flows are diverted
    Capabilities granted;
};
enum class Farewell : uint8_t {
    Stopping = 1,      // in order; come back later
    Busy = 2,          // another agent is connected
    NotAllowed = 3,    // by its user or its key
    OtherVersion = 4,  // of this protocol
    LineTrouble = 5,   // bytes were lost: say hello again
    Misbehaved = 6,    // what came does not decode, or was not granted
};
[[nodiscard]] std::string_view describe(Farewell reason);
// Either; the last frame of a session, or in place of one.
struct Goodbye {
    Farewell reason{};
    std::string text;  // with the remedy, for people
};
struct Ping {
    uint32_t number = 0;
};
struct Pong {
    uint32_t number = 0;
};

// --- network facts

// The ISP that the agent is a customer of: what its directory published, unchanged, so that the secretary checks the signature itself
// against the key in the URL. Both empty: no ISP is joined.
struct Home {
    std::string joinUrl;
    std::string descriptor;  // signed envelope
};
struct AgentState {
    bool planeUp = false;
    std::string trouble;  // for people
};

struct PathHop {
    IspId isp;
    std::string ispName;
    ServiceClass service;
    std::string className;
    ExitPoint exit;  // 0: the ISP chooses
    PriceSchedule prices;
    std::optional<Guarantee> guarantee{};
};

enum class ClassRule : uint8_t { Cheapest = 0, Best = 1, Named = 2, Numbered = 3 };
struct ClassWish {
    ClassRule rule = ClassRule::Cheapest;
    std::string name;        // only with Named
    ServiceClass number{0};  // only with Numbered
};
struct IspWish {
    IspId isp;
    ClassWish wish;
};
struct IspClass {
    IspId isp;
    ServiceClass service;
};
struct QuoteRequest {
    uint32_t request = 0;
    IpAddress destination;
    ClassWish everywhere;
    std::vector<IspWish> perIsp;  // ascending, each once; goes before `everywhere`
    Money atMost;                 // for the dearest full-sized packet; zero: any price
    Money firstCharge{};          // of guarantees, with atMost
    Money minuteCharge{};
    std::vector<IspClass> without;
};
enum class QuoteTrouble : uint8_t { NotJoined = 1, NoPath = 2, NoSuchClass = 3, Unreachable = 4, Untrusted = 5 };
struct NoQuote {
    QuoteTrouble kind = QuoteTrouble::NoPath;
    std::string message;
    std::string hint;
};
struct QuotedPath {
    IpAddress destination;
    std::vector<PathHop> hops;  // own ISP first
    SystemTime validUntil;
};
struct QuoteAnswer {
    uint32_t request = 0;
    std::variant<NoQuote, QuotedPath> result;
};

struct Join {
    uint32_t request = 0;
    std::string url;
};
struct NotJoined {
    std::string message;
    std::string hint;
};
// The ISP's documents were fetched and verified; enrolment is the secretary's.
struct JoinAnswer {
    uint32_t request = 0;
    std::variant<NotJoined, Home> result;
};

// --- flows

struct PaidFlow {
    PurchaseId purchase;
    FlowMatch match;
    std::vector<PathHop> path;
    SessionKey key;
    Money capPerSecond;  // the user's; zero: none
    bool diverted = false;
    std::string node;  // the device behind this machine whose flow it is; empty: this machine's own
};
// All that the agent shall pay for from now on; the whole set, not a change. The agent publishes before it diverts, and stops
// diverting before it unpublishes. Another key for a purchase takes the place of the one before.
struct SetFlows {
    uint64_t generation = 0;  // grows
    std::vector<PaidFlow> flows;
};
enum class FlowsTrouble : uint8_t { Plane = 1, Capture = 2 };
struct FlowsFailure {
    FlowsTrouble kind{};
    std::string text;
};
// On failure the set from before stays.
struct FlowsApplied {
    uint64_t generation = 0;
    std::optional<FlowsFailure> failure;
};
struct Counters {
    std::vector<FlowCounters> flows;  // those that changed
};
// The flow is not diverted any more, or has another key: tell when every packet taken in under this key has left.
struct Drain {
    PurchaseId purchase;
    SessionKeyId key;
};
struct Drained {
    FlowCounters counters;  // they do not change any more
};

// Agent. What was paid for was as bad as best effort, or worse, in measurements beside it.
struct NotDelivered {
    std::vector<PurchaseId> purchases;  // that pay for it
    std::vector<IspClass> suspects;     // who may be to blame, the likeliest first
    std::string evidence;               // JSON
};

// --- streams: TCP connections of the agent whose ends are in the secretary; what they carry is TLS between secretary and ISP

struct StreamOpen {
    uint32_t stream = 0;  // chosen by the secretary, never used twice in a session
    Endpoint endpoint;
};
struct StreamOpened {
    uint32_t stream = 0;
};
struct StreamData {
    uint32_t stream = 0;
    Bytes bytes;  // not empty
};
// The receiver has passed on that many bytes: as many more may come.
struct StreamCredit {
    uint32_t stream = 0;
    uint32_t bytes = 0;
};
enum class StreamEnd : uint8_t {
    Closed = 0,   // by the far end, or in order
    Refused = 1,  // not an endpoint that this agent connects to
    CannotConnect = 2,
    Failed = 3,
};
[[nodiscard]] std::string_view describe(StreamEnd end);
struct StreamClosed {
    uint32_t stream = 0;
    StreamEnd reason{};
};

// --- requests of local users that reach the secretary through the agent

// As the agent says; it is believed for no more than the channel's capabilities.
struct Caller {
    uint32_t uid = 0;
    uint32_t pid = 0;
    std::string executable;
    std::string node;  // device behind this machine
};
struct Header {
    std::string name;
    std::string value;
};
struct ApiRequest {
    uint32_t request = 0;
    Caller caller;
    std::string method;
    std::string path;   // decoded
    std::string query;  // as in the URL, without the question mark
    std::vector<Header> headers;
    std::string body;
};
struct ApiAnswer {
    uint32_t request = 0;
    uint16_t status = 0;
    std::string contentType;
    std::string body;
    std::vector<Header> headers = {};
};

// --- devices behind the agent's machine; who is paired is the secretary's list, and what a person confirmed to it

// A device that the secretary does not list stands at the agent's door: it asks to be paired, or (no name) how that stands.
struct DeviceAsks {
    uint32_t request = 0;
    PublicKey key;   // as the device proved it
    PublicKey door;  // as the agent proved it to the device
    LinkAddress link{};
    IpAddress from;
    std::string name;
};
enum class DeviceState : uint8_t { Unknown = 0, Waiting = 1, Paired = 2 };
struct DeviceStanding {
    DeviceState state{};
    std::string name;
    uint32_t secondsLeft = 0;  // while it waits
};
struct DeviceRefused {
    uint16_t status = 0;  // as in ApiAnswer
    std::string code;
    std::string message;
    std::string hint;
};
struct DeviceAnswer {
    uint32_t request = 0;
    std::variant<DeviceRefused, DeviceStanding> result;
};
struct PairedDevice {
    std::string name;
    PublicKey key;
    LinkAddress link{};
};
// All of them, not a change; after Welcome and whenever something changed. Nothing: the secretary does not know now (locked).
struct Devices {
    std::optional<std::vector<PairedDevice>> all;
};

// Agent: of the local users' processes whose requests it has forwarded, those that still run and that it watches. The whole set; at the
// beginning of a session, and whenever one of them has ended.
struct Processes {
    std::vector<uint32_t> running;  // ascending, each once
};

// --- the reverse path (NetPaS §3.1.3): who sells better service for packets that come here, and what is said to him

// Who sells for packets that come from there.
struct FindSeller {
    uint32_t request = 0;
    IpAddress from;
};
struct ReverseSeller {
    Endpoint server;
    PublicKey key;  // of its TLS
};
struct SellerFound {
    uint32_t request = 0;
    std::variant<NoQuote, ReverseSeller> result;
};
// An HTTPS request to a seller whose TLS has this key.
struct SellerCall {
    uint32_t request = 0;
    ReverseSeller seller;
    std::string method;
    std::string path;
    std::string body;
    std::optional<FlowMatch> flow;  // TCP, as this machine sends it: what has been received on it?
};
struct SellerAnswer {
    uint32_t request = 0;
    uint16_t status = 0;  // of HTTP; 0: the seller does not answer
    std::string body;
    std::optional<uint64_t> receivedSegments;  // with payload, in whatever order; nothing: the system does not say
};

using Message =
    std::variant<Hello, Welcome, Goodbye, Ping, Pong, Home, AgentState, QuoteRequest, QuoteAnswer, Join, JoinAnswer,
                 SetFlows, FlowsApplied, Counters, Drain, Drained, StreamOpen, StreamOpened, StreamData, StreamCredit,
                 StreamClosed, ApiRequest, ApiAnswer, DeviceAsks, DeviceAnswer, Devices, Processes, NotDelivered,
                 FindSeller, SellerFound, SellerCall, SellerAnswer, MeshLinks, MeshHeard, MeshCounts, MeshSay, SetMesh,
                 FlowsSeen, MeshHops, TestNeighbour, NeighbourTested>;

[[nodiscard]] tl::expected<Bytes, MessageError> encode(const Message& message);
[[nodiscard]] tl::expected<Message, MessageError> decode(ByteView bytes);

}  // namespace netpas::channel
