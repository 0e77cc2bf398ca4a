#include "app/secretary/unproven_customers.h"

#include <algorithm>

#include "core/bytes.h"

namespace netpas::secretaryd {

namespace books = secretary::agreements;

namespace {

constexpr const char* kind = "mesh-unproven";

bool hasPaid(const PublicKey& buyer, const books::Engine& engine) {
    const auto at = engine.pairs().find(buyer);
    return at != engine.pairs().end() && at->second.theirs.paid > Money::zero();
}

Bytes encode(const PublicKey& buyer, SystemTime since) {
    Writer writer;
    writer.u8(1);
    writer.bytes(buyer.bytes);
    writer.u64(
        static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(since.time_since_epoch()).count()));
    return writer.take();
}

std::optional<std::pair<PublicKey, SystemTime>> decode(ByteView bytes) {
    Reader reader(bytes);
    if (reader.u8() != 1) return std::nullopt;
    PublicKey buyer;
    reader.array(buyer.bytes);
    const uint64_t seconds = reader.u64();
    constexpr uint64_t latest = 1ULL << 33;  // beyond that clocks of nanoseconds end
    if (!reader.finished() || seconds >= latest) return std::nullopt;
    return std::pair(buyer, SystemTime(std::chrono::seconds(seconds)));
}

}  // namespace

tl::expected<void, store::StoreError> UnprovenCustomers::load(const books::Engine& engine) {
    const auto all = m_documents.all(kind);
    if (!all) return tl::unexpected(all.error());
    for (const store::Document& document : *all) {
        const auto one = decode(document.body);
        if (!one || one->first.hex() != document.id) return tl::unexpected(store::StoreError::Damaged);
        m_since.insert(*one);
    }
    // Agreed just before a crash.
    for (const auto& [id, one] : engine.agreements()) {
        if (!one.buying && one.state == books::State::Active && !m_since.contains(one.peer())) began(one, engine);
    }
    tidy(engine);
    return {};
}

void UnprovenCustomers::began(const books::Agreement& one, const books::Engine& engine) {
    // What costs nothing is owed by nobody.
    if (one.terms.perKb == Money::zero() || hasPaid(one.peer(), engine)) return;
    m_since.insert_or_assign(one.peer(), one.since);
    (void)m_documents.put({kind, one.peer().hex(), encode(one.peer(), one.since)});
}

bool UnprovenCustomers::counts(const PublicKey& buyer, SystemTime since, const books::Engine& engine) const {
    const auto at = engine.pairs().find(buyer);
    if (at == engine.pairs().end() || hasPaid(buyer, engine)) return false;
    const auto& going = engine.with(buyer);
    const bool served =
        std::any_of(going.begin(), going.end(), [&](const auto& id) { return !engine.agreements().at(id).buying; });
    if (served) return true;
    // A buyer that counts what it gets may count nothing.
    const books::Pair& pair = at->second;
    const bool used = due(pair.theirs, pair.mine) > Money::zero() || pair.out.sent > pair.out.agreed;
    return used && m_clock.now() - since < rememberedFor;
}

void UnprovenCustomers::tidy(const books::Engine& engine) {
    std::erase_if(m_since, [&](const auto& one) {
        return !counts(one.first, one.second, engine) && m_documents.erase(kind, one.first.hex()).has_value();
    });
}

bool UnprovenCustomers::mayCome(const PublicKey& buyer, const books::Engine& engine) const {
    if (hasPaid(buyer, engine)) return true;
    const auto others = std::count_if(m_since.begin(), m_since.end(), [&](const auto& one) {
        return one.first != buyer && counts(one.first, one.second, engine);
    });
    return static_cast<size_t>(others) < most;
}

}  // namespace netpas::secretaryd
