// `netpas-isp bill` and `netpas-isp audit export`: what the operator does with an accounting server's books.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "app/isp/server_commands.h"
#include "core/net/http_client.h"

namespace netpas::isp {

namespace {

using nlohmann::json;

struct Given {
    std::string socket;
    std::string compareWith;
    std::string out;
    std::string reference;
    std::optional<uint32_t> cycle;
    std::optional<uint16_t> isp;
    bool asJson = false;
};

// Whole answers only; what went wrong is said.
std::optional<net::HttpResponse> ask(const char* command, const std::string& socket, const std::string& method,
                                     const std::string& target, const std::string& body = {}) {
    net::HttpCall call;
    call.method = method;
    call.target = target;
    call.body = body;
    call.maxBody = size_t{256} << 20;
    auto answer = net::httpCall(net::UnixTarget{socket}, call);
    if (!answer) {
        std::fprintf(stderr, "netpas-isp %s: %s: %s; is the accounting server running, and is this its admin_socket?\n",
                     command, socket.c_str(), std::string(net::describe(answer.error())).c_str());
        return std::nullopt;
    }
    return std::move(*answer);
}

int complain(const char* command, const net::HttpResponse& answer) {
    const json body = json::parse(answer.body, nullptr, false);
    std::string message = "the accounting server's answer is not understood";
    if (body.is_object() && body.contains("message")) {
        message = body.at("message").get<std::string>();
        if (body.contains("hint") && body.at("hint").is_string()) message += "; " + body.at("hint").get<std::string>();
    }
    std::fprintf(stderr, "netpas-isp %s: %s\n", command, message.c_str());
    return 1;
}

std::string day(const json& microseconds) {
    const auto seconds = static_cast<std::time_t>(microseconds.get<int64_t>() / 1'000'000);
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    char text[32];
    return std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts) > 0 ? text : "?";
}

void print(const json& bill, const json& issuer) {
    const std::string name = bill.value("name", std::string("?"));
    std::printf("ISP %s (%s), cycle %s, %s to %s UTC: %s\n", bill.at("isp").dump().c_str(), name.c_str(),
                bill.at("cycle").dump().c_str(), day(bill.at("from")).c_str(), day(bill.at("to")).c_str(),
                bill.at("state").get<std::string>().c_str());
    for (const auto& [item, line] : bill.at("lines").items()) {
        const json& theirs = line.at("theirs");
        const json& ours = line.at("ours");
        if (theirs.at("count") == 0 && ours.at("count") == 0) continue;
        std::printf("  %-14s it owes $%s (%s), we owe $%s (%s)\n", item.c_str(),
                    theirs.at("total").get<std::string>().c_str(), theirs.at("count").dump().c_str(),
                    ours.at("total").get<std::string>().c_str(), ours.at("count").dump().c_str());
    }
    std::printf("  fees earned    $%s\n", bill.at("fees").get<std::string>().c_str());
    const json& payer = bill.at("payer");
    std::string net = bill.at("net").get<std::string>();
    if (net.starts_with("-")) net.erase(0, 1);
    if (payer.is_null()) {
        std::printf("  net            nobody pays\n");
    } else {
        const bool they = payer == bill.at("isp");
        std::printf("  net            ISP %s pays ISP %s $%s\n", payer.dump().c_str(),
                    (they ? issuer : bill.at("isp")).dump().c_str(), net.c_str());
    }
    if (bill.contains("settled"))
        std::printf("  paid           %s, %s\n", day(bill.at("settled").at("paid")).c_str(),
                    bill.at("settled").at("reference").get<std::string>().c_str());
}

bool wanted(const json& bill, const Given& given) {
    return (!given.cycle || bill.at("cycle") == *given.cycle) && (!given.isp || bill.at("isp") == *given.isp);
}

// Under another name until it is whole: nobody takes a part for the books.
class PartialFile {
public:
    explicit PartialFile(std::string name)
        : m_name(std::move(name)), m_part(m_name + "." + std::to_string(::getpid()) + ".part") {
        m_file.open(m_part, std::ios::binary | std::ios::trunc);
    }
    ~PartialFile() {
        if (m_done) return;
        m_file.close();
        std::remove(m_part.c_str());
    }
    PartialFile(const PartialFile&) = delete;
    PartialFile& operator=(const PartialFile&) = delete;
    [[nodiscard]] bool add(const std::string& piece) { return m_file.write(piece.data(), std::ssize(piece)).good(); }
    [[nodiscard]] bool finish() {
        m_file.close();
        m_done = m_file.good() && std::rename(m_part.c_str(), m_name.c_str()) == 0;
        return m_done;
    }

private:
    std::string m_name;
    std::string m_part;
    std::ofstream m_file;
    bool m_done = false;
};

int list(const Given& given) {
    const auto answer = ask("bill", given.socket, "GET", "/v1/bills");
    if (!answer) return 3;
    json body = json::parse(answer->body, nullptr, false);
    if (answer->status != 200 || !body.is_object()) return complain("bill", *answer);
    json chosen = json::array();
    for (const json& bill : body.at("bills")) {
        if (wanted(bill, given)) chosen.push_back(bill);
    }
    body["bills"] = chosen;
    if (!given.out.empty()) {
        PartialFile file(given.out);
        if (!file.add(body.dump(1) + "\n") || !file.finish()) {
            std::fprintf(stderr, "netpas-isp bill: %s cannot be written\n", given.out.c_str());
            return 1;
        }
    }
    if (given.asJson) {
        std::printf("%s\n", body.dump(1).c_str());
    } else if (given.out.empty()) {
        for (const json& bill : chosen) print(bill, body.at("isp"));
        if (chosen.empty()) std::printf("no bills\n");
    }
    return 0;
}

// Every closed bill in a neighbour's file against ours; 1 when one differs.
int compare(const Given& given) {
    std::ifstream file(given.compareWith);
    const json theirs = json::parse(file, nullptr, false);
    if (!theirs.is_object() || !theirs.contains("bills")) {
        std::fprintf(stderr, "netpas-isp bill: %s is not what `netpas-isp bill --out` writes\n",
                     given.compareWith.c_str());
        return 2;
    }
    json results = json::array();
    int code = 0;
    for (const json& bill : theirs.at("bills")) {
        if (!bill.contains("bill") || (given.cycle && bill.at("cycle") != *given.cycle)) continue;
        const auto answer =
            ask("bill", given.socket, "POST", "/v1/bills/compare", json{{"bill", bill.at("bill")}}.dump());
        if (!answer) return 3;
        const json result = json::parse(answer->body, nullptr, false);
        if (answer->status != 200 || !result.is_object()) return complain("bill", *answer);
        // A file has the bills of all its neighbours: the others are none of our business.
        if (result.at("comparable") == json(false)) continue;
        if (result.at("agrees") != json(true)) code = 1;
        results.push_back(result);
    }
    if (given.asJson) {
        std::printf("%s\n", json{{"results", results}, {"agrees", code == 0 && !results.empty()}}.dump(1).c_str());
        return code;
    }
    for (const json& result : results) {
        std::printf("ISP %s, cycle %s: signature %s, %s\n", result.at("isp").dump().c_str(),
                    result.at("cycle").dump().c_str(), result.at("signature").get<std::string>().c_str(),
                    result.at("agrees") == json(true) ? "agrees" : "DIFFERS");
        if (result.value("versions_signed", 0) > 1)
            std::printf("  it has signed another bill for this cycle: both are in netpas-isp audit export\n");
        for (const json& one : result.at("differences")) {
            std::printf(
                "  %s owed by ISP %s: here $%s (%s), there $%s (%s)\n", one.at("item").get<std::string>().c_str(),
                one.at("owed_by").dump().c_str(), one.at("here").at("total").get<std::string>().c_str(),
                one.at("here").at("count").dump().c_str(), one.at("there").at("total").get<std::string>().c_str(),
                one.at("there").at("count").dump().c_str());
        }
    }
    if (results.empty()) std::printf("no closed bill in this file is between the two of us\n");
    return code;
}

int settle(const Given& given) {
    if (!given.cycle || !given.isp) {
        std::fprintf(stderr, "netpas-isp bill: --paid needs --isp and --cycle\n");
        return 2;
    }
    const auto answer = ask("bill", given.socket, "POST", "/v1/bills/settle",
                            json{{"isp", *given.isp}, {"cycle", *given.cycle}, {"reference", given.reference}}.dump());
    if (!answer) return 3;
    return answer->status == 204 ? 0 : complain("bill", *answer);
}

int exportTo(const Given& given) {
    const auto begun = ask("audit", given.socket, "POST", "/v1/audit");
    if (!begun) return 3;
    const json body = json::parse(begun->body, nullptr, false);
    if (begun->status != 200 || !body.is_object() || !body.contains("id")) return complain("audit", *begun);
    const std::string target = "/v1/audit/" + body.at("id").get<std::string>();
    PartialFile file(given.out);
    size_t size = 0;
    bool written = true;
    while (written) {
        const auto piece = ask("audit", given.socket, "GET", target);
        if (!piece) return 3;
        if (piece->status != 200) return complain("audit", *piece);
        if (piece->body.empty()) break;
        size += piece->body.size();
        written = file.add(piece->body);
    }
    if (!written || !file.finish()) {
        std::fprintf(stderr, "netpas-isp audit: %s cannot be written; is there space, and may you write there?\n",
                     given.out.c_str());
        return 1;
    }
    std::printf("%zu bytes in %s; check it with: netpas audit verify %s\n", size, given.out.c_str(), given.out.c_str());
    return 0;
}

int parse(CLI::App& app, const std::vector<std::string>& arguments) {
    try {
        app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    return -1;
}

}  // namespace

int runBill(const std::vector<std::string>& arguments) {
    CLI::App app("What is owed with each neighbour, by billing cycle", "netpas-isp bill");
    Given given;
    app.add_option("--socket", given.socket, "the server's admin socket")->required();
    app.add_option("--cycle", given.cycle, "only this cycle");
    app.add_option("--isp", given.isp, "only this neighbour");
    app.add_option("--out", given.out, "write them to this file, for the neighbour to compare");
    app.add_option("--compare", given.compareWith, "a neighbour's file: what is different in our books");
    app.add_option("--paid", given.reference, "record that the bill of --isp and --cycle was paid: a reference");
    app.add_flag("--json", given.asJson, "one JSON object");
    if (const int code = parse(app, arguments); code >= 0) return code;
    if (!given.compareWith.empty()) return compare(given);
    if (!given.reference.empty()) return settle(given);
    return list(given);
}

int runAudit(const std::vector<std::string>& arguments) {
    CLI::App app("What an auditor gets", "netpas-isp audit");
    Given given;
    app.require_subcommand(1);
    CLI::App* const verb = app.add_subcommand("export", "the books as a signed file that anybody can verify");
    verb->add_option("--socket", given.socket, "the server's admin socket")->required();
    verb->add_option("--out", given.out, "the file to write")->required();
    if (const int code = parse(app, arguments); code >= 0) return code;
    return exportTo(given);
}

}  // namespace netpas::isp
