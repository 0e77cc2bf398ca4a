// A chain of nodes with the product's exchange between them, a flow from the first to the last one, and links that lose, delay and narrow; seeded.
#pragma once

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <memory>
#include <unordered_map>
#include <vector>

#include "cartographer/verify/exchange.h"
#include "core/random.h"

namespace world {

using namespace netpas;
using namespace netpas::verification;

struct Link {
    Quality real, said;    // as it is, and as its near end says
    double datagrams = 1;  // of the exchange that arrive
};

class ExchangeWorld {
public:
    static constexpr size_t nodes = 6;
    static constexpr uint64_t packetSize = 1000;

    explicit ExchangeWorld(uint64_t seed, ExchangeOptions options = quick()) : random(seed) {
        route = {*IpAddress::parse("10.0.0.1"), *IpAddress::parse("10.0.0.6")};
        for (size_t i = 0; i + 1 < nodes; ++i) {
            Link link;
            link.real = {1 - real() * 0.03, 4e7 + real() * 4e7, 0.005 + real() * 0.01};
            link.said = link.real;
            links.push_back(link);
        }
        counts.resize(nodes);
        times.resize(nodes);
        countedPart.assign(nodes, 1);
        clockOff.assign(nodes, 0);
        for (size_t i = 0; i < nodes; ++i) keys.push_back(Identity::fromSeed({static_cast<uint8_t>(i + 1)}));
        for (size_t i = 0; i < nodes; ++i) exchanges.push_back(std::make_unique<Exchange>(ports(i), options));
    }

    static ExchangeOptions quick() {
        ExchangeOptions options;
        options.window = std::chrono::milliseconds(1000);
        options.askAgain = std::chrono::milliseconds(300);
        options.patience = std::chrono::milliseconds(3000);
        options.leastWindows = 8;
        return options;
    }

    void run(size_t ticks, uint64_t packetsEach) {
        for (size_t i = 0; i < ticks; ++i) tick(packetsEach);
    }

    [[nodiscard]] const RouteReport* report(size_t node) {
        last = exchanges[node]->reports();
        return last.empty() ? nullptr : &last.front();
    }
    [[nodiscard]] size_t indexOf(const PublicKey& key) const {
        for (size_t i = 0; i < nodes; ++i) {
            if (keys[i].publicKey() == key) return i;
        }
        return nodes;
    }

    SeededRandom random;
    ManualClock clock{SystemTime(std::chrono::seconds(1'900'000'000))};
    Route route;
    std::vector<Identity> keys;
    std::vector<Link> links;
    std::vector<std::unique_ptr<Exchange>> exchanges;
    std::vector<double> countedPart;  // a node may say less than there was
    std::vector<int64_t> clockOff;
    // A chance to do something to datagrams; false: lost.
    std::function<bool(size_t from, size_t to, Bytes&)> meddle;
    std::function<bool(size_t node)> maySign;
    // For how many ticks from now on a node is too busy for anything.
    std::function<size_t(size_t node)> busyFor;
    std::map<Unheard, size_t> unheard;
    std::vector<uint64_t> counts;  // packets
    size_t entersAt = 0;           // the flow takes another way to there
    size_t turned = nodes;         // goes on by the node before it

private:
    struct Datagram {
        size_t from, to;
        Bytes bytes;
    };

    double real() { return static_cast<double>(random.below(1'000'000)) / 1e6; }

    Exchange::Ports ports(size_t i) {
        const auto neighbour = [this](size_t at) { return std::optional<PublicKey>(keys[at].publicKey()); };
        Exchange::Ports ports{clock, keys[i].publicKey(), {}, {}, {}, {}, {}, {}, {}, {}, {}, {}};
        ports.send = [this, i](const PublicKey& to, Bytes bytes) {
            const size_t at = indexOf(to);
            if (at < nodes) underWay.push_back({i, at, std::move(bytes)});
        };
        ports.signStatement = [this, i](const Statement& one) {
            if (!maySign || maySign(i)) exchanges[i]->signedStatement(sign(one, keys[i]));
        };
        ports.signClaim = [this, i](const Claim& one) {
            if (!maySign || maySign(i)) exchanges[i]->signedClaim(sign(one, keys[i]));
        };
        ports.passedOf = [this, i](const Route& asked) {
            return asked == route && counts[i] > 0 ? std::optional(told(i)) : std::nullopt;
        };
        ports.passed = [this, i] { return std::vector{told(i)}; };
        ports.previous = [i, neighbour](const Route&) { return i == 0 ? std::nullopt : neighbour(i - 1); };
        ports.next = [this, i, neighbour](const Route&) {
            return i + 1 == nodes ? std::nullopt : neighbour(i == turned ? i - 1 : i + 1);
        };
        ports.link = [this, i](const PublicKey&) { return links[i].said; };
        ports.timeOf = [this, i](uint64_t hash) {
            const auto found = times[i].find(hash);
            return found == times[i].end() ? std::nullopt : std::optional(found->second);
        };
        ports.sightings = [this, i](const Route&, uint64_t since) {
            std::vector<PacketTime> all;
            for (const auto& [hash, time] : times[i]) {
                if (time >= since) all.push_back({hash, time});
            }
            return all;
        };
        return ports;
    }

    Passed told(size_t i) {
        const auto packets = static_cast<uint64_t>(static_cast<double>(counts[i]) * countedPart[i]);
        CountLog& log = logs[i];
        log.want(route, clock.steady());
        log.add(route, {clock.steady(), clock.steady(), packets, packets * packetSize});
        return {route, log.of(route), clock.steady()};
    }

    void tick(uint64_t packets) {
        constexpr double seconds = 0.1;
        const auto now = static_cast<uint64_t>(clock.now().time_since_epoch().count()) * 1000;
        std::vector<uint64_t> left(nodes, 0);
        for (uint64_t k = 0; k < packets; ++k) {
            double at = 0;
            const uint64_t hash = (next++ << 20) + random.below(1 << 20);
            for (size_t i = entersAt; i < nodes; ++i) {
                if (i > entersAt) {
                    const Link& link = links[i - 1];
                    const double room = link.real.bitsPerSecond / 8 / packetSize * seconds;
                    if (real() >= link.real.arrives || static_cast<double>(left[i]) >= room) break;
                    at += link.real.seconds + real() * 0.001;
                }
                ++left[i];
                ++counts[i];
                const auto when = static_cast<int64_t>(now) + static_cast<int64_t>(at * 1e9) + clockOff[i];
                times[i][hash] = static_cast<uint64_t>(when);
            }
        }
        for (auto& each : times) {
            if (each.size() > 20'000) each.clear();
        }
        clock.advance(std::chrono::milliseconds(100));
        for (size_t i = 0; i < nodes; ++i) {
            if (busy[i] > 0) {
                --busy[i];
            } else if (busyFor) {
                busy[i] = busyFor(i);
            }
            if (busy[i] > 0) continue;
            (void)told(i);
            exchanges[i]->run();
        }
        // Datagrams take much less than a tick for all the way, as on links; those to who is busy wait.
        std::vector<Datagram> waiting;
        while (!underWay.empty()) {
            std::vector<Datagram> these;
            these.swap(underWay);
            for (Datagram& one : these) {
                if (busy[one.to] > 0) {
                    waiting.push_back(std::move(one));
                    continue;
                }
                const double arrives = links[std::min(one.from, one.to)].datagrams;
                if (real() >= arrives || (meddle && !meddle(one.from, one.to, one.bytes))) continue;
                const auto heard = exchanges[one.to]->receive(keys[one.from].publicKey(), one.bytes);
                if (!heard) ++unheard[heard.error()];
            }
        }
        underWay = std::move(waiting);
    }

    std::vector<std::unordered_map<uint64_t, uint64_t>> times;
    std::vector<Datagram> underWay;
    std::array<CountLog, nodes> logs;
    std::array<size_t, nodes> busy{};
    std::vector<RouteReport> last;
    uint64_t next = 1;
};

}  // namespace world
