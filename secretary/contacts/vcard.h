// Contacts as vCards (RFC 6350). Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "secretary/contacts/contact.h"

namespace netpas::secretary::contacts {

// Version 4.0. FN is the name, CATEGORIES the groups, NOTE the note, UID the identifier; payees, domains and addresses stand in
// X-NETPAS-PAYEE, X-NETPAS-DOMAIN and X-NETPAS-ADDRESS, one each.
[[nodiscard]] std::string toVCards(std::span<const Contact> contacts);

// Versions 4.0 and 3.0; properties of others are passed over. A URL is not taken for a domain of the contact: many people share a
// site, and what a domain buys would then be in the wrong name. Errors name the line.
[[nodiscard]] tl::expected<std::vector<Contact>, ContactProblem> contactsFromVCards(std::string_view text);

}  // namespace netpas::secretary::contacts
