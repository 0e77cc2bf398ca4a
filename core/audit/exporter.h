// Exports the books of a running accounting server as an audit file, in pieces, so that the server goes on meanwhile. What is
// in the file is the state of one moment. The thread of the server.
#pragma once

#include <set>

#include "core/accounting/server.h"
#include "core/audit/audit_file.h"

namespace netpas::audit {

class Exporter {
public:
    // Takes the sums of this moment; the log up to it is read later. `identity` is the server's.
    [[nodiscard]] static tl::expected<Exporter, store::StoreError> begin(accounting::AccountingServer& server,
                                                                         const Identity& identity);
    // The next bytes; none when everything was given.
    [[nodiscard]] tl::expected<Bytes, store::StoreError> next();

private:
    Exporter(accounting::AccountingServer& server, FileWriter writer)
        : m_server(&server), m_writer(std::move(writer)) {}
    void addSums();
    void addBills();
    void addDisputes(const accounting::AuditFacts& facts, const Identity& identity);
    void addRest(const accounting::AuditFacts& facts, const Identity& identity);

    accounting::AccountingServer* m_server;
    FileWriter m_writer;
    int64_t m_at = 0;      // read up to here
    int64_t m_newest = 0;  // of that moment
    int64_t m_newestBatch = 0;
    bool m_batches = false;  // now those with shared signatures
    std::set<accounting::ConfirmationId> m_waiting;
    bool m_done = false;
};

}  // namespace netpas::audit
