#include "app/lab/wire_command.h"

#include <memory>

#include <CLI/CLI.hpp>

#include "app/lab/commands.h"
#include "app/lab/wire.h"

namespace netpas::lab {
namespace {

struct WireArguments {
    std::vector<std::string> ends;        // "NETNS,INTERFACE"
    std::vector<std::string> directions;  // "DELAY,LOSS"
    std::string ready;
    uint64_t seed = 1;
};

Expected<WireSpec> toSpec(const WireArguments& arguments) {
    WireSpec spec;
    spec.seed = arguments.seed;
    for (size_t side = 0; side < 2; ++side) {
        const size_t comma = arguments.ends[side].find(',');
        const size_t middle = arguments.directions[side].find(',');
        if (comma == std::string::npos || middle == std::string::npos) {
            return fail(LabErrc::Usage, "a wire needs --end NETNS,INTERFACE and --direction DELAY,LOSS, each twice");
        }
        spec.ends[side] = {arguments.ends[side].substr(0, comma), arguments.ends[side].substr(comma + 1)};
        const auto delay = parseDelay(arguments.directions[side].substr(0, middle));
        const auto loss = parsePercent(arguments.directions[side].substr(middle + 1));
        if (!delay || !loss)
            return fail(LabErrc::Usage, "cannot read " + arguments.directions[side] + "; write 10ms,0.5%");
        spec.direction[side] = {*delay, *loss};
    }
    return spec;
}

}  // namespace

void addWireCommand(CLI::App& app, int& status) {
    auto arguments = std::make_shared<WireArguments>();
    CLI::App* wire = app.add_subcommand("wire", "carry frames between two namespaces (started by 'up')");
    wire->group("");
    // One value for each occurrence: a comma belongs to the value.
    wire->add_option("--end", arguments->ends)->required()->expected(2)->allow_extra_args(false)->take_all();
    wire->add_option("--direction", arguments->directions)
        ->required()
        ->expected(2)
        ->allow_extra_args(false)
        ->take_all();
    wire->add_option("--ready", arguments->ready)->required();
    wire->add_option("--seed", arguments->seed);
    wire->callback([arguments, &status] {
        const auto spec = toSpec(*arguments);
        const auto done = spec ? runWire(*spec, arguments->ready) : Expected<void>(tl::unexpected(spec.error()));
        if (!done) status = report(done.error());
    });
}

}  // namespace netpas::lab
