// The eight steps of NetPaS §5.1, in the paper's order. Only edge_processor.cpp includes this: there the compiler sees
// steps and their order together, which is worth a third of the time.
#pragma once

#include "core/wire/accounting_header.h"
#include "tun/edge/edge_processor.h"

namespace netpas::tun {

namespace edge_steps {

inline Money plus(Money a, int64_t eighths) { return Money::fromEighths(a.eighths() + eighths); }

}  // namespace edge_steps

using edge_steps::plus;

inline MoneyBucket* EdgeProcessor::bucketOf(const Work& work) {
    switch (work.packet->arrival) {
    case Arrival::Customer: return &m_customerBuckets[work.packet->source];
    case Arrival::Neighbour: return &m_neighbourBuckets[m_neighbourOfLink[work.packet->source]];
    case Arrival::Internal:
    case Arrival::Provider: return nullptr;
    }
    return nullptr;
}

// 1) Samples by the payment to the upstream ISP, whose service ended when the packet came in.
inline void EdgeProcessor::sampleUpstream(Work& work) {
    const uint16_t neighbour = m_neighbourOfLink[work.packet->source];
    const Money payment = header_bytes::price(work.header, work.own - size_t{1}).value();
    IngressCounters& counters = m_ingress[neighbour];
    ++counters.packets;
    counters.bytes += work.innerSize;
    counters.upstream = plus(counters.upstream, payment.eighths());
    m_upstreamSamples[neighbour].observe(payment, {work.header, work.headerSize}, {work.inner, work.innerSize},
                                         m_samples);
}

// 2) No packet may carry money to a blacklisted ISP.
inline bool EdgeProcessor::checkBlacklist(Work& work, const EdgeTables& tables) {
    if (!tables.hasBlacklist()) return true;
    for (size_t i = work.own + size_t{1}; i < work.hops; ++i) {
        if (tables.blacklisted(header_bytes::isp(work.header, i))) return refuse(work, Verdict::Blacklisted);
    }
    return true;
}

// 3) Limits what an interface may still make this ISP owe: the payments of this ISP and of all later ones.
inline bool EdgeProcessor::checkBucket(Work& work) {
    MoneyBucket* bucket = bucketOf(work);
    if (bucket == nullptr || !bucket->limited()) return true;
    bucket->refillAt(m_steadyMicros);
    if (!bucket->covers(Money::fromEighths(work.ownPrice + work.downstream))) return refuse(work, Verdict::RateLimited);
    return true;
}

// 4) Where to, and with which class.
inline bool EdgeProcessor::lookUpForwarding(Work& work, const EdgeTables& tables) {
    work.service = &tables.serviceClass(header_bytes::service(work.header, work.own));
    if (!work.service->known && !m_border) return refuse(work, Verdict::UnknownClass);
    return work.last ? lookUpDestination(work, tables) : lookUpNextIsp(work, tables);
}

inline bool EdgeProcessor::lookUpNextIsp(Work& work, const EdgeTables& tables) {
    const EdgeTables::NextIsp* next = tables.nextIsp(header_bytes::isp(work.header, work.own + size_t{1}));
    if (next == nullptr || next->exits.empty()) return refuse(work, Verdict::NoRoute);
    const ExitPoint wanted = header_bytes::exit(work.header, work.own);
    const bool mayHandOver = work.packet->arrival != Arrival::Internal;  // never twice: it would circle
    for (const EdgeTables::ExitEntry& entry : next->exits) {
        if (wanted.value() != 0 && entry.exit != wanted) continue;
        if (!mayHandOver && entry.target.way == EdgeTables::Way::Internal) continue;
        work.target = entry.target;
        if (wanted.value() == 0) work.exit = entry.exit;
        return true;
    }
    return refuse(work, Verdict::UnknownExit);
}

inline bool EdgeProcessor::lookUpDestination(Work& work, const EdgeTables& tables) {
    const auto target = tables.destination(work.view.destination());
    if (!target) return refuse(work, Verdict::DestinationNotOurs);
    if (target->way == EdgeTables::Way::Internal && work.packet->arrival == Arrival::Internal) {
        return refuse(work, Verdict::DestinationNotOurs);
    }
    const uint8_t hopLimit = work.view.version == 4 ? work.inner[8] : work.inner[7];
    // The kernel takes one off when it forwards; it also tells the sender when nothing is left.
    if (target->way == EdgeTables::Way::Kernel && hopLimit <= 1) return toKernelUncharged(work, Verdict::TtlExpired);
    work.target = *target;
    return true;
}

// 5) Does the nanopayment cover this ISP's price?
inline bool EdgeProcessor::checkPrice(Work& work, const EdgeTables& tables) {
    const PriceModel& price = work.service->price;
    const Money cost =
        work.service->flat ? price.perPacket : price.cost(work.innerSize, Money::fromEighths(work.downstream));
    if (work.ownPrice >= cost.eighths()) return true;
    for (const PriceModel& former : work.service->former) {
        if (work.ownPrice >= former.cost(work.innerSize, Money::fromEighths(work.downstream)).eighths()) return true;
    }
    switch (tables.underpaid()) {
    case UnderpaidAction::Drop: return refuse(work, Verdict::Underpaid);
    case UnderpaidAction::BestEffort: return toKernelUncharged(work, Verdict::UnderpaidBestEffort);
    }
    return refuse(work, Verdict::Underpaid);
}

// … and, in a class with a guarantee, has it been reserved? Called when the price is paid.
inline bool EdgeProcessor::checkReservation(Work& work, const EdgeTables& tables) {
    if (!work.service->guarantee) return true;
    const Money cost = work.service->price.cost(work.innerSize, Money::fromEighths(work.downstream));
    const int64_t extra = std::max<int64_t>(0, work.ownPrice - cost.eighths());
    const auto outcome =
        m_reservations.take(header_bytes::service(work.header, work.own), {work.inner, work.innerSize}, extra,
                            *work.service->guarantee, work.service->reservations, m_steadyMicros);
    const auto question = questionIn({work.inner, work.innerSize});
    if (question) answer(work, *question);
    if (outcome == Reservations::Outcome::Holds) return true;
    if (question && extra < work.service->guarantee->perMinute.eighths()) {
        work.unreserved = true;  // ISPs further on have to hear it too
        return true;
    }
    switch (tables.underpaid()) {
    case UnderpaidAction::Drop: return refuse(work, Verdict::NotReserved);
    case UnderpaidAction::BestEffort: return toKernelUncharged(work, Verdict::NotReservedBestEffort);
    }
    return refuse(work, Verdict::NotReserved);
}

inline void EdgeProcessor::answer(const Work& work, const ReservationQuestion& question) {
    constexpr size_t mostWaiting = 256;
    if (m_notices.size() >= mostWaiting) return;
    const ServiceClass service = header_bytes::service(work.header, work.own);
    const auto [place, secondsLeft] =
        m_reservations.standing(service, {work.inner, work.innerSize}, work.service->reservations, m_steadyMicros);
    m_notices.push_back({question.answerTo, {question.nonce, m_isp, service, place, secondsLeft}});
}

inline void EdgeProcessor::sampleOwn(const Work& work) {
    ++m_delivered.packets;
    m_delivered.bytes += work.innerSize;
    m_delivered.own = plus(m_delivered.own, work.ownPrice);
    m_ownSamples.observe(Money::fromEighths(work.ownPrice), {work.header, work.headerSize},
                         {work.inner, work.innerSize}, m_samples);
}

// The ISP has delivered it, whatever becomes of it here.
inline void EdgeProcessor::countArrived(const Work& work) {
    if (isAccepted(work.result->verdict) || work.result->verdict == Verdict::TtlExpired) sampleOwn(work);
}

// 6) This ISP's service and the total for all later ones, per link. The last ISP confirms its own service, unless whoever
// gets the packet does.
inline void EdgeProcessor::countService(const Work& work) {
    const bool delegated = work.target.counter != ExitPoint(0);
    if (work.target.way == EdgeTables::Way::Link || delegated) {
        LinkCounters& counters = delegated ? m_delegated[work.target.counter] : m_links[work.target.index];
        ++counters.packets;
        counters.bytes += work.innerSize;
        counters.own = plus(counters.own, work.ownPrice);
        counters.downstream = plus(counters.downstream, work.downstream);
        return;
    }
    sampleOwn(work);
}

// 7) Every later ISP by itself, per neighbour that the packet goes to.
inline void EdgeProcessor::countDownstream(const Work& work, const EdgeTables& tables) {
    if (work.target.way != EdgeTables::Way::Link) return;
    DownstreamCounters& counters = m_downstream[tables.link(work.target.index).neighbour];
    for (size_t i = work.own + size_t{1}; i < work.hops; ++i) {
        counters.add(header_bytes::isp(work.header, i), header_bytes::price(work.header, i).value());
    }
}

// 8) A path under investigation, exactly.
inline void EdgeProcessor::countInvestigated(const Work& work, const EdgeTables& tables) {
    const InvestigatedPath* path = tables.investigated(work.header, work.hops);
    if (path == nullptr || path->slot >= m_investigations.size()) return;
    m_investigating = true;
    InvestigationCounters& counters = m_investigations[path->slot];
    ++counters.packets;
    counters.bytes += work.innerSize;
    for (size_t i = 0; i < work.hops; ++i) {
        counters.amounts[i] = plus(counters.amounts[i], header_bytes::price(work.header, i).value().eighths());
    }
}

}  // namespace netpas::tun
