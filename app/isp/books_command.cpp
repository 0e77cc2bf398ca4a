#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "app/isp/books_merge.h"
#include "app/isp/server_commands.h"
#include "core/net/http_client.h"

namespace netpas::isp {

namespace {

using nlohmann::json;

std::string textOf(const json& object, const char* key) {
    const json& value = object.at(key);
    return value.is_string() ? value.get<std::string>() : value.dump();
}

void printComparison(const char* what, const json& comparison) {
    std::printf("    %-34s counted $%s, confirmed $%s, difference $%s (chance explains $%s)%s\n", what,
                textOf(comparison, "counted").c_str(), textOf(comparison, "confirmed").c_str(),
                textOf(comparison, "difference").c_str(), textOf(comparison, "tolerance").c_str(),
                textOf(comparison, "verdict") == "fits" ? "" : "  ALARM");
}

void print(const json& books) {
    std::printf("books of ISP %s (%s)\n\n", textOf(books, "isp").c_str(), textOf(books, "name").c_str());
    for (const json& customer : books.at("customers")) {
        std::printf("customer %s owes $%s for %s packets (%zu session keys)\n", textOf(customer, "name").c_str(),
                    textOf(customer, "amount").c_str(), textOf(customer, "packets").c_str(),
                    customer.at("keys").size());
    }
    for (const json& neighbour : books.at("neighbours")) {
        std::printf("\nneighbour %s (ISP %s, %s): owes us $%s, we owe $%s, balance $%s, %s confirmations wait\n",
                    textOf(neighbour, "name").c_str(), textOf(neighbour, "isp").c_str(),
                    neighbour.at("connected").get<bool>() ? "connected" : "not connected",
                    textOf(neighbour, "owed_by").c_str(), textOf(neighbour, "owed_to").c_str(),
                    textOf(neighbour, "balance").c_str(), textOf(neighbour, "waiting").c_str());
        printComparison("our service handed to it", neighbour.at("own"));
        printComparison("later ISPs' services through it", neighbour.at("downstream"));
    }
    std::printf("\n");
    for (const json& isp : books.at("downstream_isps")) {
        printComparison(("services of ISP " + textOf(isp, "isp")).c_str(), isp);
    }
    printComparison("our service delivered here", books.at("delivered"));
    for (const json& server : books.value("servers", json::array())) {
        std::printf("    with server %s of this ISP: owes us $%s, we owe $%s\n", textOf(server, "name").c_str(),
                    textOf(server, "owed_by").c_str(), textOf(server, "owed_to").c_str());
    }
    if (books.contains("between_servers")) {
        std::printf("    between the servers of this ISP $%s is under way\n",
                    textOf(books.at("between_servers"), "net").c_str());
    }
    if (books.contains("disputes") && !books["disputes"].empty()) {
        std::printf("\ndisputes\n");
        for (const json& dispute : books["disputes"]) {
            std::printf("  %s (%s)\n", textOf(dispute, "text").c_str(), textOf(dispute, "state").c_str());
        }
    }
    std::printf("\n%s alarms\n", textOf(books, "alarm_count").c_str());
    for (const json& alarm : books.at("alarms")) {
        std::printf("  %s: %s: %s\n", textOf(alarm, "kind").c_str(), textOf(alarm, "subject").c_str(),
                    textOf(alarm, "text").c_str());
    }
}

net::HttpAnswer ask(const char* command, const std::string& socket, net::HttpCall call) {
    call.maxBody = size_t{256} << 20;
    auto answer = net::httpCall(net::UnixTarget{socket}, call);
    if (!answer) {
        std::fprintf(stderr, "netpas-isp %s: %s: %s; is the accounting server running, and is this its admin_socket?\n",
                     command, socket.c_str(), std::string(net::describe(answer.error())).c_str());
    }
    return answer;
}

int complain(const char* command, const net::HttpResponse& answer) {
    const json body = json::parse(answer.body, nullptr, false);
    const bool explained = body.is_object() && body.contains("message");
    std::fprintf(stderr, "netpas-isp %s: %s\n", command,
                 explained ? textOf(body, "message").c_str() : "the accounting server's answer is not understood");
    return 1;
}

}  // namespace

int runBooks(const std::vector<std::string>& arguments) {
    CLI::App app("What an accounting server has in its books", "netpas-isp books");
    std::vector<std::string> sockets;
    bool asJson = false;
    bool invoices = false;
    app.add_option("--socket", sockets, "the server's admin socket; of several servers of one ISP: their sums")
        ->required();
    app.add_flag("--json", asJson, "one JSON object");
    app.add_flag("--invoices", invoices, "the invoices instead, as JSON");
    try {
        app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    net::HttpCall call;
    call.target = invoices ? "/v1/invoices" : "/v1/books";
    std::vector<std::string> bodies;
    for (const std::string& socket : sockets) {
        const auto answer = ask("books", socket, call);
        if (!answer) return 3;
        if (answer->status != 200 || !json::parse(answer->body, nullptr, false).is_object())
            return complain("books", *answer);
        bodies.push_back(answer->body);
    }
    if (bodies.size() > 1) {
        auto sum = mergeBooks(bodies);
        if (!sum) {
            std::fprintf(stderr, "netpas-isp books: %s\n", sum.error().c_str());
            return 1;
        }
        bodies = {std::move(*sum)};
    }
    if (asJson || invoices) {
        std::printf("%s", bodies.front().c_str());
        return 0;
    }
    const json books = json::parse(bodies.front());
    try {
        print(books);
    } catch (const json::exception&) {
        std::fprintf(stderr, "netpas-isp books: this is not an accounting server's answer; try --json\n");
        return 1;
    }
    return 0;
}

int runForgetCustomer(const std::vector<std::string>& arguments) {
    CLI::App app("Lets a customer enrol another identity", "netpas-isp forget-customer");
    std::string socket;
    std::string name;
    app.add_option("--socket", socket, "the server's admin socket")->required();
    app.add_option("customer", name, "the customer's name in the configuration")->required();
    try {
        app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    net::HttpCall call;
    call.method = "POST";
    call.target = "/v1/customers/" + net::encodeQueryValue(name) + "/forget";
    const auto answer = ask("forget-customer", socket, call);
    if (!answer) return 3;
    return answer->status == 204 ? 0 : complain("forget-customer", *answer);
}

}  // namespace netpas::isp
