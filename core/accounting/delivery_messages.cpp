#include "core/accounting/delivery_messages.h"

#include <algorithm>

#include "core/accounting/wire_parts.h"

namespace netpas::accounting {

namespace {

void writeAddress(Writer& w, const IpAddress& address) {
    w.u8(address.isV6() ? 6 : 4);
    w.bytes(address.bytes());
}

IpAddress readAddress(Reader& r) {
    const uint8_t family = r.u8();
    if (family != 4 && family != 6) r.fail();
    if (!r.ok()) return {};
    const auto address = IpAddress::fromBytes(r.bytes(family == 4 ? 4 : 16));
    if (!address) r.fail();
    return address.value_or(IpAddress{});
}

void writeEndpoint(Writer& w, const Endpoint& endpoint) {
    writeAddress(w, endpoint.address);
    w.u16(endpoint.port);
}

Endpoint readEndpoint(Reader& r) {
    Endpoint endpoint;
    endpoint.address = readAddress(r);
    endpoint.port = r.u16();
    return endpoint;
}

void writeAddresses(Writer& w, const std::vector<IpAddress>& addresses) {
    const size_t count = std::min(addresses.size(), maxOwnAddresses);
    w.u16(static_cast<uint16_t>(count));
    for (size_t i = 0; i < count; ++i) writeAddress(w, addresses[i]);
}

std::vector<IpAddress> readAddresses(Reader& r) {
    std::vector<IpAddress> addresses;
    const size_t count = readCount(r, maxOwnAddresses);
    for (size_t i = 0; i < count && r.ok(); ++i) addresses.push_back(readAddress(r));
    return addresses;
}

}  // namespace

void write(Writer& w, const TakePart& m) {
    w.u32(m.request);
    writeEndpoint(w, m.deliver);
    writeAddresses(w, m.addresses);
}

TakePart readTakePart(Reader& r) {
    TakePart m;
    m.request = r.u32();
    m.deliver = readEndpoint(r);
    m.addresses = readAddresses(r);
    return m;
}

void write(Writer& w, const PartTaken& m) {
    w.u32(m.request);
    writeBool(w, m.on);
    w.u16(m.isp.value());
    writeMoney(w, m.threshold);
    writeBool(w, m.smart);
}

PartTaken readPartTaken(Reader& r) {
    PartTaken m;
    m.request = r.u32();
    m.on = readBool(r);
    m.isp = IspId(r.u16());
    m.threshold = readMoney(r);
    m.smart = readBool(r);
    return m;
}

void write(Writer& w, const SetDeliveries& m) {
    const size_t count = std::min(m.all.size(), maxDeliveries);
    w.u16(static_cast<uint16_t>(count));
    for (size_t i = 0; i < count; ++i) {
        w.u16(m.all[i].counter.value());
        writeEndpoint(w, m.all[i].deliver);
        writeAddresses(w, m.all[i].addresses);
    }
}

SetDeliveries readSetDeliveries(Reader& r) {
    SetDeliveries m;
    const size_t count = readCount(r, maxDeliveries);
    for (size_t i = 0; i < count && r.ok(); ++i) {
        SetDeliveries::One& one = m.all.emplace_back();
        const auto counter = ExitPoint::from(r.u16());
        if (!counter || *counter == ExitPoint(0)) r.fail();
        one.counter = counter.value_or(ExitPoint{});
        one.deliver = readEndpoint(r);
        one.addresses = readAddresses(r);
    }
    return m;
}

}  // namespace netpas::accounting
