// Any text is either refused with a message or parses to a topology that survives being written and read again.
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "app/lab/plan.h"
#include "app/lab/topology.h"

using namespace netpas::lab;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const auto topology = parseTopology({reinterpret_cast<const char*>(data), size}, "fuzz.toml");
    if (!topology) {
        if (!topology.error().text.starts_with("fuzz.toml")) std::abort();
        return 0;
    }
    (void)makePlan(*topology);
    const std::string text = formatTopology(*topology);
    const auto again = parseTopology(text, "again.toml");
    if (!again || !(*again == *topology)) {
        std::fprintf(stderr, "%s\n%s", again ? "differs" : again.error().text.c_str(), text.c_str());
        std::abort();
    }
    return 0;
}
