// What both ends of a pairing compute (secretary/devices/device_book.h, app/cli): the name of a device and the short code that a person compares.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/crypto/identity.h"

namespace netpas {

inline constexpr uint16_t householdPort = 46724;
inline constexpr size_t maxDeviceName = 32;
inline constexpr std::chrono::minutes pairingLifetime{5};

// Lower-case letters, digits and '-', a letter first.
[[nodiscard]] bool isDeviceName(std::string_view name);

// "K7QM-3F9T-2XWB": 60 bits of a hash over both public keys and the name. Each end computes it from the key that the other one proved in
// the TLS handshake, so whoever stands in between, or asks under the same name, has another code; with so many bits also one who may
// choose both of his keys after he has seen the device's.
[[nodiscard]] std::string pairingCode(const PublicKey& agent, const PublicKey& device, std::string_view name);
// As people type it: in any case, without the dash, with O and I for 0 and 1.
[[nodiscard]] std::string tidyPairingCode(std::string_view typed);

}  // namespace netpas
