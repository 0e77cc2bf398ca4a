#include "core/ledger/types.h"

namespace netpas::ledger {

std::string_view describe(PurchaseState state) {
    switch (state) {
    case PurchaseState::Requested: return "requested";
    case PurchaseState::Reserved: return "reserved";
    case PurchaseState::KeyReady: return "key ready";
    case PurchaseState::Published: return "published";
    case PurchaseState::Active: return "active";
    case PurchaseState::Stopping: return "stopping";
    case PurchaseState::Settling: return "settling";
    case PurchaseState::Settled: return "settled";
    case PurchaseState::Refused: return "refused";
    }
    return "unknown";
}

std::string_view describe(EndReason reason) {
    switch (reason) {
    case EndReason::None: return "";
    case EndReason::StoppedByUser: return "stopped";
    case EndReason::CapReached: return "cap reached";
    case EndReason::DurationOver: return "duration over";
    case EndReason::AgentStopped: return "agent stopped";
    case EndReason::AgentRestarted: return "agent restarted";
    case EndReason::RefusedByIsp: return "refused by the ISP";
    case EndReason::IspUnreachable: return "ISP unreachable";
    case EndReason::PlaneFailed: return "data plane failed";
    case EndReason::CaptureFailed: return "capture failed";
    case EndReason::RefusedBySecretary: return "refused by the secretary";
    case EndReason::NoOffer: return "no offer";
    case EndReason::KeyExpired: return "key expired";
    case EndReason::Locked: return "locked";
    case EndReason::Paused: return "spending paused";
    case EndReason::AgentLost: return "agent lost";
    case EndReason::Alarm: return "alarm";
    case EndReason::PaymentPosted: return "paid";
    case EndReason::PaymentExpired: return "payment expired";
    case EndReason::PaymentCancelled: return "payment cancelled";
    case EndReason::PaymentRefused: return "payment refused";
    case EndReason::NotDelivered: return "not delivered";
    }
    return "unknown";
}

std::optional<PurchaseState> purchaseStateFromNumber(int64_t number) {
    if (number < static_cast<int64_t>(PurchaseState::Requested) ||
        number > static_cast<int64_t>(PurchaseState::Refused)) {
        return std::nullopt;
    }
    return static_cast<PurchaseState>(number);
}

std::optional<EndReason> endReasonFromNumber(int64_t number) {
    if (number < static_cast<int64_t>(EndReason::None) || number > static_cast<int64_t>(EndReason::NotDelivered)) {
        return std::nullopt;
    }
    return static_cast<EndReason>(number);
}

int64_t numberOf(PriceUnit unit) {
    switch (unit) {
    case PriceUnit::Minute: return 1;
    case PriceUnit::Item: return 2;
    }
    return 0;
}

std::optional<PriceUnit> priceUnitFromNumber(int64_t number) {
    for (const PriceUnit unit : {PriceUnit::Minute, PriceUnit::Item}) {
        if (numberOf(unit) == number) return unit;
    }
    return std::nullopt;
}

bool mayFollow(PurchaseState from, PurchaseState to) {
    switch (from) {
    case PurchaseState::Requested: return to == PurchaseState::Reserved || to == PurchaseState::Refused;
    case PurchaseState::Reserved:
        return to == PurchaseState::KeyReady || to == PurchaseState::Stopping || to == PurchaseState::Settling ||
               to == PurchaseState::Settled;
    case PurchaseState::KeyReady:
        return to == PurchaseState::Published || to == PurchaseState::Stopping || to == PurchaseState::Settling;
    case PurchaseState::Published:
        return to == PurchaseState::Active || to == PurchaseState::Stopping || to == PurchaseState::Settling;
    case PurchaseState::Active: return to == PurchaseState::Stopping || to == PurchaseState::Settling;
    case PurchaseState::Stopping: return to == PurchaseState::Settling || to == PurchaseState::Settled;
    case PurchaseState::Settling: return to == PurchaseState::Settled;
    case PurchaseState::Settled:
    case PurchaseState::Refused: return false;
    }
    return false;
}

}  // namespace netpas::ledger
