#include "app/lab/scenario/mesh_node.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "app/lab/netns.h"

namespace netpas::lab {

namespace {

sockaddr_in socketAddress(const IpAddress& address, uint16_t port) {
    sockaddr_in out{};
    out.sin_family = AF_INET;
    out.sin_port = htons(port);
    std::memcpy(&out.sin_addr, address.bytes().data(), sizeof out.sin_addr);
    return out;
}

// As the kernel makes it (RFC 4291, modified EUI-64).
IpAddress linkLocalOf(const LinkAddress& link) {
    std::array<uint8_t, 16> bytes{0xfe, 0x80};
    std::copy(link.begin(), link.begin() + 3, bytes.begin() + 8);
    std::copy(link.begin() + 3, link.end(), bytes.begin() + 13);
    bytes[8] ^= 2;
    bytes[11] = 0xff;
    bytes[12] = 0xfe;
    return *IpAddress::fromBytes(bytes);
}

}  // namespace

void MeshBank::pay(const PublicKey& payer, const books::SettlementOrder& order) {
    const auto [at, fresh] = m_payments.try_emplace(order.id, Payment{payer, order.payee, order.amount});
    const Payment& known = at->second;
    if (!fresh && (known.payer != payer || known.payee != order.payee || known.amount != order.amount))
        ++m_contradictions;
}

void MeshBank::tell() {
    for (auto& [id, payment] : m_payments) {
        if (!payment.made && bankrupt.contains(payment.payer)) continue;
        payment.made = true;
        if (payment.payerKnows && payment.payeeKnows) continue;
        for (MeshNode* node : m_nodes) {
            if (!payment.payerKnows && node->key() == payment.payer) {
                node->engine().paymentEnded(id, true);
                payment.payerKnows = true;
            }
            if (!payment.payeeKnows && node->key() == payment.payee)
                payment.payeeKnows = node->engine().paymentReceived(id, payment.amount).value_or(false);
        }
    }
}

Money MeshBank::paidBy(const MeshNode& node) const {
    Money sum;
    for (const auto& [id, payment] : m_payments) {
        if (payment.made && payment.payer == node.key()) sum = checkedAdd(sum, payment.amount).value_or(Money::max());
    }
    return sum;
}

Money MeshBank::receivedBy(const MeshNode& node) const {
    Money sum;
    for (const auto& [id, payment] : m_payments) {
        if (payment.made && payment.payee == node.key()) sum = checkedAdd(sum, payment.amount).value_or(Money::max());
    }
    return sum;
}

MeshNode::MeshNode(Lab& lab, std::string name, uint8_t seed, MeshBank& bank, MeshNodeHome& home)
    : m_lab(lab), m_name(std::move(name)), m_identity(Identity::fromSeed({seed})), m_bank(bank), m_home(home) {}

MeshNode::~MeshNode() {
    m_bank.leave(*this);
    if (m_socket >= 0) ::close(m_socket);
}

Expected<std::unique_ptr<MeshNode>> MeshNode::start(Lab& lab, const std::string& node, uint8_t seed, MeshBank& bank,
                                                    books::EngineOptions options, MeshNodeHome& home) {
    std::unique_ptr<MeshNode> made(new MeshNode(lab, node, seed, bank, home));
    if (auto opened = made->open(options); !opened) return tl::unexpected(opened.error());
    bank.join(*made);
    return made;
}

Expected<void> MeshNode::open(const books::EngineOptions& options) {
    for (const auto& ends : m_lab.plan().links) {
        for (const InterfacePlan& end : ends) {
            if (end.node == m_name) m_state.mesh.insert(end.name);
        }
    }
    LAB_TRY(inNamespace(m_lab.netns(m_name), [&]() -> Expected<void> {
        auto forwarding = tun::openLinuxForwarding({});
        if (!forwarding) {
            return fail(LabErrc::System, m_name + ": " + std::string(describe(forwarding.error().error)) + ": " +
                                             forwarding.error().diagnosis);
        }
        m_forwarding = std::move(*forwarding);
        m_socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        const sockaddr_in any = socketAddress(IpAddress(), agreement::agreementPort);
        if (m_socket < 0 || ::bind(m_socket, reinterpret_cast<const sockaddr*>(&any), sizeof any) != 0)
            return fail(LabErrc::System, m_name + ": no socket for agreements: " + std::strerror(errno));
        return {};
    }));
    auto engine =
        books::Engine::open({m_home.documents, systemClock(), m_identity,
                             [this](const PublicKey& to, const Bytes& datagram) { send(to, datagram); },
                             [this](const books::SettlementOrder& order) { m_bank.pay(key(), order); },
                             [this](const agreement::Terms& terms) -> std::optional<agreement::RefuseReason> {
                                 if (terms.direction == agreement::Direction::Upstream && terms.perKb < m_home.asks)
                                     return agreement::RefuseReason::Price;
                                 return std::nullopt;
                             }},
                            options);
    if (!engine) return fail(LabErrc::State, m_name + ": " + std::string(describe(engine.error())));
    m_engine.emplace(std::move(*engine));
    return {};
}

Expected<void> MeshNode::meet(const std::string& other, const PublicKey& key) {
    for (const auto& ends : m_lab.plan().links) {
        for (size_t side = 0; side < 2; ++side) {
            const InterfacePlan& mine = ends[side];
            const InterfacePlan& theirs = ends[1 - side];
            if (mine.node != m_name || theirs.node != other) continue;
            const auto link = parseLink(theirs.mac);
            if (!link || theirs.addresses.empty()) return fail(LabErrc::State, "the link has no addresses");
            tun::ForwardingNeighbour neighbour{mine.name, *link, {}, false, false, false};
            for (const AddressWithLength& address : theirs.addresses) neighbour.nextHops.push_back(address.address);
            neighbour.nextHops.push_back(linkLocalOf(*link));
            m_state.neighbours.push_back(std::move(neighbour));
            m_neighbours.push_back({key, theirs.addresses.front().address, {}});
            if (auto set = m_forwarding->set(m_state); !set)
                return fail(LabErrc::System, std::string(describe(set.error())) + ": " + m_forwarding->diagnosis());
            readMeters();
            return {};
        }
    }
    return fail(LabErrc::State, m_name + " and " + other + " are not on one link");
}

void MeshNode::send(const PublicKey& to, const Bytes& datagram) {
    const auto message = agreement::decodeMessage(datagram);
    const bool promises = message && std::holds_alternative<agreement::Paying>(*message);
    if (promises && m_bank.bankrupt.contains(key())) return;
    for (const Neighbour& one : m_neighbours) {
        if (one.key != to) continue;
        const sockaddr_in there = socketAddress(one.address, agreement::agreementPort);
        (void)::sendto(m_socket, datagram.data(), datagram.size(), 0, reinterpret_cast<const sockaddr*>(&there),
                       sizeof there);
    }
}

std::vector<std::pair<PublicKey, Bytes>> MeshNode::arrived() {
    std::vector<std::pair<PublicKey, Bytes>> all;
    std::array<uint8_t, agreement::maxDatagram + 1> buffer{};
    for (;;) {
        sockaddr_in from{};
        socklen_t length = sizeof from;
        const ssize_t size =
            ::recvfrom(m_socket, buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&from), &length);
        if (size < 0) return all;
        std::array<uint8_t, 4> bytes{};
        std::memcpy(bytes.data(), &from.sin_addr, bytes.size());
        const auto address = IpAddress::fromBytes(bytes);
        const auto who = std::find_if(m_neighbours.begin(), m_neighbours.end(),
                                      [&](const Neighbour& one) { return address && one.address == *address; });
        if (who != m_neighbours.end()) all.emplace_back(who->key, Bytes(buffer.data(), buffer.data() + size));
    }
}

void MeshNode::readMeters() {
    const auto meters = m_forwarding->read();
    if (!meters) return;
    for (size_t i = 0; i < meters->size() && i < m_neighbours.size(); ++i) {
        const tun::NeighbourMeter& now = (*meters)[i];
        m_neighbours[i].meter = now;
        m_engine->meter(m_neighbours[i].key, {m_forwarding->run(), now.sent.bytes, now.arrived.bytes, now.taken.bytes,
                                              now.arrived.packets, now.taken.packets});
    }
}

Expected<void> MeshNode::step() {
    // What is said was true before the counters are read.
    const auto messages = arrived();
    readMeters();
    for (const auto& [from, datagram] : messages) (void)m_engine->receive(from, datagram);
    m_engine->run();
    tun::ForwardingState next = m_state;
    for (size_t i = 0; i < m_neighbours.size(); ++i) {
        const books::Standing standing = m_engine->standing(m_neighbours[i].key);
        next.neighbours[i].paysUpstream = standing.paysUpstream;
        next.neighbours[i].paysDownstream = standing.paysDownstream;
    }
    if (next.neighbours == m_state.neighbours) return {};
    if (auto set = m_forwarding->set(next); !set)
        return fail(LabErrc::System, m_name + ": " + m_forwarding->diagnosis());
    m_state = std::move(next);
    return {};
}

const tun::NeighbourMeter* MeshNode::meterOf(const PublicKey& neighbour) const {
    for (const Neighbour& one : m_neighbours) {
        if (one.key == neighbour) return &one.meter;
    }
    return nullptr;
}

}  // namespace netpas::lab
