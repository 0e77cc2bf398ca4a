#include "secretary/contacts/contact_book.h"

#include <algorithm>
#include <functional>
#include <map>
#include <unordered_map>

#include "core/domain_name.h"

namespace netpas::secretary::contacts {

namespace {

constexpr std::string_view kind = "contact";

struct TextHash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
};
struct AddressHash {
    size_t operator()(const IpAddress& address) const noexcept {
        const auto bytes = address.bytes();
        return TextHash{}({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    }
};

Bytes bodyOf(const Contact& contact) {
    const std::string json = toJson(contact);
    return {json.begin(), json.end()};
}

store::DocumentChange changeTo(const Contact& contact) {
    return {{std::string(kind), contact.id, bodyOf(contact)}, false};
}

ContactProblem taken(ContactError error, const Contact& contact, const std::string& what, const Contact& owner) {
    return {error, "contact " + contact.name + ": " + what + " belongs to contact " + owner.name,
            "change that one first: netpas contacts edit \"" + owner.name + "\""};
}

ContactProblem storage() {
    return {ContactError::Storage, "the contacts cannot be written; nothing was changed", "free disk space"};
}

}  // namespace

struct ContactBook::Index {
    std::unordered_map<std::string, Contact, TextHash, std::equal_to<>> contacts;  // by id
    // Values are in `contacts`, whose elements never move.
    std::map<std::string, const Contact*, std::less<>> names;
    std::unordered_map<NodeId, const Contact*> payees;
    std::unordered_map<std::string, const Contact*, TextHash, std::equal_to<>> domains;
    std::unordered_map<IpAddress, const Contact*, AddressHash> addresses;
};

ContactBook::ContactBook(store::Documents& documents) : m_documents(&documents), m_index(std::make_unique<Index>()) {}
ContactBook::ContactBook(ContactBook&&) noexcept = default;
ContactBook& ContactBook::operator=(ContactBook&&) noexcept = default;
ContactBook::~ContactBook() = default;

tl::expected<ContactBook, store::StoreError> ContactBook::open(store::Documents& documents) {
    ContactBook book(documents);
    const auto stored = documents.all(kind);
    if (!stored) return tl::unexpected(stored.error());
    for (const store::Document& document : *stored) {
        auto contact = contactFromJson({reinterpret_cast<const char*>(document.body.data()), document.body.size()});
        if (!contact || contact->id != document.id || book.find(contact->id) != nullptr || book.clash(*contact))
            return tl::unexpected(store::StoreError::Damaged);
        book.insert(std::move(*contact));
    }
    return book;
}

std::vector<const Contact*> ContactBook::all() const {
    std::vector<const Contact*> list;
    list.reserve(m_index->names.size());
    for (const auto& [name, contact] : m_index->names) list.push_back(contact);
    return list;
}

size_t ContactBook::size() const { return m_index->contacts.size(); }

const Contact* ContactBook::find(std::string_view idOrName) const {
    if (const auto found = m_index->contacts.find(idOrName); found != m_index->contacts.end()) return &found->second;
    const auto named = m_index->names.find(idOrName);
    return named == m_index->names.end() ? nullptr : named->second;
}

const Contact* ContactBook::byPayee(const NodeId& payee) const {
    const auto found = m_index->payees.find(payee);
    return found == m_index->payees.end() ? nullptr : found->second;
}

const Contact* ContactBook::byAddress(const IpAddress& address) const {
    const auto found = m_index->addresses.find(address);
    return found == m_index->addresses.end() ? nullptr : found->second;
}

const Contact* ContactBook::byDomain(std::string_view domain) const {
    const Contact* contact = nullptr;
    const auto known = [&](std::string_view name) {
        const auto found = m_index->domains.find(name);
        if (found != m_index->domains.end()) contact = found->second;
        return contact != nullptr;
    };
    if (anyDomainOf(domain, known)) return contact;
    // Not in normal form, perhaps.
    const auto normal = parseDomain(domain);
    if (normal && *normal != domain) (void)anyDomainOf(*normal, known);
    return contact;
}

void ContactBook::enrich(SpendRequest& request, const std::optional<IpAddress>& remote) const {
    const Contact* contact = nullptr;
    if (!request.payee.empty()) {
        if (const auto payee = NodeId::parse(request.payee)) contact = byPayee(*payee);
    } else {
        if (remote) contact = byAddress(*remote);
        if (contact == nullptr && !request.domain.empty()) contact = byDomain(request.domain);
    }
    if (contact == nullptr) {
        request.contact.clear();
        request.group.clear();
        return;
    }
    request.contact = contact->name;
    request.group = contact->groups.empty() ? std::string() : contact->groups.front();
}

std::optional<ContactProblem> ContactBook::clash(const Contact& contact) const {
    const auto other = [&](const Contact* owner) { return owner != nullptr && owner->id != contact.id; };
    const auto named = m_index->names.find(contact.name);
    if (named != m_index->names.end() && other(named->second))
        return taken(ContactError::NameTaken, contact, "the name", *named->second);
    for (const NodeId& payee : contact.payees) {
        if (const Contact* owner = byPayee(payee); other(owner))
            return taken(ContactError::PayeeTaken, contact, "payee " + payee.hex(), *owner);
    }
    for (const std::string& domain : contact.domains) {
        const auto found = m_index->domains.find(domain);
        if (found != m_index->domains.end() && other(found->second))
            return taken(ContactError::DomainTaken, contact, "domain " + domain, *found->second);
    }
    for (const IpAddress& address : contact.addresses) {
        if (const Contact* owner = byAddress(address); other(owner))
            return taken(ContactError::AddressTaken, contact, "address " + address.toString(), *owner);
    }
    return std::nullopt;
}

void ContactBook::insert(Contact contact) {
    remove(contact.id);
    const std::string id = contact.id;
    const Contact* kept = &m_index->contacts.insert_or_assign(id, std::move(contact)).first->second;
    m_index->names.emplace(kept->name, kept);
    for (const NodeId& payee : kept->payees) m_index->payees.emplace(payee, kept);
    for (const std::string& domain : kept->domains) m_index->domains.emplace(domain, kept);
    for (const IpAddress& address : kept->addresses) m_index->addresses.emplace(address, kept);
}

void ContactBook::remove(const std::string& id) {
    const auto found = m_index->contacts.find(id);
    if (found == m_index->contacts.end()) return;
    const Contact& contact = found->second;
    m_index->names.erase(contact.name);
    for (const NodeId& payee : contact.payees) m_index->payees.erase(payee);
    for (const std::string& domain : contact.domains) m_index->domains.erase(domain);
    for (const IpAddress& address : contact.addresses) m_index->addresses.erase(address);
    m_index->contacts.erase(found);
}

tl::expected<std::string, ContactProblem> ContactBook::put(Contact contact) {
    if (contact.id.empty()) contact.id = newContactId();
    if (auto fault = faultOf(contact)) return tl::unexpected(std::move(*fault));
    if (auto fault = clash(contact)) return tl::unexpected(std::move(*fault));
    if (size() >= maxContacts && !m_index->contacts.contains(contact.id)) {
        return tl::unexpected(ContactProblem{ContactError::TooMany, "there are 10000 contacts already",
                                             "remove some: netpas contacts rm NAME"});
    }
    const store::DocumentChange change = changeTo(contact);
    if (!m_documents->apply({&change, 1})) return tl::unexpected(storage());
    std::string id = contact.id;
    insert(std::move(contact));
    return id;
}

tl::expected<void, ContactProblem> ContactBook::erase(std::string_view idOrName) {
    const Contact* contact = find(idOrName);
    if (contact == nullptr) {
        return tl::unexpected(ContactProblem{ContactError::Unknown, "there is no such contact",
                                             "netpas contacts list shows those there are"});
    }
    const std::string id = contact->id;
    if (!m_documents->erase(std::string(kind), id)) return tl::unexpected(storage());
    remove(id);
    return {};
}

tl::expected<Imported, ContactProblem> ContactBook::import(std::vector<Contact> contacts) {
    // Tried out on a copy, so that a clash within the file or with the book leaves everything as it is.
    ContactBook trial(*m_documents);
    for (const auto& [id, contact] : m_index->contacts) trial.insert(contact);
    Imported imported;
    std::vector<store::DocumentChange> changes;
    for (Contact& contact : contacts) {
        const Contact* known = contact.id.empty() ? nullptr : trial.find(contact.id);
        if (known == nullptr) known = trial.find(contact.name);
        if (known != nullptr) {
            contact.id = known->id;
            if (contact.payees.empty()) contact.payees = known->payees;
            if (contact.domains.empty()) contact.domains = known->domains;
            if (contact.addresses.empty()) contact.addresses = known->addresses;
            if (contact.groups.empty()) contact.groups = known->groups;
            if (contact.note.empty()) contact.note = known->note;
        }
        if (contact.id.empty()) contact.id = newContactId();
        if (auto fault = faultOf(contact)) return tl::unexpected(std::move(*fault));
        if (known != nullptr && *known == contact) {
            ++imported.unchanged;
            continue;
        }
        if (auto fault = trial.clash(contact)) return tl::unexpected(std::move(*fault));
        ++(known == nullptr ? imported.added : imported.changed);
        if (trial.size() >= maxContacts && known == nullptr) {
            return tl::unexpected(ContactProblem{ContactError::TooMany, "that would be more than 10000 contacts",
                                                 "import fewer, or remove some first"});
        }
        changes.push_back(changeTo(contact));
        trial.insert(std::move(contact));
    }
    if (!changes.empty() && !m_documents->apply(changes)) return tl::unexpected(storage());
    m_index = std::move(trial.m_index);
    return imported;
}

}  // namespace netpas::secretary::contacts
