#include "app/cli/keyring.h"

#include <dlfcn.h>

#include <array>
#include <cstring>
#include <utility>

namespace netpas::cli {

using secretary::SecretText;

namespace {

// libsecret's stable binary interface (libsecret-1, since 0.1): a schema, and functions that take attributes as pairs of
// names and values up to a null pointer.
struct SchemaAttribute {
    const char* name;
    int type;  // 0: text
};
struct Schema {
    const char* name;
    int flags;
    std::array<SchemaAttribute, 32> attributes;
    int reserved;
    std::array<void*, 7> reservedPointers;
};
struct GlibError {
    uint32_t domain;
    int code;
    char* message;
};

using StoreFunction = int (*)(const Schema*, const char* collection, const char* label, const char* secret, void*,
                              GlibError**, ...);
using LookupFunction = char* (*)(const Schema*, void*, GlibError**, ...);
using ClearFunction = int (*)(const Schema*, void*, GlibError**, ...);
using FreeSecretFunction = void (*)(char*);
using FreeErrorFunction = void (*)(GlibError*);

const Schema& schema() {
    static const Schema only{"net.netpas.Secretary", 0, {{{"secretary", 0}}}, 0, {}};
    return only;
}

constexpr const char* whichName = "secretary";
constexpr const char* whichValue = "local";
constexpr const char* noAttribute = nullptr;

template <typename Function>
Function symbol(void* library, const char* name) {
    void* const found = ::dlsym(library, name);
    Function function = nullptr;
    static_assert(sizeof function == sizeof found);
    std::memcpy(&function, &found, sizeof function);
    return function;
}

Problem unusable(const std::string& why) {
    return {
        Exit::Failed, "NO_KEYRING", "the desktop's key store cannot be used: " + why,
        "leave --keyring out and type the passphrase; or install libsecret-1-0 and a key store, and be logged in to "
        "a desktop session"};
}

Problem failed(void* library, GlibError* error) {
    const std::string why = error != nullptr && error->message != nullptr ? error->message : "it refused";
    if (error != nullptr) {
        if (const auto release = symbol<FreeErrorFunction>(library, "g_error_free")) release(error);
    }
    return unusable(why);
}

}  // namespace

tl::expected<Keyring, Problem> Keyring::open(const char* library) {
    void* const handle = ::dlopen(library, RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) return tl::unexpected(unusable("libsecret is not installed"));
    Keyring keyring(handle);
    for (const char* name : {"secret_password_store_sync", "secret_password_lookup_sync", "secret_password_clear_sync",
                             "secret_password_free"}) {
        if (::dlsym(handle, name) == nullptr) return tl::unexpected(unusable("libsecret has no " + std::string(name)));
    }
    return keyring;
}

Keyring::Keyring(Keyring&& other) noexcept : m_library(std::exchange(other.m_library, nullptr)) {}

// GLib's types stay registered for good: the library is not unloaded.
Keyring::~Keyring() = default;

tl::expected<void, Problem> Keyring::keep(const SecretText& passphrase) const {
    const auto store = symbol<StoreFunction>(m_library, "secret_password_store_sync");
    GlibError* error = nullptr;
    const std::string text(passphrase.view());
    const int kept = store(&schema(), nullptr, "NetPaS secretary", text.c_str(), nullptr, &error, whichName, whichValue,
                           noAttribute);
    secretary::wipe(const_cast<char*>(text.data()), text.size());
    if (kept == 0 || error != nullptr) return tl::unexpected(failed(m_library, error));
    return {};
}

tl::expected<std::optional<SecretText>, Problem> Keyring::find() const {
    const auto lookup = symbol<LookupFunction>(m_library, "secret_password_lookup_sync");
    GlibError* error = nullptr;
    char* const found = lookup(&schema(), nullptr, &error, whichName, whichValue, noAttribute);
    if (error != nullptr) return tl::unexpected(failed(m_library, error));
    if (found == nullptr) return std::optional<SecretText>{};
    std::optional<SecretText> secret{SecretText(std::string_view(found))};
    symbol<FreeSecretFunction>(m_library, "secret_password_free")(found);  // wipes it
    return secret;
}

tl::expected<void, Problem> Keyring::forget() const {
    const auto clear = symbol<ClearFunction>(m_library, "secret_password_clear_sync");
    GlibError* error = nullptr;
    (void)clear(&schema(), nullptr, &error, whichName, whichValue, noAttribute);
    if (error != nullptr) return tl::unexpected(failed(m_library, error));
    return {};
}

}  // namespace netpas::cli
