#include "core/net/tls_context.h"

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sodium.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <cstdlib>
#include <memory>

namespace netpas::net {

namespace {

namespace asio = boost::asio;

struct Free {
    void operator()(X509* p) const { X509_free(p); }
    void operator()(EVP_PKEY* p) const { EVP_PKEY_free(p); }
};

int keyCheckIndex() {
    static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
    return index;
}

std::optional<PublicKey> keyOf(X509* certificate) {
    EVP_PKEY* key = certificate == nullptr ? nullptr : X509_get0_pubkey(certificate);
    if (key == nullptr || EVP_PKEY_id(key) != EVP_PKEY_ED25519) return std::nullopt;
    PublicKey out;
    size_t size = out.bytes.size();
    if (EVP_PKEY_get_raw_public_key(key, out.bytes.data(), &size) != 1 || size != out.bytes.size()) return std::nullopt;
    return out;
}

// Ours are valid for ever; one that says of itself that it is not comes from somebody else's tools.
bool isValidNow(const X509* certificate) {
    return certificate != nullptr && X509_cmp_current_time(X509_get0_notBefore(certificate)) < 0 &&
           X509_cmp_current_time(X509_get0_notAfter(certificate)) > 0;
}

// Replaces OpenSSL's chain building: the key decides, and the handshake proves its possession.
int verifyPinned(X509_STORE_CTX* store, void*) {
    auto* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
    const auto* check = static_cast<const KeyCheck*>(SSL_get_ex_data(ssl, keyCheckIndex()));
    X509* const certificate = X509_STORE_CTX_get0_cert(store);
    if (!isValidNow(certificate)) {
        X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_HAS_EXPIRED);
        return 0;
    }
    const auto key = keyOf(certificate);
    if (key && check != nullptr && *check && (*check)(*key)) return 1;
    X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
    return 0;
}

void useIdentity(asio::ssl::context& context, const Identity& identity) {
    Identity::Seed seed = identity.seed();
    const std::unique_ptr<EVP_PKEY, Free> key(
        EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.data(), seed.size()));
    sodium_memzero(seed.data(), seed.size());
    const std::unique_ptr<X509, Free> certificate(X509_new());
    X509* x = certificate.get();
    X509_NAME* name = x == nullptr ? nullptr : X509_get_subject_name(x);
    const auto* common = reinterpret_cast<const unsigned char*>("netpas");
    const bool made =
        key && x != nullptr && X509_set_version(x, 2) == 1 && ASN1_INTEGER_set(X509_get_serialNumber(x), 1) == 1 &&
        ASN1_TIME_set_string_X509(X509_getm_notBefore(x), "19700101000000Z") == 1 &&
        ASN1_TIME_set_string_X509(X509_getm_notAfter(x), "99991231235959Z") == 1 &&
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, common, -1, -1, 0) == 1 &&
        X509_set_issuer_name(x, name) == 1 && X509_set_pubkey(x, key.get()) == 1 &&
        X509_sign(x, key.get(), nullptr) > 0 && SSL_CTX_use_certificate(context.native_handle(), x) == 1 &&
        SSL_CTX_use_PrivateKey(context.native_handle(), key.get()) == 1;
    // Only exhausted memory or a broken OpenSSL gets here, and no safe connection is possible then.
    if (!made) std::abort();
}

asio::ssl::context makeContext(asio::ssl::context::method method) {
    asio::ssl::context context(method);
    SSL_CTX* raw = context.native_handle();
    SSL_CTX_set_min_proto_version(raw, TLS1_3_VERSION);
    SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(raw, 0);
    SSL_CTX_set_options(raw, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(raw, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_cert_verify_callback(raw, verifyPinned, nullptr);
    return context;
}

}  // namespace

asio::ssl::context makeServerContext(const Identity& identity, ClientCertificate clients) {
    auto context = makeContext(asio::ssl::context::tlsv13_server);
    useIdentity(context, identity);
    const bool ask = clients == ClientCertificate::Required;
    SSL_CTX_set_verify(context.native_handle(),
                       ask ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT : SSL_VERIFY_NONE, nullptr);
    return context;
}

asio::ssl::context makeClientContext(const Identity* identity) {
    auto context = makeContext(asio::ssl::context::tlsv13_client);
    if (identity != nullptr) useIdentity(context, *identity);
    SSL_CTX_set_verify(context.native_handle(), SSL_VERIFY_PEER, nullptr);
    return context;
}

void setKeyCheck(SSL* ssl, const KeyCheck* check) {
    SSL_set_ex_data(ssl, keyCheckIndex(), const_cast<KeyCheck*>(check));
}

std::optional<PublicKey> peerKey(SSL* ssl) {
    const std::unique_ptr<X509, Free> certificate(SSL_get1_peer_certificate(ssl));
    return keyOf(certificate.get());
}

asio::ip::tcp::endpoint toAsio(const Endpoint& endpoint) {
    const auto bytes = endpoint.address.bytes();
    if (endpoint.address.isV4()) {
        asio::ip::address_v4::bytes_type raw{};
        std::copy(bytes.begin(), bytes.end(), raw.begin());
        return {asio::ip::address_v4(raw), endpoint.port};
    }
    asio::ip::address_v6::bytes_type raw{};
    std::copy(bytes.begin(), bytes.end(), raw.begin());
    return {asio::ip::address_v6(raw), endpoint.port};
}

Endpoint fromAsio(const asio::ip::tcp::endpoint& endpoint) {
    if (endpoint.address().is_v4()) {
        const auto raw = endpoint.address().to_v4().to_bytes();
        return {IpAddress::fromBytes(raw).value_or(IpAddress{}), endpoint.port()};
    }
    const auto raw = endpoint.address().to_v6().to_bytes();
    return {IpAddress::fromBytes(raw).value_or(IpAddress{}), endpoint.port()};
}

tl::expected<asio::ip::tcp::acceptor, NetError> openAcceptor(asio::io_context& io, const Endpoint& endpoint) {
    using asio::ip::tcp;
    constexpr int callers = 128;
    boost::system::error_code error;
    const tcp::endpoint at = toAsio(endpoint);
    tcp::acceptor acceptor(io);
    acceptor.open(at.protocol(), error);
    if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error && at.protocol() == tcp::v6()) acceptor.set_option(asio::ip::v6_only(true), error);
    if (!error) acceptor.bind(at, error);
    if (!error) acceptor.listen(callers, error);
    if (error) return tl::unexpected(NetError::CannotListen);
    return acceptor;
}

}  // namespace netpas::net
