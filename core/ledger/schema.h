// The ledger's tables, as migration steps. A released step never changes: append another one.
// Amounts are eighths of a nanodollar, times microseconds since 1970 (UTC).
#pragma once

#include <array>
#include <string_view>

namespace netpas::ledger {

// Everything but `usage`, `account` and `unfinished` is append-only, and the triggers hold every program to it.
inline constexpr std::string_view schemaStep1 = R"sql(
CREATE TABLE purchase (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    uid INTEGER NOT NULL,
    flow TEXT NOT NULL,
    cap INTEGER NOT NULL CHECK (cap >= 0),
    cap_per_second INTEGER NOT NULL CHECK (cap_per_second >= 0),
    duration_s INTEGER,
    idempotency_key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    requested_at INTEGER NOT NULL);
CREATE UNIQUE INDEX purchase_idempotency ON purchase (uid, idempotency_key) WHERE idempotency_key <> '';
CREATE INDEX purchase_uid ON purchase (uid, id);

CREATE TABLE hop (
    purchase INTEGER NOT NULL REFERENCES purchase (id),
    position INTEGER NOT NULL,
    isp INTEGER NOT NULL,
    class INTEGER NOT NULL,
    exit INTEGER NOT NULL,
    class_name TEXT NOT NULL,
    price INTEGER NOT NULL,
    PRIMARY KEY (purchase, position)) WITHOUT ROWID;

CREATE TABLE session_key (
    id INTEGER PRIMARY KEY,
    purchase INTEGER NOT NULL UNIQUE REFERENCES purchase (id));

CREATE TABLE transition (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    purchase INTEGER NOT NULL REFERENCES purchase (id),
    state INTEGER NOT NULL,
    reason INTEGER NOT NULL,
    decided_by TEXT NOT NULL,
    note TEXT NOT NULL,
    at INTEGER NOT NULL);
CREATE INDEX transition_purchase ON transition (purchase, id);

-- kind: 1 pending, 2 posted, 3 voided; the latter two resolve a pending one, each at most once.
CREATE TABLE transfer (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    purchase INTEGER NOT NULL REFERENCES purchase (id),
    kind INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 3),
    pending INTEGER REFERENCES transfer (id) CHECK ((kind = 1) = (pending IS NULL)),
    debit INTEGER NOT NULL,
    credit INTEGER NOT NULL CHECK (credit <> debit),
    amount INTEGER NOT NULL CHECK (amount >= 0),
    at INTEGER NOT NULL);
CREATE UNIQUE INDEX transfer_resolution ON transfer (pending) WHERE pending IS NOT NULL;
CREATE INDEX transfer_purchase ON transfer (purchase);
CREATE INDEX transfer_at ON transfer (at) WHERE kind = 2;

CREATE TABLE evidence (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    purchase INTEGER NOT NULL REFERENCES purchase (id),
    kind TEXT NOT NULL,
    message BLOB NOT NULL,
    signature BLOB NOT NULL,
    accepted INTEGER NOT NULL,
    at INTEGER NOT NULL);
CREATE INDEX evidence_purchase ON evidence (purchase);

-- Sums over `transfer`, each growing only.
CREATE TABLE account (
    id INTEGER PRIMARY KEY,
    debits_pending INTEGER NOT NULL, debits_resolved INTEGER NOT NULL, debits_posted INTEGER NOT NULL,
    credits_pending INTEGER NOT NULL, credits_resolved INTEGER NOT NULL, credits_posted INTEGER NOT NULL);

CREATE TABLE usage (
    purchase INTEGER PRIMARY KEY REFERENCES purchase (id),
    packets INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    amount INTEGER NOT NULL,
    best_effort INTEGER NOT NULL);

-- Purchases whose last transition is not final.
CREATE TABLE unfinished (purchase INTEGER PRIMARY KEY REFERENCES purchase (id));

CREATE TRIGGER purchase_u BEFORE UPDATE ON purchase BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER purchase_d BEFORE DELETE ON purchase BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER hop_u BEFORE UPDATE ON hop BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER hop_d BEFORE DELETE ON hop BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER session_key_u BEFORE UPDATE ON session_key BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER session_key_d BEFORE DELETE ON session_key BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER transition_u BEFORE UPDATE ON transition BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER transition_d BEFORE DELETE ON transition BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER transfer_u BEFORE UPDATE ON transfer BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER transfer_d BEFORE DELETE ON transfer BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER evidence_u BEFORE UPDATE ON evidence BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER evidence_d BEFORE DELETE ON evidence BEGIN SELECT RAISE(ABORT, 'append-only'); END;
)sql";

inline constexpr std::array<std::string_view, 1> schemaSteps{schemaStep1};

}  // namespace netpas::ledger
