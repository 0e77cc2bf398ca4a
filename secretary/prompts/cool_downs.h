// What a person does not want to be asked again for a while. Durable. One thread.
#pragma once

#include <chrono>
#include <map>
#include <string>

#include "core/store/documents.h"
#include "secretary/spend_request.h"

namespace netpas::secretary::prompts {

class CoolDowns {
public:
    static constexpr std::chrono::minutes first{10};
    static constexpr std::chrono::days repeated{7};
    static constexpr uint32_t repeatedAfter = 3;  // times "Not now" in a row
    static constexpr size_t capacity = 1000;

    explicit CoolDowns(store::Documents& documents) : m_documents(documents) {}

    [[nodiscard]] tl::expected<void, store::StoreError> load();
    // At any price: who asked for something is not asked about it again because it got dearer.
    [[nodiscard]] bool active(const SpendRequest& request, SystemTime now) const;
    [[nodiscard]] tl::expected<void, store::StoreError> notNow(const SpendRequest& request, SystemTime now);
    // A person decided: the row is broken.
    [[nodiscard]] tl::expected<void, store::StoreError> decided(const SpendRequest& request);

private:
    struct Rest {
        uint32_t row = 0;
        SystemTime until;
    };
    store::Documents& m_documents;
    std::map<std::string, Rest, std::less<>> m_rests;
};

// Who asks for what: user, node, app, purpose, payee, group and domain, as a short text.
[[nodiscard]] std::string subjectDigest(const SpendRequest& request);

}  // namespace netpas::secretary::prompts
