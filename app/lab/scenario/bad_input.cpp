// Bad input: certificates expired, forged, for another name; files with contradictions; wrong passphrase; clock set back;
// corrupted database. Each time the real programs must say what is wrong and what helps, and spend nothing.
#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "app/lab/command.h"
#include "app/lab/parties.h"
#include "app/lab/scenario/books.h"
#include "app/lab/scenario/paid_path.h"
#include "app/lab/scenario/scenario.h"
#include "core/certificates/payee_certificate.h"
#include "core/net/http_client.h"

namespace netpas::lab {
namespace {

namespace fs = std::filesystem;

constexpr const char* host = "b";
constexpr const char* passphrase = "correct horse battery staple";

// What a program answered.
struct Said {
    int exit = 0;
    std::string code;
    std::string message;
    std::string hint;
    Json body;
};

void takeProblem(Said& said) {
    const Json& problem = said.body.contains("error") ? said.body["error"] : said.body;
    said.code = problem.value("code", "");
    said.message = problem.value("message", "");
    said.hint = problem.value("hint", "");
}

class BadInput {
public:
    explicit BadInput(ScenarioContext& context)
        : m_context(context), m_lab(context.lab()), m_files(m_lab.folder() + "/bad-input") {
        fs::create_directories(m_files);
        m_context.result()["cases"] = Json::array();
    }

    Expected<void> run() {
        auto steps = watchPath(m_lab, host, "a");
        if (!steps) return tl::unexpected(steps.error());
        LAB_TRY(certificates());
        LAB_TRY(files());
        LAB_TRY(wrongPassphrase());
        LAB_TRY(clockSetBack());
        LAB_TRY(missingKey());
        const auto bill = billOf(m_lab, host);  // while the ledger can be read
        if (!bill) return tl::unexpected(bill.error());
        reportBill(m_context.result(), *bill);
        m_context.expect(bill->ledger == Money::zero() && bill->unsettled == 0, "the ledger says that money was spent");
        m_context.expect(bill->counter == Money::zero(), "the edge router counted payments");
        LAB_TRY(corruptedDatabase());
        LinkTally paid;
        for (PathStep& step : *steps) paid.merge(stopStep(step));
        return judge(paid);
    }

private:
    // --- asking

    Expected<Said> cli(std::vector<std::string> arguments) {
        std::vector<std::string> argv{"ip",
                                      "netns",
                                      "exec",
                                      m_lab.netns(host),
                                      programPath("netpas"),
                                      "--socket",
                                      agentSocket(m_lab.name(), host),
                                      "--json"};
        argv.insert(argv.end(), arguments.begin(), arguments.end());
        const auto answer = runCommand(argv);
        if (!answer) return tl::unexpected(answer.error());
        Said said;
        said.exit = answer->status;
        said.body = Json::parse(answer->out, nullptr, false);
        if (!said.body.is_object()) return fail(LabErrc::Evidence, "netpas did not answer JSON: " + answer->out);
        if (said.exit != 0) takeProblem(said);
        return said;
    }

    // The owner's door, for what people type with hidden characters.
    Said owner(const std::string& method, const std::string& path, const Json& body) const {
        net::HttpCall call;
        call.method = method;
        call.target = path;
        call.timeout = std::chrono::seconds(30);
        if (!body.is_null()) call.body = body.dump();
        const fs::path door = fs::path(agentSocket(m_lab.name(), host)).parent_path() / "secretary.sock";
        const auto answer = net::httpCall(net::UnixTarget{door}, call);
        Said said;
        said.exit = answer && answer->status < 400 ? 0 : 1;
        said.body = answer ? Json::parse(answer->body, nullptr, false) : Json::object();
        if (!said.body.is_object()) said.body = Json::object();
        if (said.exit != 0) takeProblem(said);
        return said;
    }

    Expected<Said> tryToBuy() {
        return cli(
            {"buy", "--to", m_context.address("a").toString(), "--proto", "udp", "--class", "gold", "--cap", "0.01"});
    }

    Expected<void> isp(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), programPath("netpas-isp"));
        const auto done = requireCommand(arguments);
        if (!done) return tl::unexpected(done.error());
        return {};
    }

    // --- judging

    // It was refused, for this reason, in words, with a remedy that has `remedy` in it.
    void expectRefusal(const std::string& name, const Said& said, const std::string& code, const std::string& remedy) {
        Json entry{
            {"case", name}, {"exit", said.exit}, {"code", said.code}, {"message", said.message}, {"hint", said.hint}};
        const bool good = said.exit != 0 && said.code == code && !said.message.empty() &&
                          (said.hint + " " + said.message).find(remedy) != std::string::npos;
        entry["ok"] = good;
        m_context.say("  " + name + ": " + (said.exit == 0 ? "accepted" : said.message + " — " + said.hint));
        m_context.expect(good,
                         name + ": expected " + code + " and a remedy with '" + remedy + "', got " + entry.dump());
        m_context.result()["cases"].push_back(std::move(entry));
    }
    void expectGood(const std::string& name, const Said& said) {
        m_context.expect(said.exit == 0, name + ": should have worked, but: " + said.code + " " + said.message);
    }

    std::string file(const std::string& name) const { return m_files + "/" + name; }
    Expected<std::string> write(const std::string& name, const std::string& text) {
        std::ofstream out(file(name), std::ios::binary);
        out << text;
        out.close();
        if (!out) return fail(LabErrc::System, file(name) + " cannot be written");
        return file(name);
    }

    // --- certificates

    Expected<std::string> keygen(const std::string& name) {
        const auto made = requireCommand({programPath("netpas-isp"), "keygen", file(name)});
        if (!made) return tl::unexpected(made.error());
        return made->substr(0, made->find('\n'));
    }
    Expected<void> authority(const std::string& name, const std::string& title) {
        const auto key = keygen(name + ".key");
        if (!key) return tl::unexpected(key.error());
        return isp({"authority", "--key", file(name + ".key"), "--name", title, "--out", file(name + ".pem")});
    }
    Expected<void> certify(const std::string& by, const std::string& payee, const std::string& out,
                           const std::string& payeeClass, std::vector<std::string> more = {}) {
        std::vector<std::string> arguments{
            "certify", "--key",    file(by + ".key"), "--authority", file(by + ".pem"), "--payee", payee,    "--name",
            "Comics",  "--domain", "comics.test",     "--class",     payeeClass,        "--out",   file(out)};
        arguments.insert(arguments.end(), more.begin(), more.end());
        return isp(arguments);
    }
    Expected<void> verify(const std::string& name, const std::string& pem, const std::string& code,
                          const std::string& remedy, std::vector<std::string> more = {}) {
        more.insert(more.begin(), {"payees", "verify", file(pem)});
        const auto said = cli(more);
        if (!said) return tl::unexpected(said.error());
        expectRefusal(name, *said, code, remedy);
        return {};
    }

    // The last byte belongs to the signature.
    Expected<void> forge(const std::string& from, const std::string& to) {
        std::ifstream in(file(from), std::ios::binary);
        const std::string pem{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
        auto chain = certificates::chainFromPem(pem);
        if (!chain) return fail(LabErrc::Evidence, chain.error().message);
        chain->front().back() ^= 1;
        const auto written = write(to, certificates::toPem(*chain));
        if (!written) return tl::unexpected(written.error());
        return {};
    }

    Expected<void> certificates() {
        m_context.say("Certificates of payees:");
        const auto payee = keygen("payee.key");
        if (!payee) return tl::unexpected(payee.error());
        LAB_TRY(authority("watch", "Consumer Watch"));
        LAB_TRY(authority("register", "Register"));
        LAB_TRY(authority("stranger", "Stranger"));
        LAB_TRY(certify("watch", *payee, "good.pem", "few-complaints"));
        LAB_TRY(
            certify("watch", *payee, "old.pem", "few-complaints", {"--from", "2020-01-01", "--until", "2021-01-01"}));
        LAB_TRY(
            certify("watch", *payee, "early.pem", "few-complaints", {"--from", "2090-01-01", "--until", "2091-01-01"}));
        LAB_TRY(certify("watch", *payee, "revoked.pem", "few-complaints"));
        LAB_TRY(certify("stranger", *payee, "stranger-says.pem", "few-complaints"));
        LAB_TRY(certify("register", *payee, "accountable.pem", "accountable"));
        LAB_TRY(forge("good.pem", "forged.pem"));
        for (const auto& [name, payeeClass] :
             {std::pair("watch.pem", "few-complaints"), std::pair("register.pem", "accountable")}) {
            const auto trusted = cli({"payees", "trust", payeeClass, file(name)});
            if (!trusted) return tl::unexpected(trusted.error());
            expectGood("trusting an authority", *trusted);
        }
        const auto good = cli({"payees", "verify", file("good.pem"), "--domain", "comics.test"});
        if (!good) return tl::unexpected(good.error());
        expectGood("a good certificate", *good);
        LAB_TRY(verify("certificate expired", "old.pem", "CERTIFICATE_EXPIRED", "new certificate"));
        LAB_TRY(verify("certificate not valid yet", "early.pem", "CERTIFICATE_NOT_YET_VALID", "clock"));
        LAB_TRY(verify("certificate forged", "forged.pem", "CERTIFICATE_FORGED", "do not pay"));
        LAB_TRY(verify("certificate for another name", "good.pem", "CERTIFICATE_OTHER_NAME", "impostor",
                       {"--domain", "c0mics.test"}));
        LAB_TRY(verify("certificate of another payee", "good.pem", "CERTIFICATE_KEY_MISMATCH", "do not pay",
                       {"--payee", std::string(64, 'a')}));
        LAB_TRY(verify("certificate of a stranger", "stranger-says.pem", "CERTIFICATE_UNKNOWN_AUTHORITY",
                       "netpas payees trust"));
        LAB_TRY(verify("kind of payee not accepted", "accountable.pem", "CERTIFICATE_POLICY_NOT_ACCEPTED",
                       "netpas payees accept accountable"));
        LAB_TRY(isp({"revoke", "--key", file("watch.key"), "--authority", file("watch.pem"), "--out", file("list.pem"),
                     file("revoked.pem")}));
        const auto taken = cli({"payees", "revocations", file("list.pem")});
        if (!taken) return tl::unexpected(taken.error());
        expectGood("a list of revoked certificates", *taken);
        LAB_TRY(verify("certificate revoked", "revoked.pem", "CERTIFICATE_REVOKED", "do not pay"));
        LAB_TRY(verify("not a certificate", "payee.key", "CERTIFICATE_MALFORMED", "PEM"));
        return {};
    }

    // --- files

    Expected<void> files() {
        m_context.say("Files:");
        const auto rules = write("rules.json", R"({"version": 1, "rules": [
            {"match": {"domain": "comics.test"}, "grant": {"action": "allow", "per": "item", "up_to": "0.05"}},
            {"match": {"domain": "comics.test"}, "grant": {"action": "deny"}}]})");
        if (!rules) return tl::unexpected(rules.error());
        auto said = cli({"rules", "import", *rules});
        if (!said) return tl::unexpected(said.error());
        expectRefusal("rules that contradict each other", *said, "INVALID_ARGUMENT", "rule 2");
        const auto contacts = write("contacts.vcf", "BEGIN:VCARD\nVERSION:4.0\nFN:Ana\nX-NETPAS-PAYEE:12\nEND:VCARD\n");
        if (!contacts) return tl::unexpected(contacts.error());
        said = cli({"contacts", "import", *contacts});
        if (!said) return tl::unexpected(said.error());
        expectRefusal("a contact with half a payee", *said, "BAD_PAYEE", "line 4");
        said = cli({"contacts", "list"});
        if (!said) return tl::unexpected(said.error());
        m_context.expect(said->body.value("contacts", Json::array()).empty(), "half an import was kept");
        return {};
    }

    // --- passphrase

    Expected<void> wrongPassphrase() {
        m_context.say("Wrong passphrase:");
        expectGood("setting a passphrase", owner("PUT", "/v1/passphrase", {{"present", ""}, {"new", passphrase}}));
        expectGood("locking", owner("POST", "/v1/lock", Json::object()));
        expectRefusal("wrong passphrase", owner("POST", "/v1/unlock", {{"passphrase", "correct horse"}}),
                      "WRONG_PASSPHRASE", "passphrase");
        const auto locked = tryToBuy();
        if (!locked) return tl::unexpected(locked.error());
        expectRefusal("buying while it is locked", *locked, "LOCKED", "netpas unlock");
        // Guessing is slowed down, for the owner as well.
        LAB_TRY(waitUntil("the secretary to unlock", std::chrono::seconds(10), [&] {
            return owner("POST", "/v1/unlock", {{"passphrase", passphrase}}).exit == 0;
        }));
        expectGood("removing the passphrase", owner("POST", "/v1/passphrase/remove", {{"present", passphrase}}));
        return {};
    }

    // --- clock

    // Two days behind everybody else, as after an empty battery.
    Expected<void> clockSetBack() {
        m_context.say("Clock set back by two days:");
        const std::string library = fs::path(programPath("netpas-lab")).parent_path() / "libnetpas-lab-clock.so";
        if (!fs::exists(library)) return fail(LabErrc::System, library + " is missing; build all of netpas-lab");
        m_lab.stopProgram(agentProgram(host));
        LAB_TRY(launchAgent(m_lab, host, {{"LD_PRELOAD", library}, {"NETPAS_LAB_CLOCK_SHIFT", "-172800"}}));
        LAB_TRY(awaitAnswer());
        const auto said = tryToBuy();
        if (!said) return tl::unexpected(said.error());
        expectRefusal("buying with a clock that was set back", *said, said->code, "set this machine's clock");
        m_lab.stopProgram(agentProgram(host));
        return startAgent(m_lab, host);
    }

    // --- database

    Expected<void> awaitAnswer() {
        return waitUntil("the secretary to answer", std::chrono::seconds(20), [&] {
            const auto said = cli({"status"});
            return said && said->code != "NOT_RUNNING" && said->code != "NO_AGENT";
        });
    }

    Expected<void> corruptedDatabase() {
        m_context.say("Corrupted database:");
        m_lab.stopProgram(agentProgram(host));
        const std::string database = agentStateFolder(m_lab.name(), host) + "/secretary/secretary.db";
        const int fd = ::open(database.c_str(), O_WRONLY | O_CLOEXEC);
        if (fd < 0) return fail(LabErrc::System, database + " is not there");
        const std::string rubbish(4096, '\x5a');
        const off_t size = ::lseek(fd, 0, SEEK_END);
        bool written = size > 0;
        // Everything but the first page, which has the key's check.
        for (off_t at = 4096; written && at < size; at += 4096)
            written = ::pwrite(fd, rubbish.data(), rubbish.size(), at) == static_cast<ssize_t>(rubbish.size());
        ::close(fd);
        if (!written) return fail(LabErrc::System, database + " cannot be written");
        LAB_TRY(launchAgent(m_lab, host));
        LAB_TRY(awaitAnswer());
        const auto said = tryToBuy();
        if (!said) return tl::unexpected(said.error());
        expectRefusal("corrupted database", *said, "DAMAGED", "netpas restore");
        return {};
    }

    // --- key

    // The file that a box without a passphrase starts with.
    Expected<void> missingKey() {
        m_context.say("Key file gone:");
        m_lab.stopProgram(agentProgram(host));
        const std::string key = agentStateFolder(m_lab.name(), host) + "/secretary/secretary.key";
        fs::rename(key, key + ".away");
        LAB_TRY(launchAgent(m_lab, host));
        LAB_TRY(awaitAnswer());
        const auto said = tryToBuy();
        if (!said) return tl::unexpected(said.error());
        expectRefusal("key file gone", *said, "DAMAGED", "bring back");
        m_lab.stopProgram(agentProgram(host));
        fs::rename(key + ".away", key);
        return startAgent(m_lab, host);
    }

    // --- money

    // The ledger is unreadable by now: what counts is what others saw.
    Expected<void> judge(const LinkTally& paid) {
        Json& result = m_context.result();
        const std::string name = m_lab.topology().ispOfHost(host)->name;
        const auto books = ispBooks(m_lab, name);
        if (!books) return tl::unexpected(books.error());
        const Json* customer = findEntry(*books, "customers", "name", host);
        if (customer == nullptr) return fail(LabErrc::Evidence, "the ISP's books do not know the customer");
        const auto invoice = amountAt(*customer, "amount").value_or(Money::max());
        result["paid_packets"] = paid.packets;
        result["spent"] = paid.total.toString();
        result["invoice"] = invoice.toString();
        m_context.expect(paid.capture.lost == 0, "a capture lost packets");
        m_context.expect(paid.packets == 0 && paid.total == Money::zero(), "money left the host in packets");
        m_context.expect(invoice == Money::zero(), "the ISP charges " + invoice.toString());
        return {};
    }

    ScenarioContext& m_context;
    Lab& m_lab;
    std::string m_files;
};

Expected<void> run(ScenarioContext& context) { return BadInput(context).run(); }

}  // namespace

Scenario badInputScenario() {
    return {"bad-input", "what is wrong is said with its remedy, and nothing is spent", "single-isp", {}, run, false};
}

}  // namespace netpas::lab
