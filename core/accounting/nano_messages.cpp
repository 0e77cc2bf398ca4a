#include "core/accounting/nano_messages.h"

#include <algorithm>

#include "core/accounting/messages.h"
#include "core/accounting/wire_parts.h"

namespace netpas::accounting {

namespace {

void writeRoot(Writer& w, const BatchRoot& root) {
    w.u16(root.signer.value());
    w.u16(root.count);
    w.bytes(root.signature.bytes);
    w.u16(static_cast<uint16_t>(root.beside.size()));
    for (const merkle::Hash& hash : root.beside) w.bytes(hash);
}

BatchRoot readRoot(Reader& r) {
    BatchRoot root;
    root.signer = IspId(r.u16());
    root.count = r.u16();
    if (root.count == 0 || root.count > merkle::maxLeaves) r.fail();
    r.array(root.signature.bytes);
    const size_t beside = readCount(r, maxBatchEntries * merkle::maxPath);
    if (beside * sizeof(merkle::Hash) > r.remaining()) r.fail();
    if (!r.ok()) return root;
    root.beside.resize(beside);
    for (merkle::Hash& hash : root.beside) r.array(hash);
    return root;
}

// Which root, and which of its leaves; the signature is copied from there.
void readPlace(Reader& r, const std::vector<BatchRoot>& roots, uint8_t& root, uint16_t& leaf, Signature& signature) {
    root = r.u8();
    leaf = r.u16();
    if (root >= roots.size() || leaf >= roots[root].count) return r.fail();
    signature = roots[root].signature;
}

constexpr uint8_t batchType = 81;  // in messages.cpp

}  // namespace

Bytes batchMessage(uint64_t sequence, ByteView body) {
    Writer w;
    w.u8(batchType);
    w.u64(sequence);
    w.bytes(body);
    return w.take();
}

void write(Writer& w, const BatchAbility& m) {
    const size_t count = std::min(m.isps.size(), maxBatchIsps);
    w.u16(static_cast<uint16_t>(count));
    for (size_t i = 0; i < count; ++i) {
        w.u16(m.isps[i].isp.value());
        w.u8(m.isps[i].distance);
    }
}

BatchAbility readBatchAbility(Reader& r) {
    BatchAbility m;
    const size_t count = readCount(r, maxBatchIsps);
    for (size_t i = 0; i < count && r.ok(); ++i) {
        const IspId isp{r.u16()};
        const uint8_t distance = r.u8();
        if (distance > maxBatchDistance) r.fail();
        m.isps.push_back({isp, distance});
    }
    return m;
}

void writeBatchBody(Writer& w, const ConfirmationBatch& m) {
    writeBool(w, m.countersign);
    w.u8(static_cast<uint8_t>(m.roots.size()));
    for (const BatchRoot& root : m.roots) writeRoot(w, root);
    w.u16(static_cast<uint16_t>(m.entries.size()));
    for (const BatchEntry& entry : m.entries) {
        encodeFacts(w, entry.confirmation);
        w.u8(entry.confirmingRoot);
        w.u16(entry.confirmingLeaf);
        if (m.countersign) continue;
        w.u8(entry.beneficiaryRoot);
        w.u16(entry.beneficiaryLeaf);
    }
}

ConfirmationBatch readBatchBody(Reader& r) {
    ConfirmationBatch m;
    m.countersign = readBool(r);
    const size_t roots = r.u8();
    if (roots > maxBatchRoots) r.fail();
    for (size_t i = 0; i < roots && r.ok(); ++i) m.roots.push_back(readRoot(r));
    const size_t count = readCount(r, maxBatchEntries);
    if (count == 0) r.fail();
    if (r.ok()) m.entries.reserve(std::min(count, r.remaining() / 80 + 1));
    for (size_t i = 0; i < count && r.ok(); ++i) {
        BatchEntry& entry = m.entries.emplace_back();
        Confirmation& confirmation = entry.confirmation;
        decodeFacts(r, confirmation);
        readPlace(r, m.roots, entry.confirmingRoot, entry.confirmingLeaf, confirmation.confirmingSignature);
        if (m.countersign) continue;
        readPlace(r, m.roots, entry.beneficiaryRoot, entry.beneficiaryLeaf, confirmation.beneficiarySignature);
    }
    return m;
}

void write(Writer& w, const ConfirmationBatch& m) {
    w.u64(m.sequence);
    writeBatchBody(w, m);
}

ConfirmationBatch readConfirmationBatch(Reader& r) {
    const uint64_t sequence = r.u64();
    ConfirmationBatch m = readBatchBody(r);
    m.sequence = sequence;
    return m;
}

void write(Writer& w, const BatchAck& m) {
    w.u64(m.sequence);
    const size_t count = std::min(m.entries.size(), maxBatchEntries);
    w.u16(static_cast<uint16_t>(count));
    for (size_t i = 0; i < count; ++i) {
        w.u16(m.entries[i].index);
        w.u8(static_cast<uint8_t>(m.entries[i].result));
    }
}

BatchAck readBatchAck(Reader& r) {
    BatchAck m;
    m.sequence = r.u64();
    const size_t count = readCount(r, maxBatchEntries);
    for (size_t i = 0; i < count && r.ok(); ++i) {
        const uint16_t index = r.u16();
        const uint8_t result = r.u8();
        if (result > static_cast<uint8_t>(AckResult::Conflict)) r.fail();
        if (!m.entries.empty() && index <= m.entries.back().index) r.fail();
        m.entries.push_back({index, static_cast<AckResult>(result)});
    }
    return m;
}

}  // namespace netpas::accounting
