// What the secretary says to sellers of the reverse path, over the agent's network (app/secretary/REVERSE.md). Control thread.
#pragma once

#include <functional>
#include <memory>
#include <variant>

#include "cartographer/cartographer.h"
#include "core/channel/messages.h"

namespace boost::asio {
class io_context;
}
namespace netpas::tun {
class TcpWatch;
}

namespace netpas::agent {

// The first seller that the menu of the destination's own ISP names, of the destination's family when there is one.
[[nodiscard]] std::variant<channel::NoQuote, channel::ReverseSeller> sellerIn(const cartographer::Survey& survey);

class SellerCalls {
public:
    SellerCalls();
    ~SellerCalls();
    SellerCalls(const SellerCalls&) = delete;
    SellerCalls& operator=(const SellerCalls&) = delete;

    // `done` once; status 0: no answer, or none that can be passed on.
    void call(boost::asio::io_context& io, const channel::SellerCall& wanted,
              std::function<void(const channel::SellerAnswer&)> done);

private:
    std::shared_ptr<tun::TcpWatch> m_watch;  // null: the system does not say
};

}  // namespace netpas::agent
