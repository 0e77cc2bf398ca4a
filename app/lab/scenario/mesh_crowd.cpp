#include "app/lab/scenario/mesh_crowd.h"

#include <algorithm>
#include <utility>

namespace netpas::lab {

using namespace std::chrono_literals;
using namespace agreement;

namespace {

constexpr std::chrono::milliseconds advertEvery{5000}, packetEvery{1000};  // as the product's
constexpr std::chrono::seconds advertLife{20};
constexpr uint32_t firstMember = 100'000;  // of those that are nobody
constexpr uint8_t echoKind = 12, echoedKind = 13;

}  // namespace

MeshSpot MeshCrowd::spotOf(size_t member) { return MeshAttacker::nobody(firstMember + static_cast<uint32_t>(member)); }

IpAddress MeshCrowd::addressOf(size_t member) {
    auto bytes = IpAddress::parse(network).value_or(IpAddress()).bytes();
    Bytes own(bytes.begin(), bytes.end());
    const size_t number = member + 16;
    own[14] = static_cast<uint8_t>(number >> 8);
    own[15] = static_cast<uint8_t>(number);
    return IpAddress::fromBytes(own).value_or(IpAddress());
}

Expected<void> MeshCrowd::open(const Lab& lab, const std::string& where, const std::string& interface,
                               const MeshSpot& node) {
    m_node = node;
    return m_air.openIn(lab, where, interface);
}

void MeshCrowd::become(size_t count) {
    const SteadyTime now = systemClock().steady();
    while (m_members.size() < std::min(count, most)) {
        const size_t number = m_members.size();
        m_members.push_back({Identity::generate(), spotOf(number), addressOf(number), 0, {}, {}, {}, {}});
        m_byLink[m_members.back().spot.link] = number;
    }
    // Not all at once: evenly over the period.
    for (size_t i = m_there; i < count; ++i) {
        const auto part = static_cast<int64_t>(i - m_there);
        m_members[i].nextAdvert = now + advertEvery * part / static_cast<int64_t>(count - m_there);
        m_members[i].nextPacket = now + packetEvery * part / static_cast<int64_t>(count - m_there);
    }
    m_there = count;
}

void MeshCrowd::work() {
    for (const MeshAttacker::Heard& one : m_air.heard()) {
        const auto to = m_byLink.find(one.to.link);
        if (to != m_byLink.end() && to->second < m_there) take(m_members[to->second], one);
    }
    const SteadyTime now = systemClock().steady();
    const Bytes packet(payload, 0);
    const MeshSpot node{m_node.link, IpAddress::parse(nodesAddress).value_or(IpAddress())};
    for (size_t i = 0; i < m_there; ++i) {
        Member& one = m_members[i];
        if (now >= one.nextAdvert) {
            one.nextAdvert = std::max(one.nextAdvert + advertEvery, now);
            advertise(one);
        }
        if (now >= one.nextPacket) {
            one.nextPacket = std::max(one.nextPacket + packetEvery, now);  // what was missed is not sent in a burst
            if (m_traffic && one.downstream && m_air.say({one.spot.link, one.address}, node, packet, trafficPort)) {
                ++one.downstream->packets;
                one.downstream->bytes += packet.size() + MeshAttacker::headers;
            }
        }
        count(one, now);
    }
}

void MeshCrowd::advertise(Member& member) {
    Advert advert;
    advert.key = member.who.publicKey();
    advert.run = 1;
    advert.number = ++member.adverts;
    advert.issued = systemClock().now();
    advert.lifetime = advertLife;
    advert.link = member.spot.link;
    advert.address = member.spot.address;
    advert.isp = IspId(26);
    advert.prices.upstream = advert.prices.downstream = *Money::parse("0.0000005");
    m_advertsSaid += m_air.say(member.spot, MeshAttacker::everybody(), sign(advert, member.who)) ? 1U : 0U;
}

void MeshCrowd::say(const Member& member, const Message& message) {
    (void)m_air.say(member.spot, m_node, sign(message, member.who));
}

// As the receiving end of what the node sends.
void MeshCrowd::count(Member& member, SteadyTime now) {
    if (!member.upstream || now < member.upstream->nextCount) return;
    Flow& flow = *member.upstream;
    flow.nextCount = now + flow.interval;
    if (flow.bytes == flow.counted) return;
    flow.counted = flow.bytes;
    flow.countedPackets = flow.packets;
    say(member, Count{flow.id, ++flow.number, flow.packets, flow.bytes, false});
    ++m_countsSaid;
}

void MeshCrowd::take(Member& member, const MeshAttacker::Heard& heard) {
    if (heard.port != agreementPort) {
        if (!member.upstream || heard.to.address != member.address) return;
        ++member.upstream->packets;
        member.upstream->bytes += heard.bytes.size() + MeshAttacker::headers;
        return;
    }
    if (heard.bytes.size() > 1 && heard.bytes[1] == echoKind) {
        Bytes back = heard.bytes;
        back[1] = echoedKind;
        (void)m_air.say(member.spot, heard.from, back);
        return;
    }
    const auto message = decodeMessage(heard.bytes);
    if (!message) return;
    if (const auto* offer = std::get_if<Offer>(&*message)) return offered(member, *offer);
    if (std::holds_alternative<End>(*message)) ++m_ended;
    const auto* counted = std::get_if<Count>(&*message);
    if (counted == nullptr || !member.downstream || counted->id != member.downstream->id) return;
    Flow& flow = *member.downstream;
    flow.number = counted->number;
    flow.counted = counted->bytes;
    flow.countedPackets = counted->packets;
    ++m_countsHeard;
}

// The same offer has the same answer.
void MeshCrowd::offered(Member& member, const Offer& offer) {
    const Terms& terms = offer.terms;
    if (terms.seller != member.who.publicKey()) return;
    auto& flow = terms.direction == Direction::Upstream ? member.upstream : member.downstream;
    if (!flow || flow->id != terms.id) {
        const SteadyTime now = systemClock().steady();
        flow = Flow{terms.id, terms.interval, now + terms.interval, 0, 0, 0, 0, 0};
        // What comes before the answer has come is nobody's count.
        if (terms.direction == Direction::Downstream) member.nextPacket = now + 2 * packetEvery;
    }
    say(member, Accept{terms.id, hashOf(terms)});
}

}  // namespace netpas::lab
