#include "app/isp/edge_accounting.h"

#include <algorithm>
#include <map>

#include "core/bytes.h"

namespace netpas::isp {

namespace {

Money sum(Money a, Money b) { return Money::fromEighths(a.eighths() + b.eighths()); }

void fillAggregates(const tun::EdgeTotals& totals, IspId own, std::vector<accounting::EdgeReport>& reports) {
    std::vector<accounting::LinkCounters> links;
    for (const auto& [link, counters] : totals.links) {
        links.push_back({link.first, link.second, counters.packets, counters.bytes, counters.own, counters.downstream});
    }
    links.push_back(
        {own, ExitPoint(0), totals.delivered.packets, totals.delivered.bytes, totals.delivered.own, Money::zero()});

    std::map<IspId, Money> byIsp;
    for (const auto& [isps, counter] : totals.downstream) byIsp[isps.second] = sum(byIsp[isps.second], counter.amount);
    std::vector<accounting::IspAmount> downstream;
    for (const auto& [isp, amount] : byIsp) downstream.push_back({isp, amount});

    std::vector<accounting::IspAmount> upstream;
    for (const auto& [isp, counters] : totals.ingress) upstream.push_back({isp, counters.upstream});
    upstream.push_back({own, totals.delivered.own});

    const auto deal = [&reports](const auto& all, size_t limit, auto member) {
        for (size_t at = 0, report = 0; at < all.size(); at += limit, ++report) {
            if (report == reports.size()) reports.emplace_back();
            const auto end = all.begin() + static_cast<std::ptrdiff_t>(std::min(all.size(), at + limit));
            (reports[report].*member).assign(all.begin() + static_cast<std::ptrdiff_t>(at), end);
        }
    };
    deal(links, accounting::maxReportLinks, &accounting::EdgeReport::links);
    deal(downstream, accounting::maxReportIsps, &accounting::EdgeReport::downstream);
    deal(upstream, accounting::maxReportIsps, &accounting::EdgeReport::upstream);
    for (const tun::Verdict verdict : tun::allVerdicts()) {
        const uint64_t packets = totals.verdicts[static_cast<size_t>(verdict)];
        if (packets != 0) reports[0].verdicts.push_back({std::string(tun::verdictName(verdict)), packets});
    }
}

}  // namespace

accounting::KeyCounters toMessage(SessionKeyId id, const tun::KeyCounters& counters) {
    return {id, counters.packets, counters.bytes, counters.amount, counters.nextSequence};
}

std::vector<accounting::EdgeReport> makeReports(const tun::EdgeTotals& totals, IspId own,
                                                std::span<const SessionKeyId> keys, SystemTime now) {
    static_assert(tun::verdictCount <= accounting::maxReportVerdicts);
    std::vector<accounting::EdgeReport> reports(1);
    fillAggregates(totals, own, reports);
    size_t report = 0;
    for (const SessionKeyId id : keys) {
        const auto found = totals.keys.find(id);
        if (found == totals.keys.end()) continue;
        if (reports[report].keys.size() == accounting::maxReportKeys) {
            if (++report == reports.size()) reports.emplace_back();
        }
        reports[report].keys.push_back(toMessage(id, found->second));
    }
    for (accounting::EdgeReport& one : reports) one.time = now;
    return reports;
}

std::vector<accounting::EdgeSample> toMessages(const tun::EdgeSample& sample, Money threshold, RandomSource& random) {
    std::vector<accounting::EdgeSample> messages;
    const auto header = AccountingHeader::decode(sample.header());
    if (!header) return messages;  // the processor has validated it
    for (uint32_t pick = 0; pick < sample.picks; ++pick) {
        accounting::EdgeSample message;
        store64(message.id.data(), random.below(UINT64_MAX));
        store64(message.id.data() + 8, random.below(UINT64_MAX));
        message.beneficiary = sample.beneficiary;
        message.amount = threshold;
        message.header = *header;
        std::copy(sample.inner().begin(), sample.inner().end(), message.excerpt.begin());
        messages.push_back(std::move(message));
    }
    return messages;
}

}  // namespace netpas::isp
