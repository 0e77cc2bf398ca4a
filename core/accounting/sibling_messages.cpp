#include "core/accounting/sibling_messages.h"

#include "core/accounting/wire_parts.h"

namespace netpas::accounting {

namespace {

void writeNodes(Writer& w, const std::vector<NodeId>& nodes) {
    const size_t count = std::min(nodes.size(), maxSiblingCustomers);
    w.u16(static_cast<uint16_t>(count));
    for (size_t i = 0; i < count; ++i) w.bytes(nodes[i].bytes());
}

std::vector<NodeId> readNodes(Reader& r) {
    const size_t count = readCount(r, maxSiblingCustomers);
    std::vector<NodeId> nodes;
    for (size_t i = 0; i < count && r.ok(); ++i) {
        std::array<uint8_t, NodeId::size> bytes{};
        r.array(bytes);
        nodes.emplace_back(bytes);
    }
    return nodes;
}

}  // namespace

void write(Writer& w, const SiblingPlaces& m) {
    const size_t count = std::min(m.places.size(), maxPlaces);
    w.u16(static_cast<uint16_t>(count));
    for (size_t i = 0; i < count; ++i) {
        const PlacesWithIsp& places = m.places[i];
        const size_t exits = std::min(places.exits.size(), maxExits);
        w.u16(places.isp.value());
        w.u16(static_cast<uint16_t>(exits));
        for (size_t j = 0; j < exits; ++j) w.u16(places.exits[j].value());
    }
}

void write(Writer& w, const SiblingCustomers& m) {
    writeBool(w, m.first);
    writeNodes(w, m.here);
    writeNodes(w, m.gone);
}

SiblingPlaces readSiblingPlaces(Reader& r) {
    SiblingPlaces m;
    const size_t count = readCount(r, maxPlaces);
    for (size_t i = 0; i < count && r.ok(); ++i) {
        PlacesWithIsp places;
        places.isp = IspId(r.u16());
        const size_t exits = readCount(r, maxExits);
        for (size_t j = 0; j < exits && r.ok(); ++j) {
            const uint16_t exit = r.u16();
            if (exit > ExitPoint::maxValue) r.fail();
            if (r.ok()) places.exits.emplace_back(exit);
        }
        m.places.push_back(std::move(places));
    }
    return m;
}

SiblingCustomers readSiblingCustomers(Reader& r) {
    SiblingCustomers m;
    m.first = readBool(r);
    m.here = readNodes(r);
    m.gone = readNodes(r);
    return m;
}

}  // namespace netpas::accounting
