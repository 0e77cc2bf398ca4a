// Somebody on a link of neighbours who says what it likes, in whatever name: frames with any link-layer and link-local address, and what others said, to be said again.
#pragma once

#include <string>
#include <vector>

#include "app/lab/lab.h"
#include "core/agreement/advert.h"
#include "core/bytes.h"
#include "core/link_address.h"
#include "core/net_address.h"

namespace netpas::lab {

// Where a datagram comes from, or goes.
struct MeshSpot {
    LinkAddress link{};
    IpAddress address;  // link-local
};

class MeshAttacker {
public:
    struct Heard {
        MeshSpot from, to;
        uint16_t port = 0;
        Bytes bytes;
    };
    static constexpr size_t headers = 40 + 8;  // IPv6, UDP
    // All neighbours on a link.
    [[nodiscard]] static MeshSpot everybody();
    // The number'th of many that are nobody.
    [[nodiscard]] static MeshSpot nobody(uint32_t number);

    MeshAttacker() = default;
    ~MeshAttacker();
    MeshAttacker(const MeshAttacker&) = delete;
    MeshAttacker& operator=(const MeshAttacker&) = delete;

    Expected<void> openIn(const Lab& lab, const std::string& node, const std::string& interface);
    // False: the link took no more.
    bool say(const MeshSpot& from, const MeshSpot& to, ByteView bytes, uint16_t port = agreement::agreementPort) const;
    // The datagrams of others since the last call, to whomever.
    [[nodiscard]] std::vector<Heard> heard() const;
    // … to everybody.
    [[nodiscard]] std::vector<Heard> overheard() const;

private:
    int m_socket = -1;
    int m_index = 0;
};

}  // namespace netpas::lab
