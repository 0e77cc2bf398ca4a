#include "app/lab/scenario/threats_evidence.h"

#include <fstream>

#include <nlohmann/json.hpp>

#include "app/lab/command.h"
#include "app/lab/lab.h"
#include "app/lab/scenario/overlay_kit.h"
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

const audit::CounterStatement* ExportedBooks::statement(accounting::Subject subject, uint16_t about) const {
    for (const audit::CounterStatement& one : counters) {
        if (one.subject == subject && one.isp == IspId(about)) return &one;
    }
    return nullptr;
}

const audit::Evidence* ExportedBooks::piece(audit::Claim claim, const std::string& accused) const {
    for (const audit::Evidence& one : evidence) {
        if (one.claim == claim && (accused.empty() || one.accused == accused)) return &one;
    }
    return nullptr;
}

namespace {

// Sealed by whoever it says, and nothing wrong but what the ISP itself complains of.
Expected<void> checkExport(const Overlay& overlay, uint16_t isp, const std::string& path) {
    const std::string number = std::to_string(overlay.number(isp));
    std::vector<std::string> words{programPath("netpas"), "--json", "audit", "verify", path, "--isp", number};
    // All its servers' keys: the file names them, too.
    for (const OverlayIspSpec& spec : overlay.isps()) {
        if (overlay.number(spec.isp) != overlay.number(isp)) continue;
        words.insert(words.end(), {"--key", number + "=" + overlay.key(spec.isp).hex()});
    }
    const auto answer = runCommand(words);
    if (!answer) return tl::unexpected(answer.error());
    const Json json = Json::parse(answer->out, nullptr, false);
    if (!json.is_object() || !json.value("readable", false))
        return fail(LabErrc::Evidence, "netpas audit verify: " + answer->out + answer->err);
    for (const Json& one : json.at("findings")) {
        if (one.at("outcome") == "fails" && one.at("check") != "counters")
            return fail(LabErrc::Evidence, "the books that ISP " + number + " exports: " + one.dump());
    }
    return {};
}

}  // namespace

Expected<ExportedBooks> exportedBooks(const Overlay& overlay, uint16_t isp) {
    const std::string path = overlay.folder(isp) + "/books.audit";
    const auto done =
        requireCommand({programPath("netpas-isp"), "audit", "export", "--socket", overlay.socket(isp), "--out", path});
    if (!done) return tl::unexpected(done.error());
    LAB_TRY(checkExport(overlay, isp, path));
    std::ifstream in(path, std::ios::binary);
    const Bytes bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    ExportedBooks books;
    const auto read = audit::readFile(bytes, [&](audit::Record&& record) {
        if (auto* statement = std::get_if<audit::CounterStatement>(&record)) books.counters.push_back(*statement);
        if (auto* evidence = std::get_if<audit::Evidence>(&record)) books.evidence.push_back(std::move(*evidence));
        if (auto* one = std::get_if<audit::LoggedConfirmation>(&record))
            books.confirmations.push_back(one->confirmation);
    });
    if (!read) return fail(LabErrc::Evidence, path + ": " + std::string(describe(read.error())));
    return books;
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
