#include "secretary/rules/proposal.h"

#include "secretary/rules/match.h"
#include "secretary/rules/sentence.h"

namespace netpas::secretary::rules {

RuleText ruleFrom(const learning::RuleProposal& proposal) {
    RuleText rule;
    for (const auto& [field, text] : proposal.match) {
        switch (field) {
        case learning::Field::App: rule.match.app = text; break;
        case learning::Field::Purpose: rule.match.purpose = text; break;
        case learning::Field::Payee: rule.match.payee = text; break;
        case learning::Field::Group: rule.match.group = text; break;
        case learning::Field::Domain: rule.match.domain = normalDomain(text); break;
        }
    }
    rule.grant.action = Action::Allow;
    rule.grant.unit = proposal.unit;
    rule.grant.upTo = proposal.upTo;
    rule.grant.above = Beyond::Ask;
    rule.origin = Origin::Learned;
    rule.note = evidence(proposal);
    return rule;
}

std::string evidence(const learning::RuleProposal& proposal) {
    std::string text = std::to_string(proposal.agreeing) + " of " + std::to_string(proposal.answers) +
                       " answers agree: accepted up to " + priceText(proposal.highestAccepted, proposal.unit);
    if (proposal.lowestRefused) {
        text += ", refused from " + priceText(*proposal.lowestRefused, proposal.unit);
    } else {
        text += ", never refused";
    }
    return text + ".";
}

}  // namespace netpas::secretary::rules
