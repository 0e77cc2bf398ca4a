// What the web sells to people (NetPaS §1, §4.1.2): a newspaper behind a web server of its own and a site of comics, both certified; a reader whose
// rules say what is paid for: always for that newspaper, 5¢ for comics from any site, a little for a version without advertisements. Then the
// payee's gateway is killed again and again while it settles.
#include "app/lab/scenario/paid_web.h"

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "app/lab/command.h"
#include "app/lab/parties.h"
#include "app/lab/scenario/books.h"
#include "app/lab/scenario/payment_parties.h"
#include "core/random.h"

namespace netpas::lab {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr uint16_t sitePort = 8402, statusPort = 4021;
constexpr uint64_t defaultKills = 6;
constexpr int runsOfOne = 15;  // of `netpas fetch` for the same thing
constexpr const char* articlePrice = "0.02";
constexpr const char* comicPrice = "0.0499";  // with the fees of two ISPs within 5¢

// A payee with a site, on a host of its own.
struct Seller {
    std::string host, domain, key, folder;
    std::string source;  // of its pages, as netpas-payee finds them
    std::string prices;  // tables of TOML
    [[nodiscard]] std::string url(const std::string& path) const {
        return "http://" + domain + ":" + std::to_string(sitePort) + path;
    }
    [[nodiscard]] std::string program() const { return "netpas-payee-" + host; }
};

std::string priced(const std::string& path, const std::string& amount, const std::string& purpose) {
    return "[[site.price]]\npath = \"" + path + "\"\namount = \"" + amount + "\"\npurpose = \"" + purpose + "\"\n";
}

Expected<void> write(const std::string& file, const std::string& text) {
    std::error_code error;
    fs::create_directories(fs::path(file).parent_path(), error);
    std::ofstream out(file, std::ios::binary | std::ios::trunc);
    out << text;
    if (!out.flush()) return fail(LabErrc::State, file + " cannot be written");
    return {};
}

std::string contentsOf(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

class PaidWeb {
public:
    explicit PaidWeb(ScenarioContext& context)
        : m_context(context), m_lab(context.lab()), m_folder(m_lab.folder() + "/web") {}

    Expected<void> run() {
        LAB_TRY(makeSites());
        LAB_TRY(certify());
        for (const Seller* const seller : {&m_news, &m_comics}) LAB_TRY(sell(*seller));
        LAB_TRY(nobodyIsPaidUnknown());
        LAB_TRY(rulesDecide());
        LAB_TRY(versionsOfX402());
        LAB_TRY(killedWhileItSettles());
        return judgeBooks();
    }

private:
    [[nodiscard]] std::vector<std::string> inside(const std::string& host, std::vector<std::string> argv) const {
        std::vector<std::string> all{"ip", "netns", "exec", m_lab.netns(host)};
        all.insert(all.end(), std::make_move_iterator(argv.begin()), std::make_move_iterator(argv.end()));
        return all;
    }
    [[nodiscard]] IpAddress address(const std::string& host) const {
        return m_context.plan().address(host, false).value_or(IpAddress());
    }
    [[nodiscard]] std::string came() const { return m_folder + "/came"; }

    Expected<void> makeSites();
    Expected<void> startWebServer();
    Expected<void> certify();
    Expected<void> sell(const Seller& seller, const std::string& more = "");
    Expected<Json> gateway(const Seller& seller);
    Expected<CliAnswer> fetch(const std::string& url, const std::string& file);
    Expected<CliAnswer> fetch(const std::string& url) { return fetch(url, came()); }
    Expected<void> expectPaid(const Seller& seller, const std::string& path, const std::string& rule);
    Expected<void> expectUnpaid(const std::string& what, const std::string& url, const std::string& code);
    Expected<void> nobodyIsPaidUnknown();
    Expected<void> rulesDecide();
    Expected<void> versionsOfX402();
    Expected<void> killedWhileItSettles();
    void buyThrough(const std::vector<std::string>& paths, std::atomic<size_t>& next);
    Expected<void> judgeBooks();

    ScenarioContext& m_context;
    Lab& m_lab;
    std::string m_folder;
    Seller m_news{"a",
                  "news.example",
                  "",
                  "",
                  "",
                  priced("/article/*", articlePrice, "article") + priced("/clean/*", "0.0009", "no-ads") +
                      priced("/comics/*", comicPrice, "comic")};
    Seller m_comics{"d",
                    "comics.example",
                    "",
                    "",
                    "",
                    priced("/albums/*", "0.06", "comic") + priced("/comics/*", comicPrice, "comic") +
                        priced("/many/*", "0.01", "comic")};
    std::map<std::string, uint64_t> m_bought;  // by address; what must have been paid for once
    Json m_purchases = Json::array();
};

// The newspaper's pages come from a web server of its own, behind a Unix socket; the comics are files.
Expected<void> PaidWeb::makeSites() {
    std::error_code error;
    for (const char* const page : {"/article/1.html", "/article/2.html", "/article/3.html", "/clean/front.html",
                                   "/front.html", "/comics/strip.txt"})
        LAB_TRY(write(m_folder + "/news/site" + page, std::string("News: ") + page + "\n"));
    LAB_TRY(write(m_folder + "/news/site/front.html", "News with advertisements\n"));
    for (const char* const page : {"/albums/1.txt", "/comics/1.txt"})
        LAB_TRY(write(m_folder + "/comics/site" + page, std::string("Comics: ") + page + "\n"));
    m_news.folder = m_folder + "/news";
    m_news.source = "upstream = \"" + m_news.folder + "/web.sock\"\n";
    m_comics.folder = m_folder + "/comics";
    m_comics.source = "root = \"" + m_comics.folder + "/site\"\n";
    fs::permissions(m_folder, fs::perms(0755), error);
    LAB_TRY(write(m_folder + "/hosts", address("a").toString() + " news.example\n" + address("d").toString() +
                                           " comics.example\n127.0.0.1 localhost\n"));
    return startWebServer();
}

Expected<void> PaidWeb::startWebServer() {
    const std::string socket = m_news.folder + "/web.sock";
    std::string config = "daemon off;\nmaster_process off;\npid " + m_news.folder + "/nginx.pid;\nerror_log stderr;\n" +
                         "events { worker_connections 64; }\nhttp {\n  access_log off;\n";
    for (const char* const kind : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"})
        config += std::string("  ") + kind + "_temp_path " + m_news.folder + "/" + kind + ";\n";
    config += "  server { listen unix:" + socket + "; root " + m_news.folder + "/site; }\n}\n";
    LAB_TRY(write(m_news.folder + "/nginx.conf", config));
    LAB_TRY(m_lab.startProgram("newspaper", "a", {"nginx", "-p", m_news.folder, "-c", m_news.folder + "/nginx.conf"}));
    return waitUntil("the newspaper's web server", 10s, [&] { return unixSocketAnswers(socket); });
}

// An authority vouches for both, each with its own site; the comics' certificate travels with the site alone.
Expected<void> PaidWeb::certify() {
    const std::string isp = programPath("netpas-isp"), key = m_folder + "/press.key", pem = m_folder + "/press.pem";
    LAB_TRY(requireCommand({isp, "keygen", key}));
    LAB_TRY(requireCommand({isp, "authority", "--key", key, "--name", "Press", "--until", "2099-01-01", "--out", pem}));
    for (Seller* const seller : {&m_news, &m_comics}) {
        const auto join = joinUrl(m_lab, "X");
        if (!join) return tl::unexpected(join.error());
        const std::string at = address(seller->host).toString();
        const std::string config = "isp = \"" + *join + "\"\nstate_dir = \"" + seller->folder + "/state\"\n" +
                                   "most_deliveries = 1000\n[facilitator]\nlisten = \"" + at + ":" +
                                   std::to_string(statusPort) + "\"\n";
        LAB_TRY(write(seller->folder + "/identity.toml", config));
        const auto identity =
            requireCommand({programPath("netpas-payee"), "--config", seller->folder + "/identity.toml", "--identity"});
        if (!identity) return tl::unexpected(identity.error());
        const std::string mark = "key ";
        if (!identity->starts_with(mark)) return fail(LabErrc::Evidence, "netpas-payee says no key: " + *identity);
        seller->key = identity->substr(mark.size(), identity->find('\n') - mark.size());
        LAB_TRY(requireCommand({isp, "certify", "--key", key, "--authority", pem, "--payee", seller->key, "--name",
                                seller->domain, "--domain", seller->domain, "--class", "accountable", "--until",
                                "2098-01-01", "--out", seller->folder + "/certificate.pem"}));
    }
    return {};
}

// `more`: further keys of [site].
Expected<void> PaidWeb::sell(const Seller& seller, const std::string& more) {
    const std::string at = address(seller.host).toString();
    LAB_TRY(write(seller.folder + "/payee.toml", "certificate = \"" + seller.folder + "/certificate.pem\"\n" +
                                                     contentsOf(seller.folder + "/identity.toml") +
                                                     "[site]\nlisten = \"" + at + ":" + std::to_string(sitePort) +
                                                     "\"\nurl = \"" + seller.url("") + "\"\n" + more + seller.source +
                                                     seller.prices));
    LAB_TRY(m_lab.startProgram(seller.program(), seller.host,
                               {programPath("netpas-payee"), "--config", seller.folder + "/payee.toml"}));
    return waitUntil(seller.domain + " to receive payments", 20s, [&] {
        const auto now = gateway(seller);
        return now && now->value("receiving", false);
    });
}

Expected<Json> PaidWeb::gateway(const Seller& seller) {
    const auto said = requireCommand(inside(
        seller.host,
        {"curl", "-s", "http://" + address(seller.host).toString() + ":" + std::to_string(statusPort) + "/status"}));
    if (!said) return tl::unexpected(said.error());
    Json body = Json::parse(*said, nullptr, false);
    if (body.is_discarded()) return fail(LabErrc::Evidence, "netpas-payee did not answer JSON");
    return body;
}

// As a program of the reader's, so that rules decide. Names of hosts are found in a file.
Expected<CliAnswer> PaidWeb::fetch(const std::string& url, const std::string& file) {
    std::error_code error;
    fs::remove(file, error);
    const auto done =
        runCommand(inside("b", {"sh", "-c", "mount --bind \"$0\" /etc/hosts && exec \"$@\"", m_folder + "/hosts",
                                programPath("netpas"), "--socket", agentSocket(m_lab.name(), "b"), "--request",
                                "--json", "fetch", url, "--timeout", "30s", "--wait", "1s", "-o", file}));
    if (!done) return tl::unexpected(done.error());
    Json body = Json::parse(done->out, nullptr, false);
    if (body.is_discarded()) return fail(LabErrc::Evidence, url + ": " + done->out + done->err);
    return CliAnswer{done->status, std::move(body)};
}

Expected<void> PaidWeb::expectPaid(const Seller& seller, const std::string& path, const std::string& rule) {
    const std::string url = seller.url(path);
    const auto got = fetch(url);
    if (!got) return tl::unexpected(got.error());
    const bool whole = contentsOf(came()) == contentsOf(seller.folder + "/site" + path);
    m_context.expect(got->exit == 0 && got->body.value("paid", false) && whole,
                     url + " was not bought: " + got->body.dump());
    if (got->exit != 0) return {};
    ++m_bought[url];
    const Json order = got->body.value("order", Json::object());
    m_purchases.push_back({{"url", url}, {"rule", rule}, {"amount", order.value("amount", "")}});
    m_context.say("\"" + rule + "\": " + url + " for $" + order.value("amount", "") + ".");
    return {};
}

Expected<void> PaidWeb::expectUnpaid(const std::string& what, const std::string& url, const std::string& code) {
    const auto got = fetch(url);
    if (!got) return tl::unexpected(got.error());
    m_context.expect(got->exit != 0 && !fs::exists(came()), what + ": " + url + " came all the same");
    m_context.expect(got->code() == code, what + ": not " + code + " but " + got->body.dump());
    m_context.result()["refused"].push_back({{"what", what}, {"url", url}, {"code", got->code()}});
    m_context.say(what + ": " + url + " is not paid for (" + got->code() + ").");
    return {};
}

Expected<void> PaidWeb::nobodyIsPaidUnknown() {
    m_context.result()["refused"] = Json::array();
    const std::string article = m_news.url("/article/1.html");
    LAB_TRY(
        expectUnpaid("Nobody that the reader trusts vouches for the payee", article, "CERTIFICATE_UNKNOWN_AUTHORITY"));
    LAB_TRY(netpas(m_lab, "b", {"payees", "trust", "accountable", m_folder + "/press.pem"}));
    LAB_TRY(expectUnpaid("Its class is not accepted", article, "CERTIFICATE_POLICY_NOT_ACCEPTED"));
    LAB_TRY(netpas(m_lab, "b", {"payees", "accept", "accountable"}));
    LAB_TRY(expectUnpaid("No rule, and nobody to ask", article, "NO_AGENT"));
    return {};
}

Expected<void> PaidWeb::rulesDecide() {
    const auto rule = [&](std::vector<std::string> flags) {
        flags.insert(flags.begin(), {"rules", "add"});
        flags.emplace_back("--always");
        return netpas(m_lab, "b", flags).map([](const Json&) {});
    };
    LAB_TRY(rule({"--site", m_news.domain, "--purpose", "article", "--up-to", "always"}));
    LAB_TRY(rule({"--purpose", "comic", "--up-to", "5c", "--per", "item", "--above", "deny"}));
    LAB_TRY(rule({"--purpose", "no-ads", "--up-to", "0.1c", "--per", "item"}));
    LAB_TRY(expectPaid(m_news, "/article/1.html", "always for this newspaper"));
    LAB_TRY(expectPaid(m_news, "/comics/strip.txt", "5¢ for comics from any site"));
    LAB_TRY(expectPaid(m_comics, "/comics/1.txt", "5¢ for comics from any site"));
    LAB_TRY(expectUnpaid("6¢ for a comic", m_comics.url("/albums/1.txt"), "RESTRICTED"));
    const auto free = fetch(m_news.url("/front.html"));
    if (!free) return tl::unexpected(free.error());
    m_context.expect(!free->body.value("paid", true) && contentsOf(came()) == "News with advertisements\n",
                     "the page with advertisements is not free: " + free->body.dump());
    LAB_TRY(expectPaid(m_news, "/clean/front.html", "a version without advertisements"));
    const auto payees = netpas(m_lab, "b", {"payees", "list"});
    if (!payees) return tl::unexpected(payees.error());
    m_context.result()["payees"] = *payees;
    return {};
}

// Sites that speak one version of the protocol only.
Expected<void> PaidWeb::versionsOfX402() {
    Json offers = Json::object();
    for (const std::string version : {"1", "2"}) {
        m_lab.stopProgram(m_news.program());
        LAB_TRY(sell(m_news, "version = " + version + "\n"));
        const std::string path = version == "1" ? "/article/2.html" : "/article/3.html";
        const auto raw = requireCommand(inside(
            "a", {"curl", "-s", "-i", "http://" + address("a").toString() + ":" + std::to_string(sitePort) + path}));
        if (!raw) return tl::unexpected(raw.error());
        offers[version] = {{"header", raw->find("PAYMENT-REQUIRED: ") != std::string::npos},
                           {"body", raw->find("\"x402Version\":1") != std::string::npos}};
        LAB_TRY(expectPaid(m_news, path, "always for this newspaper, x402 version " + version));
    }
    m_context.result()["offered_in"] = offers;
    m_context.expect(
        offers == Json({{"1", {{"header", false}, {"body", true}}}, {"2", {{"header", true}, {"body", false}}}}),
        "the sites do not speak one version each: " + offers.dump());
    return {};
}

void PaidWeb::buyThrough(const std::vector<std::string>& paths, std::atomic<size_t>& next) {
    for (size_t at = next++; at < paths.size(); at = next++) {
        const std::string file = m_folder + "/got" + paths[at];
        for (int run = 0; run < runsOfOne; ++run) {
            const auto got = fetch(m_comics.url(paths[at]), file);
            if (got && got->exit == 0) break;
            std::this_thread::sleep_for(100ms);
        }
    }
}

// kill -9, whatever it is doing: a payment arrives, is written down, is confirmed, a proof is counted.
Expected<void> PaidWeb::killedWhileItSettles() {
    const uint64_t kills = m_context.options().kills != 0 ? m_context.options().kills : defaultKills;
    std::vector<std::string> paths;
    for (uint64_t i = 0; i < 4 * kills; ++i) {
        paths.push_back("/many/" + std::to_string(i) + ".txt");
        LAB_TRY(write(m_comics.folder + "/site" + paths.back(), "comic " + std::to_string(i) + "\n"));
        ++m_bought[m_comics.url(paths.back())];
    }
    std::error_code error;
    fs::create_directories(m_folder + "/got/many", error);
    m_context.say(std::to_string(paths.size()) + " comics are bought while their seller is killed " +
                  std::to_string(kills) + " times.");
    std::atomic<size_t> next{0};
    std::atomic<int> buying{3};
    std::vector<std::thread> readers;
    for (int i = buying; i > 0; --i) {
        readers.emplace_back([&] {
            buyThrough(paths, next);
            --buying;
        });
    }
    SeededRandom random(m_context.options().seed);
    uint64_t killed = 0;
    Expected<void> restarted;
    while (restarted && buying > 0 && killed < kills) {
        std::this_thread::sleep_for(std::chrono::milliseconds(random.below(300)));
        m_lab.program(m_comics.program())->stop(0ms);
        ++killed;
        restarted = sell(m_comics);
    }
    for (std::thread& reader : readers) reader.join();
    LAB_TRY(restarted);
    uint64_t came = 0;
    for (const std::string& path : paths) {
        const bool whole = contentsOf(m_folder + "/got" + path) == contentsOf(m_comics.folder + "/site" + path);
        came += whole ? 1 : 0;
        m_context.expect(whole, path + " did not come");
    }
    m_context.result()["payee_killed"] = killed;
    m_context.result()["bought_meanwhile"] = paths.size();
    m_context.result()["came"] = came;
    m_context.expect(killed > 0, "the payee was never killed while somebody bought");
    return {};
}

// The reader's ledger, both gateways' books and those of their ISP.
Expected<void> PaidWeb::judgeBooks() {
    Json payments = Json::array();
    LAB_TRY(waitUntil("the secretary to know the end of every payment", 60s, [&] {
        const auto all = askNetpas(m_lab, "b", {"payments", "--limit", "1000"});
        if (!all || all->exit != 0) return false;
        payments = all->body["payments"];
        return std::none_of(payments.begin(), payments.end(), [](const Json& one) {
            const std::string state = one.value("state", "");
            return state == "sent" || state == "deciding" || state == "pending";
        });
    }));
    std::map<std::string, uint64_t> paid;
    constexpr std::string_view prefix = "HTTP 402: ";
    for (const Json& one : payments) {
        const std::string what = one.value("description", "");
        if (one.value("state", "") == "posted" && what.starts_with(prefix)) ++paid[what.substr(prefix.size())];
    }
    uint64_t twice = 0, never = 0;
    for (const auto& [url, times] : m_bought) {
        const uint64_t found = paid.contains(url) ? paid[url] : 0;
        twice += found > times ? 1 : 0;
        never += found == 0 ? 1 : 0;
        paid.erase(url);
    }
    Json& result = m_context.result();
    result["purchases"] = m_purchases;
    result["paid_twice"] = twice;
    result["content_without_payment"] = never;
    result["paid_for_nothing"] = paid.size();
    m_context.expect(twice == 0 && never == 0 && paid.empty(), "payments and contents do not go together");
    const auto books = ispBooks(m_lab, "X");
    if (!books) return tl::unexpected(books.error());
    for (const Seller* const seller : {&m_news, &m_comics}) {
        const auto now = gateway(*seller);
        if (!now) return tl::unexpected(now.error());
        const Json* const account = findEntry(*books, "payments", "customer", seller->host);
        const Money owed = account != nullptr ? amountAt(*account, "owed").value_or(Money::max()) : Money::zero();
        const auto redeemed = Money::parse(now->value("amount", ""));
        result["sellers"].push_back({{"domain", seller->domain},
                                     {"payments", now->value("payments", uint64_t{0})},
                                     {"redeemed", now->value("redeemed", uint64_t{0})},
                                     {"amount", now->value("amount", "")},
                                     {"isp_owes", owed.toString()}});
        m_context.expect(now->value("payments", uint64_t{0}) == now->value("redeemed", uint64_t{1}),
                         seller->domain + " has payments whose content nobody took");
        m_context.expect(redeemed && owed == *redeemed,
                         seller->domain + " is owed " + owed.toString() + ", not " + now->value("amount", ""));
    }
    return m_lab.checkPrograms();
}

// The comics are sold on another host of the newspaper's ISP.
void addComics(Topology& topology, const ScenarioOptions&) {
    HostSpec host;
    host.name = "d";
    host.maySend = false;
    host.mayReceive = true;
    topology.hosts.push_back(host);
    LinkSpec link;
    link.name = "x1-d";
    link.between = {"x1", "d"};
    topology.links.push_back(link);
}

}  // namespace

Scenario paidWebScenario() {
    return {"paid-web",
            "certified sites, a reader's rules for newspapers, comics and pages without advertisements; a payee killed "
            "while it settles",
            "web", addComics, [](ScenarioContext& context) { return PaidWeb(context).run(); }};
}

}  // namespace netpas::lab
