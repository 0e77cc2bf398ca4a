// netpas log, bugreport, completion, help.
#include <fcntl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <fstream>
#include <map>
#include <memory>
#include <regex>
#include <set>

#include "app/cli/answers.h"
#include "app/cli/completion.h"
#include "app/cli/text.h"
#include "app/cli/topics.h"
#include "app/cli/words.h"

namespace netpas::cli {

using nlohmann::json;

namespace {

struct Given {
    int lines = 100;
    bool follow = false;
    std::string file;
    std::string shell;
    std::vector<std::string> words;
};

// The log is the system's: who may read it is decided there.
Exit log(Output output, const Given& given) {
    if (::access("/run/systemd/system", F_OK) != 0) {
        return report(
            {Exit::Failed, "LOCAL_FAILURE", "this system has no journal; netpasd writes its log to standard error",
             "look where the one who starts netpasd sends that"},
            output);
    }
    const std::string lines = std::to_string(given.lines);
    std::vector<const char*> command{"journalctl", "--unit=netpasd", "--no-pager", "--lines", lines.c_str()};
    if (given.follow) command.push_back("--follow");
    if (output.json) command.push_back("--output=json");
    command.push_back(nullptr);
    std::fflush(stdout);
    ::execvp(command[0], const_cast<char* const*>(command.data()));
    return report({Exit::Failed, "LOCAL_FAILURE", std::string("journalctl cannot be run: ") + std::strerror(errno),
                   "install systemd, or look where netpasd writes its log"},
                  output);
}

// Who and where, taken out; the same thing keeps the same stand-in, so that a report can still be read.
class Redaction {
public:
    json operator()(const json& value, const std::string& name = {}) {
        static const std::set<std::string> personal{
            "payee", "domain", "contact",  "purpose", "note",     "label",       "app",     "node",        "user",
            "flow",  "group",  "customer", "name",    "reserved", "spent_today", "per_day", "per_purchase"};
        if (value.is_object()) {
            json object = json::object();
            for (const auto& [key, member] : value.items()) object[key] = (*this)(member, key);
            return object;
        }
        if (value.is_array()) {
            json list = json::array();
            for (const json& member : value) list.push_back((*this)(member, name));
            return list;
        }
        if (!value.is_string()) return value;
        const auto text = value.get<std::string>();
        if (personal.contains(name) && !text.empty()) return "(left out)";
        return redacted(text);
    }

private:
    std::string redacted(const std::string& text) {
        static const std::regex secret(
            R"((?:[0-9a-fA-F]{16,})|(?:\d{1,3}(?:\.\d{1,3}){3})|(?:[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){2,7}))");
        std::string out;
        auto from = text.begin();
        for (std::sregex_iterator match(text.begin(), text.end(), secret), none; match != none; ++match) {
            const std::string found = match->str();
            const auto start = text.begin() + match->position();
            out.append(from, start);
            // "12:34:56" is a time.
            const bool time = found.find(':') != std::string::npos && found.size() <= 8 &&
                              found.find("::") == std::string::npos &&
                              found.find_first_not_of("0123456789:") == std::string::npos;
            out += time ? found : standIn(found);
            from = start + match->length();
        }
        return out.append(from, text.end());
    }
    std::string standIn(const std::string& what) {
        const bool address = what.find_first_of(".:") != std::string::npos;
        auto& known = address ? m_addresses : m_keys;
        const auto number = known.emplace(what, known.size() + 1).first->second;
        return (address ? "address-" : "key-") + std::to_string(number);
    }
    std::map<std::string, size_t> m_addresses, m_keys;
};

json systemJson() {
    json system = json::object();
    utsname kernel{};
    if (::uname(&kernel) == 0) {
        system["kernel"] = std::string(kernel.sysname) + " " + kernel.release;
        system["machine"] = kernel.machine;
    }
    std::ifstream release("/etc/os-release");
    for (std::string line; std::getline(release, line);) {
        constexpr std::string_view key = "PRETTY_NAME=";
        if (line.starts_with(key)) system["distribution"] = line.substr(key.size());
    }
    return system;
}

// What an answer says, or why there is none.
json answerOf(const Client& client, const std::string& target) {
    const auto answer = client.call("GET", target);
    if (answer) return answer->body;
    return {{"error", {{"code", answer.error().code}, {"message", answer.error().message}}}};
}

std::string timeName() {
    const std::time_t now = std::time(nullptr);
    std::tm utc{};
    ::gmtime_r(&now, &utc);
    std::array<char, 32> text{};
    std::strftime(text.data(), text.size(), "%Y%m%d-%H%M%S", &utc);
    return text.data();
}

// Never over what is there.
bool writeNew(const std::string& path, const std::string& text) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return false;
    size_t done = 0;
    while (done < text.size()) {
        const ssize_t wrote = ::write(fd, text.data() + done, text.size() - done);
        if (wrote < 0 && errno != EINTR) break;
        if (wrote > 0) done += static_cast<size_t>(wrote);
    }
    const bool whole = ::close(fd) == 0 && done == text.size();
    if (!whole) ::unlink(path.c_str());
    return whole;
}

Exit bugReport(const Client& client, Output output, const Given& given) {
    json all{{"program", "netpas"}, {"version", NETPAS_VERSION}, {"made", timeName()}, {"system", systemJson()}};
    for (const char* const part : {"status", "doctor", "mode", "deliveries", "purchases"}) {
        all[part] = answerOf(client, std::string("/v1/") + part);
    }
    Redaction redaction;
    const json body = redaction(all);
    if (output.json) return printJson(body), Exit::Ok;
    const std::string path = given.file.empty() ? "netpas-bugreport-" + timeName() + ".json" : given.file;
    if (!writeNew(path, body.dump(2) + "\n")) {
        return report({Exit::Failed, "LOCAL_FAILURE", path + " cannot be written: " + std::strerror(errno),
                       "netpas bugreport ANOTHER-FILE"},
                      output);
    }
    print(path + " is written. Addresses, keys, names and sums are left out; read it before you pass it on.\n");
    return Exit::Ok;
}

Exit completion(const CLI::App& app, const Given& given) {
    if (given.shell == "bash") print(bashCompletion(app));
    if (given.shell == "zsh") print(zshCompletion(app));
    if (given.shell == "fish") print(fishCompletion(app));
    return Exit::Ok;
}

}  // namespace

void addCareVerbs(CLI::App& app, Action& chosen) {
    const auto given = std::make_shared<Given>();
    CLI::App* const logVerb = addVerb(app, chosen, "log", "what netpasd has written to the system's journal",
                                      [given](const Client&, Output o) { return log(o, *given); });
    logVerb->add_option("-n,--lines", given->lines, "the last so many lines")
        ->check(CLI::Range(1, 100000))
        ->capture_default_str();
    logVerb->add_flag("-f,--follow", given->follow, "and what comes, until you interrupt it");
    addVerb(app, chosen, "bugreport", "a file for whoever mends this, without addresses, keys, names and sums",
            [given](const Client& c, Output o) { return bugReport(c, o, *given); })
        ->add_option("file", given->file, "to write; netpas-bugreport-TIME.json when left out");
    addVerb(app, chosen, "completion", "a completion script for your shell",
            [given, &app](const Client&, Output) { return completion(app, *given); })
        ->add_option("shell", given->shell, "bash, zsh or fish")
        ->required()
        ->check(CLI::IsMember({"bash", "zsh", "fish"}));
    addVerb(app, chosen, "help", "what a verb does and takes", [given, &app](const Client&, Output output) {
        const auto text = helpFor(app, given->words);
        if (!text) return report(text.error(), output);
        print(*text);
        return Exit::Ok;
    })->add_option("verb", given->words, "for example rules add");
}

}  // namespace netpas::cli
