// A film that freezes on a congested peering link until somebody pays for a better class in mid-stream. Judged by the player's own
// properties, the kernel's and the captures' counts, and the books of every party.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "app/lab/scenario/scenario.h"
#include "app/lab/tools/cross_traffic.h"
#include "app/lab/tools/media.h"
#include "app/lab/tools/payment_meter.h"
#include "app/lab/tools/player.h"

namespace netpas::lab {

struct Phases {
    PlayerTime begin;      // the picture moves
    PlayerTime cross;      // cross traffic begins
    PlayerTime bought;     // the order is given
    PlayerTime firstPaid;  // on the access link
    PlayerTime refilled;   // the player's cache is full again
    PlayerTime end;        // the purchase is about to be stopped
};

class Story {
public:
    explicit Story(ScenarioContext& context) : m_context(context), m_lab(context.lab()) {}
    virtual ~Story() = default;
    Story(const Story&) = delete;
    Story& operator=(const Story&) = delete;
    Expected<void> run();

protected:
    // Whose access link carries the paid packets, and who is their ISP's customer.
    [[nodiscard]] virtual std::string payer() const { return "b"; }
    // Buys for the server's connection with the viewer, as the server sees it; the answer names the payer's purchase.
    // Before the clock of the buy begins.
    virtual Expected<void> askPrice(const FlowKey&) { return {}; }
    virtual Expected<std::string> order(const FlowKey& flow);
    // Starts the viewer's player; mpv without a screen unless said otherwise.
    virtual Expected<std::unique_ptr<Player>> openFilm(const std::string& url);
    // Which of the server's connections with the viewer carries the film.
    virtual Expected<FlowKey> chooseConnection(const std::vector<FlowKey>& found);
    // While the network is quiet.
    virtual Expected<void> beforeTrouble() { return {}; }
    // Until everything of it is settled.
    virtual Expected<void> endPurchase();

    [[nodiscard]] double paidTime() const { return std::chrono::duration<double>(m_at.end - m_at.firstPaid).count(); }

    ScenarioContext& m_context;
    Lab& m_lab;
    std::string m_purchase;
    std::unique_ptr<Player> m_player;

private:
    Expected<void> premiere();
    Expected<void> freeze();
    Expected<void> buyBetterClass();
    Expected<void> noteRoundTrip();
    Expected<void> awaitRefill();
    Expected<void> watchPaid();
    Expected<void> reconcile();
    Expected<FlowKey> filmConnection();
    Expected<uint64_t> bytesToViewer() const;
    bool playerWorks();
    void tellPicture();
    void farewell();

    std::string m_webServer;
    std::unique_ptr<CrossTraffic> m_cross;
    std::unique_ptr<PaymentMeter> m_meter;
    Phases m_at{};
    FlowKey m_flow;
    uint64_t m_bytesAtCross = 0;
    uint64_t m_bytesAtBuy = 0;
    uint64_t m_bytesAtRefill = 0;
    uint64_t m_bytesAtEnd = 0;
    size_t m_toldStalls = 0;
    bool m_toldFrozen = false;
};

}  // namespace netpas::lab
