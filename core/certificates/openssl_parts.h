// Inside core/certificates only: OpenSSL's objects, owned.
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <optional>
#include <string>

#include "core/bytes.h"
#include "core/certificates/payee_certificate.h"

namespace netpas::certificates {

struct Free {
    void operator()(X509* p) const { X509_free(p); }
    void operator()(X509_CRL* p) const { X509_CRL_free(p); }
    void operator()(X509_REVOKED* p) const { X509_REVOKED_free(p); }
    void operator()(X509_NAME* p) const { X509_NAME_free(p); }
    void operator()(X509_EXTENSION* p) const { X509_EXTENSION_free(p); }
    void operator()(X509_STORE* p) const { X509_STORE_free(p); }
    void operator()(X509_STORE_CTX* p) const { X509_STORE_CTX_free(p); }
    void operator()(EVP_PKEY* p) const { EVP_PKEY_free(p); }
    void operator()(ASN1_OBJECT* p) const { ASN1_OBJECT_free(p); }
    void operator()(ASN1_STRING* p) const { ASN1_STRING_free(p); }  // also integers and times
    void operator()(BIGNUM* p) const { BN_free(p); }
    void operator()(GENERAL_NAMES* p) const { GENERAL_NAMES_free(p); }
    void operator()(CERTIFICATEPOLICIES* p) const { CERTIFICATEPOLICIES_free(p); }
    void operator()(STACK_OF(X509) * p) const { sk_X509_free(p); }  // not what is in it
    void operator()(STACK_OF(ASN1_OBJECT) * p) const { sk_ASN1_OBJECT_pop_free(p, ASN1_OBJECT_free); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

// Exactly one certificate or list and nothing after it; null when the bytes are not that.
[[nodiscard]] Owned<X509> certificateFrom(ByteView der);
[[nodiscard]] Owned<X509_CRL> revocationsFrom(ByteView der);
[[nodiscard]] Bytes derOf(const X509* certificate);
[[nodiscard]] Bytes derOf(const X509_CRL* list);

[[nodiscard]] std::optional<PublicKey> ed25519KeyOf(const X509* certificate);
[[nodiscard]] std::optional<SystemTime> timeOf(const ASN1_TIME* time);
// The common name, or the whole name in one line, as plain text.
[[nodiscard]] std::string plainName(const X509_NAME* name);
// Never null.
[[nodiscard]] Owned<ASN1_OBJECT> policyObject(PayeeClass payeeClass);

}  // namespace netpas::certificates
