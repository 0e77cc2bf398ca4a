// What accepted connections cost the thread that owns them: handshakes and messages on that thread, and carried by others (core/net).
// One JSON object on standard output; ratios of the same run.
#include <time.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>
#include <vector>

#include "core/net/tls_link.h"
#include "core/net/tls_threads.h"

using namespace netpas;
using namespace netpas::net;
using namespace std::chrono_literals;

namespace {

constexpr size_t connections = 60;  // as many as one address may hold
constexpr size_t rounds = 5;
constexpr size_t messages = 400;  // of each connection
constexpr size_t messageBytes = 300;

double cpuOfThisThread() {
    timespec t{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

struct Cost {
    double perHandshake = 0;  // seconds of the owner's CPU
    double perMessage = 0;
};

struct Owner {
    Owner(const Identity& identity, size_t threadCount)
        : threads(threadCount > 0 ? std::make_unique<TlsThreads>(threadCount) : nullptr),
          listener(io, identity,
                   {[](const PublicKey&, const Endpoint&) { return true; },
                    [this](std::shared_ptr<TlsConnection> connection) {
                        connection->onMessage = [this](ByteView) { ++heard; };
                        held.push_back(std::move(connection));
                    },
                    nullptr},
                   {}, 1024, threads.get()) {}
    template <typename Condition>
    double runUntil(Condition condition) {
        const double begin = cpuOfThisThread();
        io.restart();
        while (!condition()) io.run_one_for(100ms);
        return cpuOfThisThread() - begin;
    }

    boost::asio::io_context io;
    std::unique_ptr<TlsThreads> threads;
    size_t heard = 0;
    std::vector<std::shared_ptr<TlsConnection>> held;
    TlsListener listener;
};

Cost measure(size_t threadCount) {
    const Identity server = Identity::generate();
    const Identity client = Identity::generate();
    Owner owner(server, threadCount);
    const Endpoint at{*IpAddress::parse("127.0.0.1"),
                      owner.listener.listen({*IpAddress::parse("127.0.0.1"), 0}).value_or(0)};
    std::atomic<bool> speak{false};
    std::atomic<bool> end{false};
    std::thread others([&] {
        boost::asio::io_context io;
        std::vector<std::unique_ptr<TlsDialer>> dialers;
        std::vector<std::shared_ptr<TlsConnection>> up;
        for (size_t i = 0; i < connections; ++i) {
            dialers.push_back(std::make_unique<TlsDialer>(
                io, client, at, server.publicKey(),
                TlsDialer::Handlers{[&](std::shared_ptr<TlsConnection> c) { up.push_back(std::move(c)); }, nullptr}));
            dialers.back()->start();
        }
        bool spoken = false;
        while (!end) {
            io.restart();
            io.run_for(2ms);
            if (!speak || up.size() < connections || std::exchange(spoken, true)) continue;
            for (size_t m = 0; m < messages; ++m) {
                for (const auto& connection : up) (void)connection->send(Bytes(messageBytes, 1));
            }
        }
    });
    Cost cost;
    cost.perHandshake = owner.runUntil([&] { return owner.held.size() == connections; }) / connections;
    speak = true;
    cost.perMessage = owner.runUntil([&] { return owner.heard == connections * messages; }) /
                      static_cast<double>(connections * messages);
    end = true;
    others.join();
    return cost;
}

}  // namespace

int main() {
    if (!initCrypto()) return EXIT_FAILURE;
    Cost own;
    Cost carried;
    for (size_t round = 0; round < rounds; ++round) {
        for (const auto& [sum, count] : {std::pair{&own, size_t{0}}, std::pair{&carried, size_t{1}}}) {
            const Cost cost = measure(count);
            sum->perHandshake += cost.perHandshake / rounds;
            sum->perMessage += cost.perMessage / rounds;
        }
    }
    std::printf(
        "{\"connections\":%zu,\"rounds\":%zu,\"owner_us_per_handshake\":{\"own\":%.1f,\"carried\":%.1f,\"ratio\":%.1f},"
        "\"owner_us_per_message\":{\"own\":%.2f,\"carried\":%.2f,\"ratio\":%.1f}}\n",
        connections, rounds, own.perHandshake * 1e6, carried.perHandshake * 1e6,
        own.perHandshake / carried.perHandshake, own.perMessage * 1e6, carried.perMessage * 1e6,
        own.perMessage / carried.perMessage);
}
