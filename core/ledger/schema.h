// The ledger's tables, as migration steps. A released step never changes: append another one.
// Amounts are eighths of a nanodollar, times microseconds since 1970 (UTC).
#pragma once

#include <array>
#include <string_view>

namespace netpas::ledger {

// Everything but `usage`, `account` and `unfinished` is append-only (and `context` completed once), and the triggers hold every program to it.
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

// Several session keys to a purchase, what a purchase is for and why it was granted, labels, expiry, and the small
// records of the rest of the secretary. `key_usage` and `document` may change, everything else is append-only.
inline constexpr std::string_view schemaStep2 = R"sql(
CREATE TABLE slice (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key INTEGER NOT NULL UNIQUE,
    purchase INTEGER NOT NULL REFERENCES purchase (id),
    cap INTEGER NOT NULL CHECK (cap >= 0),
    opened_at INTEGER NOT NULL);
CREATE INDEX slice_purchase ON slice (purchase, id);

CREATE TABLE slice_end (
    slice INTEGER PRIMARY KEY REFERENCES slice (id),
    charged INTEGER NOT NULL CHECK (charged >= 0),
    disputed INTEGER NOT NULL,
    evidence INTEGER REFERENCES evidence (id),
    note TEXT NOT NULL,
    at INTEGER NOT NULL);

CREATE TABLE key_usage (
    slice INTEGER PRIMARY KEY REFERENCES slice (id),
    packets INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    amount INTEGER NOT NULL,
    best_effort INTEGER NOT NULL);

-- kind 4: expired, voided because its time ran out.
CREATE TABLE transfer2 (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    purchase INTEGER NOT NULL REFERENCES purchase (id),
    kind INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 4),
    pending INTEGER REFERENCES transfer2 (id) CHECK ((kind = 1) = (pending IS NULL)),
    debit INTEGER NOT NULL,
    credit INTEGER NOT NULL CHECK (credit <> debit),
    amount INTEGER NOT NULL CHECK (amount >= 0),
    at INTEGER NOT NULL);
INSERT INTO transfer2 SELECT id, purchase, kind, pending, debit, credit, amount, at FROM transfer ORDER BY id;

INSERT INTO slice (key, purchase, cap, opened_at)
    SELECT k.id, k.purchase, p.cap,
        coalesce((SELECT min(at) FROM transition t WHERE t.purchase = k.purchase AND t.state = 2), p.requested_at)
    FROM session_key k JOIN purchase p ON p.id = k.purchase ORDER BY k.purchase;
INSERT INTO slice_end (slice, charged, disputed, evidence, note, at)
    SELECT s.id, CASE r.kind WHEN 2 THEN r.amount ELSE 0 END,
        EXISTS (SELECT 1 FROM evidence e WHERE e.purchase = s.purchase AND e.accepted = 0),
        (SELECT max(id) FROM evidence e WHERE e.purchase = s.purchase), '', r.at
    FROM slice s JOIN transfer r ON r.purchase = s.purchase AND r.kind <> 1 ORDER BY s.id;
INSERT INTO key_usage SELECT s.id, u.packets, u.bytes, u.amount, u.best_effort
    FROM slice s JOIN usage u ON u.purchase = s.purchase;

DROP TABLE session_key;
DROP TABLE transfer;
ALTER TABLE transfer2 RENAME TO transfer;
CREATE UNIQUE INDEX transfer_resolution ON transfer (pending) WHERE pending IS NOT NULL;
CREATE INDEX transfer_purchase ON transfer (purchase);
CREATE INDEX transfer_at ON transfer (at) WHERE kind = 2;

CREATE TABLE context (
    purchase INTEGER PRIMARY KEY REFERENCES purchase (id),
    app TEXT NOT NULL,
    purpose TEXT NOT NULL,
    payee TEXT NOT NULL,
    contact TEXT NOT NULL,
    contact_group TEXT NOT NULL,
    domain TEXT NOT NULL,
    node TEXT NOT NULL,
    user_name TEXT NOT NULL,
    quality TEXT NOT NULL,
    unit INTEGER NOT NULL,
    unit_price INTEGER NOT NULL);
CREATE INDEX context_app ON context (app, purchase);
CREATE INDEX context_payee ON context (payee, purchase);
CREATE INDEX purchase_requested ON purchase (requested_at);

CREATE TABLE decision (
    purchase INTEGER PRIMARY KEY REFERENCES purchase (id),
    rule TEXT NOT NULL,
    decider TEXT NOT NULL,
    sentence TEXT NOT NULL,
    runner_up TEXT NOT NULL);

-- The newest counts.
CREATE TABLE label (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    purchase INTEGER NOT NULL REFERENCES purchase (id),
    text TEXT NOT NULL,
    at INTEGER NOT NULL);
CREATE INDEX label_purchase ON label (purchase, id);

CREATE TABLE document (
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    body BLOB NOT NULL);
CREATE UNIQUE INDEX document_name ON document (kind, id);

CREATE TRIGGER slice_u BEFORE UPDATE ON slice BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER slice_d BEFORE DELETE ON slice BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER slice_end_u BEFORE UPDATE ON slice_end BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER slice_end_d BEFORE DELETE ON slice_end BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER transfer_u BEFORE UPDATE ON transfer BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER transfer_d BEFORE DELETE ON transfer BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER context_u BEFORE UPDATE ON context BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER context_d BEFORE DELETE ON context BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER decision_u BEFORE UPDATE ON decision BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER decision_d BEFORE DELETE ON decision BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER label_u BEFORE UPDATE ON label BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER label_d BEFORE DELETE ON label BEGIN SELECT RAISE(ABORT, 'append-only'); END;
)sql";

// At what price, and to whom as the contacts had it, is known with the quote: filled in once.
inline constexpr std::string_view schemaStep3 = R"sql(
DROP TRIGGER context_u;
CREATE TRIGGER context_u BEFORE UPDATE ON context
WHEN OLD.unit_price <> 0 OR NEW.unit_price = 0 OR NEW.purchase <> OLD.purchase OR NEW.app <> OLD.app OR NEW.purpose <> OLD.purpose
    OR NEW.payee <> OLD.payee OR NEW.domain <> OLD.domain OR NEW.node <> OLD.node OR NEW.user_name <> OLD.user_name
BEGIN SELECT RAISE(ABORT, 'append-only'); END;
)sql";

// Micropayments. A purchase that is one has a `payment`, a `payment_order` once it may have been signed, and a `payment_end` when
// it is settled. `receipt`: payments to this endpoint. All append-only.
inline constexpr std::string_view schemaStep4 = R"sql(
CREATE TABLE payment (
    purchase INTEGER PRIMARY KEY REFERENCES purchase (id),
    payee BLOB NOT NULL,
    isp INTEGER NOT NULL,
    amount INTEGER NOT NULL CHECK (amount > 0),
    description TEXT NOT NULL);

CREATE TABLE payment_order (
    purchase INTEGER PRIMARY KEY REFERENCES payment (purchase),
    id BLOB NOT NULL UNIQUE,
    salt BLOB,
    expires INTEGER NOT NULL);

-- state: 1 posted, 2 expired, 3 cancelled, 4 refused.
CREATE TABLE payment_end (
    purchase INTEGER PRIMARY KEY REFERENCES payment (purchase),
    state INTEGER NOT NULL CHECK (state BETWEEN 1 AND 4),
    charged INTEGER NOT NULL CHECK (charged >= 0 AND (charged > 0) = (state = 1)),
    disputed INTEGER NOT NULL,
    isp INTEGER NOT NULL,
    reason INTEGER NOT NULL,
    most INTEGER NOT NULL,
    remedy TEXT NOT NULL,
    at INTEGER NOT NULL);

CREATE TABLE receipt (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    payment BLOB NOT NULL,
    amount INTEGER NOT NULL CHECK (amount > 0),
    confirmed INTEGER NOT NULL,
    received_at INTEGER NOT NULL);

-- state: 1 confirmed, 2 taken, 3 cancelled, 4 late. The newest counts.
CREATE TABLE receipt_event (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    receipt INTEGER NOT NULL REFERENCES receipt (number),
    state INTEGER NOT NULL CHECK (state BETWEEN 1 AND 4),
    final INTEGER NOT NULL,
    at INTEGER NOT NULL);
CREATE INDEX receipt_event_receipt ON receipt_event (receipt, number);
CREATE INDEX receipt_event_final ON receipt_event (receipt) WHERE final = 1;

CREATE TRIGGER payment_u BEFORE UPDATE ON payment BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER payment_d BEFORE DELETE ON payment BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER payment_order_u BEFORE UPDATE ON payment_order BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER payment_order_d BEFORE DELETE ON payment_order BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER payment_end_u BEFORE UPDATE ON payment_end BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER payment_end_d BEFORE DELETE ON payment_end BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER receipt_u BEFORE UPDATE ON receipt BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER receipt_d BEFORE DELETE ON receipt BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER receipt_event_u BEFORE UPDATE ON receipt_event BEGIN SELECT RAISE(ABORT, 'append-only'); END;
CREATE TRIGGER receipt_event_d BEFORE DELETE ON receipt_event BEGIN SELECT RAISE(ABORT, 'append-only'); END;
)sql";

inline constexpr std::array<std::string_view, 4> schemaSteps{schemaStep1, schemaStep2, schemaStep3, schemaStep4};

}  // namespace netpas::ledger
