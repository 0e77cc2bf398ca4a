#include "app/cli/rule_flags.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "app/cli/answers.h"
#include "app/cli/text.h"
#include "core/amount.h"
#include "core/when.h"

namespace netpas::cli {

using nlohmann::json;
namespace fs = std::filesystem;

namespace {

constexpr std::array<std::string_view, 7> days{"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

bool isProgram(const fs::path& path) {
    std::error_code error;
    return fs::is_regular_file(path, error) && ::access(path.c_str(), X_OK) == 0;
}

tl::expected<std::string, Problem> amountFrom(const std::string& text) {
    const auto amount = parseAmount(text);
    if (!amount) return tl::unexpected(usage("\"" + text + "\" is no amount", "write 5c, 5¢, $1.50 or 0.05"));
    return amount->toString();
}

// When a process began, in ticks since its machine did: its number alone may soon be another's.
std::optional<uint64_t> startOf(uint32_t process) {
    std::ifstream in("/proc/" + std::to_string(process) + "/stat");
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    // The second field is a name in parentheses that may hold anything.
    const size_t name = text.rfind(')');
    if (name == std::string::npos) return std::nullopt;
    std::istringstream rest(text.substr(name + 1));
    std::string field;
    constexpr int fieldsToStart = 20;
    for (int i = 0; i < fieldsToStart; ++i) rest >> field;
    uint64_t start = 0;
    std::istringstream(field) >> start;
    return start > 0 ? std::optional(start) : std::nullopt;
}

}  // namespace

std::string localZoneName() {
    if (const char* zone = std::getenv("TZ"); zone != nullptr && *zone != '\0') return *zone == ':' ? zone + 1 : zone;
    std::error_code error;
    const std::string file = fs::canonical("/etc/localtime", error).string();
    constexpr std::string_view database = "/zoneinfo/";
    const size_t at = file.find(database);
    if (error || at == std::string::npos) return "UTC";
    const std::string name = file.substr(at + database.size());
    return name == "Etc/UTC" || name == "UCT" ? "UTC" : name;
}

std::optional<json> weekdaysFrom(const std::string& text) {
    std::array<bool, days.size()> named{};
    std::istringstream parts(text);
    std::string part;
    while (std::getline(parts, part, ',')) {
        const size_t dash = part.find('-');
        const auto first = std::find(days.begin(), days.end(), part.substr(0, dash));
        const auto last =
            dash == std::string::npos ? first : std::find(days.begin(), days.end(), part.substr(dash + 1));
        if (first == days.end() || last == days.end()) return std::nullopt;
        // Over the weekend, too: fri-mon.
        for (auto day = first;; day = std::next(day) == days.end() ? days.begin() : std::next(day)) {
            named[static_cast<size_t>(day - days.begin())] = true;
            if (day == last) break;
        }
    }
    json list = json::array();
    for (size_t i = 0; i < days.size(); ++i) {
        if (named[i]) list.push_back(days[i]);
    }
    return list.empty() ? std::nullopt : std::optional(list);
}

namespace {

bool isScript(const fs::path& file) {
    std::array<char, 2> head{};
    return std::ifstream(file).read(head.data(), head.size()) && head[0] == '#' && head[1] == '!';
}

// The kernel knows a program by its file, never by the script that starts it: /usr/bin/chromium starts /usr/lib/chromium/chromium.
fs::path startedBy(const fs::path& file) {
    const fs::path name = file.filename();
    const fs::path own = file.parent_path().parent_path() / "lib" / name / name;
    return isScript(file) && isProgram(own) && !isScript(own) ? own : file;
}

}  // namespace

tl::expected<std::string, Problem> programNamed(const std::string& name) {
    std::error_code error;
    if (name.find('/') != std::string::npos || name.empty()) {
        const fs::path file = fs::canonical(name, error);
        return error ? name : file.string();
    }
    const char* const path = std::getenv("PATH");
    std::istringstream folders(path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin");
    std::string folder;
    while (std::getline(folders, folder, ':')) {
        if (!isProgram(fs::path(folder) / name)) continue;
        const fs::path file = fs::canonical(fs::path(folder) / name, error);
        if (!error) return startedBy(file).string();
    }
    return tl::unexpected(usage("there is no program " + name + " here", "name its file, such as /usr/bin/" + name));
}

void MatchFlags::addTo(CLI::App& verb) {
    verb.add_option("--purpose", purpose, "video, video-call, comic, article, …")->group("What it is about");
    verb.add_option("--payee", payee, "who is paid, 64 hexadecimal digits")->group("What it is about");
    verb.add_option("--contact", contact, "name of the payee in the contacts")->group("What it is about");
    verb.add_option("--group", group, "its group there")->group("What it is about");
    verb.add_option("--site,--domain", domain, "example.net; *.example.net is it and all below it")
        ->group("What it is about");
    verb.add_option("--app", app, "program that asks: mpv, or its file")->group("What it is about");
    verb.add_option("--user", user, "local user")->group("What it is about");
    verb.add_option("--node", node, "device behind this one; \"\" is this machine")->group("What it is about");
}

std::optional<Problem> MatchFlags::writeTo(json& match) const {
    const std::pair<const char*, const std::optional<std::string>*> texts[] = {
        {"purpose", &purpose}, {"payee", &payee}, {"contact", &contact}, {"group", &group},
        {"domain", &domain},   {"user", &user},   {"node", &node}};
    for (const auto& [name, value] : texts) {
        if (*value) match[name] = **value;
    }
    if (!app) return std::nullopt;
    const auto file = programNamed(*app);
    if (!file) return file.error();
    match["app"] = *file;
    return std::nullopt;
}

void RuleFlags::addTo(CLI::App& verb) {
    m_match.addTo(verb);
    verb.add_option("--isp", m_isp, "an ISP that is paid")->group("What it is about");
    verb.add_option("--weekdays", m_weekdays, "mon-fri or sat,sun")->group("What it is about");
    verb.add_option("--from", m_from, "from this local time, such as 18:00")->group("What it is about");
    verb.add_option("--to", m_to, "to this one; over midnight when it is earlier")->group("What it is about");
    verb.add_option("--zone", m_zone, "time zone of these times; this machine's when left out")
        ->group("What it is about");
    verb.add_option("--any", m_any, "no longer about: purpose, site, app, times, budget, …")
        ->delimiter(',')
        ->group("What it is about");
    const auto what = [&](CLI::Option* option) { option->group("What it says"); };
    what(verb.add_option("--up-to", m_upTo, "pay up to 5c, $1.50, 0.05; or always"));
    what(verb.add_option("--per", m_per, "minute or item")->check(CLI::IsMember({"minute", "item"})));
    what(verb.add_option("--above", m_above, "above that: ask or deny")->check(CLI::IsMember({"ask", "deny"})));
    what(verb.add_option("--quality", m_quality, "this service class only"));
    CLI::Option* const ask = verb.add_flag("--ask", m_ask, "ask every time");
    CLI::Option* const deny = verb.add_flag("--deny", m_deny, "never pay")->excludes(ask);
    what(ask);
    what(deny);
    what(verb.add_option("--budget", m_budget, "at most so much of it, such as $2"));
    what(verb.add_option("--every", m_every, "a day, week or month; in total when left out")
             ->check(CLI::IsMember({"day", "week", "month", "total"})));
    const auto life = [&](CLI::Option* option) { option->group("How long it lives"); };
    life(verb.add_flag("--once", m_once, "one time"));
    life(verb.add_option("--for", m_for, "90s, 10m, 2h, 1d"));
    life(verb.add_option("--until", m_until, "today, tomorrow, 18:00, 2031-01-31, \"2031-01-31 18:00\""));
    life(verb.add_option("--until-exit", m_process, "until this process ends"));
    life(verb.add_flag("--always", m_always, "until it is removed"));
    const auto more = [&](CLI::Option* option) { option->group("And"); };
    more(
        verb.add_option("--priority", m_priority, "the higher decides; -1000 to 1000")->check(CLI::Range(-1000, 1000)));
    more(verb.add_option("--note", m_note, "your own words"));
    more(verb.add_flag("--disable", m_disable, "keep it, but let it decide nothing"));
    more(verb.add_flag("--enable", m_enable, "let it decide again"));
}

bool RuleFlags::given() const {
    json nothing = json::object();
    static_cast<void>(m_match.writeTo(nothing));
    return !nothing.empty() || m_match.app || m_isp || m_upTo || m_per || m_above || m_quality || m_ask || m_deny ||
           m_budget || m_every || m_until || m_for || m_process || m_once || m_always || m_weekdays || m_from || m_to ||
           m_zone || m_priority || m_note || m_disable || m_enable || !m_any.empty();
}

std::optional<Problem> RuleFlags::writeTo(json& rule, SystemTime now) const {
    json& match = rule["match"];
    if (!match.is_object()) match = json::object();
    for (const std::string& name : m_any) {
        if (name == "budget") {
            rule.erase("budget");
        } else if (name == "quality") {
            rule["grant"].erase("quality");
        } else if (match.erase(name == "site" ? "domain" : name == "times" ? "schedule" : name) == 0) {
            return usage("the rule is not about any " + name, "--any takes purpose, site, app, times, budget, …");
        }
    }
    if (auto problem = m_match.writeTo(match)) return problem;
    if (m_isp) match["isp"] = *m_isp;
    if (auto problem = writeSchedule(match)) return problem;
    if (auto problem = writeGrant(rule["grant"])) return problem;
    if (auto problem = writeBudget(rule)) return problem;
    if (auto problem = writeLifetime(rule, now)) return problem;
    if (m_priority) rule["priority"] = *m_priority;
    if (m_note) rule["note"] = *m_note;
    if (m_disable || m_enable) rule["enabled"] = !m_disable;
    return std::nullopt;
}

std::optional<Problem> RuleFlags::writeGrant(json& grant) const {
    if (!grant.is_object()) grant = json::object();
    if (m_ask || m_deny) {
        if (m_upTo) return usage("--up-to is for what is paid", "leave out --ask and --deny");
        const json unit = at(grant, {"per"});
        grant = {{"action", m_ask ? "ask" : "deny"}};
        if (!unit.is_null()) grant["per"] = unit;
    }
    if (m_upTo) {
        grant["action"] = "allow";
        if (*m_upTo == "always") {
            grant["up_to"] = "always";
        } else {
            const auto amount = amountFrom(*m_upTo);
            if (!amount) return amount.error();
            grant["up_to"] = *amount;
        }
    }
    if (m_per) grant["per"] = *m_per;
    if (m_above) grant["above"] = *m_above;
    if (m_quality) grant["quality"] = *m_quality;
    if (grant.contains("action")) return std::nullopt;
    return usage("what should the rule say?", "add --up-to 5c --per minute, --up-to always, --ask or --deny");
}

std::optional<Problem> RuleFlags::writeBudget(json& rule) const {
    if (m_every && !m_budget && !rule.contains("budget")) return usage("--every needs --budget", "--budget $2");
    if (m_budget) {
        const auto amount = amountFrom(*m_budget);
        if (!amount) return amount.error();
        rule["budget"] = {{"amount", *amount}, {"period", "total"}};
    }
    if (m_every) rule["budget"]["period"] = *m_every;
    return std::nullopt;
}

std::optional<Problem> RuleFlags::writeLifetime(json& rule, SystemTime now) const {
    const int given =
        int{m_once} + int{m_always} + int{m_for.has_value()} + int{m_until.has_value()} + int{m_process.has_value()};
    if (given > 1) return usage("a rule ends only once", "give one of --once, --for, --until, --until-exit, --always");
    if (m_once) rule["lifetime"] = {{"kind", "once"}};
    if (m_always) rule["lifetime"] = {{"kind", "always"}};
    if (m_for) {
        const auto duration = parseDuration(*m_for);
        if (!duration) return usage("\"" + *m_for + "\" is no duration", "write 90s, 10m, 2h or 1d");
        rule["lifetime"] = {{"kind", "until"},
                            {"until", timeText(std::chrono::floor<std::chrono::seconds>(now + *duration))}};
    }
    if (m_until) {
        const auto zone = TimeZone::load(m_zone.value_or(localZoneName()));
        const auto when = parseWhen(*m_until, now, zone.value_or(TimeZone()));
        if (!when) return usage("\"" + *m_until + "\" is no time", "write today, tomorrow, 18:00 or 2031-01-31");
        rule["lifetime"] = {{"kind", "until"}, {"until", timeText(*when)}};
    }
    if (!m_process) return std::nullopt;
    const auto started = startOf(*m_process);
    if (!started) return usage("there is no process " + std::to_string(*m_process), "pidof mpv");
    rule["lifetime"] = {{"kind", "app-exit"}, {"process", *m_process}, {"started", *started}};
    std::error_code error;
    const fs::path file = fs::read_symlink("/proc/" + std::to_string(*m_process) + "/exe", error);
    if (!error && !rule["match"].contains("app")) rule["match"]["app"] = file.string();
    return std::nullopt;
}

std::optional<Problem> RuleFlags::writeSchedule(json& match) const {
    if (!m_weekdays && !m_from && !m_to) return std::nullopt;
    json& schedule = match["schedule"];
    if (!schedule.is_object()) schedule = json::object();
    if (m_weekdays) {
        const auto list = weekdaysFrom(*m_weekdays);
        if (!list) return usage("\"" + *m_weekdays + "\" are no days", "write mon-fri or sat,sun");
        schedule["weekdays"] = *list;
    }
    if (m_from) schedule["from"] = *m_from;
    if (m_to) schedule["to"] = *m_to;
    if (m_zone || !schedule.contains("zone")) schedule["zone"] = m_zone.value_or(localZoneName());
    return std::nullopt;
}

}  // namespace netpas::cli
