#include "core/net/http.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/crypto/hex.h"
#include "core/net/net_error.h"

namespace netpas::net {

namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string_view find(const std::vector<HttpHeader>& headers, std::string_view name) {
    for (const HttpHeader& header : headers) {
        if (sameHeaderName(header.name, name)) return header.value;
    }
    return {};
}

bool isUnreserved(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_' || c == '~';
}

// Where whoever refuses has no better word: every refusal says what to do next.
std::string_view usualHint(unsigned status) {
    constexpr unsigned firstOfServer = 500;
    switch (status) {
    case 401:
    case 403: return "ask as somebody who may";
    case 404: return "look at the list";
    case 408:
    case 429:
    case 503:
    case 504: return "try again in a moment";
    case 413:
    case 431: return "send less at once";
    default: break;
    }
    return status >= firstOfServer ? "see the log of the program that answers" : "mend the request, then send it again";
}

bool decodePercent(std::string_view text, bool plusIsSpace, std::string& out) {
    out.clear();
    for (size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%') {
            uint8_t byte = 0;
            if (text.size() - i < 3 || !fromHex(text.substr(i + 1, 2), {&byte, 1})) return false;
            out += static_cast<char>(byte);
            i += 2;
        } else {
            out += plusIsSpace && text[i] == '+' ? ' ' : text[i];
        }
    }
    return true;
}

}  // namespace

bool sameHeaderName(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view describe(NetError error) {
    switch (error) {
    case NetError::CannotListen: return "the address or socket is taken or not allowed";
    case NetError::CannotConnect: return "nobody answers at the address";
    case NetError::Refused: return "one end does not accept the other's key";
    case NetError::TimedOut: return "no answer in time";
    case NetError::Closed: return "the connection was closed";
    case NetError::TooLarge: return "a message is larger than the limit";
    case NetError::Malformed: return "the other end does not speak the protocol";
    case NetError::QueueFull: return "the other end does not read what it is sent";
    }
    return "unknown";
}

std::string_view HttpRequest::header(std::string_view name) const { return find(headers, name); }
std::string_view HttpResponse::header(std::string_view name) const { return find(headers, name); }

HttpResponse HttpResponse::error(unsigned status, std::string_view code, std::string_view message,
                                 std::string_view hint) {
    const nlohmann::json json{{"code", code}, {"message", message}, {"hint", hint.empty() ? usualHint(status) : hint}};
    HttpResponse response;
    response.status = status;
    response.body = json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
    return response;
}

std::string encodeQueryValue(std::string_view value) {
    static constexpr char digits[] = "0123456789ABCDEF";
    std::string out;
    for (char c : value) {
        if (isUnreserved(c)) {
            out += c;
        } else {
            const auto byte = static_cast<uint8_t>(c);
            out += '%';
            out += digits[byte >> 4];
            out += digits[byte & 15];
        }
    }
    return out;
}

bool decodeTarget(std::string_view target, HttpRequest& request) {
    const size_t mark = target.find('?');
    if (!decodePercent(target.substr(0, mark), false, request.path)) return false;
    request.query.clear();
    std::string_view rest = mark == std::string_view::npos ? std::string_view{} : target.substr(mark + 1);
    while (!rest.empty()) {
        const size_t end = rest.find('&');
        const std::string_view pair = rest.substr(0, end);
        rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
        const size_t equals = pair.find('=');
        std::string name;
        std::string value;
        if (!decodePercent(pair.substr(0, equals), true, name)) return false;
        if (equals != std::string_view::npos && !decodePercent(pair.substr(equals + 1), true, value)) return false;
        if (!name.empty()) request.query[name] = value;
    }
    return true;
}

}  // namespace netpas::net
