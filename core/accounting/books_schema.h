// Tables of the books, as migration steps: a released step never changes, later ones are appended.
// Amounts are eighths of a nanodollar, times microseconds since 1970, unsigned 64-bit numbers stored as signed ones.
#pragma once

#include <array>
#include <string_view>

namespace netpas::accounting {

inline constexpr std::string_view booksStep1 = R"sql(
CREATE TABLE customer (name TEXT PRIMARY KEY, key BLOB NOT NULL UNIQUE, joined INTEGER NOT NULL) WITHOUT ROWID;

CREATE TABLE session_key (
    id INTEGER PRIMARY KEY,
    record BLOB NOT NULL,        -- the RegisterKey message, signature included
    customer TEXT NOT NULL,
    router TEXT NOT NULL,
    state INTEGER NOT NULL,
    registered INTEGER NOT NULL,
    finalised INTEGER NOT NULL);

-- Cumulative counters; one row for each life of a router, so that the sum over rows is the total.
CREATE TABLE key_counter (
    router TEXT NOT NULL, incarnation INTEGER NOT NULL, key INTEGER NOT NULL,
    packets INTEGER NOT NULL, bytes INTEGER NOT NULL, amount INTEGER NOT NULL, next_sequence INTEGER NOT NULL,
    PRIMARY KEY (router, incarnation, key)) WITHOUT ROWID;
CREATE TABLE link_counter (
    router TEXT NOT NULL, incarnation INTEGER NOT NULL, neighbour INTEGER NOT NULL, exit INTEGER NOT NULL,
    packets INTEGER NOT NULL, bytes INTEGER NOT NULL, own INTEGER NOT NULL, downstream INTEGER NOT NULL,
    PRIMARY KEY (router, incarnation, neighbour, exit)) WITHOUT ROWID;
CREATE TABLE isp_counter (
    which INTEGER NOT NULL, router TEXT NOT NULL, incarnation INTEGER NOT NULL, isp INTEGER NOT NULL,
    amount INTEGER NOT NULL,
    PRIMARY KEY (which, router, incarnation, isp)) WITHOUT ROWID;
CREATE TABLE verdict_counter (
    router TEXT NOT NULL, incarnation INTEGER NOT NULL, name TEXT NOT NULL, packets INTEGER NOT NULL,
    PRIMARY KEY (router, incarnation, name)) WITHOUT ROWID;

-- The log of confirmations, in the order of arrival. No index on the random id: uniqueness is kept in memory.
CREATE TABLE confirmation (
    number INTEGER PRIMARY KEY,
    made INTEGER NOT NULL,
    role INTEGER NOT NULL,
    body BLOB NOT NULL);
CREATE INDEX confirmation_made ON confirmation (made);

CREATE TABLE outbox (
    number INTEGER PRIMARY KEY, neighbour INTEGER NOT NULL, countersign INTEGER NOT NULL, body BLOB NOT NULL);

CREATE TABLE sum (
    kind INTEGER NOT NULL, isp INTEGER NOT NULL,
    total INTEGER NOT NULL, count INTEGER NOT NULL, largest INTEGER NOT NULL,
    PRIMARY KEY (kind, isp)) WITHOUT ROWID;

CREATE TABLE alarm (
    number INTEGER PRIMARY KEY, time INTEGER NOT NULL, kind INTEGER NOT NULL, subject TEXT NOT NULL, text TEXT NOT NULL);
)sql";

inline constexpr std::string_view booksStep2 = R"sql(
-- Micropayments; `body` has everything, the other columns what is searched for.
CREATE TABLE payment (
    id BLOB PRIMARY KEY, from_party TEXT NOT NULL, received INTEGER NOT NULL, open_until INTEGER NOT NULL,
    body BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX payment_open ON payment (open_until);
CREATE INDEX payment_received ON payment (received);

CREATE TABLE payment_sum (
    kind INTEGER NOT NULL, party TEXT NOT NULL, total INTEGER NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (kind, party)) WITHOUT ROWID;

CREATE TABLE certified_payee (payee BLOB PRIMARY KEY, classes INTEGER NOT NULL, until INTEGER NOT NULL) WITHOUT ROWID;
)sql";

inline constexpr std::string_view booksStep3 = R"sql(
-- Which of a neighbour's servers, or with neighbour 0 which sibling.
ALTER TABLE outbox ADD COLUMN server TEXT NOT NULL DEFAULT '';
)sql";

inline constexpr std::string_view booksStep4 = R"sql(
-- Confirmations that share signatures, as they go to the next neighbour: a ConfirmationBatch without its sequence.
CREATE TABLE confirmation_batch (
    number INTEGER PRIMARY KEY,
    oldest INTEGER NOT NULL, newest INTEGER NOT NULL,  -- times of making of its confirmations
    role INTEGER NOT NULL,
    body BLOB NOT NULL);
CREATE INDEX confirmation_batch_newest ON confirmation_batch (newest);
CREATE TABLE batch_outbox (number INTEGER PRIMARY KEY, neighbour INTEGER NOT NULL, server TEXT NOT NULL, count INTEGER NOT NULL);
)sql";

inline constexpr std::string_view booksStep5 = R"sql(
-- The signed confirmation that an alarm is about.
ALTER TABLE alarm ADD COLUMN evidence BLOB;
-- Disagreements with neighbours, and how they ended (dispute.h).
CREATE TABLE dispute (number INTEGER PRIMARY KEY, body BLOB NOT NULL);
)sql";

inline constexpr std::string_view booksStep6 = R"sql(
-- What is owed with each neighbour, by cycle; `body` is signed once it is closed.
CREATE TABLE bill (
    neighbour INTEGER NOT NULL, cycle INTEGER NOT NULL, closed INTEGER NOT NULL, body BLOB NOT NULL,
    paid INTEGER NOT NULL, reference TEXT NOT NULL,
    PRIMARY KEY (neighbour, cycle)) WITHOUT ROWID;

-- The parts of sums whose records were deleted.
CREATE TABLE summarised (
    kind INTEGER NOT NULL, isp INTEGER NOT NULL, total INTEGER NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (kind, isp)) WITHOUT ROWID;
CREATE TABLE summarised_payment (
    kind INTEGER NOT NULL, party TEXT NOT NULL, total INTEGER NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (kind, party)) WITHOUT ROWID;
CREATE TABLE retired_key (
    customer TEXT PRIMARY KEY, amount INTEGER NOT NULL, packets INTEGER NOT NULL, keys INTEGER NOT NULL) WITHOUT ROWID;

-- Blocked by the operator or by suspicion: ISPs on the blacklist, frozen accounts.
CREATE TABLE block (party TEXT PRIMARY KEY, since INTEGER NOT NULL, reason TEXT NOT NULL) WITHOUT ROWID;
-- Complaints of other ISPs about payees here.
CREATE TABLE complaint (
    payment BLOB PRIMARY KEY, payee TEXT NOT NULL, time INTEGER NOT NULL, body BLOB NOT NULL) WITHOUT ROWID;
-- What accounts receive, by day (since 1970).
CREATE TABLE receipt (
    customer TEXT NOT NULL, day INTEGER NOT NULL, total INTEGER NOT NULL, PRIMARY KEY (customer, day)) WITHOUT ROWID;
)sql";

inline constexpr std::string_view booksStep7 = R"sql(
-- What customers confirmed in place of this ISP, with their signatures.
CREATE TABLE delegated (
    number INTEGER PRIMARY KEY, made INTEGER NOT NULL, customer TEXT NOT NULL, body BLOB NOT NULL);
CREATE INDEX delegated_made ON delegated (made);
)sql";

inline constexpr std::string_view booksStep8 = R"sql(
-- In the order of arrival, so that what a group writes lies together: a commit costs a few pages, not some for each payment.
CREATE TABLE payment_in_order (
    number INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, from_party TEXT NOT NULL, received INTEGER NOT NULL,
    open_until INTEGER NOT NULL,  -- the largest number: out of memory, and its end not acknowledged by a neighbour
    body BLOB NOT NULL);
INSERT INTO payment_in_order (id, from_party, received, open_until, body)
    SELECT id, from_party, received, open_until, body FROM payment ORDER BY received;
DROP TABLE payment;
ALTER TABLE payment_in_order RENAME TO payment;
CREATE INDEX payment_received ON payment (received);
CREATE INDEX payment_unheard ON payment (number) WHERE open_until = 9223372036854775807;
)sql";

inline constexpr std::string_view booksStep9 = R"sql(
-- Complaints that the next ISP has not taken yet.
CREATE TABLE complaint_outbox (payment BLOB PRIMARY KEY, party TEXT NOT NULL, body BLOB NOT NULL) WITHOUT ROWID;
-- What neighbours have signed about cycles that are closed here, as they were compared.
CREATE TABLE neighbour_bill (
    number INTEGER PRIMARY KEY, neighbour INTEGER NOT NULL, cycle INTEGER NOT NULL, body BLOB NOT NULL);
-- The operator has looked: it does not count again, however often it is told.
ALTER TABLE complaint ADD COLUMN looked_at INTEGER NOT NULL DEFAULT 0;
)sql";

inline constexpr std::array booksSteps{booksStep1, booksStep2, booksStep3, booksStep4, booksStep5,
                                       booksStep6, booksStep7, booksStep8, booksStep9};

}  // namespace netpas::accounting
