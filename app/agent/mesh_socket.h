// How neighbours on one link talk (core/agreement/AGREEMENTS.md): UDP to a group or to a link-local address, hop limit 255 sent and required, so that
// nobody beyond the link can be heard. Each datagram comes with the link-layer address of the frame that carried it. Works in the network namespace of
// the calling thread; control thread. Needs CAP_NET_RAW.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <tl/expected.hpp>

#include "core/bytes.h"
#include "core/link_address.h"
#include "core/net_address.h"

namespace netpas::agent {

inline constexpr size_t maxMeshDatagram = 1232;  // IPv6's least MTU without its header and UDP's

// What a neighbour can see of an interface.
struct MeshInterface {
    std::string name;
    unsigned index = 0;
    LinkAddress link{};
    IpAddress address;  // link-local
    std::optional<IpAddress> address4;
    friend bool operator==(const MeshInterface&, const MeshInterface&) = default;
};
// Nothing: there is no such interface, it is down, has no Ethernet address, or no link-local address yet.
[[nodiscard]] std::optional<MeshInterface> observeInterface(const std::string& name);

struct MeshDatagram {
    IpAddress from;      // link-local
    LinkAddress link{};  // of the frame
    Bytes bytes;
    // The first byte is the version, the second one the kind: 1 adverts, 2 to 8 agreements, 9 and above others. 0: too short to have one.
    [[nodiscard]] uint8_t kind() const { return bytes.size() > 1 ? bytes[1] : uint8_t{0}; }
};

class MeshSocket {
public:
    // The failure is for people.
    [[nodiscard]] static tl::expected<std::unique_ptr<MeshSocket>, std::string> open(const MeshInterface& interface);
    ~MeshSocket();
    MeshSocket(const MeshSocket&) = delete;
    MeshSocket& operator=(const MeshSocket&) = delete;

    // To the neighbour with that link-local address. False: not sent; whoever needs it repeats it.
    bool send(const IpAddress& to, ByteView bytes) const;
    // To all neighbours on the link.
    bool announce(ByteView bytes) const;
    // Nothing: none waits.
    [[nodiscard]] std::optional<MeshDatagram> receive() const;
    // Readable when a datagram waits.
    [[nodiscard]] int descriptor() const { return m_frames; }
    [[nodiscard]] const MeshInterface& interface() const { return m_interface; }

private:
    explicit MeshSocket(MeshInterface interface) : m_interface(std::move(interface)) {}
    [[nodiscard]] bool openSender();
    [[nodiscard]] bool openFrames();

    MeshInterface m_interface;
    int m_sender = -1;
    int m_frames = -1;  // a packet socket: UDP's own would not tell the link-layer address
};

}  // namespace netpas::agent
