// What the secretary reads of neighbours: a place from its database, requests of the API. What decodes is canonical; nothing crashes, whatever comes.
#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "app/secretary/neighbour_json.h"

using namespace netpas;
using namespace netpas::secretaryd;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const ByteView input(data, size);
    if (const auto place = decodePlace(input)) {
        const Bytes again = encode(*place);
        if (!std::ranges::equal(again, input)) std::abort();
    }
    const auto object = nlohmann::json::parse(input.begin(), input.end(), nullptr, false);
    if (object.is_discarded()) return 0;
    if (const auto settings = meshSettingsFromJson(object, {})) {
        // As the database keeps them.
        const auto again = meshSettingsFromJson(nlohmann::json::parse(meshSettingsJson(*settings).dump()), {});
        if (!again || *again != *settings) std::abort();
    }
    (void)newAgreementFromJson(object);
    return 0;
}
