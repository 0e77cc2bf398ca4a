// netpas audit verify: checks an ISP's audit file, or evidence of a fraud, without trusting whoever made it (core/audit).
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <charconv>
#include <memory>

#include "app/cli/answers.h"
#include "app/cli/text.h"
#include "app/cli/topics.h"
#include "core/audit/verify.h"

namespace netpas::cli {

using nlohmann::json;

namespace {

struct Given {
    std::string file;
    std::vector<std::string> keys;
    std::optional<uint16_t> isp;
};

// Such a file may be larger than memory.
class Mapping {
public:
    explicit Mapping(const std::string& file) {
        const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
        struct stat info {};
        if (fd >= 0 && ::fstat(fd, &info) == 0 && S_ISREG(info.st_mode)) {
            m_ok = true;
            m_size = static_cast<size_t>(info.st_size);
            if (m_size > 0) m_data = ::mmap(nullptr, m_size, PROT_READ, MAP_PRIVATE, fd, 0);
            if (m_data == MAP_FAILED) m_ok = false;
        }
        if (fd >= 0) ::close(fd);
    }
    ~Mapping() {
        if (m_ok && m_data != nullptr) ::munmap(m_data, m_size);
    }
    Mapping(const Mapping&) = delete;
    Mapping& operator=(const Mapping&) = delete;
    [[nodiscard]] bool ok() const { return m_ok; }
    [[nodiscard]] ByteView bytes() const { return {static_cast<const uint8_t*>(m_data), m_data ? m_size : 0}; }

private:
    void* m_data = nullptr;
    size_t m_size = 0;
    bool m_ok = false;
};

tl::expected<audit::TrustedKeys, Problem> keysOf(const std::vector<std::string>& given) {
    audit::TrustedKeys keys;
    for (const std::string& text : given) {
        const size_t equals = text.find('=');
        uint16_t isp = 0;
        const char* const end = text.data() + std::min(equals, text.size());
        const auto [stop, error] = std::from_chars(text.data(), end, isp);
        const auto key = equals == std::string::npos ? std::nullopt : PublicKey::parse(text.substr(equals + 1));
        if (error != std::errc{} || stop != end || !key)
            return tl::unexpected(usage(text + " is not ISP=KEY",
                                        "give the ISP's number and its key's 64 hexadecimal digits: --key 25=3f…"));
        keys.isps.emplace(IspId(isp), *key);
    }
    return keys;
}

json toJson(const audit::Report& report) {
    json body{{"good", report.good()}, {"readable", report.read}};
    if (report.read) {
        body["isp"] = report.head.isp.value();
        body["name"] = report.head.name;
        body["key"] = report.head.key.hex();
        body["made"] = report.head.made.time_since_epoch().count();
    }
    body["records"] = report.counts;
    body["findings"] = json::array();
    for (const audit::Finding& one : report.findings) {
        body["findings"].push_back(
            {{"check", one.check}, {"outcome", describe(one.outcome)}, {"text", one.text}, {"count", one.count}});
    }
    body["evidence"] = json::array();
    for (const audit::EvidenceFinding& one : report.evidence) {
        const bool proven = one.outcome == audit::Outcome::Holds;
        body["evidence"].push_back({{"claim", describe(one.claim)},
                                    {"accused", one.accused},
                                    {"text", one.text},
                                    {"outcome", proven ? "proven" : describe(one.outcome)},
                                    {"verdict", one.verdict}});
    }
    return body;
}

void show(const audit::Report& report) {
    if (report.read) {
        print("audit of ISP " + std::to_string(report.head.isp.value()) + " (" + harmless(report.head.name) + ")\n\n");
    }
    Rows rows{{"", "CHECK", "RESULT"}};
    for (const audit::Finding& one : report.findings) {
        rows.push_back({std::string(describe(one.outcome)), one.check, harmless(one.text)});
    }
    print(table(rows));
    if (!report.evidence.empty()) print("\n");
    for (const audit::EvidenceFinding& one : report.evidence) {
        const bool proven = one.outcome == audit::Outcome::Holds;
        print(std::string(describe(one.claim)) + (one.accused.empty() ? "" : " by " + harmless(one.accused)) + ": " +
              (proven                                     ? "proven"
               : one.outcome == audit::Outcome::Unchecked ? "stated, not proven"
                                                          : "does not hold") +
              "\n  " + harmless(one.text) + "\n  " + harmless(one.verdict) + "\n");
    }
    print(report.good() ? "\nnothing in this file is wrong\n" : "\nthis file does not hold\n");
}

Exit verifyFile(const Given& given, Output output) {
    if (!initCrypto()) return report({Exit::Failed, "LOCAL_FAILURE", "cryptography cannot start", ""}, output);
    auto keys = keysOf(given.keys);
    if (!keys) return report(keys.error(), output);
    if (given.isp) keys->exporter = IspId(*given.isp);
    const Mapping file(given.file);
    if (!file.ok())
        return report({Exit::Failed, "FILE", given.file + ": cannot be read", "check the name and who may read it"},
                      output);
    const audit::Report result = audit::verify(file.bytes(), *keys);
    if (output.json) {
        printJson(toJson(result));
    } else {
        show(result);
    }
    return result.good() ? Exit::Ok : Exit::Failed;
}

}  // namespace

void addAuditVerbs(CLI::App& app, Action& chosen) {
    const auto given = std::make_shared<Given>();
    CLI::App* const audit = app.add_subcommand("audit", "check what an ISP exported for auditors");
    audit->require_subcommand(1);
    CLI::App* const check =
        addVerb(*audit, chosen, "verify", "signatures, paths, sums, netting and evidence in an audit file",
                [given](const Client&, Output output) { return verifyFile(*given, output); });
    check->add_option("file", given->file, "from netpas-isp audit export, or evidence")->required();
    check->add_option("--isp", given->isp, "whose books it must be; give its --key too");
    check->add_option("--key", given->keys, "a key that you know from elsewhere: ISP=KEY; may be repeated");
}

}  // namespace netpas::cli
