// The web that is paid for (HTTP 402, x402): buyers fetch through connections that are cut or fall silent at random moments, some
// buyers are killed, and so is the secretary. Each order must be paid once and its content must come whole. With the official packages
// (NETPAS_X402_PEERS) an Express server and the official client take part, in all combinations with ours.
#include "app/lab/scenario/x402.h"

#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "app/lab/command.h"
#include "app/lab/parties.h"
#include "app/lab/scenario/books.h"
#include "app/lab/scenario/payment_parties.h"
#include "app/lab/tools/cutting_proxy.h"
#include "core/net_address.h"
#include "core/random.h"

namespace netpas::lab {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr uint64_t defaultRequests = 60;
constexpr uint64_t defaultKills = 1;
constexpr int spoiled = 60;  // of 100 connections
constexpr size_t buyers = 8;
constexpr size_t longestItem = 12'000;
constexpr int runsOfOne = 12;  // of `netpas fetch` for the same order
constexpr uint16_t sitePort = 9402, expressPort = 9403, facilitatorPort = 4021;
constexpr uint16_t siteDoor = 8402, expressDoor = 8403;  // through the proxies
constexpr const char* price = "0.01";  // a thousand of them are within what an ISP lends a customer in a day

// Who buys from whom.
enum class Pair : uint8_t { OursOurs, OursOfficial, OfficialOurs, OfficialOfficial, OfficialOursVersion1 };
constexpr std::array pairs{Pair::OursOurs, Pair::OursOfficial, Pair::OfficialOurs, Pair::OfficialOfficial,
                           Pair::OfficialOursVersion1};

std::string nameOf(Pair pair) {
    switch (pair) {
    case Pair::OursOurs: return "netpas fetch, netpas-payee";
    case Pair::OursOfficial: return "netpas fetch, @x402/express";
    case Pair::OfficialOurs: return "@x402/fetch, netpas-payee";
    case Pair::OfficialOfficial: return "@x402/fetch, @x402/express";
    case Pair::OfficialOursVersion1: return "@x402/fetch version 1, netpas-payee";
    }
    return {};
}
bool isOurBuyer(Pair pair) { return pair == Pair::OursOurs || pair == Pair::OursOfficial; }
bool isOurSeller(Pair pair) { return pair != Pair::OursOfficial && pair != Pair::OfficialOfficial; }

struct Request {
    Pair pair{};
    std::string url;
    std::string item;  // the file that is sold
    std::string file;  // where it shall come
    std::string trouble;
};

std::string contentsOf(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

class Web {
public:
    explicit Web(ScenarioContext& context)
        : m_context(context), m_lab(context.lab()), m_random(context.options().seed) {}

    Expected<void> run() {
        LAB_TRY(prepare());
        LAB_TRY(startSellers());
        LAB_TRY(buyAll());
        return judge();
    }

private:
    [[nodiscard]] std::string inNamespaceOf(const std::string& host) const { return m_lab.netns(host); }
    [[nodiscard]] std::vector<std::string> inside(const std::string& host, std::vector<std::string> argv) const {
        std::vector<std::string> all{"ip", "netns", "exec", m_lab.netns(host)};
        all.insert(all.end(), std::make_move_iterator(argv.begin()), std::make_move_iterator(argv.end()));
        return all;
    }

    Expected<void> prepare() {
        const uint64_t count = m_context.options().requests != 0 ? m_context.options().requests : defaultRequests;
        if (const char* const folder = std::getenv("NETPAS_X402_PEERS")) m_peers = folder;
        m_folder = m_lab.folder() + "/web";
        std::error_code error;
        fs::create_directories(m_folder + "/site/item", error);
        fs::create_directories(m_folder + "/came", error);
        if (error) return fail(LabErrc::State, m_folder + ": " + error.message());
        fs::permissions(m_folder, fs::perms(0755), error);
        m_address = m_context.plan().address("a", false).value_or(IpAddress());
        for (uint64_t i = 0; i < count; ++i) {
            Request request;
            request.pair = m_peers.empty() ? Pair::OursOurs : pairs[i % pairs.size()];
            const std::string name = "/item/" + std::to_string(i) + ".txt";
            request.item = m_folder + "/site" + name;
            request.file = m_folder + "/came/" + std::to_string(i);
            request.url = "http://" + m_address.toString() + ":" +
                          std::to_string(isOurSeller(request.pair) ? siteDoor : expressDoor) + name;
            std::ofstream out(request.item, std::ios::binary);
            out << "item " << i << "\n" << std::string(m_random.below(longestItem), static_cast<char>('a' + i % 26));
            if (!out.flush()) return fail(LabErrc::State, request.item + " cannot be written");
            m_requests.push_back(std::move(request));
        }
        return {};
    }

    Expected<void> startSellers() {
        const auto url = joinUrl(m_lab, "X");
        if (!url) return tl::unexpected(url.error());
        const std::string at = m_address.toString();
        std::ofstream config(m_folder + "/payee.toml");
        config << "isp = \"" << *url << "\"\nstate_dir = \"" << m_folder << "/state\"\nmost_deliveries = 1000\n"
               << "[facilitator]\nlisten = \"" << at << ":" << facilitatorPort << "\"\n"
               << "[site]\nlisten = \"" << at << ":" << sitePort << "\"\nurl = \"http://" << at << ":" << siteDoor
               << "\"\nroot = \"" << m_folder << "/site\"\n"
               << "[[site.price]]\npath = \"/item/*\"\namount = \"" << price << "\"\npurpose = \"article\"\n";
        config.close();
        LAB_TRY(m_lab.startProgram("netpas-payee", "a",
                                   {programPath("netpas-payee"), "--config", m_folder + "/payee.toml"}));
        LAB_TRY(waitUntil("netpas-payee to receive payments", 15s, [&] {
            const auto now = gateway();
            if (now && now->value("receiving", false)) m_payee = now->value("payee", "");
            return !m_payee.empty();
        }));
        LAB_TRY(netpas(m_lab, "b", {"contacts", "add", "Seller", "--payee", m_payee}));
        // Programs ask through the agent, and nobody is there to be asked: a rule answers.
        LAB_TRY(netpas(m_lab, "b",
                       {"rules", "add", "--purpose", "article", "--up-to", "0.06", "--per", "item", "--always"}));
        if (!m_peers.empty()) LAB_TRY(startExpress());
        const auto door = [&](uint16_t from, uint16_t to, uint64_t seed) {
            return CuttingProxy::start(inNamespaceOf("a"), {m_address, from}, {m_address, to}, seed, spoiled);
        };
        auto site = door(siteDoor, sitePort, m_context.options().seed);
        auto express = door(expressDoor, expressPort, m_context.options().seed + 1'000'000);
        if (!site || !express) return fail(LabErrc::System, "the proxies cannot be started");
        m_doors.push_back(std::move(*site));
        m_doors.push_back(std::move(*express));
        return {};
    }

    Expected<void> startExpress() {
        const std::string at = m_address.toString();
        LAB_TRY(m_lab.startProgram(
            "express", "a",
            {"node", m_peers + "/server.mjs", at, std::to_string(expressPort),
             "http://" + at + ":" + std::to_string(facilitatorPort), m_payee, "24", m_folder + "/site"}));
        return waitUntil("the Express server to sell", 20s, [&] {
            const auto asked =
                runCommand(inside("a", {"curl", "-s", "-o", "/dev/null", "-w", "%{http_code}",
                                        "http://" + at + ":" + std::to_string(expressPort) + "/item/0.txt"}));
            return asked && asked->out == "402";
        });
    }

    // What netpas-payee says of itself.
    Expected<Json> gateway() {
        const auto said = requireCommand(inside(
            "a", {"curl", "-s", "http://" + m_address.toString() + ":" + std::to_string(facilitatorPort) + "/status"}));
        if (!said) return tl::unexpected(said.error());
        Json body = Json::parse(*said, nullptr, false);
        if (body.is_discarded()) return fail(LabErrc::Evidence, "netpas-payee did not answer JSON");
        return body;
    }

    // --- buying

    // As a person would: the same command again until the content is there, however the command ended; some of them are killed in between.
    void fetch(Request& request, uint64_t seed) {
        SeededRandom random(seed);
        for (int run = 0; run < runsOfOne; ++run) {
            std::vector<std::string> argv;
            if (run == 0 && random.below(10) == 0) {
                argv = {"timeout", "-s", "KILL", "0." + std::to_string(random.below(9)) + "1"};
                ++m_killedBuyers;
            }
            for (const std::string& part : std::vector<std::string>{
                     programPath("netpas"), "--socket", agentSocket(m_lab.name(), "b"), "--json", "fetch", request.url,
                     "--max-price", "0.06", "--timeout", "40s", "--wait", "20s", "-o", request.file}) {
                argv.push_back(part);
            }
            const auto done = runCommand(inside("b", std::move(argv)));
            if (!done) {
                request.trouble = done.error().text;
                return;
            }
            request.trouble = done->status == 0 ? "" : done->out + done->err;
            if (done->status == 0 || std::filesystem::exists(request.file)) return;
            ++m_repeated;
            // What an ISP lends is bound for a while by payments whose end is not known.
            std::this_thread::sleep_for(200ms * (run + 1));
        }
    }

    void ourBuyers(std::atomic<size_t>& next) {
        for (size_t at = next++; at < m_requests.size(); at = next++) {
            if (isOurBuyer(m_requests[at].pair)) fetch(m_requests[at], m_context.options().seed + at);
        }
    }

    Expected<void> officialBuyers() {
        std::string jobs;
        std::map<std::string, Request*> byUrl;
        for (Request& request : m_requests) {
            if (isOurBuyer(request.pair)) continue;
            const int version = request.pair == Pair::OfficialOursVersion1 ? 1 : 2;
            jobs += Json{{"url", request.url}, {"file", request.file}, {"version", version}}.dump() + "\n";
            byUrl[request.url] = &request;
            request.trouble = "not asked for";
        }
        if (jobs.empty()) return {};
        const auto done =
            runCommand(inside("b", {"node", m_peers + "/client.mjs", agentSocket(m_lab.name(), "b")}), jobs);
        if (!done) return tl::unexpected(done.error());
        m_context.expect(done->status == 0,
                         "the official client ended with " + std::to_string(done->status) + ": " + done->err);
        std::istringstream lines(done->out);
        for (std::string line; std::getline(lines, line);) {
            const Json one = Json::parse(line, nullptr, false);
            const auto found = byUrl.find(one.value("url", ""));
            if (found != byUrl.end()) found->second->trouble = one.value("ok", false) ? "" : one.value("error", "?");
        }
        return {};
    }

    void killSecretaries(const std::atomic<bool>& over) {
        const uint64_t kills = m_context.options().kills != 0 ? m_context.options().kills : defaultKills;
        for (uint64_t i = 0; i < kills && !over; ++i) {
            std::this_thread::sleep_for(1500ms);
            const auto pid = secretaryOf(m_lab, "b");
            if (over || !pid) continue;
            if (::kill(*pid, SIGKILL) == 0) ++m_kills;
        }
    }

    Expected<void> buyAll() {
        m_context.say(std::to_string(m_requests.size()) + " things are bought through connections of which " +
                      std::to_string(spoiled) + " in 100 break or fall silent.");
        const auto begin = std::chrono::steady_clock::now();
        std::atomic<size_t> next{0};
        std::atomic<bool> over{false};
        std::vector<std::thread> threads;
        for (size_t i = 0; i < buyers; ++i) threads.emplace_back([&] { ourBuyers(next); });
        std::thread killer([&] { killSecretaries(over); });
        const auto official = officialBuyers();
        for (std::thread& thread : threads) thread.join();
        over = true;
        killer.join();
        m_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
        return official;
    }

    // --- what became of it

    // How often each address was paid for, by the payer's ledger.
    Expected<std::map<std::string, uint64_t>> paidFor() {
        LAB_TRY(waitUntil("the secretary to know the end of every payment", 60s, [&] {
            const auto all = askNetpas(m_lab, "b", {"payments", "--limit", "10000"});
            if (!all || all->exit != 0) return false;
            m_payments = all->body["payments"];
            return std::none_of(m_payments.begin(), m_payments.end(), [](const Json& one) {
                const std::string state = one.value("state", "");
                return state == "sent" || state == "deciding" || state == "pending";
            });
        }));
        std::map<std::string, uint64_t> counts;
        constexpr std::string_view prefix = "HTTP 402: ";
        for (const Json& one : m_payments) {
            const std::string what = one.value("description", "");
            if (one.value("state", "") == "posted" && what.starts_with(prefix)) ++counts[what.substr(prefix.size())];
        }
        return counts;
    }

    Expected<void> judge() {
        const auto counts = paidFor();
        if (!counts) return tl::unexpected(counts.error());
        uint64_t twice = 0, without = 0, unpaid = 0;
        std::map<Pair, std::pair<uint64_t, uint64_t>> byPair;  // asked for, come
        for (const Request& request : m_requests) {
            const auto found = counts->find(request.url);
            const uint64_t paid = found == counts->end() ? 0 : found->second;
            const bool came = contentsOf(request.file) == contentsOf(request.item);
            twice += paid > 1 ? 1 : 0;
            m_context.expect(paid <= 1, nameOf(request.pair) + ": " + request.url + " was paid for " +
                                            std::to_string(paid) + " times");
            without += paid > 0 && !came ? 1 : 0;
            unpaid += paid == 0 && came ? 1 : 0;
            ++byPair[request.pair].first;
            byPair[request.pair].second += came ? 1 : 0;
            m_context.expect(came, request.url + " did not come: " + request.trouble);
        }
        Json& result = m_context.result();
        result["requests"] = m_requests.size();
        result["paid_twice"] = twice;
        result["paid_without_content"] = without;
        result["content_without_payment"] = unpaid;
        m_context.expect(twice == 0 && without == 0 && unpaid == 0, "payments and contents do not go together");
        LAB_TRY(judgeBooks(*counts));
        Json combinations = Json::array();
        for (const auto& [pair, numbers] : byPair) {
            combinations.push_back(
                {{"pair", nameOf(pair)}, {"requests", numbers.first}, {"delivered", numbers.second}});
        }
        result["combinations"] = std::move(combinations);
        CuttingCounts cut;
        for (const auto& door : m_doors) {
            const CuttingCounts one = door->counts();
            cut = {cut.connections + one.connections, cut.reset + one.reset, cut.ended + one.ended,
                   cut.silent + one.silent};
        }
        result["connections"] = {
            {"all", cut.connections}, {"reset", cut.reset}, {"ended", cut.ended}, {"silent", cut.silent}};
        m_context.expect(cut.reset > 0 && cut.ended > 0 && cut.silent > 0, "no connection was spoiled");
        result["buyers_killed"] = m_killedBuyers.load();
        result["commands_repeated"] = m_repeated.load();
        result["secretary_killed"] = m_kills.load();
        result["seconds"] = m_seconds;
        return m_lab.checkPrograms();
    }

    // The payer's ledger, the payee's gateway and both ISPs say the same.
    Expected<void> judgeBooks(const std::map<std::string, uint64_t>& counts) {
        uint64_t posted = 0;
        for (const auto& [url, count] : counts) posted += count;
        const auto now = gateway();
        if (!now) return tl::unexpected(now.error());
        Json& result = m_context.result();
        result["payments_posted"] = posted;
        result["payments_received"] = now->value("payments", uint64_t{0});
        result["proofs_redeemed"] = now->value("redeemed", uint64_t{0});
        result["proofs_shown"] = now->value("deliveries", uint64_t{0});
        m_context.expect(result["payments_received"] == posted && result["proofs_redeemed"] == posted,
                         "the payee has " + result["proofs_redeemed"].dump() + " proofs for " + std::to_string(posted) +
                             " payments");
        const auto each = Money::parse(price);
        const auto all = each ? checkedMul(*each, static_cast<int64_t>(posted)) : tl::unexpected(MoneyError{});
        const auto books = ispBooks(m_lab, "X");
        if (!all || !books) return fail(LabErrc::Evidence, "the books of X cannot be read");
        const Json* const payee = findEntry(*books, "payments", "customer", "a");
        const Money owed = payee != nullptr ? amountAt(*payee, "owed").value_or(Money::max()) : Money::zero();
        result["payee_is_owed"] = owed.toString();
        m_context.expect(owed == *all, "X owes the payee " + owed.toString() + ", not " + all->toString());
        return {};
    }

    ScenarioContext& m_context;
    Lab& m_lab;
    SeededRandom m_random;
    std::string m_folder, m_peers, m_payee;
    IpAddress m_address;
    std::vector<Request> m_requests;
    std::vector<std::unique_ptr<CuttingProxy>> m_doors;
    Json m_payments = Json::array();
    std::atomic<uint64_t> m_killedBuyers{0}, m_repeated{0}, m_kills{0};
    double m_seconds = 0;
};

Expected<void> run(ScenarioContext& context) { return Web(context).run(); }

}  // namespace

Scenario x402Scenario() {
    return {"x402",
            "content of the web paid for through connections that break; with the official x402 packages, if they are "
            "there",
            "web",
            {},
            run};
}

}  // namespace netpas::lab
