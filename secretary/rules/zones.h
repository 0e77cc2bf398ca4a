// Time zones by name, read once. One thread.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "core/time_zone.h"

namespace netpas::secretary::rules {

class Zones {
public:
    // Null: this machine does not know it. What was found stays where it is.
    [[nodiscard]] const TimeZone* find(const std::string& name) {
        constexpr size_t most = 1024;  // there are some 600 names
        const auto known = m_zones.find(name);
        if (known != m_zones.end()) return known->second.get();
        auto zone = TimeZone::load(name);
        if (!zone || m_zones.size() >= most) return nullptr;
        return m_zones.emplace(name, std::make_unique<TimeZone>(std::move(*zone))).first->second.get();
    }

private:
    std::map<std::string, std::unique_ptr<TimeZone>> m_zones;
};

}  // namespace netpas::secretary::rules
