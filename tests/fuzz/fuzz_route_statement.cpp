// Statements and claims of routes: no stranger's bytes open; what would be valid, signs and opens again.
#include <cstdlib>

#include "cartographer/verify/statement.h"

using namespace netpas;
using namespace netpas::verification;

namespace {

// The fuzzer cannot sign: what it writes is signed here, by whom it names first or not at all.
const Identity& me() {
    static const Identity identity = Identity::fromSeed({77});
    return identity;
}

Statement statementFrom(Reader& reader) {
    Statement out;
    out.signer = me().publicKey();
    out.window = reader.u32();
    out.packets = reader.u64();
    out.bytes = reader.u64();
    out.activeNanoseconds = reader.u64();
    const size_t count = reader.u8() % (maxTimes + 2);
    for (size_t i = 0; i < count; ++i) {
        const uint64_t hash = reader.u64();
        out.times.push_back({hash, reader.u64()});
    }
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const ByteView bytes(data, size);
    if (openStatement(bytes) && openClaim(bytes)) std::abort();
    Reader reader(bytes);
    const Statement statement = statementFrom(reader);
    const auto back = openStatement(sign(statement, me()));
    if (back.has_value() != isValid(statement) || (back && *back != statement)) std::abort();
    Claim claim;
    claim.signer = me().publicKey();
    claim.number = reader.u32();
    claim.arrives = reader.u32();
    claim.bitsPerSecond = reader.u64();
    claim.latencyNanoseconds = reader.u64();
    const auto claimed = openClaim(sign(claim, me()));
    if (claimed.has_value() != isValid(claim) || (claimed && *claimed != claim)) std::abort();
    return 0;
}
