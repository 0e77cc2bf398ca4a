// The signed envelope and what clients check.
#include "core/directory/documents.h"

#include <sodium.h>

#include <charconv>
#include <nlohmann/json.hpp>

#include "core/bytes.h"
#include "core/crypto/hex.h"

namespace netpas::directory {

namespace {

using Json = nlohmann::ordered_json;

constexpr size_t maxEnvelope = size_t{1} << 20;
constexpr std::string_view purpose = "NetPaS directory 1";
// A publisher's clock may be ahead of the reader's by that much.
constexpr auto clockSkew = std::chrono::seconds(60);

Bytes signedMessage(std::string_view payload) {
    Writer writer;
    writer.blob16({reinterpret_cast<const uint8_t*>(purpose.data()), purpose.size()});
    writer.bytes({reinterpret_cast<const uint8_t*>(payload.data()), payload.size()});
    return writer.take();
}

std::string toBase64(std::string_view bytes) {
    std::string out(sodium_base64_encoded_len(bytes.size(), sodium_base64_VARIANT_ORIGINAL), '\0');
    sodium_bin2base64(out.data(), out.size(), reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
                      sodium_base64_VARIANT_ORIGINAL);
    out.pop_back();  // the terminating zero
    return out;
}

std::optional<std::string> fromBase64(std::string_view text) {
    std::string out(text.size() / 4 * 3 + 3, '\0');
    size_t size = 0;
    if (sodium_base642bin(reinterpret_cast<unsigned char*>(out.data()), out.size(), text.data(), text.size(), nullptr,
                          &size, nullptr, sodium_base64_VARIANT_ORIGINAL) != 0) {
        return std::nullopt;
    }
    out.resize(size);
    return out;
}

tl::expected<void, DocumentError> checkTime(const Validity& validity, SystemTime now) {
    if (validity.issued > now + clockSkew) return tl::unexpected(DocumentError::NotYetValid);
    if (validity.expires <= now) return tl::unexpected(DocumentError::Expired);
    return {};
}

template <typename Document>
tl::expected<Document, DocumentError> check(tl::expected<Document, DocumentError> document, std::optional<IspId> isp,
                                            SystemTime now) {
    if (!document) return document;
    const Validity& validity = document->validity;
    if (isp && validity.isp != *isp) return tl::unexpected(DocumentError::WrongIsp);
    if (auto timely = checkTime(validity, now); !timely) return tl::unexpected(timely.error());
    return document;
}

}  // namespace

bool isCurrent(const Validity& validity, SystemTime now) { return checkTime(validity, now).has_value(); }

std::string_view describe(DocumentError error) {
    switch (error) {
    case DocumentError::NotJson: return "the document is not JSON";
    case DocumentError::WrongShape: return "the document lacks a field or has one out of range";
    case DocumentError::BadSignature: return "the document's signature is wrong";
    case DocumentError::WrongIsp: return "the document is another ISP's";
    case DocumentError::WrongKind: return "the document is of another kind";
    case DocumentError::NotYetValid: return "the document is from the future: check the clock";
    case DocumentError::Expired: return "the document has expired";
    case DocumentError::BadUrl: return "the URL is not of the form https://ADDRESS:PORT/#KEY";
    }
    return "unknown";
}

std::string seal(std::string_view payload, const Identity& identity) {
    const Json envelope{{"payload", toBase64(payload)},
                        {"key", identity.publicKey().hex()},
                        {"signature", toHex(identity.sign(signedMessage(payload)).bytes)}};
    return envelope.dump() + "\n";
}

tl::expected<std::string, DocumentError> open(std::string_view envelope, const PublicKey& key) {
    if (envelope.size() > maxEnvelope) return tl::unexpected(DocumentError::WrongShape);
    const Json json = Json::parse(envelope, nullptr, false);
    if (json.is_discarded()) return tl::unexpected(DocumentError::NotJson);
    const auto field = [&](const char* name) -> std::string {
        const auto found = json.is_object() ? json.find(name) : json.end();
        return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
    };
    const auto payload = fromBase64(field("payload"));
    const auto signer = PublicKey::parse(field("key"));
    Signature signature;
    if (!payload || !signer || !fromHex(field("signature"), signature.bytes))
        return tl::unexpected(DocumentError::WrongShape);
    if (*signer != key || !verify(key, signedMessage(*payload), signature))
        return tl::unexpected(DocumentError::BadSignature);
    return *payload;
}

tl::expected<Descriptor, DocumentError> openDescriptor(std::string_view envelope, const PublicKey& key,
                                                       SystemTime now) {
    const auto payload = open(envelope, key);
    if (!payload) return tl::unexpected(payload.error());
    return check(descriptorFromJson(*payload), std::nullopt, now);
}

tl::expected<Menu, DocumentError> openMenu(std::string_view envelope, const PublicKey& key, IspId isp, SystemTime now) {
    const auto payload = open(envelope, key);
    if (!payload) return tl::unexpected(payload.error());
    return check(menuFromJson(*payload), isp, now);
}

tl::expected<Keys, DocumentError> openKeys(std::string_view envelope, const PublicKey& key, IspId isp, SystemTime now) {
    const auto payload = open(envelope, key);
    if (!payload) return tl::unexpected(payload.error());
    return check(keysFromJson(*payload), isp, now);
}

tl::expected<Paths, DocumentError> openPaths(std::string_view envelope, const PublicKey& key, IspId isp,
                                             SystemTime now) {
    const auto payload = open(envelope, key);
    if (!payload) return tl::unexpected(payload.error());
    return check(pathsFromJson(*payload), isp, now);
}

tl::expected<PayeeCertificates, DocumentError> openPayee(std::string_view envelope, const PublicKey& key, IspId isp,
                                                         SystemTime now) {
    const auto payload = open(envelope, key);
    if (!payload) return tl::unexpected(payload.error());
    return check(payeeFromJson(*payload), isp, now);
}

tl::expected<JoinUrl, DocumentError> parseJoinUrl(std::string_view url) {
    constexpr std::string_view scheme = "https://";
    const auto bad = tl::unexpected(DocumentError::BadUrl);
    if (!url.starts_with(scheme)) return bad;
    url.remove_prefix(scheme.size());
    const size_t slash = url.find("/#");
    if (slash == std::string_view::npos) return bad;
    const std::string_view place = url.substr(0, slash);
    const auto key = PublicKey::parse(url.substr(slash + 2));
    const size_t colon = place.rfind(':');
    if (!key || colon == std::string_view::npos || colon == 0) return bad;
    std::string_view host = place.substr(0, colon);
    const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
    if (bracketed) host = host.substr(1, host.size() - 2);
    const auto address = IpAddress::parse(host);
    const std::string_view digits = place.substr(colon + 1);
    uint16_t port = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (!address || address->isV6() != bracketed || error != std::errc{} || end != digits.data() + digits.size() ||
        port == 0) {
        return bad;
    }
    return JoinUrl{{*address, port}, *key};
}

std::string toString(const JoinUrl& url) { return "https://" + url.directory.toString() + "/#" + url.key.hex(); }

}  // namespace netpas::directory
