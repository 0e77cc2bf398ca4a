// An entry as it is stored, in network byte order:
//   version (1) | id 64 | state 8 | why 8 | requests 32 | revision 32 | since 64 | deadline 64 |
//   app, purpose, payee, contact, group, domain, user, node, quality (each: length 16, bytes) |
//   isps: count 8, each 16 | uid 32 | process 32 | unit 8 | attended 8 | price 64 | worst case 64 | quote expires 64 |
//   facts: count 8, each length 16, bytes | tiers: count 8, each name (length 16, bytes) and price 64
#include <algorithm>
#include <utility>

#include "secretary/prompts/prompt.h"

namespace netpas::secretary::prompts {

namespace {

constexpr uint8_t entryVersion = 1;
constexpr size_t mostIsps = 16;

// Of a request, in the order in which they are stored.
template <typename Request>
auto textsOf(Request& request) {
    return std::array{&request.app,    &request.purpose, &request.payee, &request.contact, &request.group,
                      &request.domain, &request.user,    &request.node,  &request.quality};
}

void cut(std::string& text) {
    if (text.size() <= longestText) return;
    size_t end = longestText;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80) --end;
    text.resize(end);
}

void put(Writer& writer, const std::string& text) {
    writer.blob16({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
}
void put(Writer& writer, SystemTime time) { writer.u64(static_cast<uint64_t>(time.time_since_epoch().count())); }
void put(Writer& writer, Money amount) { writer.u64(static_cast<uint64_t>(amount.eighths())); }

std::string textFrom(Reader& reader) {
    const ByteView bytes = reader.blob16(longestText);
    return {bytes.begin(), bytes.end()};
}
SystemTime timeFrom(Reader& reader) {
    return SystemTime(std::chrono::microseconds(static_cast<int64_t>(reader.u64())));
}
Money moneyFrom(Reader& reader) { return Money::fromEighths(static_cast<int64_t>(reader.u64())); }

void putRequest(Writer& writer, const SpendRequest& request) {
    for (const std::string* text : textsOf(request)) put(writer, *text);
    writer.u8(static_cast<uint8_t>(request.isps.size()));
    for (const IspId isp : request.isps) writer.u16(isp.value());
    writer.u32(request.uid);
    writer.u32(request.process);
    writer.u8(static_cast<uint8_t>(request.unit));
    writer.u8(request.attended ? 1 : 0);
    put(writer, request.price);
    put(writer, request.worstCase);
    put(writer, request.quoteExpires);
    writer.u8(static_cast<uint8_t>(request.facts.size()));
    for (const std::string& fact : request.facts) put(writer, fact);
    writer.u8(static_cast<uint8_t>(request.tiers.size()));
    for (const QualityTier& tier : request.tiers) {
        put(writer, tier.name);
        put(writer, tier.price);
    }
}

uint8_t countFrom(Reader& reader, size_t most) {
    const uint8_t count = reader.u8();
    if (count > most) reader.fail();
    return reader.ok() ? count : uint8_t{0};
}

SpendRequest requestFrom(Reader& reader) {
    SpendRequest request;
    for (std::string* text : textsOf(request)) *text = textFrom(reader);
    for (uint8_t left = countFrom(reader, mostIsps); left > 0; --left) request.isps.emplace_back(reader.u16());
    request.uid = reader.u32();
    request.process = reader.u32();
    const uint8_t unit = reader.u8();
    const uint8_t attended = reader.u8();
    if (unit > static_cast<uint8_t>(PriceUnit::Item) || attended > 1) reader.fail();
    request.unit = static_cast<PriceUnit>(unit);
    request.attended = attended == 1;
    request.price = moneyFrom(reader);
    request.worstCase = moneyFrom(reader);
    request.quoteExpires = timeFrom(reader);
    for (uint8_t left = countFrom(reader, mostFacts); left > 0; --left) request.facts.push_back(textFrom(reader));
    for (uint8_t left = countFrom(reader, mostTiers); left > 0; --left) {
        std::string tier = textFrom(reader);
        request.tiers.push_back({std::move(tier), moneyFrom(reader)});
    }
    return request;
}

template <typename Value, size_t N>
std::optional<Value> named(std::string_view text, const std::array<Value, N>& values) {
    const auto found = std::find_if(values.begin(), values.end(), [&](Value value) { return name(value) == text; });
    if (found == values.end()) return std::nullopt;
    return *found;
}

}  // namespace

SpendRequest bounded(SpendRequest request) {
    for (std::string* text : textsOf(request)) cut(*text);
    if (request.isps.size() > mostIsps) request.isps.resize(mostIsps);
    if (request.facts.size() > mostFacts) request.facts.resize(mostFacts);
    if (request.tiers.size() > mostTiers) request.tiers.resize(mostTiers);
    for (std::string& fact : request.facts) cut(fact);
    for (QualityTier& tier : request.tiers) cut(tier.name);
    return request;
}

Bytes encode(const Entry& entry) {
    Writer writer;
    writer.u8(entryVersion);
    writer.u64(entry.id.value());
    writer.u8(static_cast<uint8_t>(entry.state));
    writer.u8(static_cast<uint8_t>(entry.why));
    writer.u32(entry.requests);
    writer.u32(entry.revision);
    put(writer, entry.since);
    put(writer, entry.deadline);
    putRequest(writer, bounded(entry.request));
    return writer.take();
}

tl::expected<Entry, EntryError> decodeEntry(ByteView bytes) {
    Reader reader(bytes);
    const uint8_t version = reader.u8();
    if (reader.ok() && version != entryVersion) return tl::unexpected(EntryError::UnknownVersion);
    Entry entry;
    const auto id = EntryId::from(reader.u64());
    const uint8_t state = reader.u8();
    const uint8_t why = reader.u8();
    entry.requests = reader.u32();
    entry.revision = reader.u32();
    entry.since = timeFrom(reader);
    entry.deadline = timeFrom(reader);
    entry.request = requestFrom(reader);
    const bool known =
        (state == static_cast<uint8_t>(EntryState::Waiting) && why == static_cast<uint8_t>(Missed::No)) ||
        (state == static_cast<uint8_t>(EntryState::Missed) && why > static_cast<uint8_t>(Missed::No) &&
         why <= static_cast<uint8_t>(Missed::QueueFull));
    if (!reader.finished() || !id || !known) return tl::unexpected(EntryError::Malformed);
    entry.id = *id;
    entry.state = static_cast<EntryState>(state);
    entry.why = static_cast<Missed>(why);
    return entry;
}

std::string_view name(Mode mode) {
    switch (mode) {
    case Mode::Ask: return "ask";
    case Mode::Quiet: return "quiet";
    case Mode::Pause: return "pause";
    }
    return "unknown";
}
std::optional<Mode> modeNamed(std::string_view text) {
    return named(text, std::array{Mode::Ask, Mode::Quiet, Mode::Pause});
}

std::string_view name(Missed why) {
    switch (why) {
    case Missed::No: return "";
    case Missed::Expired: return "expired";
    case Missed::NoFrontEnd: return "no-window";
    case Missed::CoolingDown: return "not-now";
    case Missed::Restarted: return "restarted";
    case Missed::QueueFull: return "queue-full";
    }
    return "unknown";
}

std::string_view name(Verdict verdict) {
    switch (verdict) {
    case Verdict::NotNow: return "not_now";
    case Verdict::ApproveOnce: return "approve_once";
    case Verdict::ApproveRule: return "approve_rule";
    case Verdict::Refuse: return "refuse";
    }
    return "unknown";
}
std::optional<Verdict> verdictNamed(std::string_view text) {
    return named(text, std::array{Verdict::NotNow, Verdict::ApproveOnce, Verdict::ApproveRule, Verdict::Refuse});
}

std::string_view name(Lifetime lifetime) {
    switch (lifetime) {
    case Lifetime::Once: return "once";
    case Lifetime::AppExit: return "app-exit";
    case Lifetime::Hour: return "hour";
    case Lifetime::Today: return "today";
    case Lifetime::Until: return "until";
    case Lifetime::Always: return "always";
    }
    return "unknown";
}
std::optional<Lifetime> lifetimeNamed(std::string_view text) {
    return named(text, std::array{Lifetime::Once, Lifetime::AppExit, Lifetime::Hour, Lifetime::Today, Lifetime::Until,
                                  Lifetime::Always});
}

std::string_view name(Part part) {
    switch (part) {
    case Part::App: return "app";
    case Part::Purpose: return "purpose";
    case Part::Payee: return "payee";
    case Part::Contact: return "contact";
    case Part::Group: return "group";
    case Part::Domain: return "domain";
    case Part::User: return "user";
    case Part::Node: return "node";
    }
    return "unknown";
}
std::optional<Part> partNamed(std::string_view text) { return named(text, allParts); }

}  // namespace netpas::secretary::prompts
