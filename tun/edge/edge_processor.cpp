// Reading and authenticating packets, and the order of the steps. The steps themselves are in edge_steps.h.
#include "tun/edge/edge_processor.h"

#include <algorithm>
#include <cstring>

#include "core/bytes.h"
#include "core/crypto/tag.h"
#include "core/wire/accounting_header.h"
#include "tun/edge/edge_steps.h"

namespace netpas::tun {

namespace {

constexpr size_t ahead = 4;  // packets whose first line is fetched while one is read

RandomSource& randomFor(const EdgeSampling& sampling, std::unique_ptr<RandomSource>& seeded) {
    if (sampling.seed == 0) return systemRandom();
    if (!seeded) seeded = std::make_unique<SeededRandom>(sampling.seed);
    return *seeded;
}

MoneyBucket makeBucket(const std::optional<BucketLimit>& limit, SteadyTime now) {
    return limit ? MoneyBucket(limit->perSecond, limit->burst, now) : MoneyBucket();
}

// The length that an IP packet claims for itself; 0 when it is none.
uint32_t claimedLength(const uint8_t* inner, uint32_t size) {
    if (size < 20) return 0;
    if (inner[0] >> 4 == 4) return load16(inner + 2);
    if (inner[0] >> 4 == 6 && size >= 40) return uint32_t{load16(inner + 4)} + 40;
    return 0;
}

}  // namespace

EdgeProcessor::EdgeProcessor(const EdgeConfig& config, SteadyTime now)
    : m_ownSamples(config.isp, config.sampling, randomFor(config.sampling, m_seeded)) {
    RandomSource& random = randomFor(config.sampling, m_seeded);
    for (const EdgeCustomer& customer : config.customers) m_customerBuckets.push_back(makeBucket(customer.limit, now));
    for (size_t n = 0; n < config.neighbours.size(); ++n) {
        const EdgeNeighbour& neighbour = config.neighbours[n];
        m_neighbourBuckets.push_back(makeBucket(neighbour.limit, now));
        m_upstreamSamples.emplace_back(neighbour.isp, config.sampling, random);
        m_neighbourIsps.push_back(neighbour.isp);
        m_downstream.emplace_back();
        for (const EdgeLink& link : neighbour.links) m_linkNames.emplace_back(neighbour.isp, link.exit);
        m_neighbourOfLink.insert(m_neighbourOfLink.end(), neighbour.links.size(), static_cast<uint16_t>(n));
    }
    m_ingress.resize(config.neighbours.size());
    m_links.resize(m_neighbourOfLink.size());
    m_isp = config.isp;
    m_border = !config.providers.empty();
    // No memory is taken for a packet.
    for (const EdgeDelivery& delivery : config.deliveries) {
        if (delivery.counter != ExitPoint(0)) m_delegated.try_emplace(delivery.counter);
    }
}

void EdgeProcessor::process(std::span<const EdgePacket> packets, std::span<EdgeResult> results,
                            const EdgeTables& tables, EdgeTime now) {
    m_proven.valid = false;  // a key may have been replaced since
    m_steadyMicros = MoneyBucket::micros(now.steady);
    m_wallMicros = now.wall.time_since_epoch().count();
    while (!packets.empty()) {
        const size_t count = std::min(packets.size(), batch);
        processBatch(packets.first(count), results.first(count), tables);
        packets = packets.subspan(count);
        results = results.subspan(count);
    }
}

void EdgeProcessor::processBatch(std::span<const EdgePacket> packets, std::span<EdgeResult> results,
                                 const EdgeTables& tables) {
    for (size_t i = 0; i < packets.size(); ++i) {
        if (i + ahead < packets.size()) __builtin_prefetch(packets[i + ahead].data, 1);
        m_work[i].packet = &packets[i];
        m_work[i].result = &results[i];
        read(m_work[i], tables);
    }
    for (size_t i = 0; i < packets.size(); ++i) findKey(m_work[i]);
    for (size_t i = 0; i < packets.size(); ++i) judge(m_work[i], tables);
}

void EdgeProcessor::judge(Work& work, const EdgeTables& tables) {
    if (work.pending) {
        switch (work.packet->arrival) {
        case Arrival::Customer:
            if (authenticate(work) && checkBlacklist(work, tables) && checkBucket(work) &&
                lookUpForwarding(work, tables) && checkPrice(work, tables) && checkReservation(work, tables)) {
                charge(work);
                fillIn(work);
            }
            break;
        case Arrival::Neighbour:
            sampleUpstream(work);
            if (checkBlacklist(work, tables) && checkBucket(work) && lookUpForwarding(work, tables) &&
                checkPrice(work, tables) && checkReservation(work, tables)) {
                charge(work);
                fillIn(work);
            }
            break;
        case Arrival::Internal:  // the router that heard it first has taken steps 1 to 3 and 5
            if (lookUpForwarding(work, tables)) fillIn(work);
            break;
        case Arrival::Provider:
            if (lookUpForwarding(work, tables)) fillIn(work);
            countArrived(work);
            break;
        }
        const bool leaves = isAccepted(work.result->verdict) && work.target.way != EdgeTables::Way::Internal;
        if (leaves && !m_border) {
            countService(work);
            countDownstream(work, tables);
        }
        if (tables.investigates() && isAccepted(work.result->verdict)) countInvestigated(work, tables);
    }
    ++m_verdicts[static_cast<size_t>(work.result->verdict)];
}

bool EdgeProcessor::refuse(Work& work, Verdict verdict) {
    work.result->verdict = verdict;
    work.result->leaves = false;
    work.pending = false;
    return false;
}

bool EdgeProcessor::toKernelUncharged(Work& work, Verdict verdict) {
    EdgeResult& result = *work.result;
    result.verdict = verdict;
    result.leaves = true;
    result.dscp = 0;
    result.target = {EdgeTables::Way::Kernel, 0};
    result.offset = static_cast<uint32_t>(work.inner - work.packet->data);
    result.size = work.innerSize;
    rewriteDscp({work.inner, work.innerSize}, 0);
    return false;
}

void EdgeProcessor::read(Work& work, const EdgeTables& tables) {
    *work.result = EdgeResult{};
    work.pending = true;
    work.key = nullptr;
    work.exit = ExitPoint(0);
    work.unreserved = false;
    if (work.packet->source == EdgePacket::unknownSource) {
        refuse(work, work.packet->arrival == Arrival::Customer ? Verdict::UnknownSource : Verdict::WrongNeighbour);
        return;
    }
    if (readShim(work) && readHeader(work, tables) && readInner(work) && work.packet->arrival == Arrival::Customer) {
        m_keys.prefetchSlot(work.shim.key);
    }
}

bool EdgeProcessor::readShim(Work& work) {
    const std::span<const uint8_t> bytes(work.packet->data, work.packet->size);
    ShimKind expected = ShimKind::Customer;
    switch (work.packet->arrival) {
    case Arrival::Customer: expected = ShimKind::Customer; break;
    case Arrival::Neighbour: expected = ShimKind::Transit; break;
    case Arrival::Internal: expected = ShimKind::Internal; break;
    case Arrival::Provider: expected = ShimKind::Delivery; break;
    }
    if (expected != ShimKind::Customer) {
        work.header = work.packet->data + plainShimSize;
        // A right plain shim is these four bytes and no others.
        const uint32_t right = (uint32_t{shimVersion} << 28) | (static_cast<uint32_t>(expected) << 24);
        if (bytes.size() >= plainShimSize && load32(bytes.data()) == right) return true;
    }
    const auto kind = shimKind(bytes);
    if (!kind) return refuse(work, Verdict::MalformedShim);
    if (*kind != expected) return refuse(work, Verdict::WrongKind);
    const auto shim = decodeCustomerShim(bytes);
    if (!shim || shim->sequence > UINT64_MAX - maxBurst) return refuse(work, Verdict::MalformedShim);
    work.shim = *shim;
    work.header = work.packet->data + customerShimSize;
    return true;
}

bool EdgeProcessor::readHeader(Work& work, const EdgeTables& tables) {
    const auto shimSize = static_cast<uint32_t>(work.header - work.packet->data);
    const auto size = header_bytes::validate({work.header, work.packet->size - shimSize});
    if (!size) return refuse(work, Verdict::MalformedHeader);
    work.headerSize = static_cast<uint8_t>(*size);
    work.hops = static_cast<uint8_t>(header_bytes::hopCount(work.header));
    work.inner = work.header + *size;
    work.innerSize = work.packet->size - shimSize - work.headerSize;
    work.own = work.hops;
    work.total = 0;
    work.downstream = 0;
    for (uint8_t i = 0; i < work.hops; ++i) {
        const int64_t price = header_bytes::price(work.header, i).value().eighths();
        work.total += price;
        if (header_bytes::isp(work.header, i) == tables.isp()) {
            work.own = i;
            work.ownPrice = price;
        } else if (work.own < i) {
            work.downstream += price;
        }
    }
    if (work.own == work.hops) return refuse(work, Verdict::NotForThisIsp);
    work.last = work.own + 1 == work.hops;
    switch (work.packet->arrival) {
    case Arrival::Customer:
        if (work.own != 0) return refuse(work, Verdict::NotForThisIsp);
        break;
    case Arrival::Neighbour: {
        const IspId from = m_neighbourIsps[m_neighbourOfLink[work.packet->source]];
        if (work.own == 0 || header_bytes::isp(work.header, work.own - size_t{1}) != from) {
            return refuse(work, Verdict::WrongPosition);
        }
        break;
    }
    case Arrival::Internal: break;
    case Arrival::Provider:
        if (!work.last) return refuse(work, Verdict::WrongPosition);
        break;
    }
    return true;
}

// A packet on its way is only measured; where it enters or leaves the paid path it is read in full.
bool EdgeProcessor::readInner(Work& work) {
    if (work.packet->arrival != Arrival::Customer && !work.last) {
        const uint32_t claimed = claimedLength(work.inner, work.innerSize);
        if (claimed == 0 || claimed != work.innerSize) return refuse(work, Verdict::MalformedInner);
        return true;
    }
    const auto view = parseHeaders({work.inner, work.innerSize});
    if (!view) return refuse(work, Verdict::MalformedInner);
    work.view = *view;
    return true;
}

void EdgeProcessor::findKey(Work& work) {
    if (!work.pending || work.packet->arrival != Arrival::Customer) return;
    work.key = m_keys.find(work.shim.key);
    if (work.key == nullptr) return;
    const auto* lines = reinterpret_cast<const char*>(work.key);
    __builtin_prefetch(lines, 1);
    __builtin_prefetch(lines + 64, 1);
    __builtin_prefetch(lines + 128, 1);
    work.key->window.prefetch(work.shim.sequence);
}

bool EdgeProcessor::authenticate(Work& work) {
    KeyRecord* key = work.key;
    if (key == nullptr) return refuse(work, Verdict::UnknownKey);
    if (key->customer != work.packet->source && key->customer != anyCustomer) return refuse(work, Verdict::OtherLine);
    if (!tagIsRight(work)) return refuse(work, Verdict::BadTag);
    if (key->expiresMicros <= m_wallMicros) return refuse(work, Verdict::ExpiredKey);
    const ReplayWindow::Found found = key->window.find(work.shim.sequence, work.shim.burst);
    switch (found.result) {
    case ReplayWindow::Result::Free: break;
    case ReplayWindow::Result::Stale: return refuse(work, Verdict::Stale);
    case ReplayWindow::Result::Replayed: return refuse(work, Verdict::Replayed);
    }
    work.slot = found.slot;
    if (work.innerSize > work.shim.segmentLimit) return refuse(work, Verdict::BurstExceeded);
    for (size_t i = 0; i < work.hops; ++i) {
        if (!key->allows(header_bytes::isp(work.header, i), i)) return refuse(work, Verdict::IspNotAllowed);
    }
    if (work.total > key->remaining) return refuse(work, Verdict::KeyCapReached);
    key->rate.refillAt(m_steadyMicros);
    if (!key->rate.covers(Money::fromEighths(work.total))) return refuse(work, Verdict::KeyRateReached);
    return true;
}

bool EdgeProcessor::tagIsRight(const Work& work) {
    const uint8_t* shim = work.packet->data;
    const PacketView& view = work.view;
    const auto source = view.source();
    const auto destination = view.destination();
    ProvenTag& proven = m_proven;
    if (proven.valid && std::memcmp(proven.shim.data(), shim, customerShimSize) == 0 &&
        proven.headerSize == work.headerSize && std::memcmp(proven.header.data(), work.header, work.headerSize) == 0 &&
        proven.version == view.version && proven.protocol == view.protocol && proven.sourcePort == view.sourcePort &&
        proven.destinationPort == view.destinationPort &&
        std::memcmp(proven.addresses.data(), source.data(), source.size()) == 0 &&
        std::memcmp(proven.addresses.data() + source.size(), destination.data(), destination.size()) == 0) {
        return true;
    }
    const TagInner inner{view.version, view.protocol, source, destination, view.sourcePort, view.destinationPort};
    const uint64_t tag = customerTag(work.key->secret, std::span<const uint8_t, taggedShimSize>(shim, taggedShimSize),
                                     {work.header, work.headerSize}, inner);
    if (tag != work.shim.tag) return false;  // one comparison of 64 bits: it tells no time
    if (work.shim.burst == 1) return true;
    proven.valid = true;
    std::memcpy(proven.shim.data(), shim, customerShimSize);
    proven.headerSize = work.headerSize;
    std::memcpy(proven.header.data(), work.header, work.headerSize);
    proven.version = view.version;
    proven.protocol = view.protocol;
    proven.sourcePort = view.sourcePort;
    proven.destinationPort = view.destinationPort;
    std::memcpy(proven.addresses.data(), source.data(), source.size());
    std::memcpy(proven.addresses.data() + source.size(), destination.data(), destination.size());
    return true;
}

void EdgeProcessor::charge(Work& work) {
    if (MoneyBucket* bucket = bucketOf(work)) bucket->take(Money::fromEighths(work.ownPrice + work.downstream));
    if (work.key == nullptr) return;
    KeyRecord& key = *work.key;
    const Money total = Money::fromEighths(work.total);
    key.window.take(work.slot);
    key.rate.take(total);
    key.remaining -= work.total;
    key.amount += work.total;
    ++key.packets;
    key.bytes += work.innerSize;
    if (!key.dirty) {
        key.dirty = true;
        m_dirtyKeys.push_back(key.id);
    }
}

// Fills in what leaves. The shim of the next stretch ends where the header begins.
void EdgeProcessor::fillIn(Work& work) {
    EdgeResult& result = *work.result;
    result.leaves = true;
    result.dscp = work.unreserved ? uint8_t{0} : work.service->dscp;
    result.target = work.target;
    if (work.exit.value() != 0) header_bytes::setExit(work.header, work.own, work.exit);
    ShimKind kind = ShimKind::Transit;
    switch (work.target.way) {
    case EdgeTables::Way::Link: result.verdict = Verdict::Forwarded; break;
    case EdgeTables::Way::Internal:
        result.verdict = Verdict::HandedOver;
        kind = ShimKind::Internal;
        break;
    case EdgeTables::Way::Endpoint:
        result.verdict = Verdict::DeliveredWithHeader;
        kind = ShimKind::Delivery;
        break;
    case EdgeTables::Way::Kernel:
        result.verdict = Verdict::Delivered;
        if (isPayloadFree({work.inner, work.innerSize})) {  // there was nothing but the payment
            result.leaves = false;
            return;
        }
        if (work.service->known) rewriteDscp({work.inner, work.innerSize}, work.service->dscp);
        result.offset = static_cast<uint32_t>(work.inner - work.packet->data);
        result.size = work.innerSize;
        return;
    }
    uint8_t* shim = work.header - plainShimSize;
    encodePlainShim(kind, std::span<uint8_t, plainShimSize>(shim, plainShimSize));
    result.offset = static_cast<uint32_t>(shim - work.packet->data);
    result.size = static_cast<uint32_t>(plainShimSize) + work.headerSize + work.innerSize;
}

}  // namespace netpas::tun
