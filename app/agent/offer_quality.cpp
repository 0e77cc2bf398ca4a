#include "app/agent/offer_quality.h"

#include <nlohmann/json.hpp>
#include <string>

namespace netpas::agent {

using nlohmann::json;

namespace {

std::string gradeOf(const json& measured, const char* what) {
    const auto found = measured.find(what);
    return found != measured.end() && found->is_object() ? found->value("grade", "unknown") : "unknown";
}

bool isKnown(const json& measured) {
    return gradeOf(measured, "round_trip_ms") != "unknown" || gradeOf(measured, "loss_there") != "unknown";
}

bool isFact(const json& measured) {
    return gradeOf(measured, "round_trip_ms") == "good" && gradeOf(measured, "loss_there") == "good";
}

// To this ISP, with exactly these classes bought on the way.
const json* find(const json& measurements, const json& isp, const json& classes) {
    const auto list = measurements.find("measurements");
    if (list == measurements.end()) return nullptr;
    for (const json& one : *list) {
        if (one.value("source", "") != "stamp" || one.value("isp", json()) != isp) continue;
        if (one.value("classes", json()) == classes && isKnown(one)) return &one;
    }
    return nullptr;
}

}  // namespace

void addMeasuredQuality(json& offers, const json& measurements) {
    const auto list = offers.find("offers");
    if (list == offers.end()) return;
    json last;  // the ISP that the ways lead to
    for (const json& offer : *list) {
        if (const auto path = offer.find("path"); path != offer.end() && !path->empty()) last = path->back()["isp"];
    }
    for (json& offer : *list) {
        json classes = json::array();
        for (const json& hop : offer.value("path", json::array()))
            classes.push_back({{"isp", hop["isp"]}, {"class", hop["class"]}});
        const json* const measured = find(measurements, last, classes);
        offer["measured"] = nullptr;
        if (measured == nullptr) continue;
        offer["measured"] = {{"to_isp", last},
                             {"round_trip_ms", measured->value("round_trip_ms", json())},
                             {"loss_there", measured->value("loss_there", json())}};
        const std::string promised = classes.empty() ? "" : "promised; ";
        offer["quality_is"] = promised + (isFact(*measured) ? "measured" : "measured a little: not yet a fact");
    }
}

}  // namespace netpas::agent
