// What neighbours say of flows: what decodes is canonical, and an exchange takes any bytes from anybody.
#include <cstdlib>

#include "cartographer/verify/exchange.h"

using namespace netpas;
using namespace netpas::verification;

namespace {

// A hop that knows both its neighbours, and signs what it is asked to.
struct Node {
    ManualClock clock{SystemTime(std::chrono::seconds(1'900'000'000))};
    static inline const Identity me = Identity::fromSeed({1}), before = Identity::fromSeed({2}),
                                 behind = Identity::fromSeed({3});
    Exchange exchange{ports(), {}};

    Exchange::Ports ports() {
        Exchange::Ports out{clock, me.publicKey(), {}, {}, {}, {}, {}, {}, {}, {}, {}, {}};
        out.send = [](const PublicKey&, const Bytes& bytes) {
            if (bytes.size() > maxMessage || !decodeFlowMessage(bytes)) std::abort();
        };
        out.signStatement = [this](const Statement& one) { exchange.signedStatement(sign(one, me)); };
        out.signClaim = [this](const Claim& one) { exchange.signedClaim(sign(one, me)); };
        out.passed = [] { return std::vector<Passed>(); };
        out.passedOf = [this](const Route& route) {
            const SteadyTime now = clock.steady();
            return std::optional(Passed{route, {{now, now, 5000, 5'000'000}}, now});
        };
        out.previous = [this](const Route&) { return std::optional(before.publicKey()); };
        out.next = [this](const Route&) { return std::optional(behind.publicKey()); };
        out.link = [](const PublicKey&) { return Quality{1, 1e9, 0.001}; };
        out.timeOf = [](uint64_t hash) { return std::optional(hash); };
        out.sightings = [](const Route&, uint64_t) { return std::vector<PacketTime>(); };
        return out;
    }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const ByteView bytes(data, size);
    const auto message = decodeFlowMessage(bytes);
    if (message) {
        const Bytes again = encode(*message);
        if (!std::equal(again.begin(), again.end(), bytes.begin(), bytes.end())) std::abort();
    }
    Node hop;
    // What the fuzzer cannot sign is signed for it: a statement with its numbers comes first.
    Reader reader(bytes);
    if (size < 64 || (data[size - 1] & 7) != 0) return 0;  // signatures are slow
    const Route route{*IpAddress::parse("10.0.0.1"), *IpAddress::parse("10.0.0.2")};
    Statement statement;
    statement.signer = hop.behind.publicKey();
    statement.flow = flowOf(route);
    for (int i = 0; i < 2 && reader.ok(); ++i) {
        statement.window = reader.u32();
        statement.packets = reader.u16();
        statement.bytes = statement.packets * 100 + reader.u8();
        statement.activeNanoseconds = reader.u32();
        statement.times = {{reader.u64(), reader.u64()}};
        (void)hop.exchange.receive(hop.behind.publicKey(), encode(Told{route, sign(statement, hop.behind), {}}));
    }
    for (const PublicKey& from : {hop.before.publicKey(), hop.behind.publicKey()})
        (void)hop.exchange.receive(from, bytes);
    hop.clock.advance(std::chrono::seconds(20));
    hop.exchange.run();
    (void)hop.exchange.reports();
    return 0;
}
