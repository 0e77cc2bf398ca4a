#include "tun/packet/checksum.h"

#include "core/bytes.h"
#include "tun/packet/ip_packet.h"

#if defined(__x86_64__) && defined(__GNUC__)
#define NETPAS_AVX2 1
#include <immintrin.h>
#endif

namespace netpas::tun {
namespace {

// Adds 32-bit words into 64 bits: no carry is lost before 16 GiB.
struct Portable {
    template <bool Copy>
    static uint64_t sum(const uint8_t* source, uint8_t* destination, size_t size) noexcept {
        uint64_t low = 0;
        uint64_t high = 0;
        while (size >= 16) {
            uint64_t a = 0;
            uint64_t b = 0;
            std::memcpy(&a, source, 8);
            std::memcpy(&b, source + 8, 8);
            if constexpr (Copy) {
                std::memcpy(destination, &a, 8);
                std::memcpy(destination + 8, &b, 8);
                destination += 16;
            }
            low += (a & 0xffff'ffff) + (b & 0xffff'ffff);
            high += (a >> 32) + (b >> 32);
            source += 16;
            size -= 16;
        }
        return low + high + tail<Copy>(source, destination, size);
    }

    // Fewer than 32 bytes; a last odd byte counts as if a zero followed.
    template <bool Copy>
    static uint64_t tail(const uint8_t* source, uint8_t* destination, size_t size) noexcept {
        if constexpr (Copy) std::memcpy(destination, source, size);
        uint64_t sum = 0;
        for (; size >= 4; size -= 4, source += 4) {
            uint32_t word = 0;
            std::memcpy(&word, source, 4);
            sum += word;
        }
        if (size >= 2) {
            uint16_t word = 0;
            std::memcpy(&word, source, 2);
            sum += word;
            source += 2;
            size -= 2;
        }
        if (size == 1) {
            uint16_t word = 0;
            std::memcpy(&word, source, 1);
            sum += word;
        }
        return sum;
    }
};

#ifdef NETPAS_AVX2
struct Avx2 {
    template <bool Copy>
    __attribute__((target("avx2"))) static uint64_t sum(const uint8_t* source, uint8_t* destination,
                                                        size_t size) noexcept {
        const __m256i mask = _mm256_set1_epi64x(0xffff'ffff);
        __m256i low = _mm256_setzero_si256();
        __m256i high = _mm256_setzero_si256();
        while (size >= 64) {
            const __m256i a = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(source));
            const __m256i b = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(source + 32));
            if constexpr (Copy) {
                _mm256_storeu_si256(reinterpret_cast<__m256i*>(destination), a);
                _mm256_storeu_si256(reinterpret_cast<__m256i*>(destination + 32), b);
                destination += 64;
            }
            const __m256i lows = _mm256_add_epi64(_mm256_and_si256(a, mask), _mm256_and_si256(b, mask));
            const __m256i highs = _mm256_add_epi64(_mm256_srli_epi64(a, 32), _mm256_srli_epi64(b, 32));
            low = _mm256_add_epi64(low, lows);
            high = _mm256_add_epi64(high, highs);
            source += 64;
            size -= 64;
        }
        alignas(32) uint64_t lanes[4];
        _mm256_store_si256(reinterpret_cast<__m256i*>(lanes), _mm256_add_epi64(low, high));
        return lanes[0] + lanes[1] + lanes[2] + lanes[3] + Portable::sum<Copy>(source, destination, size);
    }
};

const bool hasAvx2 = [] {
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") != 0;
}();
#endif

template <bool Copy>
uint64_t sumBytes(const uint8_t* source, uint8_t* destination, size_t size) noexcept {
#ifdef NETPAS_AVX2
    if (size >= 64 && hasAvx2) return Avx2::sum<Copy>(source, destination, size);
#endif
    return Portable::sum<Copy>(source, destination, size);
}

}  // namespace

InternetSum& InternetSum::add(std::span<const uint8_t> bytes) noexcept {
    addFolded(sumBytes<false>(bytes.data(), nullptr, bytes.size()));
    return *this;
}

InternetSum& InternetSum::addCopying(std::span<const uint8_t> source, uint8_t* destination) noexcept {
    addFolded(sumBytes<true>(source.data(), destination, source.size()));
    return *this;
}

InternetSum pseudoHeaderSum(const PacketView& packet, uint32_t length) noexcept {
    InternetSum sum;
    // Both families have the addresses side by side at the end of the fixed header.
    if (packet.version == 4) {
        sum.addFixed<8>(packet.data + 12);
    } else {
        sum.addFixed<32>(packet.data + 8);
    }
    return sum.addNumber32(length).addNumber16(packet.protocol);
}

void storeIpv4HeaderChecksum(std::span<uint8_t> header) noexcept {
    store16(header.data() + 10, 0);
    InternetSum().add(header).storeChecksum(header.data() + 10);
}

bool ipv4HeaderChecksumHolds(std::span<const uint8_t> header) noexcept {
    if (header.size() == 20) return InternetSum().addFixed<20>(header.data()).verifies();
    return InternetSum().add(header).verifies();
}

bool transportChecksumHolds(const PacketView& packet) noexcept {
    if (packet.fragment || packet.sourceRouted || packet.l4HeaderLength == 0) return false;
    auto l4 = packet.bytes().subspan(packet.l4Offset);
    if (packet.protocol == ipproto::icmp && packet.version == 4) return InternetSum().add(l4).verifies();
    const bool known = packet.protocol == ipproto::tcp || packet.protocol == ipproto::udp ||
                       (packet.protocol == ipproto::icmp6 && packet.version == 6);
    if (!known) return false;
    if (packet.protocol == ipproto::udp) {
        if (load16(l4.data() + 6) == 0) return packet.version == 4;
        l4 = l4.first(load16(l4.data() + 4));
    }
    return pseudoHeaderSum(packet, static_cast<uint32_t>(l4.size())).add(l4).verifies();
}

uint16_t adjustChecksum(uint16_t checksum, uint16_t before, uint16_t after) noexcept {
    // HC' = ~(~HC + ~m + m')
    uint32_t sum = static_cast<uint16_t>(~checksum);
    sum += static_cast<uint16_t>(~before);
    sum += after;
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<uint16_t>(~sum);
}

}  // namespace netpas::tun
