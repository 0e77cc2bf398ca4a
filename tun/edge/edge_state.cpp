#include "tun/edge/edge_state.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "core/crypto/identity.h"

namespace netpas::tun {

namespace {

constexpr uint32_t magic = 0x4e504553;  // "NPES"
constexpr uint8_t version = 2;
constexpr uint8_t withoutPlaces = 1;  // the version before
constexpr size_t checksumSize = 32;
constexpr uint32_t entryLimit = 1U << 24;

void put(Writer& out, Money money) { out.u64(static_cast<uint64_t>(money.eighths())); }
void put(Writer& out, std::string_view text) {
    out.blob16({reinterpret_cast<const uint8_t*>(text.data()), std::min<size_t>(text.size(), 0xffff)});
}

Money money(Reader& in) {
    const Money value = Money::fromEighths(static_cast<int64_t>(in.u64()));
    if (value.isNegative()) in.fail();
    return value;
}
std::string text(Reader& in) {
    const ByteView bytes = in.blob16(256);
    return {bytes.begin(), bytes.end()};
}
// The number of entries of at least `size` bytes each; dead when there cannot be so many.
uint32_t count(Reader& in, size_t size) {
    const uint32_t entries = in.u32();
    if (entries > entryLimit || entries > in.remaining() / size) in.fail();
    return in.ok() ? entries : 0;
}

void put(Writer& out, const EdgeTotals& totals) {
    out.u32(verdictCount);
    for (const Verdict verdict : allVerdicts()) {
        put(out, verdictName(verdict));
        out.u64(totals.verdicts[static_cast<size_t>(verdict)]);
    }
    out.u32(static_cast<uint32_t>(totals.ingress.size()));
    for (const auto& [isp, counters] : totals.ingress) {
        out.u16(isp.value());
        out.u64(counters.packets);
        out.u64(counters.bytes);
        put(out, counters.upstream);
    }
    out.u32(static_cast<uint32_t>(totals.links.size()));
    for (const auto& [link, counters] : totals.links) {
        out.u16(link.first.value());
        out.u16(link.second.value());
        out.u64(counters.packets);
        out.u64(counters.bytes);
        put(out, counters.own);
        put(out, counters.downstream);
    }
    out.u64(totals.delivered.packets);
    out.u64(totals.delivered.bytes);
    put(out, totals.delivered.own);
    out.u32(static_cast<uint32_t>(totals.downstream.size()));
    for (const auto& [isps, counter] : totals.downstream) {
        out.u16(isps.first.value());
        out.u16(isps.second.value());
        out.u64(counter.packets);
        put(out, counter.amount);
    }
    out.u32(static_cast<uint32_t>(totals.keys.size()));
    for (const auto& [id, counters] : totals.keys) {
        out.u32(id.value());
        out.u64(counters.packets);
        out.u64(counters.bytes);
        put(out, counters.amount);
        out.u64(counters.nextSequence);
    }
}

EdgeTotals totals(Reader& in) {
    EdgeTotals out;
    for (uint32_t n = count(in, 10); n > 0; --n) {
        const std::string name = text(in);
        const uint64_t packets = in.u64();
        for (const Verdict verdict : allVerdicts()) {  // a verdict that no longer exists is dropped
            if (verdictName(verdict) == name) out.verdicts[static_cast<size_t>(verdict)] = packets;
        }
    }
    for (uint32_t n = count(in, 26); n > 0; --n) {
        IngressCounters& counters = out.ingress[IspId(in.u16())];
        counters.packets = in.u64();
        counters.bytes = in.u64();
        counters.upstream = money(in);
    }
    for (uint32_t n = count(in, 36); n > 0; --n) {
        const IspId isp(in.u16());
        LinkCounters& counters = out.links[{isp, ExitPoint(in.u16())}];
        counters.packets = in.u64();
        counters.bytes = in.u64();
        counters.own = money(in);
        counters.downstream = money(in);
    }
    out.delivered.packets = in.u64();
    out.delivered.bytes = in.u64();
    out.delivered.own = money(in);
    for (uint32_t n = count(in, 20); n > 0; --n) {
        const IspId neighbour(in.u16());
        PaymentCounter& counter = out.downstream[{neighbour, IspId(in.u16())}];
        counter.packets = in.u64();
        counter.amount = money(in);
    }
    for (uint32_t n = count(in, 36); n > 0; --n) {
        KeyCounters& counters = out.keys[SessionKeyId(in.u32())];
        counters.packets = in.u64();
        counters.bytes = in.u64();
        counters.amount = money(in);
        counters.nextSequence = in.u64();
    }
    return out;
}

// A file descriptor that is closed at the end of the scope.
struct File {
    explicit File(int handle) : fd(handle) {}
    ~File() {
        if (fd >= 0) close(fd);
    }
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    int fd;
};

bool writeAll(int fd, ByteView bytes) {
    while (!bytes.empty()) {
        const ssize_t written = write(fd, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return false;
        bytes = bytes.subspan(static_cast<size_t>(written));
    }
    return true;
}

}  // namespace

std::string_view describe(StateError error) {
    switch (error) {
    case StateError::CannotRead: return "the router's state cannot be read";
    case StateError::CannotWrite: return "the router's state cannot be written";
    case StateError::Damaged: return "the router's state is damaged";
    }
    return "unknown state error";
}

Bytes encodeState(const EdgeState& state) {
    Writer out;
    out.u32(magic);
    out.u8(version);
    out.u64(state.incarnation);
    out.u8(state.ended ? 1 : 0);
    out.u32(static_cast<uint32_t>(state.customerLevels.size()));
    for (const auto& [name, level] : state.customerLevels) {
        put(out, name);
        put(out, level);
    }
    out.u32(static_cast<uint32_t>(state.neighbourLevels.size()));
    for (const auto& [isp, level] : state.neighbourLevels) {
        out.u16(isp.value());
        put(out, level);
    }
    put(out, state.lifetime);
    put(out, state.tail);
    out.u32(static_cast<uint32_t>(state.nextSequences.size()));
    for (const auto& [id, sequence] : state.nextSequences) {
        out.u32(id.value());
        out.u64(sequence);
    }
    out.u32(static_cast<uint32_t>(state.places.size()));
    for (const HeldPlace& place : state.places) {
        out.u8(place.service.value());
        out.blob16(place.ends);
        out.u64(static_cast<uint64_t>(place.untilMicros));
    }
    const auto checksum = blake2b256(out.data());
    out.bytes(checksum);
    return out.take();
}

tl::expected<EdgeState, StateError> decodeState(ByteView bytes) {
    if (bytes.size() < checksumSize) return tl::unexpected(StateError::Damaged);
    const ByteView content = bytes.first(bytes.size() - checksumSize);
    const auto checksum = blake2b256(content);
    if (!std::equal(checksum.begin(), checksum.end(), bytes.end() - checksumSize))
        return tl::unexpected(StateError::Damaged);
    Reader in(content);
    if (in.u32() != magic) return tl::unexpected(StateError::Damaged);
    const uint8_t written = in.u8();
    if (written != version && written != withoutPlaces) return tl::unexpected(StateError::Damaged);
    EdgeState state;
    state.incarnation = in.u64();
    state.ended = in.u8() == 1;
    for (uint32_t n = count(in, 10); n > 0; --n) {
        std::string name = text(in);
        state.customerLevels.emplace_back(std::move(name), money(in));
    }
    for (uint32_t n = count(in, 10); n > 0; --n) {
        const IspId isp(in.u16());
        state.neighbourLevels.emplace_back(isp, money(in));
    }
    state.lifetime = totals(in);
    state.tail = totals(in);
    for (uint32_t n = count(in, 12); n > 0; --n) {
        const SessionKeyId id(in.u32());
        state.nextSequences[id] = in.u64();
    }
    for (uint32_t n = written == withoutPlaces ? 0 : count(in, 19); n > 0; --n) {
        HeldPlace place;
        place.service = ServiceClass(in.u8());
        const ByteView ends = in.blob16(32);
        place.ends.assign(ends.begin(), ends.end());
        place.untilMicros = static_cast<int64_t>(in.u64());
        state.places.push_back(std::move(place));
    }
    if (!in.finished()) return tl::unexpected(StateError::Damaged);
    return state;
}

tl::expected<std::optional<EdgeState>, StateError> readState(const std::filesystem::path& path) {
    const File file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.fd < 0) {
        if (errno == ENOENT) return std::optional<EdgeState>{};
        return tl::unexpected(StateError::CannotRead);
    }
    Bytes bytes;
    std::array<uint8_t, 65536> piece{};
    for (;;) {
        const ssize_t got = read(file.fd, piece.data(), piece.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return tl::unexpected(StateError::CannotRead);
        if (got == 0) break;
        bytes.insert(bytes.end(), piece.begin(), piece.begin() + got);
    }
    auto state = decodeState(bytes);
    if (!state) return tl::unexpected(state.error());
    return std::optional<EdgeState>(std::move(*state));
}

tl::expected<void, StateError> writeState(const std::filesystem::path& path, const EdgeState& state) {
    std::filesystem::path beside = path;
    beside += ".new";
    {
        const File file(open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
        if (file.fd < 0 || !writeAll(file.fd, encodeState(state)) || fsync(file.fd) != 0) {
            return tl::unexpected(StateError::CannotWrite);
        }
    }
    std::error_code error;
    std::filesystem::rename(beside, path, error);
    if (error) return tl::unexpected(StateError::CannotWrite);
    const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
    const File directory(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (directory.fd < 0 || fsync(directory.fd) != 0) return tl::unexpected(StateError::CannotWrite);
    return {};
}

}  // namespace netpas::tun
