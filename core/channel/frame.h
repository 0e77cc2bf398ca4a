// Frames of the channel and how they stand on a byte stream (core/channel/PROTOCOL.md). Pure: bytes in, frames out.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "core/bytes.h"

namespace netpas::channel {

inline constexpr size_t frameHeaderSize = 6;
inline constexpr size_t maxFramePayload = 16384;
inline constexpr size_t maxSerialPayload = 2048;  // a sign of life waits behind one frame
inline constexpr size_t maxFrame = frameHeaderSize + maxFramePayload;

struct FrameHeader {
    uint8_t version = 0;
    bool first = false;  // part of a message
    bool last = false;
    uint32_t sequence = 0;
};
[[nodiscard]] Bytes makeFrame(const FrameHeader& header, ByteView payload);
// Nothing when it is too short or has unknown flags; of another version the flags are not looked at.
[[nodiscard]] std::optional<FrameHeader> readFrameHeader(ByteView frame);

// CRC-32 as in IEEE 802.3.
[[nodiscard]] uint32_t crc32(ByteView bytes);
// Consistent overhead byte stuffing: no zero byte comes out.
[[nodiscard]] Bytes cobsEncode(ByteView bytes);
[[nodiscard]] std::optional<Bytes> cobsDecode(ByteView bytes);

// Frames on a byte stream.
class Framing {
public:
    using Frame = std::function<void(ByteView)>;
    virtual ~Framing() = default;
    [[nodiscard]] virtual Bytes wrap(ByteView frame) = 0;
    // Calls `take` for every whole frame. False: a frame was damaged; what follows may be whole again only where skipsDamage() says so.
    [[nodiscard]] virtual bool feed(ByteView bytes, const Frame& take) = 0;
    [[nodiscard]] virtual bool skipsDamage() const = 0;
};
// A 32-bit length and the frame.
[[nodiscard]] std::unique_ptr<Framing> lengthFraming();
// The frame and its CRC-32 without zero bytes, between zero bytes.
[[nodiscard]] std::unique_ptr<Framing> serialFraming();

}  // namespace netpas::channel
