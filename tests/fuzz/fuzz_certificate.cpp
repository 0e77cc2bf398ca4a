// Certificates from strangers: whatever the bytes, nothing but the one good certificate is ever accepted, nothing leaks or reads beyond.
#include <cstdlib>
#include <string_view>

#include "core/certificates/authority.h"
#include "core/certificates/verifier.h"

using namespace netpas;
using namespace netpas::certificates;

namespace {

const SystemTime now{std::chrono::hours{24 * 365 * 57}};

struct World {
    Authority authority = *Authority::makeRoot(Identity::fromSeed({1}), "Watch",
                                               {now - std::chrono::days(1000), now + std::chrono::days(1000)});
    std::vector<Anchor> anchors{{PayeeClass::FewComplaints, authority.certificate()}};
    Verifier verifier = *Verifier::make(anchors, {});
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static const World world;
    const Bytes der(data, data + size);
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto statement = inspect({der});
    if (statement) {
        // Signed by nobody here: the authority of this run has signed nothing.
        if (world.verifier.verify({der}, {statement->payee, "", cautious, now})) std::abort();
        const auto chain = chainFromPem(toPem(Chain{der}));
        if (!chain || chain->front() != der) std::abort();
    }
    if (const auto chain = chainFromPem(text)) {
        const auto again = chainFromPem(toPem(*chain));
        if (!again || *again != *chain) std::abort();
        if (const auto first = inspect(*chain)) {
            if (world.verifier.verify(*chain, {first->payee, "", cautious, now})) std::abort();
        }
    }
    (void)inspect(Anchor{PayeeClass::FewComplaints, der});
    (void)Verifier::make({}, Chain{der});
    if (const auto list = revocationsFromPem(text)) {
        if (*revocationsFromPem(revocationsToPem(*list)) != *list) std::abort();
    }
    return 0;
}
