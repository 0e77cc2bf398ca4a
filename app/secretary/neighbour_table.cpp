#include "app/secretary/neighbour_table.h"

#include <algorithm>

namespace netpas::secretaryd {

using agreement::Advert;

namespace {

constexpr uint8_t placeVersion = 1;
constexpr size_t longestName = 15;
constexpr size_t mostRuns = 16;
constexpr size_t mostRemembered = 4 * NeighbourTable::most;

}  // namespace

std::string_view describe(AdvertRefusal refusal) {
    switch (refusal) {
    case AdvertRefusal::Malformed: return "malformed";
    case AdvertRefusal::Forged: return "forged";
    case AdvertRefusal::NotFromIt: return "from_other_address";
    case AdvertRefusal::Claimed: return "address_claimed";
    case AdvertRefusal::Elsewhere: return "on_other_link";
    case AdvertRefusal::Replayed: return "replayed";
    case AdvertRefusal::WrongTime: return "wrong_time";
    case AdvertRefusal::Own: return "own";
    case AdvertRefusal::TooMany: return "too_many";
    }
    return {};
}

Bytes encode(const NeighbourPlace& place) {
    Writer writer;
    writer.u8(placeVersion);
    writer.bytes(place.key.bytes);
    writer.blob16({reinterpret_cast<const uint8_t*>(place.interface.data()), place.interface.size()});
    writer.bytes(place.link);
    writer.bytes(place.address.bytes());
    writer.u8(place.address4 ? 1 : 0);
    if (place.address4) writer.bytes(place.address4->bytes());
    writer.u16(place.isp.value());
    return writer.take();
}

std::optional<NeighbourPlace> decodePlace(ByteView bytes) {
    Reader reader(bytes);
    NeighbourPlace place;
    if (reader.u8() != placeVersion) return std::nullopt;
    reader.array(place.key.bytes);
    const ByteView name = reader.blob16(longestName);
    place.interface.assign(name.begin(), name.end());
    reader.array(place.link);
    const auto address = IpAddress::fromBytes(reader.bytes(16));
    const uint8_t has4 = reader.u8();
    if (has4 == 1) place.address4 = IpAddress::fromBytes(reader.bytes(4));
    const auto isp = IspId::from(reader.u16());
    if (!reader.finished() || !address || has4 > 1 || !isp) return std::nullopt;
    place.address = *address;
    place.isp = *isp;
    return place;
}

agreement::Prices KnownNeighbour::asks(SteadyTime now) const {
    if (!advert || now >= until) return {};
    const auto& notice = advert->notice;
    return notice && now >= heard + notice->in ? notice->prices : advert->prices;
}

bool NeighbourTable::isClaimed(const Advert& advert, const std::string& interface) const {
    const SteadyTime now = m_clock.steady();
    return std::any_of(m_all.begin(), m_all.end(), [&](const auto& item) {
        const NeighbourPlace& other = item.second.place;
        if (item.first == advert.key || other.interface != interface || now >= item.second.until) return false;
        // Not by IPv4's: nothing shows whose that is before the kernel has asked for it (next_hops.h).
        return other.link == advert.link || other.address == advert.address;
    });
}

std::optional<AdvertRefusal> NeighbourTable::objection(const Advert& advert, const std::string& interface,
                                                       const LinkAddress& link, const IpAddress& from) const {
    if (advert.key == m_self) return AdvertRefusal::Own;
    if (advert.link != link || advert.address != from) return AdvertRefusal::NotFromIt;
    const SystemTime now = m_clock.now();
    if (advert.issued > now + clocksDiffer || advert.issued < now - clocksDiffer) return AdvertRefusal::WrongTime;
    const KnownNeighbour* const known = find(advert.key);
    const bool valid = known != nullptr && m_clock.steady() < known->until;
    if (const auto at = m_runs.find(advert.key); at != m_runs.end()) {
        const Runs& runs = at->second;
        const bool sameRun = advert.run == runs.run;
        const bool left = std::find(runs.left.begin(), runs.left.end(), advert.run) != runs.left.end();
        if (left || (sameRun && advert.number <= runs.number)) return AdvertRefusal::Replayed;
        // Else an old one would end a run that is going on.
        if (!sameRun && valid && known->advert && advert.issued <= runs.issued) return AdvertRefusal::Replayed;
    }
    if (valid && (known->place.interface != interface || known->place.link != link)) return AdvertRefusal::Elsewhere;
    if (isClaimed(advert, interface)) return AdvertRefusal::Claimed;
    if (known == nullptr && m_all.size() >= most) return AdvertRefusal::TooMany;
    return std::nullopt;
}

void NeighbourTable::follow(const Advert& advert) {
    if (m_runs.size() >= mostRemembered && !m_runs.contains(advert.key)) {
        // Longer ago than any advert of it would be believed again; else who was heard longest ago.
        m_runs.erase(std::min_element(m_runs.begin(), m_runs.end(),
                                      [](const auto& a, const auto& b) { return a.second.heard < b.second.heard; }));
    }
    Runs& runs = m_runs[advert.key];
    if (runs.heard != SteadyTime{} && runs.run != advert.run) runs.left.push_back(runs.run);
    if (runs.left.size() > mostRuns) runs.left.pop_front();
    runs.run = advert.run;
    runs.number = advert.number;
    runs.issued = advert.issued;
    runs.heard = m_clock.steady();
}

tl::expected<const KnownNeighbour*, AdvertRefusal> NeighbourTable::hear(const std::string& interface,
                                                                        const LinkAddress& link, const IpAddress& from,
                                                                        ByteView datagram) {
    const auto advert = agreement::decodeAdvert(datagram);
    if (!advert) return tl::unexpected(AdvertRefusal::Malformed);
    // What costs nothing to look at comes before the signature.
    if (const auto why = objection(*advert, interface, link, from)) return tl::unexpected(*why);
    if (!agreement::verifyAdvert(datagram, advert->key)) return tl::unexpected(AdvertRefusal::Forged);
    follow(*advert);
    // Whoever had one of these addresses before is silent.
    if (const auto before = m_at.find({interface, link}); before != m_at.end() && before->second != advert->key)
        m_all.erase(before->second);
    KnownNeighbour& known = m_all[advert->key];
    leave(known.place);
    known.place = {advert->key, interface, link, from, advert->address4, advert->isp};
    m_at.insert_or_assign({interface, link}, advert->key);
    known.advert = *advert;
    known.heard = m_clock.steady();
    known.until = known.heard + advert->lifetime;
    return &known;
}

void NeighbourTable::leave(const NeighbourPlace& place) {
    const auto at = m_at.find({place.interface, place.link});
    if (at != m_at.end() && at->second == place.key) m_at.erase(at);
}

void NeighbourTable::remember(const NeighbourPlace& place, std::chrono::seconds patience) {
    if (m_all.size() >= most || place.key == m_self || m_all.contains(place.key)) return;
    if (!m_at.try_emplace({place.interface, place.link}, place.key).second) return;
    const SteadyTime now = m_clock.steady();
    m_all.emplace(place.key, KnownNeighbour{place, {}, now, now + patience});
}

void NeighbourTable::forgetSilent(const std::vector<PublicKey>& needed) {
    const SteadyTime now = m_clock.steady();
    std::erase_if(m_all, [&](const auto& item) {
        if (now < item.second.until || std::find(needed.begin(), needed.end(), item.first) != needed.end())
            return false;
        leave(item.second.place);
        return true;
    });
}

const KnownNeighbour* NeighbourTable::find(const PublicKey& key) const {
    const auto at = m_all.find(key);
    return at == m_all.end() ? nullptr : &at->second;
}

const KnownNeighbour* NeighbourTable::at(const std::string& interface, const LinkAddress& link) const {
    const auto at = m_at.find({interface, link});
    return at == m_at.end() ? nullptr : find(at->second);
}

}  // namespace netpas::secretaryd
