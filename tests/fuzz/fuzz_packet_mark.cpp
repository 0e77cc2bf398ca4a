// What packets are known by: any bytes, whole or cut off; what hops change changes nothing.
#include <algorithm>
#include <cstdlib>

#include "tun/observe/packet_mark.h"

using namespace netpas;
using namespace netpas::tun;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const ByteView packet(data, size);
    const auto mark = markOf(packet);
    if (!mark) return 0;
    Bytes hopped(packet.begin(), packet.end());
    const bool v6 = packet[0] >> 4 == 6;
    hopped[v6 ? 7 : 8] ^= 0xff;
    if (!v6) hopped[10] ^= 0xff;
    const auto after = markOf(hopped);
    if (!after || after->hash != mark->hash || after->source != mark->source) std::abort();
    // Only more of it can be missing.
    const auto cut = markOf(packet.first(std::min(size, markedBytes)));
    if (cut && cut->hash != mark->hash) std::abort();
    return 0;
}
