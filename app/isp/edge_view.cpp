#include "app/isp/edge_view.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace netpas::isp {

namespace {

using nlohmann::json;

json linksOf(const EdgeView& view) {
    json out = json::array();
    for (const tun::EdgeNeighbour& neighbour : view.config.neighbours) {
        for (const tun::EdgeLink& link : neighbour.links) {
            tun::LinkCounters counters;
            const auto found = view.lifetime.links.find({neighbour.isp, link.exit});
            if (found != view.lifetime.links.end()) counters = found->second;
            out.push_back({{"isp", neighbour.isp.value()},
                           {"name", neighbour.name},
                           {"exit", link.exit.value()},
                           {"interface", link.interface},
                           {"packets", counters.packets},
                           {"bytes", counters.bytes},
                           {"own", counters.own.toString()},
                           {"downstream", counters.downstream.toString()}});
        }
    }
    return out;
}

// What was delivered to those who confirm it themselves.
json delegatedOf(const EdgeView& view) {
    json out = json::array();
    for (const auto& [link, counters] : view.lifetime.links) {
        if (link.first != view.config.isp) continue;
        out.push_back({{"counter", link.second.value()},
                       {"packets", counters.packets},
                       {"bytes", counters.bytes},
                       {"own", counters.own.toString()}});
    }
    return out;
}

json keysOf(const EdgeView& view) {
    std::vector<std::pair<SessionKeyId, tun::KeyCounters>> keys(view.now.keys.begin(), view.now.keys.end());
    std::sort(keys.begin(), keys.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    json out = json::array();
    for (const auto& [id, counters] : keys) {
        out.push_back({{"key", id.value()},
                       {"packets", counters.packets},
                       {"bytes", counters.bytes},
                       {"amount", counters.amount.toString()},
                       {"next_sequence", counters.nextSequence}});
    }
    return out;
}

json bucketsOf(const EdgeView& view) {
    json out = json::array();
    const auto add = [&out](const char* kind, const std::string& name, const tun::EdgeReport::Bucket& bucket) {
        if (bucket.limited) out.push_back({{"kind", kind}, {"name", name}, {"level", bucket.level.toString()}});
    };
    for (size_t i = 0; i < view.last.customers.size(); ++i) {
        add("customer", view.config.customers[i].name, view.last.customers[i]);
    }
    for (size_t i = 0; i < view.last.neighbours.size(); ++i) {
        add("neighbour", view.config.neighbours[i].name, view.last.neighbours[i]);
    }
    return out;
}

json investigationsOf(const EdgeView& view) {
    json out = json::array();
    for (size_t slot = 0; slot < view.investigated.size(); ++slot) {
        json isps = json::array();
        json amounts = json::array();
        tun::InvestigationCounters counters;
        if (slot < view.last.investigations.size()) counters = view.last.investigations[slot];
        for (size_t i = 0; i < view.investigated[slot].size(); ++i) {
            isps.push_back(view.investigated[slot][i].value());
            amounts.push_back(counters.amounts[i].toString());
        }
        out.push_back({{"isps", isps}, {"packets", counters.packets}, {"bytes", counters.bytes}, {"amounts", amounts}});
    }
    return out;
}

json engineOf(const EdgeView& view) {
    const tun::EngineCounters& engine = view.engine;
    json egress = json::array();
    for (const auto& one : engine.egress) {
        egress.push_back({{"to", one.name},
                          {"datagrams", one.counters.datagrams},
                          {"trains", one.counters.trains},
                          {"lost_full", one.counters.full},
                          {"lost_failed", one.counters.failed}});
    }
    return {{"datagrams_received", engine.datagramsReceived},
            {"trains_received", engine.trainsReceived},
            {"receive_errors", engine.receiveErrors},
            {"packets_to_kernel", engine.packetsDelivered},
            {"frames_to_kernel", engine.framesDelivered},
            {"frames_refused", engine.framesRefused},
            {"egress", egress}};
}

}  // namespace

std::string countersJson(const EdgeView& view) {
    json verdicts = json::object();
    json steps = json::object();
    uint64_t packets = 0;
    for (const tun::Verdict verdict : tun::allVerdicts()) {
        const uint64_t count = view.lifetime.verdicts[static_cast<size_t>(verdict)];
        verdicts[std::string(tun::verdictName(verdict))] = count;
        packets += count;
        if (tun::isAccepted(verdict)) continue;
        json& refused = steps[std::to_string(tun::stepOf(verdict))];
        refused = (refused.is_null() ? uint64_t{0} : refused.get<uint64_t>()) + count;
    }
    json ingress = json::array();
    for (const tun::EdgeNeighbour& neighbour : view.config.neighbours) {
        tun::IngressCounters counters;
        const auto found = view.lifetime.ingress.find(neighbour.isp);
        if (found != view.lifetime.ingress.end()) counters = found->second;
        ingress.push_back({{"isp", neighbour.isp.value()},
                           {"name", neighbour.name},
                           {"packets", counters.packets},
                           {"bytes", counters.bytes},
                           {"upstream", counters.upstream.toString()}});
    }
    json downstream = json::array();
    for (const auto& [isps, counter] : view.lifetime.downstream) {
        downstream.push_back({{"neighbour", isps.first.value()},
                              {"isp", isps.second.value()},
                              {"packets", counter.packets},
                              {"amount", counter.amount.toString()}});
    }
    const tun::DeliveredCounters& delivered = view.lifetime.delivered;
    const json out = {
        {"isp", view.config.isp.value()},
        {"router", view.config.router},
        {"incarnation", view.incarnation},
        {"packets", packets},
        {"verdicts", verdicts},
        {"refused_by_step", steps},
        {"ingress", ingress},
        {"links", linksOf(view)},
        {"delivered", {{"packets", delivered.packets}, {"bytes", delivered.bytes}, {"own", delivered.own.toString()}}},
        {"delegated", delegatedOf(view)},
        {"downstream", downstream},
        {"investigations", investigationsOf(view)},
        {"keys", keysOf(view)},
        {"keys_installed", view.last.keysInstalled},
        {"buckets", bucketsOf(view)},
        {"accounting",
         {{"connected", view.accountingUp},
          {"reports_sent", view.reportsSent},
          {"report_stored", view.reportStored},
          {"samples_sent", view.samplesSent},
          {"samples_waiting", view.samplesWaiting},
          {"samples_lost", view.samplesLost}}},
        {"io", engineOf(view)}};
    return out.dump();
}

}  // namespace netpas::isp
