#include "app/isp/server_configs.h"

#include <cmath>
#include <fstream>
#include <iterator>
#include <map>
#include <set>

#include "app/isp/config_parts.h"
#include "app/isp/enterprise_config.h"
#include "core/accounting/visitors.h"
#include "core/certificates/payee_certificate.h"
#include "core/ndt7/measurement.h"
#include "core/net/tls_threads.h"
#include "core/stamp/stamp_packet.h"
#include "core/store/postgres/postgres.h"

namespace netpas::isp {

namespace {

using Need = TomlFields::Need;

const Money usualCredit = *Money::parse("100");

std::filesystem::path inFolder(const std::filesystem::path& folder, const std::optional<std::string>& path) {
    return path ? folder / *path : std::filesystem::path();
}

std::vector<Endpoint> listenOf(TomlFields& fields, uint16_t usualPort) {
    std::vector<Endpoint> listen;
    const uint16_t port = portOf(fields, usualPort);
    for (const IpAddress& address : fields.addresses("listen")) listen.push_back({address, port});
    return listen;
}

// --- accounting.toml

void readSampling(const toml::table* table, accounting::ServerConfig& server, Problems& problems) {
    if (table == nullptr) return;
    TomlFields fields(*table, "[sampling]", problems);
    server.threshold = fields.money("threshold").value_or(Money::zero());
    if (server.threshold == Money::zero())
        fields.problem("threshold", "'threshold' must be above zero, such as \"0.001\"");
    const std::string kind = fields.text("kind", Need::Optional).value_or("stratified");
    if (kind == "smart") {
        server.watch.sampler = accounting::SamplerKind::Smart;
    } else if (kind != "stratified") {
        fields.problem("kind", "'kind' in [sampling] must be \"stratified\" or \"smart\"");
    }
    fields.number("seed", 0, INT64_MAX,
                  Need::Optional);  // the edge routers'; allowed so that one table serves both files
}

void readComparison(const toml::table* table, accounting::WatchOptions& watch, Problems& problems) {
    if (table == nullptr) return;
    TomlFields fields(*table, "[comparison]", problems);
    if (const auto value = fields.real("false_alarm", 1e-30, 0.1, Need::Optional)) watch.falseAlarm = *value;
    if (const auto value = fields.number("grace_seconds", 1, 3600, Need::Optional))
        watch.grace = std::chrono::seconds(*value);
    if (const auto value = fields.number("investigation_seconds", 1, 3600, Need::Optional))
        watch.investigation = std::chrono::seconds(*value);
    if (const auto value = fields.number("dispute_seconds", 1, 30L * 24 * 3600, Need::Optional))
        watch.disputeTime = std::chrono::seconds(*value);
    watch.blacklist = fields.flag("blacklist").value_or(false);
    if (const auto value = fields.number("loss_per_mille", 0, 1000, Need::Optional)) {
        watch.lossPerMille = static_cast<uint32_t>(*value);
    }
}

accounting::FeeModel feeOf(TomlFields& fields) {
    accounting::FeeModel fee;
    fee.fixed = fields.money("fee", Need::Optional).value_or(Money::zero());
    fee.per1024 = static_cast<uint32_t>(fields.number("fee_1024ths", 0, 1024, Need::Optional).value_or(0));
    return fee;
}

void readPayments(const toml::table* table, accounting::ServerConfig& server, Problems& problems) {
    if (table == nullptr) return;
    TomlFields fields(*table, "[payments]", problems);
    server.paymentFee = feeOf(fields);
    if (const auto least = fields.money("smallest", Need::Optional)) {
        server.smallestPayment = std::max(*least, Money::fromEighths(1));
    }
    accounting::FreezeTerms& freeze = server.freeze;
    if (const auto count = fields.number("freeze_complaints", 0, 1000000, Need::Optional))
        freeze.complaints = static_cast<uint32_t>(*count);
    if (const auto times = fields.number("freeze_growth", 0, 1000000, Need::Optional))
        freeze.growth = static_cast<uint32_t>(*times);
    if (const auto least = fields.money("freeze_least", Need::Optional)) freeze.least = *least;
}

// A calendar month, or so many seconds.
void readBilling(const toml::table* table, accounting::BillingCycle& billing, Problems& problems) {
    if (table == nullptr) return;
    TomlFields fields(*table, "[billing]", problems);
    if (const auto seconds = fields.number("cycle_seconds", 10, 366L * 24 * 3600, Need::Optional))
        billing.length = std::chrono::seconds(*seconds);
    if (const auto seconds = fields.number("grace_seconds", 1, 31L * 24 * 3600, Need::Optional))
        billing.grace = std::chrono::seconds(*seconds);
}

std::string fileText(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

std::optional<CertifierSettings::Authority> readAuthority(const toml::table& table, const std::filesystem::path& folder,
                                                          Problems& problems) {
    TomlFields fields(table, "[[payees.authority]]", problems);
    const auto file = fields.text("certificate");
    const auto name = fields.text("class");
    CertifierSettings::Authority authority;
    authority.revocations = inFolder(folder, fields.text("revocations", Need::Optional));
    if (!file || !name) return std::nullopt;
    const auto payeeClass = certificates::payeeClassFrom(*name);
    if (!payeeClass) {
        fields.problem("class", "'" + *name + "' is no class of payees: few-complaints, accountable or regulated");
        return std::nullopt;
    }
    const auto chain = certificates::chainFromPem(fileText(folder / *file));
    if (!chain || chain->size() != 1) {
        fields.problem("certificate", (folder / *file).string() + " must hold the authority's one certificate (PEM)");
        return std::nullopt;
    }
    authority.anchor = {*payeeClass, chain->front()};
    return authority;
}

// Where certificates of payees come from, and who may vouch for them (NetPaS §4.1.2).
std::optional<CertifierSettings> readCertifier(const toml::table* table, IspId isp, const std::filesystem::path& folder,
                                               Problems& problems) {
    if (table == nullptr) return std::nullopt;
    TomlFields fields(*table, "[payees]", problems);
    CertifierSettings settings;
    settings.isp = isp;
    if (const auto url = fields.text("directory")) {
        const auto parsed = directory::parseJoinUrl(*url);
        if (!parsed) fields.problem("directory", "'directory' is this ISP's own: https://ADDRESS:PORT/#KEY");
        if (parsed) settings.directory = *parsed;
    }
    const auto authorities = fields.tables("authority");
    for (const toml::table* one : authorities) {
        if (auto authority = readAuthority(*one, folder, problems)) settings.authorities.push_back(*authority);
    }
    if (authorities.empty()) fields.problem("authority", "[payees] needs a [[payees.authority]] that may vouch");
    const auto verifier = makeVerifier(settings.authorities);
    if (!verifier) fields.problem("authority", verifier.error().message + "; " + verifier.error().hint);
    return settings;
}

// A filter without anybody to certify would refuse every payment.
void checkFilters(const toml::table& root, const AccountingSettings& settings, Problems& problems) {
    for (const auto& customer : settings.server.customers) {
        if (customer.payments.payees && !settings.payees) {
            problems.add(root,
                         "customer " + customer.name +
                             " pays certified payees only: add [payees] with 'directory' and [[payees.authority]]");
        }
    }
}

// Strangers, who receive what they spend (NetPaS §3.1.4).
void readVisitors(TomlFields& fields, accounting::CustomerConfig& line) {
    line.visitors = fields.flag("visitors").value_or(false);
    constexpr int64_t most = 1'000'000;
    if (const auto limit = fields.number("max_visitors", 1, most, Need::Optional))
        line.maxVisitors = static_cast<size_t>(*limit);
    if (line.name.find('/') != std::string::npos)
        fields.problem("name", "a customer's name has no '/'; choose another");
    if (!line.visitors) return;
    if (line.name.size() > accounting::maxVisitorLine) {
        fields.problem("name", "the name of a line for visitors has at most " +
                                   std::to_string(accounting::maxVisitorLine) + " characters; shorten it");
    }
    if (line.payments.maySend || !line.payments.mayReceive) {
        fields.problem("visitors",
                       "visitors are paid for and pay nobody; add payments = { send = false, receive = true }");
    }
    if (line.delegation)
        fields.problem("visitors", "visitors confirm nothing; remove [customer.confirms] and [customer.delegation]");
    line.payments.spendsReceived = true;
}

// What the customer may do with micropayments (NetPaS §4.1).
accounting::PaymentAccount readAccount(const toml::table* table, Problems& problems) {
    accounting::PaymentAccount account;
    if (table == nullptr) return account;
    TomlFields fields(*table, "[customer.payments]", problems);
    account.maySend = fields.flag("send").value_or(account.maySend);
    account.mayReceive = fields.flag("receive").value_or(account.mayReceive);
    account.frozen = fields.flag("frozen").value_or(account.frozen);
    if (const auto most = fields.money("per_payment", Need::Optional)) account.perPayment = *most;
    if (const auto most = fields.money("per_day", Need::Optional)) account.perDay = *most;
    if (const auto rate = fields.number("per_second", 1, 100'000, Need::Optional)) {
        account.perSecond = static_cast<uint32_t>(*rate);
    }
    const auto names = fields.texts("payees", Need::Optional);
    if (names.empty()) return account;
    certificates::PayeeClasses classes;
    for (const std::string& name : names) {
        const auto one = certificates::payeeClassFrom(name);
        if (one) {
            classes |= *one;
        } else {
            fields.problem("payees", "'" + name + "' is no class of payees: few-complaints, accountable or regulated");
        }
    }
    account.payees = classes.bits();
    return account;
}

// Points of contact with another ISP, by the numbers that both use; none: all of them.
std::vector<ExitPoint> exitsOf(TomlFields& fields) {
    std::vector<ExitPoint> exits;
    for (const IspId number : fields.isps("exits")) {
        if (number.value() == 0 || number.value() > ExitPoint::maxValue) {
            fields.problem("exits", "an entry of 'exits' is a number from 1 to 1023");
        } else {
            exits.emplace_back(number.value());
        }
    }
    return exits;
}

// The other accounting servers of this ISP (NetPaS Figure 6).
void readSiblings(TomlFields& root, accounting::ServerConfig& server, Problems& problems) {
    for (const toml::table* table : root.tables("server")) {
        TomlFields fields(*table, "[[server]]", problems);
        accounting::SiblingConfig sibling;
        sibling.name = fields.text("name").value_or("");
        if (sibling.name.empty() || sibling.name.size() > accounting::maxNameSize)
            fields.problem("name", "'name' in [[server]] must have 1 to 64 characters");
        sibling.server.address = fields.address("address").value_or(IpAddress{});
        sibling.server.port = portOf(fields, accountingPort);
        sibling.key = keyOf(fields);
        for (const toml::table* place : fields.tables("places")) {
            TomlFields inner(*place, "'places' of [[server]]", problems);
            const IspId isp = ispOf(inner, "isp");
            sibling.places.push_back({isp, exitsOf(inner)});
        }
        server.siblings.push_back(std::move(sibling));
    }
}

void readParties(TomlFields& root, accounting::ServerConfig& server, Problems& problems) {
    for (const toml::table* table : root.tables("edge")) {
        TomlFields fields(*table, "[[edge]]", problems);
        server.edges.push_back({fields.text("router").value_or(""), keyOf(fields)});
    }
    for (const toml::table* table : root.tables("neighbour")) {
        TomlFields fields(*table, "[[neighbour]]", problems);
        accounting::NeighbourConfig neighbour;
        neighbour.isp = ispOf(fields, "isp");
        neighbour.name = fields.text("name").value_or("");
        neighbour.server.address = fields.address("address").value_or(IpAddress{});
        neighbour.server.port = portOf(fields, accountingPort);
        neighbour.key = keyOf(fields);
        neighbour.credit = fields.money("credit", Need::Optional).value_or(usualCredit);
        neighbour.exits = exitsOf(fields);
        if (neighbour.name == accounting::Party::providerName)
            fields.problem("name", "no neighbour may be called \"provider\"");
        if (neighbour.isp == server.isp)
            fields.problem("isp", "an ISP is no neighbour of itself: give the neighbour's number");
        server.neighbours.push_back(std::move(neighbour));
    }
    for (const toml::table* table : root.tables("customer")) {
        TomlFields fields(*table, "[[customer]]", problems);
        accounting::CustomerConfig customer;
        customer.name = fields.text("name").value_or("");
        customer.prefixes = fields.prefixes("prefixes");
        customer.router = fields.text("router", Need::Optional).value_or("");
        const bool known = customer.router.empty() || std::any_of(server.edges.begin(), server.edges.end(),
                                                                  [&](const accounting::EdgeConfig& edge) {
                                                                      return edge.router == customer.router;
                                                                  });
        if (!known) fields.problem("router", "there is no [[edge]] with router = \"" + customer.router + "\"; add it");
        customer.payments = readAccount(fields.table("payments", Need::Optional), problems);
        customer.delegation = readDelegation(fields.table("delegation", Need::Optional), problems);
        if (auto confirms = readConfirms(fields.table("confirms", Need::Optional), problems)) {
            if (customer.delegation)
                fields.problem("confirms", "it is for endpoints, [customer.delegation] for networks; keep one");
            customer.delegation = std::move(confirms);
        }
        const bool taken =
            customer.delegation &&
            std::any_of(server.customers.begin(), server.customers.end(), [&](const accounting::CustomerConfig& other) {
                return other.delegation && other.delegation->counter == customer.delegation->counter;
            });
        if (taken) fields.problem("delegation", "another customer has this 'counter'; give each its own");
        if (const auto limit = fields.money("cap_limit", Need::Optional)) customer.capLimit = *limit;
        if (const auto limit = fields.number("max_keys", 1, 100'000, Need::Optional)) {
            customer.maxKeys = static_cast<size_t>(*limit);
        }
        readVisitors(fields, customer);
        server.customers.push_back(std::move(customer));
    }
    for (const toml::table* table : root.tables("isp_key")) {
        TomlFields fields(*table, "[[isp_key]]", problems);
        server.signers.push_back({ispOf(fields, "isp"), keyOf(fields)});
    }
}

// Two of the same name or key would be told apart by chance.
void checkDistinct(const toml::table& root, const accounting::ServerConfig& server, Problems& problems) {
    std::set<PublicKey> keys;
    std::set<std::string> names;
    const auto check = [&](bool fresh, const std::string& what) {
        if (!fresh) problems.add(root, what + " stands twice in the file; keep one");
    };
    for (const auto& edge : server.edges) {
        check(keys.insert(edge.key).second, "the key of router " + edge.router);
        check(names.insert("router " + edge.router).second, "router " + edge.router);
    }
    for (const auto& neighbour : server.neighbours) {
        check(keys.insert(neighbour.key).second, "the key of neighbour " + neighbour.name);
        check(names.insert("neighbour " + neighbour.name).second, "neighbour " + neighbour.name);
    }
    for (const auto& sibling : server.siblings) {
        check(keys.insert(sibling.key).second, "the key of server " + sibling.name);
        check(names.insert("server " + sibling.name).second, "server " + sibling.name);
    }
    for (const auto& customer : server.customers) {
        check(names.insert("customer " + customer.name).second, "customer " + customer.name);
    }
}

// Every place has one server that answers for it: else a confirmation could be taken twice.
void checkPlaces(const toml::table& root, const accounting::ServerConfig& server, Problems& problems) {
    std::map<IspId, std::vector<const std::vector<ExitPoint>*>> by;
    for (const auto& neighbour : server.neighbours) by[neighbour.isp].push_back(&neighbour.exits);
    for (const auto& sibling : server.siblings) {
        for (const auto& places : sibling.places) by[places.isp].push_back(&places.exits);
    }
    for (const auto& [isp, lists] : by) {
        if (lists.size() == 1) continue;
        const std::string name = "ISP " + std::to_string(isp.value());
        std::set<ExitPoint> seen;
        for (const auto* exits : lists) {
            if (exits->empty())
                problems.add(root, name +
                                       " is met by several servers: give each [[neighbour]] and each of 'places' its "
                                       "'exits'");
            for (const ExitPoint exit : *exits) {
                if (!seen.insert(exit).second)
                    problems.add(root, "exit " + std::to_string(exit.value()) + " of " + name +
                                           " stands at two servers; keep one");
            }
        }
    }
}

AccountingSettings readAccounting(const toml::table& root, const std::filesystem::path& folder, Problems& problems) {
    TomlFields fields(root, "the file", problems);
    AccountingSettings settings;
    accounting::ServerConfig& server = settings.server;
    const bool enterprise = root.contains("provider");
    if (!enterprise) server.isp = ispOf(fields, "isp");
    server.name = fields.text("name").value_or("");
    settings.identity = inFolder(folder, fields.text("identity"));
    const auto database = fields.text("database");
    const bool onServer = database && store::isPostgres(*database);
    if (onServer) {
        settings.databaseServer = *database;
    } else {
        settings.database = inFolder(folder, database);
    }
    settings.databaseKey = inFolder(folder, fields.text("database_key"));
    settings.adminSocket = inFolder(folder, fields.text("admin_socket"));
    settings.listen = listenOf(fields, accountingPort);
    if (const auto seconds = fields.number("confirmation_lifetime_seconds", 10, 7L * 24 * 3600, Need::Optional)) {
        server.confirmationLifetime = std::chrono::seconds(*seconds);
    }
    server.batchSignatures = fields.flag("batch_signatures").value_or(true);
    server.threads = net::TlsThreads::coresToSpare();
    if (const auto given = fields.number("threads", 0, 64, Need::Optional))
        server.threads = static_cast<size_t>(*given);
    if (const auto most = fields.number("connections", 16, 1'000'000, Need::Optional))
        server.maxConnections = static_cast<size_t>(*most);
    server.signatureShare = fields.real("check_signatures", 0, 1, Need::Optional).value_or(1);
    if (const auto days = fields.number("log_days", 1, 3650, Need::Optional))
        server.logKept = std::chrono::hours(24 * *days);
    readSampling(fields.table("sampling"), server, problems);
    readComparison(fields.table("comparison", Need::Optional), server.watch, problems);
    readPayments(fields.table("payments", Need::Optional), server, problems);
    readBilling(fields.table("billing", Need::Optional), settings.billing, problems);
    settings.payees = readCertifier(fields.table("payees", Need::Optional), server.isp, folder, problems);
    readSiblings(fields, server, problems);
    readParties(fields, server, problems);
    readEnterprise(fields, server, problems);
    checkFilters(root, settings, problems);
    if (!problems.any()) checkDistinct(root, server, problems);
    if (!problems.any()) checkPlaces(root, server, problems);
    return settings;
}

// --- directory.toml

PriceModel readPrice(TomlFields& fields) {
    PriceModel model;
    model.perPacket = fields.money("per_packet").value_or(Money::zero());
    model.perKib = fields.money("per_kib", Need::Optional).value_or(Money::zero());
    model.surcharge1024ths =
        static_cast<uint32_t>(fields.number("surcharge_1024ths", 0, 1024, Need::Optional).value_or(0));
    return model;
}

directory::MenuClass readClass(const toml::table& table, Problems& problems) {
    TomlFields fields(table, "[[class]]", problems);
    directory::MenuClass entry;
    entry.id = ServiceClass(static_cast<uint8_t>(fields.number("id", 0, 63).value_or(0)));
    entry.name = fields.text("name").value_or("");
    entry.description = fields.text("description", Need::Optional).value_or("");
    entry.dscp = static_cast<uint8_t>(fields.number("dscp", 0, 63).value_or(0));
    entry.prices.base = readPrice(fields);
    for (const toml::table* period : fields.tables("period")) {
        TomlFields inner(*period, "[[class.period]]", problems);
        PricePeriod one;
        one.fromMinute = inner.minute("from").value_or(0);
        one.toMinute = inner.minute("to").value_or(0);
        one.model = readPrice(inner);
        entry.prices.periods.push_back(one);
    }
    if (const toml::table* charged = fields.table("guarantee", Need::Optional)) {
        TomlFields inner(*charged, "guarantee", problems);
        entry.guarantee = readGuarantee(inner);
        (void)inner.number("reservations", 1, 1'000'000, Need::Optional);  // the routers' affair
    }
    const toml::table* promised = fields.table("promised", Need::Optional);
    if (promised == nullptr) return entry;
    TomlFields inner(*promised, "promised", problems);
    if (const auto ms = inner.real("latency_ms", 0, 4e6, Need::Optional)) {
        entry.promise.latencyMicroseconds = static_cast<uint32_t>(std::llround(*ms * 1000));
    }
    if (const auto loss = inner.real("loss", 0, 1, Need::Optional)) {
        entry.promise.lossPerMillion = static_cast<uint32_t>(std::llround(*loss * 1e6));
    }
    if (const auto rate = inner.real("rate_mbit", 0, 1e9, Need::Optional)) {
        entry.promise.rateBitPerSecond = static_cast<uint64_t>(std::llround(*rate * 1e6));
    }
    return entry;
}

void readPath(const toml::table& table, directory::Content& content, Problems& problems) {
    TomlFields fields(table, "[[path]]", problems);
    const auto prefix = fields.prefix("prefix");
    directory::IspPath path;
    path.isps = fields.isps("isps");
    for (const IspId exit : fields.isps("exits")) {
        if (exit.value() > ExitPoint::maxValue)
            fields.problem("exits", "an exit is a number from 0 to 1023; 0 = the ISP chooses");
        path.exits.emplace_back(static_cast<uint16_t>(exit.value() & ExitPoint::maxValue));
    }
    if (path.isps.empty() || path.isps.size() > 16 || path.isps.front() != content.isp) {
        fields.problem("isps", "'isps' must name 1 to 16 ISPs, this one first");
    }
    if (path.exits.empty() && !path.isps.empty()) path.exits.resize(path.isps.size() - 1);
    if (path.exits.size() + 1 != path.isps.size()) {
        fields.problem("exits", "'exits' must have one number for every ISP but the last");
    }
    if (!prefix) return;
    for (directory::Route& route : content.routes) {
        if (route.prefix == *prefix) {
            route.paths.push_back(std::move(path));
            return;
        }
    }
    content.routes.push_back({*prefix, {std::move(path)}});
}

void readAsNumbers(TomlFields& fields, IspId isp, BgpSettings& bgp, Need need) {
    for (const uint32_t number : fields.asNumbers("as", need)) {
        if (!bgp.isps.emplace(number, isp).second) {
            fields.problem("as", "AS " + std::to_string(number) + " stands here twice; an AS belongs to one ISP");
        }
    }
}

void readBgp(const toml::table& table, const std::filesystem::path& folder, BgpSettings& bgp, Problems& problems) {
    TomlFields fields(table, "[bgp]", problems);
    for (const std::string& dump : fields.texts("dumps")) {
        const std::filesystem::path file = folder / dump;
        const std::string name = file.filename().string();
        const bool oneStar = std::count(name.begin(), name.end(), '*') <= 1;
        if (name.empty() || !oneStar || file.parent_path().string().find('*') != std::string::npos) {
            fields.problem("dumps",
                           "'dumps' lists files; one * in a name stands for what differs: [\"bgp/rib-*.mrt\"]");
        }
        bgp.dumps.push_back(file);
    }
    if (bgp.dumps.empty()) fields.problem("dumps", "'dumps' lists no file; write dumps = [\"bgp/rib-*.mrt\"]");
    bgp.keep = static_cast<size_t>(fields.number("keep", 0, 1'000'000, Need::Optional).value_or(0));
    readAsNumbers(fields, bgp.isp, bgp, Need::Required);
}

directory::KnownIsp readKnownIsp(const toml::table& table, BgpSettings& bgp, Problems& problems) {
    TomlFields fields(table, "[[known_isp]]", problems);
    directory::KnownIsp known;
    known.isp = ispOf(fields, "id");
    known.name = fields.text("name").value_or("");
    known.key = keyOf(fields);
    readAsNumbers(fields, known.isp, bgp, Need::Optional);
    const auto url = fields.text("directory", Need::Optional);
    if (!url) return known;
    const bool slash = url->ends_with("/");
    const auto parsed = directory::parseJoinUrl(*url + (slash ? "#" : "/#") + known.key.hex());
    if (parsed) {
        known.directory = parsed->directory;
    } else {
        fields.problem(
            "directory",
            "'directory' in [[known_isp]] must be https://ADDRESS:PORT, such as \"https://192.0.2.1:46723\"");
    }
    return known;
}

// A certificate that would not even name its payee is refused here; whether it is good is for those who pay to find out.
void readPayee(const toml::table& table, const std::filesystem::path& folder, directory::Content& content,
               Problems& problems) {
    TomlFields fields(table, "[[payee]]", problems);
    const auto file = fields.text("certificate");
    if (!file) return;
    const auto chain = certificates::chainFromPem(fileText(folder / *file));
    const auto statement = chain ? certificates::inspect(*chain) : tl::unexpected(chain.error());
    if (!statement) {
        fields.problem("certificate", (folder / *file).string() + ": " + statement.error().message +
                                          "; make it with `netpas-isp certify`");
    } else if (!content.payees.emplace(statement->payee, certificates::toPem(*chain)).second) {
        fields.problem("certificate", "payee " + statement->payee.hex() + " has two certificates; keep one");
    }
}

// Where `netpas-isp reflector` and `netpas-isp ndt7` answer.
void readMeasuringPlaces(TomlFields& fields, directory::Menu& menu, Problems& problems) {
    for (const toml::table* table : fields.tables("reflector")) {
        TomlFields inner(*table, "[[reflector]]", problems);
        menu.reflectors.push_back({inner.address("address").value_or(IpAddress{}), portOf(inner, stamp::defaultPort)});
    }
    for (const toml::table* table : fields.tables("speed_test")) {
        TomlFields inner(*table, "[[speed_test]]", problems);
        directory::SpeedTest test;
        test.server = {inner.address("address").value_or(IpAddress{}), portOf(inner, ndt7::defaultPort)};
        if (table->contains("key")) test.key = keyOf(inner);
        menu.speedTests.push_back(test);
    }
    for (const toml::table* table : fields.tables("reverse_seller")) {
        TomlFields inner(*table, "[[reverse_seller]]", problems);
        directory::ReverseSeller seller;
        seller.server = {inner.address("address").value_or(IpAddress{}), portOf(inner, directory::reverseSellerPort)};
        seller.key = keyOf(inner);
        menu.reverseSellers.push_back(seller);
    }
}

// What no client would take is not published.
void checkDocuments(const directory::Content& content, Problems& problems) {
    const SystemTime now{};
    const directory::Validity validity{content.isp, now, now + content.validity};
    const auto good = [&](auto document, auto read) {
        document.validity = validity;
        return read(directory::toJson(document)).has_value();
    };
    constexpr const char* limits =
        "names have at most 64 bytes and no control characters, and nothing stands there twice";
    const auto check = [&](bool isGood, const std::string& what) {
        if (!isGood) problems.add(0, "no client would take " + what + ": " + limits);
    };
    check(good(content.descriptor, directory::descriptorFromJson), "the descriptor (name, [[edge]], [accounting])");
    check(good(content.menu, directory::menuFromJson), "the menu ([[class]], [[exit]], [[reflector]], [[speed_test]])");
    check(good(content.keys, directory::keysFromJson), "the list of [[known_isp]]");
    for (const directory::Route& route : content.routes) {
        check(good(directory::Paths{validity, route.prefix, route.paths}, directory::pathsFromJson),
              "the [[path]] entries of " + route.prefix.toString());
    }
}

DirectorySettings readDirectory(const toml::table& root, const std::filesystem::path& folder, Problems& problems) {
    TomlFields fields(root, "the file", problems);
    DirectorySettings settings;
    directory::Content& content = settings.content;
    content.isp = ispOf(fields, "isp");
    content.descriptor.name = fields.text("name").value_or("");
    settings.identity = inFolder(folder, fields.text("identity"));
    settings.listen = listenOf(fields, directoryPort);
    content.validity =
        std::chrono::seconds(fields.number("validity_seconds", 10, 31L * 24 * 3600, Need::Optional).value_or(3600));
    content.refresh =
        std::chrono::seconds(fields.number("refresh_seconds", 1, 24L * 3600, Need::Optional).value_or(60));
    if (const toml::table* table = fields.table("accounting")) {
        TomlFields inner(*table, "[accounting]", problems);
        content.descriptor.accounting.address = inner.address("address").value_or(IpAddress{});
        content.descriptor.accounting.port = portOf(inner, accountingPort);
        content.descriptor.accountingKey = keyOf(inner);
        content.keys.accountingKey = content.descriptor.accountingKey;
    }
    for (const toml::table* table : fields.tables("edge")) {
        TomlFields inner(*table, "[[edge]]", problems);
        for (const IpAddress& address : inner.addresses("addresses")) content.descriptor.edges.push_back(address);
    }
    if (content.descriptor.edges.empty()) {
        problems.add(
            root, "there is no [[edge]] with addresses: customers would not know where to send paid packets; add one");
    }
    BgpSettings bgp;
    bgp.isp = content.isp;
    const toml::table* const follows = fields.table("bgp", Need::Optional);
    if (follows != nullptr) readBgp(*follows, folder, bgp, problems);
    for (const toml::table* table : fields.tables("class")) content.menu.classes.push_back(readClass(*table, problems));
    for (const toml::table* table : fields.tables("exit")) {
        TomlFields inner(*table, "[[exit]]", problems);
        directory::MenuExit exit;
        exit.isp = ispOf(inner, "isp");
        exit.exit = ExitPoint(static_cast<uint16_t>(inner.number("exit", 1, ExitPoint::maxValue).value_or(1)));
        exit.name = inner.text("name", Need::Optional).value_or("");
        for (const IpAddress& peer : inner.addresses("peers", Need::Optional)) bgp.exits[peer] = exit.exit;
        content.menu.exits.push_back(std::move(exit));
    }
    readMeasuringPlaces(fields, content.menu, problems);
    for (const toml::table* table : fields.tables("path")) readPath(*table, content, problems);
    for (const toml::table* table : fields.tables("payee")) readPayee(*table, folder, content, problems);
    for (const toml::table* table : fields.tables("known_isp")) {
        auto known = readKnownIsp(*table, bgp, problems);
        content.keys.others.push_back(std::move(known));
    }
    if (follows != nullptr) settings.bgp = std::move(bgp);
    if (!problems.any()) checkDocuments(content, problems);
    return settings;
}

// --- both

template <typename Read>
auto parse(std::string_view text, const std::string& file, const std::filesystem::path& folder, Read read)
    -> ConfigResult<decltype(read(std::declval<const toml::table&>(), folder, std::declval<Problems&>()))> {
    Problems problems(file);
    try {
        const toml::table root = toml::parse(text, file);
        auto settings = read(root, folder, problems);
        if (!problems.any()) return settings;
    } catch (const toml::parse_error& error) {
        problems.add(error.source().begin.line, "not TOML: " + std::string(error.description()));
    }
    return tl::unexpected(problems.take());
}

template <typename Parse>
auto readFile(const std::filesystem::path& file, Parse parseText)
    -> decltype(parseText(std::string_view{}, file.string(), file)) {
    std::ifstream in(file, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    if (!in) {
        return tl::unexpected(
            std::vector<ConfigProblem>{{file.string(), 0, "cannot be read; name a readable file with --config"}});
    }
    return parseText(text, file.string(), file.parent_path());
}

}  // namespace

ConfigResult<AccountingSettings> parseAccountingConfig(std::string_view toml, const std::string& file,
                                                       const std::filesystem::path& folder) {
    return parse(toml, file, folder, readAccounting);
}

ConfigResult<DirectorySettings> parseDirectoryConfig(std::string_view toml, const std::string& file,
                                                     const std::filesystem::path& folder) {
    return parse(toml, file, folder, readDirectory);
}

ConfigResult<AccountingSettings> readAccountingConfig(const std::filesystem::path& file) {
    return readFile(file, parseAccountingConfig);
}

ConfigResult<DirectorySettings> readDirectoryConfig(const std::filesystem::path& file) {
    return readFile(file, parseDirectoryConfig);
}

}  // namespace netpas::isp
