// The forwarding rule of the agreements note between real neighbours: every combination of who pays and in which direction, in both families; a neighbour
// that stops paying is cut and served again when it pays; another's address is worth nothing. Judged by the sockets at the ends: what was sent, what came.
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>

#include "app/lab/command.h"
#include "app/lab/netns.h"
#include "app/lab/scenario/mesh_node.h"
#include "app/lab/scenario/scenario.h"

namespace netpas::lab {
namespace {

using namespace std::chrono_literals;

constexpr uint16_t port = 4000;
constexpr size_t payload = 972;  // with UDP and IPv4 headers: 1000 bytes
constexpr uint64_t packetBytes = payload + 28;

struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t length = 0;

    SocketAddress(const IpAddress& address, uint16_t number) {
        if (address.isV6()) {
            sockaddr_in6 v6{};
            v6.sin6_family = AF_INET6;
            v6.sin6_port = htons(number);
            std::memcpy(&v6.sin6_addr, address.bytes().data(), sizeof v6.sin6_addr);
            std::memcpy(&storage, &v6, length = sizeof v6);
        } else {
            sockaddr_in v4{};
            v4.sin_family = AF_INET;
            v4.sin_port = htons(number);
            std::memcpy(&v4.sin_addr, address.bytes().data(), sizeof v4.sin_addr);
            std::memcpy(&storage, &v4, length = sizeof v4);
        }
    }
    [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

// A host's end of the packets: sends and counts what comes.
class Host {
public:
    static Expected<std::unique_ptr<Host>> open(ScenarioContext& context, const std::string& name, bool v6) {
        const auto address = context.plan().address(name, v6);
        if (!address) return fail(LabErrc::Topology, name + " has no address of this family");
        auto host = std::make_unique<Host>(*address);
        LAB_TRY(inNamespace(context.lab().netns(name), [&] { return host->openHere(); }));
        return host;
    }
    explicit Host(const IpAddress& address) : m_address(address) {}
    ~Host() {
        if (m_socket >= 0) ::close(m_socket);
    }
    Host(const Host&) = delete;
    Host& operator=(const Host&) = delete;

    [[nodiscard]] const IpAddress& address() const { return m_address; }
    void send(const Host& to, uint64_t packets) const {
        const std::array<char, payload> text{};
        const SocketAddress there(to.m_address, port);
        for (uint64_t i = 0; i < packets; ++i)
            (void)::sendto(m_socket, text.data(), text.size(), 0, there.get(), there.length);
    }
    // Until nothing more comes.
    [[nodiscard]] uint64_t drain(int patienceMs) const {
        std::array<char, 2048> buffer{};
        uint64_t packets = 0;
        pollfd event{m_socket, POLLIN, 0};
        while (::poll(&event, 1, packets == 0 ? patienceMs : 5) > 0) {
            while (::recv(m_socket, buffer.data(), buffer.size(), MSG_DONTWAIT) >= 0) ++packets;
        }
        return packets;
    }

    // In the namespace of the calling thread.
    Expected<void> openHere() {
        constexpr int much = 4 << 20;
        m_socket = ::socket(m_address.isV6() ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        const SocketAddress own(m_address, port);
        if (m_socket < 0 || ::setsockopt(m_socket, SOL_SOCKET, SO_RCVBUFFORCE, &much, sizeof much) != 0 ||
            ::bind(m_socket, own.get(), own.length) != 0)
            return fail(LabErrc::System, "no socket at " + m_address.toString());
        return {};
    }

private:
    IpAddress m_address;
    int m_socket = -1;
};

class ForwardingRules {
public:
    explicit ForwardingRules(ScenarioContext& context) : m_context(context), m_lab(context.lab()) {}

    Expected<void> run() {
        for (const std::string& name : names) {
            for (const bool v6 : {false, true}) {
                auto host = Host::open(m_context, name, v6);
                if (!host) return tl::unexpected(host.error());
                m_hosts[{name, v6}] = std::move(*host);
            }
        }
        LAB_TRY(everyCombination());
        LAB_TRY(anothersAddress());
        return whoDoesNotPay();
    }

private:
    static inline const std::vector<std::string> names{"u", "d", "p", "n"};

    Host& host(const std::string& name, bool v6) { return *m_hosts.at({name, v6}); }

    // m's view of the four, with what each pays for.
    [[nodiscard]] tun::ForwardingState neighbours() const {
        tun::ForwardingState state;
        for (const auto& ends : m_context.plan().links) {
            const InterfacePlan& there = ends[ends[0].node == "m" ? 1 : 0];
            const InterfacePlan& here = ends[ends[0].node == "m" ? 0 : 1];
            tun::ForwardingNeighbour one{here.name, parseLink(there.mac).value_or(LinkAddress{}), {}, false, false,
                                         false};
            for (const AddressWithLength& address : there.addresses) one.nextHops.push_back(address.address);
            one.paysUpstream = there.node == "u";
            one.paysDownstream = there.node == "d";
            state.mesh.insert(here.name);
            state.neighbours.push_back(std::move(one));
        }
        return state;
    }
    Expected<std::unique_ptr<tun::Forwarding>> forwardingAtM() {
        std::unique_ptr<tun::Forwarding> made;
        LAB_TRY(inNamespace(m_lab.netns("m"), [&]() -> Expected<void> {
            auto opened = tun::openLinuxForwarding({});
            if (!opened) return fail(LabErrc::System, "the packet filter of m: " + opened.error().diagnosis);
            made = std::move(*opened);
            return {};
        }));
        return made;
    }
    Expected<void> put(tun::Forwarding& forwarding, const tun::ForwardingState& state) {
        if (auto set = forwarding.set(state); !set) return fail(LabErrc::System, forwarding.diagnosis());
        return {};
    }

    // u pays for upstream, d for downstream, m pays p and so p pays nothing; n is nobody. The forms of the note are u to p (upstream to upstream), p to d
    // (downstream to downstream), and u to d.
    Expected<void> everyCombination() {
        constexpr uint64_t packets = 20;
        auto forwarding = forwardingAtM();
        if (!forwarding) return tl::unexpected(forwarding.error());
        LAB_TRY(put(**forwarding, neighbours()));
        Json& cases = m_context.result()["cases"] = Json::array();
        uint64_t wrong = 0;
        for (const bool v6 : {false, true}) {
            for (const std::string& from : names) {
                for (const std::string& to : names) {
                    if (from == to) continue;
                    const bool passes = from == "u" || to == "d";
                    host(from, v6).send(host(to, v6), packets);
                    const uint64_t passed = host(to, v6).drain(passes ? 1000 : 50);
                    const bool right = passed == (passes ? packets : 0);
                    wrong += right ? 0 : 1;
                    m_context.expect(right, from + " to " + to + ": " + std::to_string(passed) + " of " +
                                                std::to_string(packets) + " packets passed");
                    cases.push_back({{"from", from},
                                     {"to", to},
                                     {"family", v6 ? "ipv6" : "ipv4"},
                                     {"previous_pays_upstream", from == "u"},
                                     {"next_pays_downstream", to == "d"},
                                     {"sent", packets},
                                     {"passed", passed}});
                }
            }
        }
        const size_t tried = cases.size();
        m_context.result()["cases_wrong"] = wrong;  // from here on `cases` may be elsewhere
        m_context.say(std::to_string(tried) + " combinations of payer, direction and family, " + std::to_string(wrong) +
                      " of them not as the rule says");
        return {};
    }

    Expected<void> inNode(const std::string& node, std::vector<std::string> command) {
        std::vector<std::string> argv{"ip", "netns", "exec", m_lab.netns(node)};
        argv.insert(argv.end(), command.begin(), command.end());
        if (auto done = requireCommand(argv); !done) return tl::unexpected(done.error());
        return {};
    }

    // n says that it is u: first by the address in its packets, then by its card as well. If it paid, the same packets would pass.
    Expected<void> anothersAddress() {
        constexpr uint64_t packets = 20;
        auto forwarding = forwardingAtM();
        if (!forwarding) return tl::unexpected(forwarding.error());
        const tun::ForwardingState honest = neighbours();
        LAB_TRY(put(**forwarding, honest));
        const InterfacePlan *card = nullptr, *other = nullptr;
        for (const auto& ends : m_context.plan().links) {
            for (const InterfacePlan& end : ends) {
                if (end.node == "n") card = &end;
                if (end.node == "u") other = &end;
            }
        }
        if (card == nullptr || other == nullptr) return fail(LabErrc::Topology, "n and u have no links");
        const IpAddress stolen = host("u", false).address();
        // The kernel's own filter would hide what ours does.
        LAB_TRY(inNode("m", {"sysctl", "-qw", "net.ipv4.conf.all.rp_filter=0"}));
        for (const std::string& interface : honest.mesh)
            LAB_TRY(inNode("m", {"sysctl", "-qw", "net.ipv4.conf." + interface + ".rp_filter=0"}));
        LAB_TRY(inNode("n", {"ip", "address", "add", stolen.toString() + "/32", "dev", "lo"}));
        Host forger(stolen);
        LAB_TRY(inNamespace(m_lab.netns("n"), [&] { return forger.openHere(); }));
        const auto tries = [&] {
            forger.send(host("p", false), packets);
            return host("p", false).drain(100);
        };
        const uint64_t byAddress = tries();
        LAB_TRY(inNode("n", {"ip", "link", "set", "dev", card->name, "address", other->mac}));
        const uint64_t byCard = tries();
        tun::ForwardingState paying = honest;
        for (tun::ForwardingNeighbour& one : paying.neighbours) {
            const auto hops = one.nextHops;
            if (std::find(hops.begin(), hops.end(), host("n", false).address()) == hops.end()) continue;
            one.link = *parseLink(other->mac);
            one.paysUpstream = true;
        }
        LAB_TRY(put(**forwarding, paying));
        const uint64_t ifItPaid = tries();
        LAB_TRY(inNode("n", {"ip", "link", "set", "dev", card->name, "address", card->mac}));
        LAB_TRY(inNode("n", {"ip", "address", "del", stolen.toString() + "/32", "dev", "lo"}));
        m_context.expect(byAddress == 0 && byCard == 0, "packets in another's name passed");
        m_context.expect(ifItPaid == packets, "the forged packets would not have passed for money either");
        m_context.result()["forged"] = {{"sent_each", packets},
                                        {"by_ip_address", byAddress},
                                        {"by_link_layer_address", byCard},
                                        {"the_same_if_it_paid", ifItPaid}};
        return {};
    }

    // u buys upstream from m by an agreement, and what it sends to p is counted by both packet filters.
    Expected<void> whoDoesNotPay() {
        constexpr std::chrono::seconds interval{1};
        books::EngineOptions options;
        options.repeatEvery = 200ms;
        MeshBank bank;
        MeshNodeHome atM, atU;
        auto m = MeshNode::start(m_lab, "m", 1, bank, options, atM);
        auto u = MeshNode::start(m_lab, "u", 2, bank, options, atU);
        if (!m || !u) return tl::unexpected((m ? u : m).error());
        MeshNode &seller = **m, &buyer = **u;
        LAB_TRY(seller.meet("u", buyer.key()));
        LAB_TRY(buyer.meet("m", seller.key()));
        m_nodes = {&seller, &buyer};
        m_bank = &bank;

        books::Wish wish;
        wish.perKb = Money::fromEighths(800);  // $100 a terabyte
        wish.limit = Money::fromEighths(Money::eighthsPerDollar);
        wish.payAt = Money::fromEighths(800'000);      // 1 MB
        wish.closeAt = Money::fromEighths(6'400'000);  // 8 MB: several intervals
        wish.interval = interval;
        const auto id = buyer.engine().offer(seller.key(), wish);
        m_context.expect(id.has_value(), "the offer was not made");
        if (!id) return {};
        LAB_TRY(waitFor("the agreement", [&] { return seller.engine().standing(buyer.key()).paysUpstream; }));
        LAB_TRY(steps(2, 0));

        // While it pays nothing is lost.
        const uint64_t before = m_received;
        m_sent = 0;
        LAB_TRY(steps(60, 50));
        // A payment is made at the end of an interval; a quick machine has sent everything by then.
        for (int i = 0; i < 300 && bank.paidBy(buyer) == Money::zero(); ++i) LAB_TRY(steps(1, 5));
        m_context.expect(m_received - before == m_sent, "packets that were paid for did not pass");
        m_context.expect(bank.paidBy(buyer) > Money::zero(), "nothing was paid");

        m_context.say("u stops paying");
        bank.bankrupt.insert(buyer.key());
        auto exceeded = std::optional<SteadyTime>(), cut = std::optional<SteadyTime>();
        LAB_TRY(waitFor("the cut", [&] {
            const uint64_t had = m_received;
            if (!steps(1, 50)) return false;
            const SteadyTime now = systemClock().steady();
            if (!exceeded && seller.engine().standing(buyer.key()).exposure > wish.closeAt) exceeded = now;
            if (m_received == had) cut = now;
            return cut.has_value();
        }));
        const Money owed = seller.engine().standing(buyer.key()).exposure;
        const auto late = std::chrono::duration_cast<std::chrono::milliseconds>(*cut - exceeded.value_or(*cut));
        m_context.expect(exceeded.has_value() && late <= interval,
                         "it was cut after " + std::to_string(late.count()) + " ms");
        const uint64_t then = m_received;
        LAB_TRY(steps(20, 50));
        m_context.expect(m_received == then, "a packet passed although nobody paid");

        m_context.say("u pays again");
        bank.bankrupt.clear();
        const SteadyTime pays = systemClock().steady();
        LAB_TRY(waitFor("service again", [&] { return steps(1, 50) && m_received > then; }));
        const auto again = std::chrono::duration_cast<std::chrono::milliseconds>(systemClock().steady() - pays);
        m_context.expect(again <= interval, "it was served again after " + std::to_string(again.count()) + " ms");

        buyer.engine().end(*id, agreement::EndReason::Wish);
        LAB_TRY(waitFor("the end", [&] {
            return steps(1, 0) && buyer.engine().agreements().at(*id).state == books::State::Ended &&
                   seller.engine().agreements().at(*id).state == books::State::Ended &&
                   !buyer.engine().pairs().at(seller.key()).paying;
        }));
        LAB_TRY(steps(5, 0));
        return judgeBooks(seller, buyer, *id, owed, late, again);
    }

    Expected<void> judgeBooks(MeshNode& seller, MeshNode& buyer, const agreement::AgreementId& id, Money owed,
                              std::chrono::milliseconds late, std::chrono::milliseconds again) {
        const books::Agreement& mine = buyer.engine().agreements().at(id);
        const books::Agreement& theirs = seller.engine().agreements().at(id);
        const books::Account& buys = buyer.engine().pairs().at(seller.key()).mine;
        const books::Account& sells = seller.engine().pairs().at(buyer.key()).theirs;
        const uint64_t truth = m_received * packetBytes;
        const auto error = static_cast<int64_t>(mine.bytes) - static_cast<int64_t>(truth);
        Json& result = m_context.result();
        result["stopped_paying"] = {
            {"cut_after_ms", late.count()}, {"owed_then", owed.toString()}, {"served_again_after_ms", again.count()}};
        result["bytes_received_at_p"] = truth;
        result["debt_error_bytes"] = error;
        result["charged"] = buys.charged.toString();
        result["paid"] = buys.paid.toString();
        m_context.expect(error == 0 && theirs.bytes == mine.bytes, "counted " + std::to_string(mine.bytes) + " and " +
                                                                       std::to_string(theirs.bytes) + " bytes of " +
                                                                       std::to_string(truth));
        m_context.expect(buys.charged == sells.charged && buys.paid == sells.paid && buys.paid == m_bank->paidBy(buyer),
                         "the books of u and m differ");
        m_context.expect(buys.charged == agreement::chargeFor(truth, mine.terms.perKb, mine.terms.limit),
                         "the charge is not what the packets cost");
        return {};
    }

    // Both nodes, the bank, and `packets` from u to p each time.
    Expected<void> steps(int count, uint64_t packets) {
        for (int i = 0; i < count; ++i) {
            if (packets > 0) host("u", false).send(host("p", false), packets);
            m_sent += packets;
            if (packets > 0) m_received += host("p", false).drain(20);
            for (MeshNode* node : m_nodes) LAB_TRY(node->step());
            m_bank->tell();
            if (packets == 0) std::this_thread::sleep_for(10ms);
        }
        return {};
    }
    Expected<void> waitFor(const std::string& what, const std::function<bool()>& ask) {
        return waitUntil(what, 30s, [&] { return steps(1, 0).has_value() && ask(); });
    }

    ScenarioContext& m_context;
    Lab& m_lab;
    std::map<std::pair<std::string, bool>, std::unique_ptr<Host>> m_hosts;
    std::vector<MeshNode*> m_nodes;
    MeshBank* m_bank = nullptr;
    uint64_t m_sent = 0, m_received = 0;
};

}  // namespace

Scenario forwardingRulesScenario() {
    return {"forwarding-rules",
            "a packet passes if its next hop pays for downstream or its previous hop for upstream",
            "mesh-star",
            {},
            [](ScenarioContext& context) { return ForwardingRules(context).run(); },
            false,
            true};
}

}  // namespace netpas::lab
