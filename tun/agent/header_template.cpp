#include "tun/agent/header_template.h"

#include <algorithm>

namespace netpas::tun {

namespace {

Money chargeOf(const AgentHop& hop, HopCharge charge) {
    if (!hop.guarantee || charge == HopCharge::None) return Money::zero();
    const Money setUp = charge == HopCharge::First ? hop.guarantee->setUp : Money::zero();
    return checkedAdd(hop.guarantee->perMinute, setUp).value_or(Money::max());
}

}  // namespace

std::optional<AccountingHeader> priceHeader(std::span<const AgentHop> path, uint32_t innerLength, uint16_t minute,
                                            const HopCharges& charges) {
    if (path.empty() || path.size() > AccountingHeader::maxHops) return std::nullopt;
    std::array<HopBlock, AccountingHeader::maxHops> blocks;
    Money downstream;
    for (size_t i = path.size(); i-- > 0;) {
        const AgentHop& hop = path[i];
        const auto cost =
            checkedAdd(hop.prices.modelAt(minute).cost(innerLength, downstream), chargeOf(hop, charges[i]));
        const auto price = cost ? PriceCode::roundUp(*cost) : tl::unexpected(cost.error());
        if (!price) return std::nullopt;
        const bool last = i + 1 == path.size();
        blocks[i] = {hop.isp, hop.service, *price, last ? ExitPoint(0) : hop.exit};
        downstream = Money::fromEighths(downstream.eighths() + price->value().eighths());  // at most 16 times $4
    }
    const auto header = AccountingHeader::make(std::span(blocks).first(path.size()));
    if (!header) return std::nullopt;
    return *header;
}

HeaderTemplates::HeaderTemplates(std::span<const AgentHop> path)
    : m_path(path),
      m_headerSize(AccountingHeader::paddedSize(path.size())),
      m_timed(std::any_of(path.begin(), path.end(), [](const AgentHop& hop) { return !hop.prices.periods.empty(); })) {}

void HeaderTemplates::make(HeaderTemplate& entry, uint16_t innerLength, uint16_t minute) noexcept {
    entry.made = true;
    entry.innerLength = innerLength;
    entry.minute = minute;
    const auto header = priceHeader(m_path, innerLength, minute);
    entry.payable = header && header->encode(entry.bytes) == m_headerSize;
    entry.total = entry.payable ? header->total() : Money::zero();
}

}  // namespace netpas::tun
