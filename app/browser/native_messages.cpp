#include "app/browser/native_messages.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "app/cli/streams.h"
#include "app/secretary/json_fields.h"

namespace netpas::browser {

using nlohmann::json;
using secretaryd::JsonFields;

namespace {

constexpr size_t longestUrl = 2048;
constexpr size_t longestDomain = 253;
constexpr uint64_t mostBits = 1'000'000'000;
constexpr uint64_t mostMinutes = uint64_t{12} * 60;

QuoteWish quoteFrom(JsonFields& fields) {
    QuoteWish wish;
    if (const auto web = cli::webOf(fields.text("url", longestUrl))) {
        wish.host = web->host;
        wish.port = web->port;
    } else {
        fields.fail("url must be http or https");
    }
    const std::string address = fields.text("address");
    wish.address = IpAddress::parse(address);
    if (!address.empty() && !wish.address) fields.fail("address must be an IP address");
    wish.purpose = fields.text("purpose");
    if (wish.purpose != "video" && wish.purpose != "audio") fields.fail("purpose must be video or audio");
    wish.domain = fields.text("domain", longestDomain);
    wish.bitsPerSecond = fields.number("bits_per_second", mostBits);
    if (wish.bitsPerSecond == 0) fields.fail("bits_per_second is missing");
    return wish;
}

BuyWish buyFrom(JsonFields& fields) {
    BuyWish wish;
    wish.offer = fields.text("offer");
    wish.minutes = static_cast<uint32_t>(fields.number("minutes", mostMinutes));
    if (wish.offer.empty() || wish.minutes == 0) fields.fail("offer and minutes are missing");
    return wish;
}

bool transfer(auto call, int file, auto* data, size_t size) {
    while (size > 0) {
        const ssize_t count = call(file, data, size);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return false;
        data += count;
        size -= static_cast<size_t>(count);
    }
    return true;
}

}  // namespace

std::optional<size_t> lengthFrom(std::span<const uint8_t, lengthBytes> bytes) {
    uint32_t length = 0;
    std::memcpy(&length, bytes.data(), sizeof length);
    return length == 0 || length > longestMessage ? std::nullopt : std::optional<size_t>(length);
}

tl::expected<Request, Failure> requestFrom(std::string_view text) {
    const json body = text.size() <= longestMessage ? json::parse(text, nullptr, false) : json();
    JsonFields fields(body);
    Request request;
    request.id = fields.number("id", UINT32_MAX);
    const std::string verb = fields.text("verb");
    if (verb == "quote") {
        request.wish = quoteFrom(fields);
    } else if (verb == "buy") {
        request.wish = buyFrom(fields);
    } else if (verb == "purchase") {
        request.wish = FollowWish{};
    } else {
        fields.fail("verb must be quote, buy or purchase");
    }
    if (const auto problem = fields.problem()) return tl::unexpected(Failure{"INVALID_ARGUMENT", problem->message});
    return request;
}

std::optional<std::string> readMessage(int file) {
    std::array<uint8_t, lengthBytes> head{};
    if (!transfer(::read, file, head.data(), head.size())) return std::nullopt;
    const auto length = lengthFrom(head);
    if (!length) return std::nullopt;
    std::string text(*length, '\0');
    return transfer(::read, file, text.data(), text.size()) ? std::optional(std::move(text)) : std::nullopt;
}

bool writeMessage(int file, const json& message) {
    const std::string text = message.dump(-1, ' ', false, json::error_handler_t::replace);
    const auto length = static_cast<uint32_t>(text.size());
    std::string whole(reinterpret_cast<const char*>(&length), sizeof length);
    whole += text;
    return transfer(::write, file, std::as_const(whole).data(), whole.size());
}

}  // namespace netpas::browser
