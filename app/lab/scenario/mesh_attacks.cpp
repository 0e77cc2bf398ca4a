// What somebody on the link of two households can do to their agreement: adverts, agreements and statements that are forged, replayed, absurd, impossible or garbage,
// thousands a second and in thousands of names, while one of them pays the other for its packets. Judged by what arrives, by both ends' counts of it, by what was bought from
// whom, and by what the agents took of memory and processor time.
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <thread>

#include "app/lab/command.h"
#include "app/lab/parties.h"
#include "app/lab/scenario/mesh_attacker.h"
#include "app/lab/scenario/mesh_link.h"
#include "app/lab/scenario/mesh_traffic.h"
#include "app/lab/scenario/process_tree.h"
#include "app/lab/scenario/scenario.h"
#include "cartographer/verify/messages.h"
#include "core/agreement/messages.h"
#include "core/crypto/hex.h"
#include "core/random.h"

namespace netpas::lab {
namespace {

using namespace std::chrono_literals;
using namespace agreement;

constexpr const char* attackersAddress = "10.99.0.66";
constexpr const char* behindAttacker = "198.18.0.66";

// Of an agent with its secretary.
struct Effort {
    double seconds = 0;
    double bytes = 0;
};

Effort effortOf(pid_t pid) {
    std::ifstream stat("/proc/" + std::to_string(pid) + "/stat"), memory("/proc/" + std::to_string(pid) + "/statm");
    std::string text;
    std::getline(stat, text);
    std::istringstream fields(text.substr(std::min(text.rfind(')') + 1, text.size())));
    std::string skipped;
    for (int i = 0; i < 11; ++i) fields >> skipped;
    double user = 0, system = 0, size = 0, resident = 0;
    fields >> user >> system;
    memory >> size >> resident;
    return {(user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK)),
            resident * static_cast<double>(::sysconf(_SC_PAGESIZE))};
}

class MeshAttacks {
public:
    explicit MeshAttacks(ScenarioContext& context) : m_context(context), m_lab(context.lab()) {}

    Expected<void> run() {
        LAB_TRY(connect());
        LAB_TRY(agree());
        LAB_TRY(known());
        const Effort before = effort();
        LAB_TRY(during("quiet", 100, {}, [](int) {}));
        m_quiet = effort();
        m_quiet.seconds -= before.seconds;
        LAB_TRY(adverts());
        LAB_TRY(messages());
        LAB_TRY(statements());
        LAB_TRY(floods());
        return judge();
    }

private:
    using Names = std::vector<std::string>;

    // a, b and the attacker on one link; b has another one, where nobody is but the attacker.
    Expected<void> connect() {
        const std::string z = m_lab.netns("z1"), a = m_lab.netns("a"), b = m_lab.netns("b");
        const auto end = [&](const std::string& name, const std::string& netns, const std::string& peer) {
            return Names{"ip",   "link", "add",  "name", name, "netns", netns,
                         "type", "veth", "peer", "name", peer, "netns", z};
        };
        std::vector<Names> steps{{"ip", "-n", z, "link", "add", "air", "type", "bridge", "mcast_snooping", "0"},
                                 end(meshInterface("a"), a, "air-a"),
                                 end(meshInterface("b"), b, "air-b"),
                                 end("mesh-x", z, "air-x"),
                                 end("mesh-c", b, "mesh-y")};
        for (const char* port : {"air-a", "air-b", "air-x"})
            steps.push_back({"ip", "-n", z, "link", "set", port, "master", "air", "up"});
        // It knows who is where, whatever the attacker says: else packets would go astray in it, and nobody could help that.
        steps.push_back({"ip", "-n", z, "link", "set", "air-x", "type", "bridge_slave", "learning", "off"});
        for (const char* port : {"air", "mesh-x", "mesh-y"})
            steps.push_back({"ip", "-n", z, "link", "set", port, "up"});
        steps.push_back({"ip", "-n", b, "link", "set", "mesh-c", "up"});
        for (const auto& [host, address] : {std::pair{"a", firstMeshAddress}, {"b", secondMeshAddress}}) {
            const std::string name = meshInterface(host), netns = m_lab.netns(host);
            steps.push_back({"ip", "-n", netns, "link", "set", name, "up"});
            steps.push_back({"ip", "-n", netns, "address", "add", std::string(address) + "/24", "dev", name});
        }
        const std::string far = std::string(farAway) + "/32";
        steps.push_back({"ip", "-n", a, "route", "add", far, "via", secondMeshAddress});
        steps.push_back({"ip", "-n", z, "address", "add", far, "dev", "lo"});
        steps.push_back(
            {"ip", "-n", z, "route", "add", meshNetwork, "via", uplink("b").addresses.front().address.toString()});
        steps.push_back({"ip", "netns", "exec", b, "sysctl", "-qw", "net.ipv4.ip_forward=1"});
        for (const Names& step : steps) {
            if (auto done = requireCommand(step); !done) return tl::unexpected(done.error());
        }
        LAB_TRY(startNeighbour(m_lab, "a", {"--mesh-uplink", uplink("a").name}));
        LAB_TRY(startNeighbour(m_lab, "b", {"--mesh-uplink", uplink("b").name, "--mesh", "mesh-c"}));
        LAB_TRY(m_attacker.openIn(m_lab, "z1", "mesh-x"));
        LAB_TRY(m_elsewhere.openIn(m_lab, "z1", "mesh-y"));
        LAB_TRY(m_far.openIn(m_lab, "z1", farAway));
        return m_near.openIn(m_lab, "a", firstMeshAddress);
    }
    [[nodiscard]] const InterfacePlan& uplink(const std::string& host) const {
        for (const auto& ends : m_context.plan().links) {
            for (const InterfacePlan& end : ends) {
                if (end.node == host) return end;
            }
        }
        return m_context.plan().links.front().front();
    }

    Json ask(const std::string& host, const std::string& what) {
        const auto said = netpas(m_lab, host, {what});
        return said ? *said : Json::object();
    }
    Json agreements(const std::string& host) { return ask(host, "agreements").value("agreements", Json::array()); }
    std::string active(const std::string& host) {
        for (const Json& one : agreements(host)) {
            if (one.value("state", "") == "active" && one.value("forwarding", false)) return one.value("id", "");
        }
        return {};
    }
    Expected<void> waitFor(const std::string& what, const std::function<bool()>& ready) {
        return waitUntil(what, 40s, [&] {
            if (ready()) return true;
            std::this_thread::sleep_for(200ms);
            return false;
        });
    }
    Expected<void> agree() {
        LAB_TRY(netpas(m_lab, "b", {"neighbours", "set", "--upstream", "0.000001", "--notice", "0s"}));
        LAB_TRY(netpas(m_lab, "a",
                       {"neighbours", "set", "--automatic", "best", "--pay-at", "0.00005", "--close-at", "0.0005",
                        "--limit", "0.1", "--interval", "1s", "--lifetime", "600s"}));
        LAB_TRY(waitFor("the agreement", [&] { return !active("b").empty(); }));
        m_agreement = active("b");
        return {};
    }
    // Both ends' places on the link, what they say to everybody, and the attacker as one whom they know.
    Expected<void> known() {
        for (const char* host : {"a", "b"}) {
            for (const Json& one : ask(host, "neighbours").value("interfaces", Json::array())) {
                if (one.value("name", "") != meshInterface(host)) continue;
                const auto link = parseLink(one.value("link", ""));
                const auto address = IpAddress::parse(one.value("address", ""));
                if (link && address) m_spots[host] = {*link, *address};
            }
            if (!m_spots.contains(host)) return fail(LabErrc::State, std::string(host) + " is not on the link");
        }
        m_me = MeshAttacker::nobody(1);
        for (const Names& step :
             {Names{"neigh", "replace", attackersAddress, "lladdr", linkText(m_me.link), "dev", meshInterface("a"),
                    "nud", "permanent"},
              Names{"route", "add", std::string(behindAttacker) + "/32", "via", attackersAddress}}) {
            Names command{"ip", "-n", m_lab.netns("a")};
            command.insert(command.end(), step.begin(), step.end());
            if (auto done = requireCommand(command); !done) return tl::unexpected(done.error());
        }
        return waitFor("adverts of both", [&] {
            collect();
            return m_said.contains("a") && m_said.contains("b");
        });
    }
    void collect() {
        for (MeshAttacker::Heard& one : m_attacker.overheard()) {
            for (const auto& [host, spot] : m_spots) {
                if (spot.link == one.from.link && looksLikeAdvert(one.bytes))
                    m_said[host].push_back(std::move(one.bytes));
            }
        }
    }

    // Fifty times a second, with a's packets on their way.
    Expected<void> during(const std::string& attack, int steps, const Names& refused,
                          const std::function<void(int)>& step) {
        const Json before = ask("b", "neighbours").value("refused", Json::object());
        for (int i = 0; i < steps; ++i) {
            step(i);
            if (i % 10 == 0) m_sent += m_near.send(20);
            std::this_thread::sleep_for(20ms);
            m_arrived += m_far.arrived();
        }
        collect();
        m_context.result()["packets"][attack] = {m_sent, m_arrived};
        if (refused.empty()) return {};
        Json grown = Json::object();
        const auto done = waitUntil(attack, 5s, [&] {
            const Json now = ask("b", "neighbours").value("refused", Json::object());
            for (const auto& [kind, count] : now.items()) {
                const uint64_t more = count.get<uint64_t>() - before.value(kind, uint64_t{0});
                if (more > 0) grown[kind] = more;
            }
            return std::all_of(refused.begin(), refused.end(), [&](const auto& kind) { return grown.contains(kind); });
        });
        m_context.result()["refused"][attack] = grown;
        for (const std::string& kind : refused)
            m_context.expect(grown.contains(kind),
                             attack + ": nothing was refused as " + kind + ", but " + grown.dump());
        (void)done;
        return {};
    }

    [[nodiscard]] Advert advertOf(const Identity& who, const MeshSpot& spot) {
        Advert advert;
        advert.key = who.publicKey();
        advert.run = 7;
        advert.number = ++m_number;
        advert.issued = systemClock().now();
        advert.lifetime = 60s;
        advert.link = spot.link;
        advert.address = spot.address;
        advert.isp = IspId(26);
        advert.prices.upstream = *Money::parse("0.0000005");
        return advert;
    }
    void toAll(const MeshSpot& from, const Bytes& bytes) {
        (void)m_attacker.say(from, MeshAttacker::everybody(), bytes);
    }
    void toBoth(const MeshSpot& from, const Bytes& bytes) {
        for (const char* host : {"a", "b"}) (void)m_attacker.say(from, m_spots[host], bytes);
    }

    Expected<void> adverts() {
        LAB_TRY(during("forged adverts", 60, {"forged"}, [&](int) {
            Advert advert = advertOf(m_evil, m_me);
            Bytes bytes = sign(advert, m_evil);
            bytes.back() ^= 1;
            toAll(m_me, bytes);
        }));
        LAB_TRY(during("in another's place", 60, {"from_other_address", "address_claimed"}, [&](int i) {
            const Bytes bytes = sign(advertOf(m_evil, m_spots["a"]), m_evil);
            toAll(i % 2 == 0 ? m_me : m_spots["a"], bytes);
        }));
        const auto first = m_said["a"].front();
        LAB_TRY(waitFor("another advert", [&] {
            collect();
            return m_said["a"].back() != first;
        }));
        LAB_TRY(during("replayed adverts", 60, {"replayed", "wrong_time", "from_other_address"}, [&](int i) {
            Advert old = advertOf(m_late, MeshAttacker::nobody(3));
            old.issued -= std::chrono::hours(2);
            toAll(MeshAttacker::nobody(3), sign(old, m_late));
            toAll(i % 2 == 0 ? m_spots["a"] : m_me, first);
        }));
        LAB_TRY(during("replayed on another link", 60, {"on_other_link"}, [&](int) {
            (void)m_elsewhere.say(m_spots["a"], MeshAttacker::everybody(), m_said["a"].back());
        }));
        return during("absurd prices", 100, {"malformed"}, [&](int i) {
            Advert advert = advertOf(m_evil, m_me);
            advert.prices.upstream = i % 3 == 1 ? maxPricePerKb : Money();
            advert.prices.downstream = maxPricePerKb;
            Bytes bytes = sign(advert, m_evil);
            // No price that can be written: the last field of all is the one downstream.
            if (i % 3 == 2) bytes[bytes.size() - 64 - 8] = 0x7f;
            toAll(m_me, bytes);
        });
    }

    Expected<void> messages() {
        AgreementId theirs{};
        if (!fromHex(m_agreement, theirs)) return fail(LabErrc::State, "the agreement has no number");
        const PublicKey a = keyOf("b", "a"), b = keyOf("a", "b");
        const auto terms = [&](const PublicKey& buyer, const PublicKey& seller) {
            Terms all;
            all.id = newAgreementId();
            all.buyer = buyer;
            all.seller = seller;
            all.perKb = *Money::parse("0.000001");
            all.payAt = *Money::parse("0.00005");
            all.closeAt = *Money::parse("0.0005");
            all.limit = *Money::parse("0.01");
            all.lifetime = 600s;
            all.interval = 1s;
            return all;
        };
        return during("agreements", 100, {"message_forged", "message_malformed", "unknown_neighbour"}, [&](int i) {
            if (i % 20 == 0) toAll(m_me, sign(advertOf(m_evil, m_me), m_evil));
            const std::vector<Message> all{Offer{terms(a, b)},
                                           Offer{terms(m_evil.publicKey(), a)},
                                           Accept{theirs, {}},
                                           Refuse{theirs, RefuseReason::Price},
                                           Count{theirs, 4'000'000'000, 1, 1'000'000'000'000, true},
                                           Paying{theirs, 1, *Money::parse("1000"), {}},
                                           End{theirs, EndReason::Wish},
                                           Ended{theirs, 1}};
            Bytes bytes = sign(all[static_cast<size_t>(i) % all.size()], m_evil);
            // From itself, in the name of each of the two, and from nobody.
            toBoth(m_me, bytes);
            (void)m_attacker.say(m_spots["a"], m_spots["b"], bytes);
            (void)m_attacker.say(m_spots["b"], m_spots["a"], bytes);
            toBoth(MeshAttacker::nobody(2), bytes);
            bytes.resize(bytes.size() / 2);
            toBoth(m_me, bytes);
        });
    }
    PublicKey keyOf(const std::string& asked, const std::string& of) {
        for (const Json& one : ask(asked, "neighbours").value("neighbours", Json::array())) {
            PublicKey key;
            if (one.value("link", "") == linkText(m_spots[of].link) && fromHex(one.value("key", ""), key.bytes))
                return key;
        }
        return {};
    }

    // About a's flow to the far address, of which the attacker is no part, and about one that a sends through it.
    Expected<void> statements() {
        using namespace verification;
        (void)runCommand({"ip", "netns", "exec", m_lab.netns("a"), "ping", "-q", "-c", "40", "-i", "0.01", "-w", "1",
                          behindAttacker});
        const IpAddress from = *IpAddress::parse(firstMeshAddress);
        const Route theirs{from, *IpAddress::parse(farAway)}, mine{from, *IpAddress::parse(behindAttacker)};
        const auto now = static_cast<uint32_t>(
            std::chrono::duration_cast<std::chrono::seconds>(systemClock().now().time_since_epoch()).count());
        const Json before = ask("a", "neighbours").value("refused", Json::object());
        LAB_TRY(during("statements", 100, {"statement_stranger", "statement_malformed"}, [&](int i) {
            if (i % 20 == 0) toAll(m_me, sign(advertOf(m_evil, m_me), m_evil));
            const Route& route = i % 2 == 0 ? theirs : mine;
            Statement statement;
            statement.signer = m_evil.publicKey();
            statement.flow = flowOf(route);
            // Of the future, or of more than was ever sent, or of fewer bytes than the packets have.
            statement.window = i % 3 == 0 ? now + 4'000 : now + static_cast<uint32_t>(i);
            statement.packets = static_cast<uint64_t>(i + 1) * 1'000'000'000;
            statement.bytes = statement.packets * 1000;
            statement.activeNanoseconds = 1'000'000'000ULL * static_cast<unsigned>(i);
            const Bytes told = encode(Told{route, sign(statement, m_evil), {}});
            toBoth(m_me, told);
            (void)m_attacker.say(m_spots["b"], m_spots["a"], told);
            toBoth(m_me, i % 4 == 0 ? encode(Question{route, now - 100, now})
                                    : encode(Answer{route, 3, true, sign(statement, m_evil), {}}));
            Bytes cut = encode(Question{route, now - 100, now});
            cut.pop_back();
            toBoth(m_me, cut);
        }));
        const Json after = ask("a", "neighbours").value("refused", Json::object());
        for (const char* kind : {"statement_stranger", "statement_forged", "statement_impossible"}) {
            m_context.expect(after.value(kind, uint64_t{0}) > before.value(kind, uint64_t{0}),
                             std::string("a refused nothing as ") + kind + ", but " + after.dump());
        }
        return {};
    }

    // Everything at once and much of it, from one name and from thousands.
    Expected<void> floods() {
        SeededRandom random(m_context.options().seed);
        std::vector<std::pair<MeshSpot, Bytes>> crowd;
        for (uint32_t i = 0; i < 400; ++i) {
            const Identity who = Identity::generate();
            const MeshSpot spot = MeshAttacker::nobody(1000 + i);
            crowd.emplace_back(spot, sign(advertOf(who, spot), who));
        }
        Json& flood = m_context.result()["flood"];
        std::array<double, 2> took{};
        for (const size_t round : {size_t{0}, size_t{1}}) {
            const size_t each = round == 0 ? 100 : 400;
            uint64_t said = 0;
            const Effort before = effort();
            LAB_TRY(during("flood", 100, {}, [&](int) {
                for (size_t k = 0; k < each; ++k) {
                    const auto& [spot, advert] = crowd[random.below(crowd.size())];
                    Bytes garbage(2 + random.below(maxDatagram), 0);
                    for (uint8_t& byte : garbage) byte = static_cast<uint8_t>(random.below(256));
                    garbage[0] = 1;
                    garbage[1] = static_cast<uint8_t>(random.below(16));
                    const bool known = k % 4 == 0;
                    if (k % 2 == 0) {
                        said += m_attacker.say(known ? m_me : spot, MeshAttacker::everybody(), advert) ? 1U : 0U;
                    } else {
                        said += m_attacker.say(known ? m_me : spot, m_spots["b"], garbage) ? 1U : 0U;
                    }
                }
            }));
            took[round] = effort().seconds - before.seconds;
            flood.push_back({{"datagrams", said}, {"cpu_times_quiet", took[round] / std::max(m_quiet.seconds, 0.01)}});
        }
        // Beyond what is looked at, more costs less than in proportion.
        m_context.expect(took[1] < took[0] * 4, "four times the flood took more than four times the work");
        return {};
    }

    Effort effort() {
        Effort sum;
        const pid_t agent = m_lab.program(agentProgram("b"))->pid();
        const auto secretary = descendantWith(agent, "--launched");
        for (const pid_t pid : {agent, secretary.value_or(agent)}) {
            const Effort one = effortOf(pid);
            sum.seconds += one.seconds;
            sum.bytes += one.bytes;
        }
        return sum;
    }
    uint64_t bytesOf(const std::string& host) {
        uint64_t sum = 0;
        for (const Json& one : agreements(host)) sum += one.value("bytes", uint64_t{0});
        return sum;
    }

    Expected<void> judge() {
        std::this_thread::sleep_for(500ms);
        m_arrived += m_far.arrived();
        const uint64_t meant = m_arrived * MeshTraffic::packetBytes;
        const auto counted =
            waitFor("both ends' counts", [&] { return bytesOf("a") == meant && bytesOf("b") == meant; });
        Json& result = m_context.result();
        result["sent"] = m_sent;
        result["arrived"] = m_arrived;
        result["debt_error_bytes"] = static_cast<int64_t>(bytesOf("b")) - static_cast<int64_t>(meant);
        m_context.expect(counted && m_arrived == m_sent && m_sent > 0, "a's packets did not all pass and count");
        uint64_t others = 0, listed = 0;
        for (const char* host : {"a", "b"}) {
            for (const Json& one : agreements(host)) {
                const bool theirs = one.value("id", "") == m_agreement;
                others += theirs ? 0 : 1;
                m_context.expect(!theirs || (one.value("state", "") == "active" && one.value("forwarding", false)),
                                 std::string(host) + "'s agreement is " + one.dump());
                m_context.expect(theirs || (one.value("state", "") != "active" && one.value("charged", "0") == "0"),
                                 "something was bought: " + one.dump());
            }
            const Json all = ask(host, "neighbours");
            listed = std::max<uint64_t>(listed, all.value("neighbours", Json::array()).size());
            m_context.expect(all.value("refused", Json::object()).size() <= 32, "reasons are not bounded");
        }
        result["other_agreements"] = others;
        result["neighbours_at_most"] = listed;
        m_context.expect(listed <= 1024, "the table of neighbours is not bounded");
        const double grown = effort().bytes / m_quiet.bytes;
        result["memory_times_quiet"] = grown;
        m_context.expect(grown < 2, "memory grew to " + std::to_string(grown) + " times");
        return {};
    }

    ScenarioContext& m_context;
    Lab& m_lab;
    MeshTraffic m_near, m_far;
    MeshAttacker m_attacker, m_elsewhere;
    Identity m_evil = Identity::generate(), m_late = Identity::generate();
    MeshSpot m_me;
    std::map<std::string, MeshSpot> m_spots;
    std::map<std::string, std::vector<Bytes>> m_said;
    std::string m_agreement;
    Effort m_quiet;
    uint32_t m_number = 0;
    uint64_t m_sent = 0, m_arrived = 0;
};

}  // namespace

Scenario meshAttacksScenario() {
    return {"mesh-attacks",
            "adverts, agreements and statements that are forged, replayed, impossible or garbage, and floods of them, "
            "on a link of two neighbours",
            "mesh-pair",
            {},
            [](ScenarioContext& context) { return MeshAttacks(context).run(); }};
}

}  // namespace netpas::lab
