#include "app/secretary/books.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <optional>
#include <utility>

#include "app/secretary/content_desk.h"
#include "app/secretary/decision_desk.h"
#include "app/secretary/device_desk.h"
#include "app/secretary/home_desk.h"
#include "app/secretary/isp_link.h"
#include "app/secretary/neighbour_payments.h"
#include "app/secretary/payment_service.h"
#include "app/secretary/purchase_service.h"
#include "app/secretary/receiving_desk.h"
#include "app/secretary/reverse_purchases.h"
#include "app/secretary/reverse_sales.h"
#include "app/secretary/route_desk.h"
#include "secretary/contacts/contact_book.h"
#include "secretary/delivery/delivery_book.h"
#include "secretary/payees/payee_book.h"
#include "secretary/vault/identity_store.h"
#include "secretary/wallet.h"

namespace netpas::secretaryd {

using ledger::EndReason;
using ledger::LedgerError;
using secretary::contacts::ContactBook;
using secretary::payees::PayeeBook;

namespace {

constexpr std::chrono::seconds closePatience{5};

class WalletMint final : public KeyMint {
public:
    explicit WalletMint(const secretary::Wallet& wallet) : m_wallet(wallet) {}
    SessionKey mint(Money cap, Money capPerSecond, std::vector<IspId> allowed, SystemTime expires) override {
        return m_wallet.mint(cap, capPerSecond, std::move(allowed), expires);
    }

private:
    const secretary::Wallet& m_wallet;
};

// The decision desk, with what the owner's books say about who is paid.
class InformedAuthority final : public Authority {
public:
    using Asks = std::function<bool(const std::string&)>;
    // `roams`: a device's name; `partner`: a payee with whom something was agreed, each having signed it.
    InformedAuthority(DecisionDesk& desk, const ContactBook& contacts, PayeeBook& payees, const Clock& clock,
                      Asks roams, Asks partner)
        : m_desk(desk),
          m_contacts(contacts),
          m_payees(payees),
          m_clock(clock),
          m_roams(std::move(roams)),
          m_partner(std::move(partner)) {}

    std::optional<Denied> precheck(const ledger::NewPurchase& purchase) override { return m_desk.precheck(purchase); }
    void inform(const ledger::NewPurchase& purchase, secretary::SpendRequest& request) const override {
        const auto& remote = purchase.flow.remote;
        m_contacts.enrich(request, remote ? std::optional(remote->address()) : std::nullopt);
    }
    void authorize(PurchaseId id, const secretary::SpendRequest& request, bool byPerson,
                   std::function<void(Verdict)> done) override {
        // Nobody can have certified an account that a device has just opened at an ISP it visits (NetPaS §3.1.4). Rules and budgets decide.
        const bool visit = request.purpose == "roaming" && !request.node.empty() && m_roams(request.node);
        // A neighbour is known by what it has signed, and no site of that name is paid.
        const bool neighbour = request.purpose == "forwarding" && request.domain.empty() && m_partner(request.payee);
        const bool exempt = visit || neighbour;
        if (const auto refused = exempt ? std::nullopt : m_payees.refusal(request, m_clock.now())) {
            return done(Denied{"RESTRICTED", refused->message, refused->hint, std::nullopt});
        }
        m_desk.authorize(id, request, byPerson, std::move(done));
    }
    std::optional<Denied> objection(const secretary::SpendRequest& before,
                                    const secretary::SpendRequest& after) override {
        return m_desk.objection(before, after);
    }
    void progressed(PurchaseId id, Money used) override { m_desk.progressed(id, used); }
    void spent(PurchaseId id, Money part) override { m_desk.spent(id, part); }
    void settled(PurchaseId id, Money amount) override { m_desk.settled(id, amount); }

private:
    DecisionDesk& m_desk;
    const ContactBook& m_contacts;
    PayeeBook& m_payees;
    const Clock& m_clock;
    Asks m_roams, m_partner;
};

CustodyFailure failureOf(LedgerError error, const secretary::StateFolder& folder) {
    const bool damaged = error == LedgerError::Damaged || error == LedgerError::CannotOpen;
    const bool inUse = error == LedgerError::InUse;
    std::string hint = "see " + folder.root.string();
    if (damaged) hint = "netpas doctor, then netpas restore FILE";
    if (inUse) hint = "stop the other netpasd, or choose another --state-dir";
    return {damaged,
            {damaged ? 503U : 500U, damaged ? "DAMAGED" : "LOCAL_FAILURE", std::string(describe(error)), hint}};
}

CustodyFailure failed(std::string what, std::string hint) {
    return {false, {500, "LOCAL_FAILURE", std::move(what), std::move(hint)}};
}

}  // namespace

// In order of construction: each part stands on those before it.
struct Books::Open {
    std::unique_ptr<ledger::Ledger> ledger;
    std::optional<secretary::Wallet> wallet;
    std::unique_ptr<WalletMint> mint;
    std::unique_ptr<IspLink> isp;
    std::unique_ptr<DecisionDesk> decisions;
    std::optional<ContactBook> contacts;
    std::optional<PayeeBook> payees;
    std::optional<secretary::delivery::DeliveryBook> deliveries;
    std::unique_ptr<InformedAuthority> authority;
    std::unique_ptr<PurchaseService> purchases;
    std::optional<ledger::PaymentJournal> journal;
    std::unique_ptr<PaymentService> payments;
    std::unique_ptr<ContentDesk> content;
    std::unique_ptr<ReceivingDesk> receiving;
    std::unique_ptr<ReverseSales> sales;
    std::unique_ptr<ReversePurchases> reverse;
    std::unique_ptr<HomeDesk> home;
    std::unique_ptr<NeighbourPayments> neighbourPayments;
    std::unique_ptr<NeighbourDesk> neighbours;
    std::unique_ptr<RouteDesk> routes;
    std::unique_ptr<DeviceDesk> devices;

    [[nodiscard]] bool idle() const { return purchases->idle() && payments->idle() && reverse->idle(); }
};

Books::Books(Parts parts) : m_parts(std::move(parts)) {}
Books::~Books() { finish(); }

ledger::Ledger* Books::ledger() { return m_open ? m_open->ledger.get() : nullptr; }

tl::expected<void, CustodyFailure> Books::open(const store::DatabaseKey& key) {
    if (m_open) return {};
    auto made = make(key);
    if (!made) return tl::unexpected(std::move(made.error()));
    m_open = std::move(*made);
    publish();
    PurchaseService& purchases = *m_open->purchases;
    if (const auto done = purchases.recover(); !done) {
        finish();
        return tl::unexpected(failureOf(done.error(), m_parts.folder));
    }
    m_open->sales->recovered();
    PaymentService& payments = *m_open->payments;
    if (const auto done = payments.recover(); !done) {
        finish();
        return tl::unexpected(failureOf(done.error(), m_parts.folder));
    }
    ReceivingDesk& receiving = *m_open->receiving;
    m_open->isp->listen({[&payments, &receiving] {
                             payments.ispUp();
                             receiving.ispUp();
                         },
                         [&receiving](const payments::Payment& payment) { receiving.offered(payment); },
                         [&receiving](const accounting::PaymentAckEntry& entry) { receiving.taken(entry); },
                         [&receiving](const payments::PaymentId& id) { receiving.cancelled(id); }});
    purchases.onSettled([&sales = *m_open->sales](PurchaseId id) { sales.settled(id); });
    m_open->decisions->decider().onStop([&purchases, &payments, &reverse = *m_open->reverse](bool paused) {
        const EndReason reason = paused ? EndReason::Paused : EndReason::Locked;
        reverse.stopAll(reason);
        purchases.revokeAll(reason);
        payments.endUnsigned(reason);
    });
    // Until the owner has looked at it.
    purchases.onAlarm([&decider = m_open->decisions->decider(), log = m_parts.log](const std::string&) {
        if (!decider.setMode(secretary::prompts::Mode::Pause)) {
            log(LogLevel::Error, "spending cannot be paused for good: free some disk space");
        }
    });
    HomeDesk& home = *m_open->home;
    RemoteAgent::Listener listener;
    listener.up = [&purchases](std::span<const FlowCounters> held) { purchases.agentUp(held); };
    NeighbourDesk& neighbours = *m_open->neighbours;
    listener.meshLinks = [&neighbours](const channel::MeshLinks& links) { neighbours.links(links); };
    listener.meshHops = [&neighbours](const channel::MeshHops& hops) { neighbours.hops(hops); };
    listener.meshCounts = [&neighbours](const channel::MeshCounts& counts) { neighbours.counted(counts); };
    listener.meshHeard = [&neighbours](const channel::MeshHeard& heard) { neighbours.heard(heard); };
    listener.neighbourTested = [&neighbours](const channel::NeighbourTested& result) { neighbours.tested(result); };
    listener.flowsSeen = [&routes = *m_open->routes](const channel::FlowsSeen& seen) { routes.seen(seen); };
    listener.down = [this, &purchases, &neighbours] {
        purchases.agentDown();
        neighbours.agentLost();
        if (m_windingUp && m_closed) endSoon();
    };
    listener.counters = [&purchases](std::span<const FlowCounters> counters) { purchases.countersCame(counters); };
    listener.notDelivered = [&purchases](const DeliveryTrouble& trouble) { purchases.notDelivered(trouble); };
    DeviceDesk& devices = *m_open->devices;
    listener.device = [&devices](const channel::DeviceAsks& asks) { return devices.asked(asks); };
    listener.home = [&home](const AgentHome& at) { home.agentSays(at); };
    devices.tellAgent();
    listener.processes = [&desk = *m_open->decisions](std::span<const uint32_t> running) { desk.stillRun(running); };
    m_parts.agent.listen(std::move(listener));
    return {};
}

tl::expected<std::unique_ptr<Books::Open>, CustodyFailure> Books::make(const store::DatabaseKey& key) {
    const Clock& clock = m_parts.state.clock;
    auto open = std::make_unique<Open>();
    auto ledger = ledger::Ledger::open(m_parts.folder.database(), key);
    if (!ledger) return tl::unexpected(failureOf(ledger.error(), m_parts.folder));
    open->ledger = std::move(*ledger);
    store::Documents& documents = open->ledger->documents();
    auto seed = secretary::loadOrCreateSeed(documents, m_parts.folder.oldIdentity());
    if (!seed) return tl::unexpected(failed(std::string(describe(seed.error())), "netpas restore FILE"));
    open->wallet = secretary::Wallet::fromSeed(seed->bytes());
    open->mint = std::make_unique<WalletMint>(*open->wallet);
    open->isp = std::make_unique<IspLink>(m_parts.io, open->wallet->identity(), m_parts.log, m_parts.agent.connector());
    auto decisions = DecisionDesk::open({*open->ledger, documents, m_parts.timers, clock, m_parts.log},
                                        m_parts.state.limits, m_parts.owner);
    if (!decisions) return tl::unexpected(failed(decisions.error(), "netpas doctor"));
    open->decisions = std::move(*decisions);
    auto contacts = ContactBook::open(documents);
    auto payees = PayeeBook::open(documents);
    if (!contacts || !payees) {
        const auto error = contacts ? payees.error() : contacts.error();
        return tl::unexpected(failed("contacts or payees: " + std::string(describe(error)), "netpas doctor"));
    }
    open->contacts = std::move(*contacts);
    open->payees = std::move(*payees);
    open->authority = std::make_unique<InformedAuthority>(
        *open->decisions, *open->contacts, *open->payees, clock,
        [all = open.get()](const std::string& node) { return all->devices && all->devices->roams(node); },
        [all = open.get()](const std::string& payee) {
            const auto node = NodeId::parse(payee);
            return node && all->neighbours && all->neighbours->isPartner(*node);
        });
    auto deliveries = secretary::delivery::DeliveryBook::open(documents);
    if (!deliveries) {
        return tl::unexpected(
            failed("what was not delivered: " + std::string(describe(deliveries.error())), "netpas doctor"));
    }
    open->deliveries = std::move(*deliveries);
    open->purchases = std::make_unique<PurchaseService>(
        PurchaseService::Ports{*open->ledger, m_parts.agent, *open->mint, *open->isp, m_parts.agent, *open->authority,
                               m_parts.timers, clock, m_parts.log, &*open->deliveries},
        PurchaseSettings{});
    if (auto done = makePayments(*open); !done) return tl::unexpected(std::move(done.error()));
    if (auto done = makeReverse(*open); !done) return tl::unexpected(std::move(done.error()));
    auto home = HomeDesk::open(
        {documents, m_parts.agent, *open->isp, clock, m_parts.log, [all = open.get()] { return all->idle(); }});
    if (!home) return tl::unexpected(failed(std::string(describe(home.error())), "netpas doctor"));
    open->home = std::move(*home);
    if (auto done = makeNeighbours(*open); !done) return tl::unexpected(std::move(done.error()));
    auto devices = secretary::devices::DeviceBook::open(documents);
    if (!devices)
        return tl::unexpected(failed("paired devices: " + std::string(describe(devices.error())), "netpas doctor"));
    open->devices = std::make_unique<DeviceDesk>(
        std::move(*devices),
        DeviceDesk::Ports{clock, m_parts.log,
                          [agent = &m_parts.agent](const channel::Devices& all) { agent->tell(all); },
                          [purchases = open->purchases.get()](const std::string& node) {
                              for (const PurchaseView& one : purchases->open()) {
                                  if (one.book.request.context.node != node) continue;
                                  (void)purchases->stop(one.book.id, EndReason::StoppedByUser);
                              }
                          }});
    return open;
}

tl::expected<void, CustodyFailure> Books::makePayments(Open& open) {
    const Clock& clock = m_parts.state.clock;
    store::Documents& documents = open.ledger->documents();
    auto journal = ledger::PaymentJournal::open(documents);
    if (!journal) return tl::unexpected(failed("payments: " + std::string(describe(journal.error())), "netpas doctor"));
    open.journal = std::move(*journal);
    const auto keyOf = [&open, &clock](const NodeId& payee) -> std::optional<PublicKey> {
        const auto known = open.payees->judge(payee, {}, clock.now());
        return known ? std::optional(known->statement.key) : std::nullopt;
    };
    open.payments = std::make_unique<PaymentService>(
        PaymentService::Ports{*open.ledger, *open.journal, *open.wallet, *open.isp, *open.authority, m_parts.timers,
                              clock, m_parts.log, keyOf},
        PaymentSettings{});
    auto content =
        ContentDesk::open({*open.ledger, *open.payments, documents, *open.contacts, *open.payees, clock, m_parts.log});
    if (!content) return tl::unexpected(failed(content.error(), "netpas doctor"));
    open.content = std::move(*content);
    // Who is to know of it may have ended already: then the ISP tells it again next time.
    const auto onTaken = [&open](const payments::Payment& payment) -> tl::expected<void, ledger::LedgerError> {
        const bool kept = open.neighbours && open.sales && open.neighbours->received(payment.id, payment.amount);
        if (!kept) return tl::unexpected(ledger::LedgerError::Storage);
        return open.sales->received(payment);
    };
    auto receiving = ReceivingDesk::open({*open.ledger, documents, *open.wallet, *open.isp, m_parts.timers, clock,
                                          m_parts.log, onTaken, [&open](bool done) {
                                              if (open.sales) open.sales->written(done);  // it ends before this one
                                          }});
    if (!receiving) return tl::unexpected(failed(receiving.error(), "netpas doctor"));
    open.receiving = std::move(*receiving);
    return {};
}

tl::expected<void, CustodyFailure> Books::makeReverse(Open& open) {
    const Clock& clock = m_parts.state.clock;
    const auto homeIsp = [&open]() -> std::optional<IspId> {
        const auto home = open.home ? open.home->home() : std::nullopt;
        return home ? std::optional(home->isp) : std::nullopt;
    };
    const NodeId self = open.wallet->identity().nodeId();
    auto sales =
        ReverseSales::open({*open.purchases, *open.payments, *open.isp, m_parts.agent, open.ledger->documents(),
                            m_parts.timers, clock, m_parts.log, self, homeIsp,
                            [&open] { return open.receiving->state().accepted; }, m_parts.state.limits.perPurchase},
                           ReverseSettings{});
    if (!sales) return tl::unexpected(failed(sales.error(), "netpas doctor"));
    open.sales = std::move(*sales);
    open.reverse =
        std::make_unique<ReversePurchases>(ReversePurchases::Ports{*open.ledger, m_parts.agent, *open.payments,
                                                                   *open.authority, m_parts.timers, clock, m_parts.log,
                                                                   [&open, self, homeIsp]() -> std::optional<Refund> {
                                                                       const auto isp = homeIsp();
                                                                       if (!isp || !open.receiving->state().accepted)
                                                                           return std::nullopt;
                                                                       return Refund{self, *isp};
                                                                   }},
                                           ReversePurchaseSettings{});
    return {};
}

tl::expected<void, CustodyFailure> Books::makeNeighbours(Open& open) {
    open.neighbourPayments = std::make_unique<NeighbourPayments>(*open.payments, m_parts.timers, m_parts.log);
    RemoteAgent* const agent = &m_parts.agent;
    const auto receivesAt = [&open] {
        const auto home = open.home->home();
        return home && open.receiving->state().accepted ? home->isp : IspId{0};
    };
    auto desk =
        NeighbourDesk::open({open.ledger->documents(), m_parts.timers, m_parts.state.clock, m_parts.log,
                             open.wallet->identity(), [agent](const channel::MeshSay& said) { agent->tellMesh(said); },
                             [agent](const channel::SetMesh& all) { agent->tellMesh(all); },
                             [payments = open.neighbourPayments.get()](const auto& wanted, auto ended) {
                                 payments->pay(wanted, std::move(ended));
                             },
                             receivesAt, [&open] { return open.home->home().has_value(); },
                             [agent](const channel::TestNeighbour& wanted) { agent->tellMesh(wanted); }},
                            NeighbourDesk::engineOptions());
    if (!desk) return tl::unexpected(failed(desk.error(), "netpas doctor"));
    open.neighbours = std::move(*desk);
    open.routes = std::make_unique<RouteDesk>(
        RouteDesk::Ports{m_parts.timers, m_parts.state.clock, m_parts.log, open.wallet->identity(), *open.neighbours});
    return {};
}

void Books::publish() {
    SecretaryState& state = m_parts.state;
    Open* const open = m_open.get();
    state.ledger = open != nullptr ? open->ledger.get() : nullptr;
    state.documents = open != nullptr ? &open->ledger->documents() : nullptr;
    state.purchases = open != nullptr ? open->purchases.get() : nullptr;
    state.payments = open != nullptr ? open->payments.get() : nullptr;
    state.content = open != nullptr ? open->content.get() : nullptr;
    state.receiving = open != nullptr ? open->receiving.get() : nullptr;
    state.reversePurchases = open != nullptr ? open->reverse.get() : nullptr;
    state.reverseSales = open != nullptr ? open->sales.get() : nullptr;
    state.isp = open != nullptr ? open->home.get() : nullptr;
    state.decisions = open != nullptr ? open->decisions.get() : nullptr;
    state.devices = open != nullptr ? open->devices.get() : nullptr;
    state.neighbours = open != nullptr ? open->neighbours.get() : nullptr;
    state.contacts = open != nullptr ? &*open->contacts : nullptr;
    state.deliveries = open != nullptr ? &*open->deliveries : nullptr;
    state.payees = open != nullptr ? &*open->payees : nullptr;
}

void Books::close(EndReason reason, std::function<void()> done) {
    if (m_open) {
        m_open->reverse->stopAll(reason);
        m_open->sales->stopAll();
        m_open->purchases->revokeAll(reason);
        m_open->payments->endUnsigned(reason);
    }
    whenIdle(std::move(done));
}

void Books::windUp(EndReason reason, std::function<void()> done) {
    if (m_open) {
        m_open->reverse->stopAll(reason);
        m_open->sales->stopAll();
        m_open->purchases->stopAll(reason);
        m_open->payments->endUnsigned(reason);
    }
    m_windingUp = true;
    whenIdle(std::move(done));
}

// Or after a while: what is not settled then is settled after the next open().
void Books::whenIdle(std::function<void()> done) {
    m_closed = std::move(done);
    if (!m_open || m_open->idle()) return endSoon();
    const auto settled = [this](PurchaseId) {
        if (m_open->idle()) endSoon();
    };
    m_open->purchases->onSettled([settled, &sales = *m_open->sales](PurchaseId id) {
        sales.settled(id);
        settled(id);
    });
    m_open->payments->onSettled(settled);
    m_open->reverse->onSettled(settled);
    m_patience = m_parts.timers.after(closePatience, [this] { end(); });
    // Without an agent there is no way to the ISP, and whoever waits for this process to end should not wait longer.
    if (m_windingUp && !m_parts.agent.report().connected) endSoon();
}

// Not from inside a call of the ISP link's or the agent's.
void Books::endSoon() {
    m_parts.timers.cancel(m_patience);
    m_patience = m_parts.timers.after(std::chrono::milliseconds(0), [this] { end(); });
}

void Books::end() {
    m_parts.timers.cancel(std::exchange(m_patience, 0));
    if (m_open && !m_open->idle()) {
        m_parts.log(LogLevel::Warning, "some purchases are not settled yet: the next start does it");
    }
    finish();
    if (const auto closed = std::exchange(m_closed, nullptr)) closed();
}

void Books::finish() {
    if (!m_open) return;
    m_parts.agent.forgetListener();
    m_parts.agent.clearFlows();
    std::unique_ptr<Open> last = std::move(m_open);
    publish();
    last->isp->listen({});
    last->isp->disconnect();
    last->routes.reset();
    last->neighbours.reset();
    last->neighbourPayments.reset();
    last->home.reset();
    last->reverse.reset();
    last->sales.reset();
    last->receiving.reset();
    last->content.reset();
    last->payments.reset();
    last->purchases.reset();
}

}  // namespace netpas::secretaryd
