#include "core/accounting/visitors.h"

namespace netpas::accounting {

namespace {
constexpr char separator = '/';
}

std::string visitorAccount(std::string_view line, const NodeId& visitor) {
    return std::string(line) + separator + visitor.hex().substr(0, NodeId::size);
}

std::string configuredName(std::string_view account) { return std::string(account.substr(0, account.find(separator))); }

bool isVisitorAccount(std::string_view account) { return account.find(separator) != std::string_view::npos; }

}  // namespace netpas::accounting
