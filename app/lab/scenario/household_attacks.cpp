// Hosts of a household that try to spend and to read for each other.
#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "app/lab/parties.h"
#include "app/lab/scenario/household.h"
#include "app/lab/tools/raw_sender.h"

namespace netpas::lab {
namespace {

constexpr const char* server = "a";
constexpr uint64_t ownPackets = 100;
constexpr uint64_t spoofedPackets = 200;
constexpr uint64_t spoofedAtOnce = 25;  // no queue on the way is as short

}  // namespace

void Household::expectRefused(const Expected<Said>& said, const std::string& code, const std::string& what,
                              const char* kind) {
    ++m_attempts;
    const bool refused = said && said->status != 0 && said->code() == code;
    if (m_context.expect(refused, m_home.modem + ": " + what + " was not refused with " + code + ": " +
                                      (said ? said->text : said.error().text)))
        ++m_refused[kind];
}

void Household::expectUnseen(const Json& entries, const std::string& purchase, const std::string& what) {
    ++m_attempts;
    const bool seen = std::any_of(entries.begin(), entries.end(),
                                  [&](const Json& entry) { return entry.value("id", "") == purchase; });
    if (m_context.expect(!seen, m_home.modem + ": bob reads alice's " + what)) ++m_refused["read"];
}

Expected<void> Household::attack() {
    LAB_TRY(attackPurchases());
    LAB_TRY(attackKeys());
    for (const bool ipv6 : {false, true}) LAB_TRY(spoof(ipv6));
    const auto list = atModem({"pair", "list"});
    if (!list) return tl::unexpected(list.error());
    (*m_result)["door"] = list->value("refused", Json::object());  // the door counts until it is opened anew
    m_context.say("  " + m_home.modem + ": " + std::to_string(m_attempts) +
                  " attempts to spend or read for another, all in vain");
    return {};
}

Expected<void> Household::attackPurchases() {
    const Host &alice = m_hosts[0], &bob = m_hosts[1];
    for (const bool ipv6 : {false, true}) {
        const std::string theirs = m_context.plan().address(alice.node, ipv6)->toString();
        auto stolen = order(ipv6, m_sparePort);
        stolen.insert(stolen.end(), {"--from", theirs});
        expectRefused(ask(bob, stolen), "RESTRICTED", "bob's purchase for " + theirs, "foreign_address");
    }
    const auto purchases = told(bob, {"purchases"});
    if (!purchases) return tl::unexpected(purchases.error());
    const auto history = told(bob, {"history"});
    if (!history) return tl::unexpected(history.error());
    for (const std::string& theirs : alice.purchases) {
        expectRefused(ask(bob, {"stop", theirs}), "NOT_FOUND", "bob's end of alice's purchase", "foreign_purchase");
        expectRefused(ask(bob, {"label", theirs, "mine"}), "NOT_FOUND", "bob's label on alice's purchase",
                      "foreign_purchase");
        expectUnseen(purchases->value("purchases", Json::array()), theirs, "purchases");
        expectUnseen(history->value("entries", Json::array()), theirs, "history");
    }
    const auto totals = told(bob, {"totals", "--by", "node"});
    if (!totals) return tl::unexpected(totals.error());
    ++m_attempts;
    if (m_context.expect(findEntry(*totals, "totals", "name", alice.device) == nullptr,
                         "bob reads what alice has spent"))
        ++m_refused["read"];
    // A device may ask for itself, and decide nothing.
    const std::string more = "node:" + bob.device;
    for (const std::vector<std::string>& verb : {std::vector<std::string>{"budget", "set", more, "1"},
                                                 {"rules", "add", "--node", bob.device, "--up-to", "always"},
                                                 {"mode", "quiet"},
                                                 {"lock"},
                                                 {"balance"}}) {
        expectRefused(ask(bob, verb), "UNAUTHORIZED", "bob's " + verb[0], "policy");
    }
    return {};
}

Expected<void> Household::attackKeys() {
    const Host &alice = m_hosts[0], &bob = m_hosts[1], &carol = m_hosts[2];
    for (const char* verb : {"status", "purchases", "history", "services"}) {
        expectRefused(cli(carol, "eve", {"--agent", "home", verb}), "NOT_PAIRED",
                      std::string("an unpaired key's ") + verb, "unpaired_key");
    }
    // A key that was carried to another host.
    std::error_code error;
    std::filesystem::copy(configFolder(alice, alice.device), configFolder(bob, alice.device),
                          std::filesystem::copy_options::recursive, error);
    if (error) return fail(LabErrc::System, "cannot copy alice's key: " + error.message());
    expectRefused(cli(bob, alice.device, {"--agent", "home", "purchases"}), "RESTRICTED", "alice's key in bob's hands",
                  "copied_key");
    // Pairing is confirmed at the modem, by nobody else.
    const auto list = atModem({"pair", "list"});
    if (!list) return tl::unexpected(list.error());
    std::string code;
    for (const Json& waiting : list->value("pending", Json::array())) code = waiting.value("code", "");
    if (!m_context.expect(!code.empty(), "nobody waits to be paired")) return {};
    expectRefused(ask(bob, {"pair", "confirm", code}), "UNAUTHORIZED", "bob's confirmation of another device",
                  "pairing");
    expectRefused(ask(bob, {"pair", "remove", alice.device}), "UNAUTHORIZED", "bob's removal of alice", "pairing");
    return {};
}

Expected<void> Household::send(const Host& from, const Host& as, bool ipv6, uint16_t port, uint64_t count) {
    auto sender = RawSender::open(m_lab.netns(from.node), ipv6);
    if (!sender) return tl::unexpected(sender.error());
    const Endpoint source{*m_context.plan().address(as.node, ipv6), 40000},
        target{*m_context.plan().address(server, ipv6), port};
    for (uint64_t i = 0; i < count; ++i) {
        if (!(*sender)->add({source, target, std::vector<uint8_t>(100, 7)}))
            return fail(LabErrc::Evidence, "no datagram");
    }
    (*sender)->flush();
    if ((*sender)->sent() != count) return fail(LabErrc::Evidence, from.node + "'s kernel refused datagrams");
    return {};
}

// Alice pays for a UDP flow: her own datagrams are paid for, those that bob sends with her address are not.
Expected<void> Household::spoof(bool ipv6) {
    Host &alice = m_hosts[0], &bob = m_hosts[1];
    const auto port = static_cast<uint16_t>(m_sparePort + (ipv6 ? 1 : 0));
    const auto id = buy(alice, order(ipv6, port, "udp"));
    if (!id) return tl::unexpected(id.error());
    const auto arrived = [&](const char* whose, uint64_t count) {
        (void)waitUntil(std::string(whose) + " datagrams", std::chrono::seconds(10), [&] {
            const FlowTimes times = m_watch->times(port);
            return times.paid + times.unpaid >= count;
        });
        const FlowTimes times = m_watch->times(port);
        m_context.expect(times.paid + times.unpaid == count,
                         m_home.modem + ": of " + std::to_string(count) + " datagrams with alice's address " +
                             std::to_string(times.paid) + " left paid and " + std::to_string(times.unpaid) + " unpaid");
        return times;
    };
    // The first packet of a connection leaves best effort (tun/capture).
    LAB_TRY(send(alice, alice, ipv6, port, 1));
    const uint64_t first = arrived("alice's first", 1).paid;
    LAB_TRY(send(alice, alice, ipv6, port, ownPackets));
    const uint64_t paid = arrived("alice's own", ownPackets + 1).paid - first;
    m_context.expect(paid == ownPackets,
                     m_home.modem + ": only " + std::to_string(paid) + " of alice's own datagrams were paid for");
    FlowTimes all;
    for (uint64_t sent = spoofedAtOnce; sent <= spoofedPackets; sent += spoofedAtOnce) {
        LAB_TRY(send(bob, alice, ipv6, port, spoofedAtOnce));
        all = arrived("bob's", ownPackets + 1 + sent);
    }
    const uint64_t spoofed = all.paid - paid - first;
    m_context.expect(spoofed == 0,
                     m_home.modem + ": alice was charged for " + std::to_string(spoofed) + " packets of bob's");
    m_ownSent += ownPackets;
    m_ownPaid += paid;
    m_spoofedSent += spoofedPackets;
    m_spoofedPaid += spoofed;
    const auto stopped = told(alice, {"stop", *id});
    if (!stopped) return tl::unexpected(stopped.error());
    return {};
}

}  // namespace netpas::lab
