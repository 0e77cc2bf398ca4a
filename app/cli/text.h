// Text for people: tables, amounts, durations, suggestions, progress. No network.
#pragma once

#include <atomic>
#include <chrono>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace netpas::cli {

// Text of other parties with everything replaced that a terminal would act on (C0, DEL, C1): an ISP's words stay words.
[[nodiscard]] std::string harmless(std::string_view text);

// Columns wide enough for their longest cell; the first row is the heading.
[[nodiscard]] std::string table(const std::vector<std::vector<std::string>>& rows);

// "90s", "10m", "2h", "1d" or plain seconds.
[[nodiscard]] std::optional<std::chrono::seconds> parseDuration(std::string_view text);
[[nodiscard]] std::string durationText(std::chrono::seconds duration);

// "$0.05" from "0.05"; "-" from null.
[[nodiscard]] std::string dollars(const nlohmann::json& amount);

// The known word that was probably meant; nothing when none is near.
[[nodiscard]] std::optional<std::string> suggestion(std::string_view word, std::span<const std::string_view> known);

// While it lives, a terminal's standard error shows that something is going on. Elsewhere it is silent.
class Progress {
public:
    explicit Progress(std::string what);
    ~Progress();
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;
    // From any thread.
    void now(std::string what);

private:
    std::mutex m_mutex;
    std::string m_what;
    std::atomic<bool> m_done{false};
    std::thread m_thread;
};

}  // namespace netpas::cli
