// What certificates prove of a payee (NetPaS §4.1.2, §5.2): fetched from the public repository of the payee's ISP (its directory) and
// checked against the authorities that this ISP trusts. One thread: the one that runs the io_context.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <vector>

#include "core/accounting/payment_desk.h"
#include "core/certificates/verifier.h"
#include "core/directory/documents.h"

namespace boost::asio {
class io_context;
}

namespace netpas::isp {

struct CertifierSettings {
    IspId isp;
    directory::JoinUrl directory;  // our own; its keys name the directories of others
    struct Authority {
        certificates::Anchor anchor;
        std::filesystem::path revocations;  // PEM; empty: none. Read again when the file has changed.
    };
    std::vector<Authority> authorities;
};

class PayeeCertifier {
public:
    // `clock` must outlive it.
    PayeeCertifier(boost::asio::io_context& io, CertifierSettings settings, const Clock& clock);
    ~PayeeCertifier();
    PayeeCertifier(const PayeeCertifier&) = delete;
    PayeeCertifier& operator=(const PayeeCertifier&) = delete;

    // Empty when the directory of that ISP is not known, does not answer within two seconds, has no certificate of the payee, or none
    // that an authority vouches for. `done` is called later, never from inside this call; not after destruction.
    void certify(const NodeId& payee, IspId isp, accounting::PaymentDesk::Certified done);
    // Whether a list of revoked certificates is another one than at the last call (or since the beginning).
    [[nodiscard]] bool listsChanged();

private:
    class Impl;
    std::shared_ptr<Impl> m_impl;
};

// The verifier that these authorities make, with the lists of revoked certificates as they are on disk now.
[[nodiscard]] tl::expected<certificates::Verifier, certificates::CertificateProblem> makeVerifier(
    const std::vector<CertifierSettings::Authority>& authorities);

}  // namespace netpas::isp
