#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <optional>

#include "app/isp/server_commands.h"
#include "core/certificates/authority.h"
#include "core/domain_name.h"

namespace netpas::isp {

using namespace certificates;

namespace {

struct Given {
    std::string key;
    std::string authority;
    std::string out;
    std::string name;
    std::string payee;
    std::vector<std::string> domains;
    std::vector<std::string> classes;
    std::vector<std::string> revoked;
    std::string from;
    std::string until;
    bool below = false;
};

int fail(const char* command, const std::string& text, int code = 1) {
    std::fprintf(stderr, "netpas-isp %s: %s\n", command, text.c_str());
    return code;
}

// "2027-06-15": that day at 0:00 UTC.
std::optional<SystemTime> dayFrom(const std::string& text) {
    int year = 0;
    unsigned month = 0;
    unsigned day = 0;
    int end = 0;
    if (std::sscanf(text.c_str(), "%4d-%2u-%2u%n", &year, &month, &day, &end) != 3 ||
        static_cast<size_t>(end) != text.size()) {
        return std::nullopt;
    }
    const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month), std::chrono::day(day)};
    if (!date.ok()) return std::nullopt;
    return SystemTime(std::chrono::sys_days(date));
}

// From an hour ago, for clocks that are behind, unless it is said.
std::optional<Lifetime> lifetimeOf(const Given& given, std::chrono::days usual) {
    const SystemTime now = systemClock().now();
    const auto from = given.from.empty() ? std::optional(now - std::chrono::hours(1)) : dayFrom(given.from);
    const auto until = given.until.empty() ? std::optional(now + usual) : dayFrom(given.until);
    if (!from || !until) return std::nullopt;
    return Lifetime{*from, *until};
}

std::optional<std::string> contents(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    return in ? std::optional(text) : std::nullopt;
}

// Certificates are public, but nobody's file is replaced.
bool writeNew(const std::string& file, const std::string& text) {
    const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0) return false;
    const bool good = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    if (::close(fd) == 0 && good) return true;
    ::unlink(file.c_str());
    return false;
}

tl::expected<Identity, std::string> keyOf(const std::string& file) {
    if (!initCrypto()) return tl::unexpected(std::string("libsodium does not start"));
    auto identity = Identity::load(file);
    if (identity) return std::move(*identity);
    return tl::unexpected(file + ": " + std::string(describe(identity.error())) + "; make one with netpas-isp keygen " +
                          file);
}

tl::expected<Authority, std::string> authorityOf(const Given& given) {
    auto key = keyOf(given.key);
    if (!key) return tl::unexpected(key.error());
    const auto pem = contents(given.authority);
    const auto chain = pem ? chainFromPem(*pem) : Chain{};
    if (!chain || chain->empty()) {
        return tl::unexpected(given.authority + ": not an authority's certificate; make one with netpas-isp authority");
    }
    auto authority = Authority::load(std::move(*key), chain->front());
    if (!authority) return tl::unexpected(given.authority + ": " + std::string(describe(authority.error())));
    return std::move(*authority);
}

std::optional<PayeeClasses> classesOf(const Given& given) {
    PayeeClasses classes;
    for (const std::string& text : given.classes) {
        const auto one = payeeClassFrom(text);
        if (!one) return std::nullopt;
        classes |= *one;
    }
    return classes;
}

// The exit status when the arguments do not parse; else nothing.
std::optional<int> parse(CLI::App& app, const std::vector<std::string>& arguments) {
    try {
        app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    return std::nullopt;
}

void addCommon(CLI::App& app, Given& given) {
    app.add_option("--key", given.key, "the authority's private key, from netpas-isp keygen")->required();
    app.add_option("--out", given.out, "file to write, PEM; it must not be there yet")->required();
    app.add_option("--from", given.from, "first day, such as 2027-06-15; without it now");
    app.add_option("--until", given.until, "the day on which it no longer counts");
}

}  // namespace

int runAuthority(const std::vector<std::string>& arguments) {
    CLI::App app("Makes the certificate of an authority on payees", "netpas-isp authority");
    Given given;
    addCommon(app, given);
    app.add_option("--name", given.name, "the authority's name")->required();
    if (const auto status = parse(app, arguments)) return *status;
    const auto lifetime = lifetimeOf(given, std::chrono::days(3650));
    if (!lifetime) return fail("authority", "--from and --until are days such as 2027-06-15", 2);
    auto key = keyOf(given.key);
    if (!key) return fail("authority", key.error());
    const auto authority = Authority::makeRoot(std::move(*key), given.name, *lifetime);
    if (!authority) return fail("authority", std::string(describe(authority.error())), 2);
    if (!writeNew(given.out, toPem(Chain{authority->certificate()})))
        return fail("authority", given.out + ": cannot be written, or is there already; name another file");
    return 0;
}

int runCertify(const std::vector<std::string>& arguments) {
    CLI::App app("Certifies a payee whose identity and conduct you have checked", "netpas-isp certify");
    Given given;
    addCommon(app, given);
    app.add_option("--authority", given.authority, "the authority's certificate, PEM")->required();
    app.add_option("--payee", given.payee, "the payee's public key, 64 hexadecimal digits")->required();
    app.add_option("--name", given.name, "the payee's name")->required();
    app.add_option("--domain", given.domains, "a site of the payee's; may be repeated");
    app.add_option("--class", given.classes, "few-complaints, accountable or regulated; may be repeated")->required();
    if (const auto status = parse(app, arguments)) return *status;
    const auto lifetime = lifetimeOf(given, std::chrono::days(365));
    if (!lifetime) return fail("certify", "--from and --until are days such as 2027-06-15", 2);
    const auto payee = PublicKey::parse(given.payee);
    if (!payee) return fail("certify", "--payee is the 64 hexadecimal digits that `netpas-isp keygen` prints first", 2);
    const auto classes = classesOf(given);
    if (!classes) return fail("certify", "--class is few-complaints, accountable or regulated", 2);
    PayeeRequest request{*payee, given.name, {}, *classes, *lifetime};
    for (const std::string& text : given.domains) {
        const auto domain = parseDomain(text);
        if (!domain) return fail("certify", text + " is not a domain name; give it like example.net", 2);
        request.domains.push_back(*domain);
    }
    const auto authority = authorityOf(given);
    if (!authority) return fail("certify", authority.error());
    const auto certificate = authority->certify(request);
    if (!certificate) return fail("certify", std::string(describe(certificate.error())), 2);
    if (!writeNew(given.out, toPem(Chain{*certificate})))
        return fail("certify", given.out + ": cannot be written, or is there already; name another file");
    std::printf("%s\n", payee->nodeId().hex().c_str());
    return 0;
}

int runRevoke(const std::vector<std::string>& arguments) {
    CLI::App app("Writes the list of all certificates that an authority has revoked", "netpas-isp revoke");
    Given given;
    addCommon(app, given);
    app.add_option("--authority", given.authority, "the authority's certificate, PEM")->required();
    app.add_option("certificate", given.revoked, "the certificates that count no longer, PEM");
    if (const auto status = parse(app, arguments)) return *status;
    const auto lifetime = lifetimeOf(given, std::chrono::days(7));
    if (!lifetime) return fail("revoke", "--from and --until are days such as 2027-06-15", 2);
    const auto authority = authorityOf(given);
    if (!authority) return fail("revoke", authority.error());
    std::vector<std::string> serials;
    for (const std::string& file : given.revoked) {
        const auto pem = contents(file);
        const auto chain = pem ? chainFromPem(*pem) : Chain{};
        const auto statement = chain ? inspect(*chain) : tl::unexpected(chain.error());
        if (!statement) return fail("revoke", file + ": " + statement.error().message);
        serials.push_back(statement->serial);
    }
    const auto list = authority->revoke(serials, *lifetime);
    if (!list) return fail("revoke", std::string(describe(list.error())), 2);
    if (!writeNew(given.out, revocationsToPem(*list)))
        return fail("revoke", given.out + ": cannot be written, or is there already; name another file");
    return 0;
}

}  // namespace netpas::isp
