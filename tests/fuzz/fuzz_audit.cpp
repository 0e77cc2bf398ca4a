// Audit files and their records: what decodes, encodes to the same bytes; verifying never trusts a stranger's seal.
#include <algorithm>
#include <cstdlib>

#include "core/audit/verify.h"

using namespace netpas;
using namespace netpas::audit;

// The first byte chooses: 0 a whole file, else a record of that type.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) return 0;
    const ByteView rest(data + 1, size - 1);
    static const PublicKey stranger = Identity::fromSeed({77}).publicKey();
    if (data[0] == 0) {
        const Report report = verify(rest, {});
        if (report.read && verify(rest, {{{report.head.isp, stranger}}}).good()) std::abort();
        return 0;
    }
    const auto record = decode(data[0], rest);
    if (!record) return 0;
    const Encoded again = encode(*record);
    if (again.type != data[0] || !std::equal(rest.begin(), rest.end(), again.body.begin(), again.body.end()))
        std::abort();
    // Whatever an exporter puts into its file must not upset the verifier.
    static const Identity exporter = Identity::fromSeed({5});
    const Head head{IspId(25), "Y", exporter.publicKey(), {}, {}, {}};
    if (std::holds_alternative<Head>(*record)) return 0;
    if (!verify(writeFile(head, {*record, *record}, exporter), {}).read) std::abort();
    return 0;
}
