#include "app/cli/words.h"

#include <algorithm>
#include <array>
#include <map>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "app/cli/text.h"

namespace netpas::cli {

namespace {

const auto everySub = [](const CLI::App*) { return true; };
const auto everyOption = [](const CLI::Option*) { return true; };

// What other programs call it.
const std::map<std::string_view, std::string_view> synonyms{
    {"info", "status"},
    {"state", "status"},
    {"ls", "purchases"},
    {"list", "purchases"},
    {"ps", "purchases"},
    {"connect", "up"},
    {"start", "up"},
    {"enable", "up"},
    {"disconnect", "down"},
    {"disable", "down"},
    {"off", "down"},
    {"on", "up"},
    {"price", "quote"},
    {"prices", "services"},
    {"menu", "services"},
    {"offers", "quote"},
    {"offer", "quote"},
    {"tiers", "quote"},
    {"money", "balance"},
    {"wallet", "balance"},
    {"account", "balance"},
    {"spent", "totals"},
    {"send", "pay"},
    {"transfer", "pay"},
    {"approve", "pending"},
    {"deny", "pending"},
    {"prompts", "pending"},
    {"questions", "pending"},
    {"missed", "review"},
    {"speed", "speedtest"},
    {"bandwidth", "speedtest"},
    {"route", "paths"},
    {"routes", "paths"},
    {"traceroute", "paths"},
    {"cancel", "stop"},
    {"end", "stop"},
    {"logs", "log"},
    {"journal", "log"},
    {"diagnose", "netcheck"},
    {"check", "netcheck"},
    {"test", "netcheck"},
    {"bug", "bugreport"},
    {"limit", "budget"},
    {"limits", "budget"},
    {"allowance", "budget"},
    {"policy", "rules"},
    {"allow", "rules"},
    {"people", "contacts"},
    {"register", "join"},
    {"login", "join"},
    {"signup", "join"},
    {"isp", "join"},
    {"export", "backup"},
    {"import", "restore"},
    {"upgrade", "buy"},
    {"boost", "buy"},
    {"purchase", "buy"},
    {"pause", "mode"},
    {"quiet", "mode"},
    {"measure", "measurements"},
    {"stats", "measurements"},
    {"invoice", "statements"},
    {"receipts", "history"},
    {"bill", "statements"},
};

// What to type where something was left out: the same with everything that it needs, or what shows that first.
const std::map<std::string_view, std::string_view> examples{
    {"agreements accept", "netpas agreements"},
    {"agreements end", "netpas agreements"},
    {"agreements offer", "netpas neighbours"},
    {"agreements show", "netpas agreements"},
    {"audit verify", "netpas audit verify export.json"},
    {"backup", "netpas backup netpas-backup.json"},
    {"budget set", "netpas budget set everything 2 --per month"},
    {"buy", "netpas buy --to 192.0.2.10 --cap 0.05"},
    {"completion", "netpas completion bash"},
    {"contacts add", "netpas contacts add \"Ann\""},
    {"contacts edit", "netpas contacts list"},
    {"contacts import", "netpas contacts import contacts.vcf"},
    {"contacts rm", "netpas contacts list"},
    {"contacts show", "netpas contacts list"},
    {"evidence", "netpas history"},
    {"join", "netpas join https://ADDRESS:PORT/#KEY"},
    {"label", "netpas history"},
    {"pair allow", "netpas pair list"},
    {"pair confirm", "netpas pair list"},
    {"pair remove", "netpas pair list"},
    {"pair request", "netpas pair request https://ADDRESS:PORT/#KEY --name NAME"},
    {"paths", "netpas paths 192.0.2.10 --mrt rib.bz2"},
    {"pay", "netpas pay PAYEE --amount 0.05"},
    {"payees", "netpas payees list"},
    {"payees accept", "netpas payees list"},
    {"payees add", "netpas payees add certificate.pem"},
    {"payees distrust", "netpas payees list"},
    {"payees revocations", "netpas payees revocations list.pem"},
    {"payees rm", "netpas payees list"},
    {"payees show", "netpas payees list"},
    {"payees trust", "netpas payees list"},
    {"payees verify", "netpas payees verify certificate.pem"},
    {"pending approve", "netpas pending list"},
    {"pending deny", "netpas pending list"},
    {"pending dismiss", "netpas pending list"},
    {"pending not-now", "netpas pending list"},
    {"pending show", "netpas pending list"},
    {"ping", "netpas ping 192.0.2.10"},
    {"roam", "netpas roam https://ADDRESS:PORT/#KEY --budget 1"},
    {"rules edit", "netpas rules list"},
    {"rules import", "netpas rules import rules.json"},
    {"rules test", "netpas rules test --price 0.01"},
    {"token add", "netpas token add NAME"},
    {"token remove", "netpas token list"},
};

struct Group {
    const char* name;
    std::vector<std::string_view> verbs;
};
const std::array groups{
    Group{"State", {"status", "up", "down", "mode", "lock", "unlock"}},
    Group{"Network",
          {"netcheck", "services", "quote", "ping", "paths", "routes", "measurements", "speedtest", "statements",
           "deliveries", "neighbours"}},
    Group{"Spending", {"buy", "stop", "purchases", "fetch", "pay", "payments", "receive", "received", "roam"}},
    Group{"Money", {"balance", "budget", "history", "totals", "label", "evidence", "agreements"}},
    Group{"Policy", {"rules", "contacts", "payees", "pending", "review", "token"}},
    Group{"Care",
          {"join", "pair", "passphrase", "recovery-words", "backup", "restore", "doctor", "log", "bugreport", "audit",
           "completion", "help", "version"}},
};

const CLI::App* subOf(const CLI::App& app, std::string_view name) {
    for (const CLI::App* sub : app.get_subcommands(everySub)) {
        if (sub->get_name() == name) return sub;
    }
    return nullptr;
}

std::string dashed(const std::string& name, bool isLong) { return (isLong ? "--" : "-") + name; }

const CLI::Option* optionOf(const CLI::App& app, const std::string& word) {
    for (const CLI::App* at = &app; at != nullptr; at = at->get_parent()) {
        for (const CLI::Option* option : at->get_options(everyOption)) {
            for (const auto& [names, isLong] : {std::pair(option->get_lnames(), true), {option->get_snames(), false}}) {
                for (const std::string& name : names) {
                    if (dashed(name, isLong) == word) return option;
                }
            }
        }
    }
    return nullptr;
}

std::string pathOf(const CLI::App& app) {
    return app.get_parent() == nullptr ? "netpas" : pathOf(*app.get_parent()) + " " + app.get_name();
}

// Before what is wrong with it; the program's own name is said anyway.
std::string about(const CLI::App& app) {
    return app.get_parent() == nullptr ? "" : pathOf(app).substr(sizeof "netpas") + ": ";
}

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
    return text;
}

std::vector<std::string> verbsOf(const CLI::App& app) {
    std::vector<std::string> names;
    for (const CLI::App* sub : app.get_subcommands(everySub)) names.push_back(sub->get_name());
    return names;
}

std::optional<std::string> nearest(const std::string& word, const std::vector<std::string>& known) {
    const std::vector<std::string_view> views(known.begin(), known.end());
    return suggestion(word, views);
}

Problem wrongVerb(const CLI::App& at, const std::string& word) {
    const std::vector<std::string> verbs = verbsOf(at);
    Problem problem{Exit::Usage, "INVALID_ARGUMENT", about(at) + "there is no \"" + word + "\"",
                    pathOf(at) + " --help"};
    const auto synonym = at.get_parent() == nullptr ? synonyms.find(word) : synonyms.end();
    if (synonym != synonyms.end() && subOf(at, synonym->second) != nullptr) {
        problem.hint = pathOf(at) + " " + std::string(synonym->second);
    } else if (const auto meant = nearest(word, verbs)) {
        problem.hint = pathOf(at) + " " + *meant;
    }
    // Few are listed, many are not.
    constexpr size_t few = 12;
    if (verbs.size() <= few) problem.message += "; there are " + joined(verbs);
    return problem;
}

Problem wrongOption(const CLI::App& at, const std::string& word) {
    std::vector<std::string> known;
    for (const CLI::App* app = &at; app != nullptr; app = app->get_parent()) {
        for (const CLI::Option* option : app->get_options(everyOption)) {
            for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
        }
    }
    const auto meant = nearest(word, known);
    return {Exit::Usage, "INVALID_ARGUMENT", about(at) + "there is no option " + word,
            meant ? pathOf(at) + " " + *meant : pathOf(at) + " --help"};
}

}  // namespace

bool takesValue(const CLI::Option& option) { return option.get_items_expected_max() > 0; }

std::vector<std::string> choicesOf(const CLI::Option& option) {
    // CLI11 says it in the type's name only: "TEXT:{tcp,udp}".
    const std::string type = option.get_type_name();
    const size_t open = type.find('{'), close = type.rfind('}');
    std::vector<std::string> choices;
    if (open == std::string::npos || close == std::string::npos || close < open) return choices;
    for (size_t at = open + 1; at < close;) {
        const size_t comma = std::min(type.find(',', at), close);
        choices.push_back(type.substr(at, comma - at));
        at = comma + 1;
    }
    return choices;
}

Problem problemWith(const CLI::App& app, const CLI::ParseError& error, const std::vector<std::string>& words) {
    const CLI::App* at = &app;
    for (size_t i = 0; i < words.size() && words[i] != "--"; ++i) {
        const std::string& word = words[i];
        if (word.size() > 1 && word.starts_with("-")) {
            const std::string name = word.substr(0, word.find('='));
            const CLI::Option* const option = optionOf(*at, name);
            if (option == nullptr) return wrongOption(*at, name);
            if (name == word && takesValue(*option)) ++i;
            continue;
        }
        if (at->get_subcommands(everySub).empty()) continue;
        const CLI::App* const verb = subOf(*at, word);
        if (verb == nullptr) return wrongVerb(*at, word);
        at = verb;
    }
    if (const auto verbs = verbsOf(*at); !verbs.empty()) {
        // Looking does no harm.
        const bool lists = subOf(*at, "list") != nullptr, shows = subOf(*at, "show") != nullptr;
        const bool top = at->get_parent() == nullptr;
        return {Exit::Usage, "INVALID_ARGUMENT", about(*at) + "say which: " + joined(verbs),
                pathOf(*at) + (top     ? " --help"
                               : lists ? " list"
                               : shows ? " show"
                                       : " --help")};
    }
    const auto example = examples.find(at->get_parent() == nullptr ? "" : pathOf(*at).substr(sizeof "netpas"));
    const bool missing = dynamic_cast<const CLI::RequiredError*>(&error) != nullptr && example != examples.end();
    return {Exit::Usage, "INVALID_ARGUMENT", about(*at) + error.what(),
            missing ? std::string(example->second) : pathOf(*at) + " --help"};
}

tl::expected<std::string, Problem> helpFor(const CLI::App& app, const std::vector<std::string>& words) {
    const CLI::App* at = &app;
    for (const std::string& word : words) {
        const CLI::App* const next = subOf(*at, word);
        if (next == nullptr && verbsOf(*at).empty()) break;
        if (next == nullptr) return tl::unexpected(wrongVerb(*at, word));
        at = next;
    }
    // Not help(): while a verb runs, that shows the verb's own.
    return at->get_formatter()->make_help(at, pathOf(*at), CLI::AppFormatMode::Normal);
}

void groupVerbs(CLI::App& app) {
    for (CLI::App* const verb : app.get_subcommands([](CLI::App*) { return true; })) {
        const auto group = std::find_if(groups.begin(), groups.end(), [&](const Group& one) {
            return std::find(one.verbs.begin(), one.verbs.end(), verb->get_name()) != one.verbs.end();
        });
        if (group == groups.end()) throw std::logic_error("no group for " + verb->get_name());
        verb->group(group->name);
    }
}

}  // namespace netpas::cli
