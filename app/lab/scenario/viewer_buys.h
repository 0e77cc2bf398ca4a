// The story again, but the viewer buys (NetPaS §3.1.3): the server is an ordinary web server and knows nothing of it. The access router of its
// ISP sells, paid by the viewer in micropayments for a few seconds each.
#pragma once

#include <string>

#include "app/lab/scenario/story.h"

namespace netpas::lab {

// The server's host behind an access router of its ISP, which sells; the viewer with an agent of his own.
void letViewerBuy(Topology& topology, const ScenarioOptions& options);

class ViewerBuys : public Story {
public:
    using Story::Story;

protected:
    static constexpr const char* viewer = "a";
    static constexpr const char* accessRouter = "g";

    [[nodiscard]] std::string payer() const override { return accessRouter; }
    Expected<void> beforeTrouble() override;
    Expected<void> askPrice(const FlowKey& flow) override;
    Expected<std::string> order(const FlowKey& flow) override;
    Expected<void> endPurchase() override;

    // The viewer's purchase for what the server sends on this connection, as the server sees it.
    virtual Expected<std::string> place(const FlowKey& flow);
    // Ends it; the answer is the settled purchase.
    virtual Expected<Json> stopViewers(const std::string& purchase);

private:
    Expected<void> judgeSlices(const Json& settled);
    // Sum of what a host's books have of payments in one direction.
    Expected<Money> sum(const std::string& host, const std::string& verb, const char* list, const char* field);

    std::string m_offer, m_viewers;
};

}  // namespace netpas::lab
