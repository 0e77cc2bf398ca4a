// People and sites whom the user knows, and the groups that they are in (NetPaS §5.3: "business partners", "family"). Plain
// data and its JSON form.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "core/ids.h"
#include "core/net_address.h"

namespace netpas::secretary::contacts {

struct Contact {
    static constexpr size_t maxName = 128;
    static constexpr size_t maxGroup = 64;
    static constexpr size_t maxNote = 1024;
    static constexpr size_t maxEntries = 32;  // of each list

    std::string id;    // a UUID; empty until the book has given one
    std::string name;  // no two contacts have the same
    std::vector<NodeId> payees;
    std::vector<std::string> domains;  // in normal form; each stands for the names below it, too
    std::vector<IpAddress> addresses;
    std::vector<std::string> groups;  // the first is the one that rules and learning look at
    std::string note;
    friend bool operator==(const Contact&, const Contact&) = default;
};

enum class ContactError {
    Malformed,   // not JSON, not a vCard, a missing or unknown member
    BadName,     // empty, too long, or not plain text
    BadGroup,    // likewise, or twice
    BadPayee,    // not 64 hexadecimal digits, or twice
    BadDomain,   // not a domain name, or twice
    BadAddress,  // not an IP address, or twice
    BadNote,
    BadId,
    TooMany,    // contacts, or entries of one
    NameTaken,  // another contact has the name, payee, domain or address
    PayeeTaken,
    DomainTaken,
    AddressTaken,
    Unknown,  // there is no such contact
    Storage,
};

struct ContactProblem {
    ContactError error{};
    std::string message;  // names the contact, line or member
    std::string hint;     // what to do
};
[[nodiscard]] std::string_view code(ContactError error);  // stable, for programs

// A contact's own limits; not what others have.
[[nodiscard]] std::optional<ContactProblem> faultOf(const Contact& contact);

[[nodiscard]] std::string newContactId();
// The identifier that a foreign one ("urn:uuid:…", or any text) gets here: always the same for the same text.
[[nodiscard]] std::string contactIdFrom(std::string_view foreign);
[[nodiscard]] bool isContactId(std::string_view text);

[[nodiscard]] std::string toJson(const Contact& contact);
[[nodiscard]] tl::expected<Contact, ContactProblem> contactFromJson(std::string_view json);
// {"netpas_contacts": 1, "contacts": […]}
[[nodiscard]] std::string toJsonFile(std::span<const Contact> contacts);
[[nodiscard]] tl::expected<std::vector<Contact>, ContactProblem> contactsFromJsonFile(std::string_view json);

}  // namespace netpas::secretary::contacts
