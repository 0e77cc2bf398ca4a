// netpas-lab: command line.
#include <CLI/CLI.hpp>

#include "app/lab/commands.h"
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

    CLI::App* list = app.add_subcommand("list", "list topologies");
    list->add_flag("--json", json);
    list->callback([&] { status = commandList(json); });

    CLI::App* exec = app.add_subcommand("exec", "run a command on a host or router");
    exec->add_option("--name", name, "the lab's name");
    exec->add_option("HOST", target, "host or router")->required();
    exec->add_option("COMMAND", command, "after --")->required();
    exec->positionals_at_end();
    exec->callback([&] { status = commandExec(name, target, command); });

    addWireCommand(app, status);

    CLI11_PARSE(app, argc, argv);
    return status;
}
