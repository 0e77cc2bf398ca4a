// The eight steps of NetPaS §5.1 in memory: nanoseconds a packet, for 1,000 to 1,000,000 flows, in batches of 32 and one
// by one, with and without the customer's tag. Prints one line each; --json one object. Medians of interleaved rounds.
//
// With a tag: customers' packets, one session key per flow, caps, replay window and SipHash included. Without: transit
// packets, which carry none and for which the router keeps nothing per flow. The packets of a round lie one behind the
// other, as a socket leaves them; time is the thread's own, so that neighbours on the machine disturb less.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include <time.h>

#include "tests/tun/edge_packets.h"

using namespace netpas;
using namespace netpas::tun;
using namespace netpas::tun::edgetest;

namespace {

enum class Traffic { Transit, Customer, CustomerBurst };

constexpr size_t perTrain = 16;  // packets under one tag in CustomerBurst

double threadNanos() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

struct Bench {
    Bench(Traffic kind, size_t flows) : traffic(kind) {
        EdgeConfig config = edgeConfig();
        config.customers[0].limit = BucketLimit{*Money::parse("10"), *Money::parse("1000")};
        config.neighbours[0].limit = config.customers[0].limit;
        router = std::make_unique<Router>(config);
        for (size_t i = 0; i < flows; ++i) {
            keys.push_back(sessionKey(static_cast<uint32_t>(i * 2654435761U)));
            keys.back().cap = *Money::parse("1000");
            keys.back().capPerSecond = *Money::parse("10");
            if (kind != Traffic::Transit) router->install(keys.back());
        }
    }

    // Packets of random flows, in `room`, ready to be processed once.
    void prepare(size_t count, SeededRandom& random) {
        bytes.clear();
        packets.clear();
        arena.clear();
        const Bytes inner = innerPacket({.payload = 36});  // 64 bytes
        const Bytes head = header({hop(25, 10, 3), hop(24, 2)});
        const Bytes transit = header({hop(26, 3, 1), hop(25, 10, 3), hop(24, 2)});
        while (bytes.size() < count) {
            const size_t flow = random.below(keys.size());
            switch (traffic) {
            case Traffic::Transit: bytes.push_back(plain(ShimKind::Transit, transit, inner)); break;
            case Traffic::Customer: bytes.push_back(customer(keys[flow], next[flow]++, head, inner)); break;
            case Traffic::CustomerBurst: {
                const Bytes one = customer(keys[flow], next[flow], head, inner, perTrain);
                for (size_t i = 0; i < perTrain && bytes.size() < count; ++i) bytes.push_back(one);
                next[flow] += perTrain;
                break;
            }
            }
        }
        const auto arrival = traffic == Traffic::Transit ? Arrival::Neighbour : Arrival::Customer;
        for (const Bytes& one : bytes) arena.insert(arena.end(), one.begin(), one.end());
        uint8_t* at = arena.data();
        for (const Bytes& one : bytes) {
            packets.push_back({at, static_cast<uint32_t>(one.size()), 0, arrival});
            at += one.size();
        }
        results.resize(packets.size());
    }

    double run(size_t count, size_t batch, SeededRandom& random) {
        next.resize(keys.size());
        prepare(count, random);
        router->advance(std::chrono::milliseconds(1));
        const double begin = threadNanos();
        for (size_t at = 0; at < packets.size(); at += batch) {
            const size_t some = std::min(batch, packets.size() - at);
            router->processor.process(std::span(packets).subspan(at, some), std::span(results).subspan(at, some),
                                      *router->tables, router->now);
            router->now.steady += std::chrono::nanoseconds(1000);
        }
        const double took = threadNanos() - begin;
        for (const EdgeResult& result : results) {
            if (result.verdict == Verdict::Forwarded) continue;
            std::fprintf(stderr, "bench_edge: a packet was not forwarded: %s\n", verdictName(result.verdict).data());
            std::exit(1);
        }
        std::vector<EdgeSample> samples;
        router->processor.samples().drainTo(samples);
        EdgeReport report;
        router->processor.harvest(report, SIZE_MAX);
        return took / static_cast<double>(packets.size());
    }

    Traffic traffic;
    std::unique_ptr<Router> router;
    std::vector<SessionKey> keys;
    std::vector<uint64_t> next;
    std::vector<Bytes> bytes;
    Bytes arena;
    std::vector<EdgePacket> packets;
    std::vector<EdgeResult> results;
};

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
    const bool json = argc > 1 && std::strcmp(argv[1], "--json") == 0;
    // bench_edge transit 1000: one case, for a profiler.
    const char* only = argc > 2 ? argv[1] : nullptr;
    const size_t onlyFlows = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 0;
    const struct {
        Traffic traffic;
        const char* name;
    } kinds[] = {
        {Traffic::Transit, "transit"}, {Traffic::Customer, "customer"}, {Traffic::CustomerBurst, "customer_burst"}};
    const int rounds = only != nullptr ? 2000 : 41;
    constexpr size_t perRound = 2'048;
    std::string out;
    for (const size_t flows : {size_t{1'000}, size_t{100'000}, size_t{1'000'000}}) {
        for (const auto& kind : kinds) {
            if (only != nullptr && (std::strcmp(only, kind.name) != 0 || onlyFlows != flows)) continue;
            SeededRandom random(1);
            Bench bench(kind.traffic, flows);
            std::vector<double> batched;
            std::vector<double> single;
            for (int i = 0; i < 5; ++i) (void)bench.run(perRound, EdgeProcessor::batch, random);
            for (int i = 0; i < rounds; ++i) {
                batched.push_back(bench.run(perRound, EdgeProcessor::batch, random));
                single.push_back(bench.run(perRound, 1, random));
            }
            char line[256];
            std::snprintf(line, sizeof line,
                          json ? "%s{\"traffic\":\"%s\",\"flows\":%zu,\"batch_ns\":%.1f,\"single_ns\":%.1f}"
                               : "%s%-15s %9zu flows  batches of 32: %6.1f ns  one by one: %6.1f ns\n",
                          json && !out.empty() ? "," : "", kind.name, flows, median(batched), median(single));
            out += line;
        }
    }
    std::printf(json ? "[%s]\n" : "%s", out.c_str());
    return 0;
}
