// Secrets in memory: wiped at the end of their life, moved, never copied.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace netpas::secretary {

void wipe(void* memory, size_t size);

template <size_t Size>
class Secret {
public:
    Secret() = default;
    explicit Secret(const std::array<uint8_t, Size>& bytes) : m_bytes(bytes) {}
    Secret(Secret&& other) noexcept : m_bytes(other.m_bytes) { other.clear(); }
    Secret& operator=(Secret&& other) noexcept {
        if (this != &other) {
            m_bytes = other.m_bytes;
            other.clear();
        }
        return *this;
    }
    Secret(const Secret&) = delete;
    Secret& operator=(const Secret&) = delete;
    ~Secret() { clear(); }

    [[nodiscard]] const std::array<uint8_t, Size>& bytes() const { return m_bytes; }
    [[nodiscard]] std::array<uint8_t, Size>& bytes() { return m_bytes; }
    void clear() { wipe(m_bytes.data(), Size); }

private:
    std::array<uint8_t, Size> m_bytes{};
};

using DataKey = Secret<32>;

// A passphrase, or recovery words.
class SecretText {
public:
    SecretText() = default;
    explicit SecretText(std::string_view text) : m_text(text) {}
    // Takes what the caller has and leaves nothing there.
    explicit SecretText(std::string&& text) : m_text(text) {
        wipe(text.data(), text.size());
        text.clear();
    }
    SecretText(SecretText&& other) noexcept : SecretText(std::move(other.m_text)) {}
    SecretText& operator=(SecretText&& other) noexcept {
        if (this != &other) {
            clear();
            m_text = other.m_text;
            other.clear();
        }
        return *this;
    }
    SecretText(const SecretText&) = delete;
    SecretText& operator=(const SecretText&) = delete;
    ~SecretText() { clear(); }

    [[nodiscard]] std::string_view view() const { return m_text; }
    [[nodiscard]] SecretText copy() const { return SecretText(std::string_view(m_text)); }
    void clear() {
        wipe(m_text.data(), m_text.size());
        m_text.clear();
    }

private:
    std::string m_text;
};

}  // namespace netpas::secretary
