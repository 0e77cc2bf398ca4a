// netpas-lab: command line.
#include <CLI/CLI.hpp>

#include "app/lab/commands.h"
#include "app/lab/scenario/scenario.h"
#include "app/lab/tools/tools.h"
#include "app/lab/wire_command.h"

using namespace netpas::lab;

int main(int argc, char** argv) {
    CLI::App app{"netpas-lab: an emulated internet in network namespaces, with ISPs that sell better service"};
    app.require_subcommand(1);
    app.set_version_flag("--version", "netpas-lab 0.1.0");
    int status = 0;
    std::string name;
    std::string target;
    std::vector<std::string> command;
    bool json = false;
    bool flag = false;

    CLI::App* up = app.add_subcommand("up", "bring a topology up");
    up->add_option("TOPOLOGY", target, "a name from 'netpas-lab list', or a .toml file")->required();
    up->add_option("--name", name, "the lab's name");
    up->add_flag("--bare", flag, "only the network, none of the ISPs' programs and agents");
    up->callback([&] { status = commandUp(target, name, flag); });

    CLI::App* down = app.add_subcommand("down", "take a lab down");
    down->add_option("--name", name, "the lab's name");
    down->add_flag("--all", flag, "all labs");
    down->callback([&] { status = commandDown(name, flag); });

    CLI::App* show = app.add_subcommand("status", "show the labs that are up");
    show->add_option("--name", name, "the lab's name");
    show->add_flag("--json", json);
    show->callback([&] { status = commandStatus(name, json); });

    CLI::App* list = app.add_subcommand("list", "list topologies and scenarios");
    list->add_flag("--json", json);
    list->callback([&] { status = commandList(json); });

    CLI::App* exec = app.add_subcommand("exec", "run a command on a host or router");
    exec->add_option("--name", name, "the lab's name");
    exec->add_option("HOST", target, "host or router")->required();
    exec->add_option("COMMAND", command, "after --")->required();
    exec->positionals_at_end();
    exec->callback([&] { status = commandExec(name, target, command); });

    CLI::App* capture = app.add_subcommand("capture", "write what crosses a link to a pcap file");
    std::string file;
    double seconds = 0;
    capture->add_option("--name", name, "the lab's name");
    capture->add_option("LINK", target, "see 'netpas-lab status'")->required();
    capture->add_option("FILE", file, "- for standard output")->required();
    capture->add_option("--seconds", seconds, "end after so long");
    capture->callback([&] { status = commandCapture(name, target, file, seconds); });

    ScenarioOptions options;
    CLI::App* run = app.add_subcommand("run", "run a scenario and judge it");
    std::string names;
    for (const Scenario& scenario : scenarios()) names += (names.empty() ? "" : ", ") + scenario.name;
    run->add_option("SCENARIO", target, names)->required();
    run->add_option("--name", name, "the lab's name");
    run->add_flag("--json", options.json, "one JSON object on standard output; the lab is taken down");
    run->add_flag("--headless", options.headless, "take the lab down at the end");
    run->add_option("--seed", options.seed)->check(CLI::NonNegativeNumber);
    run->add_option("--packets", options.packets, "how much traffic")
        ->check(CLI::Range(uint64_t{1}, uint64_t{1'000'000'000}));
    run->add_option("--rounds", options.rounds, "how often")->check(CLI::Range(uint64_t{1}, uint64_t{100'000}));
    run->add_option("--clients", options.clients, "how many ask at once")->check(CLI::Range(1, 256));
    run->add_option("--requests", options.requests, "how often they ask, all together")
        ->check(CLI::Range(uint64_t{1}, uint64_t{10'000'000}));
    run->add_option("--kills", options.kills, "how often programs are killed")->check(CLI::Range(1, 100'000));
    run->add_option("--payments", options.payments, "how many payments")
        ->check(CLI::Range(uint64_t{1}, uint64_t{100'000'000}));
    run->add_option("--isps", options.isps, "how many ISPs")->check(CLI::Range(1, 200));
    run->add_option("--runs", options.runs, "how many runs")->check(CLI::Range(1, 10'000));
    run->add_option("--payments-per-second", options.paymentsPerSecond,
                    "offered; without it the highest that holds is sought")
        ->check(CLI::Range(0.1, 1e6));
    run->add_option("--seconds,--duration,--for", options.seconds, "for how long")->check(CLI::Range(1.0, 86400.0));
    run->add_option("--loss", options.loss, "mesh-seven: only with so many percent of losses on each link")
        ->transform(CLI::Validator(
            [](std::string& text) {
                if (!text.empty() && text.back() == '%') text.pop_back();
                return std::string();
            },
            "PERCENT"))
        ->check(CLI::Range(0.0, 20.0));
    run->add_option("--family", options.family)->check(CLI::IsMember({"ipv4", "ipv6"}));
    run->add_option("--protocol", options.protocol)->check(CLI::IsMember({"tcp", "udp"}));
    run->add_option("--line", options.line, "dongle: what is between agent and secretary")
        ->check(CLI::IsMember({"serial", "unix", "tls"}));
    run->add_option("--sampler", options.sampler)->check(CLI::IsMember({"stratified", "smart"}));
    run->add_option("--database", options.database, "settlement: where the books are")
        ->check(CLI::IsMember({"embedded", "postgres"}));
    run->add_option("--metric", options.metric, "lying-route: what is lied about")
        ->check(CLI::IsMember({"loss", "throughput", "latency"}));
    CLI::Option* const nat = run->add_flag("--nat", options.nat, "modem: only with address translation");
    run->add_flag("--routed", options.routed, "modem: only without")->excludes(nat);
    run->add_option("--honest", options.honest, "threats, lying-route: also so many runs in which nobody cheats")
        ->check(CLI::Range(0, 10'000));
    run->add_option("--screenshots", options.screenshots,
                    "a folder that takes pictures of what players and the window show");
    run->add_option("--evidence", options.evidence, "threats: the file that takes the evidence");
    run->add_option("--rows", options.rows, "threats: only these rows, such as 3,11-14");
    run->add_option("--topology", options.topology, "another topology than the scenario's own");
    run->callback([&] { status = commandRun(target, name, options); });

    CLI::App* tool = app.add_subcommand("tool", "traffic tools of the scenarios");
    tool->group("");
    tool->add_option("NAME", target)->required();
    tool->add_option("ARGUMENTS", command, "key=value");
    tool->callback([&] { status = runTool(target, command); });

    addWireCommand(app, status);

    CLI11_PARSE(app, argc, argv);
    return status;
}
