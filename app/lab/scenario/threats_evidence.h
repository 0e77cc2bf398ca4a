// What the attacks leave behind, as a file that a third party can verify (core/audit/FORMAT.md, `netpas audit verify`).
#pragma once

#include <string>
#include <vector>

#include "app/lab/error.h"
#include "app/lab/json.h"
#include "core/accounting/watch.h"
#include "core/audit/records.h"
#include "core/crypto/identity.h"

namespace netpas::lab {
class Overlay;
}

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

// What an ISP's own server exports for auditors, sealed with its key; `netpas audit verify` has looked at it.
struct ExportedBooks {
    std::vector<audit::CounterStatement> counters;
    std::vector<audit::Evidence> evidence;
    std::vector<accounting::Confirmation> confirmations;
    // The statement about that; nothing when the books have none.
    [[nodiscard]] const audit::CounterStatement* statement(accounting::Subject subject, uint16_t about) const;
    // The first piece of that kind against that party ("isp 24"; empty: any).
    [[nodiscard]] const audit::Evidence* piece(audit::Claim claim, const std::string& accused = {}) const;
};
Expected<ExportedBooks> exportedBooks(const Overlay& overlay, uint16_t isp);
// `netpas audit verify` on the file: its JSON.
Expected<Json> verifyEvidence(const std::string& path);

}  // namespace netpas::lab::threats
