#include <nlohmann/json.hpp>

#include "core/domain_name.h"
#include "core/plain_text.h"
#include "secretary/contacts/contact.h"

namespace netpas::secretary::contacts {

namespace {

using Json = nlohmann::ordered_json;
using Result = tl::expected<Contact, ContactProblem>;

constexpr size_t maxFile = size_t{16} << 20;

ContactProblem malformed(std::string what) {
    return {ContactError::Malformed, std::move(what),
            "members are id, name, payees, domains, addresses, groups and note; see netpas(1)"};
}

Json jsonOf(const Contact& contact) {
    Json json{{"id", contact.id},           {"name", contact.name},       {"payees", Json::array()},
              {"domains", contact.domains}, {"addresses", Json::array()}, {"groups", contact.groups},
              {"note", contact.note}};
    for (const NodeId& payee : contact.payees) json["payees"].push_back(payee.hex());
    for (const IpAddress& address : contact.addresses) json["addresses"].push_back(address.toString());
    return json;
}

// Reads a list of texts through `take`, which answers false for what it does not know.
template <typename Take>
bool readList(const Json& json, Take take) {
    if (!json.is_array() || json.size() > Contact::maxEntries) return false;
    for (const Json& entry : json) {
        if (!entry.is_string() || !take(entry.get_ref<const std::string&>())) return false;
    }
    return true;
}

// Nothing when the member was read; else what is wrong with it.
std::optional<ContactProblem> readMember(Contact& contact, const std::string& name, const Json& value) {
    const auto bad = [&](ContactError error, const char* hint) {
        return std::optional(ContactProblem{error, "the contact's " + name + " cannot be read", hint});
    };
    if (name == "id" || name == "name" || name == "note") {
        if (!value.is_string()) return malformed("the contact's " + name + " is not a text");
        (name == "id" ? contact.id : name == "name" ? contact.name : contact.note) = value.get<std::string>();
        return std::nullopt;
    }
    if (name == "payees") {
        const auto take = [&](const std::string& text) {
            const auto payee = NodeId::parse(text);
            if (payee) contact.payees.push_back(*payee);
            return payee.has_value();
        };
        if (!readList(value, take))
            return bad(ContactError::BadPayee, "a payee is 64 hexadecimal digits; ask whom you want to pay");
        return std::nullopt;
    }
    if (name == "domains") {
        const auto take = [&](const std::string& text) {
            const auto domain = parseDomain(text);
            if (domain) contact.domains.push_back(*domain);
            return domain.has_value();
        };
        if (!readList(value, take))
            return bad(ContactError::BadDomain, "give domains like example.net, without https:// and without a path");
        return std::nullopt;
    }
    if (name == "addresses") {
        const auto take = [&](const std::string& text) {
            const auto address = IpAddress::parse(text);
            if (address) contact.addresses.push_back(*address);
            return address.has_value();
        };
        if (!readList(value, take)) return bad(ContactError::BadAddress, "give IP addresses like 192.0.2.1");
        return std::nullopt;
    }
    if (name == "groups") {
        const auto take = [&](const std::string& text) {
            contact.groups.push_back(text);
            return true;
        };
        if (!readList(value, take)) return bad(ContactError::BadGroup, "give a list of names");
        return std::nullopt;
    }
    return malformed("a contact has no member '" + (isPlainText(name) && name.size() < 64 ? name : "?") + "'");
}

Result contactOf(const Json& json) {
    if (!json.is_object()) return tl::unexpected(malformed("a contact is a JSON object"));
    Contact contact;
    for (const auto& [name, value] : json.items()) {
        if (auto fault = readMember(contact, name, value)) return tl::unexpected(std::move(*fault));
    }
    if (auto fault = faultOf(contact)) return tl::unexpected(std::move(*fault));
    return contact;
}

}  // namespace

std::string toJson(const Contact& contact) { return jsonOf(contact).dump(); }

Result contactFromJson(std::string_view json) {
    const Json parsed = Json::parse(json, nullptr, false);
    if (parsed.is_discarded()) return tl::unexpected(malformed("the contact is not JSON"));
    return contactOf(parsed);
}

std::string toJsonFile(std::span<const Contact> contacts) {
    Json list = Json::array();
    for (const Contact& contact : contacts) list.push_back(jsonOf(contact));
    return Json{{"netpas_contacts", 1}, {"contacts", std::move(list)}}.dump(2) + "\n";
}

tl::expected<std::vector<Contact>, ContactProblem> contactsFromJsonFile(std::string_view json) {
    if (json.size() > maxFile) return tl::unexpected(malformed("the file is larger than 16 MiB"));
    const Json parsed = Json::parse(json, nullptr, false);
    if (parsed.is_discarded() || !parsed.is_object()) return tl::unexpected(malformed("the file is not a JSON object"));
    const auto version = parsed.find("netpas_contacts");
    const auto list = parsed.find("contacts");
    if (version == parsed.end() || *version != 1) {
        return tl::unexpected(ContactProblem{ContactError::Malformed, "the file does not say \"netpas_contacts\": 1",
                                             "export the contacts anew with netpas contacts export"});
    }
    if (list == parsed.end() || !list->is_array() || parsed.size() != 2)
        return tl::unexpected(malformed("the file has \"contacts\", a list, and nothing else"));
    std::vector<Contact> contacts;
    for (const Json& entry : *list) {
        auto contact = contactOf(entry);
        if (!contact) {
            contact.error().message = "entry " + std::to_string(contacts.size() + 1) + ": " + contact.error().message;
            return tl::unexpected(std::move(contact.error()));
        }
        contacts.push_back(std::move(*contact));
    }
    return contacts;
}

}  // namespace netpas::secretary::contacts
