#include "core/channel/frame.h"

#include <algorithm>
#include <array>

namespace netpas::channel {

namespace {

constexpr uint8_t firstFlag = 1;
constexpr uint8_t lastFlag = 2;
constexpr uint8_t ourVersion = 1;
constexpr size_t crcSize = 4;

constexpr std::array<uint32_t, 256> crcTable = [] {
    std::array<uint32_t, 256> table{};
    for (uint32_t i = 0; i < table.size(); ++i) {
        uint32_t value = i;
        for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0xedb88320U : 0U);
        table[i] = value;
    }
    return table;
}();

class LengthFraming final : public Framing {
public:
    Bytes wrap(ByteView frame) override {
        Writer writer;
        writer.u32(static_cast<uint32_t>(frame.size()));
        writer.bytes(frame);
        return writer.take();
    }

    bool feed(ByteView bytes, const Frame& take) override {
        m_input.insert(m_input.end(), bytes.begin(), bytes.end());
        size_t at = 0;
        while (m_input.size() - at >= 4) {
            const size_t length = load32(m_input.data() + at);
            if (length < frameHeaderSize || length > maxFrame) return false;
            if (m_input.size() - at - 4 < length) break;
            take({m_input.data() + at + 4, length});
            at += 4 + length;
        }
        m_input.erase(m_input.begin(), m_input.begin() + static_cast<std::ptrdiff_t>(at));
        return true;
    }

    bool skipsDamage() const override { return false; }

private:
    Bytes m_input;
};

class SerialFraming final : public Framing {
public:
    Bytes wrap(ByteView frame) override {
        Writer plain;
        plain.bytes(frame);
        plain.u32(crc32(frame));
        Writer writer;
        if (std::exchange(m_first, false)) writer.u8(0);  // ends whatever stood on the line before
        writer.bytes(cobsEncode(plain.data()));
        writer.u8(0);
        return writer.take();
    }

    bool feed(ByteView bytes, const Frame& take) override {
        bool whole = true;
        while (!bytes.empty()) {
            const auto zero = std::ranges::find(bytes, uint8_t{0});
            const auto count = static_cast<size_t>(zero - bytes.begin());
            if (m_input.size() + count > longest) {
                m_overlong = true;
            } else {
                m_input.insert(m_input.end(), bytes.begin(), zero);
            }
            if (zero == bytes.end()) break;
            bytes = bytes.subspan(count + 1);
            whole &= endFrame(take);
        }
        return whole;
    }

    bool skipsDamage() const override { return true; }

private:
    static constexpr size_t longest = frameHeaderSize + maxSerialPayload + crcSize + 32;  // with stuffing

    bool endFrame(const Frame& take) {
        const Bytes stuffed = std::exchange(m_input, {});
        if (std::exchange(m_overlong, false)) return false;
        if (stuffed.empty()) return true;  // nothing between two delimiters
        const auto plain = cobsDecode(stuffed);
        if (!plain || plain->size() < frameHeaderSize + crcSize) return false;
        const ByteView frame = ByteView(*plain).first(plain->size() - crcSize);
        if (load32(plain->data() + frame.size()) != crc32(frame)) return false;
        take(frame);
        return true;
    }

    Bytes m_input;
    bool m_overlong = false;
    bool m_first = true;
};

}  // namespace

Bytes makeFrame(const FrameHeader& header, ByteView payload) {
    Writer writer;
    writer.u8(header.version);
    writer.u8(static_cast<uint8_t>((header.first ? firstFlag : 0) | (header.last ? lastFlag : 0)));
    writer.u32(header.sequence);
    writer.bytes(payload);
    return writer.take();
}

std::optional<FrameHeader> readFrameHeader(ByteView frame) {
    Reader reader(frame);
    FrameHeader header;
    header.version = reader.u8();
    const uint8_t flags = reader.u8();
    header.sequence = reader.u32();
    if (!reader.ok() || (header.version == ourVersion && (flags & ~(firstFlag | lastFlag)) != 0)) return std::nullopt;
    header.first = (flags & firstFlag) != 0;
    header.last = (flags & lastFlag) != 0;
    return header;
}

uint32_t crc32(ByteView bytes) {
    uint32_t value = 0xffffffffU;
    for (const uint8_t byte : bytes) value = (value >> 8) ^ crcTable[(value ^ byte) & 0xff];
    return ~value;
}

Bytes cobsEncode(ByteView bytes) {
    Bytes out;
    out.reserve(bytes.size() + bytes.size() / 254 + 2);
    size_t code = 0;  // where the length of the present run stands
    out.push_back(1);
    for (const uint8_t byte : bytes) {
        if (byte != 0) {
            out.push_back(byte);
            ++out[code];
        }
        if (byte == 0 || out[code] == 0xff) {
            code = out.size();
            out.push_back(1);
        }
    }
    return out;
}

std::optional<Bytes> cobsDecode(ByteView bytes) {
    Bytes out;
    out.reserve(bytes.size());
    while (!bytes.empty()) {
        const size_t run = bytes[0];
        if (run == 0 || run > bytes.size()) return std::nullopt;
        const ByteView part = bytes.subspan(1, run - 1);
        if (std::ranges::find(part, uint8_t{0}) != part.end()) return std::nullopt;
        out.insert(out.end(), part.begin(), part.end());
        bytes = bytes.subspan(run);
        if (run != 0xff && !bytes.empty()) out.push_back(0);
    }
    return out;
}

std::unique_ptr<Framing> lengthFraming() { return std::make_unique<LengthFraming>(); }
std::unique_ptr<Framing> serialFraming() { return std::make_unique<SerialFraming>(); }

}  // namespace netpas::channel
