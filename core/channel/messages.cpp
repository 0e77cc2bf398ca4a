#include "core/channel/messages.h"

#include <algorithm>
#include <functional>

#include "core/channel/codec.h"

// Found by argument-dependent look-up from the archives, so not in an unnamed namespace.
namespace netpas::channel::codec {

// Encoder::Ref<T> is const T&, Decoder::Ref<T> is T&: one function names the fields for both.
template <typename A, typename T>
using Ref = typename A::template Ref<T>;

// For lists and optionals of a type that has fields().
constexpr auto each = [](auto& archive, auto& value) { fields(archive, value); };
constexpr auto eachIsp = [](auto& archive, auto& isp) { archive.id(isp); };

template <typename A>
void fields(A& a, Ref<A, PriceModel> m) {
    a.money(m.perPacket);
    a.money(m.perKib);
    a.number(m.surcharge1024ths);
    if (m.surcharge1024ths > 1024) a.fail();
}
template <typename A>
void fields(A& a, Ref<A, PricePeriod> m) {
    a.number(m.fromMinute);
    a.number(m.toMinute);
    fields(a, m.model);
    if (m.fromMinute > 1440 || m.toMinute > 1440) a.fail();
}
template <typename A>
void fields(A& a, Ref<A, Guarantee> m) {
    a.money(m.setUp);
    a.money(m.perMinute);
    a.number(m.bitsPerSecond);
}
template <typename A>
void fields(A& a, Ref<A, PathHop> m) {
    a.id(m.isp);
    a.text(m.ispName, maxName);
    a.id(m.service);
    a.text(m.className, maxName);
    a.id(m.exit);
    fields(a, m.prices.base);
    a.list(m.prices.periods, maxPeriods, each);
    a.optional(m.guarantee, each);
}
template <typename A>
void fields(A& a, Ref<A, Endpoint> m) {
    a.address(m.address);
    a.number(m.port);
}
// Nothing is carried that a match could not mean.
inline bool isMeaningful(const FlowMatch& m) {
    const bool ports = m.protocol == ipproto::tcp || m.protocol == ipproto::udp;
    if (!ports && (m.localPort != 0 || m.remotePort != 0)) return false;
    return !m.local || !m.remote || m.local->address().isV6() == m.remote->address().isV6();
}
inline void fields(Encoder& a, const IpPrefix& m) {
    a.address(m.address());
    a.number(m.length());
}
inline void fields(Decoder& a, IpPrefix& m) {
    IpAddress address;
    uint8_t length = 0;
    a.address(address);
    a.number(length);
    const auto prefix = IpPrefix::make(address, length);
    if (!prefix) return a.fail();
    m = *prefix;
}
template <typename A>
void fields(A& a, Ref<A, FlowMatch> m) {
    a.optional(m.local, each);
    a.optional(m.remote, each);
    a.number(m.protocol);
    a.number(m.localPort);
    a.number(m.remotePort);
    if (!isMeaningful(m)) a.fail();
}
template <typename A>
void fields(A& a, Ref<A, SessionKey> m) {
    a.id(m.id);
    a.array(m.secret);
    a.money(m.cap);
    a.money(m.capPerSecond);
    a.list(m.allowed, maxAllowedIsps, eachIsp);
    a.time(m.expires);
}
template <typename A>
void fields(A& a, Ref<A, FlowCounters> m) {
    a.id(m.purchase);
    a.id(m.key);
    a.number(m.packets);
    a.number(m.bytes);
    a.money(m.amount);
    a.number(m.bestEffort);
    a.flag(m.capReached);
    a.note(m.trouble, maxText);
}

template <typename A>
void fields(A& a, Ref<A, Hello> m) {
    a.number(m.nonce);
    a.number(m.incarnation);
    a.note(m.name, maxName);
    a.list(m.held, maxHeld, each);
}
inline void fields(Encoder& a, const Capabilities& m) { a.number(m.bits()); }
inline void fields(Decoder& a, Capabilities& m) {
    uint32_t bits = 0;
    a.number(bits);
    m = Capabilities::fromBits(bits);
    if (m.bits() != bits) a.fail();
}
template <typename A>
void fields(A& a, Ref<A, Welcome> m) {
    a.number(m.nonce);
    a.number(m.heartbeatMilliseconds);
    fields(a, m.granted);
}
template <typename A>
void fields(A& a, Ref<A, Goodbye> m) {
    a.choice(m.reason, Farewell::Stopping, Farewell::Misbehaved);
    a.note(m.text, maxText);
}
template <typename A>
void fields(A& a, Ref<A, Ping> m) {
    a.number(m.number);
}
template <typename A>
void fields(A& a, Ref<A, Pong> m) {
    a.number(m.number);
}

template <typename A>
void fields(A& a, Ref<A, Home> m) {
    a.text(m.joinUrl, maxJoinUrl);
    a.text(m.descriptor, maxDescriptor);
}
template <typename A>
void fields(A& a, Ref<A, AgentState> m) {
    a.flag(m.planeUp);
    a.note(m.trouble, maxText);
}
template <typename A>
void fields(A& a, Ref<A, ClassWish> m) {
    a.choice(m.rule, ClassRule::Cheapest, ClassRule::Numbered);
    if (m.rule == ClassRule::Named) a.text(m.name, maxName);
    if (m.rule == ClassRule::Numbered) a.id(m.number);
}
template <typename A>
void fields(A& a, Ref<A, IspWish> m) {
    a.id(m.isp);
    fields(a, m.wish);
}
template <typename A>
void fields(A& a, Ref<A, IspClass> m) {
    a.id(m.isp);
    a.id(m.service);
}
template <typename A>
void fields(A& a, Ref<A, QuoteRequest> m) {
    a.number(m.request);
    a.address(m.destination);
    fields(a, m.everywhere);
    a.list(m.perIsp, maxHops, each);
    a.money(m.atMost);
    a.money(m.firstCharge);
    a.money(m.minuteCharge);
    a.list(m.without, maxWithout, each);
    const auto notAscending = [](const IspWish& one, const IspWish& next) { return one.isp >= next.isp; };
    if (std::ranges::adjacent_find(m.perIsp, notAscending) != m.perIsp.end()) a.fail();
}
template <typename A>
void fields(A& a, Ref<A, NoQuote> m) {
    a.choice(m.kind, QuoteTrouble::NotJoined, QuoteTrouble::Untrusted);
    a.note(m.message, maxText);
    a.note(m.hint, maxText);
}
template <typename A>
void fields(A& a, Ref<A, QuotedPath> m) {
    a.address(m.destination);
    a.list(m.hops, maxHops, each);
    a.time(m.validUntil);
}
// Which of two alternatives, then it.
template <typename First, typename Second>
void either(Encoder& a, const std::variant<First, Second>& m) {
    a.flag(m.index() == 1);
    std::visit([&](const auto& one) { fields(a, one); }, m);
}
template <typename First, typename Second>
void either(Decoder& a, std::variant<First, Second>& m) {
    bool second = false;
    a.flag(second);
    if (second) m = Second{};
    std::visit([&](auto& one) { fields(a, one); }, m);
}
template <typename A>
void fields(A& a, Ref<A, QuoteAnswer> m) {
    a.number(m.request);
    either(a, m.result);
}
template <typename A>
void fields(A& a, Ref<A, Join> m) {
    a.number(m.request);
    a.text(m.url, maxJoinUrl);
}
template <typename A>
void fields(A& a, Ref<A, NotJoined> m) {
    a.note(m.message, maxText);
    a.note(m.hint, maxText);
}
template <typename A>
void fields(A& a, Ref<A, JoinAnswer> m) {
    a.number(m.request);
    either(a, m.result);
}

template <typename A>
void fields(A& a, Ref<A, PaidFlow> m) {
    a.id(m.purchase);
    fields(a, m.match);
    a.list(m.path, maxHops, each);
    fields(a, m.key);
    a.money(m.capPerSecond);
    a.flag(m.diverted);
    a.text(m.node, maxName);
}
template <typename A>
void fields(A& a, Ref<A, SetFlows> m) {
    a.number(m.generation);
    a.list(m.flows, maxFlows, each);
}
template <typename A>
void fields(A& a, Ref<A, FlowsFailure> m) {
    a.choice(m.kind, FlowsTrouble::Plane, FlowsTrouble::Capture);
    a.note(m.text, maxText);
}
template <typename A>
void fields(A& a, Ref<A, FlowsApplied> m) {
    a.number(m.generation);
    a.optional(m.failure, each);
}
template <typename A>
void fields(A& a, Ref<A, Counters> m) {
    a.list(m.flows, maxHeld, each);
}
template <typename A>
void fields(A& a, Ref<A, Drain> m) {
    a.id(m.purchase);
    a.id(m.key);
}
template <typename A>
void fields(A& a, Ref<A, Drained> m) {
    fields(a, m.counters);
}

template <typename A>
void fields(A& a, Ref<A, NotDelivered> m) {
    a.list(m.purchases, maxFlows, [](auto& archive, auto& id) { archive.id(id); });
    a.list(m.suspects, maxHops, each);
    a.text(m.evidence, maxEvidence);
}

template <typename A>
void fields(A& a, Ref<A, StreamOpen> m) {
    a.number(m.stream);
    fields(a, m.endpoint);
}
template <typename A>
void fields(A& a, Ref<A, StreamOpened> m) {
    a.number(m.stream);
}
template <typename A>
void fields(A& a, Ref<A, StreamData> m) {
    a.number(m.stream);
    a.bytes(m.bytes, maxStreamChunk);
    if (m.bytes.empty()) a.fail();
}
template <typename A>
void fields(A& a, Ref<A, StreamCredit> m) {
    a.number(m.stream);
    a.number(m.bytes);
}
template <typename A>
void fields(A& a, Ref<A, StreamClosed> m) {
    a.number(m.stream);
    a.choice(m.reason, StreamEnd::Closed, StreamEnd::Failed);
}

template <typename A>
void fields(A& a, Ref<A, Caller> m) {
    a.number(m.uid);
    a.number(m.pid);
    a.text(m.executable, maxExecutable);
    a.text(m.node, maxName);
}
template <typename A>
void fields(A& a, Ref<A, Header> m) {
    a.text(m.name, maxName);
    a.text(m.value, maxHeaderValue);
}
template <typename A>
void fields(A& a, Ref<A, ApiRequest> m) {
    a.number(m.request);
    fields(a, m.caller);
    a.text(m.method, maxMethod);
    a.text(m.path, maxPath);
    a.text(m.query, maxQuery);
    a.list(m.headers, maxHeaders, each);
    a.text(m.body, maxRequestBody);
}
template <typename A>
void fields(A& a, Ref<A, ApiAnswer> m) {
    a.number(m.request);
    a.number(m.status);
    a.text(m.contentType, maxName);
    a.text(m.body, maxAnswerBody);
    a.list(m.headers, maxHeaders, each);
}
constexpr auto eachNumber = [](auto& archive, auto& number) { archive.number(number); };
template <typename A>
void fields(A& a, Ref<A, Processes> m) {
    a.list(m.running, maxProcesses, eachNumber);
    // Strictly ascending.
    if (std::ranges::adjacent_find(m.running, std::ranges::greater_equal{}) != m.running.end()) a.fail();
}

template <typename A>
void fields(A& a, Ref<A, FindSeller> m) {
    a.number(m.request);
    a.address(m.from);
}
template <typename A>
void fields(A& a, Ref<A, ReverseSeller> m) {
    fields(a, m.server);
    a.array(m.key.bytes);
}
template <typename A>
void fields(A& a, Ref<A, SellerFound> m) {
    a.number(m.request);
    either(a, m.result);
}
template <typename A>
void fields(A& a, Ref<A, SellerCall> m) {
    a.number(m.request);
    fields(a, m.seller);
    a.text(m.method, maxMethod);
    a.text(m.path, maxPath);
    a.text(m.body, maxSellerBody);
    a.optional(m.flow, each);
}
template <typename A>
void fields(A& a, Ref<A, SellerAnswer> m) {
    a.number(m.request);
    a.number(m.status);
    a.text(m.body, maxSellerBody);
    a.optional(m.receivedSegments, eachNumber);
}

template <typename A>
void fields(A& a, Ref<A, DeviceAsks> m) {
    a.number(m.request);
    a.array(m.key.bytes);
    a.array(m.door.bytes);
    a.array(m.link);
    a.address(m.from);
    a.text(m.name, maxDeviceName);
}
template <typename A>
void fields(A& a, Ref<A, DeviceStanding> m) {
    a.choice(m.state, DeviceState::Unknown, DeviceState::Paired);
    a.text(m.name, maxDeviceName);
    a.number(m.secondsLeft);
}
template <typename A>
void fields(A& a, Ref<A, DeviceRefused> m) {
    a.number(m.status);
    a.text(m.code, maxErrorCode);
    a.note(m.message, maxText);
    a.note(m.hint, maxText);
}
template <typename A>
void fields(A& a, Ref<A, DeviceAnswer> m) {
    a.number(m.request);
    either(a, m.result);
}
template <typename A>
void fields(A& a, Ref<A, PairedDevice> m) {
    a.text(m.name, maxDeviceName);
    a.array(m.key.bytes);
    a.array(m.link);
}
constexpr auto listOfDevices = [](auto& archive, auto& devices) { archive.list(devices, maxDevices, each); };
template <typename A>
void fields(A& a, Ref<A, Devices> m) {
    a.optional(m.all, listOfDevices);
}

constexpr auto eachAddress = [](auto& archive, auto& address) { archive.address(address); };
constexpr auto eachAmount = [](auto& archive, auto& amount) { archive.money(amount); };
template <typename A>
void fields(A& a, Ref<A, MeshLink> m) {
    a.text(m.interface, maxInterface);
    a.array(m.link);
    a.address(m.address);
    a.optional(m.address4, eachAddress);
}
template <typename A>
void fields(A& a, Ref<A, MeshLinks> m) {
    a.flag(m.on);
    a.list(m.links, maxMeshLinks, each);
    a.note(m.trouble, maxText);
}
template <typename A>
void fields(A& a, Ref<A, MeshHeard> m) {
    a.text(m.interface, maxInterface);
    a.array(m.link);
    a.address(m.from);
    a.bytes(m.bytes, maxMeshBytes);
}
template <typename A>
void fields(A& a, Ref<A, MeshCount> m) {
    a.text(m.interface, maxInterface);
    a.array(m.link);
    a.number(m.arrivedPackets);
    a.number(m.arrivedBytes);
    a.number(m.takenPackets);
    a.number(m.takenBytes);
    a.number(m.sentPackets);
    a.number(m.sentBytes);
}
template <typename A>
void fields(A& a, Ref<A, MeshCounts> m) {
    a.number(m.run);
    a.list(m.counts, maxMeshNeighbours, each);
}
template <typename A>
void fields(A& a, Ref<A, MeshSay> m) {
    a.text(m.interface, maxInterface);
    a.optional(m.to, eachAddress);
    a.bytes(m.bytes, maxMeshBytes);
}
template <typename A>
void fields(A& a, Ref<A, MeshNeighbour> m) {
    a.text(m.interface, maxInterface);
    a.array(m.link);
    a.list(m.nextHops, maxNextHops, eachAddress);
    a.flag(m.paysUpstream);
    a.flag(m.paysDownstream);
    a.number(m.seconds);
}
template <typename A>
void fields(A& a, Ref<A, SetMesh> m) {
    a.list(m.neighbours, maxMeshNeighbours, each);
    a.optional(m.perKb, eachAmount);
}
template <typename A>
void fields(A& a, Ref<A, MeshHop> m) {
    a.text(m.interface, maxInterface);
    a.address(m.via);
}
template <typename A>
void fields(A& a, Ref<A, MeshHops> m) {
    a.list(m.inUse, maxMeshNeighbours, each);
}
template <typename A>
void fields(A& a, Ref<A, MeshPlace> m) {
    a.text(m.interface, maxInterface);
    a.array(m.link);
}
template <typename A>
void fields(A& a, Ref<A, SeenPacket> m) {
    a.number(m.hash);
    a.number(m.nanoseconds);
}
template <typename A>
void fields(A& a, Ref<A, SeenCount> m) {
    a.number(m.before);
    a.number(m.after);
    a.number(m.packets);
    a.number(m.bytes);
}
template <typename A>
void fields(A& a, Ref<A, SeenFlow> m) {
    a.address(m.source);
    a.address(m.destination);
    a.number(m.came);
    a.list(m.counts, maxSeenCounts, each);
    a.optional(m.from, each);
    a.optional(m.to, each);
    a.list(m.times, maxSeenPackets, each);
}
template <typename A>
void fields(A& a, Ref<A, SeenLink> m) {
    fields(a, m.place);
    a.number(m.arrives);
    a.number(m.bitsPerSecond);
    a.number(m.nanoseconds);
}
template <typename A>
void fields(A& a, Ref<A, FlowsSeen> m) {
    a.flag(m.ending);
    a.list(m.flows, maxSeenFlows, each);
    a.list(m.links, maxMeshNeighbours, each);
}
template <typename A>
void fields(A& a, Ref<A, TestNeighbour> m) {
    a.number(m.number);
    fields(a, m.place);
    a.address(m.via);
    a.optional(m.via4, eachAddress);
    a.number(m.bytes);
    a.flag(m.up);
    a.flag(m.down);
}
template <typename A>
void fields(A& a, Ref<A, WayTested> m) {
    a.number(m.bytes);
    a.number(m.bitsPerSecond);
}
template <typename A>
void fields(A& a, Ref<A, NeighbourTested> m) {
    a.number(m.number);
    a.optional(m.up, each);
    a.optional(m.down, each);
    a.note(m.trouble, maxText);
}

}  // namespace netpas::channel::codec

namespace netpas::channel {

namespace {

// The first byte of a message (PROTOCOL.md), in the order of the variant.
constexpr std::array<uint8_t, std::variant_size_v<Message>> types{
    1,  2,  3,  4,  5,  16, 17, 18, 19, 20, 21, 32, 33, 34, 35, 36,  48,  49,  50,  51, 52,
    64, 65, 80, 81, 82, 66, 37, 22, 23, 24, 25, 96, 97, 98, 99, 100, 101, 102, 103, 104};

template <size_t... I>
Message emptyOf(size_t index, std::index_sequence<I...>) {
    Message message;
    ((I == index ? void(message = std::variant_alternative_t<I, Message>{}) : void()), ...);
    return message;
}

}  // namespace

std::string_view describe(MessageError error) {
    switch (error) {
    case MessageError::Empty: return "empty message";
    case MessageError::UnknownType: return "unknown type of message";
    case MessageError::Malformed: return "malformed message";
    case MessageError::TooLarge: return "message above a limit";
    }
    return "?";
}

std::string_view describe(Farewell reason) {
    switch (reason) {
    case Farewell::Stopping: return "the other end is stopping";
    case Farewell::Busy: return "another agent is connected";
    case Farewell::NotAllowed: return "not allowed";
    case Farewell::OtherVersion: return "the other end speaks another version of the protocol";
    case Farewell::LineTrouble: return "bytes were lost on the line";
    case Farewell::Misbehaved: return "the other end does not keep to the protocol";
    }
    return "?";
}

std::string_view describe(StreamEnd end) {
    switch (end) {
    case StreamEnd::Closed: return "closed";
    case StreamEnd::Refused: return "the agent does not connect there";
    case StreamEnd::CannotConnect: return "nobody answers there";
    case StreamEnd::Failed: return "the connection failed";
    }
    return "?";
}

tl::expected<Bytes, MessageError> encode(const Message& message) {
    codec::Encoder encoder;
    encoder.writer().u8(types[message.index()]);
    std::visit([&](const auto& one) { fields(encoder, one); }, message);
    if (!encoder.ok() || encoder.writer().data().size() > maxMessageSize) return tl::unexpected(MessageError::TooLarge);
    return encoder.writer().take();
}

tl::expected<Message, MessageError> decode(ByteView bytes) {
    if (bytes.empty()) return tl::unexpected(MessageError::Empty);
    if (bytes.size() > maxMessageSize) return tl::unexpected(MessageError::Malformed);
    const auto type = std::ranges::find(types, bytes[0]);
    if (type == types.end()) return tl::unexpected(MessageError::UnknownType);
    Message message = emptyOf(static_cast<size_t>(type - types.begin()), std::make_index_sequence<types.size()>());
    codec::Decoder decoder(bytes.subspan(1));
    std::visit([&](auto& one) { fields(decoder, one); }, message);
    if (!decoder.finished()) return tl::unexpected(MessageError::Malformed);
    return message;
}

}  // namespace netpas::channel
