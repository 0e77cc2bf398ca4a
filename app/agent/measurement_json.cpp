#include "app/agent/measurement_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace netpas::agent {

using nlohmann::json;

namespace {

constexpr double milliseconds = 1000;
constexpr double megabits = 1e-6;

json classesJson(const std::vector<measure::ClassOn>& classes) {
    json list = json::array();
    for (const measure::ClassOn& bought : classes)
        list.push_back({{"isp", bought.isp.value()}, {"class", bought.service.value()}});
    return list;
}

json probeJson(const measure::ProbeReport& report, const Measured& all) {
    json out{{"source", "stamp"},
             {"isp", report.route.isp.value()},
             {"reflector", report.route.reflector.toString()},
             {"classes", classesJson(report.route.classes)},
             {"round_trip_ms", estimateJson(report.roundTrip, milliseconds, all.now)},
             {"loss", estimateJson(report.loss, 1, all.now)},
             {"loss_there", estimateJson(report.lossThere, 1, all.now)},
             {"loss_back", estimateJson(report.lossBack, 1, all.now)},
             {"sent", report.tally.sent},
             {"answered", report.tally.answered},
             {"impossible", report.tally.impossible},
             {"problem", report.trouble}};
    const auto before = all.before.find(report.route);
    if (before == all.before.end()) return out;
    const auto near = std::find_if(all.probes.begin(), all.probes.end(),
                                   [&](const measure::ProbeReport& one) { return one.route == before->second; });
    if (near == all.probes.end()) return out;
    out["segment"] = {
        {"from_isp", near->route.isp.value()},
        {"round_trip_ms",
         estimateJson(measure::latencyBetween(near->roundTrip, report.roundTrip), milliseconds, all.now)},
        {"loss_there", estimateJson(measure::lossBetween(near->lossThere, report.lossThere), 1, all.now)}};
    return out;
}

}  // namespace

json estimateJson(const measure::Estimate& estimate, double scale, SteadyTime now) {
    const auto age = estimate.age(now);
    if (!age) return {{"grade", name(estimate.grade)}};
    return {{"grade", name(estimate.grade)}, {"value", estimate.value * scale},
            {"low", estimate.low * scale},   {"high", estimate.high * scale},
            {"samples", estimate.samples},   {"age_s", std::chrono::duration<double>(*age).count()}};
}

json arrivalsJson(const std::deque<measure::Arrivals::Rate>& rates, SteadyTime now) {
    json list = json::array();
    for (const measure::Arrivals::Rate& rate : rates) {
        list.push_back(
            {{"age_s", std::chrono::duration<double>(now - rate.at).count()}, {"mbit", rate.bitPerSecond * megabits}});
    }
    return list;
}

json measurementsJson(const Measured& measured, const std::optional<IpAddress>& destination,
                      const std::set<IspId>& onTheWay) {
    json list = json::array();
    for (const measure::ProbeReport& report : measured.probes) {
        if (!destination ||
            (onTheWay.contains(report.route.isp) && report.route.reflector.address.isV6() == destination->isV6()))
            list.push_back(probeJson(report, measured));
    }
    for (const measure::PassiveReport& report : measured.passive) {
        if (destination && report.subject.destination != *destination) continue;
        list.push_back({{"source", "tcp"},
                        {"destination", report.subject.destination.toString()},
                        {"classes", classesJson(report.subject.classes)},
                        {"round_trip_ms", estimateJson(report.roundTrip, milliseconds, measured.now)},
                        {"loss_there", estimateJson(report.lossThere, 1, measured.now)},
                        {"rate_mbit", estimateJson(report.rate, megabits, measured.now)}});
    }
    return {{"measurements", std::move(list)}, {"test_packets", measured.packetsSent}};
}

}  // namespace netpas::agent
