// Agreements with neighbours (agreements note; core/agreement/AGREEMENTS.md): this node's adverts and what is heard of others', the engine of agreements
// over the ledger's documents, whom to buy from, and who has packets forwarded. The agent listens, counts and forwards; payments go the way of all others.
// Control thread; nothing here waits.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "app/secretary/mesh_settings.h"
#include "app/secretary/neighbour_table.h"
#include "app/secretary/neighbour_tests.h"
#include "app/secretary/ports.h"
#include "app/secretary/state.h"
#include "app/secretary/unproven_customers.h"
#include "cartographer/neighbours/ranking.h"
#include "cartographer/verify/exchange.h"
#include "core/channel/mesh_messages.h"
#include "secretary/agreements/engine.h"

namespace netpas::secretaryd {

namespace books = secretary::agreements;

// Whose wish an agreement is. Durable with it.
struct AgreementOrigin {
    uint32_t uid = 0;
    bool byPerson = false;   // the owner asked for it, or told this node to buy by itself: an answer, within budgets
    bool automatic = false;  // this node offered or accepted it by itself
    friend bool operator==(const AgreementOrigin&, const AgreementOrigin&) = default;
};

// A payment that an agreement asks for; the same again pays nothing again.
struct NeighbourPayment {
    books::SettlementOrder order;
    IspId isp;  // of the neighbour
    AgreementOrigin origin;
};

// What becomes of it.
struct NeighbourPaymentNews {
    enum class Kind : uint8_t { Waits, Failed, Posted };
    Kind kind = Kind::Waits;
    std::string why;  // it waits, or will never arrive
};
using NeighbourPaymentTold = std::function<void(const NeighbourPaymentNews&)>;

struct AgreementWish {
    PublicKey neighbour;
    agreement::Direction direction = agreement::Direction::Upstream;
    std::optional<Money> perKb, limit;
    std::optional<std::chrono::seconds> lifetime;
    AgreementOrigin origin;
};

// What is shown; money is exact.
struct AgreementView {
    agreement::Terms terms;
    NodeId neighbour;
    bool buying = false;
    std::string state;  // asked, offered, active, ending, ended
    uint64_t bytes = 0;
    Money charged, paid, owed, owing;
    bool forwarding = false;
    std::string why;
    AgreementOrigin origin;
    std::optional<SystemTime> since;
    std::vector<verification::RouteReport> routes;  // through the neighbour, where this node buys upstream
    std::optional<neighbours::Measured> measured;   // of the way that is bought
};
struct NeighbourView {
    const KnownNeighbour* known = nullptr;
    struct Rank {
        size_t place = 0;
        bool chosen = false;
        std::string reason;
    };
    std::optional<Rank> upstream, downstream;
    std::optional<neighbours::Measured> measuredUp, measuredDown;
    bool passesUpstream = false, passesDownstream = false;
    std::string why;
    Money owed, owing;
    std::optional<channel::MeshCount> counted;
    std::vector<verification::RouteReport> routes;  // that begin with it
};

class NeighbourDesk {
public:
    struct Ports {
        store::Documents& documents;
        Timers& timers;
        const Clock& clock;
        LogSink log;
        const Identity& me;
        std::function<void(const channel::MeshSay&)> say;
        std::function<void(const channel::SetMesh&)> setMesh;
        // `told`: that it waits, if it does; then its end, once, when it is known. Not from inside the call.
        std::function<void(const NeighbourPayment&, NeighbourPaymentTold told)> pay;
        std::function<IspId()> receivesAt;  // the own ISP, if it takes payments for this node; 0: none
        std::function<bool()> canPay;
        std::function<void(const channel::TestNeighbour&)> test{};  // nothing: ways are not tested
    };
    using Heard = std::function<void(const NeighbourPlace& from, ByteView datagram)>;
    // An offer waits as long as a person may need at the other end.
    [[nodiscard]] static books::EngineOptions engineOptions();
    [[nodiscard]] static tl::expected<std::unique_ptr<NeighbourDesk>, std::string> open(
        Ports ports, const books::EngineOptions& options);
    ~NeighbourDesk();
    NeighbourDesk(const NeighbourDesk&) = delete;
    NeighbourDesk& operator=(const NeighbourDesk&) = delete;

    // The agent's side.
    void links(const channel::MeshLinks& links);
    void hops(const channel::MeshHops& hops);
    void counted(const channel::MeshCounts& counts);
    void heard(const channel::MeshHeard& heard);
    void tested(const channel::NeighbourTested& result) { m_tests.answered(result); }
    void agentLost();
    // Datagrams of kinds from 9 on, of known neighbours. Not verified.
    void onOther(Heard heard) { m_other = std::move(heard); }
    // What is known of ways through a neighbour.
    using Routes = std::function<std::vector<verification::RouteReport>(const PublicKey& neighbour)>;
    void knowRoutes(Routes routes) { m_routes = std::move(routes); }
    // To a known neighbour; false: it is not there.
    bool say(const PublicKey& to, Bytes datagram);

    // A payment has arrived, of an agreement or not. False: it must be told again.
    bool received(const payments::PaymentId& id, Money amount);

    // The owner's and users' side.
    [[nodiscard]] const MeshSettings& settings() const { return m_settings; }
    [[nodiscard]] tl::expected<void, store::StoreError> set(const MeshSettings& settings);
    [[nodiscard]] tl::expected<books::AgreementId, ApiFailure> offer(const AgreementWish& wish);
    [[nodiscard]] tl::expected<void, ApiFailure> accept(const books::AgreementId& id);
    [[nodiscard]] tl::expected<void, ApiFailure> end(const books::AgreementId& id);
    // It does not deliver what it claims: what is bought from it ends.
    void undelivered(const PublicKey& neighbour);
    static constexpr size_t endedShown = 100;
    // That run, then the last of those that have ended.
    [[nodiscard]] std::vector<AgreementView> agreements(size_t ended = endedShown) const;
    [[nodiscard]] std::optional<AgreementView> find(const books::AgreementId& id) const;
    [[nodiscard]] std::vector<NeighbourView> neighbours() const;
    [[nodiscard]] const channel::MeshLinks& links() const { return m_links; }
    [[nodiscard]] const std::map<std::string, uint64_t>& refused() const { return m_refused; }
    // Something that a neighbour said was not believed; a word from a short list.
    void refuse(std::string_view why);
    [[nodiscard]] const NeighbourTable& table() const { return m_table; }
    // With whom something was agreed.
    [[nodiscard]] bool isPartner(const NodeId& node) const;
    [[nodiscard]] std::string trouble() const;

private:
    using Pick = std::pair<PublicKey, agreement::Direction>;
    struct Asked {
        agreement::Terms terms;
        channel::MeshHeard last;
        SteadyTime until;
        bool allowed = false;
        std::optional<books::AgreementId> before;  // whose place it took
    };
    using AskedMap = std::map<Pick, Asked>;
    struct TurnedDown {
        Money perKb;
        SteadyTime until{};
    };
    // To a neighbour: the payment under way, or the last one that came to nothing.
    struct Paying {
        payments::PaymentId id{};
        SteadyTime since{};
        bool underWay = false;
        std::string waits, failed;  // why; failed: since the last one that arrived
    };
    // How it stands with what is forwarded under an agreement, and why.
    struct Passing {
        bool passes = false;
        std::string why;
    };
    struct Counted {
        uint64_t run = 0;
        channel::MeshCount count;
    };
    struct Try {
        SteadyTime again{};
        std::chrono::seconds pause{0};
        std::optional<books::AgreementId> offered;
        SteadyTime until{};
    };

    NeighbourDesk(Ports ports);
    [[nodiscard]] tl::expected<void, std::string> load(const books::EngineOptions& options);
    template <typename Function>
    auto whileAlive(Function function);

    // neighbour_desk.cpp
    void tick();
    void advertise();
    void hearAdvert(const channel::MeshHeard& heard);
    void hearMessage(const channel::MeshHeard& heard);
    void accepted(const PublicKey& from);
    void forward();
    void forwardSoon();
    [[nodiscard]] bool canBePaid() const;
    void keepPlaces();
    void order(const books::SettlementOrder& order);
    void paymentTold(const books::SettlementOrder& order, const NeighbourPaymentNews& news);

    // neighbour_orders.cpp
    [[nodiscard]] std::optional<Money> priceOf(const KnownNeighbour& known, agreement::Direction direction) const;
    [[nodiscard]] Money mostFor(agreement::Direction direction) const;
    [[nodiscard]] bool mayReplace(const AgreementWish& wish) const;
    void withdrawOthers(const AgreementWish& wish, const books::AgreementId& mine);
    [[nodiscard]] std::optional<books::AgreementId> make(const AgreementWish& wish, const KnownNeighbour& known);
    [[nodiscard]] std::optional<agreement::RefuseReason> judge(const agreement::Terms& terms) const;
    void refuseOffer(const agreement::Terms& terms, agreement::RefuseReason why);
    [[nodiscard]] bool holdsBack(const KnownNeighbour& from, const channel::MeshHeard& heard);
    void withdrawn(const PublicKey& buyer, ByteView datagram);
    [[nodiscard]] AskedMap::iterator askedWith(const books::AgreementId& id);
    [[nodiscard]] bool loadOrigins();
    [[nodiscard]] AgreementOrigin originOf(const books::AgreementId& id) const;
    void forgetOrigins();
    void keepOrigin(const books::AgreementId& id, const AgreementOrigin& origin);

    // neighbour_choice.cpp
    [[nodiscard]] NeighbourTests::Ports testPorts();
    void choose();
    [[nodiscard]] std::vector<neighbours::Candidate> sellers(agreement::Direction direction) const;
    [[nodiscard]] std::vector<neighbours::Candidate> candidates(agreement::Direction direction) const;
    void followRoutes();
    [[nodiscard]] bool isNextHop(const NeighbourPlace& place) const;
    void buyFrom(const PublicKey& neighbour, agreement::Direction direction);
    void leaveOthers(const std::optional<PublicKey>& chosen, agreement::Direction direction);
    [[nodiscard]] const books::Agreement* running(const PublicKey& neighbour, agreement::Direction direction,
                                                  bool buying) const;

    // neighbour_views.cpp
    [[nodiscard]] AgreementView viewOf(const books::Agreement& one) const;
    [[nodiscard]] AgreementView viewOf(const Asked& asked) const;
    [[nodiscard]] Passing passingOf(const books::Agreement& one, const books::Standing& standing) const;
    [[nodiscard]] Passing sold(const books::Agreement& one, const books::Standing& standing) const;
    [[nodiscard]] Passing bought(const books::Agreement& one) const;
    // As the agent was told last.
    [[nodiscard]] bool lets(const PublicKey& neighbour, agreement::Direction direction) const;

    Ports m_ports;
    MeshSettings m_settings;
    agreement::Prices m_asking;  // now
    std::optional<std::pair<SteadyTime, agreement::Prices>> m_next;
    NeighbourTable m_table;
    std::optional<books::Engine> m_engine;
    std::map<PublicKey, NeighbourPlace> m_kept;  // as in the database
    std::map<books::AgreementId, AgreementOrigin> m_origins;
    AskedMap m_asked;                         // offers that wait for the owner: one of each neighbour and direction
    std::map<Pick, TurnedDown> m_turnedDown;  // by the owner: what is not better is not shown again for a while
    std::map<PublicKey, Paying> m_paying;
    UnprovenCustomers m_unproven;
    std::map<PublicKey, Counted> m_counted;
    std::map<PublicKey, std::pair<channel::MeshNeighbour, SteadyTime>> m_told;  // to the agent, and until when it holds
    std::optional<Money> m_toldPrice;                                           // with that
    std::map<Pick, Try> m_tries;
    std::optional<std::vector<channel::MeshHop>> m_hops;  // that routes go through; nothing: the agent has not said yet
    std::map<PublicKey, SteadyTime> m_lastUsed;           // by routes
    NeighbourTests m_tests;
    neighbours::Chooser m_upstream{neighbours::Chooser::Options{}}, m_downstream{neighbours::Chooser::Options{}};
    std::map<std::string, uint64_t> m_refused;
    channel::MeshLinks m_links;
    Heard m_other;
    Routes m_routes;
    uint64_t m_run = 0;
    uint32_t m_number = 0;
    SteadyTime m_nextAdvert{};
    bool m_agentThere = false;
    bool m_toldAgent = false;
    SteadyTime m_toldAt{};
    Timers::Id m_timer = 0, m_forwardTimer = 0;
    std::shared_ptr<bool> m_alive;
};

}  // namespace netpas::secretaryd
