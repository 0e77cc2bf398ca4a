// netpas: the command line.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "app/cli/commands.h"
#include "app/cli/remote_agent.h"
#include "app/cli/topics.h"
#include "app/cli/words.h"

namespace {

using namespace netpas::cli;

int exitCode(Exit exit) { return static_cast<int>(exit); }

struct Commands {
    std::string socket = "/run/netpas/netpasd.sock";
    std::string secretarySocket;  // empty: beside the other one
    Output output;
    std::string agent;  // a paired one, on another machine
    std::string to, url;
    BuyWish wish;
    std::string id;
    bool asApplication = false;
    std::vector<std::string> ids;
    bool all = false;
    bool watch = false;
    Action chosen;  // of a topic
};

void addBuy(CLI::App& app, Commands& given) {
    CLI::App* const buy = app.add_subcommand("buy", "buy better service for a flow of this machine");
    buy->add_option("--to", given.wish.to, "address or name of the other end")->required();
    buy->add_option("--to-port", given.wish.toPort, "its port")->check(CLI::Range(1, 65535));
    buy->add_option("--from-port", given.wish.fromPort, "port of this machine")->check(CLI::Range(1, 65535));
    buy->add_option("--from", given.wish.from, "with --agent: another address of this machine's");
    buy->add_option("--proto", given.wish.protocol, "tcp, udp, icmp or any; with a port tcp, else any")
        ->check(CLI::IsMember({"tcp", "udp", "icmp", "any"}));
    buy->add_option("--class", given.wish.className,
                    "name or number of a class, \"cheapest\" or \"best\"; cheapest when left out");
    buy->add_option("--per-isp", given.wish.perIsp, "other classes for some ISPs: 24=gold,25=2")->delimiter(',');
    buy->add_option("--offer", given.wish.offer, "exactly this, from `netpas quote ADDRESS`")
        ->excludes("--class", "--per-isp");
    buy->add_option("--cap", given.wish.cap, "never more than so many dollars")->required();
    buy->add_option("--rate-cap", given.wish.rateCap, "never more than so many dollars a second");
    buy->add_flag("--incoming", given.wish.incoming, "for packets that come from there, not for those sent there");
    buy->add_option("--seller", given.wish.seller,
                    "with --incoming: who sells that, https://ADDRESS:PORT/#KEY; else the far ISP says who");
    buy->add_option("--purpose", given.wish.purpose, "what it is for, such as video; shown as a claim");
    buy->add_option("--domain", given.wish.domain, "the site on whose behalf; shown as a claim");
    buy->add_flag(
        "--attended", given.wish.attended,
        "a person has just asked for this, so that a question may be shown at once; said anyway on a terminal");
    buy->add_option("--for", given.wish.duration, "stop by itself after 90s, 10m, 2h");
}

Exit runVerb(const CLI::App& app, const Commands& given) {
    if (!given.agent.empty() && !netpas::initCrypto()) {
        return report({Exit::Failed, "LOCAL_FAILURE", "cryptography cannot start", ""}, given.output);
    }
    const auto remote = given.agent.empty() ? tl::unexpected(std::string{}) : loadRemote(given.agent);
    if (!given.agent.empty() && !remote) {
        return report({Exit::Usage, "INVALID_ARGUMENT", remote.error(), "netpas pair request URL --name NAME"},
                      given.output);
    }
    Client client = remote ? Client(*remote) : Client(given.socket, given.secretarySocket);
    if (given.asApplication) client.askAsApplication();
    if (given.chosen) return given.chosen(client, given.output);
    if (app.got_subcommand("status"))
        return given.watch ? watchStatus(client, given.output) : status(client, given.output);
    if (app.got_subcommand("services")) return services(client, given.output, given.to);
    if (app.got_subcommand("buy")) return buy(client, given.output, given.wish);
    if (app.got_subcommand("purchases")) return purchases(client, given.output, given.id);
    if (app.got_subcommand("join")) return join(client, given.output, given.url);
    if (app.got_subcommand("stop")) {
        if (given.all == !given.ids.empty()) {
            return report(
                {Exit::Usage, "INVALID_ARGUMENT", "give either the number of a purchase or --all", "netpas purchases"},
                given.output);
        }
        return stop(client, given.output, given.ids, given.all);
    }
    std::printf(given.output.json ? "{\"version\":\"%s\"}\n" : "netpas %s\n", NETPAS_VERSION);
    return Exit::Ok;
}

}  // namespace

int main(int argc, char** argv) {
    Commands given;
    CLI::App app{"Buys better service from the ISPs on the way, packet by packet. See netpas(1).", "netpas"};
    app.set_version_flag("--version", std::string("netpas ") + NETPAS_VERSION);
    app.add_option("--socket", given.socket, "the agent's local API")->envname("NETPAS_SOCKET")->capture_default_str();
    app.add_option("--secretary-socket", given.secretarySocket,
                   "the secretary's own door; left out: secretary.sock beside the agent's")
        ->envname("NETPAS_SECRETARY_SOCKET");
    app.add_option("--agent", given.agent, "a modem's agent that this machine is paired with, by its name here")
        ->envname("NETPAS_AGENT");
    app.add_flag("--json", given.output.json, "print JSON");
    app.add_flag("--request", given.asApplication,
                 "ask as an application does: rules, budgets and answers decide, even for the owner");
    app.require_subcommand(1);
    app.fallthrough();
    CLI::App* const statusVerb = app.add_subcommand("status", "whether the agent runs, and what it does now");
    statusVerb->add_flag("--watch", given.watch, "show what changes, until Ctrl-C");
    CLI::App* const servicesVerb = app.add_subcommand("services", "what the ISPs sell, and for how much");
    servicesVerb->add_option("--to", given.to, "all ISPs on the way to this address or name");
    addBuy(app, given);
    CLI::App* const stopVerb = app.add_subcommand("stop", "end purchases and settle them");
    stopVerb->add_option("id", given.ids, "numbers of purchases");
    stopVerb->add_flag("--all", given.all, "every purchase of yours");
    CLI::App* const purchasesVerb = app.add_subcommand("purchases", "what is bought at the moment");
    purchasesVerb->add_option("id", given.id, "only this one, also when it is over");
    CLI::App* const joinVerb = app.add_subcommand("join", "buy through this ISP from now on");
    joinVerb->add_option("url", given.url, "https://ADDRESS:PORT/#KEY, from the ISP")->required();
    addTopics(app, given.chosen);
    app.add_subcommand("version", "the version of this program");
    groupVerbs(app);
    if (argc < 2) return std::printf("%s", app.help().c_str()), exitCode(Exit::Usage);
    try {
        app.parse(argc, argv);
    } catch (const CLI::Success& asked) {
        return app.exit(asked);
    } catch (const CLI::ParseError& error) {
        // The flag counts even when it stands behind the wrong word.
        given.output.json =
            given.output.json || std::find(argv + 1, argv + argc, std::string_view("--json")) != argv + argc;
        return exitCode(report(problemWith(app, error, {argv + 1, argv + argc}), given.output));
    }
    const Exit ended = runVerb(app, given);
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
        return exitCode(
            report({Exit::Failed, "LOCAL_FAILURE", "the answer could not be written", "free some disk space"},
                   {.json = false}));
    }
    return exitCode(ended);
}
