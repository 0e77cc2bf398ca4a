// Which ISPs take confirmations with shared signatures by way of which neighbour: whoever signs for many at once must know
// that everybody on the way to the source can check that. A distance vector, so that an ISP that no longer takes them is
// forgotten everywhere. One thread.
#pragma once

#include <map>

#include "core/accounting/nano_messages.h"
#include "core/wire/accounting_header.h"

namespace netpas::accounting {

class BatchReach {
public:
    explicit BatchReach(IspId self) : m_self(self) {}

    // What the neighbour said, or that it is gone or an older version. True when others should hear of it.
    bool heard(IspId neighbour, const BatchAbility& ability);
    bool lost(IspId neighbour);
    // For that neighbour: ourselves, and what the others told.
    [[nodiscard]] BatchAbility toTell(IspId neighbour) const;

    // It takes batches itself.
    [[nodiscard]] bool takes(IspId neighbour) const;
    // All ISPs up to that hop, which is a neighbour, do.
    [[nodiscard]] bool takesUpTo(const AccountingHeader& header, size_t hop) const;

private:
    IspId m_self;
    std::map<IspId, std::map<IspId, uint8_t>> m_by;  // neighbour -> ISP -> distance from there
};

}  // namespace netpas::accounting
