// What an abuser of the local API does on each of its connections: pure.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace netpas::lab {

struct ApiAbuse {
    // What is sent at once; `number` is another one each time.
    std::function<std::string(uint64_t number)> text;
    std::string slow;          // then this, a byte a second
    std::string filler;        // then this, again and again, as fast as it is taken …
    uint64_t fillerBytes = 0;  // … until so much has been sent
    uint64_t requests = 1;     // in `text`
    bool reads = true;
    bool goesOn = false;   // on the same connection, once everything is answered
    bool hangsUp = false;  // as soon as it has said its text
};

// `host` and `authorization` are header lines, or empty. Nothing for a kind that there is not.
[[nodiscard]] std::optional<ApiAbuse> apiAbuse(const std::string& kind, const std::string& host,
                                               const std::string& authorization, uint64_t seed);
[[nodiscard]] std::vector<std::string> apiAbuseKinds();

}  // namespace netpas::lab
