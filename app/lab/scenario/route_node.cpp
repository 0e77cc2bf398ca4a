#include "app/lab/scenario/route_node.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <set>
#include <utility>

#include "app/lab/netns.h"
#include "core/agreement/advert.h"
#include "tun/observe/packet_mark.h"

namespace netpas::lab {

namespace {

sockaddr_in socketAddress(const IpAddress& address) {
    sockaddr_in out{};
    out.sin_family = AF_INET;
    out.sin_port = htons(agreement::agreementPort);
    std::memcpy(&out.sin_addr, address.bytes().data(), sizeof out.sin_addr);
    return out;
}

}  // namespace

RouteNode::~RouteNode() {
    if (m_socket >= 0) ::close(m_socket);
}

Expected<std::unique_ptr<RouteNode>> RouteNode::start(Lab& lab, const RouteChain& chain, size_t place,
                                                      const Identity& identity, const routes::ExchangeOptions& options,
                                                      const RouteLie& lie) {
    std::unique_ptr<RouteNode> made(new RouteNode(chain, place, identity, lie));
    if (auto opened = made->open(lab, options); !opened) return tl::unexpected(opened.error());
    return made;
}

Expected<void> RouteNode::open(Lab& lab, const routes::ExchangeOptions& options) {
    const std::string& name = m_chain.nodes[m_place];
    std::set<std::string> mesh;
    for (const auto& ends : lab.plan().links) {
        for (size_t side = 0; side < 2; ++side) {
            const auto there = std::find(m_chain.nodes.begin(), m_chain.nodes.end(), ends[1 - side].node);
            if (ends[side].node != name || there == m_chain.nodes.end() || ends[1 - side].addresses.empty()) continue;
            mesh.insert(ends[side].name);
            m_neighbours.push_back({m_chain.keys[static_cast<size_t>(there - m_chain.nodes.begin())],
                                    ends[1 - side].addresses.front().address});
        }
    }
    LAB_TRY(inNamespace(lab.netns(name), [&]() -> Expected<void> {
        auto observer = tun::openLinuxObserver();
        if (!observer) {
            return fail(LabErrc::System, name + ": " + std::string(describe(observer.error().error)) + ": " +
                                             observer.error().diagnosis);
        }
        m_observer = std::move(*observer);
        if (auto watched = m_observer->watch(mesh); !watched)
            return fail(LabErrc::System, name + ": " + m_observer->diagnosis());
        m_socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        const sockaddr_in any = socketAddress(IpAddress());
        if (m_socket < 0 || ::bind(m_socket, reinterpret_cast<const sockaddr*>(&any), sizeof any) != 0)
            return fail(LabErrc::System, name + ": no socket for statements: " + std::strerror(errno));
        return {};
    }));
    m_exchange.emplace(ports(), options);
    return {};
}

std::optional<PublicKey> RouteNode::keyAt(std::optional<size_t> place) const {
    return place && *place < m_chain.keys.size() ? std::optional(m_chain.keys[*place]) : std::nullopt;
}

routes::Exchange::Ports RouteNode::ports() {
    routes::Exchange::Ports ports{systemClock(), m_identity.publicKey(), {}, {}, {}, {}, {}, {}, {}, {}, {}, {}};
    ports.send = [this](const PublicKey& to, const Bytes& bytes) {
        for (const Neighbour& one : m_neighbours) {
            if (one.key != to) continue;
            const sockaddr_in there = socketAddress(one.address);
            (void)::sendto(m_socket, bytes.data(), bytes.size(), 0, reinterpret_cast<const sockaddr*>(&there),
                           sizeof there);
        }
    };
    ports.signStatement = [this](const routes::Statement& one) {
        m_exchange->signedStatement(routes::sign(one, m_identity));
    };
    ports.signClaim = [this](const routes::Claim& one) { m_exchange->signedClaim(routes::sign(one, m_identity)); };
    ports.passed = [this] {
        read();
        const auto one = passed();
        return one ? std::vector{*one} : std::vector<routes::Passed>();
    };
    ports.passedOf = [this](const routes::Route& route) {
        if (route != m_chain.route) return std::optional<routes::Passed>();
        const SteadyTime came = systemClock().steady();
        read();
        auto known = passed();
        if (known) known->came = came;
        return known;
    };
    ports.previous = [this](const routes::Route&) {
        return keyAt(m_place == 0 ? std::nullopt : std::optional(m_place - 1));
    };
    ports.next = [this](const routes::Route&) { return keyAt(m_place + 1); };
    ports.link = [this](const PublicKey&) {
        routes::Quality link = m_chain.links[m_place];
        link.seconds -= m_lie.secondsLess;
        return link;
    };
    ports.timeOf = [this](uint64_t hash) -> std::optional<uint64_t> {
        const auto time = m_observer->sightings().timeOf(hash);
        if (!time) return std::nullopt;
        return static_cast<uint64_t>(static_cast<int64_t>(*time) + m_lie.clockAhead);
    };
    ports.sightings = [this](const routes::Route& route, uint64_t since) {
        std::vector<routes::PacketTime> all;
        for (const tun::Sighting& one :
             m_observer->sightings().of(tun::flowNumber(route.source, route.destination), since))
            all.push_back({one.hash, one.nanoseconds});
        return all;
    };
    return ports;
}

void RouteNode::read() {
    const SteadyTime before = systemClock().steady();
    m_log.want(m_chain.route, before);
    const auto counts = m_observer->counts(m_chain.route.source.isV6());
    m_read = systemClock().steady();
    if (!counts) return;
    for (const tun::FlowCount& one : *counts) {
        if (one.source != m_chain.route.source || one.destination != m_chain.route.destination) continue;
        const auto part = [&](uint64_t of) { return static_cast<uint64_t>(static_cast<double>(of) * m_lie.counted); };
        m_log.add(m_chain.route, {before, m_read, part(one.packets), part(one.bytes)});
    }
}

std::optional<routes::Passed> RouteNode::passed() const {
    auto readings = m_log.of(m_chain.route);
    if (readings.empty()) return std::nullopt;
    return routes::Passed{m_chain.route, std::move(readings), {}};
}

void RouteNode::hear() {
    std::array<uint8_t, routes::maxMessage + 1> buffer{};
    for (;;) {
        sockaddr_in from{};
        socklen_t length = sizeof from;
        const ssize_t size =
            ::recvfrom(m_socket, buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&from), &length);
        if (size < 0) return;
        std::array<uint8_t, 4> bytes{};
        std::memcpy(bytes.data(), &from.sin_addr, bytes.size());
        const auto address = IpAddress::fromBytes(bytes);
        for (const Neighbour& one : m_neighbours) {
            if (address && one.address == *address)
                (void)m_exchange->receive(one.key, ByteView(buffer.data(), static_cast<size_t>(size)));
        }
    }
}

void RouteNode::step() {
    m_observer->collect();
    hear();
    if (systemClock().steady() - m_read >= routes::CountLog::every) read();
    m_exchange->run();
}

std::optional<routes::RouteReport> RouteNode::report() const {
    for (routes::RouteReport& one : m_exchange->reports()) {
        if (one.route == m_chain.route) return std::move(one);
    }
    return std::nullopt;
}

}  // namespace netpas::lab
