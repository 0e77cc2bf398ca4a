// What sellers of the reverse path offer (NetPaS §3.1.3; REVERSE.md), asked before anything is decided or paid: a click costs one payment then.
// One control thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "app/secretary/purchase_service.h"
#include "app/secretary/reverse_sales.h"

namespace netpas::secretaryd {

// A seller as a signed menu names it, or the user did.
struct SellerAddress {
    Endpoint server;
    PublicKey key;  // of its TLS
};
struct SellerReply {
    uint16_t status = 0;  // of HTTP; 0: it does not answer
    std::string body;
    std::optional<uint64_t> receivedSegments;  // of the connection that was asked about
};

// The network's side, through the agent.
class Sellers {
public:
    virtual ~Sellers() = default;
    virtual void find(const IpAddress& from, std::function<void(tl::expected<SellerAddress, QuoteFailure>)> done) = 0;
    // `flow`: TCP, as this machine sends it.
    virtual void call(const SellerAddress& seller, const std::string& method, const std::string& path,
                      const std::string& body, const std::optional<FlowMatch>& flow,
                      std::function<void(SellerReply)> done) = 0;
};

struct ReverseBuyOrder {
    BuyOrder order;                       // its flow as the packets come, their destination unknown
    nlohmann::json wish;                  // what the seller is asked for (REVERSE.md)
    std::optional<SellerAddress> seller;  // nothing: whom the far ISP's menu names
    FlowMatch sent = {};                  // the connection as this machine sends on it
};

// An order at a seller that nobody has paid for yet.
struct ReverseQuote {
    std::string id;    // here; empty: not kept
    std::string tier;  // "thrifty", "most"; else what was asked for
    SellerAddress seller;
    ReverseOffer offer;  // its quote's validUntil: until when it may be bought
};

class ReverseQuotes {
public:
    struct Ports {
        Sellers& sellers;
        const Clock& clock;
        std::function<std::optional<Refund>()> refund;  // where this endpoint receives payments; nothing: it does not
    };
    using OneDone = std::function<void(tl::expected<ReverseQuote, BuyRefusal>)>;
    using AllDone = std::function<void(tl::expected<std::vector<ReverseQuote>, BuyRefusal>)>;

    explicit ReverseQuotes(Ports ports);

    // For a purchase that begins now.
    void ask(const ReverseBuyOrder& order, OneDone done);
    // What there is to choose from, cheapest first: the classes that the order names, else the cheapest and the best of each ISP. Kept for
    // take() until they expire, and given again to who asks for the same.
    void offers(const ReverseBuyOrder& order, AllDone done);
    // Once. Of the same user, for the same flow, with a cap that the seller was told of.
    [[nodiscard]] tl::expected<ReverseQuote, BuyRefusal> take(const std::string& id, const ReverseBuyOrder& order);

private:
    struct Kept {
        ReverseBuyOrder order;
        ReverseQuote quote;
    };
    struct Gathering;
    void onSeller(const ReverseBuyOrder& order, const tl::expected<SellerAddress, QuoteFailure>& seller,
                  const OneDone& done);
    void gathered(const ReverseBuyOrder& order, Gathering& all, const AllDone& done);
    void forgetOld();

    Ports m_ports;
    std::map<std::string, Kept> m_kept;
    std::shared_ptr<bool> m_alive;
};

}  // namespace netpas::secretaryd
