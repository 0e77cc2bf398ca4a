// The user's contacts: durable, and found by payee, site or address in constant time (NetPaS §5.3). One thread.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "core/store/documents.h"
#include "secretary/contacts/contact.h"
#include "secretary/spend_request.h"

namespace netpas::secretary::contacts {

struct Imported {
    size_t added = 0;
    size_t changed = 0;
    size_t unchanged = 0;
};

class ContactBook {
public:
    static constexpr size_t maxContacts = 10000;

    // `documents` must outlive the book.
    [[nodiscard]] static tl::expected<ContactBook, store::StoreError> open(store::Documents& documents);
    ContactBook(ContactBook&&) noexcept;
    ContactBook& operator=(ContactBook&&) noexcept;
    ~ContactBook();

    // In order of their names.
    [[nodiscard]] std::vector<const Contact*> all() const;
    [[nodiscard]] size_t size() const;
    // By id, or by name. The pointer is good until the next change.
    [[nodiscard]] const Contact* find(std::string_view idOrName) const;

    // Adds a contact without an id or with a new one, replaces the one that has it. Durable when it returns the id.
    [[nodiscard]] tl::expected<std::string, ContactProblem> put(Contact contact);
    [[nodiscard]] tl::expected<void, ContactProblem> erase(std::string_view idOrName);
    // All of them or none. A contact is known by its id, else by its name; what a file says nothing about (payees, domains, addresses, groups,
    // note) stays as it was.
    [[nodiscard]] tl::expected<Imported, ContactProblem> import(std::vector<Contact> contacts);

    [[nodiscard]] const Contact* byPayee(const NodeId& payee) const;
    // The contact of the name itself, or of the nearest domain above it.
    [[nodiscard]] const Contact* byDomain(std::string_view domain) const;
    [[nodiscard]] const Contact* byAddress(const IpAddress& address) const;

    // Fills contact and group, whatever an application said there. Who is paid decides: a payee that is not in the book is
    // nobody's, even when the request names a site that is, for the site's name is only a claim. Without a payee the address that was
    // measured decides, then the site.
    void enrich(SpendRequest& request, const std::optional<IpAddress>& remote = std::nullopt) const;

private:
    struct Index;
    explicit ContactBook(store::Documents& documents);
    [[nodiscard]] std::optional<ContactProblem> clash(const Contact& contact) const;
    void insert(Contact contact);
    void remove(const std::string& id);

    store::Documents* m_documents;
    std::unique_ptr<Index> m_index;
};

}  // namespace netpas::secretary::contacts
