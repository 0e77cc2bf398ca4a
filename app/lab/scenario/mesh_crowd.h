// Many neighbours on one link, each with keys and addresses of its own: they say what they ask, take every offer, count what comes to them under it, sign that at its interval,
// and send what is bought from them. What one node does with few of them or with hundreds is what a scenario looks at.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "app/lab/scenario/mesh_attacker.h"
#include "core/agreement/messages.h"
#include "core/clock.h"
#include "core/crypto/identity.h"

namespace netpas::lab {

class MeshCrowd {
public:
    static constexpr size_t most = 1000;
    static constexpr uint16_t trafficPort = 4000;
    static constexpr size_t payload = 952;  // of a packet, beside UDP and IPv6 headers
    // The network of their own addresses, and what the node between them has there.
    static constexpr const char* network = "fd00:99::";
    static constexpr const char* nodesAddress = "fd00:99::1";

    struct Flow {
        agreement::AgreementId id{};
        std::chrono::seconds interval{0};
        SteadyTime nextCount{};
        uint32_t number = 0;                       // of the last count
        uint64_t packets = 0, bytes = 0;           // that came to the member; or that it has sent
        uint64_t countedPackets = 0, counted = 0;  // by the last count of the receiving end
    };
    struct Member {
        Identity who;
        MeshSpot spot;
        IpAddress address;
        uint32_t adverts = 0;
        SteadyTime nextAdvert{}, nextPacket{};
        std::optional<Flow> upstream, downstream;  // sold to the node
    };

    // Its end of the link; `node`: where the other end is.
    Expected<void> open(const Lab& lab, const std::string& where, const std::string& interface, const MeshSpot& node);
    // So many are there from now on; those above fall silent.
    void become(size_t count);
    // One packet a second from each that sells downstream.
    void sendTraffic(bool on) { m_traffic = on; }
    // What has come, and what is due. Call it often.
    void work();

    [[nodiscard]] size_t size() const { return m_there; }
    [[nodiscard]] const Member& operator[](size_t i) const { return m_members[i]; }
    [[nodiscard]] uint64_t advertsSaid() const { return m_advertsSaid; }
    [[nodiscard]] uint64_t countsSaid() const { return m_countsSaid; }
    [[nodiscard]] uint64_t countsHeard() const { return m_countsHeard; }
    // Agreements that the node has ended.
    [[nodiscard]] uint64_t ended() const { return m_ended; }

    static MeshSpot spotOf(size_t member);
    static IpAddress addressOf(size_t member);

private:
    void take(Member& member, const MeshAttacker::Heard& heard);
    void offered(Member& member, const agreement::Offer& offer);
    void advertise(Member& member);
    void count(Member& member, SteadyTime now);
    void say(const Member& member, const agreement::Message& message);

    MeshAttacker m_air;
    MeshSpot m_node;
    std::vector<Member> m_members;
    std::map<LinkAddress, size_t> m_byLink;
    size_t m_there = 0;
    bool m_traffic = false;
    uint64_t m_advertsSaid = 0, m_countsSaid = 0, m_countsHeard = 0, m_ended = 0;
};

}  // namespace netpas::lab
