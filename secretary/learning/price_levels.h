// What is usually asked for a purpose: where its thresholds are expected before anything was answered.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace netpas::secretary::learning {

// Running means of log prices, overall and by purpose, of one unit. Remembers at most `capacity` purposes.
class PriceLevels {
public:
    static constexpr size_t capacity = 32;

    struct Level {
        uint64_t purpose = 0;
        double count = 0;
        double mean = 0;
    };

    void add(uint64_t purpose, double logPrice) {
        update(m_all, logPrice);
        auto found = find(purpose);
        if (found == m_purposes.end()) {
            if (m_purposes.size() >= capacity) {
                m_purposes.erase(std::min_element(m_purposes.begin(), m_purposes.end(),
                                                  [](const Level& a, const Level& b) { return a.count < b.count; }));
            }
            m_purposes.push_back({purpose, 0, 0});
            found = m_purposes.end() - 1;
        }
        update(*found, logPrice);
    }

    // The mean of the purpose, held back towards the overall mean while few prices were seen.
    [[nodiscard]] double mean(uint64_t purpose) const {
        constexpr double heldBack = 2;
        const auto found = find(purpose);
        if (found == m_purposes.end()) return m_all.mean;
        return (found->count * found->mean + heldBack * m_all.mean) / (found->count + heldBack);
    }

    [[nodiscard]] bool knows(uint64_t purpose) const { return find(purpose) != m_purposes.end(); }

    [[nodiscard]] const Level& all() const { return m_all; }
    [[nodiscard]] const std::vector<Level>& purposes() const { return m_purposes; }
    void restore(const Level& all, std::vector<Level> purposes) {
        m_all = all;
        m_purposes = std::move(purposes);
    }

private:
    static constexpr double memory = 300;  // prices

    static void update(Level& level, double logPrice) {
        level.count = std::min(level.count + 1, memory);
        level.mean += (logPrice - level.mean) / level.count;
    }
    [[nodiscard]] std::vector<Level>::const_iterator find(uint64_t purpose) const {
        return std::find_if(m_purposes.begin(), m_purposes.end(),
                            [&](const Level& level) { return level.purpose == purpose; });
    }
    [[nodiscard]] std::vector<Level>::iterator find(uint64_t purpose) {
        return std::find_if(m_purposes.begin(), m_purposes.end(),
                            [&](const Level& level) { return level.purpose == purpose; });
    }

    Level m_all;
    std::vector<Level> m_purposes;
};

}  // namespace netpas::secretary::learning
