// STAMP test packets: an answer is as long as its request, and decodes.
#include <cstdlib>

#include "core/crypto/identity.h"
#include "core/stamp/reflector.h"
#include "core/stamp/sender.h"

using namespace netpas;
using namespace netpas::stamp;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static const bool ready = initCrypto();
    if (!ready) std::abort();
    const ByteView bytes(data, size);
    const SystemTime now{std::chrono::hours(490'000)};
    Reflector reflector({});
    const auto answer = reflector.answer(bytes, {{IpAddress{}, 1}, now, 64, 0}, now);
    if (answer && (answer->size() != size || !decodeReflector(*answer, {}))) std::abort();
    SenderSession sender({});
    (void)sender.next(now, SteadyTime{});
    if (sender.take(bytes, now, SteadyTime{})) std::abort();  // it cannot know when we sent
    const auto packet = decodeReflector(bytes, {});
    if (packet && decodeReflector(encode(*packet, {}), {}) != packet) std::abort();
    return 0;
}
