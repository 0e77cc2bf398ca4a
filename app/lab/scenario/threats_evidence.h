// What the attacks leave behind, as a file that a third party can verify (core/audit/FORMAT.md, `netpas audit verify`).
#pragma once

#include <string>
#include <vector>

#include "app/lab/error.h"
#include "app/lab/json.h"
#include "core/accounting/watch.h"
#include "core/audit/records.h"
#include "core/crypto/identity.h"

namespace netpas::lab::threats {

class EvidenceFile {
public:
    // An ISP's key, as everybody may know it.
    void know(uint16_t isp, const PublicKey& key);
    // Its number in the file, from 1.
    size_t add(audit::Claim claim, const std::string& accused, const std::string& text,
               std::vector<audit::Exhibit> exhibits);
    [[nodiscard]] size_t size() const { return m_evidence.size(); }
    Expected<void> write(const std::string& path) const;

private:
    std::vector<audit::Record> m_keys;
    std::vector<audit::Record> m_evidence;
};

// A comparison of an ISP's books, stated and signed by it.
[[nodiscard]] audit::CounterStatement stated(const Json& comparison, uint16_t isp, accounting::Subject subject,
                                             uint16_t about, const Identity& identity);
// `netpas audit verify` on the file: its JSON.
Expected<Json> verifyEvidence(const std::string& path);

}  // namespace netpas::lab::threats
