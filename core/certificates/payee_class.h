// The three kinds of payee that NetPaS §4.1.2 names, as certificate policies.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace netpas::certificates {

// Numbers are stored and are the last arc of the policy's identifier: never reuse one.
enum class PayeeClass : uint8_t {
    FewComplaints = 1,  // merchants with a low number of user complaints
    Accountable = 2,    // can be held accountable by law enforcement
    Regulated = 3,      // from countries where regulations against stealing network payments are enforced
};
inline constexpr std::array<PayeeClass, 3> allPayeeClasses{PayeeClass::FewComplaints, PayeeClass::Accountable,
                                                           PayeeClass::Regulated};

[[nodiscard]] std::string_view name(PayeeClass payeeClass);  // "few-complaints", for commands and files
[[nodiscard]] std::string_view describe(PayeeClass payeeClass);
[[nodiscard]] std::optional<PayeeClass> payeeClassFrom(std::string_view name);
// The policy's object identifier. It lies under a UUID of the project's own (2.25, ITU-T X.667), which nobody else assigns from.
[[nodiscard]] std::string policyOid(PayeeClass payeeClass);

class PayeeClasses {
public:
    constexpr PayeeClasses() = default;
    constexpr PayeeClasses(PayeeClass one) : m_bits(bit(one)) {}
    // Bits of classes that do not exist are dropped.
    [[nodiscard]] static constexpr PayeeClasses fromBits(uint8_t bits) {
        PayeeClasses classes;
        classes.m_bits = static_cast<uint8_t>(bits & 0x0e);
        return classes;
    }

    [[nodiscard]] constexpr bool has(PayeeClass one) const { return (m_bits & bit(one)) != 0; }
    [[nodiscard]] constexpr bool empty() const { return m_bits == 0; }
    [[nodiscard]] constexpr uint8_t bits() const { return m_bits; }
    constexpr PayeeClasses& operator|=(PayeeClasses other) {
        m_bits = static_cast<uint8_t>(m_bits | other.m_bits);
        return *this;
    }
    friend constexpr PayeeClasses operator|(PayeeClasses a, PayeeClasses b) { return a |= b; }
    friend constexpr bool operator==(PayeeClasses, PayeeClasses) = default;

private:
    static constexpr uint8_t bit(PayeeClass one) { return static_cast<uint8_t>(1U << static_cast<uint8_t>(one)); }
    uint8_t m_bits = 0;
};

// "few-complaints, accountable"; "none".
[[nodiscard]] std::string names(PayeeClasses classes);

// What a user accepts who has not chosen: NetPaS §4.1.2's risk-averse user.
inline constexpr PayeeClasses cautious{PayeeClass::FewComplaints};

}  // namespace netpas::certificates
