// One GET over HTTP or HTTPS (libcurl), as far as `netpas fetch` needs it: certificates checked, everything bounded, no proxies, redirects
// told and not followed. Blocks.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include <tl/expected.hpp>

#include "core/x402/proof.h"

namespace netpas::cli {

struct WebRequest {
    std::string url;
    std::optional<x402::Header> proof;
    std::string authorities;  // PEM file in place of the system's; empty: the system's
    uint64_t mostBytes = 0;   // of content
    std::chrono::milliseconds timeout{60'000};
};

struct WebReply {
    long status = 0;
    std::string redirect;  // absolute; empty: none
    std::string required;  // the header of that name
    std::string receipt;   // PAYMENT-RESPONSE or X-PAYMENT-RESPONSE
    std::string contentType;
    std::string body;     // of anything but a success, at most 64 KiB
    bool framed = false;  // where it ends is said, so that a cut connection is noticed
};

struct WebFailure {
    std::string what;
    bool mayPass = true;  // trying again may help
};

class Content {
public:
    virtual ~Content() = default;
    virtual bool restart() = 0;  // what was taken is not the content
    virtual bool take(std::span<const char> part) = 0;
};

// Of a success the content goes to `content`, which is started anew before.
[[nodiscard]] tl::expected<WebReply, WebFailure> webGet(const WebRequest& request, Content& content);

}  // namespace netpas::cli
