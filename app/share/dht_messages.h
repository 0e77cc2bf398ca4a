// What an agent and its netpas-dht say to each other, one message a packet of a local socket. Pure; any thread.
#pragma once

#include <optional>
#include <set>
#include <variant>

#include "cartographer/share/community.h"

namespace netpas::dht {

using share::Topic;

// To netpas-dht: exactly these topics are followed.
struct Follow {
    std::set<Topic> topics;
    friend bool operator==(const Follow&, const Follow&) = default;
};
// To netpas-dht: to be kept under the topic, in place of what was to be kept before. From it: was found there.
struct Kept {
    Topic topic{};
    Bytes value;
    friend bool operator==(const Kept&, const Kept&) = default;
};
// From netpas-dht: nodes that answer it.
struct Nodes {
    uint16_t count = 0;
    friend bool operator==(const Nodes&, const Nodes&) = default;
};
using Message = std::variant<Follow, Kept, Nodes>;

inline constexpr size_t maxTopics = 64;
inline constexpr size_t maxValue = 2048;
inline constexpr size_t maxMessage = 1 + 20 + 2 + maxValue;
inline constexpr int agentSocket = 3;  // netpas-dht's descriptor

// `message` is within the limits.
[[nodiscard]] Bytes encode(const Message& message);
[[nodiscard]] std::optional<Message> decode(ByteView bytes);

}  // namespace netpas::dht
