// Who takes part in the attacks besides the ISPs' programs: customers that pay by hand, sinks that count, and ISPs that say what
// they like.
#include <unistd.h>

#include <algorithm>
#include <future>
#include <thread>

#include <boost/asio/io_context.hpp>

#include "app/lab/evidence.h"
#include "app/lab/scenario/threat_net.h"
#include "core/crypto/tag.h"
#include "core/flow.h"
#include "core/random.h"
#include "core/wire/shim.h"

namespace netpas::lab {

using accounting::AckResult;
using accounting::Message;
using std::chrono::seconds;

namespace {

constexpr uint16_t innerPort = 5004;
constexpr size_t innerPayload = 172;
const auto innerSource = *IpAddress::parse("192.0.2.77");

void put16(uint8_t* at, size_t value) {
    at[0] = static_cast<uint8_t>(value >> 8);
    at[1] = static_cast<uint8_t>(value);
}

Bytes innerPacket(const IpAddress& to) {
    Bytes packet(28 + innerPayload, 0x11);
    uint8_t* ip = packet.data();
    std::fill_n(ip, 28, uint8_t{0});
    ip[0] = 0x45;
    put16(ip + 2, packet.size());
    ip[8] = 64;
    ip[9] = ipproto::udp;
    std::copy_n(innerSource.bytes().begin(), 4, ip + 12);
    std::copy_n(to.bytes().begin(), 4, ip + 16);
    uint32_t sum = 0;
    for (size_t i = 0; i < 20; i += 2) sum += uint32_t{ip[i]} << 8 | ip[i + 1];
    while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
    put16(ip + 10, static_cast<uint16_t>(~sum));
    put16(ip + 20, innerPort);
    put16(ip + 22, innerPort);
    put16(ip + 24, packet.size() - 20);
    return packet;
}

}  // namespace

// --- PaidSender

Expected<std::unique_ptr<PaidSender>> PaidSender::make(ThreatNet& net, uint16_t isp, const std::string& customer,
                                                       const std::string& cap, std::vector<uint16_t> allowed) {
    std::unique_ptr<PaidSender> sender(new PaidSender);
    sender->m_from = net.overlay().customerAddress(isp, customer);
    const uint16_t provider = net.spec(isp).provider;
    sender->m_edge = net.edge(provider != 0 ? provider : isp);
    sender->m_customer = std::make_unique<OverlayCustomer>(net.thread(), net.overlay(), isp, customer);
    LAB_TRY(sender->m_customer->join(false));
    SessionKey& key = sender->m_key;
    key.id = SessionKeyId(static_cast<uint32_t>(1 + systemRandom().below(UINT32_MAX - 1)));
    for (uint8_t& byte : key.secret) byte = static_cast<uint8_t>(systemRandom().below(256));
    key.cap = key.capPerSecond = *Money::parse(cap);
    for (const uint16_t one : allowed) key.allowed.emplace_back(one);
    key.expires = systemClock().now() + std::chrono::hours(1);
    std::promise<bool> ready;
    net.thread().run(
        [&] { sender->m_customer->client().registerKey(key, [&](auto done) { ready.set_value(done.has_value()); }); });
    if (!ready.get_future().get()) return fail(LabErrc::Process, "the session key of " + customer + " was refused");
    const auto fd = boundUdpSocket(net.netns(), {sender->m_from, 0});
    if (!fd) return tl::unexpected(fd.error());
    sender->m_fd = *fd;
    return sender;
}

PaidSender::~PaidSender() {
    if (m_fd >= 0) ::close(m_fd);
}

Bytes PaidSender::datagram(const std::vector<HopBlock>& path, const IpAddress& to) {
    const auto header = AccountingHeader::make(path);
    if (!header) return {};
    const Bytes inner = innerPacket(to);
    Bytes bytes(customerShimSize + header->size());
    (void)header->encode(std::span(bytes).subspan(customerShimSize));
    CustomerShim shim;
    shim.segmentLimit = static_cast<uint16_t>(inner.size());
    shim.key = m_key.id;
    shim.sequence = m_sequence++;
    const auto front = std::span<uint8_t, customerShimSize>(bytes.data(), customerShimSize);
    encodeCustomerShim(shim, front);
    TagInner covered{4, ipproto::udp, innerSource.bytes(), to.bytes(), innerPort, innerPort};
    shim.tag = customerTag(m_key.secret, std::span<const uint8_t, taggedShimSize>(bytes.data(), taggedShimSize),
                           std::span(bytes).subspan(customerShimSize), covered);
    encodeCustomerShim(shim, front);
    bytes.insert(bytes.end(), inner.begin(), inner.end());
    return bytes;
}

bool PaidSender::sendBytes(ByteView bytes) { return sendDatagram(m_fd, m_edge, bytes); }

uint64_t PaidSender::send(const std::vector<HopBlock>& path, const IpAddress& to, uint64_t packets, double perSecond) {
    const auto begin = std::chrono::steady_clock::now();
    uint64_t sent = 0;
    for (uint64_t i = 0; i < packets; ++i) {
        const auto due = begin + std::chrono::duration<double>(static_cast<double>(i) / perSecond);
        if (i % 16 == 0)
            std::this_thread::sleep_until(std::chrono::time_point_cast<std::chrono::steady_clock::duration>(due));
        sent += static_cast<uint64_t>(sendBytes(datagram(path, to)));
    }
    return sent;
}

// --- PaidSink

Expected<std::unique_ptr<PaidSink>> PaidSink::start(ThreatNet& net, uint16_t isp) {
    const auto fd = boundUdpSocket(net.netns(), net.sink(isp));
    if (!fd) return tl::unexpected(fd.error());
    std::unique_ptr<PaidSink> sink(new PaidSink);
    sink->m_fd = *fd;
    sink->m_thread = std::thread([raw = sink.get()] {
        while (!raw->m_ending) {
            const auto bytes = receiveDatagram(raw->m_fd, std::chrono::milliseconds(50));
            if (!bytes || bytes->size() < plainShimSize) continue;
            const auto header = AccountingHeader::decode(std::span(*bytes).subspan(plainShimSize));
            if (!header) continue;
            const std::lock_guard lock(raw->m_mutex);
            ++raw->m_packets;
            for (const HopBlock& hop : header->hops()) {
                Money& paid = raw->m_paid[hop.isp.value()];
                paid = Money::fromEighths(paid.eighths() + hop.price.value().eighths());
            }
        }
    });
    return sink;
}

PaidSink::~PaidSink() {
    m_ending = true;
    if (m_thread.joinable()) m_thread.join();
    if (m_fd >= 0) ::close(m_fd);
}

Money PaidSink::paid(uint16_t isp) const {
    const std::lock_guard lock(m_mutex);
    const auto found = m_paid.find(isp);
    return found == m_paid.end() ? Money::zero() : found->second;
}

// --- RogueIsp

struct RogueIsp::State {
    std::unique_ptr<net::TlsDialer> dialer;
    std::shared_ptr<net::TlsConnection> connection;
    std::vector<Message> heard;
    std::map<AckResult, uint64_t> acks;
};

RogueIsp::RogueIsp(OverlayThread& thread, const Identity& identity, const accounting::ServerAddress& victim)
    : m_thread(thread), m_state(std::make_shared<State>()) {
    m_thread.run([&] {
        net::TlsDialer::Handlers handlers;
        handlers.onUp = [weak = std::weak_ptr(m_state)](std::shared_ptr<net::TlsConnection> up) {
            const auto state = weak.lock();
            if (!state) return;
            up->onMessage = [weak](ByteView bytes) {
                const auto held = weak.lock();
                const auto message = accounting::decode(bytes);
                if (!held || !message) return;
                if (const auto* ack = std::get_if<accounting::Ack>(&*message)) {
                    for (const auto& entry : ack->entries) ++held->acks[entry.result];
                }
                held->heard.push_back(*message);
            };
            state->connection = std::move(up);
        };
        handlers.onDown = [weak = std::weak_ptr(m_state)](net::NetError) {
            if (const auto state = weak.lock()) state->connection = nullptr;
        };
        m_state->dialer =
            std::make_unique<net::TlsDialer>(m_thread.io(), identity, victim.endpoint, victim.key, handlers);
        m_state->dialer->start();
    });
}

RogueIsp::~RogueIsp() {
    m_thread.run([&] {
        m_state->dialer = nullptr;
        m_state->connection = nullptr;
    });
}

bool RogueIsp::up() {
    bool is = false;
    m_thread.run([&] { is = m_state->connection != nullptr; });
    return is;
}

Expected<void> RogueIsp::awaitUp() {
    return waitUntil("the cheat's own connection", seconds(10), [&] { return up(); });
}

bool RogueIsp::sayBytes(const Bytes& bytes) {
    bool sent = false;
    m_thread.run([&] { sent = m_state->connection && m_state->connection->send(bytes); });
    return sent;
}

bool RogueIsp::say(const Message& message) { return sayBytes(accounting::encode(message)); }

std::map<AckResult, uint64_t> RogueIsp::acks() {
    std::map<AckResult, uint64_t> copy;
    m_thread.run([&] { copy = m_state->acks; });
    return copy;
}

std::vector<Message> RogueIsp::heard() {
    std::vector<Message> copy;
    m_thread.run([&] { copy = m_state->heard; });
    return copy;
}

}  // namespace netpas::lab
