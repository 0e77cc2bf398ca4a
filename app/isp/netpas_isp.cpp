// netpas-isp: the programs of an ISP, by command.
#include <cstdio>
#include <string>
#include <vector>

#include "app/isp/edge_command.h"
#include "app/isp/server_commands.h"
#include "core/crypto/identity.h"

namespace {

struct Command {
    const char* name;
    const char* what;
    int (*run)(const std::vector<std::string>&);
};

// Prints the public key and the node id; an existing file is kept.
int runKeygen(const std::vector<std::string>& arguments) {
    if (arguments.size() != 1 || arguments[0].starts_with("-")) {
        std::fprintf(stderr, "usage: netpas-isp keygen FILE\n");
        return 2;
    }
    if (!netpas::initCrypto()) return 1;
    const auto identity = netpas::Identity::loadOrCreate(arguments[0]);
    if (!identity) {
        std::fprintf(stderr, "netpas-isp keygen: %s: %s\n", arguments[0].c_str(),
                     std::string(netpas::describe(identity.error())).c_str());
        return 1;
    }
    std::printf("%s\n%s\n", identity->publicKey().hex().c_str(), identity->nodeId().hex().c_str());
    return 0;
}

constexpr Command commands[] = {
    {"edge", "edge router: --config FILE", netpas::isp::runEdge},
    {"accounting", "accounting server: --config FILE", netpas::isp::runAccounting},
    {"directory", "directory of services, keys and paths: --config FILE", netpas::isp::runDirectory},
    {"reflector", "the far end of measurements (STAMP): --listen ADDRESS...", netpas::isp::runReflector},
    {"ndt7", "capacity tests: --listen ADDRESS... [--identity KEY]", netpas::isp::runNdt7},
    {"counters", "what an edge router has counted: --socket SOCKET [--json]", netpas::isp::runCounters},
    {"books", "what an accounting server has in its books: --socket SOCKET [--json] [--invoices]",
     netpas::isp::runBooks},
    {"bill",
     "what is owed with each neighbour: --socket SOCKET [--cycle N] [--isp N] [--out|--compare FILE] [--paid REF]",
     netpas::isp::runBill},
    {"audit", "export the books for auditors: export --socket SOCKET --out FILE", netpas::isp::runAudit},
    {"account", "frozen accounts, complaints, blacklist: list|freeze|unfreeze|complain|blacklist --socket SOCKET ...",
     netpas::isp::runAccount},
    {"forget-customer", "let a customer enrol another identity: --socket SOCKET NAME", netpas::isp::runForgetCustomer},
    {"authority", "become an authority on payees: --key FILE --name NAME --out PEM", netpas::isp::runAuthority},
    {"certify", "certify a payee: --key FILE --authority PEM --payee KEY --name NAME --class CLASS --out PEM",
     netpas::isp::runCertify},
    {"revoke", "list certificates as revoked: --key FILE --authority PEM --out PEM CERTIFICATE...",
     netpas::isp::runRevoke},
    {"keygen", "make a key, or show that of an existing file: FILE", runKeygen},
};

int usage(int code) {
    std::FILE* out = code == 0 ? stdout : stderr;
    std::fprintf(out, "usage: netpas-isp COMMAND ...\n");
    for (const Command& command : commands) std::fprintf(out, "  %-16s %s\n", command.name, command.what);
    return code;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) return usage(2);
    const std::string name = argv[1];
    if (name == "--help" || name == "-h" || name == "help") return usage(0);
    for (const Command& command : commands) {
        if (name == command.name) return command.run({argv + 2, argv + argc});
    }
    std::fprintf(stderr, "netpas-isp: there is no command '%s'\n", name.c_str());
    return usage(2);
}
