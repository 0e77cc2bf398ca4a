// What can go wrong with the protection of the database.
#pragma once

#include <cstdint>
#include <string_view>

namespace netpas::secretary {

enum class VaultError : uint8_t {
    WrongPassphrase,
    TooSoon,        // after a wrong one
    BadPassphrase,  // too short or too long to be set
    Locked,
    NotProtected,  // there is no passphrase
    CannotRead,
    CannotWrite,
    TooOpen,    // others may read the file
    Malformed,  // not a file of this program, or damaged
    Newer,      // written by a newer version of this program
    NoMemory,   // for the derivation of the key
    NoKey,      // a database is there, but nothing that opens it
};

// A sentence with its remedy.
[[nodiscard]] std::string_view describe(VaultError error);

}  // namespace netpas::secretary
