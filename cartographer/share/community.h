// Who shares with whom: members' keys and a secret that keeps everybody else from reading along. Plain data and pure functions; any thread.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "cartographer/share/record.h"
#include "core/crypto/seal.h"

namespace netpas::share {

// Where in the distributed table something is kept.
using Topic = std::array<uint8_t, 20>;

class Community {
public:
    using Secret = std::array<uint8_t, 32>;
    static constexpr size_t maxMembers = 1024;

    // `members` beyond maxMembers are left out.
    Community(const Secret& secret, std::vector<PublicKey> members);

    [[nodiscard]] const CommunityId& id() const { return m_id; }
    [[nodiscard]] const std::vector<PublicKey>& members() const { return m_members; }
    // Only what members sign counts; so nobody gains by making keys.
    [[nodiscard]] bool isMember(const PublicKey& key) const;

    // Nobody without the secret can tell which segment a topic is about.
    [[nodiscard]] Topic topicOf(const Segment& segment) const;
    // All of the same size, whatever is in it; opens under its own topic only.
    [[nodiscard]] Bytes close(const SignedRecord& record, const Topic& topic) const;
    [[nodiscard]] std::optional<Bytes> open(ByteView sealed, const Topic& topic) const;

private:
    Secret m_secret;
    CommunityId m_id;
    Seal m_seal;
    std::vector<PublicKey> m_members;  // sorted
};

}  // namespace netpas::share
