// What a client of the secretary may ask for (DESIGN §10). Each door grants a mask; the secretary checks it for every request.
#pragma once

#include <cstdint>

namespace netpas {

enum class Capability : uint32_t {
    Read = 1,     // own purchases, status
    Request = 2,  // quotes, purchases, stopping own ones
    Decide = 4,   // answers to prompts
    Policy = 8,   // rules, budgets, modes, contacts
    Keys = 16,    // lock and unlock, passphrase, backup, restore, recovery words
    Agent = 32,   // what only an agent says: hello, counters, quotes, relayed streams
};

class Capabilities {
public:
    constexpr Capabilities() = default;
    constexpr Capabilities(Capability one) : m_bits(static_cast<uint32_t>(one)) {}
    // Unknown bits are dropped.
    [[nodiscard]] static constexpr Capabilities fromBits(uint32_t bits) {
        Capabilities all;
        all.m_bits = bits & known;
        return all;
    }
    [[nodiscard]] constexpr uint32_t bits() const { return m_bits; }
    [[nodiscard]] constexpr bool has(Capability one) const { return (m_bits & static_cast<uint32_t>(one)) != 0; }
    friend constexpr Capabilities operator|(Capabilities a, Capabilities b) { return fromBits(a.m_bits | b.m_bits); }
    friend constexpr Capabilities operator&(Capabilities a, Capabilities b) { return fromBits(a.m_bits & b.m_bits); }
    friend constexpr bool operator==(Capabilities, Capabilities) = default;

private:
    static constexpr uint32_t known = 63;
    uint32_t m_bits = 0;
};
constexpr Capabilities operator|(Capability a, Capability b) { return Capabilities(a) | Capabilities(b); }

// What an agent's channel is granted, whatever users its requests claim to come from: a hijacked one could claim any.
inline constexpr Capabilities agentCapabilities = Capability::Agent | Capability::Read | Capability::Request;

}  // namespace netpas
