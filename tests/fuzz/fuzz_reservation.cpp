// Decode – encode – decode of questions and answers about reserved places.
#include <algorithm>
#include <cstdlib>

#include "core/wire/reservation.h"

using namespace netpas;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::span<const uint8_t> input(data, size);
    if (const auto question = decodeReservationQuestion(input)) {
        const auto bytes = encodeReservation(*question);
        if (!std::equal(bytes.begin(), bytes.end(), input.begin(), input.end())) std::abort();
    }
    if (const auto answer = decodeReservationAnswer(input)) {
        const auto bytes = encodeReservation(*answer);
        if (!std::equal(bytes.begin(), bytes.end(), input.begin(), input.end())) std::abort();
    }
    return 0;
}
