#include "app/lab/scenario/mesh_crew.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <thread>

namespace netpas::lab {

namespace {

using namespace std::chrono_literals;

constexpr auto lifetime = 60s;
constexpr auto renewAfter = 30s;
constexpr auto askAgainAfter = 500ms;

books::EngineOptions engineOptions() {
    books::EngineOptions options;
    options.repeatEvery = 200ms;
    return options;
}

// So many bytes at this price.
Money worth(uint64_t bytes, Money perKb) { return agreement::chargeFor(bytes, perKb, Money::max()); }

Money plus(Money a, Money b) { return checkedAdd(a, b).value_or(Money::max()); }

}  // namespace

Expected<void> MeshCrew::start() {
    uint8_t seed = 1;
    for (const auto& [node, price] : m_net.prices()) {
        m_homes[node].asks = m_net.asks(node);
        m_keys[node] = Identity::fromSeed({seed++}).publicKey();
    }
    for (const auto& [node, price] : m_net.prices()) LAB_TRY(open(node));
    for (const auto& [node, price] : m_net.prices()) {
        for (const std::string& neighbour : m_net.neighbours(node))
            LAB_TRY(at(node).meet(neighbour, m_keys[neighbour]));
    }
    return {};
}

Expected<void> MeshCrew::open(const std::string& node) {
    const auto seed = static_cast<uint8_t>(std::distance(m_keys.begin(), m_keys.find(node)) + 1);
    auto made = MeshNode::start(m_context.lab(), node, seed, m_bank, engineOptions(), m_homes.at(node));
    if (!made) return tl::unexpected(made.error());
    m_nodes[node] = std::move(*made);
    return {};
}

void MeshCrew::kill(const std::string& node) {
    m_nodes.erase(node);
    for (auto at = m_offered.begin(); at != m_offered.end();) {
        at = at->first.first == node ? m_offered.erase(at) : std::next(at);
    }
}

Expected<void> MeshCrew::revive(const std::string& node) {
    m_homes.at(node).asks = m_net.asks(node);
    LAB_TRY(open(node));
    for (const std::string& neighbour : m_net.neighbours(node)) LAB_TRY(at(node).meet(neighbour, m_keys[neighbour]));
    return {};
}

std::optional<agreement::AgreementId> MeshCrew::running(const std::string& buyer, const std::string& seller) {
    for (const auto& [id, one] : at(buyer).engine().agreements()) {
        if (one.buying && one.running() && one.peer() == m_keys.at(seller)) return id;
    }
    return std::nullopt;
}

void MeshCrew::buy(const std::string& node) {
    const SteadyTime now = systemClock().steady();
    for (const std::string& seller : m_net.inUse(node)) {
        const Hop hop{node, seller};
        const auto last = m_offered.find(hop);
        const auto pause = running(node, seller) ? std::chrono::milliseconds(renewAfter) : askAgainAfter;
        if (last != m_offered.end() && now - last->second < pause) continue;
        books::Wish wish;
        wish.perKb = m_net.asks(seller);
        wish.payAt = worth(2'000'000, wish.perKb);
        wish.closeAt = worth(400'000'000, wish.perKb);
        wish.limit = worth(100'000'000'000, wish.perKb);
        wish.lifetime = lifetime;
        wish.interval = 1s;
        wish.allowance1024ths = 102;
        if (at(node).engine().offer(m_keys.at(seller), wish)) m_offered[hop] = now;
    }
}

Expected<void> MeshCrew::step() {
    for (const auto& [node, made] : m_nodes) {
        m_net.follow(node);
        m_homes.at(node).asks = m_net.asks(node);
        if (m_buying) buy(node);
        LAB_TRY(made->step());
    }
    m_bank.tell();
    return {};
}

std::vector<std::string> MeshCrew::notBought() {
    std::vector<std::string> found;
    for (const auto& [node, made] : m_nodes) {
        const std::set<std::string> sellers = m_net.inUse(node);
        if (sellers.empty()) found.push_back(node + " has no routes");
        for (const std::string& seller : sellers) {
            if (!lives(seller) || !at(seller).engine().standing(m_keys.at(node)).paysUpstream)
                found.push_back(seller + " forwards nothing for " + node);
        }
    }
    return found;
}

Expected<void> MeshCrew::settle() {
    stopBuying();
    for (const auto& [node, made] : m_nodes) {
        std::vector<agreement::AgreementId> ids;
        for (const auto& [id, one] : made->engine().agreements()) {
            if (one.buying && one.running()) ids.push_back(id);
        }
        for (const auto& id : ids) made->engine().end(id, agreement::EndReason::Wish);
    }
    return waitUntil("the last counts and payments", 60s, [&] {
        if (!step()) return false;
        std::this_thread::sleep_for(20ms);
        for (const auto& [node, made] : m_nodes) {
            for (const auto& [id, one] : made->engine().agreements()) {
                if (one.state != books::State::Ended) return false;
            }
            for (const auto& [peer, pair] : made->engine().pairs()) {
                if (pair.paying || books::due(pair.mine, pair.theirs) >= books::EngineOptions{}.smallest) return false;
            }
        }
        return true;
    });
}

MeshCrew::Bought MeshCrew::bought(const std::string& buyer, const std::string& seller) {
    Bought sum;
    for (const auto& [id, one] : at(seller).engine().agreements()) {
        if (one.buying || one.peer() != m_keys.at(buyer)) continue;
        sum.bytes += one.bytes;
        sum.charged = plus(sum.charged, one.charge());
    }
    return sum;
}

std::vector<std::string> MeshCrew::differences() {
    std::vector<std::string> found;
    const auto differ = [&](const std::string& what, Money a, Money b) {
        if (a != b) found.push_back(what + ": " + a.toString() + " and " + b.toString());
    };
    for (const auto& [node, made] : m_nodes) {
        Money paid, received;
        for (const std::string& other : m_net.neighbours(node)) {
            const auto mine = made->engine().pairs().find(m_keys.at(other));
            const auto theirs = at(other).engine().pairs().find(made->key());
            const bool here = mine != made->engine().pairs().end(), there = theirs != at(other).engine().pairs().end();
            const books::Account owes = here ? mine->second.mine : books::Account{};
            const books::Account seen = there ? theirs->second.theirs : books::Account{};
            differ("what " + node + " owes " + other, owes.charged, seen.charged);
            differ("what " + node + " has paid " + other, owes.paid, seen.paid);
            paid = plus(paid, owes.paid);
            received = plus(received, here ? mine->second.theirs.paid : Money::zero());
        }
        differ("what " + node + " has paid, and the bank", paid, m_bank.paidBy(*made));
        differ("what " + node + " was paid, and the bank", received, m_bank.receivedBy(*made));
        for (const auto& [id, one] : made->engine().agreements()) {
            if (one.buying) continue;
            for (const auto& [name, key] : m_keys) {
                if (key != one.peer()) continue;
                const auto& others = at(name).engine().agreements();
                const auto same = others.find(id);
                if (same == others.end() || same->second.bytes != one.bytes || same->second.packets != one.packets)
                    found.push_back("an agreement of " + name + " and " + node + " has other counts at its ends");
            }
        }
    }
    if (m_bank.contradictions() > 0) found.push_back("a payment was ordered again with another amount");
    return found;
}

std::vector<std::string> MeshCrew::overpaid() {
    std::vector<std::string> found;
    for (const auto& [node, made] : m_nodes) {
        for (const auto& [peer, pair] : made->engine().pairs()) {
            for (const books::Account& account : {pair.mine, pair.theirs}) {
                if (account.paid > account.charged)
                    found.push_back("by the book of " + node + ", " + account.paid.toString() + " was paid for " +
                                    account.charged.toString());
            }
        }
    }
    return found;
}

Json MeshCrew::balances() {
    Json all = Json::object();
    for (const auto& [node, made] : m_nodes) {
        Money earned, owed;
        for (const auto& [peer, pair] : made->engine().pairs()) {
            owed = plus(owed, pair.mine.charged);
            earned = plus(earned, pair.theirs.charged);
        }
        all[node] = {{"earned", earned.toString()},
                     {"owed", owed.toString()},
                     {"received", m_bank.receivedBy(*made).toString()},
                     {"paid", m_bank.paidBy(*made).toString()}};
    }
    return all;
}

}  // namespace netpas::lab
