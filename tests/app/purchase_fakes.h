// Stand-ins for everything around the purchase service. Any call of theirs can be made the moment of a kill.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "app/secretary/purchase_service.h"
#include "core/clock.h"

namespace netpas::secretaryd::fake {

struct Killed {};

// Counts the calls of all ports; the one that it was told throws, as if the process ended there.
struct KillSwitch {
    int calls = 0;
    int at = -1;
    void step() {
        if (calls++ == at) throw Killed{};
    }
};

class Timers final : public secretaryd::Timers {
public:
    explicit Timers(ManualClock& clock) : m_clock(clock) {}
    Id after(std::chrono::milliseconds delay, std::function<void()> fire) override {
        m_due.emplace(std::pair(m_clock.steady() + delay, ++m_last), std::move(fire));
        return m_last;
    }
    void cancel(Id id) override {
        std::erase_if(m_due, [&](const auto& item) { return item.first.second == id; });
    }
    // Moves the clock and fires what becomes due, in order.
    void run(std::chrono::milliseconds time) {
        const SteadyTime end = m_clock.steady() + time;
        while (!m_due.empty() && m_due.begin()->first.first <= end) {
            const auto due = m_due.begin();
            if (due->first.first > m_clock.steady()) m_clock.advance(due->first.first - m_clock.steady());
            const auto fire = std::move(due->second);
            m_due.erase(due);
            fire();
        }
        m_clock.advance(end - m_clock.steady());
    }
    [[nodiscard]] size_t waiting() const { return m_due.size(); }

private:
    ManualClock& m_clock;
    Id m_last = 0;
    std::map<std::pair<SteadyTime, Id>, std::function<void()>> m_due;
};

class Quotes final : public secretaryd::Quotes {
public:
    Quotes(Timers& timers, KillSwitch& kill) : m_timers(timers), m_kill(kill) {}
    void quote(const cartographer::QuoteRequest& request,
               std::function<void(tl::expected<cartographer::Quote, QuoteFailure>)> done) override {
        last = request;
        m_kill.step();
        if (silent) return;
        tl::expected<cartographer::Quote, QuoteFailure> result = tl::unexpected(failure);
        if (choose) {
            result = choose(request);
        } else if (!fails) {
            cartographer::Quote quote{request.destination, {}, SystemTime::max()};
            const auto hop = [&](uint16_t isp, int64_t nanodollars) {
                PriceSchedule prices;
                prices.base.perPacket = *Money::fromNanodollars(nanodollars);
                quote.path.push_back({IspId{isp}, "isp", ServiceClass{1}, "gold", ExitPoint{0}, prices});
            };
            for (const auto& [isp, nanodollars] : way) hop(isp, nanodollars);
            result = std::move(quote);
        }
        m_timers.after(std::chrono::milliseconds(1), [done = std::move(done), result] { done(result); });
    }
    cartographer::QuoteRequest last;
    bool fails = false;
    bool silent = false;
    QuoteFailure failure;
    std::function<tl::expected<cartographer::Quote, QuoteFailure>(const cartographer::QuoteRequest&)> choose;
    std::vector<std::pair<uint16_t, int64_t>> way{{26, 3}, {25, 10}, {24, 2}};  // ISPs and nanodollars a packet

private:
    Timers& m_timers;
    KillSwitch& m_kill;
};

// Survives the agent: the ISP's side of the books.
class Isp {
public:
    struct Key {
        SessionKey key;
        bool revoked = false;
        uint64_t packets = 0;
        Money amount;
    };
    std::map<uint32_t, Key> keys;
    bool silent = false;  // no answer to anything
    bool refuses = false;
    bool losesTheAnswer = false;  // does what it is asked and the answer is lost
    Money overcharge;             // added to every final statement
};

class FirstIsp final : public secretaryd::FirstIsp {
public:
    FirstIsp(Isp& isp, Timers& timers, KillSwitch& kill) : m_isp(isp), m_timers(timers), m_kill(kill) {}
    void registerKey(const SessionKey& key, std::function<void(tl::expected<void, IspFailure>)> done) override {
        m_kill.step();
        tl::expected<void, IspFailure> result;
        if (m_isp.silent) {
            result = unreachable();
        } else if (m_isp.refuses) {
            result = tl::unexpected(IspFailure{IspFailure::Kind::Refused, "cap too high"});
        } else {
            m_isp.keys[key.id.value()].key = key;
            if (m_isp.losesTheAnswer) result = unreachable();
        }
        m_timers.after(std::chrono::milliseconds(2), [done = std::move(done), result] { done(result); });
    }
    void revokeKey(SessionKeyId key,
                   std::function<void(tl::expected<std::optional<FinalUsage>, IspFailure>)> done) override {
        m_kill.step();
        tl::expected<std::optional<FinalUsage>, IspFailure> result;
        if (m_isp.silent) {
            result = unreachable();
        } else if (const auto known = m_isp.keys.find(key.value()); known != m_isp.keys.end()) {
            known->second.revoked = true;
            const Money amount = *checkedAdd(known->second.amount, m_isp.overcharge);
            result = FinalUsage{known->second.packets, amount, {1, 2, 3}, {4}};
        }
        m_timers.after(std::chrono::milliseconds(2), [done = std::move(done), result] { done(result); });
    }

private:
    static tl::unexpected<IspFailure> unreachable() {
        return tl::unexpected(IspFailure{IspFailure::Kind::Unreachable, "no answer"});
    }
    Isp& m_isp;
    Timers& m_timers;
    KillSwitch& m_kill;
};

// The agent: pays 15 n$ for each packet of a diverted flow while the cap of its key lasts, then sends best effort.
class Flows final : public secretaryd::Flows {
public:
    Flows(Isp& isp, Timers& timers, KillSwitch& kill) : m_isp(isp), m_timers(timers), m_kill(kill) {}

    void set(const std::vector<PaidFlow>& wanted, std::function<void(tl::expected<void, FlowsFailure>)> done) override {
        m_kill.step();
        ++sets;
        tl::expected<void, FlowsFailure> result;
        const bool grows = wanted.size() > flows.size();
        if (away) {
            result = tl::unexpected(FlowsFailure{FlowsFailure::Kind::AgentLost, "no agent"});
        } else if (fails && grows) {
            result = tl::unexpected(*fails);
        } else {
            flows = wanted;
            for (const PaidFlow& flow : flows) {
                FlowCounters& mine = counters[flow.key.id.value()];
                mine.id = flow.id;
                mine.key = flow.key.id;
            }
        }
        m_timers.after(std::chrono::milliseconds(1), [done = std::move(done), result] { done(result); });
    }
    void drain(PurchaseId, SessionKeyId key, std::function<void(std::optional<FlowCounters>)> done) override {
        m_kill.step();
        if (mute) return;
        m_timers.after(std::chrono::milliseconds(5), [this, key, done = std::move(done)] {
            if (away || !counters.contains(key.value())) return done(std::nullopt);
            const FlowCounters last = counters[key.value()];
            counters.erase(key.value());
            done(last);
        });
    }
    // Packets of every diverted flow. `lost` of the paid ones never reach the edge router.
    void traffic(uint64_t packets, uint64_t lost = 0) {
        const Money price = *Money::fromNanodollars(15);
        for (const PaidFlow& flow : flows) {
            if (!flow.diverted) continue;
            FlowCounters& mine = counters[flow.key.id.value()];
            Isp::Key& theirs = m_isp.keys.at(flow.key.id.value());
            for (uint64_t i = 0; i < packets; ++i) {
                const Money after = *checkedAdd(mine.usage.amount, price);
                if (after > flow.key.cap) {
                    mine.capReached = true;
                    ++mine.usage.bestEffortPackets;
                    continue;
                }
                mine.usage.amount = after;
                ++mine.usage.packets;
                mine.usage.bytes += 100;
                if (theirs.revoked || i < lost) continue;
                theirs.amount = *checkedAdd(theirs.amount, price);
                ++theirs.packets;
            }
        }
        if (service != nullptr) m_timers.after(std::chrono::milliseconds(50), [this] { report(); });
    }
    void report() {
        if (!away && service != nullptr) service->countersCame(held());
    }
    [[nodiscard]] std::vector<FlowCounters> held() const {
        std::vector<FlowCounters> all;
        for (const auto& [key, one] : counters) all.push_back(one);
        return all;
    }
    [[nodiscard]] size_t diverted() const {
        size_t count = 0;
        for (const PaidFlow& flow : flows) count += flow.diverted ? 1 : 0;
        return count;
    }
    std::vector<PaidFlow> flows;
    std::map<uint32_t, FlowCounters> counters;  // by key
    std::optional<FlowsFailure> fails;          // of sets that grow
    bool away = false;
    bool mute = false;  // never says what it counted
    int sets = 0;
    PurchaseService* service = nullptr;

private:
    Isp& m_isp;
    Timers& m_timers;
    KillSwitch& m_kill;
};

// Grants what fits into a cap for each purchase and one for all of them.
class Authority final : public secretaryd::Authority {
public:
    explicit Authority(KillSwitch& kill) : m_kill(kill) {}
    std::optional<Denied> precheck(const ledger::NewPurchase& purchase) override {
        if (purchase.cap <= mostEach) return std::nullopt;
        return Denied{"QUOTA_EXCEEDED", "too much", "ask for less", std::nullopt};
    }
    void authorize(PurchaseId id, const secretary::SpendRequest& request, bool byPerson,
                   std::function<void(Verdict)> done) override {
        m_kill.step();
        requests.push_back(request);
        person = byPerson;
        if (asks) {
            waiting = done;
            return done(Pending{"7", "asking"});
        }
        Money sum = request.worstCase;
        for (const auto& [other, amount] : reserved) sum = *checkedAdd(sum, amount);
        if (sum > mostTogether) return done(Denied{"QUOTA_EXCEEDED", "too much together", {}, std::nullopt});
        reserved[id.value()] = request.worstCase;
        done(Approved{{"explicit request", "limit", "You asked for it.", {}}});
    }
    std::optional<Denied> objection(const secretary::SpendRequest&, const secretary::SpendRequest& after) override {
        const bool forbidden = std::find(after.isps.begin(), after.isps.end(), never) != after.isps.end();
        return forbidden ? std::optional(Denied{"RESTRICTED", "Not over this ISP.", {}, std::nullopt}) : std::nullopt;
    }
    std::optional<IspId> never;
    void progressed(PurchaseId id, Money amount) override { used[id.value()] = amount; }
    void settled(PurchaseId id, Money amount) override {
        reserved.erase(id.value());
        spent = *checkedAdd(spent, amount);
    }
    Money mostEach = *Money::parse("1");
    Money mostTogether = *Money::parse("2");
    std::map<uint64_t, Money> reserved;
    std::map<uint64_t, Money> used;
    Money spent;
    std::vector<secretary::SpendRequest> requests;
    bool person = false;
    bool asks = false;
    std::function<void(Verdict)> waiting;

private:
    KillSwitch& m_kill;
};

class Mint final : public KeyMint {
public:
    explicit Mint(KillSwitch& kill) : m_kill(kill) {}
    SessionKey mint(Money cap, Money capPerSecond, std::vector<IspId> allowed, SystemTime expires) override {
        m_kill.step();
        SessionKey key;
        key.id = SessionKeyId{next++};
        key.cap = cap;
        key.capPerSecond = capPerSecond;
        key.allowed = std::move(allowed);
        key.expires = expires;
        return key;
    }
    uint32_t next = 1;

private:
    KillSwitch& m_kill;
};

}  // namespace netpas::secretaryd::fake
