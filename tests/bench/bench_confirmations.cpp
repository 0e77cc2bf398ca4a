// What confirmations of nanopayments cost: signatures by themselves and in batches beside the paper's RSA-1024, the way
// through a real accounting server, and the table of what was seen. See tests/bench/README.md.
//
// bench_confirmations [--json] [--seconds S] [--confirmations N] [--entries N]
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "core/accounting/client.h"
#include "core/accounting/confirmation_batch.h"
#include "core/accounting/messages.h"
#include "core/accounting/replay_table.h"
#include "core/accounting/server.h"
#include "core/net/tls_link.h"

namespace {

using namespace netpas;
using namespace netpas::accounting;

constexpr IspId z{26}, y{25}, x{24}, w{23};

struct Options {
    bool json = false;
    double seconds = 2;
    size_t confirmations = 200'000;
    size_t entries = 10'000'000;
};

double cpuSeconds() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

AccountingHeader headerOf(std::initializer_list<IspId> isps) {
    std::vector<HopBlock> blocks;
    for (const IspId isp : isps) blocks.push_back({isp, ServiceClass(1), PriceCode::fromCode(60), ExitPoint(0)});
    return *AccountingHeader::make(blocks);
}

// X confirms Y's service, or at the end of a longer path W confirms X's.
Confirmation confirmationOf(uint64_t number, bool ours, SystemTime time) {
    Confirmation c;
    store64(c.id.data(), 0x9e3779b97f4a7c15U * (number + 1));
    store64(c.id.data() + 8, number);
    c.time = time;
    c.confirming = ours ? x : w;
    c.beneficiary = ours ? y : x;
    c.amount = *Money::parse("0.001");
    c.header = ours ? headerOf({z, y, x}) : headerOf({z, y, x, w});
    c.excerpt.fill(0x45);
    return c;
}

// --- signatures

// How often a minute `round` does what it does `of` times, with that many threads, by the CPU time that they took.
double perMinute(int threads, double seconds, size_t of, const std::function<std::function<void()>()>& make) {
    std::vector<std::thread> running;
    std::vector<double> rates(static_cast<size_t>(threads));
    std::atomic<int> ready{0};
    for (int t = 0; t < threads; ++t) {
        running.emplace_back([&, t] {
            const auto round = make();
            round();
            ++ready;
            while (ready < threads) std::this_thread::yield();
            const double begin = cpuSeconds();
            size_t rounds = 0;
            double used = 0;
            while (used < seconds) {
                round();
                ++rounds;
                used = cpuSeconds() - begin;
            }
            rates[static_cast<size_t>(t)] = static_cast<double>(rounds * of) / used * 60;
        });
    }
    double sum = 0;
    for (std::thread& thread : running) thread.join();
    for (const double rate : rates) sum += rate;
    return sum;
}

class Rsa {
public:
    Rsa() : m_key(EVP_RSA_gen(1024)) {}
    ~Rsa() { EVP_PKEY_free(m_key); }
    Rsa(const Rsa&) = delete;
    Rsa& operator=(const Rsa&) = delete;

    Bytes sign(ByteView message) const {
        EVP_MD_CTX* context = EVP_MD_CTX_new();
        Bytes signature(static_cast<size_t>(EVP_PKEY_get_size(m_key)));
        size_t size = signature.size();
        const bool good = EVP_DigestSignInit(context, nullptr, EVP_sha256(), nullptr, m_key) == 1 &&
                          EVP_DigestSign(context, signature.data(), &size, message.data(), message.size()) == 1;
        EVP_MD_CTX_free(context);
        if (!good) std::abort();
        return signature;
    }
    void verify(ByteView message, const Bytes& signature) const {
        EVP_MD_CTX* context = EVP_MD_CTX_new();
        const bool good =
            EVP_DigestVerifyInit(context, nullptr, EVP_sha256(), nullptr, m_key) == 1 &&
            EVP_DigestVerify(context, signature.data(), signature.size(), message.data(), message.size()) == 1;
        EVP_MD_CTX_free(context);
        if (!good) std::abort();
    }

private:
    EVP_PKEY* m_key;
};

std::vector<merkle::Hash> leavesOf(const std::vector<Confirmation>& all) {
    std::vector<merkle::Hash> leaves;
    leaves.reserve(all.size());
    for (const Confirmation& c : all) leaves.push_back(merkle::leafHash(confirmingMessage(c)));
    return leaves;
}

std::vector<Confirmation> someOf(size_t count) {
    std::vector<Confirmation> all;
    for (size_t i = 0; i < count; ++i) all.push_back(confirmationOf(i, true, systemClock().now()));
    return all;
}

std::function<void()> batchRound(size_t size, bool verified) {
    return [all = someOf(size), identity = std::make_shared<Identity>(Identity::generate()), verified] {
        const SignedTreePtr tree = signTree(x, *identity, leavesOf(all));
        if (!verified) return;
        // As the receiver does: the tree anew from what it hashed itself, and the one signature.
        const auto leaves = leavesOf(all);
        std::vector<merkle::PartialTree::Leaf> known;
        known.reserve(leaves.size());
        for (const merkle::Hash& hash : leaves) known.push_back({static_cast<uint16_t>(known.size()), hash});
        auto again = merkle::PartialTree::build(leaves.size(), known, {});
        RootCheck check;
        if (!again || !check.good({x, tree->signature, std::move(*again)}, identity->publicKey())) std::abort();
    };
}

std::function<void()> singleRound(bool verified) {
    return [all = someOf(1), identity = std::make_shared<Identity>(Identity::generate()), verified]() mutable {
        signAsConfirming(all[0], *identity);
        if (verified && !verifyConfirming(all[0], identity->publicKey())) std::abort();
    };
}

std::function<void()> rsaRound(bool verified) {
    return [all = someOf(1), rsa = std::make_shared<Rsa>(), verified] {
        const Bytes message = confirmingMessage(all[0]);
        const Bytes signature = rsa->sign(message);
        if (verified) rsa->verify(confirmingMessage(all[0]), signature);
    };
}

// --- the way through a server

struct Way {
    double cpu = 0;  // of the server's thread
    double wall = 0;
    size_t confirmations = 0;
    [[nodiscard]] double perMinute() const { return static_cast<double>(confirmations) / cpu * 60; }
};

// Frames as X sends them, made before the clock runs.
std::vector<Bytes> framesOf(size_t count, size_t batchSize, bool ours, const Identity& atX, const Identity& atW) {
    std::vector<Bytes> frames;
    const Identity& confirming = ours ? atX : atW;
    const SystemTime now = systemClock().now();
    uint64_t sequence = 0;
    for (size_t begin = 0; begin < count; begin += batchSize) {
        std::vector<Confirmation> all;
        for (size_t i = begin; i < std::min(count, begin + batchSize); ++i) all.push_back(confirmationOf(i, ours, now));
        if (batchSize == 1) {
            signAsConfirming(all[0], confirming);
            if (!ours) signAsBeneficiary(all[0], atX);
            frames.push_back(ours ? encode(Message(ConfirmationToCountersign{all[0]}))
                                  : encode(Message(ForwardedConfirmation{all[0]})));
            continue;
        }
        const SignedTreePtr first =
            signTree(confirming.publicKey() == atX.publicKey() ? x : w, confirming, leavesOf(all));
        std::vector<ProvenConfirmation> proven;
        std::vector<merkle::Hash> leaves;
        for (size_t i = 0; i < all.size(); ++i) {
            all[i].confirmingSignature = first->signature;
            leaves.push_back(merkle::leafHash(beneficiaryMessage(all[i])));
        }
        const SignedTreePtr second = ours ? nullptr : signTree(x, atX, leaves);
        for (size_t i = 0; i < all.size(); ++i) {
            if (second) all[i].beneficiarySignature = second->signature;
            const auto leaf = static_cast<uint16_t>(i);
            proven.push_back({all[i], first, leaf, second, leaf, 0});
        }
        for (ConfirmationBatch& batch : packBatches(proven, ours)) {
            batch.sequence = ++sequence;
            frames.push_back(encode(Message(batch)));
        }
    }
    return frames;
}

// The ISP before the server: takes everything and says so.
class Sink {
public:
    Sink(boost::asio::io_context& io, const Identity& identity)
        : m_listener(io, identity,
                     {[](const PublicKey&, const Endpoint&) { return true; },
                      [this](std::shared_ptr<net::TlsConnection> connection) { connected(std::move(connection)); },
                      nullptr}) {}
    uint16_t listen() { return m_listener.listen({*IpAddress::parse("127.0.0.1"), 0}).value_or(0); }
    [[nodiscard]] size_t taken() const { return m_taken; }

private:
    void connected(std::shared_ptr<net::TlsConnection> connection) {
        (void)connection->send(encode(Message(BatchAbility{{{z, 0}}})));
        auto* raw = connection.get();
        connection->onMessage = [this, raw](ByteView bytes) {
            const auto message = decode(bytes);
            if (!message) return;
            if (const auto* batch = std::get_if<ConfirmationBatch>(&*message)) {
                m_taken += batch->entries.size();
                (void)raw->send(encode(Message(BatchAck{batch->sequence, {}})));
            } else if (const auto* one = std::get_if<ForwardedConfirmation>(&*message)) {
                ++m_taken;
                (void)raw->send(encode(Message(Ack{{{one->confirmation.id, AckResult::Accepted}}})));
            }
        };
        m_connections.push_back(std::move(connection));
    }

    std::vector<std::shared_ptr<net::TlsConnection>> m_connections;
    std::atomic<size_t> m_taken{0};
    net::TlsListener m_listener;
};

// X, on the thread that calls: sends as fast as the connection takes it and the server answers, at most some messages ahead.
void sendAll(const Identity& identity, const ServerAddress& server, const std::vector<Bytes>& frames,
             const std::function<bool()>& done) {
    boost::asio::io_context io;
    std::shared_ptr<net::TlsConnection> link;
    size_t next = 0;
    size_t answered = 0;
    const size_t ahead = frames.size() > 5000 ? 4000 : 24;
    const auto more = [&] {
        while (link && next < frames.size() && next < answered + ahead && link->send(frames[next])) ++next;
    };
    net::TlsDialer dialer(io, identity, server.endpoint, server.key,
                          {[&](std::shared_ptr<net::TlsConnection> connection) {
                               link = std::move(connection);
                               link->onMessage = [&](ByteView bytes) {
                                   const auto message = decode(bytes);
                                   if (message && std::holds_alternative<BatchAck>(*message)) ++answered;
                                   if (message && std::holds_alternative<Ack>(*message)) {
                                       answered += std::get<Ack>(*message).entries.size();
                                   }
                                   more();
                               };
                               more();
                           },
                           nullptr});
    dialer.start();
    while (!done()) {
        io.restart();
        io.run_for(std::chrono::milliseconds(2));
        more();
    }
}

// One accounting server Y in a thread of its own, X and Z beside it; decode, check, sign or not, log, forward, all answered.
Way through(size_t count, size_t batchSize, bool ours) {
    const Identity atZ = Identity::generate(), atY = Identity::generate(), atX = Identity::generate(),
                   atW = Identity::generate();
    const auto frames = framesOf(count, batchSize, ours, atX, atW);
    char folder[] = "/tmp/netpas-bench-XXXXXX";
    if (mkdtemp(folder) == nullptr) std::abort();

    std::atomic<bool> stop{false};
    boost::asio::io_context sinkIo;
    Sink sink(sinkIo, atZ);
    const uint16_t sinkPort = sink.listen();
    std::thread sinkThread([&] {
        while (!stop) {
            sinkIo.restart();
            sinkIo.run_for(std::chrono::milliseconds(10));
        }
    });
    ServerConfig config;
    config.isp = y;
    config.name = "Y";
    config.threshold = *Money::parse("0.001");
    const auto at = [](uint16_t port) { return Endpoint{*IpAddress::parse("127.0.0.1"), port}; };
    config.neighbours = {{z, "z", at(sinkPort), atZ.publicKey(), {}}, {x, "x", at(9), atX.publicKey(), {}}};
    config.signers = {{w, atW.publicKey()}};
    config.signatureShare = 1;
    std::atomic<uint16_t> port{0};
    std::atomic<size_t> settled{0};
    Way way;
    way.confirmations = count;
    std::thread serverThread([&] {
        boost::asio::io_context io;
        Books::Options options;
        options.path = std::string(folder) + "/books.db";
        auto books = Books::open(options, systemClock().now());
        if (!books) std::abort();
        AccountingServer server(io, atY, config, std::move(*books), systemClock(), nullptr);
        port = *server.listen(at(0));
        server.start();
        io.run_for(std::chrono::milliseconds(300));  // connected, before the clock runs
        const double begin = cpuSeconds();
        const auto start = std::chrono::steady_clock::now();
        while (settled < count) {
            io.restart();
            io.run_for(std::chrono::milliseconds(20));
            settled = server.books().sum(SumKind::OwedBy, z).count;
        }
        way.cpu = cpuSeconds() - begin;
        way.wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        server.stop();
    });
    while (port == 0) std::this_thread::yield();
    sendAll(atX, {at(port), atY.publicKey()}, frames, [&] { return settled >= count; });
    serverThread.join();
    stop = true;
    sinkThread.join();
    std::filesystem::remove_all(folder);
    return way;
}

// Two servers at once.
double throughTwo(size_t count, size_t batchSize, bool ours) {
    Way a, b;
    std::thread other([&] { a = through(count, batchSize, ours); });
    b = through(count, batchSize, ours);
    other.join();
    return a.perMinute() + b.perMinute();
}

// --- the table

struct Table {
    double perKb = 0;
    double nanoseconds = 0;
};

Table tableOf(size_t entries) {
    ReplayTable table(std::chrono::seconds(3660), std::chrono::seconds(10));
    const SystemTime start = systemClock().now();
    const double begin = cpuSeconds();
    for (size_t i = 0; i < entries; ++i) {
        std::array<uint8_t, 16> id{};
        store64(id.data(), i * 0x9e3779b97f4a7c15U);
        store64(id.data() + 8, i);
        const auto age = std::chrono::milliseconds(i * 3'600'000 / entries);
        if (table.insert(id, i, start - std::chrono::hours(1) + age, start) != ReplayTable::Seen::No) std::abort();
    }
    const double used = cpuSeconds() - begin;
    return {static_cast<double>(table.size()) * 1024 / static_cast<double>(table.bytes()),
            used * 1e9 / static_cast<double>(entries)};
}

// --- what is printed

void print(const Options& options) {
    std::string json = "{\"primitives\":[";
    const auto out = [&](const char* format, auto... values) {
        if (!options.json) std::printf(format, values...);
    };
    struct Primitive {
        const char* name;
        size_t of;
        std::function<std::function<void()>(bool verified)> round;
    };
    const std::vector<Primitive> primitives{
        {"rsa-1024", 1, rsaRound},
        {"ed25519", 1, singleRound},
        {"merkle-64", 64, [](bool verified) { return batchRound(64, verified); }},
        {"merkle-1024", 1024, [](bool verified) { return batchRound(1024, verified); }}};
    double base = 0;
    out("%-22s %15s %15s %15s %15s %8s\n", "millions a minute", "sign, 1 core", "sign+verify", "sign, 2 cores",
        "sign+verify", "x RSA");
    for (const Primitive& primitive : primitives) {
        double rates[4];
        for (int i = 0; i < 4; ++i) {
            const bool verified = i % 2 == 1;
            rates[i] =
                perMinute(i < 2 ? 1 : 2, options.seconds, primitive.of, [&] { return primitive.round(verified); });
        }
        if (base == 0) base = rates[1];
        out("%-22s %15.2f %15.2f %15.2f %15.2f %8.1f\n", primitive.name, rates[0] / 1e6, rates[1] / 1e6, rates[2] / 1e6,
            rates[3] / 1e6, rates[1] / base);
        char line[300];
        std::snprintf(
            line, sizeof line,
            "%s{\"name\":\"%s\",\"sign_1\":%.0f,\"sign_verify_1\":%.0f,\"sign_2\":%.0f,\"sign_verify_2\":%.0f,"
            "\"ratio\":%.2f}",
            json.back() == '[' ? "" : ",", primitive.name, rates[0], rates[1], rates[2], rates[3], rates[1] / base);
        json += line;
    }
    json += "],\"server\":[";
    out("\n%-22s %15s %15s %15s %15s %8s\n", "through the server", "a minute, 1 core", "us CPU each", "a second, wall",
        "2 cores", "x RSA");
    for (const bool ours : {true, false}) {
        for (const size_t size : {size_t{1}, size_t{64}, size_t{1024}}) {
            const size_t count = size == 1 ? options.confirmations / 10 : options.confirmations;
            const Way way = through(count, size, ours);
            const double two = throughTwo(count, size, ours);
            const std::string name = std::string(ours ? "countersign" : "pass on") + ", batch " + std::to_string(size);
            out("%-22s %15.2f %15.2f %15.0f %15.2f %8.1f\n", name.c_str(), way.perMinute() / 1e6,
                60e6 / way.perMinute(), static_cast<double>(count) / way.wall, two / 1e6, way.perMinute() / base);
            char line[300];
            std::snprintf(line, sizeof line,
                          "%s{\"role\":\"%s\",\"batch\":%zu,\"per_minute_1\":%.0f,\"per_minute_2\":%.0f,"
                          "\"per_second_wall\":%.0f,\"ratio\":%.2f}",
                          json.back() == '[' ? "" : ",", ours ? "countersign" : "pass-on", size, way.perMinute(), two,
                          static_cast<double>(count) / way.wall, way.perMinute() / base);
            json += line;
        }
    }
    const Table table = tableOf(options.entries);
    out("\nreplay table of %zu entries: %.1f a KB, %.0f ns each\n", options.entries, table.perKb, table.nanoseconds);
    char line[200];
    std::snprintf(line, sizeof line, "],\"replay\":{\"entries\":%zu,\"per_kb\":%.2f,\"ns\":%.1f}}", options.entries,
                  table.perKb, table.nanoseconds);
    json += line;
    if (options.json) std::printf("%s\n", json.c_str());
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    for (int i = 1; i < argc; ++i) {
        const std::string_view argument = argv[i];
        const bool more = i + 1 < argc;
        if (argument == "--json") {
            options.json = true;
        } else if (argument == "--seconds" && more) {
            options.seconds = std::atof(argv[++i]);
        } else if (argument == "--confirmations" && more) {
            options.confirmations = static_cast<size_t>(std::atoll(argv[++i]));
        } else if (argument == "--entries" && more) {
            options.entries = static_cast<size_t>(std::atoll(argv[++i]));
        } else {
            std::fprintf(stderr,
                         "usage: bench_confirmations [--json] [--seconds S] [--confirmations N] [--entries N]\n");
            return 2;
        }
    }
    if (!initCrypto() || options.seconds <= 0 || options.confirmations < 100 || options.entries == 0) return 2;
    print(options);
    return 0;
}
