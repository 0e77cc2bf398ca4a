// A full internet table: how fast its dump is read, beside bgpdump -m on the same file in the same run; its size; how fast a route is found.
// bench_routes [--routes N] [--ipv4 N] [--ipv6 N] [--file F]: N of the 60 peers tell each prefix (default 12).
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>

#include "cartographer/routes/mrt_parser.h"
#include "cartographer/routes/route_table.h"
#include "core/crypto/identity.h"
#include "tests/cartographer/mrt_writer.h"

using namespace netpas;
using namespace netpas::routes;
using namespace netpas::routes::test;
using SteadyClock = std::chrono::steady_clock;

namespace {

constexpr uint32_t peerCount = 60;

struct Options {
    uint32_t four = 1'000'000;
    uint32_t six = 200'000;
    uint32_t routes = 12;
    std::string file = (std::filesystem::temp_directory_path() / "netpas-bench-table.mrt").string();
};

double since(SteadyClock::time_point start) {
    return std::chrono::duration<double>(SteadyClock::now() - start).count();
}

// The way of one peer to one origin; the same for all prefixes of that origin, as in the internet.
Bytes path(uint32_t peer, uint32_t origin) {
    std::minstd_rand random(peer * 100'003 + origin);
    std::vector<uint32_t> ases{1000 + peer};
    for (uint32_t hops = 1 + static_cast<uint32_t>(random() % 4); hops > 0; --hops)
        ases.push_back(2000 + static_cast<uint32_t>(random() % 8000));
    ases.push_back(100'000 + origin);
    return attributes(ases);
}

void write(const Options& options) {
    std::ofstream out(options.file, std::ios::binary | std::ios::trunc);
    MrtWriter head;
    std::vector<Peer> peers;
    for (uint32_t i = 0; i < peerCount; ++i)
        peers.push_back({*IpAddress::parse("198.51.100." + std::to_string(i + 1)), 1000 + i});
    head.peers(peers);
    const auto flush = [&](const Bytes& bytes) {
        out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    };
    flush(head.bytes());
    const uint32_t total = options.four + options.six;
    std::mt19937 random(1);
    for (uint32_t i = 0; i < total; ++i) {
        const uint32_t origin = i / 15;
        RawPrefix prefix;
        if (i < options.four) {  // /24s of the whole space in order, some in a /20 of their own
            const uint32_t block = static_cast<uint32_t>(uint64_t{i} * (1U << 24) / options.four);
            prefix.length = i % 16 == 0 ? 20 : 24;
            store32(prefix.bytes.data(), (block << 8) & (i % 16 == 0 ? 0xfffff000U : 0xffffff00U));
        } else {
            const uint64_t block = (uint64_t{0x2000'0000} << 32) + ((uint64_t{i - options.four} * 5) << 16);
            prefix.v6 = true;
            prefix.length = 48;
            store64(prefix.bytes.data(), block);
        }
        std::vector<MrtWriter::Entry> entries;
        for (uint32_t r = 0; r < options.routes; ++r) {
            const uint32_t peer = (origin + r * 7) % peerCount;
            entries.push_back({static_cast<uint16_t>(peer), path(peer, origin), 0});
        }
        MrtWriter record;
        record.rib(prefix, entries);
        flush(record.bytes());
    }
}

double lookup(const RouteTable& table) {
    std::mt19937 random(2);
    std::vector<IpAddress> wanted;
    for (int i = 0; i < 1'000'000; ++i)
        wanted.push_back(table.at(static_cast<uint32_t>(random() % table.size())).prefix.address());
    uint64_t sum = 0;
    const auto start = SteadyClock::now();
    for (const IpAddress& address : wanted) sum += table.index(address).value_or(0);
    const double seconds = since(start);
    if (sum == 0) std::puts("nothing found");
    return seconds * 1e9 / static_cast<double>(wanted.size());
}

int run(const Options& options) {
    if (!initCrypto()) return 1;
    write(options);
    const auto size = static_cast<double>(std::filesystem::file_size(options.file));
    std::printf("dump: %u prefixes, %u routes each of %u peers, %.0f MB\n", options.four + options.six, options.routes,
                peerCount, size / 1e6);
    RouteTableBuilder builder;
    auto start = SteadyClock::now();
    const MrtSummary summary = readMrt(options.file, builder);
    const RouteTable table = builder.build();
    const double ours = since(start);
    if (summary.problem) std::printf("problem: %s\n", summary.problem->c_str());
    std::printf("netpas: %.2f s, %zu prefixes, %zu routes, %.0f bytes a prefix, %.0f ns a look-up\n", ours,
                table.size(), table.routes(), static_cast<double>(table.memory()) / static_cast<double>(table.size()),
                lookup(table));
    if (std::system("command -v bgpdump >/dev/null") != 0) {
        std::puts("bgpdump is not installed: apt install bgpdump");
        return 0;
    }
    start = SteadyClock::now();
    if (std::system(("bgpdump -m '" + options.file + "' >/dev/null 2>&1").c_str()) != 0) std::puts("bgpdump failed");
    const double theirs = since(start);
    std::printf("bgpdump -m: %.2f s; ratio %.1f\n", theirs, theirs / ours);
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    CLI::App app("A full table: reading, size, look-up");
    app.add_option("--ipv4", options.four)->capture_default_str();
    app.add_option("--ipv6", options.six)->capture_default_str();
    app.add_option("--routes", options.routes, "routes to each prefix")
        ->check(CLI::Range(1, 60))
        ->capture_default_str();
    app.add_option("--file", options.file, "where the dump is written; it stays")->capture_default_str();
    CLI11_PARSE(app, argc, argv);
    return run(options);
}
