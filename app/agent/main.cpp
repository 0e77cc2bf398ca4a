// netpasd: the agent, its secretary, or both.
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "app/agent/agent_process.h"
#include "app/agent/channel_options.h"
#include "app/agent/visits.h"
#include "app/common/listening_socket.h"
#include "app/common/privileges.h"
#include "app/secretary/launch.h"
#include "app/secretary/secretary_process.h"
#include "cartographer/routes/babel_socket.h"
#include "core/clock.h"
#include "core/money.h"

namespace {

using namespace netpas;

constexpr int usageError = 2;
constexpr std::chrono::seconds lockPatience{10};  // the secretary of one that was killed is gone after that

// Under a service manager the journal has the time; a terminal shows it.
void startLog(const std::string& level, const std::string& role) {
    auto logger = spdlog::stderr_logger_st("netpasd");
    const std::string who = role == "secretary" ? "secretary: " : "";
    logger->set_pattern((std::getenv("JOURNAL_STREAM") != nullptr ? "%l: " : "%Y-%m-%dT%H:%M:%S.%e %l: ") + who + "%v");
    logger->set_level(spdlog::level::from_str(level));
    logger->flush_on(spdlog::level::info);
    spdlog::set_default_logger(std::move(logger));
}

void writeLog(app::LogLevel level, const std::string& line) {
    switch (level) {
    case app::LogLevel::Info: spdlog::info("{}", line); return;
    case app::LogLevel::Warning: spdlog::warn("{}", line); return;
    case app::LogLevel::Error: spdlog::error("{}", line); return;
    }
}

std::string checkAmount(const std::string& text) {
    const auto amount = Money::parse(text);
    return amount && *amount > Money::zero() ? "" : "not an amount of dollars: " + text;
}

std::string checkInterface(const std::string& name) {
    constexpr size_t longest = 15;
    const bool named = !name.empty() && name.size() <= longest && name.find_first_of("/ \t\"\\") == std::string::npos;
    return named ? "" : "not a name of an interface: " + name;
}

std::string checkEndpoint(const std::string& text) {
    return app::endpointFrom(text) ? std::string{} : "not ADDRESS:PORT: " + text;
}

std::string checkKey(const std::string& text) {
    return PublicKey::parse(text) ? std::string{} : "not a key of 64 hexadecimal digits: " + text;
}

std::string checkBabelWords(const std::string& text) {
    return routes::isBabelWords(text) ? std::string{}
                                      : "not babeld's words about an interface, without rxcost: " + text;
}

struct Given {
    std::string role = "all";
    std::string state = "/var/lib/netpas";
    std::string socket = "/run/netpas/netpasd.sock";
    std::string secretarySocket;  // empty: beside the other one
    std::string group = "netpas";
    std::string agentUser = "netpas";
    std::string secretaryUser = "netpas-secretary";
    std::string device = "netpas0";
    std::string perPurchase = "5", perDay = "20";
    std::string level = "info";
    std::string secretary;  // where it is, for role agent
    std::string channel;    // where its agent comes from, for role secretary
    std::vector<std::string> agentKeys;
    std::string listenTls;  // for devices behind this machine
    std::string listenTcp;  // for holders of tokens on this machine
    std::string babel;      // the path or port of its local interface
    std::string babelInterface;
    std::optional<uint32_t> clockError;  // milliseconds
    std::string sinkAuthority;
    std::string share;  // file of a community
    bool showShareKey = false;
    std::vector<std::string> roams;              // devices that this is a home agent for
    bool visiting = false;                       // away from home: nobody has seen this one before
    uint32_t measureEvery = 1000;                // milliseconds
    uint32_t measurePackets = 600;               // a minute
    std::vector<std::string> sellReverse;        // for who buys better service for packets that come from here
    std::vector<std::string> mesh, meshUplinks;  // interfaces
    uint32_t meshFree = 0;                       // bytes a second
    std::string meshTest, meshTestKey;
    bool showKey = false;
    std::string listening;  // fd:N, of the secretary's socket
    uint32_t owner = 0;

    [[nodiscard]] std::filesystem::path channelKey() const {
        return std::filesystem::path(state) / role / "channel.key";
    }
    [[nodiscard]] std::filesystem::path door() const {
        return secretarySocket.empty() ? std::filesystem::path(socket).parent_path() / "secretary.sock"
                                       : std::filesystem::path(secretarySocket);
    }
};

int fail(const std::string& what, const std::string& remedy = {}) {
    writeLog(app::LogLevel::Error, what + (remedy.empty() ? "" : " (" + remedy + ")"));
    return EXIT_FAILURE;
}

// One netpasd for each state folder and role.
bool lockState(const Given& given) {
    const auto end = std::chrono::steady_clock::now() + lockPatience;
    const std::filesystem::path folder = std::filesystem::path(given.state) / (given.role == "all" ? "" : given.role);
    while (!app::lockFolder(folder)) {
        if (std::chrono::steady_clock::now() > end) return false;
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    // Each of the two has a private folder in there, and a user of its own who must come that far.
    constexpr mode_t passable = 0711;
    if (::geteuid() == 0) (void)::chmod(given.state.c_str(), passable);
    return true;
}

int showKey(const Given& given) {
    if (given.role == "all") return fail("both roles on one machine need no key", "netpasd --role agent --show-key");
    const auto key = app::publicKeyOf(given.channelKey());
    if (!key) return fail(key.error(), "run this as the user that netpasd runs as");
    std::printf("%s\n", key->c_str());
    return EXIT_SUCCESS;
}

// Who may be at the other end of a Unix socket: root, this process's user, and the user that the other end becomes.
std::vector<uint32_t> peersOf(const std::string& user) {
    std::vector<uint32_t> peers{0, ::geteuid()};
    if (const auto found = app::findUser(user)) peers.push_back(found->uid);
    return peers;
}

// Only root can give a socket away.
std::optional<uint32_t> ownerOf(const std::string& user) {
    const auto found = ::geteuid() == 0 ? app::findUser(user) : std::nullopt;
    return found ? std::optional(found->uid) : std::nullopt;
}

int runSecretary(const Given& given, bool launched) {
    auto end = app::secretaryEnd(given.channel, given.channelKey(), peersOf(given.agentUser), ownerOf(given.agentUser),
                                 given.agentKeys);
    if (!end) return fail(end.error(), "netpasd --help");
    secretaryd::SecretaryOptions options;
    options.stateDir = given.state;
    options.socket = given.door();
    if (given.listening.starts_with("fd:")) options.listening = std::atoi(given.listening.c_str() + 3);
    options.group = given.group;
    options.user = given.secretaryUser;
    options.owner = given.owner;
    options.limits = {*Money::parse(given.perPurchase), *Money::parse(given.perDay)};
    options.version = NETPAS_VERSION;
    options.launched = launched;
    options.ownNetwork = !end->needsNetwork;
    options.alsoReadWrite = end->files;
    if (!end->files.empty()) options.groups = {"dialout"};
    options.line = end->line;
    return secretaryd::runSecretary(options, writeLog);
}

std::filesystem::path agentFolder(const Given& given) { return std::filesystem::path(given.state) / "agent"; }

// netpas-dht stands beside this program.
std::filesystem::path programBeside(const char* name) {
    std::error_code error;
    const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
    return self.parent_path() / name;
}

tl::expected<std::optional<agent::SharingOptions>, std::string> sharingFrom(const Given& given) {
    if (given.share.empty()) return std::nullopt;
    auto community = dht::loadCommunity(given.share);
    if (!community) return tl::unexpected(std::move(community.error()));
    agent::SharingOptions options{std::move(*community), programBeside("netpas-dht")};
    if (::access(options.program.c_str(), X_OK) != 0)
        return tl::unexpected(options.program.string() +
                              " is not there: it was built without OpenDHT (libopendht-dev)");
    return options;
}

int showShareKey(const Given& given) {
    const auto folder = agentFolder(given);
    if (const auto made = app::preparePrivateFolder(folder, app::findUser(given.agentUser)); !made)
        return fail(made.error().what, made.error().remedy);
    const auto key = app::publicKeyOf(agent::Sharing::keyFile(folder));
    // Made by root, it is the agent's all the same.
    if (const auto handed = app::preparePrivateFolder(folder, app::findUser(given.agentUser)); !key || !handed)
        return fail(key ? handed.error().what : key.error(), "run this as the user that netpasd runs as");
    std::printf("%s\n", key->c_str());
    return EXIT_SUCCESS;
}

agent::AgentOptions agentOptions(const Given& given) {
    agent::AgentOptions options;
    options.stateFolder = agentFolder(given);
    options.formerCache = std::filesystem::path(given.state) / "directory";
    options.socket = given.socket;
    options.group = given.group;
    options.user = given.agentUser;
    options.device = given.device;
    options.measure = {std::chrono::milliseconds(given.measureEvery), given.measurePackets};
    options.roaming = {given.roams.begin(), given.roams.end()};
    for (const std::string& at : given.sellReverse) options.sellReverse.push_back(*app::endpointFrom(at));
    options.listenTcp = given.listenTcp.empty() ? std::nullopt : app::endpointFrom(given.listenTcp);
    options.babel = given.babel;
    options.babelWords = given.babelInterface;
    if (given.clockError) options.clockError = std::chrono::milliseconds(*given.clockError);
    options.sinkAuthority = given.sinkAuthority;
    if (!given.mesh.empty()) {
        options.mesh = agent::MeshOptions{given.mesh, given.meshUplinks, given.meshFree, {}, {}};
        if (!given.meshTest.empty()) options.mesh->testServer = app::endpointFrom(given.meshTest);
        options.mesh->testKey = PublicKey::parse(given.meshTestKey);
    }
    options.listenTls = given.listenTls.empty() ? std::nullopt : app::endpointFrom(given.listenTls);
    return options;
}

int runAgent(const Given& given) {
    auto end = app::agentEnd(given.secretary, given.channelKey(), peersOf(given.secretaryUser));
    if (!end) return fail(end.error(), "netpasd --help");
    agent::SecretaryAccess access;
    access.line = std::move(end->line);
    auto sharing = sharingFrom(given);
    if (!sharing) return fail(sharing.error(), "netpasd(8), --share");
    agent::AgentOptions options = agentOptions(given);
    options.share = std::move(*sharing);
    if (!end->files.empty()) options.groups = {"dialout"};
    return agent::runAgent(options, std::move(access), writeLog);
}

// Both: the secretary is started first, while this process is root and knows nothing.
int runAll(const Given& given, const char* program) {
    std::error_code error;
    std::filesystem::create_directories(given.door().parent_path(), error);
    const auto listening = app::listenOnUnix(given.door(), 0660, given.group);
    if (!listening) return fail(listening.error().what, listening.error().remedy);
    secretary::LaunchOptions launch;
    launch.listening = *listening;
    launch.arguments = {program,
                        "--role",
                        "secretary",
                        "--state-dir",
                        given.state,
                        "--group",
                        given.group,
                        "--owner",
                        std::to_string(given.owner),
                        "--max-purchase",
                        given.perPurchase,
                        "--max-day",
                        given.perDay,
                        "--log-level",
                        given.level,
                        "--secretary-user",
                        given.secretaryUser,
                        "--launched"};
    auto sharing = sharingFrom(given);
    if (!sharing) return fail(sharing.error(), "netpasd(8), --share");
    auto launched = secretary::LaunchedSecretary::start(launch);
    ::close(*listening);
    if (!launched) return fail(launched.error().what, launched.error().remedy);
    agent::SecretaryAccess access;
    access.launched = std::move(*launched);
    agent::AgentOptions options = agentOptions(given);
    options.share = std::move(*sharing);
    const int status = agent::runAgent(options, std::move(access), writeLog);
    std::filesystem::remove(given.door(), error);
    return status;
}

void addOptions(CLI::App& line, Given& given, bool& launched) {
    line.add_option("--role", given.role, "what this process is")
        ->check(CLI::IsMember({"all", "agent", "secretary"}))
        ->capture_default_str();
    line.add_option("--state-dir", given.state, "books, keys and cached menus")->capture_default_str();
    line.add_option("--socket", given.socket, "the agent's local API")->capture_default_str();
    line.add_option("--secretary-socket", given.secretarySocket, "the secretary's own door; beside the other one");
    line.add_option("--group", given.group, "who may use them besides root; empty: the process's group")
        ->capture_default_str();
    line.add_option("--owner", given.owner, "user id that may do everything through the secretary's door")
        ->capture_default_str();
    line.add_option("--device", given.device, "name of the TUN interface")->capture_default_str();
    line.add_option("--max-purchase", given.perPurchase, "largest cap of one purchase, in dollars")
        ->check(checkAmount)
        ->capture_default_str();
    line.add_option("--max-day", given.perDay, "most that is set aside and spent in a day, in dollars")
        ->check(checkAmount)
        ->capture_default_str();
    line.add_option("--secretary", given.secretary,
                    "role agent: unix:PATH, serial:DEVICE[@BAUD] or tls:ADDRESS:PORT#KEY");
    line.add_option("--channel", given.channel,
                    "role secretary: unix:PATH, serial:DEVICE[@BAUD], tls:ADDRESS:PORT or fd:N");
    line.add_option(
            "--sell-reverse", given.sellReverse,
            "ADDRESS:PORT where better service is sold for packets that come from this machine or its links; again for "
            "each further one")
        ->check(checkEndpoint);
    line.add_option("--listen-tls", given.listenTls, "ADDRESS:PORT for paired devices behind this machine")
        ->check(checkEndpoint);
    line.add_option("--listen-tcp", given.listenTcp,
                    "loopback ADDRESS:PORT where the API is also served, to holders of a token; off unless given")
        ->check(checkEndpoint);
    line.add_option(
        "--babel", given.babel,
        "babeld's local interface (the path or port it was given with -g or -G), for routes through neighbours");
    line.add_option("--babel-interface", given.babelInterface,
                    "with --babel: what babeld is told of each --mesh interface besides its cost, in its own words, as "
                    "\"type wireless key MESH\"")
        ->check(checkBabelWords);
    line.add_option(
            "--clock-error", given.clockError,
            "milliseconds that this machine's clock may be off; without it what the kernel says, which NTP tells")
        ->check(CLI::Range(0, 100));
    line.add_option("--sink-ca", given.sinkAuthority,
                    "file of certificates by which sinks of CAMARA notifications are trusted; instead of the system's")
        ->check(CLI::ExistingFile);
    line.add_option("--measure-every", given.measureEvery,
                    "milliseconds between test packets to an ISP on a way in use")
        ->check(CLI::Range(10, 3'600'000))
        ->capture_default_str();
    line.add_option(
            "--measure-packets", given.measurePackets,
            "test packets a minute at most, besides those that tell whether a purchase is delivered; 0: none at all")
        ->check(CLI::Range(0, 600'000))
        ->capture_default_str();
    line.add_option("--roams", given.roams,
                    "with --listen-tls: a paired device that may ask for payments from anywhere; may stand again");
    line.add_flag("--visiting", given.visiting,
                  "role all, away from home: begin with new keys and empty books, and put away what was before");
    line.add_option(
            "--mesh", given.mesh,
            "interface with neighbours who buy and sell forwarding; what passes there is paid for. May stand again")
        ->check(checkInterface);
    line.add_option("--mesh-uplink", given.meshUplinks,
                    "with --mesh: interface to the internet, for which neighbours pay, too. May stand again")
        ->check(checkInterface);
    line.add_option(
            "--mesh-free", given.meshFree,
            "with --mesh: bytes a second to and from each neighbour for nothing, so that it can reach its ISP to pay")
        ->check(CLI::Range(0, 100'000'000))
        ->capture_default_str();
    line.add_option("--mesh-test", given.meshTest,
                    "with --mesh: server of capacity tests (ndt7) by which the ways through neighbours are compared, "
                    "ADDRESS:PORT")
        ->check(checkEndpoint);
    line.add_option("--mesh-test-key", given.meshTestKey, "the public key of that server, where it speaks TLS")
        ->check(checkKey);
    line.add_option("--share", given.share, "file of a community to share measurements with; netpasd(8)");
    line.add_flag("--show-share-key", given.showShareKey,
                  "print the key by which a community knows this machine's agent");
    line.add_option("--agent-key", given.agentKeys, "role secretary with tls: who may connect");
    line.add_flag("--show-key", given.showKey,
                  "roles agent and secretary: print the key by which the other end of tls: knows this one");
    line.add_option("--listen", given.listening, "role secretary: fd:N in place of --secretary-socket");
    line.add_option("--agent-user", given.agentUser, "whom the agent runs as")->capture_default_str();
    line.add_option("--secretary-user", given.secretaryUser, "whom the secretary runs as")->capture_default_str();
    line.add_option("--log-level", given.level, "what is logged")
        ->check(CLI::IsMember({"info", "warning", "error", "off"}))
        ->capture_default_str();
    line.add_flag("--launched", launched, "role secretary: ends with its agent")->group("");
}

}  // namespace

int main(int argc, char** argv) {
    Given given;
    bool launched = false;
    CLI::App app{"The agent that pays ISPs for better service, packet by packet, and its secretary. See netpasd(8)."};
    app.set_version_flag("--version", std::string("netpasd ") + NETPAS_VERSION);
    addOptions(app, given, launched);
    try {
        app.parse(argc, argv);
        if (given.showKey) return showKey(given);
        if (given.showShareKey) return showShareKey(given);
        if (given.role == "agent" && given.secretary.empty()) throw CLI::RequiredError("--secretary");
        if (given.visiting && given.role != "all") throw CLI::ValidationError("--visiting", "needs role all");
        if (given.mesh.empty() && (!given.meshUplinks.empty() || given.meshFree > 0 || !given.meshTest.empty()))
            throw CLI::RequiredError("--mesh");
        if (given.role == "secretary" && given.channel.empty()) throw CLI::RequiredError("--channel");
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? EXIT_SUCCESS : usageError;
    }
    std::signal(SIGPIPE, SIG_IGN);
    startLog(given.level, given.role);
    if (!launched && !lockState(given)) {
        return fail("another netpasd uses " + given.state, "stop it, or choose another --state-dir");
    }
    if (given.visiting && !agent::beginVisit(given.state, systemClock().now()))
        return fail("what is in " + given.state + " cannot be put away", "free some disk space");
    if (given.role == "secretary") return runSecretary(given, launched);
    if (given.role == "agent") return runAgent(given);
    return runAll(given, argv[0]);
}
