#include "app/lab/scenario/threats_evidence.h"

#include <fstream>

#include <nlohmann/json.hpp>

#include "app/lab/command.h"
#include "app/lab/lab.h"
#include "app/lab/scenario/books.h"
#include "core/audit/audit_file.h"

namespace netpas::lab::threats {

void EvidenceFile::know(uint16_t isp, const PublicKey& key) {
    m_keys.push_back(audit::KnownKey{accounting::Party{{}, IspId(isp), {}}, key});
}

size_t EvidenceFile::add(audit::Claim claim, const std::string& accused, const std::string& text,
                         std::vector<audit::Exhibit> exhibits) {
    audit::Evidence evidence;
    evidence.claim = claim;
    evidence.accused = accused;
    evidence.text = text;
    evidence.time = systemClock().now();
    evidence.exhibits = std::move(exhibits);
    m_evidence.push_back(std::move(evidence));
    return m_evidence.size();
}

Expected<void> EvidenceFile::write(const std::string& path) const {
    const Identity observer = Identity::generate();
    audit::Head head;
    head.name = "netpas-lab threats";
    head.key = observer.publicKey();
    head.made = head.logFrom = head.paymentFrom = systemClock().now();
    std::vector<audit::Record> records = m_keys;
    records.insert(records.end(), m_evidence.begin(), m_evidence.end());
    const Bytes bytes = audit::writeFile(head, records, observer);
    std::ofstream out(path, std::ios::binary | std::ios::trunc);
    out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    out.close();
    if (!out) return fail(LabErrc::State, "cannot write " + path + "; choose another --evidence");
    return {};
}

audit::CounterStatement stated(const Json& comparison, uint16_t isp, accounting::Subject subject, uint16_t about,
                               const Identity& identity) {
    audit::CounterStatement statement;
    statement.stating = IspId(isp);
    statement.subject = subject;
    statement.isp = IspId(about);
    statement.counted = amountAt(comparison, "counted").value_or(Money::zero());
    statement.confirmed = amountAt(comparison, "confirmed").value_or(Money::zero());
    statement.tolerance = amountAt(comparison, "tolerance").value_or(Money::zero());
    statement.time = systemClock().now();
    audit::sign(statement, identity);
    return statement;
}

Expected<Json> verifyEvidence(const std::string& path) {
    const auto answer = runCommand({programPath("netpas"), "--json", "audit", "verify", path});
    if (!answer) return tl::unexpected(answer.error());
    Json json = Json::parse(answer->out, nullptr, false);
    if (answer->status != 0 || !json.is_object())
        return fail(LabErrc::Evidence, "netpas audit verify " + path + " says: " + answer->out + answer->err);
    return json;
}

}  // namespace netpas::lab::threats
