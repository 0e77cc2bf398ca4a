#include "tun/edge/verdict.h"

namespace netpas::tun {

std::string_view verdictName(Verdict verdict) {
    switch (verdict) {
    case Verdict::Forwarded: return "forwarded";
    case Verdict::HandedOver: return "handed_over";
    case Verdict::Delivered: return "delivered";
    case Verdict::DeliveredWithHeader: return "delivered_with_header";
    case Verdict::UnknownSource: return "unknown_source";
    case Verdict::WrongNeighbour: return "wrong_neighbour";
    case Verdict::WrongKind: return "wrong_kind";
    case Verdict::MalformedShim: return "malformed_shim";
    case Verdict::MalformedHeader: return "malformed_header";
    case Verdict::MalformedInner: return "malformed_inner";
    case Verdict::NotForThisIsp: return "not_for_this_isp";
    case Verdict::WrongPosition: return "wrong_position";
    case Verdict::UnknownKey: return "unknown_key";
    case Verdict::OtherLine: return "other_line";
    case Verdict::BadTag: return "bad_tag";
    case Verdict::ExpiredKey: return "expired_key";
    case Verdict::Stale: return "stale";
    case Verdict::Replayed: return "replayed";
    case Verdict::BurstExceeded: return "burst_exceeded";
    case Verdict::IspNotAllowed: return "isp_not_allowed";
    case Verdict::KeyCapReached: return "key_cap_reached";
    case Verdict::KeyRateReached: return "key_rate_reached";
    case Verdict::Blacklisted: return "blacklisted";
    case Verdict::RateLimited: return "rate_limited";
    case Verdict::UnknownClass: return "unknown_class";
    case Verdict::NoRoute: return "no_route";
    case Verdict::UnknownExit: return "unknown_exit";
    case Verdict::DestinationNotOurs: return "destination_not_ours";
    case Verdict::TtlExpired: return "ttl_expired";
    case Verdict::Underpaid: return "underpaid";
    case Verdict::UnderpaidBestEffort: return "underpaid_best_effort";
    case Verdict::NotReserved: return "not_reserved";
    case Verdict::NotReservedBestEffort: return "not_reserved_best_effort";
    }
    return "unknown";
}

int stepOf(Verdict verdict) {
    switch (verdict) {
    case Verdict::Forwarded:
    case Verdict::HandedOver:
    case Verdict::Delivered:
    case Verdict::DeliveredWithHeader: return 8;
    case Verdict::UnknownSource:
    case Verdict::WrongNeighbour:
    case Verdict::WrongKind:
    case Verdict::MalformedShim:
    case Verdict::MalformedHeader:
    case Verdict::MalformedInner:
    case Verdict::NotForThisIsp:
    case Verdict::WrongPosition:
    case Verdict::UnknownKey:
    case Verdict::OtherLine:
    case Verdict::BadTag:
    case Verdict::ExpiredKey:
    case Verdict::Stale:
    case Verdict::Replayed:
    case Verdict::BurstExceeded:
    case Verdict::IspNotAllowed:
    case Verdict::KeyCapReached:
    case Verdict::KeyRateReached: return 0;
    case Verdict::Blacklisted: return 2;
    case Verdict::RateLimited: return 3;
    case Verdict::UnknownClass:
    case Verdict::NoRoute:
    case Verdict::UnknownExit:
    case Verdict::DestinationNotOurs:
    case Verdict::TtlExpired: return 4;
    case Verdict::Underpaid:
    case Verdict::UnderpaidBestEffort:
    case Verdict::NotReserved:
    case Verdict::NotReservedBestEffort: return 5;
    }
    return 0;
}

}  // namespace netpas::tun
