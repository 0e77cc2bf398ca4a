// netpas paths: the ways of the internet to a destination, as dumps of routing tables have them (NetPaS §5.3).
#include <filesystem>
#include <memory>

#include "app/cli/answers.h"
#include "app/cli/text.h"
#include "app/cli/topics.h"
#include "cartographer/routes/mrt_parser.h"
#include "cartographer/routes/route_table.h"

namespace netpas::cli {

using nlohmann::json;
using routes::RouteTable;

namespace {

struct Given {
    std::vector<std::string> files;
    std::string to;
    bool all = false;
};

json toJson(const RouteTable::Match& match) {
    json paths = json::array();
    for (const RouteTable::Route& route : match.routes) {
        json path = {{"peer", route.peer.address.toString()},
                     {"peer_as", route.peer.as},
                     {"as_path", route.path.toString()},
                     {"ases", route.path.hops()}};
        if (route.pathId != 0) path["path_id"] = route.pathId;
        paths.push_back(std::move(path));
    }
    return {{"prefix", match.prefix.toString()}, {"paths", std::move(paths)}};
}

void show(const RouteTable::Match& match) {
    print(match.prefix.toString() + "\n");
    std::vector<std::vector<std::string>> rows{{"PEER", "AS", "PATH"}};
    for (const RouteTable::Route& route : match.routes)
        rows.push_back({route.peer.address.toString(), std::to_string(route.peer.as), route.path.toString()});
    print(table(rows));
}

// A prefix stands for its first address.
std::optional<IpAddress> addressOf(const std::string& text) {
    if (const auto address = IpAddress::parse(text)) return address;
    const auto prefix = IpPrefix::parse(text);
    return prefix ? std::optional(prefix->address()) : std::nullopt;
}

struct Loaded {
    RouteTable table;
    json files = json::array();
    std::vector<std::string> problems;
    bool complete = true;
};

Loaded load(const std::vector<std::string>& files) {
    const Progress progress("reading");
    Loaded loaded;
    routes::RouteTableBuilder builder;
    for (const std::string& file : files) {
        const routes::MrtSummary summary = routes::readMrt(file, builder);
        loaded.files.push_back({{"file", harmless(file)},
                                {"records", summary.records},
                                {"used", summary.used},
                                {"passed_over", summary.passedOver},
                                {"damaged", summary.damaged},
                                {"complete", summary.complete}});
        if (!summary.problem) continue;
        loaded.problems.push_back(harmless(*summary.problem));
        loaded.complete = loaded.complete && summary.complete && summary.damaged == 0;
    }
    loaded.table = builder.build();
    return loaded;
}

// What could be read is shown; the exit status says that it was not all.
Exit finish(const Loaded& loaded) {
    for (const std::string& problem : loaded.problems) std::fprintf(stderr, "netpas: %s\n", problem.c_str());
    return loaded.problems.empty() ? Exit::Ok : Exit::Failed;
}

Exit showAll(const Loaded& loaded, Output output) {
    if (output.json) {
        // A full table is too much for one document in memory: one line for each prefix.
        for (uint32_t i = 0; i < loaded.table.size(); ++i) print(toJson(loaded.table.at(i)).dump() + "\n");
    } else {
        for (uint32_t i = 0; i < loaded.table.size(); ++i) show(loaded.table.at(i));
    }
    return finish(loaded);
}

Exit paths(const Given& given, Output output) {
    const auto to = addressOf(given.to);
    if (given.all == !given.to.empty() || (!given.all && !to)) {
        return report({Exit::Usage, "INVALID_ARGUMENT", "give one address or prefix, or --all",
                       "netpas paths --mrt FILE 192.0.2.1"},
                      output);
    }
    if (!initCrypto()) return report({Exit::Failed, "LOCAL_FAILURE", "cryptography cannot start", ""}, output);
    const Loaded loaded = load(given.files);
    if (loaded.table.size() == 0) {
        return report({Exit::Failed, "NO_ROUTES",
                       loaded.problems.empty() ? "there are no routes in the dump" : loaded.problems.front(),
                       "netpas paths --mrt FILE DESTINATION"},
                      output);
    }
    if (given.all) return showAll(loaded, output);
    const auto match = loaded.table.find(*to);
    if (!match) {
        (void)finish(loaded);
        return report({Exit::Failed, "NOT_FOUND", "no prefix in the dump covers " + to->toString(),
                       "netpas paths --mrt FILE --all"},
                      output);
    }
    if (!output.json) {
        show(*match);
        return finish(loaded);
    }
    json body = toJson(*match);
    body["destination"] = to->toString();
    body["files"] = loaded.files;
    body["problems"] = loaded.problems;
    printJson(body);
    return finish(loaded);
}

}  // namespace

void addPathVerbs(CLI::App& app, Action& chosen) {
    const auto given = std::make_shared<Given>();
    CLI::App* const verb = addVerb(app, chosen, "paths", "the ways to a destination in dumps of routing tables",
                                   [given](const Client&, Output output) { return paths(*given, output); });
    verb->add_option("--mrt", given->files,
                     "a dump (MRT; plain, gzip or bzip2); more than once: a table and its updates")
        ->required();
    verb->add_option("to", given->to, "address or prefix");
    verb->add_flag("--all", given->all, "every prefix");
}

}  // namespace netpas::cli
