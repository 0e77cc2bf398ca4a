// Customers that have not paid anything yet. Names cost nothing, so only so many of them get credit within a day (core/agreement/AGREEMENTS.md). Durable:
// neither an end nor a restart makes room for another name. Control thread.
#pragma once

#include <map>

#include <tl/expected.hpp>

#include "core/store/documents.h"
#include "secretary/agreements/engine.h"

namespace netpas::secretaryd {

class UnprovenCustomers {
public:
    static constexpr size_t most = 64;
    static constexpr std::chrono::hours rememberedFor{24};  // from when its last agreement began

    UnprovenCustomers(store::Documents& documents, const Clock& clock) : m_documents(documents), m_clock(clock) {}
    [[nodiscard]] tl::expected<void, store::StoreError> load(const secretary::agreements::Engine& engine);

    // This node sells to it under an agreement that runs now.
    void began(const secretary::agreements::Agreement& one, const secretary::agreements::Engine& engine);
    // Those that have paid, have used nothing, or did so long ago are forgotten.
    void tidy(const secretary::agreements::Engine& engine);
    [[nodiscard]] bool mayCome(const PublicKey& buyer, const secretary::agreements::Engine& engine) const;

private:
    [[nodiscard]] bool counts(const PublicKey& buyer, SystemTime since,
                              const secretary::agreements::Engine& engine) const;

    store::Documents& m_documents;
    const Clock& m_clock;
    std::map<PublicKey, SystemTime> m_since;
};

}  // namespace netpas::secretaryd
