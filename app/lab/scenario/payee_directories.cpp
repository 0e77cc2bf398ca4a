#include "app/lab/scenario/payee_directories.h"

#include <filesystem>
#include <fstream>
#include <thread>

#include "app/lab/command.h"

namespace netpas::lab {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

PayeeDirectories::PayeeDirectories(ThreatNet& net, uint16_t own, uint16_t other)
    : m_net(net), m_own(own), m_other(other), m_folder(net.overlay().folder(own)) {}

Expected<void> PayeeDirectories::isp(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), programPath("netpas-isp"));
    const auto done = requireCommand(arguments);
    if (!done) return tl::unexpected(done.error());
    return {};
}

Expected<Identity> PayeeDirectories::identity(uint16_t isp) const {
    auto key = Identity::loadOrCreate(m_net.overlay().folder(isp) + "/directory.key");
    if (!key) return fail(LabErrc::State, "no key for a directory");
    return std::move(*key);
}

Expected<void> PayeeDirectories::makeAuthority(const std::string& name) {
    if (!Identity::loadOrCreate(file(name + ".key"))) return fail(LabErrc::State, "cannot make the key of " + name);
    return isp({"authority", "--key", file(name + ".key"), "--name", name, "--until", "2099-01-01", "--out",
                file(name + ".pem")});
}

Expected<void> PayeeDirectories::certify(const std::string& authority, const PublicKey& payee,
                                         const std::string& payeeClass, const std::string& as,
                                         const std::vector<std::string>& more) {
    std::vector<std::string> arguments{"certify",
                                       "--key",
                                       file(authority + ".key"),
                                       "--authority",
                                       file(authority + ".pem"),
                                       "--payee",
                                       payee.hex(),
                                       "--name",
                                       as,
                                       "--class",
                                       payeeClass,
                                       "--out",
                                       file(as + ".pem")};
    const bool dated = std::find(more.begin(), more.end(), "--until") != more.end();
    if (!dated) arguments.insert(arguments.end(), {"--until", "2098-01-01"});
    arguments.insert(arguments.end(), more.begin(), more.end());
    m_certificates.push_back(file(as + ".pem"));
    return isp(arguments);
}

Expected<void> PayeeDirectories::revoke(const std::string& authority, const std::vector<std::string>& which) {
    const std::string fresh = revocations(authority) + ".new";
    std::error_code error;
    fs::remove(fresh, error);
    std::vector<std::string> arguments{
        "revoke", "--key", file(authority + ".key"), "--authority", file(authority + ".pem"), "--out", fresh};
    for (const std::string& one : which) arguments.push_back(file(one + ".pem"));
    LAB_TRY(isp(arguments));
    fs::rename(fresh, revocations(authority), error);
    return {};
}

Expected<std::string> PayeeDirectories::payees(const std::vector<std::pair<std::string, std::string>>& authorities) {
    const auto key = identity(m_own);
    if (!key) return tl::unexpected(key.error());
    std::string toml = "\n[payees]\ndirectory = \"" + url(m_own) + "/#" + key->publicKey().hex() + "\"\n";
    for (const auto& [name, payeeClass] : authorities) {
        toml += "[[payees.authority]]\ncertificate = \"" + file(name + ".pem") + "\"\nclass = \"" + payeeClass + "\"\n";
        if (fs::exists(revocations(name))) toml += "revocations = \"" + revocations(name) + "\"\n";
    }
    return toml;
}

Expected<void> PayeeDirectories::start() {
    const auto otherKey = identity(m_other);
    if (!otherKey) return tl::unexpected(otherKey.error());
    const std::string known = "\n[[known_isp]]\nid = " + std::to_string(m_other) + "\nname = \"Q\"\ndirectory = \"" +
                              url(m_other) + "\"\nkey = \"" + otherKey->publicKey().hex() + "\"\n";
    std::string certified;
    for (const std::string& one : m_certificates) certified += "\n[[payee]]\ncertificate = \"" + one + "\"\n";
    LAB_TRY(serve(m_own, known));
    return serve(m_other, certified);
}

void PayeeDirectories::stop() {
    for (const uint16_t isp : {m_own, m_other}) stop(isp);
}

void PayeeDirectories::stop(uint16_t isp) { m_net.overlay().lab().stopProgram("directory-" + std::to_string(isp)); }

Expected<void> PayeeDirectories::serve(uint16_t isp, const std::string& more) {
    const auto key = identity(isp);
    if (!key) return tl::unexpected(key.error());
    const std::string folder = m_net.overlay().folder(isp);
    const Endpoint accounting = m_net.overlay().endpoint(isp);
    std::ofstream out(folder + "/directory.toml", std::ios::trunc);
    out << "isp = " << isp << "\nname = \"" << isp << "\"\nidentity = \"directory.key\"\nlisten = [\""
        << accounting.address.toString() << "\"]\nport = 46723\nvalidity_seconds = 3600\n\n[accounting]\naddress = \""
        << accounting.address.toString() << "\"\nport = " << accounting.port << "\nkey = \""
        << m_net.overlay().key(isp).hex() << "\"\n\n[[edge]]\naddresses = [\"" << m_net.edge(isp).address.toString()
        << "\"]\n"
        << more;
    out.close();
    Lab& lab = m_net.overlay().lab();
    const std::string program = "directory-" + std::to_string(isp);
    LAB_TRY(lab.startProgram(program, m_net.overlay().node(),
                             {programPath("netpas-isp"), "directory", "--config", folder + "/directory.toml"}));
    std::this_thread::sleep_for(200ms);
    if (lab.program(program)->running()) return {};
    return fail(LabErrc::Process, "a directory died: " + lab.program(program)->logTail());
}

}  // namespace netpas::lab
