// ISPs on loopback for tests of the accounting server: real TLS and real databases, edge routers that only pretend.
#pragma once

#include <boost/asio/io_context.hpp>
#include <map>
#include <memory>
#include <optional>

#include <QTemporaryDir>

#include "core/accounting/client.h"
#include "core/accounting/server.h"
#include "core/net/tls_link.h"
#include "core/random.h"
#include "tests/core/books_opener.h"

namespace netpas::accounting::test {

using namespace std::chrono_literals;

inline Endpoint loopback(uint16_t port) { return {*IpAddress::parse("127.0.0.1"), port}; }
inline Money dollars(const char* text) { return *Money::parse(text); }

template <typename Condition>
bool runUntil(boost::asio::io_context& io, Condition condition) {
    const auto end = std::chrono::steady_clock::now() + 10s;
    io.restart();
    while (!condition() && std::chrono::steady_clock::now() < end) io.run_one_for(5ms);
    return condition();
}

// Lets everything happen that is under way, for conditions that must stay as they are.
inline void settle(boost::asio::io_context& io) {
    const auto end = std::chrono::steady_clock::now() + 200ms;
    io.restart();
    while (std::chrono::steady_clock::now() < end) io.run_one_for(5ms);
}

// A router that installs and removes what it is told and answers with counters set by the test.
struct FakeEdge {
    FakeEdge(boost::asio::io_context& io, const Identity& identity, const std::string& router, uint64_t incarnation,
             ServerAddress server)
        : client(io, identity, server, EdgeHello{router, incarnation, {"B"}},
                 {[this](const InstallKey& message) {
                      installed[message.key.id] = message;
                      if (answersInstalls) client.keyInstalled(message.key.id);
                  },
                  [this](SessionKeyId key) {
                      ++removals;
                      KeyCounters counters = keys[key];
                      counters.key = key;
                      installed.erase(key);
                      if (answersRemovals) client.keyRemoved(counters);
                  },
                  [this](const std::vector<IspId>& isps) { blacklist = isps; },
                  [this](uint32_t sequence) { stored = sequence; }, nullptr, nullptr,
                  [this](const std::vector<CountPaths::Path>& paths) { ordered = paths; },
                  [this](const SetDeliveries& said) {
                      deliveries = said.all;
                      ++deliveriesSet;
                  }}) {
        client.start();
    }

    bool answersInstalls = true;
    bool answersRemovals = true;
    int removals = 0;
    uint32_t stored = 0;
    std::map<SessionKeyId, InstallKey> installed;
    std::map<SessionKeyId, KeyCounters> keys;
    std::vector<IspId> blacklist;
    std::vector<CountPaths::Path> ordered;
    std::vector<SetDeliveries::One> deliveries;
    int deliveriesSet = 0;
    EdgeAccountingClient client;
};

class Isp {
public:
    Isp(boost::asio::io_context& io, uint16_t id, const Clock& clock = systemClock()) : m_io(io), m_clock(clock) {
        config.isp = IspId(id);
        config.name = "ISP " + std::to_string(id);
        config.threshold = dollars("0.0001");
        config.edges = {{"r", edgeIdentity.publicKey()}};
        config.groupTime = 2ms;
        config.tick = 50ms;
        config.expiryGrace = 100ms;
        config.watch.grace = 300ms;
        options.path = (folder.path() + "/books.db").toStdString();
        options.key.fill(static_cast<uint8_t>(id));
        options.isp = config.isp;
    }

    void addNeighbour(const Isp& other, std::vector<ExitPoint> exits = {}) {
        config.neighbours.push_back(
            {other.config.isp, other.config.name, {}, other.identity.publicKey(), {}, std::move(exits)});
    }
    // When the other one's neighbours are known.
    void addSibling(const Isp& other) {
        SiblingConfig sibling{other.config.name, {}, other.identity.publicKey(), {}};
        for (const NeighbourConfig& neighbour : other.config.neighbours) {
            sibling.places.push_back({neighbour.isp, neighbour.exits});
        }
        config.siblings.push_back(std::move(sibling));
    }
    void addCustomer(const std::string& name, const char* prefix) {
        CustomerConfig customer;
        customer.name = name;
        customer.prefixes = {*IpPrefix::parse(prefix)};
        config.customers.push_back(customer);
    }

    [[nodiscard]] bool open() {
        auto books = openBooks(options, m_clock.now());
        if (!books) return false;
        server =
            std::make_unique<AccountingServer>(m_io, identity, config, std::move(*books), m_clock,
                                               [this](LogLevel, const std::string& text) { logged.push_back(text); });
        const auto bound = server->listen(loopback(port));
        if (bound) port = *bound;
        return bound.has_value();
    }
    void start(const std::vector<const Isp*>& neighbours) {
        for (const Isp* other : neighbours) {
            const bool sibling = other->config.isp == config.isp;
            const Party party = sibling ? Party{{}, {}, other->config.name} : Party{{}, other->config.isp};
            server->setAddress(party, loopback(other->port));
        }
        server->start();
    }
    [[nodiscard]] ServerAddress address() const { return {loopback(port), identity.publicKey()}; }
    void startEdge(uint64_t incarnation = 1) {
        edge = std::make_unique<FakeEdge>(m_io, edgeIdentity, "r", incarnation, address());
    }
    [[nodiscard]] const Books& books() const { return server->books(); }
    // Confirmations without an acknowledgement, by themselves and in batches.
    [[nodiscard]] size_t waiting() const {
        size_t count = books().outbox().size();
        for (const auto& [number, batch] : books().batchOutbox()) count += batch.count;
        return count;
    }
    [[nodiscard]] Money sum(SumKind kind, uint16_t isp) const { return books().sum(kind, IspId(isp)).total; }

    Identity identity = Identity::generate();
    Identity edgeIdentity = Identity::generate();
    QTemporaryDir folder;
    ServerConfig config;
    Books::Options options;
    uint16_t port = 0;
    std::vector<std::string> logged;
    std::unique_ptr<AccountingServer> server;
    std::unique_ptr<FakeEdge> edge;

private:
    boost::asio::io_context& m_io;
    const Clock& m_clock;
};

inline AccountingHeader headerOf(std::initializer_list<std::pair<uint16_t, int64_t>> hops) {
    std::vector<HopBlock> blocks;
    for (const auto& [isp, nanodollars] : hops) {
        const PriceCode price = *PriceCode::roundUp(*Money::fromNanodollars(nanodollars));
        blocks.push_back({IspId(isp), ServiceClass(1), price, ExitPoint(0)});
    }
    return *AccountingHeader::make(blocks);
}

inline ConfirmationId idOf(uint64_t number) {
    ConfirmationId id{};
    store64(id.data(), 0x1234567890abcdefULL);
    store64(id.data() + 8, number);
    return id;
}

inline EdgeSample sampleOf(uint64_t number, uint16_t beneficiary, const AccountingHeader& header, Money amount) {
    EdgeSample sample;
    sample.id = idOf(number);
    sample.beneficiary = IspId(beneficiary);
    sample.amount = amount;
    sample.header = header;
    sample.excerpt.fill(0x45);
    return sample;
}

}  // namespace netpas::accounting::test
