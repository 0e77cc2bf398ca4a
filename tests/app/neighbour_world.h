// Secretaries whose agents are on one link, without agents, and others there; time is the test's.
#pragma once

#include <algorithm>
#include <array>
#include <deque>

#include "app/secretary/neighbour_desk.h"
#include "core/agreement/messages.h"
#include "tests/app/purchase_fakes.h"

namespace netpas::test {

using namespace secretaryd;
using namespace std::chrono_literals;
using agreement::Direction;

inline constexpr IspId isp{26};
inline const std::string mesh = "mesh0";

inline Money dollars(const char* text) { return *Money::parse(text); }

// A database whose disk may be full.
class Disk final : public store::Documents {
public:
    tl::expected<void, store::StoreError> apply(std::span<const store::DocumentChange> changes) override {
        if (full) return tl::unexpected(store::StoreError::Full);
        return m_documents.apply(changes);
    }
    tl::expected<std::vector<store::Document>, store::StoreError> all(std::string_view kind) const override {
        return m_documents.all(kind);
    }
    bool full = false;

private:
    store::MemoryDocuments m_documents;
};

class World;

// One machine: its agent's counters and packet filter, its secretary's database, its desk.
struct Node {
    Node(World& its, uint8_t number);
    void start();
    [[nodiscard]] LinkAddress link() const { return {2, 0, 0, 0, 0, m_number}; }
    [[nodiscard]] IpAddress address() const { return *IpAddress::parse("fe80::" + std::to_string(m_number)); }
    [[nodiscard]] const PublicKey& key() const { return me.publicKey(); }
    // As its database has it.
    [[nodiscard]] std::optional<books::Pair> with(const Node& other) const {
        const auto all = documents.all("neighbour");
        for (const store::Document& one : *all) {
            if (one.id == other.key().hex()) return books::decodePair(one.body);
        }
        return std::nullopt;
    }
    [[nodiscard]] std::optional<AgreementView> only() const {
        const auto all = desk->agreements();
        return all.empty() ? std::nullopt : std::optional(all.front());
    }
    [[nodiscard]] size_t active() const {
        const auto all = desk->agreements();
        return static_cast<size_t>(
            std::count_if(all.begin(), all.end(), [](const auto& one) { return one.state == "active"; }));
    }
    [[nodiscard]] bool lets(const Node& other, bool upstream) const {
        for (const channel::MeshNeighbour& one : filter.neighbours) {
            if (one.link == other.link()) return upstream ? one.paysUpstream : one.paysDownstream;
        }
        return false;
    }
    [[nodiscard]] channel::MeshLinks links() const { return {true, {{mesh, link(), address(), {}}}, ""}; }

    World& world;
    uint8_t m_number;
    Identity me;
    Disk documents;
    channel::SetMesh filter;
    int tellings = 0;                                  // of it
    std::map<LinkAddress, channel::MeshCount> counts;  // of who is in the filter
    std::unique_ptr<NeighbourDesk> desk;
    books::EngineOptions options = NeighbourDesk::engineOptions();
    bool tests = false;  // of ways, which never come to an end
    bool canPay = true, canBePaid = true;
    std::optional<AgreementOrigin> lastOrigin;
};

inline MeshSettings sells(const char* upstream) {
    MeshSettings settings;
    settings.asks.upstream = dollars(upstream);
    settings.notice = 0s;
    return settings;
}
inline MeshSettings buys(MeshBuys what) {
    MeshSettings settings;
    settings.buys = what;
    settings.payAt = dollars("0.0001");
    settings.closeAt = dollars("0.001");
    settings.interval = 1s;
    return settings;
}

class World {
public:
    explicit World(size_t count) {
        for (size_t i = 1; i <= count; ++i) nodes.push_back(std::make_unique<Node>(*this, static_cast<uint8_t>(i)));
        for (auto& node : nodes) node->start();
    }
    Node& operator[](size_t i) { return *nodes[i]; }
    // The one sells upstream, the other one buys by itself from whom is best; until they have agreed.
    bool trade(Node& buyer, Node& seller) {
        const bool kept = seller.desk->set(sells("0.000001")) && buyer.desk->set(buys(MeshBuys::Best));
        run(10s);
        return kept;
    }

    void said(const Node& from, const channel::MeshSay& what) {
        letters.push_back(what);
        for (auto& node : nodes) {
            if (node.get() == &from || (what.to && *what.to != node->address())) continue;
            under.push_back({node.get(), {mesh, from.link(), from.address(), what.bytes}});
        }
    }
    // Until nothing is said any more; then time goes on.
    void run(std::chrono::milliseconds time) {
        for (auto passed = 0ms; passed < time; passed += 100ms) {
            timers.run(100ms);
            deliver();
            for (auto& node : nodes) count(*node);
        }
    }
    void deliver() {
        while (!under.empty()) {
            const auto [to, what] = under.front();
            under.pop_front();
            if (to->desk) {
                count(*to);
                to->desk->heard(what);
            }
        }
    }
    void count(Node& node) {
        if (!node.desk) return;
        channel::MeshCounts all{node.m_number, {}};
        for (const auto& [link, one] : node.counts) all.counts.push_back(one);
        node.desk->counted(all);
    }
    // Packets from one to the other, passed on there if it lets them.
    void send(Node& from, Node& to, uint64_t packets) {
        constexpr uint64_t size = 1000;
        if (const auto at = from.counts.find(to.link()); at != from.counts.end()) {
            at->second.sentPackets += packets;
            at->second.sentBytes += packets * size;
        }
        const auto at = to.counts.find(from.link());
        if (at == to.counts.end()) return;
        at->second.arrivedPackets += packets;
        at->second.arrivedBytes += packets * size;
        if (!to.lets(from, true)) return;
        at->second.takenPackets += packets;
        at->second.takenBytes += packets * size;
    }
    void pay(const Node& from, const NeighbourPayment& wanted, const NeighbourPaymentTold& told) {
        using Kind = NeighbourPaymentNews::Kind;
        if (payments.contains(wanted.order.id)) ++repeated;
        if (bankrupt || undecided) {
            const NeighbourPaymentNews news{bankrupt ? Kind::Failed : Kind::Waits, bankrupt ? "no money" : "undecided"};
            timers.after(50ms, [told, news] { told(news); });
            return;
        }
        payments.try_emplace(wanted.order.id, wanted);
        timers.after(50ms, [this, &from, id = wanted.order.id, told] {
            const NeighbourPayment& one = payments.at(id);
            for (auto& node : nodes) {
                if (node->key() == one.order.payee && node->desk) (void)node->desk->received(id, one.order.amount);
            }
            if (from.desk) told({Kind::Posted, {}});
        });
    }
    [[nodiscard]] Money paid() const {
        Money sum;
        for (const auto& [id, one] : payments) sum = *checkedAdd(sum, one.order.amount);
        return sum;
    }

    ManualClock clock{SystemTime(1'800'000'000s)};
    fake::Timers timers{clock};
    std::vector<std::unique_ptr<Node>> nodes;
    std::deque<std::pair<Node*, channel::MeshHeard>> under;
    std::map<payments::PaymentId, NeighbourPayment> payments;
    int repeated = 0;
    std::vector<channel::MeshSay> letters;  // all that was said
    bool bankrupt = false, undecided = false;
};

inline Node::Node(World& its, uint8_t number) : world(its), m_number(number), me(Identity::fromSeed({number})) {}

inline void Node::start() {
    auto opened = NeighbourDesk::open(
        {documents, world.timers, world.clock, [](LogLevel, const std::string&) {}, me,
         [this](const channel::MeshSay& said) { world.said(*this, said); },
         [this](const channel::SetMesh& all) {
             filter = all;
             ++tellings;
             for (const channel::MeshNeighbour& one : all.neighbours)
                 counts.try_emplace(one.link, channel::MeshCount{mesh, one.link, 0, 0, 0, 0, 0, 0});
         },
         [this](const NeighbourPayment& wanted, NeighbourPaymentTold told) {
             lastOrigin = wanted.origin;
             world.pay(*this, wanted, told);
         },
         [this] { return canBePaid ? isp : IspId{0}; }, [this] { return canPay; },
         tests ? [](const channel::TestNeighbour&) {} : std::function<void(const channel::TestNeighbour&)>()},
        options);
    desk = std::move(*opened);
    desk->links(links());
}

// Somebody on the link who says what a test wants; a name that costs nothing.
class Stranger {
public:
    Stranger(World& world, uint8_t number) : me(Identity::fromSeed({77, number})), m_world(world), m_number(number) {}
    [[nodiscard]] LinkAddress link() const { return {2, 77, 0, 0, 0, m_number}; }
    [[nodiscard]] IpAddress address() const { return *IpAddress::parse("fe80::77:" + std::to_string(m_number)); }

    void advertise(Node& to, const agreement::Prices& prices = {}) {
        agreement::Advert advert;
        advert.key = me.publicKey();
        advert.run = 1;
        advert.number = ++m_adverts;
        advert.issued = m_world.clock.now();
        advert.lifetime = 300s;
        advert.link = link();
        advert.address = address();
        advert.isp = isp;
        advert.prices = prices;
        to.desk->heard({mesh, link(), address(), sign(advert, me)});
    }
    void say(Node& to, const agreement::Message& message) {
        to.desk->heard({mesh, link(), address(), agreement::sign(message, me)});
    }
    agreement::Terms offer(Node& to, Direction direction, const char* perKb) {
        agreement::Terms terms;
        terms.id = agreement::newAgreementId();
        terms.buyer = me.publicKey();
        terms.seller = to.key();
        terms.direction = direction;
        terms.perKb = dollars(perKb);
        terms.limit = dollars("0.1");
        terms.payAt = dollars("0.0001");
        terms.closeAt = dollars("0.001");
        terms.lifetime = 600s;
        terms.interval = 1s;
        say(to, agreement::Offer{terms});
        return terms;
    }
    // All of that kind that were said to it, each once.
    template <typename Message>
    [[nodiscard]] std::vector<Message> heard() const {
        std::vector<Message> all;
        for (const channel::MeshSay& letter : m_world.letters) {
            if (letter.to != address()) continue;
            const auto message = agreement::decodeMessage(letter.bytes);
            const auto* one = message ? std::get_if<Message>(&*message) : nullptr;
            if (one != nullptr && std::find(all.begin(), all.end(), *one) == all.end()) all.push_back(*one);
        }
        return all;
    }

    Identity me;

private:
    World& m_world;
    uint8_t m_number;
    uint32_t m_adverts = 0;
};

}  // namespace netpas::test
