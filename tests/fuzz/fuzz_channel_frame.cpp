// Both framings: nothing crashes, what is taken is a frame within its limits, and a frame behind any garbage still arrives on a serial
// line.
#include <algorithm>
#include <cstdlib>

#include "core/channel/frame.h"

using namespace netpas;
using namespace netpas::channel;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const ByteView input(data, size);
    const auto inLimits = [](ByteView frame) {
        if (frame.size() < frameHeaderSize || frame.size() > maxFrame) std::abort();
        (void)readFrameHeader(frame);
    };
    (void)lengthFraming()->feed(input, inLimits);
    const auto serial = serialFraming();
    (void)serial->feed(input, inLimits);
    const Bytes frame = makeFrame({1, true, true, 7}, input.first(std::min(size, maxSerialPayload)));
    bool arrived = false;
    (void)serial->feed(serialFraming()->wrap(frame), [&](ByteView one) { arrived = std::ranges::equal(one, frame); });
    if (!arrived) std::abort();
    if (cobsDecode(cobsEncode(input)) != Bytes(input.begin(), input.end())) std::abort();
    return 0;
}
