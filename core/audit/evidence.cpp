// Whether exhibits prove what is claimed.
#include <algorithm>

#include "core/audit/verify.h"

namespace netpas::audit {

using namespace accounting;

namespace {

struct Verdict {
    Outcome outcome = Outcome::Fails;
    std::string text;
};

Verdict proven(std::string text) { return {Outcome::Holds, std::move(text)}; }
Verdict fails(std::string text) { return {Outcome::Fails, std::move(text)}; }
Verdict unchecked(std::string text) { return {Outcome::Unchecked, std::move(text)}; }

template <typename T>
std::vector<const T*> all(const Evidence& evidence) {
    std::vector<const T*> found;
    for (const Exhibit& exhibit : evidence.exhibits) {
        if (const T* one = std::get_if<T>(&exhibit)) found.push_back(one);
    }
    return found;
}

template <typename T>
const T* first(const Evidence& evidence) {
    const auto found = all<T>(evidence);
    return found.empty() ? nullptr : found.front();
}

std::string nameOf(IspId isp) { return "ISP " + std::to_string(isp.value()); }

// Whether one of the ISP's keys fits; nothing without any.
template <typename Fits>
std::optional<bool> fits(const KeysOf& keysOf, IspId isp, const Fits& check) {
    const std::vector<PublicKey> keys = keysOf(isp);
    if (keys.empty()) return std::nullopt;
    return std::any_of(keys.begin(), keys.end(), check);
}
std::optional<bool> confirmingFits(const KeysOf& keysOf, const Confirmation& one) {
    return fits(keysOf, one.confirming, [&](const PublicKey& key) { return verifyConfirming(one, key); });
}

// The keys that stand among the exhibits help to name somebody who is no party of the exporter, such as a payer.
const PublicKey* keyOfNode(const Evidence& evidence, const NodeId& node) {
    for (const KnownKey* known : all<KnownKey>(evidence)) {
        if (known->key.nodeId() == node) return &known->key;
    }
    return nullptr;
}

// Two statements about one thing that cannot both be true: `same` tells what they are about, `differ` what they say,
// `good` whether the accused has signed, or nothing without the key.
template <typename T, typename Same, typename Differ, typename Good>
Verdict conflict(const Evidence& evidence, const char* what, Same same, Differ differ, Good good) {
    const auto exhibits = all<T>(evidence);
    Verdict best = fails(std::string("there are no two ") + what + " that contradict each other");
    for (size_t i = 0; i < exhibits.size(); ++i) {
        for (size_t j = i + 1; j < exhibits.size(); ++j) {
            if (!same(*exhibits[i], *exhibits[j]) || !differ(*exhibits[i], *exhibits[j])) continue;
            const std::optional<bool> one = good(*exhibits[i]);
            const std::optional<bool> other = good(*exhibits[j]);
            if (one == true && other == true) return proven(std::string("both ") + what + " are signed and differ");
            if (one == false || other == false) {
                best = fails(std::string("one of the ") + what + " is not signed by the accused");
            } else {
                best = unchecked("the accused's key is not known: give it with --key");
            }
        }
    }
    return best;
}

Verdict conflictingConfirmations(const Evidence& evidence, const KeysOf& keysOf) {
    return conflict<Confirmation>(
        evidence, "confirmations",
        [](const Confirmation& a, const Confirmation& b) { return a.id == b.id && a.confirming == b.confirming; },
        [](const Confirmation& a, const Confirmation& b) { return confirmingMessage(a) != confirmingMessage(b); },
        [&](const Confirmation& one) { return confirmingFits(keysOf, one); });
}

Verdict forgedConfirmation(const Evidence& evidence, const KeysOf& keysOf) {
    const auto confirmations = all<Confirmation>(evidence);
    if (confirmations.empty()) return fails("no confirmation is shown");
    bool known = false;
    for (const Confirmation* one : confirmations) {
        const std::optional<bool> confirming = confirmingFits(keysOf, *one);
        if (confirming == false)
            return proven("the signature is not that of the confirming ISP, " + nameOf(one->confirming));
        known = known || confirming.has_value();
        // Before the beneficiary has signed there is nothing to forge.
        if (one->beneficiarySignature == Signature{}) continue;
        const std::optional<bool> beneficiary =
            fits(keysOf, one->beneficiary, [&](const PublicKey& key) { return verifyBeneficiary(*one, key); });
        if (beneficiary == false)
            return proven("the signature is not that of the beneficiary, " + nameOf(one->beneficiary));
        known = known || beneficiary.has_value();
    }
    return known ? fails("the signatures that can be checked are good")
                 : unchecked("the key of neither ISP is known: give it with --key");
}

Verdict impossiblePath(const Evidence& evidence, const KeysOf& keysOf) {
    for (const Confirmation* one : all<Confirmation>(evidence)) {
        if (pathOf(*one)) continue;
        const std::optional<bool> its = confirmingFits(keysOf, *one);
        if (!its) return unchecked("the path is impossible; who signed it cannot be checked without --key");
        if (*its) return proven(nameOf(one->confirming) + " has signed a confirmation whose path is impossible");
        return proven("the path is impossible, and the signature is not that of " + nameOf(one->confirming));
    }
    return fails("no confirmation with an impossible path is shown");
}

Verdict paymentConfirmation(const Evidence& evidence, bool wantGood) {
    const auto* payment = first<Payment>(evidence);
    const auto* confirmation = first<payments::PaymentConfirmation>(evidence);
    if (payment == nullptr || confirmation == nullptr) return fails("a payment and a confirmation are needed");
    const auto good = payments::verify(*confirmation, payment->payment);
    if (good.has_value() == wantGood)
        return proven(wantGood ? "the payee's own key has signed for exactly this payment"
                               : std::string(payments::describe(good.error())));
    return fails(wantGood ? std::string(payments::describe(good.error())) : "the payee's signature is good");
}

// Good, wrong, or no key.
std::optional<bool> signedByPayer(const Evidence& evidence, const payments::SignedOrder& order) {
    const PublicKey* key = keyOfNode(evidence, order.order.payer);
    if (key == nullptr) return std::nullopt;
    return netpas::verify(*key, payments::orderMessage(order.order), order.signature);
}

Verdict orderSignature(const Evidence& evidence, bool wantGood) {
    const auto* order = first<payments::SignedOrder>(evidence);
    if (order == nullptr) return fails("no order is shown");
    const auto good = signedByPayer(evidence, *order);
    if (!good) return unchecked("the payer's key is not among the exhibits");
    if (*good != wantGood) return fails(*good ? "the payer's signature is good" : "the payer's signature is wrong");
    return proven(*good ? "the payer has signed the order" : "the signature is not that of the payer named in it");
}

Verdict alteredPayment(const Evidence& evidence) {
    const auto* order = first<payments::SignedOrder>(evidence);
    const auto* payment = first<Payment>(evidence);
    const auto* confirmation = first<payments::PaymentConfirmation>(evidence);
    if (order == nullptr || payment == nullptr)
        return fails("the payer's order and the payment as it arrived are needed");
    if (order->order.payment.id != payment->payment.id) return fails("order and payment have different ids");
    if (order->order.payment == payment->payment) return fails("order and payment are the same");
    const auto ordered = signedByPayer(evidence, *order);
    if (!ordered) return unchecked("the payer's key is not among the exhibits");
    if (!*ordered) return fails("the payer's signature is wrong");
    if (confirmation == nullptr)
        return unchecked("the order is signed; what arrived is stated by the exporter, not signed by the payee");
    if (!payments::verify(*confirmation, payment->payment)) return fails("the payee has not signed that payment");
    return proven(
        "the payer has signed one payment and the payee another under the same id: it was altered on the way");
}

Verdict conflictingPaymentStatements(const Evidence& evidence, const KeysOf& keysOf, IspId isp) {
    return conflict<PaymentStatementEntry>(
        evidence, "statements",
        [](const auto& a, const auto& b) {
            return a.payer == b.payer && a.statement.id == b.statement.id && a.statement.final && b.statement.final;
        },
        [](const auto& a, const auto& b) {
            return a.statement.state != b.statement.state || a.statement.charged != b.statement.charged;
        },
        [&](const auto& one) {
            return fits(keysOf, isp, [&](const PublicKey& key) {
                return netpas::verify(key, paymentStatementMessage(one.statement, one.payer), one.statement.signature);
            });
        });
}

Verdict conflictingUsageStatements(const Evidence& evidence, const KeysOf& keysOf, IspId isp) {
    return conflict<UsageEntry>(
        evidence, "statements",
        [](const auto& a, const auto& b) {
            return a.customer == b.customer && a.statement.key == b.statement.key && a.statement.final &&
                   b.statement.final;
        },
        [](const auto& a, const auto& b) {
            return a.statement.amount != b.statement.amount || a.statement.packets != b.statement.packets;
        },
        [&](const auto& one) {
            return fits(keysOf, isp, [&](const PublicKey& key) {
                return netpas::verify(key, usageStatementMessage(one.statement, one.customer), one.statement.signature);
            });
        });
}

Verdict conflictingBills(const Evidence& evidence, const KeysOf& keysOf) {
    return conflict<Bill>(
        evidence, "bills",
        [](const Bill& a, const Bill& b) {
            return a.issuer == b.issuer && a.neighbour == b.neighbour && a.cycle == b.cycle;
        },
        [](const Bill& a, const Bill& b) { return billMessage(a) != billMessage(b); },
        [&](const Bill& one) {
            return fits(keysOf, one.issuer, [&](const PublicKey& key) { return accounting::verify(one, key); });
        });
}

Verdict overcharged(const Evidence& evidence, const KeysOf& keysOf, IspId isp) {
    const auto* order = first<payments::SignedOrder>(evidence);
    const auto* entry = first<PaymentStatementEntry>(evidence);
    if (order == nullptr || entry == nullptr) return fails("the payer's order and the ISP's statement are needed");
    if (order->order.payment.id != entry->statement.id || order->order.payer != entry->payer)
        return fails("order and statement are about different payments");
    const auto promised = payments::total(order->order);
    if (promised && entry->statement.charged <= *promised) return fails("no more is charged than was ordered");
    const auto stated = fits(keysOf, isp, [&](const PublicKey& key) {
        return netpas::verify(key, paymentStatementMessage(entry->statement, entry->payer), entry->statement.signature);
    });
    const auto ordered = signedByPayer(evidence, *order);
    if (!stated || !ordered) return unchecked("a key is missing: the accused's or the payer's");
    if (!*ordered) return fails("the payer's signature is wrong");
    if (!*stated) return fails("the statement is not signed by the accused");
    return proven("charged " + entry->statement.charged.toString() + ", ordered " +
                  promised.value_or(Money::max()).toString());
}

Verdict countersDisagree(const Evidence& evidence, const KeysOf& keysOf) {
    const auto statements = all<CounterStatement>(evidence);
    if (statements.empty()) return fails("no statement of counters is shown");
    for (const CounterStatement* one : statements) {
        const auto its = fits(keysOf, one->stating, [&](const PublicKey& key) { return verify(*one, key); });
        if (its == false) return fails("the counters are not signed by whoever states them");
        const auto difference = checkedSub(one->confirmed, one->counted);
        if (!difference) continue;
        const Money size = difference->isNegative() ? Money::fromEighths(-difference->eighths()) : *difference;
        if (size <= one->tolerance) continue;
        if (!its) return unchecked("the key of " + nameOf(one->stating) + " is not known");
        return proven(nameOf(one->stating) + " states " + one->counted.toString() + " counted and " +
                      one->confirmed.toString() + " confirmed; chance explains " + one->tolerance.toString());
    }
    return fails("every difference is within what chance explains");
}

Verdict replayed(const Evidence& evidence, const KeysOf& keysOf) {
    const auto confirmations = all<Confirmation>(evidence);
    for (size_t i = 0; i < confirmations.size(); ++i) {
        const auto same = std::count_if(confirmations.begin(), confirmations.end(),
                                        [&](const Confirmation* other) { return *other == *confirmations[i]; });
        if (same < 2) continue;
        if (confirmingFits(keysOf, *confirmations[i]) == false) return fails("its signature is wrong");
        return unchecked("one confirmation is shown " + std::to_string(same) +
                         " times; that it was sent again is the exporter's word");
    }
    return fails("no confirmation is shown twice");
}

IspId accusedIsp(const Evidence& evidence) {
    const auto party = Party::parse(evidence.accused);
    return party ? party->isp : IspId();
}

Verdict verdictOn(const Evidence& evidence, const KeysOf& keysOf) {
    const IspId accused = accusedIsp(evidence);
    switch (evidence.claim) {
    case Claim::Observed: return unchecked("stated by the exporter; the exhibits show what it saw");
    case Claim::ConflictingConfirmations: return conflictingConfirmations(evidence, keysOf);
    case Claim::ForgedConfirmation: return forgedConfirmation(evidence, keysOf);
    case Claim::ImpossiblePath: return impossiblePath(evidence, keysOf);
    case Claim::ForgedPaymentConfirmation: return paymentConfirmation(evidence, false);
    case Claim::AlteredPayment: return alteredPayment(evidence);
    case Claim::ForgedOrder: return orderSignature(evidence, false);
    case Claim::ConflictingPaymentStatements: return conflictingPaymentStatements(evidence, keysOf, accused);
    case Claim::ConflictingUsageStatements: return conflictingUsageStatements(evidence, keysOf, accused);
    case Claim::ConflictingBills: return conflictingBills(evidence, keysOf);
    case Claim::Overcharged: return overcharged(evidence, keysOf, accused);
    case Claim::CountersDisagree: return countersDisagree(evidence, keysOf);
    case Claim::PaymentConfirmed: return paymentConfirmation(evidence, true);
    case Claim::PaymentOrdered: return orderSignature(evidence, true);
    case Claim::Replayed: return replayed(evidence, keysOf);
    }
    return fails("unknown claim");
}

}  // namespace

EvidenceFinding judge(const Evidence& evidence, const KeysOf& keysOf) {
    const Verdict verdict = verdictOn(evidence, keysOf);
    return {evidence.claim, evidence.accused, evidence.text, verdict.outcome, verdict.text};
}

}  // namespace netpas::audit
