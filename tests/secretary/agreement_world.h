// Two neighbours in simulated time: engines that are killed between any two of their effects, messages that are lost, doubled and overtaken, payments
// that take their time or fail, clocks that are wrong, and traffic over a link that may lose packets.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <optional>

#include "core/random.h"
#include "secretary/agreements/engine.h"

namespace world {

using namespace netpas;
using namespace netpas::secretary::agreements;
using namespace std::chrono_literals;

struct Killed {};

// Forgets nothing; may be the last thing that its owner did.
class KillableDocuments final : public store::Documents {
public:
    explicit KillableDocuments(std::function<void()> effect) : m_effect(std::move(effect)) {}
    tl::expected<void, store::StoreError> apply(std::span<const store::DocumentChange> changes) override {
        m_effect();
        if (refuses) return tl::unexpected(store::StoreError::Full);
        auto done = m_kept.apply(changes);
        m_effect();
        return done;
    }
    tl::expected<std::vector<store::Document>, store::StoreError> all(std::string_view kind) const override {
        return m_kept.all(kind);
    }
    bool refuses = false;

private:
    std::function<void()> m_effect;
    store::MemoryDocuments m_kept;
};

// The payments of the world, as their payers' ISPs know them: an identifier is paid once.
struct WorldPayment {
    size_t payer = 0;
    Money amount;
    int steps = 0;  // until it has its end
    bool posts = true;
    bool ended = false;
};

struct Weather {
    unsigned lostMessages = 0;  // of 100
    unsigned doubled = 0;
    unsigned late = 0;
    unsigned lostPackets = 0;  // of 100
    unsigned failedPayments = 0;
    int killAt = 0;       // the effect of `victim` that kills it; 0: none
    unsigned killed = 0;  // of 1000 effects
    size_t victim = 0;
};

class World {
public:
    World(uint64_t seed, Weather weather) : m_random(seed), m_weather(weather) {
        for (size_t i = 0; i < 2; ++i) {
            Node& node = m_nodes[i];
            node.identity.emplace(Identity::fromSeed({static_cast<uint8_t>(i + 1)}));
            node.clock.setWall(SystemTime(1'800'000'000s + (i == 0 ? 0s : 600s)));
            node.documents = std::make_unique<KillableDocuments>([this, i] { effect(i); });
            node.run = i + 1;
        }
        for (size_t i = 0; i < 2; ++i) open(i);
    }

    Engine& engine(size_t i) { return *m_nodes[i].engine; }
    const PublicKey& key(size_t i) const { return m_nodes[i].identity->publicKey(); }
    uint64_t effects(size_t i) const { return m_nodes[i].effects; }
    uint64_t kills() const { return m_kills; }
    // Bytes that left and arrived under an agreement, by who sent them: the truth.
    uint64_t carried(size_t sender) const { return m_carried[sender]; }
    const std::map<payments::PaymentId, WorldPayment>& payments() const { return m_payments; }
    Money posted(size_t payer) const {
        Money sum;
        for (const auto& [id, one] : m_payments) {
            if (one.payer == payer && one.ended && one.posts) sum = checkedAdd(sum, one.amount).value();
        }
        return sum;
    }
    bool payingTwice() const { return m_payingTwice; }
    bool paidTooMuch() const { return m_paidTooMuch; }
    // Whatever is said from now on, in either direction.
    void loseMessages(unsigned of100) { m_weather.lostMessages = of100; }
    void startAgain(size_t i) { open(i); }
    // From the other one, as if it had been on its way for long.
    tl::expected<void, Ignored> receives(size_t i, const agreement::Message& message) {
        read(i);
        return engine(i).receive(key(1 - i), sign(message, *m_nodes[1 - i].identity));
    }
    void calm() {
        m_weather = {};
        m_weather.killAt = 0;
    }
    void wallJumps(size_t i, std::chrono::seconds by) { m_nodes[i].clock.setWall(m_nodes[i].clock.now() + by); }
    // In two parts, for packets of an upstream buyer that are on their way while counts are made.
    void leave(size_t sender, uint64_t packets) { m_nodes[sender].reading.sent += packets * size; }
    void arrive(size_t sender, uint64_t packets) {
        if (!engine(1 - sender).standing(key(sender)).paysUpstream) return;
        Reading& reading = m_nodes[1 - sender].reading;
        reading.arrived += packets * size;
        reading.taken += packets * size;
        reading.arrivedPackets += packets;
        reading.takenPackets += packets;
        m_carried[sender] += packets * size;
    }
    // The neighbour is at another place now, where counters are others; in the same run.
    void moves(size_t i, uint64_t place) {
        Node& node = m_nodes[i];
        node.reading.run = node.run;
        node.elsewhere[node.reading.place] = node.reading;
        const auto known = node.elsewhere.find(place);
        node.reading = known != node.elsewhere.end() ? known->second : Reading{};
        node.reading.place = place;
    }
    void refusesToWrite(size_t i, bool refuses) { m_nodes[i].documents->refuses = refuses; }
    // The packet filter's counters are gone with the agent.
    void restartMeter(size_t i) {
        m_nodes[i].reading = {};
        m_nodes[i].elsewhere.clear();
        m_nodes[i].run += 2;
    }

    // What an engine does may kill it: then another one opens where it stopped.
    template <typename Action>
    void at(size_t i, Action action) {
        try {
            read(i);
            action(engine(i));
        } catch (const Killed&) {
            ++m_kills;
            for (;;) {
                try {
                    open(i);
                    break;
                } catch (const Killed&) {
                }
            }
        }
    }

    std::optional<AgreementId> offers(size_t buyer, const Wish& what) {
        std::optional<AgreementId> id;
        at(buyer, [&](Engine& engine) { id = engine.offer(key(1 - buyer), what); });
        return id;
    }

    // So many bytes of 1000-byte packets from `sender`; those that the seller does not let pass do not get through.
    void traffic(size_t sender, uint64_t packets) {
        const size_t receiver = 1 - sender;
        // The seller sends: what it forwards to who pays for downstream. The buyer sends: what the seller takes.
        const bool bySeller = engine(sender).standing(key(receiver)).paysDownstream;
        const bool byBuyer = engine(receiver).standing(key(sender)).paysUpstream;
        if (!bySeller && !byBuyer) return;
        for (uint64_t i = 0; i < packets; ++i) {
            m_nodes[sender].reading.sent += size;
            if (chance(m_weather.lostPackets)) continue;
            Reading& reading = m_nodes[receiver].reading;
            reading.arrived += size;
            ++reading.arrivedPackets;
            if (byBuyer) {
                reading.taken += size;
                ++reading.takenPackets;
            }
            m_carried[sender] += size;
        }
    }

    void step(std::chrono::milliseconds by = 500ms) {
        for (Node& node : m_nodes) node.clock.advance(by);
        for (size_t i = 0; i < 2; ++i) {
            read(i);
            at(i, [](Engine& engine) { engine.run(); });
        }
        if (underWay) std::exchange(underWay, {})();
        deliver();
        settlePayments();
    }

    std::function<void()> underWay;  // what happens in the next step while its messages are on their way

private:
    static constexpr uint64_t size = 1000;

    struct Node {
        std::optional<Identity> identity;
        ManualClock clock;
        std::unique_ptr<KillableDocuments> documents;
        std::optional<Engine> engine;
        Reading reading;
        std::map<uint64_t, Reading> elsewhere;
        uint64_t run = 0;
        uint64_t effects = 0;
        std::deque<Bytes> inbox;
    };

    bool chance(unsigned percent) { return percent > 0 && m_random.below(100) < percent; }

    void effect(size_t i) {
        Node& node = m_nodes[i];
        ++node.effects;
        if (m_weather.killAt > 0 && m_weather.victim == i && node.effects == static_cast<uint64_t>(m_weather.killAt))
            throw Killed{};
        if (m_weather.killed > 0 && m_random.below(1000) < m_weather.killed) throw Killed{};
    }

    void open(size_t i) {
        Node& node = m_nodes[i];
        node.engine.reset();
        auto opened = Engine::open({*node.documents, node.clock, *node.identity,
                                    [this, i](const PublicKey&, Bytes datagram) {
                                        effect(i);
                                        post(1 - i, std::move(datagram));
                                        effect(i);
                                    },
                                    [this, i](const SettlementOrder& order) {
                                        effect(i);
                                        pay(i, order);
                                        effect(i);
                                    },
                                    [](const Terms&) { return std::nullopt; }},
                                   {});
        if (!opened) std::abort();
        node.engine.emplace(std::move(*opened));
        // The payment service tells again what has ended, and the ledger what was received.
        for (const auto& [id, payment] : m_payments) {
            if (!payment.ended) continue;
            tell(i, id, payment);
        }
    }

    void tell(size_t i, const payments::PaymentId& id, const WorldPayment& payment) {
        if (payment.payer == i) {
            m_nodes[i].engine->paymentEnded(id, payment.posts);
        } else if (payment.posts) {
            (void)m_nodes[i].engine->paymentReceived(id, payment.amount);
        }
    }

    void post(size_t to, Bytes datagram) {
        if (chance(m_weather.lostMessages)) return;
        auto& inbox = m_nodes[to].inbox;
        if (chance(m_weather.doubled)) inbox.push_back(datagram);
        if (chance(m_weather.late)) {
            inbox.push_front(std::move(datagram));
        } else {
            inbox.push_back(std::move(datagram));
        }
    }

    void pay(size_t payer, const SettlementOrder& order) {
        const auto [at, isNew] = m_payments.try_emplace(order.id);
        WorldPayment& payment = at->second;
        if (!isNew) {
            m_payingTwice = m_payingTwice || payment.amount != order.amount || payment.payer != payer;
            return;
        }
        payment = {payer, order.amount, static_cast<int>(1 + m_random.below(6)), !chance(m_weather.failedPayments)};
        Money all;
        for (const auto& [id, one] : m_payments) {
            if (one.payer == payer && (one.posts || !one.ended)) all = checkedAdd(all, one.amount).value();
        }
        const auto& pairs = m_nodes[payer].engine->pairs();
        m_paidTooMuch = m_paidTooMuch || all > pairs.at(key(1 - payer)).mine.charged;
    }

    void read(size_t i) {
        Reading reading = m_nodes[i].reading;
        reading.run = m_nodes[i].run;
        engine(i).meter(key(1 - i), reading);
    }

    void deliver() {
        for (size_t i = 0; i < 2; ++i) {
            std::deque<Bytes> arrived;
            arrived.swap(m_nodes[i].inbox);
            for (const Bytes& datagram : arrived) {
                read(i);
                at(i, [&](Engine& engine) { (void)engine.receive(key(1 - i), datagram); });
            }
        }
    }

    void settlePayments() {
        std::vector<payments::PaymentId> now;
        for (auto& [id, payment] : m_payments) {
            if (!payment.ended && --payment.steps <= 0) {
                payment.ended = true;
                now.push_back(id);
            }
        }
        for (const auto& id : now) {
            for (size_t i = 0; i < 2; ++i) {
                at(i, [&](Engine&) { tell(i, id, m_payments.at(id)); });
            }
        }
    }

    SeededRandom m_random;
    Weather m_weather;
    std::array<Node, 2> m_nodes;
    std::array<uint64_t, 2> m_carried{};
    std::map<payments::PaymentId, WorldPayment> m_payments;
    uint64_t m_kills = 0;
    bool m_payingTwice = false;
    bool m_paidTooMuch = false;
};

inline Wish wish(Direction direction, int64_t perKb) {
    Wish out;
    out.direction = direction;
    out.perKb = Money::fromEighths(perKb);
    out.limit = Money::fromEighths(1'000'000'000);
    out.payAt = Money::fromEighths(100'000);
    out.closeAt = Money::fromEighths(400'000);
    out.lifetime = 60s;
    out.interval = 2s;
    return out;
}

}  // namespace world
