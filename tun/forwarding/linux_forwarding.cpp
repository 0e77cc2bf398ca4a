#include "tun/forwarding/linux_forwarding.h"

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "core/random.h"
#include "tun/capture/nft_elements.h"
#include "tun/capture/nft_rules.h"
#include "tun/capture/nftables.h"
#include "tun/forwarding/forwarding_meters.h"
#include "tun/forwarding/forwarding_rules.h"

namespace netpas::tun {

namespace {

bool mayAdministerNetwork() {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3]{};
    if (syscall(SYS_capget, &header, data) != 0) return false;
    return (data[0].effective & (1U << CAP_NET_ADMIN)) != 0;
}

// Somebody goes, or has other next hops than before.
bool losesCounters(const ForwardingState& before, const ForwardingState& after) {
    std::map<std::pair<std::string_view, LinkAddress>, const ForwardingNeighbour*> there;
    for (const ForwardingNeighbour& one : after.neighbours) there[{one.interface, one.link}] = &one;
    return std::any_of(before.neighbours.begin(), before.neighbours.end(), [&](const ForwardingNeighbour& one) {
        const auto at = there.find({one.interface, one.link});
        return at == there.end() || at->second->nextHops != one.nextHops;
    });
}

class LinuxForwarding final : public Forwarding {
public:
    explicit LinuxForwarding(LinuxForwardingOptions options) : m_options(std::move(options)) {}

    tl::expected<void, ForwardingError> begin() {
        if (!m_nftables.open()) return fail(ForwardingError::SystemRefused, "libnftables does not start");
        if (m_nftables.run(nftCreateForwardingTable(m_options))) return {};
        const std::string complaint = m_nftables.complaint();
        const bool exists = m_nftables.ask("list table inet " + m_options.table).has_value();
        return fail(exists ? ForwardingError::AlreadyInUse : ForwardingError::SystemRefused, complaint);
    }

    tl::expected<void, ForwardingError> set(const ForwardingState& state) override {
        if (auto valid = validate(state); !valid) return valid;
        if (m_before) {
            if (const auto done = collect(); !done) return done;
        }
        const std::string commands = nftChangeForwarding(m_options, m_state, state);
        if (!commands.empty() && !m_nftables.run(commands))
            return fail(ForwardingError::SystemRefused, m_nftables.complaint());
        if (losesCounters(m_state, state)) m_before = std::move(m_state);
        m_state = state;
        // Else with the next look at the counters: who has which right does not wait for them.
        if (m_before) (void)collect();
        return {};
    }

    tl::expected<std::vector<NeighbourMeter>, ForwardingError> read() override {
        if (const auto done = collect(); !done) return tl::unexpected(done.error());
        std::vector<NeighbourMeter> meters;
        meters.reserve(m_state.neighbours.size());
        for (const ForwardingNeighbour& one : m_state.neighbours) meters.push_back(m_meters.of(one));
        return meters;
    }

    uint64_t run() const override { return m_run; }
    std::string diagnosis() const override { return m_diagnosis; }

private:
    // What was counted goes to those who had the counters until now; what nobody has any more is deleted after that, so nothing is lost.
    tl::expected<void, ForwardingError> collect() {
        ForwardingMeters::Counts counts;
        // One by one: libnftables 1.0.6 finds only the first of several sets.
        for (const char* set : {"arrived", "taken", "sent4", "sent6"}) {
            const auto listing = m_nftables.ask(nftListMeter(m_options, set));
            const auto read = listing ? nftCountsFrom(*listing) : std::nullopt;
            if (!read)
                return fail(ForwardingError::SystemRefused,
                            listing ? "the counters cannot be read" : m_nftables.complaint());
            for (const auto& [where, count] : *read)
                counts.insert({{set, where.first, where.second}, {count.packets, count.bytes}});
        }
        if (m_before) m_meters.read(*m_before, counts);
        m_meters.read(m_state, counts);
        if (!m_before) return {};
        const std::string commands = nftDropCounters(m_options, *m_before, m_state);
        if (!commands.empty() && !m_nftables.run(commands))
            return fail(ForwardingError::SystemRefused, m_nftables.complaint());
        m_meters.keepOnly(m_state);
        m_before.reset();
        return {};
    }

    tl::unexpected<ForwardingError> fail(ForwardingError error, std::string diagnosis) {
        m_diagnosis = std::move(diagnosis);
        return tl::unexpected(error);
    }

    const LinuxForwardingOptions m_options;
    const uint64_t m_run = systemRandom().below(std::numeric_limits<uint64_t>::max());
    Nftables m_nftables;  // the table goes with it
    ForwardingState m_state;
    std::optional<ForwardingState> m_before;  // its counters are still there, and have not been read since
    ForwardingMeters m_meters;
    std::string m_diagnosis;
};

}  // namespace

tl::expected<std::unique_ptr<Forwarding>, ForwardingFailure> openLinuxForwarding(
    const LinuxForwardingOptions& options) {
    if (!isNftName(options.table))
        return tl::unexpected(ForwardingFailure{ForwardingError::SystemRefused, "not a table name: " + options.table});
    if (!mayAdministerNetwork()) return tl::unexpected(ForwardingFailure{ForwardingError::NotPermitted, {}});
    auto forwarding = std::make_unique<LinuxForwarding>(options);
    if (auto begun = forwarding->begin(); !begun)
        return tl::unexpected(ForwardingFailure{begun.error(), forwarding->diagnosis()});
    return forwarding;
}

}  // namespace netpas::tun
