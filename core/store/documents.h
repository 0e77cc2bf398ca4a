// Durable small records: rules, contacts, prompts, what was learnt. One thread.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

#include "core/bytes.h"
#include "core/store/database.h"

namespace netpas::store {

struct Document {
    std::string kind;  // "rule", "contact", …: at most 32 bytes
    std::string id;    // unique within its kind; at most 128 bytes
    Bytes body;        // at most 1 MiB
};

// One change: a document to keep, or (`erase`) one to forget; forgetting what is not there is no error.
struct DocumentChange {
    Document document;
    bool erase = false;
};

class Documents {
public:
    virtual ~Documents() = default;
    // All or nothing, and durable when it returns.
    [[nodiscard]] virtual tl::expected<void, StoreError> apply(std::span<const DocumentChange> changes) = 0;
    // Ordered by id.
    [[nodiscard]] virtual tl::expected<std::vector<Document>, StoreError> all(std::string_view kind) const = 0;

    [[nodiscard]] tl::expected<void, StoreError> put(Document document) {
        const DocumentChange change{std::move(document), false};
        return apply({&change, 1});
    }
    [[nodiscard]] tl::expected<void, StoreError> erase(std::string kind, std::string id) {
        const DocumentChange change{{std::move(kind), std::move(id), {}}, true};
        return apply({&change, 1});
    }
};

// Forgets everything with the process; for tests and simulations.
class MemoryDocuments final : public Documents {
public:
    tl::expected<void, StoreError> apply(std::span<const DocumentChange> changes) override {
        for (const DocumentChange& change : changes) {
            auto key = std::pair(change.document.kind, change.document.id);
            if (change.erase) {
                m_documents.erase(key);
            } else {
                m_documents.insert_or_assign(std::move(key), change.document);
            }
        }
        return {};
    }
    tl::expected<std::vector<Document>, StoreError> all(std::string_view kind) const override {
        std::vector<Document> found;
        for (const auto& [key, document] : m_documents) {
            if (key.first == kind) found.push_back(document);
        }
        return found;
    }

private:
    std::map<std::pair<std::string, std::string>, Document> m_documents;
};

}  // namespace netpas::store
