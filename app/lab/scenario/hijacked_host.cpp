// An attacker who has everything that the agent's process has: its memory, its rights, its doors to the secretary, its channel,
// its session keys. Nothing of the identity or of the books is there; a stolen session key spends what is left of its slice and
// no more, and is worthless soon after its owner locks or pauses, or the secretary notices. Judged by the processes' memory, the
// first edge router's counters, the ISP's bill and a capture behind the edge router.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <thread>

#include <sodium.h>
#include <nlohmann/json.hpp>

#include "app/lab/capture.h"
#include "app/lab/scenario/hijack.h"
#include "app/lab/tools/payment_meter.h"
#include "app/lab/tools/tool.h"
#include "secretary/vault/recovery_words.h"

namespace netpas::lab {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Wall = std::chrono::system_clock;

constexpr const char* passphrase = "Ganymede-7 eats violet staplers";
constexpr uint64_t genuinePackets = 300;

// When a packet of the thief's was last seen behind the first edge router.
class Arrivals {
public:
    static Expected<std::unique_ptr<Arrivals>> start(const Hijack& hijack) {
        const Topology& topology = hijack.context().topology();
        std::unique_ptr<Arrivals> arrivals(new Arrivals);
        for (const LinkSpec& link : topology.links) {
            const auto has = [&](const std::string& node) {
                return link.between[0] == node || link.between[1] == node;
            };
            if (!has(hijack.router()) || has(Hijack::host)) continue;
            const std::string& far = link.between[0] == hijack.router() ? link.between[1] : link.between[0];
            const auto interface = interfaceAt(hijack.lab(), link.name, far);
            if (!interface) return fail(LabErrc::Topology, "no link behind the first edge router");
            auto capture =
                LinkCapture::start(hijack.lab().netns(far), *interface, CaptureFilter::NetpasData,
                                   [own = arrivals.get()](const CapturedPacket& packet) { own->take(packet); });
            if (!capture) return tl::unexpected(capture.error());
            arrivals->m_capture = std::move(*capture);
            return arrivals;
        }
        return fail(LabErrc::Topology, "no link behind the first edge router");
    }
    [[nodiscard]] uint64_t count() const { return m_count; }
    [[nodiscard]] Wall::time_point last() const { return Wall::time_point(Wall::duration(m_last)); }

private:
    void take(const CapturedPacket& packet) {
        const auto found =
            std::search(packet.frame.begin(), packet.frame.end(), controlMarker.begin(), controlMarker.end());
        if (packet.direction != PacketDirection::Incoming || found == packet.frame.end()) return;
        m_last = packet.time.time_since_epoch().count();
        ++m_count;
    }
    std::atomic<uint64_t> m_count{0};
    std::atomic<Wall::rep> m_last{0};
    std::unique_ptr<LinkCapture> m_capture;  // last: its thread uses the rest
};

class HijackedHost {
public:
    HijackedHost(ScenarioContext& context, Hijack hijack)
        : m_context(context), m_lab(context.lab()), m_hijack(std::move(hijack)) {}
    Expected<void> run();

private:
    using Secrets = std::map<std::string, std::vector<Pattern>>;

    Expected<Secrets> secrets();
    Expected<void> searchMemory();
    Expected<void> searchFiles(const Secrets& secrets);
    Expected<void> useTheRights();
    Expected<void> useTheDoor();
    Expected<void> spendStolenKey();
    Expected<void> revocation(const std::string& how, uint16_t port, const std::function<Expected<void>()>& act,
                              const OpenPurchase* other = nullptr);
    Expected<void> pauseAndLock();
    Expected<void> alarm();
    Expected<void> relayBlocked();
    Expected<void> endAll();
    bool obeyed(const std::string& what, const Answer& answer);

    ScenarioContext& m_context;
    Lab& m_lab;
    Hijack m_hijack;
    std::unique_ptr<Arrivals> m_arrivals;
};

bool HijackedHost::obeyed(const std::string& what, const Answer& answer) {
    return m_context.expect(answer.status >= 200 && answer.status < 300, what + ": " + answer.body.dump());
}

// What must be in the secretary only, read with its owner's rights.
Expected<HijackedHost::Secrets> HijackedHost::secrets() {
    Secrets found;
    const std::string folder = agentStateFolder(m_lab.name(), Hijack::host) + "/secretary/";
    std::ifstream file(folder + "secretary.key", std::ios::binary);
    const Pattern key((std::istreambuf_iterator<char>(file)), {});
    if (key.size() != 32) return fail(LabErrc::System, "the database's key cannot be read");
    found["database_key"] = formsOf(key);
    obeyed("a passphrase", m_hijack.owner("PUT", "/v1/passphrase", {{"present", ""}, {"new", passphrase}}));
    found["passphrase"] = formsOf(std::string_view(passphrase));
    const Answer said = m_hijack.owner("POST", "/v1/recovery-words", {{"passphrase", passphrase}});
    if (!said.body.contains("words")) return fail(LabErrc::System, "the owner gets no recovery words");
    const std::string words = said.body["words"];
    found["recovery_words"] = formsOf(std::string_view(words));
    const auto seed = secretary::seedFromWords(words);
    if (!seed) return fail(LabErrc::System, seed.error().message);
    found["identity_seed"] = formsOf(seed->bytes());
    // What signing computes with: the halves of the seed's SHA-512, the first one clamped (RFC 8032).
    std::array<uint8_t, 64> hash{};
    crypto_hash_sha512(hash.data(), seed->bytes().data(), seed->bytes().size());
    found["signing_prefix"] = formsOf(std::span(hash).subspan(32));
    found["private_scalar"] = formsOf(std::span(hash).first(32));
    hash[0] &= 248;
    hash[31] = static_cast<uint8_t>((hash[31] & 127) | 64);
    for (Pattern& form : formsOf(std::span(hash).first(32))) found["private_scalar"].push_back(std::move(form));
    return found;
}

Expected<void> HijackedHost::searchMemory() {
    m_context.say("The attacker searches the memory of the agent and its helpers:");
    const auto purchase = m_hijack.buy(6000);  // so that signing and TLS have been at work
    if (!purchase) return tl::unexpected(purchase.error());
    const auto wanted = secrets();
    if (!wanted) return tl::unexpected(wanted.error());
    const pid_t secretary = m_hijack.secretary();
    std::vector<pid_t> host{m_hijack.agent()};
    for (const pid_t pid : descendantsOf(m_hijack.agent())) {
        if (pid != secretary) host.push_back(pid);
    }
    if (secretary < 0) return fail(LabErrc::System, "the agent has no secretary beside it");
    size_t bytes = 0;
    Json inAgent = Json::object(), inSecretary = Json::object(), searched = Json::array();
    for (const auto& [name, forms] : *wanted) inAgent[name] = inSecretary[name] = 0;
    host.push_back(secretary);
    for (const pid_t pid : host) {
        const auto memory = ProcessMemory::read(pid);
        if (!memory) return tl::unexpected(memory.error());
        Json& counts = pid == secretary ? inSecretary : inAgent;
        if (pid != secretary) {
            bytes += memory->bytes();
            searched.push_back(nameOfProcess(pid));
        }
        for (const auto& [name, forms] : *wanted) {
            size_t count = 0;
            for (const Pattern& form : forms) count += memory->count(form);
            counts[name] = counts[name].get<size_t>() + count;
        }
    }
    uint64_t found = 0;
    for (const auto& [name, count] : inAgent.items()) {
        found += count.get<uint64_t>();
        m_context.expect(count == 0, name + " is in the agent's memory");
    }
    for (const char* name : {"identity_seed", "database_key"}) {
        m_context.expect(inSecretary[name].get<size_t>() > 0,
                         std::string("the search does not even find ") + name + " where it must be");
    }
    Json& result = m_context.result();
    result["agent_processes"] = searched;
    result["agent_bytes_searched"] = bytes;
    result["private_keys_found"] = found;
    result["found_in_agent"] = inAgent;
    result["found_in_secretary"] = inSecretary;
    m_context.say("  " + std::to_string(bytes >> 20) +
                  " MiB, no private key; the same search finds them in the secretary's.");
    LAB_TRY(searchFiles(*wanted));
    const auto stolen = m_hijack.steal(*purchase);
    if (!stolen) return tl::unexpected(stolen.error());
    result["session_key_found"] = true;
    m_context.say("  The session key, which the agent must have, is found.");
    obeyed("no passphrase", m_hijack.owner("POST", "/v1/passphrase/remove", {{"present", passphrase}}));
    return {};
}

// Whatever the agent keeps on disk, and what is written to its log.
Expected<void> HijackedHost::searchFiles(const Secrets& secrets) {
    size_t files = 0, found = 0;
    std::error_code error;
    const auto search = [&](const std::filesystem::path& path) {
        std::ifstream in(path, std::ios::binary);
        const Pattern content((std::istreambuf_iterator<char>(in)), {});
        ++files;
        for (const auto& [name, forms] : secrets) {
            for (const Pattern& form : forms) {
                const auto at = std::search(content.begin(), content.end(), form.begin(), form.end());
                if (form.empty() || at == content.end()) continue;
                ++found;
                m_context.expect(false, name + " is in " + path.string());
            }
        }
    };
    const std::string state = agentStateFolder(m_lab.name(), Hijack::host);
    for (const auto& entry : std::filesystem::recursive_directory_iterator(state + "/agent", error)) {
        if (entry.is_regular_file()) search(entry.path());
    }
    search(m_lab.folder() + "/log/" + agentProgram(Hijack::host) + ".log");
    m_context.expect(files > 1, "no file of the agent's was searched");
    m_context.result()["agent_files_searched"] = files;
    m_context.result()["private_keys_in_files"] = found;
    return {};
}

// Code in the agent's process has the agent's user, groups, capabilities and namespaces.
Expected<void> HijackedHost::useTheRights() {
    pid_t starter = -1;
    for (const pid_t pid : descendantsOf(m_hijack.agent()))
        starter = nameOfProcess(pid) == "netpas-starter" ? pid : starter;
    auto tool = Tool::start(
        m_lab, Hijack::host, "agent-thief",
        {"agent=" + std::to_string(m_hijack.agent()), "secretary=" + std::to_string(m_hijack.secretary()),
         "starter=" + std::to_string(starter), "folder=" + agentStateFolder(m_lab.name(), Hijack::host) + "/secretary",
         "door=" + m_hijack.door()});
    if (!tool) return tl::unexpected(tool.error());
    const auto tried = tool->finish(seconds(20));
    if (!tried) return tl::unexpected(tried.error());
    for (const Json& attempt : (*tried)["attempts"]) {
        m_context.expect(attempt["result"] != "succeeded",
                         "the agent's user can " + attempt["attempt"].get<std::string>());
    }
    m_context.expect((*tried)["control"]["succeeded"].get<int>() > 4,
                     "the attempts fail even on the attacker's own process: " + (*tried)["control"].dump());
    m_context.result()["rights_tried"] = (*tried)["attempts"].size();
    m_context.result()["rights_succeeded"] = (*tried)["succeeded"];
    m_context.say("With the agent's rights the attacker reaches neither the secretary's process nor its files.");
    return {};
}

// Root at the agent's socket: what is forwarded is never more than Read and Request, whoever asks.
Expected<void> HijackedHost::useTheDoor() {
    Json answers = Json::object();
    const std::vector<std::array<std::string, 3>> tries{
        {"POST", "/v1/join", "{\"url\":\"https://192.0.2.1:1/#00\"}"},
        {"POST", "/v1/lock", "{}"},
        {"POST", "/v1/recovery-words", "{\"passphrase\":\"\"}"},
        {"POST", "/v1/backup", "{}"},
        {"PUT", "/v1/mode", "{\"mode\":\"ask\"}"},
        {"POST", "/v1/rules", "{\"text\":\"allow everything\"}"},
        {"GET", "/v1/contacts", ""},
        {"GET", "/v1/pending", ""},
        {"POST", "/v1/purchases", "{\"to\":\"203.0.113.6\",\"cap\":\"999999\"}"},
        {"POST", "/v1/purchases", "garbage"}};
    for (const auto& [method, target, body] : tries) {
        const Answer answer = m_hijack.user(method, target, body);
        answers[method + " " + target + (body == "garbage" ? " (garbage)" : "")] = answer.status;
        m_context.expect(answer.status >= 400 && answer.status < 500,
                         "root at the agent's socket may " + method + " " + target + ": " + answer.body.dump());
    }
    m_context.result()["as_root_through_the_agent"] = answers;
    return {};
}

// Beside the genuine packets of the agent's own.
Expected<void> HijackedHost::spendStolenKey() {
    constexpr uint16_t port = 6001;
    const auto purchase = m_hijack.buy(port);
    if (!purchase) return tl::unexpected(purchase.error());
    auto sender =
        Tool::start(m_lab, Hijack::host, "udp-send",
                    {"to=" + m_hijack.context().plan().address("a", true)->toString(), "port=" + std::to_string(port),
                     "packets=" + std::to_string(genuinePackets), "rate=2000"});
    if (!sender) return tl::unexpected(sender.error());
    if (const auto done = sender->finish(seconds(10)); !done) return tl::unexpected(done.error());
    LAB_TRY(waitUntil("the genuine packets", seconds(5),
                      [&] { return m_hijack.spentWith(purchase->key).packets >= genuinePackets; }));
    const auto key = m_hijack.steal(*purchase);
    if (!key) return tl::unexpected(key.error());
    const Spent before = m_hijack.spentWith(purchase->key);
    const Money left = *checkedSub(key->cap, before.amount);
    const auto thief = m_hijack.thief(*key);
    if (!thief) return tl::unexpected(thief.error());
    (*thief)->pay(64);
    LAB_TRY(waitUntil("the thief's packets", seconds(5),
                      [&] { return m_hijack.spentWith(purchase->key).packets == before.packets + 64; }));
    const uint64_t replays = m_hijack.verdict("replayed");
    (*thief)->repeat();
    LAB_TRY(
        waitUntil("replays to be refused", seconds(5), [&] { return m_hijack.verdict("replayed") >= replays + 64; }));
    const uint64_t capReached = m_hijack.verdict("key_cap_reached");
    const Money each = *checkedSub(m_hijack.spentWith(purchase->key).amount, before.amount);
    const auto enough = static_cast<uint64_t>(left.eighths() / (each.eighths() / 64) + 2000);
    (*thief)->pay(enough);
    LAB_TRY(waitUntil("the key's cap", seconds(5),
                      [&] { return m_hijack.verdict("key_cap_reached") > capReached + 1000; }));
    const Spent after = m_hijack.spentWith(purchase->key);
    const Money spent = *checkedSub(after.amount, before.amount);
    Json& result = m_context.result();
    result["purchase_cap"] = Hijack::purchaseCap;
    result["key_cap"] = key->cap.toString();
    result["cap_remaining"] = left.toString();
    result["sent_by_attacker"] = (*thief)->sent();
    result["accepted_from_attacker"] = after.packets - before.packets;
    result["spent_by_attacker"] = spent.toString();
    result["replays_refused"] = m_hijack.verdict("replayed") - replays;
    result["refused_at_the_cap"] = m_hijack.verdict("key_cap_reached") - capReached;
    const bool held = spent <= left && after.amount <= key->cap;
    result["bound_held"] = held;
    m_context.expect(held, "the thief spent more than was left of the key");
    m_context.expect(spent > Money::zero(), "the thief could spend nothing: the theft proves nothing");
    m_context.say("A thief with a session key of " + key->cap.toString() + " dollars, of which " + left.toString() +
                  " was left, spent " + spent.toString() + ".");
    return endAll();
}

// The thief goes on while its owner acts; what counts is the last packet that the edge router let pass.
Expected<void> HijackedHost::revocation(const std::string& how, uint16_t port,
                                        const std::function<Expected<void>()>& act, const OpenPurchase* other) {
    const auto purchase = other != nullptr ? Expected<OpenPurchase>(*other) : m_hijack.buy(port);
    if (!purchase) return tl::unexpected(purchase.error());
    const auto key = m_hijack.steal(*purchase);
    if (!key) return tl::unexpected(key.error());
    const auto thief = m_hijack.thief(*key);
    if (!thief) return tl::unexpected(thief.error());
    const uint64_t before = m_arrivals->count();
    (*thief)->goOn();
    LAB_TRY(waitUntil("the thief's packets", seconds(5), [&] { return m_arrivals->count() > before + 50; }));
    const Wall::time_point begin = Wall::now();
    LAB_TRY(act());
    const auto revoked = waitUntil("the key to be worthless", seconds(5), [&] {
        return Wall::now() - std::max(m_arrivals->last(), begin) > milliseconds(400);
    });
    (*thief)->stop();
    const auto took = std::chrono::duration_cast<milliseconds>(std::max(m_arrivals->last(), begin) - begin).count();
    const uint64_t unknown = m_hijack.verdict("unknown_key");
    const uint64_t passed = m_arrivals->count();
    (*thief)->pay(128);
    (void)waitUntil("the refusals", seconds(2), [&] { return m_hijack.verdict("unknown_key") >= unknown + 128; });
    const uint64_t refused = m_hijack.verdict("unknown_key") - unknown;
    Json& result = m_context.result();
    result["revocation_ms_" + how] = took;
    result["refused_after_" + how] = refused;
    m_context.expect(revoked.has_value() && took < 1000, how + ": the key was still good a second later");
    m_context.expect(
        refused == 128 && m_arrivals->count() == passed,
        how + ": " + std::to_string(refused) + " of 128 packets with a revoked key were counted as refused");
    m_context.say("  " + how + ": worthless at the edge router after " + std::to_string(took) + " ms.");
    return {};
}

Expected<void> HijackedHost::pauseAndLock() {
    m_context.say("Revocation while a thief pays with the key:");
    LAB_TRY(revocation("pause", 6002, [&]() -> Expected<void> {
        obeyed("pause", m_hijack.owner("PUT", "/v1/mode", {{"mode", "pause"}}));
        return {};
    }));
    obeyed("mode", m_hijack.owner("PUT", "/v1/mode", {{"mode", "ask"}}));
    obeyed("a passphrase", m_hijack.owner("PUT", "/v1/passphrase", {{"present", ""}, {"new", passphrase}}));
    LAB_TRY(revocation("lock", 6003, [&]() -> Expected<void> {
        obeyed("lock", m_hijack.owner("POST", "/v1/lock", Json::object()));
        return {};
    }));
    LAB_TRY(waitUntil("unlocking", seconds(10), [&] {
        return m_hijack.owner("POST", "/v1/unlock", {{"passphrase", passphrase}}).status == 200;
    }));
    obeyed("no passphrase", m_hijack.owner("POST", "/v1/passphrase/remove", {{"present", passphrase}}));
    return endAll();
}

// Nobody tells the secretary of the theft: the ISP's signed statement about one key does, when that key ends, and then no key
// of this agent's is trusted any more.
Expected<void> HijackedHost::alarm() {
    const auto first = m_hijack.buy(6004);
    const auto second = m_hijack.buy(6005);
    if (!first || !second) return tl::unexpected(first ? second.error() : first.error());
    const auto key = m_hijack.steal(*first);
    if (!key) return tl::unexpected(key.error());
    const auto thief = m_hijack.thief(*key);
    if (!thief) return tl::unexpected(thief.error());
    (*thief)->pay(64);
    LAB_TRY(revocation(
        "alarm", 0,
        [&]() -> Expected<void> {
            obeyed("stop", m_hijack.owner("DELETE", "/v1/purchases/" + first->id));
            return {};
        },
        &*second));
    const Answer status = m_hijack.owner("GET", "/v1/status");
    const Answer mode = m_hijack.owner("GET", "/v1/mode");
    m_context.result()["alarm"] = status.body.value("alarm", Json());
    m_context.expect(mode.body.value("mode", "") == "pause", "after an alarm spending goes on: " + mode.body.dump());
    m_context.expect(status.body.contains("alarm") && status.body["alarm"].is_string(),
                     "the owner is not told of the alarm: " + status.body.dump());
    const auto bought = m_hijack.buy(6006);
    m_context.expect(!bought, "after an alarm keys are made as before");
    obeyed("mode", m_hijack.owner("PUT", "/v1/mode", {{"mode", "ask"}}));
    return endAll();
}

// The attacker also stops the agent, through which the secretary would reach the ISP: the key's cap and its time remain.
Expected<void> HijackedHost::relayBlocked() {
    const auto purchase = m_hijack.buy(6007);
    if (!purchase) return tl::unexpected(purchase.error());
    const auto key = m_hijack.steal(*purchase);
    if (!key) return tl::unexpected(key.error());
    const auto thief = m_hijack.thief(*key);
    if (!thief) return tl::unexpected(thief.error());
    ::kill(m_hijack.agent(), SIGSTOP);
    obeyed("pause", m_hijack.owner("PUT", "/v1/mode", {{"mode", "pause"}}));
    const uint64_t capReached = m_hijack.verdict("key_cap_reached");
    (*thief)->pay(static_cast<uint64_t>(key->cap.eighths() / (15 * 8)) + 1000);
    (void)waitUntil("the key's cap", seconds(3),
                    [&] { return m_hijack.verdict("key_cap_reached") > capReached + 500; });
    const Spent after = m_hijack.spentWith(purchase->key);
    ::kill(m_hijack.agent(), SIGCONT);
    m_context.result()["relay_blocked_spent"] = after.amount.toString();
    m_context.result()["relay_blocked_bound"] = key->cap.toString();
    m_context.expect(after.amount <= key->cap, "behind a blocked relay the thief spent more than the key's cap");
    m_context.expect(after.amount > Money::zero(), "behind a blocked relay nothing was spent: nothing is proved");
    const auto gone = waitUntil("the revocation after all", seconds(10),
                                [&] { return m_hijack.spentWith(purchase->key).packets == 0; });
    m_context.expect(gone.has_value(), "the key was not even revoked when the agent went on");
    obeyed("mode", m_hijack.owner("PUT", "/v1/mode", {{"mode", "ask"}}));
    return endAll();
}

// Everything is settled, and whatever alarm the thefts have caused is past.
Expected<void> HijackedHost::endAll() {
    const auto settled = waitUntil("all purchases to be settled", seconds(15), [&] {
        const Answer open = m_hijack.owner("GET", "/v1/purchases");
        if (open.status != 200) return false;
        for (const Json& one : open.body["purchases"]) {
            if (one.value("state", "") == "active")
                (void)m_hijack.owner("DELETE", "/v1/purchases/" + one.value("id", ""));
        }
        return open.body["purchases"].empty();
    });
    m_context.expect(settled.has_value(), "purchases stay unsettled");
    obeyed("mode", m_hijack.owner("PUT", "/v1/mode", {{"mode", "ask"}}));
    return {};
}

Expected<void> HijackedHost::run() {
    auto arrivals = Arrivals::start(m_hijack);
    if (!arrivals) return tl::unexpected(arrivals.error());
    m_arrivals = std::move(*arrivals);
    LAB_TRY(searchMemory());
    LAB_TRY(endAll());
    LAB_TRY(useTheRights());
    LAB_TRY(useTheDoor());
    LAB_TRY(spendStolenKey());
    LAB_TRY(pauseAndLock());
    LAB_TRY(alarm());
    LAB_TRY(relayBlocked());
    LAB_TRY(attackTheChannel(m_hijack));
    return m_lab.checkPrograms();
}

}  // namespace

Scenario hijackedHostScenario() {
    return {
        "hijacked-host",
        "an attacker with everything the agent has: no private key, spending bounded by a key's cap, revoked at once",
        "figure3",
        {},
        [](ScenarioContext& context) -> Expected<void> {
            auto hijack = Hijack::prepare(context);
            if (!hijack) return tl::unexpected(hijack.error());
            return HijackedHost(context, std::move(*hijack)).run();
        }};
}

}  // namespace netpas::lab
