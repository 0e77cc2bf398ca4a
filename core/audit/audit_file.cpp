#include "core/audit/audit_file.h"

#include <algorithm>

#include "core/accounting/wire_parts.h"

namespace netpas::audit {

namespace {

constexpr std::array<uint8_t, 8> magic{'N', 'P', 'A', 'U', 'D', 'I', 'T', 1};
constexpr uint8_t sealType = 255;
constexpr std::string_view sealPurpose = "NetPaS audit seal 1";
constexpr size_t frameSize = 5;

Hash linkOf(const Hash& before, ByteView record) {
    Writer w;
    w.bytes(before);
    w.bytes(record);
    return blake2b256(w.data());
}

Bytes sealMessage(uint64_t count, const Hash& chain) {
    Writer w;
    accounting::writePurpose(w, sealPurpose);
    w.u64(count);
    w.bytes(chain);
    return w.take();
}

}  // namespace

std::string_view describe(FileError error) {
    switch (error) {
    case FileError::NotAnAudit: return "this is no audit file";
    case FileError::Truncated: return "the file ends before its seal: records may be missing";
    case FileError::Malformed: return "a record is malformed, or of a newer version";
    case FileError::WrongOrder: return "the file does not begin with its head";
    case FileError::BadChain: return "records were added, changed or left out after the file was sealed";
    case FileError::BadSeal: return "the seal is not signed with the exporter's key";
    case FileError::TrailingData: return "there is something after the seal";
    }
    return "unknown";
}

FileWriter::FileWriter(const Head& head, const Identity& identity)
    : m_identity(identity), m_chain(blake2b256(magic)), m_bytes(magic.begin(), magic.end()) {
    add(head);
}

void FileWriter::append(uint8_t type, ByteView body) {
    Writer w;
    w.u32(static_cast<uint32_t>(body.size()));
    w.u8(type);
    w.bytes(body);
    m_chain = linkOf(m_chain, w.data());
    m_bytes.insert(m_bytes.end(), w.data().begin(), w.data().end());
    ++m_count;
}

void FileWriter::add(const Record& record) {
    const Encoded encoded = encode(record);
    append(encoded.type, encoded.body);
}

Bytes FileWriter::take() { return std::exchange(m_bytes, {}); }

void FileWriter::finish() {
    Writer w;
    w.u64(m_count);
    w.bytes(m_chain);
    w.bytes(m_identity.sign(sealMessage(m_count, m_chain)).bytes);
    append(sealType, w.data());
}

Bytes writeFile(const Head& head, const std::vector<Record>& records, const Identity& identity) {
    FileWriter writer(head, identity);
    for (const Record& record : records) writer.add(record);
    writer.finish();
    return writer.take();
}

tl::expected<void, FileError> readFile(ByteView bytes, const std::function<void(Record&&)>& each) {
    if (bytes.size() < magic.size() || !std::equal(magic.begin(), magic.end(), bytes.begin()))
        return tl::unexpected(FileError::NotAnAudit);
    bytes = bytes.subspan(magic.size());
    Hash chain = blake2b256(magic);
    PublicKey exporter;
    for (uint64_t count = 0;; ++count) {
        if (bytes.size() < frameSize) return tl::unexpected(FileError::Truncated);
        const size_t length = load32(bytes.data());
        const uint8_t type = bytes[4];
        if (length > maxRecord) return tl::unexpected(FileError::Malformed);
        if (bytes.size() - frameSize < length) return tl::unexpected(FileError::Truncated);
        const ByteView body = bytes.subspan(frameSize, length);
        if (type == sealType) {
            Reader r(body);
            const uint64_t sealed = r.u64();
            Hash last{};
            r.array(last);
            Signature signature;
            r.array(signature.bytes);
            if (!r.finished()) return tl::unexpected(FileError::Malformed);
            if (count == 0) return tl::unexpected(FileError::WrongOrder);
            if (sealed != count || last != chain) return tl::unexpected(FileError::BadChain);
            if (!netpas::verify(exporter, sealMessage(sealed, last), signature))
                return tl::unexpected(FileError::BadSeal);
            if (bytes.size() != frameSize + length) return tl::unexpected(FileError::TrailingData);
            return {};
        }
        auto record = decode(type, body);
        if (!record) return tl::unexpected(FileError::Malformed);
        const Head* head = std::get_if<Head>(&*record);
        if ((head != nullptr) != (count == 0)) return tl::unexpected(FileError::WrongOrder);
        if (head != nullptr) exporter = head->key;
        chain = linkOf(chain, bytes.first(frameSize + length));
        each(std::move(*record));
        bytes = bytes.subspan(frameSize + length);
    }
}

}  // namespace netpas::audit
