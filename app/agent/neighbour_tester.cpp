#include "app/agent/neighbour_tester.h"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <system_error>
#include <utility>

#include "tun/capture/route_socket.h"

namespace netpas::agent {

namespace {

using tun::IpFamily;
using tun::PolicyRule;
using tun::RouteSocket;

constexpr uint32_t ourBits = 0xfff00000;          // of the mark, as the capture has them
constexpr uint64_t mostBytes = 100'000'000;       // whatever the secretary says
constexpr std::chrono::milliseconds lasts{8000};  // in each direction, at most

PolicyRule ruleOf(IpFamily family) {
    return {family, neighbourTestPriority, neighbourTestMark, ourBits, neighbourTestTable};
}

tl::expected<void, int> makeWay(RouteSocket& socket, const IpAddress& via, unsigned index) {
    if (auto made = socket.replaceGateway(via, index, neighbourTestTable); !made) return made;
    auto added = socket.addRule(ruleOf(via.isV6() ? IpFamily::V6 : IpFamily::V4));
    if (!added && added.error() == EEXIST) return {};
    return added;
}

channel::WayTested worthOf(const ndt7::Result& result) {
    channel::WayTested way;
    way.bytes = result.bytes;
    const double seconds = std::chrono::duration<double>(result.elapsed).count();
    if (seconds > 0) way.bitsPerSecond = static_cast<uint64_t>(static_cast<double>(result.bytes) * 8 / seconds);
    return way;
}

std::string systemError(int number) { return std::error_code(number, std::generic_category()).message(); }

}  // namespace

NeighbourTester::NeighbourTester(boost::asio::io_context& io, std::optional<ndt7::Target> server, Tell tell)
    : m_io(io), m_server(std::move(server)), m_tell(std::move(tell)) {
    if (m_server) removeWay();
}

NeighbourTester::~NeighbourTester() { stop(); }

void NeighbourTester::stop() {
    m_client.reset();
    if (std::exchange(m_wanted, std::nullopt)) removeWay();
}

void NeighbourTester::removeWay() {
    auto socket = RouteSocket::open();
    if (!socket) return;
    for (const IpFamily family : {IpFamily::V4, IpFamily::V6}) {
        (void)socket->deleteRules(ruleOf(family));
        (void)socket->deleteDefaultRoute(family, neighbourTestTable);
    }
}

void NeighbourTester::on(const channel::TestNeighbour& wanted) {
    stop();
    m_wanted = wanted;
    m_result = {wanted.number, {}, {}, {}};
    if (!m_server) return finish("no server of tests is known: netpasd --mesh-test ADDRESS:PORT");
    const auto index = RouteSocket::interfaceIndex(wanted.place.interface);
    auto socket = RouteSocket::open();
    if (!index || !socket) return finish("there is no interface " + wanted.place.interface);
    const bool v6 = m_server->server.address.isV6();
    // A next hop of the other family would not be seen by the packet filter, which counts.
    if (!v6 && !wanted.via4)
        return finish("the neighbour has no IPv4 address on the link, and the server has no other");
    if (const auto made = makeWay(*socket, v6 ? wanted.via : *wanted.via4, *index); !made)
        return finish("no route over the neighbour: " + systemError(made.error()));
    if (!wanted.up && !wanted.down) return finish({});
    begin(wanted.up ? ndt7::Direction::Upload : ndt7::Direction::Download);
}

void NeighbourTester::begin(ndt7::Direction direction) {
    ndt7::Options options{lasts, std::clamp<uint64_t>(m_wanted->bytes, 1, mostBytes), neighbourTestMark};
    ndt7::Client::Handlers handlers;
    handlers.onDone = [this, direction](const auto& result) { done(direction, result); };
    m_client = std::make_unique<ndt7::Client>(m_io, *m_server, direction, options, std::move(handlers));
}

void NeighbourTester::done(ndt7::Direction direction, const tl::expected<ndt7::Result, net::NetError>& result) {
    const bool up = direction == ndt7::Direction::Upload;
    if (result && result->bytes > 0) (up ? m_result.up : m_result.down) = worthOf(*result);
    const std::string failed = result ? std::string() : "the server of tests: " + std::string(describe(result.error()));
    // Not inside the client.
    boost::asio::post(m_io, [this, up, failed, number = m_wanted->number, alive = std::weak_ptr<bool>(m_alive)] {
        if (alive.expired() || !m_wanted || m_wanted->number != number) return;
        if (!failed.empty()) return finish(failed);
        if (up && m_wanted->down) return begin(ndt7::Direction::Download);
        finish({});
    });
}

void NeighbourTester::finish(std::string trouble) {
    m_result.trouble = std::move(trouble);
    stop();
    m_tell(m_result);
}

}  // namespace netpas::agent
