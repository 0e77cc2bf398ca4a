// The internet checksum (RFC 1071), summed 64 bits at a time, and copying and summing in one pass.
//
// Sums are kept in the byte order in which they lie in memory: a one's complement sum does not care. Values given as numbers
// are converted when added.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace netpas::tun {

struct PacketView;

class InternetSum {
public:
    constexpr InternetSum() noexcept = default;

    // Only the last piece that is added may have an odd length.
    InternetSum& add(std::span<const uint8_t> bytes) noexcept;
    // The same for a few words whose number the compiler knows.
    template <size_t Size>
    InternetSum& addFixed(const uint8_t* bytes) noexcept {
        static_assert(Size % 4 == 0 && Size <= 64);
        for (size_t i = 0; i < Size; i += 4) {
            uint32_t word = 0;
            std::memcpy(&word, bytes + i, 4);
            m_sum += word;
        }
        return *this;
    }
    // Copies source to destination (at least as long, not overlapping) and adds it.
    InternetSum& addCopying(std::span<const uint8_t> source, uint8_t* destination) noexcept;
    constexpr InternetSum& addNumber16(uint16_t number) noexcept {
        m_sum += std::endian::native == std::endian::little ? static_cast<uint16_t>(number << 8 | number >> 8) : number;
        return *this;
    }
    constexpr InternetSum& addNumber32(uint32_t number) noexcept {
        return addNumber16(static_cast<uint16_t>(number >> 16)).addNumber16(static_cast<uint16_t>(number));
    }
    // A folded sum, as store() wrote it, or as the kernel leaves it in a checksum field that is still to be completed.
    InternetSum& addStored(const uint8_t* field) noexcept {
        uint16_t raw = 0;
        std::memcpy(&raw, field, sizeof raw);
        m_sum += raw;
        return *this;
    }
    constexpr InternetSum& add(InternetSum other) noexcept {
        m_sum += other.foldedRaw();
        return *this;
    }

    // Writes the sum itself: what NEEDS_CSUM expects of the pseudo-header.
    void storeSum(uint8_t* field) const noexcept { store(foldedRaw(), field); }
    // Writes the checksum, the complement of the sum.
    void storeChecksum(uint8_t* field) const noexcept { store(static_cast<uint16_t>(~foldedRaw()), field); }
    // The same for UDP, where a checksum of 0 is sent as 0xffff.
    void storeUdpChecksum(uint8_t* field) const noexcept {
        const auto checksum = static_cast<uint16_t>(~foldedRaw());
        store(checksum == 0 ? uint16_t{0xffff} : checksum, field);
    }
    // Whether the sum, checksum field included, is that of an intact packet.
    [[nodiscard]] constexpr bool verifies() const noexcept { return foldedRaw() == 0xffff; }

private:
    [[nodiscard]] constexpr uint16_t foldedRaw() const noexcept {
        uint64_t sum = (m_sum & 0xffff'ffff) + (m_sum >> 32);
        sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
        sum = (sum & 0xffff) + (sum >> 16);
        sum = (sum & 0xffff) + (sum >> 16);
        return static_cast<uint16_t>(sum);
    }
    // Halves the width, so that any number of pieces can be added.
    void addFolded(uint64_t sum) noexcept { m_sum += (sum & 0xffff'ffff) + (sum >> 32); }
    static void store(uint16_t raw, uint8_t* field) noexcept { std::memcpy(field, &raw, sizeof raw); }

    uint64_t m_sum = 0;
};

// The pseudo-header of TCP, UDP (RFC 793, RFC 768) and ICMPv6 (RFC 8200 §8.1), for an upper-layer length of `length` bytes.
[[nodiscard]] InternetSum pseudoHeaderSum(const PacketView& packet, uint32_t length) noexcept;

// Writes the IPv4 header checksum; the span is the header.
void storeIpv4HeaderChecksum(std::span<uint8_t> header) noexcept;
[[nodiscard]] bool ipv4HeaderChecksumHolds(std::span<const uint8_t> header) noexcept;

// Whether the checksum of an unfragmented TCP, UDP, ICMP or ICMPv6 packet holds; a UDP checksum of 0 over IPv4 (none) does. False for
// other protocols and for fragments, about which nothing can be said. Does not look at the IPv4 header's own checksum.
[[nodiscard]] bool transportChecksumHolds(const PacketView& packet) noexcept;

// RFC 1624: adjusts a checksum for one 16-bit word of the packet that changed. Numbers in host order.
[[nodiscard]] uint16_t adjustChecksum(uint16_t checksum, uint16_t before, uint16_t after) noexcept;

}  // namespace netpas::tun
