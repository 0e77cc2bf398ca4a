#include "cartographer/share/community.h"

#include <algorithm>
#include <string_view>

namespace netpas::share {

namespace {

void put(Writer& out, std::string_view text) {
    out.blob16({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
}

CommunityId idOf(const Community::Secret& secret) {
    Writer out;
    put(out, "NetPaS community 1");
    out.bytes(secret);
    return blake2b256(out.data());
}

std::string placeOf(const Topic& topic) { return "shared " + std::string(topic.begin(), topic.end()); }

}  // namespace

Community::Community(const Secret& secret, std::vector<PublicKey> members)
    : m_secret(secret), m_id(idOf(secret)), m_seal(secret), m_members(std::move(members)) {
    std::sort(m_members.begin(), m_members.end());
    m_members.erase(std::unique(m_members.begin(), m_members.end()), m_members.end());
    if (m_members.size() > maxMembers) m_members.resize(maxMembers);
}

bool Community::isMember(const PublicKey& key) const {
    return std::binary_search(m_members.begin(), m_members.end(), key);
}

Topic Community::topicOf(const Segment& segment) const {
    Writer out;
    put(out, "NetPaS community topic 1");
    out.bytes(m_secret);
    out.u16(segment.from.value());
    out.u16(segment.to.value());
    out.u8(segment.v6 ? 6 : 4);
    const auto hash = blake2b256(out.data());
    Topic topic{};
    std::copy_n(hash.begin(), topic.size(), topic.begin());
    return topic;
}

Bytes Community::close(const SignedRecord& record, const Topic& topic) const {
    Writer out;
    out.blob16(encode(record));
    Bytes padded = out.take();
    padded.resize(2 + maxRecordBytes);
    return m_seal.close(padded, placeOf(topic));
}

std::optional<Bytes> Community::open(ByteView sealed, const Topic& topic) const {
    const auto padded = m_seal.open(sealed, placeOf(topic));
    if (!padded) return std::nullopt;
    Reader in(*padded);
    const ByteView record = in.blob16(maxRecordBytes);
    if (!in.ok()) return std::nullopt;
    return Bytes(record.begin(), record.end());
}

}  // namespace netpas::share
