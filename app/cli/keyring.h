// The desktop's key store (Secret Service), through libsecret where it is installed: loaded when it is asked for, so that
// headless systems need none.
#pragma once

#include <optional>
#include <string>

#include <tl/expected.hpp>

#include "app/cli/client.h"
#include "secretary/vault/secret.h"

namespace netpas::cli {

class Keyring {
public:
    // The library's name is another one in tests only.
    [[nodiscard]] static tl::expected<Keyring, Problem> open(const char* library = "libsecret-1.so.0");
    Keyring(Keyring&& other) noexcept;
    Keyring& operator=(Keyring&&) = delete;
    Keyring(const Keyring&) = delete;
    Keyring& operator=(const Keyring&) = delete;
    ~Keyring();

    // Replaces what was kept before. The key store may ask the user to unlock it.
    [[nodiscard]] tl::expected<void, Problem> keep(const secretary::SecretText& passphrase) const;
    // Nothing: it keeps none.
    [[nodiscard]] tl::expected<std::optional<secretary::SecretText>, Problem> find() const;
    [[nodiscard]] tl::expected<void, Problem> forget() const;

private:
    explicit Keyring(void* library) : m_library(library) {}
    void* m_library;
};

}  // namespace netpas::cli
