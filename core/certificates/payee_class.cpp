#include "core/certificates/payee_class.h"

namespace netpas::certificates {

namespace {

// b2263ef6-f96c-4313-ae31-b04284086c1d
constexpr std::string_view arc = "2.25.236801167607055401934982947498040519709";

}  // namespace

std::string_view name(PayeeClass payeeClass) {
    switch (payeeClass) {
    case PayeeClass::FewComplaints: return "few-complaints";
    case PayeeClass::Accountable: return "accountable";
    case PayeeClass::Regulated: return "regulated";
    }
    return "unknown";
}

std::string_view describe(PayeeClass payeeClass) {
    switch (payeeClass) {
    case PayeeClass::FewComplaints: return "merchants about whom few users complain";
    case PayeeClass::Accountable: return "payees whom law enforcement can hold to account";
    case PayeeClass::Regulated: return "payees from countries where regulations against stealing payments are enforced";
    }
    return "unknown";
}

std::optional<PayeeClass> payeeClassFrom(std::string_view text) {
    for (const PayeeClass one : allPayeeClasses) {
        if (name(one) == text) return one;
    }
    return std::nullopt;
}

std::string policyOid(PayeeClass payeeClass) {
    return std::string(arc) + ".1." + std::to_string(static_cast<int>(payeeClass));
}

std::string names(PayeeClasses classes) {
    std::string text;
    for (const PayeeClass one : allPayeeClasses) {
        if (classes.has(one)) text += (text.empty() ? "" : ", ") + std::string(name(one));
    }
    return text.empty() ? "none" : text;
}

}  // namespace netpas::certificates
