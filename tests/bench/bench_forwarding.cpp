// The two ends of tests/bench/forwarding that are ours.
//   bench_forwarding hold N IN LINK OUT HOP   the forwarding rule with N neighbours, until standard input ends: one at interface IN with link-layer address
//                                             LINK, who pays for upstream; one at OUT with address HOP; the others are made up. Prints what was counted.
//   bench_forwarding daemon N LOOKS           CPU time of a second of the daemon: meters read, agreements counted, sets changed. In memory but for the
//                                             packet filter.
// Both in the network namespace of whoever runs them, and print one JSON object.
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/store/documents.h"
#include "secretary/agreements/engine.h"
#include "tun/forwarding/linux_forwarding.h"

using namespace netpas;
namespace books = netpas::secretary::agreements;

namespace {

[[noreturn]] void die(const std::string& what) {
    std::fprintf(stderr, "%s\n", what.c_str());
    std::exit(1);
}

double cpuSeconds() {
    timespec now{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

IpAddress address4(size_t i) {
    return *IpAddress::parse("10.66." + std::to_string(i / 250) + "." + std::to_string(1 + i % 250));
}

// Each pays for something, as neighbours do who have agreed.
tun::ForwardingNeighbour madeUp(size_t i) {
    tun::ForwardingNeighbour one;
    one.interface = "mesh" + std::to_string(i % 8);
    one.link = {2, 0x66, 0, 0, static_cast<uint8_t>(i >> 8), static_cast<uint8_t>(i)};
    char six[32];
    std::snprintf(six, sizeof six, "fe80::66:%zx", i + 1);
    one.nextHops = {address4(i), *IpAddress::parse(six)};
    (i % 2 == 0 ? one.paysUpstream : one.paysDownstream) = true;
    return one;
}

std::unique_ptr<tun::Forwarding> table() {
    auto opened = tun::openLinuxForwarding({});
    if (!opened) die(std::string(describe(opened.error().error)) + ": " + opened.error().diagnosis);
    return std::move(*opened);
}

void put(tun::Forwarding& forwarding, const tun::ForwardingState& state) {
    if (auto set = forwarding.set(state); !set) die(std::string(describe(set.error())) + ": " + forwarding.diagnosis());
}

int hold(size_t count, const char* in, const char* link, const char* out, const char* hop) {
    const auto address = parseLink(link);
    const auto next = IpAddress::parse(hop);
    if (!address || !next) die("not a link-layer address and an IP address: " + std::string(link) + " " + hop);
    tun::ForwardingState state;
    state.mesh = {in, out};
    state.neighbours.push_back({in, *address, {}, true, false, false});
    state.neighbours.push_back({out, {2, 0x67, 0, 0, 0, 1}, {*next}, false, false, false});
    while (state.neighbours.size() < count) {
        state.neighbours.push_back(madeUp(state.neighbours.size()));
        state.mesh.insert(state.neighbours.back().interface);
    }
    const auto forwarding = table();
    put(*forwarding, state);
    std::puts("ready");
    std::fflush(stdout);
    while (std::getchar() != EOF) {
    }
    const auto meters = forwarding->read();
    if (!meters) die(forwarding->diagnosis());
    std::printf("{\"arrived\":%llu,\"taken\":%llu,\"sent\":%llu}\n",
                static_cast<unsigned long long>((*meters)[0].arrived.packets),
                static_cast<unsigned long long>((*meters)[0].taken.packets),
                static_cast<unsigned long long>((*meters)[1].sent.packets));
    return 0;
}

// A node whose time is not looked at.
struct Party {
    store::MemoryDocuments documents;
    Identity identity = Identity::generate();
    std::vector<std::pair<PublicKey, Bytes>> said;
    std::unique_ptr<books::Engine> engine;

    void open() {
        auto opened = books::Engine::open(
            {documents, systemClock(), identity,
             [this](const PublicKey& to, const Bytes& datagram) { said.emplace_back(to, datagram); },
             [](const books::SettlementOrder&) {}, [](const agreement::Terms&) { return std::nullopt; }},
            {});
        if (!opened) die("the engine of agreements does not open");
        engine = std::make_unique<books::Engine>(std::move(*opened));
    }
};

// Every neighbour buys upstream, so this node counts for each and signs that every second.
int daemon(size_t count, size_t looks) {
    if (!initCrypto()) die("no cryptography");
    const auto forwarding = table();
    tun::ForwardingState state;
    for (size_t i = 0; i < count; ++i) {
        state.neighbours.push_back(madeUp(i));
        state.mesh.insert(state.neighbours.back().interface);
    }
    put(*forwarding, state);

    Party seller;
    seller.open();
    std::vector<std::unique_ptr<Party>> buyers;
    books::Wish wish;
    wish.perKb = Money::fromEighths(800);
    wish.limit = Money::fromEighths(Money::eighthsPerDollar);
    wish.payAt = Money::fromEighths(Money::eighthsPerDollar / 4);
    wish.closeAt = Money::fromEighths(Money::eighthsPerDollar / 2);
    wish.interval = std::chrono::seconds(1);
    for (size_t i = 0; i < count; ++i) {
        buyers.push_back(std::make_unique<Party>());
        Party& buyer = *buyers.back();
        buyer.open();
        seller.engine->meter(buyer.identity.publicKey(), {1, 0, 0, 0, 0, 0});
        buyer.engine->meter(seller.identity.publicKey(), {1, 0, 0, 0, 0, 0});
        if (!buyer.engine->offer(seller.identity.publicKey(), wish)) die("an offer was not made");
        for (const auto& [to, datagram] : buyer.said) {
            if (!seller.engine->receive(buyer.identity.publicKey(), datagram)) die("an offer was not taken");
        }
    }

    double reading = 0, deciding = 0, setting = 0;
    for (size_t look = 1; look <= looks; ++look) {
        const timespec second{1, 0};
        ::nanosleep(&second, nullptr);
        seller.said.clear();
        const double began = cpuSeconds();
        if (!forwarding->read()) die(forwarding->diagnosis());
        const double read = cpuSeconds();
        const uint64_t bytes = look * 100'000, packets = look * 100;
        for (const auto& buyer : buyers)
            seller.engine->meter(buyer->identity.publicKey(), {1, 0, bytes, bytes, packets, packets});
        seller.engine->run();
        const double decided = cpuSeconds();
        // One of them begins or stops to pay.
        bool& pays = state.neighbours[look % count].paysUpstream;
        pays = !pays;
        put(*forwarding, state);
        reading += read - began;
        deciding += decided - read;
        setting += cpuSeconds() - decided;
        if (seller.said.size() < count) die("a neighbour was not counted");
    }
    const double ms = 1000.0 / static_cast<double>(looks);
    std::printf(
        "{\"neighbours\":%zu,\"read_ms\":%.2f,\"count_and_sign_ms\":%.2f,\"change_one_ms\":%.2f,"
        "\"cpu_percent\":%.2f}\n",
        count, reading * ms, deciding * ms, setting * ms, (reading + deciding + setting) * ms / 10);
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    const std::string mode = argc > 1 ? argv[1] : "";
    const auto number = [&](int i) { return static_cast<size_t>(std::max(1L, std::atol(argv[i]))); };
    if (mode == "hold" && argc == 7) return hold(std::max(size_t{2}, number(2)), argv[3], argv[4], argv[5], argv[6]);
    if (mode == "daemon" && argc == 4) return daemon(number(2), number(3));
    std::fprintf(stderr, "usage: bench_forwarding hold N IN LINK OUT HOP | daemon N LOOKS\n");
    return 2;
}
