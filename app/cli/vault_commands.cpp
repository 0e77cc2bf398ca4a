// netpas lock, unlock, passphrase, recovery-words, backup, restore, doctor.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <memory>

#include "app/cli/answers.h"
#include "app/cli/keyring.h"
#include "app/cli/secret_input.h"
#include "app/cli/text.h"
#include "app/cli/topics.h"
#include "secretary/vault/doctor.h"
#include "secretary/vault/private_file.h"

namespace netpas::cli {

using nlohmann::json;
using secretary::SecretText;

namespace {

constexpr size_t pieceSize = 40 * 1024;

struct Given {
    std::string file;
    std::string passphraseFile, newFile;
    std::string stateDir;
    bool force = false;
    bool withIdentity = false;
    bool words = false;
    bool keyring = false;
};
using Shared = std::shared_ptr<Given>;

// Sends secrets and wipes what it made of them.
tl::expected<Answer, Problem> send(const Client& client, const std::string& method, const std::string& path,
                                   json body) {
    auto text = encode(body);
    for (auto& [name, value] : body.items()) {
        if (auto* secret = value.get_ptr<std::string*>()) secretary::wipe(secret->data(), secret->size());
    }
    if (!text) return tl::unexpected(text.error());
    auto answer = client.callInPerson(method, path, *text);
    secretary::wipe(text->data(), text->size());
    if (!answer) return tl::unexpected(answer.error());
    return Answer{answer->status, json::parse(answer->body, nullptr, false)};
}

Exit show(const tl::expected<Answer, Problem>& answer, Output output, const std::string& said) {
    if (!answer) return report(answer.error(), output);
    if (output.json) {
        printJson(answer->body);
    } else {
        print(said);
    }
    return Exit::Ok;
}

Exit lock(const Client& client, Output output) {
    return show(client.call("POST", "/v1/lock"), output,
                "locked: session keys are revoked, nothing is spent; next: netpas unlock\n");
}

// From the key store, or as it is asked for.
tl::expected<SecretText, Problem> presentPassphrase(const Given& given) {
    if (!given.keyring) return readSecret("passphrase", given.passphraseFile);
    const auto keyring = Keyring::open();
    if (!keyring) return tl::unexpected(keyring.error());
    auto found = keyring->find();
    if (!found) return tl::unexpected(found.error());
    if (*found) return std::move(**found);
    return tl::unexpected(Problem{Exit::Failed, "NO_KEYRING", "the desktop's key store keeps no passphrase for NetPaS",
                                  "netpas unlock, then netpas passphrase set --keyring"});
}

Exit unlock(const Client& client, Output output, const Given& given) {
    const auto state = client.call("GET", "/v1/vault");
    if (!state) return report(state.error(), output);
    json body = json::object();
    if (textAt(state->body, "protection") == "passphrase" && textAt(state->body, "state") != "open") {
        const auto passphrase = presentPassphrase(given);
        if (!passphrase) return report(passphrase.error(), output);
        body["passphrase"] = passphrase->view();
    }
    return show(send(client, "POST", "/v1/unlock", std::move(body)), output, "unlocked\n");
}

Exit setPassphrase(const Client& client, Output output, const Given& given) {
    const auto state = client.call("GET", "/v1/vault");
    if (!state) return report(state.error(), output);
    json body = json::object();
    if (textAt(state->body, "protection") == "passphrase") {
        const auto present = readSecret("present passphrase", given.passphraseFile);
        if (!present) return report(present.error(), output);
        body["present"] = present->view();
    }
    const auto fresh = readNewSecret("new passphrase", given.newFile);
    if (!fresh) return report(fresh.error(), output);
    body["new"] = fresh->view();
    // First where a failure costs nothing: a passphrase that is kept, but was not set, does not unlock and is told so.
    if (given.keyring) {
        const auto keyring = Keyring::open();
        if (!keyring) return report(keyring.error(), output);
        if (const auto kept = keyring->keep(*fresh); !kept) return report(kept.error(), output);
    }
    return show(send(client, "PUT", "/v1/passphrase", std::move(body)), output,
                "the passphrase is set: from now on netpasd starts locked; next: netpas recovery-words\n");
}

Exit removePassphrase(const Client& client, Output output, const Given& given) {
    const auto present = readSecret("passphrase", given.passphraseFile);
    if (!present) return report(present.error(), output);
    return show(send(client, "POST", "/v1/passphrase/remove", {{"present", present->view()}}), output,
                "the passphrase is removed: the key lies in a file, and netpasd starts unlocked\n");
}

Exit recoveryWords(const Client& client, Output output, const Given& given) {
    const auto passphrase = readSecret("passphrase", given.passphraseFile);
    if (!passphrase) return report(passphrase.error(), output);
    const auto answer = send(client, "POST", "/v1/recovery-words", {{"passphrase", passphrase->view()}});
    if (!answer) return report(answer.error(), output);
    if (output.json) return printJson(answer->body), Exit::Ok;
    const std::string words = textAt(answer->body, "words");
    Rows rows;
    size_t number = 0;
    for (size_t start = 0; start < words.size();) {
        const size_t end = std::min(words.find(' ', start), words.size());
        if (number % 4 == 0) rows.emplace_back();
        rows.back().push_back(std::to_string(++number) + ". " + words.substr(start, end - start));
        start = end + 1;
    }
    print(table(rows) +
          "Write them on paper. They restore your identity (netpas restore --words), and so does whoever reads them.\n"
          "Rules, contacts, budgets, history and unsettled payments come from a backup: netpas backup FILE\n");
    return Exit::Ok;
}

Problem cannotWrite(const std::string& file) {
    return {Exit::Failed, "LOCAL_FAILURE", file + " cannot be written", "choose another place, or free disk space"};
}

tl::expected<void, Problem> download(const Client& client, const std::string& file, uint64_t size) {
    const std::string draft = file + ".part";
    ::unlink(draft.c_str());
    const int fd = ::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return tl::unexpected(cannotWrite(draft));
    tl::expected<void, Problem> result;
    for (uint64_t at = 0; at < size && result;) {
        const auto piece = client.callInPerson("GET", "/v1/backup/content?offset=" + std::to_string(at));
        if (!piece) {
            result = tl::unexpected(piece.error());
        } else if (piece->body.empty() ||
                   ::write(fd, piece->body.data(), piece->body.size()) != static_cast<ssize_t>(piece->body.size())) {
            result = tl::unexpected(cannotWrite(draft));
        } else {
            at += piece->body.size();
        }
    }
    const bool synced = ::fsync(fd) == 0;
    ::close(fd);
    if (result && (!synced || ::rename(draft.c_str(), file.c_str()) != 0 || !secretary::syncFolderOf(file))) {
        result = tl::unexpected(cannotWrite(file));
    }
    if (!result) ::unlink(draft.c_str());
    return result;
}

Exit backup(const Client& client, Output output, const Given& given) {
    if (!given.force && ::access(given.file.c_str(), F_OK) == 0) {
        return report(
            {Exit::Usage, "INVALID_ARGUMENT", given.file + " is there already", "choose another name, or give --force"},
            output);
    }
    const auto passphrase = readNewSecret("passphrase for this backup", given.passphraseFile);
    if (!passphrase) return report(passphrase.error(), output);
    const auto answer = [&] {
        const Progress progress("making a backup");
        return send(client, "POST", "/v1/backup",
                    {{"passphrase", passphrase->view()}, {"with_identity", given.withIdentity}});
    }();
    if (!answer) return report(answer.error(), output);
    const json size = at(answer->body, {"size"});
    const auto done = download(client, given.file, size.is_number_unsigned() ? size.get<uint64_t>() : 0);
    if (!done) return report(done.error(), output);
    if (output.json) return printJson(answer->body), Exit::Ok;
    print(given.file + " holds rules, contacts, budgets, agreements, what was learnt, history and unsettled payments" +
          (given.withIdentity
               ? ", and the identity\n"
               : ".\nThe identity is not in it: the recovery words restore that (netpas recovery-words)\n"));
    return Exit::Ok;
}

tl::expected<void, Problem> upload(const Client& client, const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    if (!in) {
        return tl::unexpected(Problem{Exit::Usage, "INVALID_ARGUMENT", file + " cannot be read", "check its name"});
    }
    std::string piece(pieceSize, '\0');
    for (uint64_t at = 0;;) {
        in.read(piece.data(), static_cast<std::streamsize>(piece.size()));
        const auto count = static_cast<size_t>(in.gcount());
        if (count == 0 && at > 0) return {};
        const auto answer =
            client.callInPerson("PUT", "/v1/restore/content?offset=" + std::to_string(at), piece.substr(0, count));
        if (!answer) return tl::unexpected(answer.error());
        at += count;
        if (count == 0) return {};
    }
}

Exit restoreWords(const Client& client, Output output, const Given& given) {
    const auto words = readWords(given.file);
    if (!words) return report(words.error(), output);
    return show(send(client, "PUT", "/v1/identity", {{"words", words->view()}, {"force", given.force}}), output,
                "the identity is restored; rules, contacts and history come from a backup: netpas restore FILE\n");
}

Exit restore(const Client& client, Output output, const Given& given) {
    if (given.words) return restoreWords(client, output, given);
    if (given.file.empty()) {
        return report(usage("name the backup, or give --words", "netpas restore FILE, or netpas restore --words"),
                      output);
    }
    const auto passphrase = readSecret("passphrase of this backup", given.passphraseFile);
    if (!passphrase) return report(passphrase.error(), output);
    const auto answer = [&]() -> tl::expected<Answer, Problem> {
        const Progress progress("restoring");
        if (auto sent = upload(client, given.file); !sent) return tl::unexpected(sent.error());
        return send(client, "POST", "/v1/restore", {{"passphrase", passphrase->view()}, {"force", given.force}});
    }();
    if (!answer) return report(answer.error(), output);
    if (output.json) return printJson(answer->body), Exit::Ok;
    print("restored the state of " + textAt(answer->body, "made").substr(0, 19) +
          " UTC: " + textAt(answer->body, "purchases") + " purchases; " + textAt(answer->body, "unsettled") +
          " were not settled then, and the ISP is asked about them before anything else\n");
    const std::string identity = textAt(answer->body, "identity");
    if (identity != "from the backup") {
        print("the identity is " + std::string(identity == "kept" ? "the one that was here" : "a new one") +
              "; another one comes back from its recovery words: netpas restore --words --force\n");
    }
    return Exit::Ok;
}

json findingsOf(const std::vector<secretary::Finding>& findings) {
    json list = json::array();
    for (const secretary::Finding& finding : findings) {
        list.push_back({{"level", secretary::nameOf(finding.level)},
                        {"check", finding.check},
                        {"message", finding.message},
                        {"remedy", finding.remedy}});
    }
    return {{"level", secretary::nameOf(secretary::worst(findings))}, {"findings", std::move(list)}};
}

// Without a secretary: the files themselves.
json examineOffline(const secretary::StateFolder& folder) {
    auto found = secretary::examineFolder(folder);
    if (::access(folder.database().c_str(), F_OK) != 0 || ::access(folder.vault().keyFile.c_str(), R_OK) != 0 ||
        ::access(folder.vault().vault.c_str(), F_OK) == 0) {
        return findingsOf(found);
    }
    const auto vault = secretary::Vault::open(folder.vault(), systemClock());
    if (!vault || vault->locked()) return findingsOf(found);
    const auto book = ledger::Ledger::open(folder.database(), vault->key()->bytes());
    if (book) {
        for (auto& finding : secretary::examineLedger(**book, systemClock().now())) found.push_back(std::move(finding));
    } else {
        found.push_back(secretary::describeUnopened(book.error()));
    }
    return findingsOf(found);
}

Exit doctor(const Client& client, Output output, const Given& given) {
    json body;
    bool offline = !given.stateDir.empty();
    if (!offline) {
        const auto answer = client.call("GET", "/v1/doctor");
        offline = !answer && answer.error().exit == Exit::NotRunning;
        if (!answer && !offline) return report(answer.error(), output);
        if (answer) body = answer->body;
    }
    if (offline) {
        const std::string stateDir = given.stateDir.empty() ? "/var/lib/netpas" : given.stateDir;
        body = examineOffline(secretary::StateFolder{std::filesystem::path(stateDir) / "secretary"});
        if (given.stateDir.empty()) {
            body["findings"].push_back({{"level", "warning"},
                                        {"check", "process"},
                                        {"message", "netpasd is not running"},
                                        {"remedy", "sudo systemctl start netpasd"}});
            if (body["level"] == "good") body["level"] = "warning";
        }
    }
    if (output.json) {
        printJson(body);
    } else {
        printFindings(body);
    }
    return textAt(body, "level") == "bad" ? Exit::Failed : Exit::Ok;
}

void addPassphrase(CLI::App& app, Action& chosen, const Shared& given) {
    CLI::App* const passphrase = app.add_subcommand("passphrase", "what the secretary's database is protected with");
    passphrase->require_subcommand(1);
    CLI::App* const set = addVerb(*passphrase, chosen, "set", "protect it with a passphrase, or change that",
                                  [given](const Client& c, Output o) { return setPassphrase(c, o, *given); });
    set->add_option("--passphrase-file", given->passphraseFile, "the present one; - for standard input");
    set->add_option("--new-passphrase-file", given->newFile, "the new one; - for standard input");
    set->add_flag("--keyring", given->keyring, "the desktop's key store keeps it, too, for unlock --keyring");
    CLI::App* const remove =
        addVerb(*passphrase, chosen, "remove", "keep the key in a file: for a box that starts unattended",
                [given](const Client& c, Output o) { return removePassphrase(c, o, *given); });
    remove->add_option("--passphrase-file", given->passphraseFile, "the present one; - for standard input");
}

}  // namespace

void addVaultVerbs(CLI::App& app, Action& chosen) {
    const auto given = std::make_shared<Given>();
    const auto withPassphrase = [given](CLI::App* verb) {
        verb->add_option("--passphrase-file", given->passphraseFile, "its first line; - for standard input");
        return verb;
    };
    addVerb(app, chosen, "lock", "revoke every session key, wipe the keys, spend nothing until unlock", lock);
    withPassphrase(addVerb(app, chosen, "unlock", "open the secretary's database", [given](const Client& c, Output o) {
        return unlock(c, o, *given);
    }))->add_flag("--keyring", given->keyring, "with the passphrase that the desktop's key store keeps");
    addPassphrase(app, chosen, given);
    withPassphrase(addVerb(app, chosen, "recovery-words", "24 words that restore the identity",
                           [given](const Client& c, Output o) { return recoveryWords(c, o, *given); }));
    CLI::App* const backupVerb =
        withPassphrase(addVerb(app, chosen, "backup", "everything but the identity in one sealed file",
                               [given](const Client& c, Output o) { return backup(c, o, *given); }));
    backupVerb->add_option("file", given->file, "to write")->required();
    backupVerb->add_flag("--with-identity", given->withIdentity, "the identity too");
    backupVerb->add_flag("--force", given->force, "replace the file");
    CLI::App* const restoreVerb =
        withPassphrase(addVerb(app, chosen, "restore", "a backup, or with --words the identity",
                               [given](const Client& c, Output o) { return restore(c, o, *given); }));
    restoreVerb->add_option("file", given->file, "backup; with --words a file with the words");
    restoreVerb->add_flag("--words", given->words, "the identity, from its recovery words");
    restoreVerb->add_flag("--force", given->force, "replace what is there");
    CLI::App* const doctorVerb = addVerb(app, chosen, "doctor", "what is wrong, and what to do about it",
                                         [given](const Client& c, Output o) { return doctor(c, o, *given); });
    doctorVerb->add_option("--state-dir", given->stateDir, "look at these files, while netpasd is stopped");
}

}  // namespace netpas::cli
