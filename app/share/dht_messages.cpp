#include "app/share/dht_messages.h"

namespace netpas::dht {

namespace {

constexpr uint8_t typeFollow = 1;
constexpr uint8_t typeKept = 2;
constexpr uint8_t typeNodes = 3;

struct Encode {
    Writer& out;
    void operator()(const Follow& follow) const {
        out.u8(typeFollow);
        out.u16(static_cast<uint16_t>(follow.topics.size()));
        for (const Topic& topic : follow.topics) out.bytes(topic);
    }
    void operator()(const Kept& kept) const {
        out.u8(typeKept);
        out.bytes(kept.topic);
        out.blob16(kept.value);
    }
    void operator()(const Nodes& nodes) const {
        out.u8(typeNodes);
        out.u16(nodes.count);
    }
};

std::optional<Message> decodeFollow(Reader& in) {
    Follow follow;
    const uint16_t count = in.u16();
    if (count > maxTopics) return std::nullopt;
    for (unsigned i = 0; i < count && in.ok(); ++i) {
        Topic topic{};
        in.array(topic);
        follow.topics.insert(topic);
    }
    if (!in.finished() || follow.topics.size() != count) return std::nullopt;
    return follow;
}

}  // namespace

Bytes encode(const Message& message) {
    Writer out;
    std::visit(Encode{out}, message);
    return out.take();
}

std::optional<Message> decode(ByteView bytes) {
    Reader in(bytes);
    switch (in.u8()) {
    case typeFollow: return decodeFollow(in);
    case typeKept: {
        Kept kept;
        in.array(kept.topic);
        const ByteView value = in.blob16(maxValue);
        if (!in.finished()) return std::nullopt;
        kept.value.assign(value.begin(), value.end());
        return kept;
    }
    case typeNodes: {
        const Nodes nodes{in.u16()};
        if (!in.finished()) return std::nullopt;
        return nodes;
    }
    default: return std::nullopt;
    }
}

}  // namespace netpas::dht
