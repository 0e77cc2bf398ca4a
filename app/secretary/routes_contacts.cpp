// /v1/contacts: people and sites whom the user knows. They are nobody else's business, so that reading them needs Policy, too.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "app/secretary/json_fields.h"
#include "app/secretary/routes.h"
#include "secretary/contacts/contact_book.h"
#include "secretary/contacts/vcard.h"

namespace netpas::secretaryd {

using net::HttpResponse;
using nlohmann::json;
using namespace secretary::contacts;

namespace {

constexpr size_t longestFile = size_t{4} << 20;
constexpr size_t longestContact = size_t{64} << 10;

unsigned statusFor(ContactError error) {
    switch (error) {
    case ContactError::Malformed:
    case ContactError::BadName:
    case ContactError::BadGroup:
    case ContactError::BadPayee:
    case ContactError::BadDomain:
    case ContactError::BadAddress:
    case ContactError::BadNote:
    case ContactError::BadId: return 400;
    case ContactError::TooMany:
    case ContactError::NameTaken:
    case ContactError::PayeeTaken:
    case ContactError::DomainTaken:
    case ContactError::AddressTaken: return 409;
    case ContactError::Unknown: return 404;
    case ContactError::Storage: return 500;
    }
    return 500;
}

HttpResponse refusalFor(const ContactProblem& problem) {
    const unsigned status = statusFor(problem.error);
    return refusal(status, status == 500 ? "LOCAL_FAILURE" : code(problem.error), problem.message, problem.hint);
}

json jsonOf(const Contact& contact) { return json::parse(toJson(contact)); }

bool isIn(const Contact& contact, const std::string& group) {
    return std::find(contact.groups.begin(), contact.groups.end(), group) != contact.groups.end();
}

void list(const ContactBook& book, const ApiCall& call, const Reply& reply) {
    const std::string name = call.queryValue("name");
    const std::string group = call.queryValue("group");
    json contacts = json::array();
    for (const Contact* contact : book.all()) {
        if (!name.empty() && contact->name != name && contact->id != name) continue;
        if (group.empty() || isIn(*contact, group)) contacts.push_back(jsonOf(*contact));
    }
    reply(answer({{"contacts", std::move(contacts)}}));
}

void read(const ContactBook& book, const ApiCall& call, const Reply& reply) {
    const Contact* contact = book.find(call.parameter("id"));
    if (contact == nullptr) return reply(refusal(404, "NOT_FOUND", "there is no such contact", "netpas contacts list"));
    reply(answer(jsonOf(*contact)));
}

// POST makes a contact, PUT replaces the one that the path names.
void write(ContactBook& book, const ApiCall& call, const Reply& reply) {
    auto contact = contactFromJson(call.text);
    if (!contact) return reply(refusalFor(contact.error()));
    const bool fresh = call.method == "POST";
    if (fresh) {
        contact->id.clear();
    } else {
        const Contact* known = book.find(call.parameter("id"));
        if (known == nullptr)
            return reply(refusal(404, "NOT_FOUND", "there is no such contact", "netpas contacts list"));
        contact->id = known->id;
    }
    const auto id = book.put(std::move(*contact));
    if (!id) return reply(refusalFor(id.error()));
    reply(answer(jsonOf(*book.find(*id)), fresh ? 201 : 200));
}

void remove(ContactBook& book, const ApiCall& call, const Reply& reply) {
    const auto removed = book.erase(call.parameter("id"));
    reply(removed ? answer({{"removed", true}}) : refusalFor(removed.error()));
}

void import(ContactBook& book, const ApiCall& call, const Reply& reply) {
    JsonFields fields(call.body());
    const std::string format = fields.text("format");
    const std::string text = fields.text("text", longestFile);
    if (format != "vcard" && format != "json") fields.fail("format must be vcard or json");
    if (const auto bad = fields.problem()) return reply(refusal(400, "INVALID_ARGUMENT", bad->message, bad->hint));
    auto contacts = format == "vcard" ? contactsFromVCards(text) : contactsFromJsonFile(text);
    if (!contacts) return reply(refusalFor(contacts.error()));
    const auto imported = book.import(std::move(*contacts));
    if (!imported) return reply(refusalFor(imported.error()));
    reply(answer({{"added", imported->added}, {"changed", imported->changed}, {"unchanged", imported->unchanged}}));
}

void exportAll(const ContactBook& book, const ApiCall& call, const Reply& reply) {
    const std::string format = call.queryValue("format");
    if (format != "vcard" && format != "json")
        return reply(refusal(400, "INVALID_ARGUMENT", "format must be vcard or json", "?format=json"));
    std::vector<Contact> contacts;
    for (const Contact* contact : book.all()) contacts.push_back(*contact);
    reply(answer({{"format", format}, {"text", format == "vcard" ? toVCards(contacts) : toJsonFile(contacts)}}));
}

}  // namespace

void addContactRoutes(Router& router, SecretaryState& state) {
    const auto route = [&](const char* method, const char* path, auto handle, RouteLimits limits = {}) {
        router.add(
            method, path, Capability::Policy,
            [&state, handle](const ApiCall& call, const Reply& reply) { handle(*state.contacts, call, reply); },
            limits);
    };
    const RouteLimits oneContact{.maxBody = longestContact};
    route("GET", "/v1/contacts", list);
    route("POST", "/v1/contacts", write, oneContact);
    route("GET", "/v1/contacts/export", exportAll);
    route("POST", "/v1/contacts/import", import, RouteLimits{.maxBody = longestFile});
    route("GET", "/v1/contacts/{id}", read);
    route("PUT", "/v1/contacts/{id}", write, oneContact);
    route("DELETE", "/v1/contacts/{id}", remove);
}

}  // namespace netpas::secretaryd
