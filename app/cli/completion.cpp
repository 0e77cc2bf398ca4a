#include "app/cli/completion.h"

#include <functional>
#include <string_view>
#include <vector>

#include "app/cli/words.h"

namespace netpas::cli {

namespace {

const auto everySub = [](const CLI::App*) { return true; };
const auto everyOption = [](const CLI::Option*) { return true; };

struct OptionWords {
    std::vector<std::string> names;  // with their dashes
    std::string help;
    bool value = false;
    std::vector<std::string> choices;
};

struct Verb {
    std::string path;                                        // "netpas rules add"
    std::vector<std::pair<std::string, std::string>> verbs;  // with their help
    std::vector<OptionWords> options;
    std::vector<std::string> choices;  // of the first word that is no option
};

// Depth first, the program itself first.
void collect(const CLI::App& app, const std::string& path, std::vector<Verb>& all) {
    Verb verb{path, {}, {}, {}};
    for (const CLI::App* sub : app.get_subcommands(everySub)) {
        verb.verbs.emplace_back(sub->get_name(), sub->get_description());
    }
    for (const CLI::App* at = &app; at != nullptr; at = at->get_parent()) {
        for (const CLI::Option* option : at->get_options(everyOption)) {
            OptionWords words{{}, option->get_description(), takesValue(*option), choicesOf(*option)};
            for (const std::string& name : option->get_lnames()) words.names.push_back("--" + name);
            for (const std::string& name : option->get_snames()) words.names.push_back("-" + name);
            if (words.names.empty() && at == &app && verb.choices.empty()) verb.choices = words.choices;
            if (!words.names.empty()) verb.options.push_back(std::move(words));
        }
    }
    all.push_back(std::move(verb));
    for (const CLI::App* sub : app.get_subcommands(everySub)) collect(*sub, path + " " + sub->get_name(), all);
}

std::vector<Verb> verbsOf(const CLI::App& app) {
    std::vector<Verb> all;
    collect(app, "netpas", all);
    return all;
}

// Within single quotes of any of the three shells, which is why none may be in it.
std::string plain(std::string_view text) {
    std::string out;
    for (const char c : text) out += c == '\'' || c == '\\' ? '`' : (c == '\n' ? ' ' : c);
    return out;
}

std::string joined(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
    return text;
}

std::string namesOf(const Verb& verb) {
    std::string text;
    for (const OptionWords& option : verb.options) text += (text.empty() ? "" : " ") + joined(option.names);
    return text;
}

std::string patternOf(const OptionWords& option, const std::string& path) {
    std::string text;
    for (const std::string& name : option.names) text += (text.empty() ? "" : "|") + ("'" + path + ":" + name + "'");
    return text;
}

// Shell cases that follow the words to the verb they lead to: the same for bash and zsh.
std::string pathCases(const std::vector<Verb>& all) {
    std::string text;
    for (const Verb& verb : all) {
        for (const auto& [name, help] : verb.verbs) {
            text += "      '" + verb.path + ":" + name + "') at='" + verb.path + " " + name + "' ;;\n";
        }
    }
    return text;
}

}  // namespace

std::string bashCompletion(const CLI::App& app) {
    const std::vector<Verb> all = verbsOf(app);
    std::string text =
        "# Completion of netpas(1) for bash.\n_netpas() {\n"
        "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} at=netpas words='' i\n"
        "  for ((i = 1; i < COMP_CWORD; i++)); do\n    case \"$at:${COMP_WORDS[i]}\" in\n" +
        pathCases(all) + "    esac\n  done\n  COMPREPLY=()\n  case \"$at:$prev\" in\n";
    for (const Verb& verb : all) {
        for (const OptionWords& option : verb.options) {
            if (!option.value) continue;
            text += "    " + patternOf(option, verb.path) + ")";
            text += option.choices.empty()
                        ? " compopt -o default 2>/dev/null; return ;;\n"
                        : " COMPREPLY=($(compgen -W '" + plain(joined(option.choices)) + "' -- \"$cur\")); return ;;\n";
        }
    }
    text += "  esac\n  case \"$at\" in\n";
    for (const Verb& verb : all) {
        std::string words = joined(verb.choices);
        for (const auto& [name, help] : verb.verbs) words += (words.empty() ? "" : " ") + name;
        text += "    '" + verb.path + "')\n      words='" + plain(words) + "'\n      [[ $cur == -* ]] && words='" +
                plain(namesOf(verb)) + "'\n      ;;\n";
    }
    return text +
           "  esac\n  COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
           "  [[ -z $words ]] && compopt -o default 2>/dev/null\n}\ncomplete -F _netpas netpas\n";
}

std::string zshCompletion(const CLI::App& app) {
    const std::vector<Verb> all = verbsOf(app);
    const auto described = [](const std::string& name, const std::string& help) {
        std::string word;
        for (const char c : name) word += c == ':' ? std::string("\\:") : std::string(1, c);
        return " '" + plain(word) + ":" + plain(help) + "'";
    };
    std::string text =
        "#compdef netpas\n# Completion of netpas(1) for zsh.\n_netpas() {\n"
        "  local at=netpas word i\n  local -a verbs options\n"
        "  for ((i = 2; i < CURRENT; i++)); do\n    case \"$at:${words[i]}\" in\n" +
        pathCases(all) + "    esac\n  done\n  case \"$at:${words[CURRENT-1]}\" in\n";
    for (const Verb& verb : all) {
        for (const OptionWords& option : verb.options) {
            if (!option.value) continue;
            text += "    " + patternOf(option, verb.path) + ")";
            text += option.choices.empty() ? " _files; return ;;\n"
                                           : " compadd -- " + plain(joined(option.choices)) + "; return ;;\n";
        }
    }
    text += "  esac\n  case \"$at\" in\n";
    for (const Verb& verb : all) {
        text += "    '" + verb.path + "')\n      verbs=(" + plain(joined(verb.choices));
        for (const auto& [name, help] : verb.verbs) text += described(name, help);
        text += ")\n      options=(";
        for (const OptionWords& option : verb.options) {
            for (const std::string& name : option.names) text += described(name, option.help);
        }
        text += ")\n      ;;\n";
    }
    return text +
           "  esac\n  if [[ ${words[CURRENT]} == -* ]]; then\n    _describe -o option options\n"
           "  elif (( $#verbs )); then\n    _describe verb verbs\n  else\n    _files\n  fi\n}\n"
           "if [[ $funcstack[1] == _netpas ]]; then\n  _netpas \"$@\"\nelse\n  compdef _netpas netpas\nfi\n";
}

std::string fishCompletion(const CLI::App& app) {
    const std::vector<Verb> all = verbsOf(app);
    std::string text =
        "# Completion of netpas(1) for fish.\nfunction __netpas_path\n  set -l at netpas\n"
        "  for word in (commandline -opc)[2..-1]\n    switch \"$at:$word\"\n";
    for (const Verb& verb : all) {
        for (const auto& [name, help] : verb.verbs) {
            text += "      case '" + verb.path + ":" + name + "'\n        set at '" + verb.path + " " + name + "'\n";
        }
    }
    text += "    end\n  end\n  echo $at\nend\n";
    for (const Verb& verb : all) {
        const std::string here = "complete -c netpas -n 'test (__netpas_path) = \"" + verb.path + "\"'";
        if (!verb.verbs.empty() || !verb.choices.empty()) text += here + " -f\n";
        for (const std::string& choice : verb.choices) text += here + " -a '" + plain(choice) + "'\n";
        for (const auto& [name, help] : verb.verbs) text += here + " -a '" + name + "' -d '" + plain(help) + "'\n";
        for (const OptionWords& option : verb.options) {
            text += here;
            for (const std::string& name : option.names) {
                text += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
            }
            text += " -d '" + plain(option.help) + "'";
            if (option.value) text += option.choices.empty() ? " -r" : " -x -a '" + plain(joined(option.choices)) + "'";
            text += "\n";
        }
    }
    return text;
}

}  // namespace netpas::cli
