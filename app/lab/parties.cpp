#include "app/lab/parties.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>

#include <nlohmann/json.hpp>
#include <string_view>
#include <thread>

#include "app/lab/bgp_routers.h"
#include "app/lab/command.h"
#include "app/lab/netns.h"
#include "app/lab/party_configs.h"
#include "core/crypto/identity.h"

namespace netpas::lab {
namespace {

constexpr auto readyLimit = std::chrono::seconds(20);
constexpr uint16_t directoryPort = 46723;
constexpr uint16_t householdPort = 46724;
constexpr uint16_t sellerPort = 46726;

std::string ispFolder(const std::string& lab, const std::string& isp) { return labFolder(lab) + "/isp/" + isp; }

Expected<void> writePrivateFile(const std::string& path, const std::string& text) {
    std::ofstream out(path, std::ios::binary | std::ios::trunc);
    out << text;
    out.close();
    if (!out) return fail(LabErrc::State, "cannot write " + path);
    return {};
}

Expected<std::string> makeKey(const std::string& file) {
    const auto identity = Identity::loadOrCreate(file);
    if (!identity) return fail(LabErrc::State, file + ": " + std::string(describe(identity.error())));
    return identity->publicKey().hex();
}

Expected<PartyKeys> makeKeys(const Lab& lab) {
    if (!initCrypto()) return fail(LabErrc::System, "libsodium does not start");
    PartyKeys keys;
    for (const IspSpec& isp : lab.topology().isps) {
        const std::string folder = ispFolder(lab.name(), isp.name);
        std::error_code error;
        std::filesystem::create_directories(folder, error);
        const auto add = [&](std::map<std::string, std::string>& where, const std::string& name,
                             const std::string& file) -> Expected<void> {
            auto key = makeKey(folder + "/" + file);
            if (!key) return tl::unexpected(key.error());
            where[name] = *key;
            return {};
        };
        LAB_TRY(add(keys.accounting, isp.name, "accounting.key"));
        LAB_TRY(add(keys.directory, isp.name, "directory.key"));
        for (const std::string& router : edgesOf(isp)) LAB_TRY(add(keys.edge, router, "edge-" + router + ".key"));
    }
    // The agent finds its key there.
    for (const HostSpec& host : lab.topology().hosts) {
        if (!host.sells) continue;
        const std::string folder = agentStateFolder(lab.name(), host.name) + "/agent";
        std::error_code error;
        std::filesystem::create_directories(folder, error);
        std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
        auto key = makeKey(folder + "/reverse.key");
        if (!key) return tl::unexpected(key.error());
        keys.reverse[host.name] = *key;
    }
    return keys;
}

Expected<void> writeConfigs(const Lab& lab, const PartyKeys& keys) {
    for (const IspSpec& isp : lab.topology().isps) {
        const std::string folder = ispFolder(lab.name(), isp.name);
        const PartyInput input{lab.topology(), lab.plan(), keys, folder};
        LAB_TRY(writePrivateFile(folder + "/accounting.toml", accountingConfig(input, isp)));
        if (isp.overlayOnly) continue;
        LAB_TRY(writePrivateFile(folder + "/directory.toml", directoryConfig(input, isp)));
        for (const std::string& router : edgesOf(isp)) {
            std::error_code error;
            std::filesystem::create_directories(folder + "/edge-" + router, error);
            LAB_TRY(writePrivateFile(folder + "/edge-" + router + ".toml", edgeConfig(input, isp, router)));
        }
    }
    return {};
}

bool tcpAnswers(const std::string& netns, const IpAddress& address, uint16_t port) {
    bool answers = false;
    (void)inNamespace(netns, [&]() -> Expected<void> {
        sockaddr_storage storage{};
        socklen_t length = 0;
        if (address.isV4()) {
            auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
            v4->sin_family = AF_INET;
            v4->sin_port = htons(port);
            std::copy_n(address.bytes().begin(), 4, reinterpret_cast<uint8_t*>(&v4->sin_addr));
            length = sizeof *v4;
        } else {
            auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
            v6->sin6_family = AF_INET6;
            v6->sin6_port = htons(port);
            std::copy_n(address.bytes().begin(), 16, reinterpret_cast<uint8_t*>(&v6->sin6_addr));
            length = sizeof *v6;
        }
        const int fd = ::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0) return {};
        answers = ::connect(fd, reinterpret_cast<const sockaddr*>(&storage), length) == 0;
        ::close(fd);
        return {};
    });
    return answers;
}

// Waits for an answer, but not for a program that has died.
Expected<void> awaitProgram(Lab& lab, const std::string& name, const std::function<bool()>& answers) {
    Process* process = lab.program(name);
    const auto ready = waitUntil(name + " to answer", readyLimit, [&] { return !process->running() || answers(); });
    if (!process->running()) {
        return fail(LabErrc::Process,
                    name + " ended with status " + std::to_string(*process->exitStatus()) + ": " + process->logTail());
    }
    if (!ready) return fail(LabErrc::Timeout, ready.error().text + "; its log ends: " + process->logTail());
    return {};
}

// Where a capacity test or a test packet ends inside the ISP.
Expected<void> startMeasuringPlaces(Lab& lab, const IspSpec& isp) {
    for (const char* kind : {"reflector", "ndt7"}) {
        std::vector<std::string> argv{programPath("netpas-isp"), kind};
        for (const IpAddress& address : lab.plan().ispAddress.at(isp.name))
            argv.insert(argv.end(), {"--listen", address.toString()});
        LAB_TRY(lab.startProgram(kind + ("-" + isp.name), isp.routers[0], std::move(argv)));
    }
    return {};
}

Expected<void> startServers(Lab& lab) {
    const std::string program = programPath("netpas-isp");
    const auto config = [&](const IspSpec& isp, const std::string& file) {
        return ispFolder(lab.name(), isp.name) + "/" + file + ".toml";
    };
    for (const IspSpec& isp : lab.topology().isps) {
        LAB_TRY(lab.startProgram(accountingProgram(isp.name), isp.routers[0],
                                 {program, "accounting", "--config", config(isp, "accounting")}));
        if (isp.overlayOnly) continue;
        LAB_TRY(lab.startProgram(directoryProgram(isp.name), isp.routers[0],
                                 {program, "directory", "--config", config(isp, "directory")}));
        for (const std::string& router : edgesOf(isp)) {
            LAB_TRY(lab.startProgram(edgeProgram(router), router,
                                     {program, "edge", "--config", config(isp, "edge-" + router)}));
        }
        if (isp.measured) LAB_TRY(startMeasuringPlaces(lab, isp));
    }
    for (const IspSpec& isp : lab.topology().isps) {
        LAB_TRY(awaitProgram(lab, accountingProgram(isp.name),
                             [&] { return unixSocketAnswers(accountingSocket(lab.name(), isp.name)); }));
        if (isp.overlayOnly) continue;
        LAB_TRY(awaitProgram(lab, directoryProgram(isp.name), [&] {
            return tcpAnswers(lab.netns(isp.routers[0]), lab.plan().ispAddress.at(isp.name)[0], directoryPort);
        }));
        for (const std::string& router : edgesOf(isp)) {
            LAB_TRY(awaitProgram(lab, edgeProgram(router),
                                 [&] { return unixSocketAnswers(edgeSocket(lab.name(), lab.topology(), router)); }));
        }
    }
    return {};
}

bool allConnected(const Json& books) {
    for (const char* kind : {"neighbours", "edges"}) {
        if (!books.contains(kind)) return false;
        for (const Json& party : books[kind]) {
            if (!party.value("connected", false)) return false;
        }
    }
    return true;
}

// Every accounting server knows its edges and its neighbours' servers.
Expected<void> awaitOverlay(Lab& lab) {
    for (const IspSpec& isp : lab.topology().isps) {
        LAB_TRY(awaitProgram(lab, accountingProgram(isp.name), [&] {
            const auto books = ispBooks(lab, isp.name);
            return books && allConnected(*books);
        }));
    }
    return {};
}

Expected<Json> askJson(const std::vector<std::string>& argv) {
    const auto answer = runCommand(argv);
    if (!answer) return tl::unexpected(answer.error());
    Json json = Json::parse(answer->out, nullptr, false);
    if (answer->status != 0 || json.is_discarded()) {
        std::string text;
        for (const std::string& part : argv) text += part + " ";
        return fail(LabErrc::Command,
                    text + "failed (" + std::to_string(answer->status) + "): " + answer->err + answer->out);
    }
    return json;
}

}  // namespace

std::string agentProgram(const std::string& host) { return "netpasd-" + host; }
Expected<void> crashEdge(Lab& lab, const std::string& isp, const std::string& router) {
    Process* const edge = lab.program(edgeProgram(router));
    edge->signal(SIGKILL);
    if (const auto ended = edge->wait(std::chrono::seconds(5)); !ended) return tl::unexpected(ended.error());
    const std::string config = ispFolder(lab.name(), isp) + "/edge-" + router + ".toml";
    LAB_TRY(lab.startProgram(edgeProgram(router), router, {programPath("netpas-isp"), "edge", "--config", config}));
    return waitUntil("the edge router " + router + " to be back", std::chrono::seconds(15), [&] {
        const auto counters = edgeCounters(lab, router);
        return counters && counters->value("accounting", Json::object()).value("connected", false);
    });
}

std::string edgeProgram(const std::string& router) { return "edge-" + router; }
std::string accountingProgram(const std::string& isp) { return "accounting-" + isp; }
std::string directoryProgram(const std::string& isp) { return "directory-" + isp; }

std::string agentStateFolder(const std::string& lab, const std::string& host) {
    return labFolder(lab) + "/host/" + host + "/state";
}
std::string agentSocket(const std::string& lab, const std::string& host) {
    return labFolder(lab) + "/host/" + host + "/netpasd.sock";
}
std::string accountingSocket(const std::string& lab, const std::string& isp) {
    return ispFolder(lab, isp) + "/accounting.sock";
}
std::string edgeSocket(const std::string& lab, const Topology& topology, const std::string& router) {
    return ispFolder(lab, topology.ispOfRouter(router)->name) + "/edge-" + router + ".sock";
}

Expected<std::string> joinUrl(const Lab& lab, const std::string& isp) {
    const auto key = makeKey(ispFolder(lab.name(), isp) + "/directory.key");
    if (!key) return tl::unexpected(key.error());
    return "https://" + Endpoint{lab.plan().ispAddress.at(isp)[0], directoryPort}.toString() + "/#" + *key;
}

std::vector<std::string> agentArguments(const Lab& lab, const std::string& host) {
    return {"--state-dir", agentStateFolder(lab.name(), host), "--group", "", "--max-purchase", "1000", "--max-day",
            "10000"};
}

Expected<void> launchAgent(Lab& lab, const std::string& host, std::map<std::string, std::string> environment,
                           const std::vector<std::string>& more) {
    std::error_code error;
    std::filesystem::create_directories(agentStateFolder(lab.name(), host), error);
    std::vector<std::string> argv{programPath("netpasd"), "--socket", agentSocket(lab.name(), host)};
    const auto usual = agentArguments(lab, host);
    argv.insert(argv.end(), usual.begin(), usual.end());
    argv.insert(argv.end(), {"--clock-error", "0"});  // all kernels here are one
    argv.insert(argv.end(), more.begin(), more.end());
    if (lab.topology().host(host)->sells) {
        for (const IpAddress& address : lab.plan().hostAddress.at(host))
            argv.insert(argv.end(), {"--sell-reverse", Endpoint{address, sellerPort}.toString()});
    }
    for (const HomePlan& home : lab.plan().homes) {
        if (home.modem != host) continue;
        argv.insert(argv.end(), {"--listen-tls", Endpoint{home.gateway.front().address, householdPort}.toString()});
    }
    return lab.startProgram(agentProgram(host), host, std::move(argv), std::move(environment));
}

Expected<void> startAgent(Lab& lab, const std::string& host, const std::vector<std::string>& more) {
    LAB_TRY(launchAgent(lab, host, {}, more));
    const std::string socket = agentSocket(lab.name(), host);
    return awaitProgram(lab, agentProgram(host),
                        [&] { return unixSocketAnswers(socket) && netpas(lab, host, {"status"}).has_value(); });
}

Expected<void> startParties(Lab& lab) {
    const auto keys = makeKeys(lab);
    if (!keys) return tl::unexpected(keys.error());
    LAB_TRY(writeConfigs(lab, *keys));
    if (lab.topology().bgp) LAB_TRY(startRouters(lab));
    LAB_TRY(startServers(lab));
    LAB_TRY(awaitOverlay(lab));
    if (lab.topology().bgp) LAB_TRY(awaitRoutes(lab));
    for (const HostSpec& host : lab.topology().hosts) {
        if (!host.agent) continue;
        LAB_TRY(startAgent(lab, host.name));
        const auto url = joinUrl(lab, lab.topology().ispOfHost(host.name)->name);
        if (!url) return tl::unexpected(url.error());
        LAB_TRY(netpas(lab, host.name, {"join", *url}));
        if (host.sells) LAB_TRY(netpas(lab, host.name, {"receive", "on"}));
    }
    return {};
}

Expected<void> announcePrices(Lab& lab, const Topology& changed, const std::string& name) {
    const auto keys = makeKeys(lab);
    if (!keys) return tl::unexpected(keys.error());
    const std::string folder = ispFolder(lab.name(), name);
    const PartyInput input{changed, lab.plan(), *keys, folder};
    for (const IspSpec& isp : changed.isps) {
        if (isp.name != name) continue;
        // The routers first: whoever reads the new menu may pay by it at once.
        for (const std::string& router : edgesOf(isp)) {
            LAB_TRY(writePrivateFile(folder + "/edge-" + router + ".toml", edgeConfig(input, isp, router)));
            lab.program(edgeProgram(router))->signal(SIGHUP);
        }
        LAB_TRY(writePrivateFile(folder + "/directory.toml", directoryConfig(input, isp)));
        lab.program(directoryProgram(name))->signal(SIGHUP);
        return {};
    }
    return fail(LabErrc::Usage, "the topology has no ISP " + name);
}

Expected<Json> ispBooks(Lab& lab, const std::string& isp) {
    return askJson({programPath("netpas-isp"), "books", "--socket", accountingSocket(lab.name(), isp), "--json"});
}

Expected<Json> edgeCounters(Lab& lab, const std::string& router) {
    return askJson(
        {programPath("netpas-isp"), "counters", "--socket", edgeSocket(lab.name(), lab.topology(), router), "--json"});
}

Expected<Json> netpas(Lab& lab, const std::string& host, const std::vector<std::string>& arguments) {
    std::vector<std::string> argv{programPath("netpas"), "--socket", agentSocket(lab.name(), host), "--json"};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    return askJson(argv);
}

namespace {

// What a user would do whom the answer tells to try again: on a machine with more work than it can do, things take longer.
Expected<Json> netpasAgain(Lab& lab, const std::string& host, const std::vector<std::string>& arguments,
                           std::string_view sayingSo) {
    constexpr std::chrono::seconds patience{30};
    const auto begin = std::chrono::steady_clock::now();
    for (;;) {
        auto answer = netpas(lab, host, arguments);
        const bool again = !answer && answer.error().text.find(sayingSo) != std::string::npos;
        if (!again || std::chrono::steady_clock::now() - begin > patience) return answer;
        std::this_thread::sleep_for(std::chrono::milliseconds(200));
    }
}

}  // namespace

Expected<std::string> buy(Lab& lab, const std::string& host, const Purchase& wish) {
    const bool chosen = !wish.offer.empty();
    std::vector<std::string> arguments{"buy", "--to", wish.to, "--proto", wish.protocol, "--cap", wish.cap};
    arguments.insert(arguments.end(), {chosen ? "--offer" : "--class", chosen ? wish.offer : wish.serviceClass});
    if (wish.toPort != 0) arguments.insert(arguments.end(), {"--to-port", std::to_string(wish.toPort)});
    if (wish.fromPort != 0) arguments.insert(arguments.end(), {"--from-port", std::to_string(wish.fromPort)});
    if (wish.incoming) arguments.emplace_back("--incoming");
    const auto bought = netpasAgain(lab, host, arguments, "the agent was lost");
    if (!bought) return tl::unexpected(bought.error());
    const std::string id = bought->value("id", "");
    Json last = *bought;
    LAB_TRY(waitUntil("purchase " + id + " to become active", std::chrono::seconds(30), [&] {
        const auto all = netpas(lab, host, {"purchases"});
        if (!all) return false;
        for (const Json& purchase : all->value("purchases", Json::array())) {
            if (purchase.value("id", "") == id) last = purchase;
        }
        return last.value("state", "") == "active" || last.value("state", "") == "refused";
    }));
    if (last.value("state", "") != "active") return fail(LabErrc::Process, "the purchase was refused: " + last.dump());
    return id;
}

Expected<Json> stopPurchase(Lab& lab, const std::string& host, const std::string& id) {
    const auto stopped = netpasAgain(lab, host, {"stop", id}, "failed (5)");
    if (!stopped) return tl::unexpected(stopped.error());
    for (const Json& purchase : stopped->is_array() ? *stopped : stopped->value("purchases", Json::array())) {
        if (purchase.value("id", "") == id) return purchase;
    }
    return *stopped;
}

}  // namespace netpas::lab
