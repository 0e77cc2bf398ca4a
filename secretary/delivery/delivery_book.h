// What was paid for and not delivered (DESIGN §9): each case with its evidence, and the classes that are avoided for a while because of it.
// Durable. One thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "core/clock.h"
#include "core/ids.h"
#include "core/money.h"
#include "core/sold_class.h"
#include "core/store/documents.h"

namespace netpas::secretary::delivery {

struct Case {
    uint64_t number = 0;  // given by the book, in the order of finding
    SystemTime at;
    PurchaseId purchase;
    uint32_t uid = 0;  // whose purchase
    std::string node;  // … on this device; empty: the agent's own machine
    std::string flow;  // what was paid for
    std::vector<SoldClass> way;
    std::vector<SoldClass> suspects;  // of the way
    Money paid;                       // for this purchase until then
    std::string evidence;             // JSON: what the agent measured
    std::string outcome;              // what was done, for people; empty: nothing yet
};

// A class is avoided until then.
struct Mark {
    SoldClass sold;
    SystemTime since;
    SystemTime until;
    uint32_t times = 1;  // that it did not deliver, each within a day after the one before
};

class DeliveryBook {
public:
    static constexpr size_t maxCases = 500;  // the oldest are forgotten
    static constexpr std::chrono::minutes firstMark{10};
    static constexpr std::chrono::hours longestMark{24};
    static constexpr std::chrono::hours remembered{24};     // a mark, after its end
    static constexpr std::chrono::seconds sameTrouble{60};  // what is found within it is the same trouble found again

    // `documents` must outlive the book.
    [[nodiscard]] static tl::expected<DeliveryBook, store::StoreError> open(store::Documents& documents);

    // Durable, with the marks that come of it, when it returns the number.
    [[nodiscard]] tl::expected<uint64_t, store::StoreError> add(Case found);
    [[nodiscard]] tl::expected<void, store::StoreError> conclude(uint64_t number, const std::string& outcome);
    // Newest first.
    [[nodiscard]] std::vector<Case> cases() const;

    // Classes that are not chosen now unless somebody names them.
    [[nodiscard]] std::vector<SoldClass> avoided(SystemTime now) const;
    [[nodiscard]] std::vector<Mark> marks() const;
    // False: it has no mark.
    [[nodiscard]] tl::expected<bool, store::StoreError> forgive(const SoldClass& sold);

private:
    explicit DeliveryBook(store::Documents& documents) : m_documents(&documents) {}
    [[nodiscard]] Mark markAfter(const SoldClass& sold, SystemTime now) const;

    store::Documents* m_documents;
    std::map<uint64_t, Case> m_cases;
    std::map<SoldClass, Mark> m_marks;
    uint64_t m_next = 1;
};

}  // namespace netpas::secretary::delivery
