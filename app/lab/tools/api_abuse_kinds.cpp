#include "app/lab/tools/api_abuse_kinds.h"

#include <map>

#include "core/random.h"

namespace netpas::lab {
namespace {

constexpr uint64_t gigabyte = uint64_t{1} << 30;
constexpr uint64_t pipelined = 200;
constexpr size_t deepest = 100'000;
// What still fits into the body of any request (65,536 bytes), and of those that the secretary answers itself (8,192).
constexpr size_t deepestThatFits = 32'000, deepestForSecretary = 4'000;

// The lines that every request of an abuser has.
struct Style {
    std::string host, authorization;

    [[nodiscard]] std::string request(const std::string& line, const std::string& more = {}) const {
        return line + " HTTP/1.1\r\n" + host + authorization + more + "\r\n";
    }
    [[nodiscard]] std::string post(const std::string& path, const std::string& body,
                                   const std::string& more = {}) const {
        return request("POST " + path, more + "Content-Type: application/json\r\nContent-Length: " +
                                           std::to_string(body.size()) + "\r\n") +
               body;
    }
};

std::string nested(size_t depth, bool objects) {
    std::string text;
    for (size_t i = 0; i < depth; ++i) text += objects ? "{\"a\":" : "[";
    if (objects) text += "1";
    return text + std::string(depth, objects ? '}' : ']');
}

ApiAbuse same(std::string text, uint64_t requests = 1) {
    ApiAbuse abuse;
    abuse.text = [text = std::move(text)](uint64_t) { return text; };
    abuse.requests = requests;
    return abuse;
}

ApiAbuse deepJson(const Style& style) {
    ApiAbuse abuse;
    abuse.goesOn = true;
    abuse.text = [style](uint64_t number) {
        static const std::vector<std::string> paths{"/v1/purchases", "/v1/quotes", "/v1/payments",
                                                    "/v1/content",   "/v1/tokens", "/quality-on-demand/v1/sessions"};
        static const std::vector<std::string> bodies{nested(deepest, false),
                                                     nested(deepest, true),
                                                     nested(deepestThatFits, false),
                                                     nested(deepestThatFits / 3, true),
                                                     nested(deepestForSecretary, false),
                                                     "{\"to\":" + nested(deepestForSecretary, false) + "}"};
        return style.post(paths[number % paths.size()], bodies[number / paths.size() % bodies.size()]);
    };
    return abuse;
}

// New every time: each is written down, whatever becomes of it.
ApiAbuse purchases(const Style& style, uint64_t seed) {
    ApiAbuse abuse;
    abuse.goesOn = true;
    abuse.text = [style, seed](uint64_t number) {
        const std::string body = "{\"to\":\"192.0.2." + std::to_string(number % 250 + 1) +
                                 "\",\"protocol\":\"udp\",\"to_port\":" + std::to_string(1 + number % 65000) +
                                 ",\"cap\":\"1\",\"purpose\":\"flood\"}";
        return style.post("/v1/purchases", body,
                          "Idempotency-Key: " + std::to_string(seed) + "-" + std::to_string(number) + "\r\n");
    };
    return abuse;
}

ApiAbuse garbage(uint64_t seed) {
    ApiAbuse abuse;
    abuse.text = [seed](uint64_t number) {
        SeededRandom random(seed + number);
        std::string bytes(1 + random.below(4096), '\0');
        for (char& byte : bytes) byte = static_cast<char>(random.below(256));
        return bytes;
    };
    return abuse;
}

using Make = std::function<ApiAbuse(const Style&, uint64_t seed)>;

const std::map<std::string, Make>& kinds() {
    static const std::map<std::string, Make> all{
        {"idle", [](const Style&, uint64_t) { return same("", 0); }},
        {"churn",
         [](const Style&, uint64_t) {
             ApiAbuse abuse = same("", 0);
             abuse.hangsUp = true;
             return abuse;
         }},
        {"slow-headers",
         [](const Style& style, uint64_t) {
             ApiAbuse abuse = same("");
             abuse.slow = style.request("GET /v1/status", "X-Slow: " + std::string(600, 's') + "\r\n");
             return abuse;
         }},
        {"slow-body",
         [](const Style& style, uint64_t) {
             ApiAbuse abuse = same(style.request("POST /v1/quotes", "Content-Length: 60000\r\n"));
             abuse.slow = std::string(60000, ' ');
             return abuse;
         }},
        {"unread",
         [](const Style& style, uint64_t) {
             std::string text;
             for (uint64_t i = 0; i < pipelined; ++i) text += style.request("GET /v1/status");
             ApiAbuse abuse = same(std::move(text), pipelined);
             abuse.reads = false;
             return abuse;
         }},
        {"big-length",
         [](const Style& style, uint64_t) {
             ApiAbuse abuse =
                 same(style.request("POST /v1/purchases", "Content-Length: " + std::to_string(gigabyte) + "\r\n"));
             abuse.filler = std::string(65536, ' ');
             abuse.fillerBytes = gigabyte;
             return abuse;
         }},
        {"big-chunked",
         [](const Style& style, uint64_t) {
             ApiAbuse abuse = same(style.request("POST /v1/purchases", "Transfer-Encoding: chunked\r\n"));
             abuse.filler = "1000\r\n" + std::string(0x1000, ' ') + "\r\n";
             abuse.fillerBytes = gigabyte;
             return abuse;
         }},
        {"header-flood",
         [](const Style& style, uint64_t) {
             ApiAbuse abuse = same("GET /v1/status HTTP/1.1\r\n" + style.host + style.authorization);
             abuse.filler = "X-" + std::string(100, 'h') + ": v\r\n";
             abuse.fillerBytes = gigabyte;
             return abuse;
         }},
        {"deep-json", [](const Style& style, uint64_t) { return deepJson(style); }},
        {"pipelining",
         [](const Style& style, uint64_t) {
             std::string text;
             for (uint64_t i = 0; i < pipelined; ++i) text += style.request("GET /v1/status");
             ApiAbuse abuse = same(std::move(text), pipelined);
             abuse.goesOn = true;
             return abuse;
         }},
        {"status",
         [](const Style& style, uint64_t) {
             ApiAbuse abuse = same(style.request("GET /v1/status"));
             abuse.goesOn = true;
             return abuse;
         }},
        {"quotes",
         [](const Style& style, uint64_t) {
             ApiAbuse abuse =
                 same(style.post("/v1/quotes", "{\"to\":\"192.0.2.1\",\"stream_bit_per_second\":5000000}"));
             abuse.goesOn = true;
             return abuse;
         }},
        {"history",
         [](const Style& style, uint64_t) {
             ApiAbuse abuse = same(style.request("GET /v1/history?limit=100"));
             abuse.goesOn = true;
             return abuse;
         }},
        {"watch",
         [](const Style& style, uint64_t) {
             ApiAbuse abuse = same(style.request("GET /v1/watch"));
             abuse.reads = false;
             return abuse;
         }},
        {"purchases", [](const Style& style, uint64_t seed) { return purchases(style, seed); }},
        {"garbage", [](const Style&, uint64_t seed) { return garbage(seed); }},
    };
    return all;
}

}  // namespace

std::optional<ApiAbuse> apiAbuse(const std::string& kind, const std::string& host, const std::string& authorization,
                                 uint64_t seed) {
    const auto found = kinds().find(kind);
    if (found == kinds().end()) return std::nullopt;
    return found->second({host, authorization}, seed);
}

std::vector<std::string> apiAbuseKinds() {
    std::vector<std::string> names;
    for (const auto& [name, make] : kinds()) names.push_back(name);
    return names;
}

}  // namespace netpas::lab
