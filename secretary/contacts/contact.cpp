#include "secretary/contacts/contact.h"

#include <algorithm>
#include <array>

#include "core/crypto/hex.h"
#include "core/crypto/identity.h"
#include "core/domain_name.h"
#include "core/plain_text.h"
#include "core/random.h"

namespace netpas::secretary::contacts {

namespace {

constexpr std::string_view uuidUrn = "urn:uuid:";

std::string uuidText(std::array<uint8_t, 16> bytes, uint8_t version) {
    bytes[6] = static_cast<uint8_t>((bytes[6] & 0x0f) | (version << 4));
    bytes[8] = static_cast<uint8_t>((bytes[8] & 0x3f) | 0x80);
    const std::string hex = toHex(bytes);
    return hex.substr(0, 8) + "-" + hex.substr(8, 4) + "-" + hex.substr(12, 4) + "-" + hex.substr(16, 4) + "-" +
           hex.substr(20);
}

template <typename T>
bool hasTwice(const std::vector<T>& list) {
    for (size_t i = 0; i < list.size(); ++i) {
        if (std::find(list.begin(), list.begin() + static_cast<std::ptrdiff_t>(i), list[i]) !=
            list.begin() + static_cast<std::ptrdiff_t>(i)) {
            return true;
        }
    }
    return false;
}

bool isName(std::string_view text, size_t limit) {
    return !text.empty() && text.size() <= limit && isPlainText(text) && text.front() != ' ' && text.back() != ' ';
}

ContactProblem problem(ContactError error, const Contact& contact, std::string what, std::string hint) {
    const std::string who =
        isPlainText(contact.name) && !contact.name.empty() ? "contact " + contact.name : "a contact";
    return {error, who + ": " + std::move(what), std::move(hint)};
}

}  // namespace

std::string_view code(ContactError error) {
    switch (error) {
    case ContactError::Malformed: return "MALFORMED";
    case ContactError::BadName: return "BAD_NAME";
    case ContactError::BadGroup: return "BAD_GROUP";
    case ContactError::BadPayee: return "BAD_PAYEE";
    case ContactError::BadDomain: return "BAD_DOMAIN";
    case ContactError::BadAddress: return "BAD_ADDRESS";
    case ContactError::BadNote: return "BAD_NOTE";
    case ContactError::BadId: return "BAD_ID";
    case ContactError::TooMany: return "TOO_MANY";
    case ContactError::NameTaken: return "NAME_TAKEN";
    case ContactError::PayeeTaken: return "PAYEE_TAKEN";
    case ContactError::DomainTaken: return "DOMAIN_TAKEN";
    case ContactError::AddressTaken: return "ADDRESS_TAKEN";
    case ContactError::Unknown: return "NOT_FOUND";
    case ContactError::Storage: return "STORAGE";
    }
    return "UNKNOWN";
}

std::optional<ContactProblem> faultOf(const Contact& contact) {
    const auto fault = [&](ContactError error, std::string what, std::string hint) {
        return std::optional(problem(error, contact, std::move(what), std::move(hint)));
    };
    if (!contact.id.empty() && !isContactId(contact.id))
        return fault(ContactError::BadId, "its id is not a UUID in lower case", "leave the id out: it is made here");
    // A name that looks like an id would hide that contact from commands that take either.
    if (!isName(contact.name, Contact::maxName) || isContactId(contact.name))
        return fault(ContactError::BadName, "a name is 1 to 128 bytes of plain text", "give it such a name");
    for (const size_t count :
         {contact.payees.size(), contact.domains.size(), contact.addresses.size(), contact.groups.size()}) {
        if (count > Contact::maxEntries)
            return fault(ContactError::TooMany, "more than 32 entries in a list", "make two contacts of it");
    }
    for (const std::string& group : contact.groups) {
        if (!isName(group, Contact::maxGroup))
            return fault(ContactError::BadGroup, "a group is 1 to 64 bytes of plain text",
                         "rename or remove the group");
    }
    if (hasTwice(contact.groups)) return fault(ContactError::BadGroup, "a group is named twice", "name it once");
    if (hasTwice(contact.payees)) return fault(ContactError::BadPayee, "a payee is named twice", "name it once");
    for (const std::string& domain : contact.domains) {
        if (parseDomain(domain) != domain) {
            return fault(ContactError::BadDomain, "'" + (isPlainText(domain) ? domain : "?") + "' is not a domain name",
                         "give it like example.net, without https:// and without a path");
        }
    }
    if (hasTwice(contact.domains)) return fault(ContactError::BadDomain, "a domain is named twice", "name it once");
    if (hasTwice(contact.addresses))
        return fault(ContactError::BadAddress, "an address is named twice", "name it once");
    if (contact.note.size() > Contact::maxNote || !isPlainText(contact.note, true))
        return fault(ContactError::BadNote, "a note is at most 1024 bytes of plain text", "shorten the note");
    return std::nullopt;
}

std::string newContactId() {
    std::array<uint8_t, 16> bytes{};
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(systemRandom().below(256));
    return uuidText(bytes, 4);
}

bool isContactId(std::string_view text) {
    if (text.size() != 36) return false;
    for (size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? c != '-' : !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) return false;
    }
    return true;
}

std::string contactIdFrom(std::string_view foreign) {
    std::string text(foreign.starts_with(uuidUrn) ? foreign.substr(uuidUrn.size()) : foreign);
    std::transform(text.begin(), text.end(), text.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    if (isContactId(text)) return text;
    const auto hash = blake2b256({reinterpret_cast<const uint8_t*>(foreign.data()), foreign.size()});
    std::array<uint8_t, 16> half{};
    std::copy_n(hash.begin(), half.size(), half.begin());
    return uuidText(half, 8);  // RFC 9562: made in a way of one's own
}

}  // namespace netpas::secretary::contacts
