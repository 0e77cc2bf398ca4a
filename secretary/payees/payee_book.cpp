#include "secretary/payees/payee_book.h"

#include <algorithm>

#include "core/domain_name.h"

namespace netpas::secretary::payees {

namespace {

using namespace certificates;

constexpr std::string_view settingKind = "payee-setting";
constexpr std::string_view acceptedId = "accepted";
constexpr std::string_view authorityKind = "payee-authority";
constexpr std::string_view revocationKind = "payee-revocations";
constexpr std::string_view payeeKind = "payee";
// A certificate that was revoked, or whose authority's list has expired, is noticed after so long at the latest.
constexpr std::chrono::hours rememberFor{1};

PayeeProblem from(CertificateProblem problem) {
    return {std::string(code(problem.fault)), std::move(problem.message), std::move(problem.hint)};
}

PayeeProblem tooMany(const std::string& what) {
    return {"TOO_MANY", "there are too many " + what, "remove some first"};
}

std::string authorityId(PayeeClass payeeClass, const AnchorStatement& statement) {
    return std::string(name(payeeClass)) + ":" + statement.fingerprint;
}

Bytes bodyOf(const Anchor& anchor) {
    Writer writer;
    writer.u8(static_cast<uint8_t>(anchor.payeeClass));
    writer.bytes(anchor.certificate);
    return writer.take();
}

std::optional<Anchor> anchorFrom(const Bytes& body) {
    if (body.size() < 2) return std::nullopt;
    for (const PayeeClass one : allPayeeClasses) {
        if (static_cast<uint8_t>(one) == body[0]) return Anchor{one, Bytes(body.begin() + 1, body.end())};
    }
    return std::nullopt;
}

Bytes bytesOf(std::string_view text) { return {text.begin(), text.end()}; }
std::string_view textOf(const Bytes& bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

}  // namespace

tl::expected<PayeeBook, store::StoreError> PayeeBook::open(store::Documents& documents) {
    PayeeBook book(documents);
    if (auto loaded = book.load(); !loaded) return tl::unexpected(loaded.error());
    book.rebuild();
    return book;
}

tl::expected<void, store::StoreError> PayeeBook::load() {
    const auto settings = m_documents->all(settingKind);
    const auto authorities = m_documents->all(authorityKind);
    const auto revocations = m_documents->all(revocationKind);
    const auto payees = m_documents->all(payeeKind);
    for (const auto* read : {&settings, &authorities, &revocations, &payees}) {
        if (!*read) return tl::unexpected(read->error());
    }
    const auto damaged = tl::unexpected(store::StoreError::Damaged);
    for (const store::Document& setting : *settings) {
        if (setting.id != acceptedId || setting.body.size() != 1) return damaged;
        m_accepted = PayeeClasses::fromBits(setting.body[0]);
    }
    for (const store::Document& document : *authorities) {
        const auto anchor = anchorFrom(document.body);
        auto statement = anchor ? inspect(*anchor) : tl::unexpected(CertificateProblem{});
        if (!statement || authorityId(anchor->payeeClass, *statement) != document.id) return damaged;
        m_authorities.push_back({document.id, *anchor, std::move(*statement)});
    }
    for (const store::Document& document : *revocations) {
        const auto statement = inspectRevocations(document.body);
        if (!statement || statement->issuerId != document.id) return damaged;
        m_revocations.emplace(document.id, document.body);
    }
    for (const store::Document& document : *payees) {
        auto chain = chainFromPem(textOf(document.body));
        const auto statement = chain ? inspect(*chain) : tl::unexpected(CertificateProblem{});
        if (!statement || statement->payee.hex() != document.id) return damaged;
        m_chains.emplace(statement->payee, std::move(*chain));
    }
    return {};
}

// After any change nothing that was known holds.
void PayeeBook::rebuild() {
    m_known.clear();
    std::vector<Anchor> anchors;
    for (const TrustedAuthority& authority : m_authorities) anchors.push_back(authority.anchor);
    std::vector<Bytes> lists;
    for (const auto& [issuer, list] : m_revocations) lists.push_back(list);
    auto verifier = Verifier::make(anchors, lists);
    // Without a verifier nobody is safe; everything in it was inspected before, so that only lack of memory gets here.
    if (verifier) {
        m_verifier.emplace(std::move(*verifier));
    } else {
        m_verifier.reset();
    }
}

tl::expected<void, PayeeProblem> PayeeBook::store(const store::DocumentChange& change) {
    if (m_documents->apply({&change, 1})) return {};
    return tl::unexpected(
        PayeeProblem{"STORAGE", "the payees cannot be written; nothing was changed", "free disk space"});
}

tl::expected<void, PayeeProblem> PayeeBook::accept(PayeeClasses classes) {
    auto stored = store({{std::string(settingKind), std::string(acceptedId), {classes.bits()}}, false});
    if (!stored) return stored;
    m_accepted = classes;
    m_known.clear();
    return {};
}

tl::expected<std::string, PayeeProblem> PayeeBook::trust(PayeeClass payeeClass, const Bytes& certificate,
                                                         SystemTime now) {
    Anchor anchor{payeeClass, certificate};
    auto statement = inspect(anchor);
    if (!statement) return tl::unexpected(from(std::move(statement.error())));
    if (statement->notAfter <= now || statement->notBefore > now) {
        const bool over = statement->notAfter <= now;
        return tl::unexpected(
            PayeeProblem{std::string(code(over ? CertificateFault::Expired : CertificateFault::NotYetValid)),
                         std::string("the authority's certificate ") + (over ? "has expired" : "is not valid yet"),
                         "get the authority's present certificate; check this machine's clock"});
    }
    std::string id = authorityId(payeeClass, *statement);
    const auto same = [&](const TrustedAuthority& known) { return known.id == id; };
    if (std::any_of(m_authorities.begin(), m_authorities.end(), same)) return id;
    if (m_authorities.size() >= maxAuthorities) return tl::unexpected(tooMany("authorities"));
    if (auto stored = store({{std::string(authorityKind), id, bodyOf(anchor)}, false}); !stored)
        return tl::unexpected(std::move(stored.error()));
    m_authorities.push_back({id, std::move(anchor), std::move(*statement)});
    rebuild();
    return id;
}

tl::expected<void, PayeeProblem> PayeeBook::distrust(std::string_view id) {
    const auto found = std::find_if(m_authorities.begin(), m_authorities.end(),
                                    [id](const TrustedAuthority& known) { return known.id == id; });
    if (found == m_authorities.end()) {
        return tl::unexpected(
            PayeeProblem{"NOT_FOUND", "there is no such authority", "netpas payees list shows those that are trusted"});
    }
    if (auto stored = store({{std::string(authorityKind), found->id, {}}, true}); !stored) return stored;
    m_authorities.erase(found);
    rebuild();
    return {};
}

tl::expected<RevocationStatement, PayeeProblem> PayeeBook::addRevocations(const Bytes& list) {
    auto statement = inspectRevocations(list);
    if (!statement) return tl::unexpected(from(std::move(statement.error())));
    // Else a stranger's list could make the payees of others unpayable.
    const bool trusted = std::any_of(m_authorities.begin(), m_authorities.end(), [&](const TrustedAuthority& known) {
        return isSignedBy(list, known.anchor.certificate);
    });
    if (!trusted) {
        return tl::unexpected(PayeeProblem{std::string(code(CertificateFault::UnknownAuthority)),
                                           "the list is not signed by an authority that you trust",
                                           "trust the authority first: netpas payees trust CLASS FILE"});
    }
    const auto old = m_revocations.find(statement->issuerId);
    if (old == m_revocations.end() && m_revocations.size() >= maxRevocationLists)
        return tl::unexpected(tooMany("lists of revoked certificates"));
    if (old != m_revocations.end()) {
        const auto before = inspectRevocations(old->second);
        if (before && before->issued > statement->issued) {
            return tl::unexpected(PayeeProblem{"OLDER", "a newer list of this authority is there already",
                                               "get the authority's present list"});
        }
    }
    if (auto stored = store({{std::string(revocationKind), statement->issuerId, list}, false}); !stored)
        return tl::unexpected(std::move(stored.error()));
    m_revocations.insert_or_assign(statement->issuerId, list);
    rebuild();
    return std::move(*statement);
}

tl::expected<Verified, PayeeProblem> PayeeBook::add(const Chain& chain, SystemTime now) {
    const auto statement = inspect(chain);
    if (!statement) return tl::unexpected(from(statement.error()));
    auto verified = verify(chain, statement->payee, {}, now);
    if (!verified) return verified;
    if (m_chains.size() >= maxPayees && !m_chains.contains(statement->payee)) return tl::unexpected(tooMany("payees"));
    if (auto stored = store({{std::string(payeeKind), statement->payee.hex(), bytesOf(toPem(chain))}, false}); !stored)
        return tl::unexpected(std::move(stored.error()));
    m_chains.insert_or_assign(statement->payee, chain);
    m_known.erase(statement->payee);
    return verified;
}

tl::expected<void, PayeeProblem> PayeeBook::erase(const NodeId& payee) {
    if (!m_chains.contains(payee)) {
        return tl::unexpected(PayeeProblem{"NOT_FOUND", "no certificate of this payee is kept",
                                           "netpas payees list shows those that are"});
    }
    if (auto stored = store({{std::string(payeeKind), payee.hex(), {}}, true}); !stored) return stored;
    m_chains.erase(payee);
    m_known.erase(payee);
    return {};
}

std::vector<NodeId> PayeeBook::payees() const {
    std::vector<NodeId> list;
    for (const auto& [payee, chain] : m_chains) list.push_back(payee);
    return list;
}

const Chain* PayeeBook::find(const NodeId& payee) const {
    const auto found = m_chains.find(payee);
    return found == m_chains.end() ? nullptr : &found->second;
}

tl::expected<Verified, PayeeProblem> PayeeBook::verify(const Chain& chain, const NodeId& payee,
                                                       const std::string& domain, SystemTime now) const {
    if (!m_verifier)
        return tl::unexpected(PayeeProblem{"STORAGE", "certificates cannot be checked", "restart the secretary"});
    auto verified = m_verifier->verify(chain, {payee, domain, m_accepted, now});
    if (!verified) return tl::unexpected(from(std::move(verified.error())));
    return std::move(*verified);
}

tl::expected<Verified, PayeeProblem> PayeeBook::judge(const NodeId& payee, const std::string& domain, SystemTime now) {
    const Chain* chain = find(payee);
    if (chain == nullptr) {
        return tl::unexpected(
            PayeeProblem{"NOT_CERTIFIED", "no certificate of payee " + payee.hex() + " is known",
                         "netpas payees add FILE, or make the payee a contact: netpas contacts add NAME "
                         "--payee " +
                             payee.hex()});
    }
    const auto known = m_known.find(payee);
    if (known != m_known.end() && now >= known->second.checked && now < known->second.checked + rememberFor &&
        now < known->second.verified.goodUntil) {
        const auto& domains = known->second.verified.statement.domains;
        if (domain.empty() || std::find(domains.begin(), domains.end(), domain) != domains.end())
            return known->second.verified;
    }
    auto verified = verify(*chain, payee, domain, now);
    if (verified) m_known.insert_or_assign(payee, Known{*verified, now});
    return verified;
}

std::optional<PayeeProblem> PayeeBook::refusal(const SpendRequest& request, SystemTime now) {
    if (request.payee.empty() || !request.contact.empty()) return std::nullopt;
    const auto payee = NodeId::parse(request.payee);
    if (!payee) {
        return PayeeProblem{"BAD_PAYEE", "the payee is not named by 64 hexadecimal digits",
                            "ask the payee for its identifier"};
    }
    std::string domain;
    if (!request.domain.empty()) {
        const auto normal = parseDomain(request.domain);
        if (!normal) return PayeeProblem{"BAD_DOMAIN", "the site's name is not a domain name", "nothing was paid"};
        domain = *normal;
    }
    auto judged = judge(*payee, domain, now);
    if (judged) return std::nullopt;
    return std::move(judged.error());
}

}  // namespace netpas::secretary::payees
