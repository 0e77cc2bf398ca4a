#include "secretary/prompts/cool_downs.h"

#include <sodium.h>

#include <algorithm>
#include <array>

#include "core/crypto/hex.h"

namespace netpas::secretary::prompts {

namespace {

constexpr std::string_view kind = "cool-down";

}  // namespace

std::string subjectDigest(const SpendRequest& request) {
    Writer writer;
    writer.u32(request.uid);
    writer.u8(static_cast<uint8_t>(request.unit));
    for (const std::string* text :
         {&request.node, &request.app, &request.purpose, &request.payee, &request.group, &request.domain}) {
        writer.u64(text->size());
        writer.bytes({reinterpret_cast<const uint8_t*>(text->data()), text->size()});
    }
    std::array<uint8_t, 16> digest{};
    ::crypto_generichash(digest.data(), digest.size(), writer.data().data(), writer.data().size(), nullptr, 0);
    return toHex(digest);
}

tl::expected<void, store::StoreError> CoolDowns::load() {
    const auto stored = m_documents.all(kind);
    if (!stored) return tl::unexpected(stored.error());
    for (const store::Document& document : *stored) {
        Reader reader(document.body);
        const uint32_t row = reader.u32();
        const SystemTime until(std::chrono::microseconds(static_cast<int64_t>(reader.u64())));
        // A damaged one costs one question too many.
        if (reader.finished()) m_rests[document.id] = {row, until};
    }
    return {};
}

bool CoolDowns::active(const SpendRequest& request, SystemTime now) const {
    const auto found = m_rests.find(subjectDigest(request));
    // After the clock was set back by more than the longest one, it is no cool-down any more.
    return found != m_rests.end() && now < found->second.until && found->second.until - now <= repeated;
}

tl::expected<void, store::StoreError> CoolDowns::notNow(const SpendRequest& request, SystemTime now) {
    const std::string id = subjectDigest(request);
    std::vector<store::DocumentChange> changes;
    if (!m_rests.contains(id) && m_rests.size() >= capacity) {
        const auto oldest = std::min_element(m_rests.begin(), m_rests.end(), [](const auto& a, const auto& b) {
            return a.second.until < b.second.until;
        });
        changes.push_back({{std::string(kind), oldest->first, {}}, true});
        m_rests.erase(oldest);
    }
    Rest& rest = m_rests[id];
    // After a week of silence the row begins anew.
    rest.row = rest.row >= repeatedAfter ? 1 : rest.row + 1;
    rest.until = now + (rest.row >= repeatedAfter ? std::chrono::minutes(repeated) : first);
    Writer writer;
    writer.u32(rest.row);
    writer.u64(static_cast<uint64_t>(rest.until.time_since_epoch().count()));
    changes.push_back({{std::string(kind), id, writer.take()}, false});
    return m_documents.apply(changes);
}

tl::expected<void, store::StoreError> CoolDowns::decided(const SpendRequest& request) {
    const std::string id = subjectDigest(request);
    if (m_rests.erase(id) == 0) return {};
    return m_documents.erase(std::string(kind), id);
}

}  // namespace netpas::secretary::prompts
