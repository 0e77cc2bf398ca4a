#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "app/isp/edge_command.h"
#include "core/net/http_client.h"

namespace netpas::isp {

namespace {

using nlohmann::json;

std::string textOf(const json& object, const char* key) {
    const json& value = object.at(key);
    return value.is_string() ? value.get<std::string>() : value.dump();
}

void print(const json& counters) {
    std::printf("edge router %s of ISP %s\n\n", textOf(counters, "router").c_str(), textOf(counters, "isp").c_str());
    for (const auto& [name, count] : counters.at("verdicts").items()) {
        if (count.get<uint64_t>() != 0) std::printf("  %-24s %15s packets\n", name.c_str(), count.dump().c_str());
    }
    for (const json& link : counters.at("links")) {
        std::printf("\nto ISP %s by exit %s (%s): %s packets, own service $%s, downstream $%s",
                    textOf(link, "isp").c_str(), textOf(link, "exit").c_str(), textOf(link, "interface").c_str(),
                    textOf(link, "packets").c_str(), textOf(link, "own").c_str(), textOf(link, "downstream").c_str());
    }
    const json& delivered = counters.at("delivered");
    std::printf("\ndelivered here: %s packets, own service $%s\n", textOf(delivered, "packets").c_str(),
                textOf(delivered, "own").c_str());
    for (const json& one : counters.at("ingress")) {
        std::printf("from ISP %s: %s packets, for its service $%s\n", textOf(one, "isp").c_str(),
                    textOf(one, "packets").c_str(), textOf(one, "upstream").c_str());
    }
    for (const json& one : counters.at("downstream")) {
        std::printf("through ISP %s for ISP %s: $%s\n", textOf(one, "neighbour").c_str(), textOf(one, "isp").c_str(),
                    textOf(one, "amount").c_str());
    }
    for (const json& key : counters.at("keys")) {
        std::printf("session key %s: %s packets, $%s\n", textOf(key, "key").c_str(), textOf(key, "packets").c_str(),
                    textOf(key, "amount").c_str());
    }
    for (const json& bucket : counters.at("buckets")) {
        std::printf("%s %s may still send $%s\n", textOf(bucket, "kind").c_str(), textOf(bucket, "name").c_str(),
                    textOf(bucket, "level").c_str());
    }
    const bool connected = counters.at("accounting").at("connected").get<bool>();
    std::printf("accounting server: %s\n", connected ? "connected" : "not connected");
}

}  // namespace

int runCounters(const std::vector<std::string>& arguments) {
    CLI::App app("What an edge router has counted", "netpas-isp counters");
    std::string socket;
    bool asJson = false;
    app.add_option("--socket", socket, "the router's admin socket")->required();
    app.add_flag("--json", asJson, "one JSON object");
    try {
        app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    net::HttpCall call;
    call.target = "/v1/counters";
    call.maxBody = size_t{256} << 20;
    const net::HttpAnswer answer = net::httpCall(net::UnixTarget{socket}, call);
    if (!answer) {
        std::fprintf(stderr, "netpas-isp counters: %s: %s; is the edge router running, and is this its admin_socket?\n",
                     socket.c_str(), std::string(net::describe(answer.error())).c_str());
        return 3;
    }
    const json counters = json::parse(answer->body, nullptr, false);
    if (answer->status != 200 || !counters.is_object()) {
        std::fprintf(stderr, "netpas-isp counters: the router answered %u\n", answer->status);
        return 1;
    }
    if (asJson) {
        std::printf("%s\n", answer->body.c_str());
        return 0;
    }
    try {
        print(counters);
    } catch (const json::exception&) {
        std::fprintf(stderr, "netpas-isp counters: this is not an edge router's answer; try --json\n");
        return 1;
    }
    return 0;
}

}  // namespace netpas::isp
