#include "app/isp/enterprise_config.h"

#include <algorithm>

#include "app/isp/config_parts.h"

namespace netpas::isp {

namespace {

using Need = TomlFields::Need;

std::vector<accounting::ClassShare> sharesOf(TomlFields& fields, Problems& problems) {
    std::vector<accounting::ClassShare> shares;
    for (const toml::table* table : fields.tables("shares")) {
        TomlFields inner(*table, "'shares'", problems);
        const ServiceClass service(static_cast<uint8_t>(inner.number("class", 0, 63).value_or(0)));
        const auto part = static_cast<uint32_t>(inner.number("share_1024ths", 1, 1024).value_or(1));
        const bool twice = std::any_of(shares.begin(), shares.end(),
                                       [&](const accounting::ClassShare& share) { return share.service == service; });
        if (twice) inner.problem("class", "a class has one share; keep one");
        shares.push_back({service, part});
    }
    return shares;
}

accounting::EnterpriseRule ruleOf(TomlFields& fields, const accounting::ServerConfig& server) {
    accounting::EnterpriseRule rule;
    rule.name = fields.text("name").value_or("");
    const std::string action = fields.text("action").value_or("deny");
    rule.allow = action == "allow";
    if (!rule.allow && action != "deny") fields.problem("action", "'action' in [[rule]] must be \"allow\" or \"deny\"");
    if (const auto what = fields.text("what", Need::Optional)) {
        rule.what = *what == "packets" ? accounting::Spending::Packets : accounting::Spending::Payment;
        if (*what != "packets" && *what != "payments")
            fields.problem("what", "'what' in [[rule]] must be \"payments\" or \"packets\"; leave it out for both");
    }
    rule.hosts = fields.texts("hosts", Need::Optional);
    for (const std::string& host : rule.hosts) {
        const bool known = std::any_of(server.customers.begin(), server.customers.end(),
                                       [&](const auto& customer) { return customer.name == host; });
        if (!known) fields.problem("hosts", "there is no [[customer]] with name = \"" + host + "\"; add it");
    }
    for (const std::string& hex : fields.texts("payees", Need::Optional)) {
        const auto node = NodeId::parse(hex);
        if (node) {
            rule.payees.push_back(*node);
        } else {
            fields.problem("payees", "'" + hex + "' is no payee's identifier of 64 hexadecimal digits");
        }
    }
    rule.isps = fields.isps("isps");
    rule.above = fields.money("above", Need::Optional).value_or(Money::zero());
    return rule;
}

}  // namespace

void readEnterprise(TomlFields& root, accounting::ServerConfig& server, Problems& problems) {
    const toml::table* table = root.table("provider", Need::Optional);
    const auto rules = root.tables("rule");
    if (table == nullptr) {
        if (!rules.empty())
            root.problem("rule", "[[rule]] is for an enterprise's server; add its [provider], or leave the rules out");
        return;
    }
    TomlFields fields(*table, "[provider]", problems);
    accounting::ProviderConfig provider;
    server.isp = IspId(static_cast<uint16_t>(fields.number("isp", 1, 65535).value_or(1)));
    provider.name = fields.text("name").value_or("");
    provider.server.address = fields.address("address").value_or(IpAddress{});
    provider.server.port = portOf(fields, accountingPort);
    provider.key = keyOf(fields);
    if (const auto most = fields.money("payments_per_day", Need::Optional)) provider.paymentsPerDay = *most;
    if (const auto most = fields.money("packets_per_day", Need::Optional)) provider.packetsPerDay = *most;
    provider.shares = sharesOf(fields, problems);
    for (const toml::table* one : rules) {
        TomlFields inner(*one, "[[rule]]", problems);
        provider.rules.push_back(ruleOf(inner, server));
    }
    if (!server.neighbours.empty() || !server.siblings.empty())
        root.problem("provider",
                     "an enterprise's server speaks with its [provider] only; leave out [[neighbour]] and "
                     "[[server]]");
    server.provider = std::move(provider);
}

std::optional<accounting::Delegation> readDelegation(const toml::table* table, Problems& problems) {
    if (table == nullptr) return std::nullopt;
    TomlFields fields(*table, "[customer.delegation]", problems);
    accounting::Delegation delegation;
    delegation.shares = sharesOf(fields, problems);
    delegation.counter = ExitPoint(static_cast<uint16_t>(fields.number("counter", 1, ExitPoint::maxValue).value_or(1)));
    return delegation;
}

std::optional<accounting::Delegation> readConfirms(const toml::table* table, Problems& problems) {
    if (table == nullptr) return std::nullopt;
    TomlFields fields(*table, "[customer.confirms]", problems);
    accounting::Delegation delegation;
    delegation.counter = ExitPoint(static_cast<uint16_t>(fields.number("counter", 1, ExitPoint::maxValue).value_or(1)));
    delegation.onRequest = true;
    return delegation;
}

}  // namespace netpas::isp
