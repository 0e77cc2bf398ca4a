// Authorities on payees, and the directories of two ISPs that keep their certificates (NetPaS §4.1.2): real commands, real servers.
#pragma once

#include <string>
#include <vector>

#include "app/lab/scenario/threat_net.h"

namespace netpas::lab {

class PayeeDirectories {
public:
    // `own` is the payer's ISP, `other` that of the payees.
    PayeeDirectories(ThreatNet& net, uint16_t own, uint16_t other);

    Expected<void> makeAuthority(const std::string& name);
    // The certificate goes into the directory of `other` when that is started. `more` are arguments of `netpas-isp certify`.
    Expected<void> certify(const std::string& authority, const PublicKey& payee, const std::string& payeeClass,
                           const std::string& as, const std::vector<std::string>& more = {});
    // The authority's list of revoked certificates, in place of the one before.
    Expected<void> revoke(const std::string& authority, const std::vector<std::string>& which);
    [[nodiscard]] std::string file(const std::string& name) const { return m_folder + "/" + name; }
    [[nodiscard]] std::string revocations(const std::string& authority) const { return file(authority + ".revoked"); }
    // For accounting.toml of the payer's ISP: authority and class; with its list of revoked certificates, if there is one.
    Expected<std::string> payees(const std::vector<std::pair<std::string, std::string>>& authorities);
    Expected<void> start();
    void stop();
    void stop(uint16_t isp);
    [[nodiscard]] Endpoint endpoint(uint16_t isp) const { return {m_net.overlay().endpoint(isp).address, 46723}; }
    // Of that ISP's directory; made if it is not there yet.
    Expected<Identity> identity(uint16_t isp) const;

private:
    Expected<void> isp(std::vector<std::string> arguments);
    [[nodiscard]] std::string url(uint16_t isp) const { return "https://" + endpoint(isp).toString(); }
    Expected<void> serve(uint16_t isp, const std::string& more);

    ThreatNet& m_net;
    uint16_t m_own, m_other;
    std::string m_folder;
    std::vector<std::string> m_certificates;
};

}  // namespace netpas::lab
