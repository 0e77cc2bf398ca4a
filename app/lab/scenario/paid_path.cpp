#include "app/lab/scenario/paid_path.h"

namespace netpas::lab {
namespace {

// Amounts of a lab stay far below the type's range; a captured header that would leave it is no payment.
Money plus(Money a, Money b) { return checkedAdd(a, b).value_or(Money::max()); }
Money toMoney(uint64_t eighths) { return Money::fromEighths(static_cast<int64_t>(eighths)); }

}  // namespace

void LinkTally::add(const PaidPacket& packet) {
    ++packets;
    ++headerBytes[packet.headerBytes];
    ++kinds[packet.kind];
    for (const PaidHop& hop : packet.hops) {
        const Money payment = toMoney(hop.priceEighths);
        total = plus(total, payment);
        Money& sum = perIsp[hop.isp];
        sum = plus(sum, payment);
        auto& runs = payments[hop.isp];
        if (runs.empty() || runs.back().payment != payment) runs.push_back({payment, 0});
        ++runs.back().count;
    }
}

void LinkTally::merge(const LinkTally& other) {
    packets += other.packets;
    unreadable += other.unreadable;
    total = plus(total, other.total);
    for (const auto& [isp, amount] : other.perIsp) perIsp[isp] = plus(perIsp[isp], amount);
    for (const auto& [isp, runs] : other.payments) payments[isp].insert(payments[isp].end(), runs.begin(), runs.end());
    for (const auto& [size, count] : other.headerBytes) headerBytes[size] += count;
    for (const auto& [kind, count] : other.kinds) kinds[kind] += count;
    capture.packets += other.capture.packets;
    capture.lost += other.capture.lost;
    capture.malformed += other.capture.malformed;
}

Expected<std::unique_ptr<LinkWatch>> LinkWatch::start(Lab& lab, size_t linkIndex, const std::string& from,
                                                      bool atFarEnd) {
    const auto& ends = lab.plan().links[linkIndex];
    const size_t fromSide = ends[0].node == from ? 0 : 1;
    const InterfacePlan& end = ends[atFarEnd ? 1 - fromSide : fromSide];
    const PacketDirection wanted = atFarEnd ? PacketDirection::Incoming : PacketDirection::Outgoing;
    auto watch = std::make_unique<LinkWatch>();
    LinkTally& tally = watch->m_tally;
    auto capture = LinkCapture::start(lab.netns(end.node), end.name, CaptureFilter::NetpasData,
                                      [&tally, wanted](const CapturedPacket& packet) {
                                          if (packet.direction != wanted) return;
                                          if (const auto paid = readPaidPacket(packet.frame)) {
                                              tally.add(*paid);
                                          } else {
                                              ++tally.unreadable;
                                          }
                                      });
    if (!capture) return tl::unexpected(capture.error());
    watch->m_capture = std::move(*capture);
    return watch;
}

LinkTally LinkWatch::stop() {
    m_tally.capture = m_capture->stop();
    return m_tally;
}

Expected<std::vector<PathStep>> watchPath(Lab& lab, const std::string& host, const std::string& target) {
    const Topology& topology = lab.topology();
    const IspPath path = lab.plan().ispPath(topology, topology.attachment(host), topology.attachment(target));
    std::vector<PathStep> steps;
    for (size_t hop = 0; hop < path.size(); ++hop) {
        PathStep step;
        step.from = hop == 0 ? host : path[hop - 1];
        step.to = path[hop];
        for (size_t i = 0; i < topology.links.size(); ++i) {
            for (size_t side = 0; side < 2; ++side) {
                const std::string& near = topology.links[i].between[side];
                const IspSpec* owner = topology.ispOfRouter(near);
                const IspSpec* next = topology.ispOfRouter(topology.links[i].between[1 - side]);
                const bool fromHere = hop == 0 ? near == host : owner != nullptr && owner->name == step.from;
                if (!fromHere || next == nullptr || next->name != step.to) continue;
                auto watch = LinkWatch::start(lab, i, near, hop != 0);
                if (!watch) return tl::unexpected(watch.error());
                step.watches.push_back(std::move(*watch));
            }
        }
        steps.push_back(std::move(step));
    }
    return steps;
}

LinkTally stopStep(PathStep& step) {
    LinkTally all;
    for (const auto& watch : step.watches) all.merge(watch->stop());
    return all;
}

}  // namespace netpas::lab
