// Lock and unlock, passphrase, recovery words, backup and restore, doctor. Bodies with secrets are read raw, so that the
// text can be wiped.
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "app/secretary/decision_desk.h"
#include "app/secretary/json_fields.h"
#include "app/secretary/routes.h"
#include "app/secretary/vault_json.h"
#include "app/secretary/vault_service.h"

namespace netpas::secretaryd {

using net::HttpResponse;
using nlohmann::json;
using secretary::SecretText;

namespace {

constexpr size_t pieceSize = 48 * 1024;
constexpr size_t longestSecret = 1024;

HttpResponse refusalFor(const ApiFailure& failure) {
    return refusal(failure.status, failure.code, failure.message, failure.hint);
}

// The members of a body with secrets; its parsed text is wiped at the end.
class SecretBody {
public:
    explicit SecretBody(const ApiCall& call)
        : m_object(call.text.empty() ? json::object() : json::parse(call.text, nullptr, false)), m_fields(m_object) {}
    ~SecretBody() {
        if (!m_object.is_object()) return;
        for (auto& [name, value] : m_object.items()) {
            if (auto* text = value.get_ptr<std::string*>()) secretary::wipe(text->data(), text->size());
        }
    }
    SecretBody(const SecretBody&) = delete;
    SecretBody& operator=(const SecretBody&) = delete;
    SecretText secret(const char* name) { return SecretText(m_fields.text(name, longestSecret)); }
    bool flag(const char* name) { return m_fields.flag(name); }
    std::optional<HttpResponse> problem() {
        if (auto wrong = m_fields.problem()) return refusal(400, "INVALID_ARGUMENT", wrong->message, wrong->hint);
        return std::nullopt;
    }

private:
    json m_object;
    JsonFields m_fields;
};

json stateJson(const VaultService& vault) {
    json body{{"state", nameOf(vault.condition())},
              {"protection", vault.protection() == secretary::Protection::Passphrase ? "passphrase" : "key-file"}};
    if (const auto cost = vault.cost()) body["argon2id"] = {{"passes", cost->passes}, {"memory_kib", cost->memoryKib}};
    if (const auto& trouble = vault.trouble()) {
        body["trouble"] = trouble->message;
        body["hint"] = trouble->hint;
    }
    return body;
}

// For what answers nothing but the new state.
VaultService::Done replyState(const VaultService& vault, const Reply& reply) {
    return [&vault, reply](const auto& done) { reply(done ? answer(stateJson(vault)) : refusalFor(done.error())); };
}

void unlock(VaultService& vault, const ApiCall& call, const Reply& reply) {
    SecretBody body(call);
    SecretText passphrase = body.secret("passphrase");
    if (auto wrong = body.problem()) return reply(std::move(*wrong));
    vault.unlock(std::move(passphrase), replyState(vault, reply));
}

void lock(VaultService& vault, const ApiCall&, const Reply& reply) { vault.lock(replyState(vault, reply)); }

void setPassphrase(VaultService& vault, const ApiCall& call, const Reply& reply) {
    SecretBody body(call);
    SecretText present = body.secret("present"), fresh = body.secret("new");
    if (auto wrong = body.problem()) return reply(std::move(*wrong));
    vault.setPassphrase(std::move(present), std::move(fresh), replyState(vault, reply));
}

void removePassphrase(VaultService& vault, const ApiCall& call, const Reply& reply) {
    SecretBody body(call);
    SecretText present = body.secret("present");
    if (auto wrong = body.problem()) return reply(std::move(*wrong));
    vault.removePassphrase(std::move(present), replyState(vault, reply));
}

void recoveryWords(VaultService& vault, const ApiCall& call, const Reply& reply) {
    SecretBody body(call);
    SecretText passphrase = body.secret("passphrase");
    if (auto wrong = body.problem()) return reply(std::move(*wrong));
    vault.recoveryWords(std::move(passphrase), [reply](const auto& words) {
        if (!words) return reply(refusalFor(words.error()));
        HttpResponse response =
            answer({{"words", words->view()}, {"restores", "the identity; a backup restores everything else"}});
        response.headers.push_back({"Cache-Control", "no-store"});
        reply(std::move(response));
    });
}

void restoreWords(VaultService& vault, const ApiCall& call, const Reply& reply) {
    SecretBody body(call);
    const SecretText words = body.secret("words");
    const bool force = body.flag("force");
    if (auto wrong = body.problem()) return reply(std::move(*wrong));
    vault.restoreWords(words, force, replyState(vault, reply));
}

std::optional<uint64_t> offsetOf(const ApiCall& call) {
    const std::string text = call.queryValue("offset");
    uint64_t offset = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), offset);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return offset;
}

void makeBackup(VaultService& vault, const ApiCall& call, const Reply& reply) {
    SecretBody body(call);
    SecretText passphrase = body.secret("passphrase");
    const bool withIdentity = body.flag("with_identity");
    if (auto wrong = body.problem()) return reply(std::move(*wrong));
    vault.backup(std::move(passphrase), withIdentity, [&vault, reply](const auto& manifest) {
        if (!manifest) return reply(refusalFor(manifest.error()));
        json made = manifestJson(*manifest);
        made["size"] = vault.backupSize().value_or(0);
        reply(answer(made));
    });
}

void readBackup(VaultService& vault, const ApiCall& call, const Reply& reply) {
    const auto offset = offsetOf(call);
    if (!offset) return reply(refusal(400, "INVALID_ARGUMENT", "offset is missing", "?offset=0 for the beginning"));
    const auto piece = vault.readBackup(*offset, pieceSize);
    if (!piece) return reply(refusalFor(piece.error()));
    HttpResponse response;
    response.contentType = "application/octet-stream";
    response.body.assign(piece->begin(), piece->end());
    reply(std::move(response));
}

void writeRestore(VaultService& vault, const ApiCall& call, const Reply& reply) {
    const auto offset = offsetOf(call);
    if (!offset) return reply(refusal(400, "INVALID_ARGUMENT", "offset is missing", "?offset=0 for the beginning"));
    const auto next =
        vault.writeRestore(*offset, {reinterpret_cast<const uint8_t*>(call.text.data()), call.text.size()});
    if (!next) return reply(refusalFor(next.error()));
    reply(answer({{"next", *next}}));
}

void restore(VaultService& vault, const ApiCall& call, const Reply& reply) {
    SecretBody body(call);
    SecretText passphrase = body.secret("passphrase");
    const bool force = body.flag("force");
    if (auto wrong = body.problem()) return reply(std::move(*wrong));
    vault.restore(std::move(passphrase), force,
                  [reply](const auto& plan) { reply(plan ? answer(planJson(*plan)) : refusalFor(plan.error())); });
}

}  // namespace

json findingsJson(const std::vector<secretary::Finding>& findings) {
    json list = json::array();
    for (const secretary::Finding& finding : findings) {
        list.push_back({{"level", secretary::nameOf(finding.level)},
                        {"check", finding.check},
                        {"message", finding.message},
                        {"remedy", finding.remedy}});
    }
    return {{"level", secretary::nameOf(secretary::worst(findings))}, {"findings", std::move(list)}};
}

json manifestJson(const secretary::BackupManifest& manifest) {
    json holds = {"rules", "contacts", "budgets", "agreements", "what was learnt", "unsettled payments", "history"};
    if (manifest.withIdentity) holds.push_back("identity");
    return {{"made", timeText(manifest.made)}, {"with_identity", manifest.withIdentity}, {"holds", std::move(holds)}};
}

json planJson(const secretary::RestorePlan& plan) {
    json body = manifestJson(plan.manifest);
    body["purchases"] = plan.purchases;
    body["unsettled"] = plan.unsettled;
    body["identity"] = plan.manifest.withIdentity ? "from the backup" : plan.keepsIdentity ? "kept" : "new";
    return body;
}

void addVaultRoutes(Router& router, SecretaryState& state) {
    const auto with = [&state](auto handler) {
        return [&state, handler](const ApiCall& call, const Reply& reply) {
            if (state.vault == nullptr && state.noVault) return reply(refusalFor(*state.noVault));
            if (state.vault == nullptr)
                return reply(refusal(404, "NOT_FOUND", "there is no vault here", "netpas doctor"));
            handler(*state.vault, call, reply);
        };
    };
    RouteLimits always, piece;
    always.always = always.raw = piece.always = piece.raw = true;
    piece.maxBody = pieceSize;
    const auto show = [](const VaultService& vault, const ApiCall&, const Reply& reply) {
        reply(answer(stateJson(vault)));
    };
    const auto doctor = [&state](const VaultService& vault, const ApiCall&, const Reply& reply) {
        auto findings = vault.examine();
        if (const auto trouble =
                state.decisions != nullptr ? state.decisions->budgets().clockTrouble() : std::nullopt) {
            std::erase_if(findings, [](const auto& finding) { return finding.check == "clock"; });
            findings.push_back({secretary::Finding::Level::Bad, "clock", trouble->sentence, trouble->hint});
        }
        reply(answer(findingsJson(findings)));
    };
    router.add("GET", "/v1/vault", Capability::Read, with(show), always);
    router.add("GET", "/v1/doctor", Capability::Keys, with(doctor), always);
    router.add("POST", "/v1/unlock", Capability::Keys, with(unlock), always);
    router.add("POST", "/v1/lock", Capability::Keys, with(lock), always);
    router.add("PUT", "/v1/passphrase", Capability::Keys, with(setPassphrase), always);
    router.add("POST", "/v1/passphrase/remove", Capability::Keys, with(removePassphrase), always);
    router.add("POST", "/v1/recovery-words", Capability::Keys, with(recoveryWords), always);
    router.add("PUT", "/v1/identity", Capability::Keys, with(restoreWords), always);
    router.add("POST", "/v1/backup", Capability::Keys, with(makeBackup), always);
    router.add("GET", "/v1/backup/content", Capability::Keys, with(readBackup), always);
    router.add("PUT", "/v1/restore/content", Capability::Keys, with(writeRestore), piece);
    router.add("POST", "/v1/restore", Capability::Keys, with(restore), always);
}

}  // namespace netpas::secretaryd
