#include "app/agent/seller_calls.h"

#include <chrono>
#include <utility>

#include "core/net/http_client.h"
#include "tun/watch/tcp_watch.h"

namespace netpas::agent {

namespace {

constexpr std::chrono::seconds patience{8};
constexpr size_t mostConnections = 256;

std::optional<uint64_t> received(tun::TcpWatch& watch, const FlowMatch& flow) {
    if (!flow.remote) return std::nullopt;
    std::optional<uint64_t> sum;
    for (const TcpCounts& counts : watch.connectionsTo(*flow.remote, mostConnections)) {
        if (flow.matches(counts.flow)) sum = sum.value_or(0) + counts.segmentsReceived;
    }
    return sum;
}

}  // namespace

std::variant<channel::NoQuote, channel::ReverseSeller> sellerIn(const cartographer::Survey& survey) {
    const directory::ReverseSeller* found = nullptr;
    for (const directory::IspPath& path : survey.paths.paths) {
        const auto menu = path.isps.empty() ? survey.menus.end() : survey.menus.find(path.isps.back());
        if (menu == survey.menus.end()) continue;
        for (const directory::ReverseSeller& seller : menu->second.menu.reverseSellers) {
            if (found == nullptr || seller.server.address.isV6() == survey.paths.prefix.address().isV6())
                found = &seller;
        }
        if (found != nullptr) return channel::ReverseSeller{found->server, found->key};
    }
    return channel::NoQuote{channel::QuoteTrouble::NoPath,
                            "the ISP at the other end sells nothing for packets that come from there",
                            "if the other end sells itself: --seller https://ADDRESS:PORT/#KEY"};
}

SellerCalls::SellerCalls() {
    if (auto watch = tun::TcpWatch::open()) m_watch = std::move(*watch);
}
SellerCalls::~SellerCalls() = default;

void SellerCalls::call(boost::asio::io_context& io, const channel::SellerCall& wanted,
                       std::function<void(const channel::SellerAnswer&)> done) {
    net::HttpCall call;
    call.method = wanted.method;
    call.target = wanted.path;
    call.body = wanted.body;
    call.timeout = patience;
    call.maxBody = channel::maxSellerBody;
    if (!wanted.body.empty()) call.headers.push_back({"Content-Type", "application/json"});
    channel::SellerAnswer answer;
    answer.request = wanted.request;
    net::httpCall(io, net::TlsTarget{wanted.seller.server, wanted.seller.key}, call,
                  [answer, done = std::move(done), flow = wanted.flow,
                   watch = std::weak_ptr(m_watch)](const net::HttpAnswer& said) mutable {
                      // Now, and not when it was asked: on a congested way the answer is seconds younger than the question, and counts what came
                      // meanwhile.
                      if (const auto there = watch.lock(); there && flow)
                          answer.receivedSegments = received(*there, *flow);
                      if (said) {
                          answer.status = static_cast<uint16_t>(said->status);
                          answer.body = said->body;
                      }
                      done(answer);
                  });
}

}  // namespace netpas::agent
