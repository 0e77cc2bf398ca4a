// /v1/payees: whom the user may pay (NetPaS §4.1.2).
#include <algorithm>
#include <nlohmann/json.hpp>

#include "app/secretary/json_fields.h"
#include "app/secretary/quote_json.h"
#include "app/secretary/routes.h"
#include "core/domain_name.h"
#include "secretary/payees/payee_book.h"

namespace netpas::secretaryd {

using net::HttpResponse;
using nlohmann::json;
using namespace certificates;
using secretary::payees::PayeeBook;
using secretary::payees::PayeeProblem;
using secretary::payees::TrustedAuthority;

namespace {

constexpr size_t longestPem = size_t{1} << 20;

HttpResponse refusalFor(const PayeeProblem& problem) {
    const unsigned status = problem.code == "NOT_FOUND"          ? 404
                            : problem.code == "STORAGE"          ? 500
                            : problem.code == "TOO_MANY"         ? 409
                            : problem.code == "OLDER"            ? 409
                            : problem.code.starts_with("CERTIF") ? 403
                                                                 : 400;
    return refusal(status, status == 500 ? "LOCAL_FAILURE" : problem.code, problem.message, problem.hint);
}

HttpResponse refusalFor(const CertificateProblem& problem) {
    return refusal(400, code(problem.fault), problem.message, problem.hint);
}

json jsonOf(PayeeClasses classes) {
    json list = json::array();
    for (const PayeeClass one : allPayeeClasses) {
        if (classes.has(one)) list.push_back(name(one));
    }
    return list;
}

json jsonOf(const Statement& statement) {
    return {{"payee", statement.payee.hex()},
            {"name", statement.name},
            {"domains", statement.domains},
            {"states", jsonOf(statement.classes)},
            {"issuer", statement.issuer},
            {"serial", statement.serial},
            {"not_before", timeText(statement.notBefore)},
            {"not_after", timeText(statement.notAfter)}};
}

json jsonOf(const Verified& verified) {
    json body = jsonOf(verified.statement);
    body["classes"] = jsonOf(verified.classes);
    body["authority"] = verified.authority;
    body["good_until"] = timeText(verified.goodUntil);
    body["may_be_paid"] = true;
    return body;
}

json jsonOf(const TrustedAuthority& authority) {
    return {{"id", authority.id},
            {"class", name(authority.anchor.payeeClass)},
            {"name", authority.statement.name},
            {"fingerprint", authority.statement.fingerprint},
            {"not_after", timeText(authority.statement.notAfter)}};
}

// A kept certificate with the verdict of now.
json judged(PayeeBook& book, const NodeId& payee, SystemTime now) {
    const auto verified = book.judge(payee, {}, now);
    if (verified) return jsonOf(*verified);
    const auto statement = inspect(*book.find(payee));
    json body = statement ? jsonOf(*statement) : json{{"payee", payee.hex()}};
    body["may_be_paid"] = false;
    const PayeeProblem& problem = verified.error();
    body["problem"] = {{"code", problem.code}, {"message", problem.message}, {"hint", problem.hint}};
    return body;
}

void list(SecretaryState& state, const ApiCall&, const Reply& reply) {
    PayeeBook& book = *state.payees;
    json authorities = json::array();
    for (const TrustedAuthority& authority : book.authorities()) authorities.push_back(jsonOf(authority));
    json payees = json::array();
    for (const NodeId& payee : book.payees()) payees.push_back(judged(book, payee, state.clock.now()));
    reply(answer({{"accepted", jsonOf(book.accepted())},
                  {"authorities", std::move(authorities)},
                  {"payees", std::move(payees)}}));
}

void read(SecretaryState& state, const ApiCall& call, const Reply& reply) {
    const auto payee = NodeId::parse(call.parameter("id"));
    const Chain* chain = payee ? state.payees->find(*payee) : nullptr;
    if (chain == nullptr) {
        return reply(refusal(404, "NOT_FOUND", "no certificate of this payee is kept", "netpas payees list"));
    }
    json body = judged(*state.payees, *payee, state.clock.now());
    body["pem"] = toPem(*chain);
    reply(answer(body));
}

void remove(SecretaryState& state, const ApiCall& call, const Reply& reply) {
    const auto payee = NodeId::parse(call.parameter("id"));
    if (!payee) return reply(refusal(404, "NOT_FOUND", "no certificate of this payee is kept", "netpas payees list"));
    const auto removed = state.payees->erase(*payee);
    reply(removed ? answer({{"removed", true}}) : refusalFor(removed.error()));
}

void add(SecretaryState& state, const ApiCall& call, const Reply& reply) {
    JsonFields fields(call.body());
    const std::string pem = fields.text("pem", longestPem);
    if (const auto bad = fields.problem()) return reply(refusal(400, "INVALID_ARGUMENT", bad->message, bad->hint));
    const auto chain = chainFromPem(pem);
    if (!chain) return reply(refusalFor(chain.error()));
    const auto added = state.payees->add(*chain, state.clock.now());
    reply(added ? answer(jsonOf(*added), 201) : refusalFor(added.error()));
}

// Keeps nothing. Without a payee the certificate's own is meant.
void verify(SecretaryState& state, const ApiCall& call, const Reply& reply) {
    JsonFields fields(call.body());
    const std::string pem = fields.text("pem", longestPem);
    const std::string wanted = fields.text("payee");
    const std::string site = fields.text("domain", 253);
    const auto payee = wanted.empty() ? std::nullopt : NodeId::parse(wanted);
    if (!wanted.empty() && !payee)
        fields.fail("payee is not 64 hexadecimal digits", "ask the payee for its identifier");
    const auto domain = site.empty() ? std::optional<std::string>("") : parseDomain(site);
    if (!domain) fields.fail("domain is not a domain name", "give it like example.net");
    if (const auto bad = fields.problem()) return reply(refusal(400, "INVALID_ARGUMENT", bad->message, bad->hint));
    const auto chain = chainFromPem(pem);
    if (!chain) return reply(refusalFor(chain.error()));
    const auto statement = inspect(*chain);
    if (!statement) return reply(refusalFor(statement.error()));
    const auto verified = state.payees->verify(*chain, payee ? *payee : statement->payee, *domain, state.clock.now());
    reply(verified ? answer(jsonOf(*verified)) : refusalFor(verified.error()));
}

void accept(SecretaryState& state, const ApiCall& call, const Reply& reply) {
    JsonFields fields(call.body());
    const json* names = fields.get("classes");
    PayeeClasses classes;
    if (names == nullptr || !names->is_array()) {
        fields.fail("classes is a list of few-complaints, accountable and regulated");
    } else {
        for (const json& entry : *names) {
            const auto one = entry.is_string() ? payeeClassFrom(entry.get_ref<const std::string&>()) : std::nullopt;
            if (one) classes |= *one;
            if (!one) fields.fail("there is no such class of payees", "few-complaints, accountable or regulated");
        }
    }
    if (const auto bad = fields.problem()) return reply(refusal(400, "INVALID_ARGUMENT", bad->message, bad->hint));
    const auto done = state.payees->accept(classes);
    reply(done ? answer({{"accepted", jsonOf(state.payees->accepted())}}) : refusalFor(done.error()));
}

void trust(SecretaryState& state, const ApiCall& call, const Reply& reply) {
    JsonFields fields(call.body());
    const auto one = payeeClassFrom(fields.text("class"));
    const std::string pem = fields.text("pem", longestPem);
    if (!one) fields.fail("there is no such class of payees", "few-complaints, accountable or regulated");
    if (const auto bad = fields.problem()) return reply(refusal(400, "INVALID_ARGUMENT", bad->message, bad->hint));
    const auto chain = chainFromPem(pem);
    if (!chain) return reply(refusalFor(chain.error()));
    const auto id = state.payees->trust(*one, chain->front(), state.clock.now());
    if (!id) return reply(refusalFor(id.error()));
    const auto& all = state.payees->authorities();
    const auto made = std::find_if(all.begin(), all.end(), [&](const TrustedAuthority& it) { return it.id == *id; });
    reply(answer(made == all.end() ? json{{"id", *id}} : jsonOf(*made), 201));
}

void distrust(SecretaryState& state, const ApiCall& call, const Reply& reply) {
    const auto done = state.payees->distrust(call.parameter("id"));
    reply(done ? answer({{"removed", true}}) : refusalFor(done.error()));
}

void revocations(SecretaryState& state, const ApiCall& call, const Reply& reply) {
    JsonFields fields(call.body());
    const std::string pem = fields.text("pem", longestPem);
    if (const auto bad = fields.problem()) return reply(refusal(400, "INVALID_ARGUMENT", bad->message, bad->hint));
    const auto list = revocationsFromPem(pem);
    if (!list) return reply(refusalFor(list.error()));
    const auto added = state.payees->addRevocations(*list);
    if (!added) return reply(refusalFor(added.error()));
    reply(answer({{"authority", added->issuer},
                  {"revoked", added->revoked},
                  {"issued", timeText(added->issued)},
                  {"expires", added->expires ? json(timeText(*added->expires)) : json(nullptr)}},
                 201));
}

}  // namespace

void addPayeeRoutes(Router& router, SecretaryState& state) {
    const auto route = [&](const char* method, const char* path, auto handle, size_t maxBody = 8192) {
        router.add(
            method, path, Capability::Policy,
            [&state, handle](const ApiCall& call, const Reply& reply) { handle(state, call, reply); },
            RouteLimits{.maxBody = maxBody});
    };
    route("GET", "/v1/payees", list);
    route("POST", "/v1/payees", add, longestPem);
    route("POST", "/v1/payees/verify", verify, longestPem);
    route("PUT", "/v1/payees/accepted", accept);
    route("POST", "/v1/payees/authorities", trust, longestPem);
    route("DELETE", "/v1/payees/authorities/{id}", distrust);
    route("POST", "/v1/payees/revocations", revocations, longestPem);
    route("GET", "/v1/payees/{id}", read);
    route("DELETE", "/v1/payees/{id}", remove);
}

}  // namespace netpas::secretaryd
