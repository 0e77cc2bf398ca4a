// Who is on this machine's links, by adverts that were verified (core/agreement/AGREEMENTS.md): whose key, link-layer and link-local address, and what it asks.
// Pure; one thread.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

#include "core/agreement/advert.h"
#include "core/clock.h"
#include "core/store/documents.h"

namespace netpas::secretaryd {

// Where a neighbour is, and who takes payments for it. What outlives its adverts.
struct NeighbourPlace {
    PublicKey key;
    std::string interface;
    LinkAddress link{};
    IpAddress address;                  // link-local
    std::optional<IpAddress> address4;  // as it says; nobody has proved it
    IspId isp;                          // 0: none
    friend bool operator==(const NeighbourPlace&, const NeighbourPlace&) = default;
};
[[nodiscard]] Bytes encode(const NeighbourPlace& place);
[[nodiscard]] std::optional<NeighbourPlace> decodePlace(ByteView bytes);

struct KnownNeighbour {
    NeighbourPlace place;
    std::optional<agreement::Advert> advert;  // nothing: only remembered from before
    SteadyTime heard{}, until{};

    // What it asks now: what was announced holds when its time has come.
    [[nodiscard]] agreement::Prices asks(SteadyTime now) const;
};

enum class AdvertRefusal : uint8_t {
    Malformed,
    Forged,     // not signed by the key that it names
    NotFromIt,  // it names other addresses than those that it came from
    Claimed,    // another neighbour has its link-layer or its link-local address
    Elsewhere,  // the neighbour is on another link as well; the first one is used
    Replayed,   // heard before, or of a run that the neighbour has left
    WrongTime,  // made too long ago, or in the future
    Own,        // this node's
    TooMany,
};
[[nodiscard]] std::string_view describe(AdvertRefusal refusal);

class NeighbourTable {
public:
    static constexpr std::chrono::minutes clocksDiffer{15};  // of households, either way
    static constexpr size_t most = 1024;

    NeighbourTable(const Clock& clock, PublicKey self) : m_clock(clock), m_self(self) {}

    // An advert, as it came.
    tl::expected<const KnownNeighbour*, AdvertRefusal> hear(const std::string& interface, const LinkAddress& link,
                                                            const IpAddress& from, ByteView datagram);
    // From before a restart: believed until its next advert, or for so long.
    void remember(const NeighbourPlace& place, std::chrono::seconds patience);
    // `needed`: with these something was agreed; they stay without adverts.
    void forgetSilent(const std::vector<PublicKey>& needed);

    [[nodiscard]] const KnownNeighbour* find(const PublicKey& key) const;
    // Whose datagram that is, as far as its addresses say.
    [[nodiscard]] const KnownNeighbour* at(const std::string& interface, const LinkAddress& link) const;
    [[nodiscard]] const std::map<PublicKey, KnownNeighbour>& all() const { return m_all; }

private:
    struct Runs {
        uint64_t run = 0;
        uint32_t number = 0;
        SystemTime issued;
        std::deque<uint64_t> left;
        SteadyTime heard{};
    };
    [[nodiscard]] std::optional<AdvertRefusal> objection(const agreement::Advert& advert, const std::string& interface,
                                                         const LinkAddress& link, const IpAddress& from) const;
    [[nodiscard]] bool isClaimed(const agreement::Advert& advert, const std::string& interface) const;
    void follow(const agreement::Advert& advert);
    using Spot = std::pair<std::string, LinkAddress>;  // an interface, and a link-layer address there
    void leave(const NeighbourPlace& place);

    const Clock& m_clock;
    PublicKey m_self;
    std::map<PublicKey, KnownNeighbour> m_all;
    std::map<Spot, PublicKey> m_at;    // of the same; nobody shares a spot
    std::map<PublicKey, Runs> m_runs;  // also of those who are silent: what they said may be said again
};

}  // namespace netpas::secretaryd
