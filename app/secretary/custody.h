// What lives only while the secretary is unlocked: ledger, keys, purchases and everything that stands on them. The
// process composes it; the vault service opens and closes it. Control thread.
#pragma once

#include <functional>

#include <tl/expected.hpp>

#include "app/secretary/state.h"
#include "core/ledger/ledger.h"
#include "core/store/database.h"

namespace netpas::secretaryd {

struct CustodyFailure {
    bool damaged = false;  // the database itself: a restore helps
    ApiFailure answer;
};

class Custody {
public:
    virtual ~Custody() = default;
    // Everything is there afterwards, or nothing.
    [[nodiscard]] virtual tl::expected<void, CustodyFailure> open(const store::DatabaseKey& key) = 0;
    // Revokes every session key, waits a bounded time for the final statements, then closes and wipes everything. What is
    // not settled by then is settled after the next open(). `done` is called once, never from inside this call.
    virtual void close(ledger::EndReason reason, std::function<void()> done) = 0;
    // Null while closed.
    [[nodiscard]] virtual ledger::Ledger* ledger() = 0;
};

// Runs what takes long away from the control thread, which must hear the agent's heartbeat meanwhile.
class Worker {
public:
    virtual ~Worker() = default;
    // `work` on another thread, then `done` on the control thread.
    virtual void run(std::function<void()> work, std::function<void()> done) = 0;
};

}  // namespace netpas::secretaryd
