#include "core/accounting/statement_text.h"

#include "core/accounting/wire_parts.h"

namespace netpas::accounting {

namespace {

constexpr std::string_view purpose = "NetPaS usage statement 1";

}  // namespace

Bytes usageStatementMessage(const UsageStatement& statement, const NodeId& customer) {
    Writer w;
    writePurpose(w, purpose);
    w.bytes(customer.bytes());
    w.u32(statement.key.value());
    w.u64(statement.packets);
    w.u64(statement.bytes);
    writeMoney(w, statement.amount);
    writeBool(w, statement.final);
    writeTime(w, statement.time);
    return w.take();
}

std::optional<KeptStatement> readUsageStatement(ByteView message) {
    Reader r(message);
    if (readText(r, purpose.size()) != purpose) return std::nullopt;
    std::array<uint8_t, NodeId::size> node{};
    r.array(node);
    KeptStatement kept{NodeId(node), {}};
    kept.statement.key = SessionKeyId(r.u32());
    kept.statement.packets = r.u64();
    kept.statement.bytes = r.u64();
    kept.statement.amount = readMoney(r);
    kept.statement.final = readBool(r);
    kept.statement.time = readTime(r);
    if (!r.finished()) return std::nullopt;
    return kept;
}

}  // namespace netpas::accounting
