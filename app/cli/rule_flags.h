// Rules from flags of the command line, as the JSON of the API.
#pragma once

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

#include "app/cli/client.h"
#include "core/time_zone.h"

namespace netpas::cli {

// What a rule names, and a request has: purpose, group, site, app, …
struct MatchFlags {
    std::optional<std::string> purpose, payee, contact, group, domain, app, user, node;
    void addTo(CLI::App& verb);
    // Programs are found in PATH.
    [[nodiscard]] std::optional<Problem> writeTo(nlohmann::json& match) const;
};

class RuleFlags {
public:
    void addTo(CLI::App& verb);
    [[nodiscard]] bool given() const;
    // Changes what was given, in a new rule or one that is there.
    [[nodiscard]] std::optional<Problem> writeTo(nlohmann::json& rule, SystemTime now) const;

private:
    [[nodiscard]] std::optional<Problem> writeGrant(nlohmann::json& grant) const;
    [[nodiscard]] std::optional<Problem> writeBudget(nlohmann::json& rule) const;
    [[nodiscard]] std::optional<Problem> writeLifetime(nlohmann::json& rule, SystemTime now) const;
    [[nodiscard]] std::optional<Problem> writeSchedule(nlohmann::json& match) const;

    MatchFlags m_match;
    std::optional<uint16_t> m_isp;
    std::optional<std::string> m_upTo, m_per, m_above, m_quality;
    bool m_ask = false, m_deny = false;
    std::optional<std::string> m_budget, m_every;
    std::optional<std::string> m_until, m_for;
    std::optional<uint32_t> m_process;
    bool m_once = false, m_always = false;
    std::optional<std::string> m_weekdays, m_from, m_to, m_zone;
    std::optional<int32_t> m_priority;
    std::optional<std::string> m_note;
    bool m_disable = false, m_enable = false;
    std::vector<std::string> m_any;
};

// The file that the agent will name for it; a path stays one.
[[nodiscard]] tl::expected<std::string, Problem> programNamed(const std::string& name);
// This machine's, such as "Europe/Berlin"; "UTC" when it cannot be told.
[[nodiscard]] std::string localZoneName();
// "mon-fri", "sat,sun", "fri-mon" as ["mon", …]; nothing when it makes no sense.
[[nodiscard]] std::optional<nlohmann::json> weekdaysFrom(const std::string& text);

}  // namespace netpas::cli
