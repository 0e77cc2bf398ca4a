// What `netpas status --watch` shows of the events that it heard. No network, no terminal.
#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "core/money.h"

namespace netpas::cli {

class WatchView {
public:
    using Time = std::chrono::steady_clock::time_point;

    // One event of GET /v1/watch.
    void take(const nlohmann::json& event, Time now);
    // The answer of GET /v1/measurements.
    void takeMeasurements(const nlohmann::json& body);
    void forget();
    [[nodiscard]] bool anyRuns() const { return !m_purchases.empty(); }
    // Some lines, each with its end.
    [[nodiscard]] std::string text() const;
    // What a purchase spends a minute, of the last few seconds; nothing before there are two sums to compare.
    [[nodiscard]] std::optional<Money> perMinute(const std::string& id) const;

private:
    void note(const nlohmann::json& purchase, Time now);
    [[nodiscard]] std::string quality(const nlohmann::json& purchase) const;

    nlohmann::json m_status, m_trouble;
    std::map<std::string, nlohmann::json> m_purchases;                  // by id
    std::map<std::string, std::deque<std::pair<Time, Money>>> m_spent;  // what was sent, the oldest first
    nlohmann::json m_measurements = nlohmann::json::array();
};

}  // namespace netpas::cli
