#include "cartographer/fetcher.h"
#include "core/net/http_client.h"

namespace netpas::cartographer {

namespace {

// A menu of 64 classes with a price for every hour is below 200 kB.
constexpr size_t maxDocument = size_t{1} << 20;
constexpr std::chrono::milliseconds fetchTimeout{5000};

FetchFailure::Kind kindOf(net::NetError error) {
    switch (error) {
    case net::NetError::Refused: return FetchFailure::Kind::WrongKey;
    case net::NetError::TooLarge:
    case net::NetError::Malformed: return FetchFailure::Kind::NotServed;
    case net::NetError::CannotListen:
    case net::NetError::CannotConnect:
    case net::NetError::TimedOut:
    case net::NetError::Closed:
    case net::NetError::QueueFull: return FetchFailure::Kind::Unreachable;
    }
    return FetchFailure::Kind::Unreachable;
}

}  // namespace

void HttpsFetcher::get(const Endpoint& server, const PublicKey& key, const std::string& target,
                       std::function<void(tl::expected<std::string, FetchFailure>)> done) {
    net::HttpCall call;
    call.target = target;
    call.timeout = fetchTimeout;
    call.maxBody = maxDocument;
    net::httpCall(m_io, net::TlsTarget{server, key}, call, [done = std::move(done)](net::HttpAnswer answer) {
        if (!answer) {
            done(tl::unexpected(FetchFailure{kindOf(answer.error()), std::string(describe(answer.error()))}));
        } else if (answer->status != 200) {
            done(tl::unexpected(
                FetchFailure{FetchFailure::Kind::NotServed, "status " + std::to_string(answer->status)}));
        } else {
            done(std::move(answer->body));
        }
    });
}

}  // namespace netpas::cartographer
