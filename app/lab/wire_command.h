// The hidden subcommand in which a wire runs.
#pragma once

namespace CLI {
class App;
}

namespace netpas::lab {

void addWireCommand(CLI::App& app, int& status);

}  // namespace netpas::lab
