#include "tun/forwarding/linux_forwarding.h"

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <limits>
#include <map>
#include <utility>

#include "core/random.h"
#include "tun/capture/nft_elements.h"
#include "tun/capture/nft_rules.h"
#include "tun/capture/nftables.h"
#include "tun/forwarding/forwarding_rules.h"

namespace netpas::tun {

namespace {

bool mayAdministerNetwork() {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3]{};
    if (syscall(SYS_capget, &header, data) != 0) return false;
    return (data[0].effective & (1U << CAP_NET_ADMIN)) != 0;
}

PacketCount plus(PacketCount a, PacketCount b) { return {a.packets + b.packets, a.bytes + b.bytes}; }

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
        const std::string commands = nftChangeForwarding(m_options, m_state, state);
        if (!commands.empty() && !m_nftables.run(commands))
            return fail(ForwardingError::SystemRefused, m_nftables.complaint());
        m_state = state;
        return {};
    }

    tl::expected<std::vector<NeighbourMeter>, ForwardingError> read() override {
        std::map<std::string, NftCounts> counts;
        // One by one: libnftables 1.0.6 finds only the first of several sets.
        for (const char* meter : {"arrived", "taken", "sent4", "sent6"}) {
            const auto listing = m_nftables.ask(nftListMeter(m_options, meter));
            auto read = listing ? nftCountsFrom(*listing) : std::nullopt;
            if (!read) {
                m_diagnosis = listing ? "the counters cannot be read" : m_nftables.complaint();
                return tl::unexpected(ForwardingError::SystemRefused);
            }
            counts[meter] = std::move(*read);
        }
        const auto find = [&](const char* meter, const std::string& interface, const std::string& address) {
            const NftCounts& of = counts[meter];
            const auto at = of.find({interface, address});
            return at == of.end() ? PacketCount{} : PacketCount{at->second.packets, at->second.bytes};
        };
        std::vector<NeighbourMeter> meters;
        meters.reserve(m_state.neighbours.size());
        for (const ForwardingNeighbour& one : m_state.neighbours) {
            const std::string link = linkText(one.link);
            NeighbourMeter meter{find("arrived", one.interface, link), find("taken", one.interface, link), {}};
            for (const IpAddress& hop : one.nextHops)
                meter.sent = plus(meter.sent, find(hop.isV6() ? "sent6" : "sent4", one.interface, hop.toString()));
            meters.push_back(meter);
        }
        return meters;
    }

    uint64_t run() const override { return m_run; }
    std::string diagnosis() const override { return m_diagnosis; }

private:
    tl::unexpected<ForwardingError> fail(ForwardingError error, std::string diagnosis) {
        m_diagnosis = std::move(diagnosis);
        return tl::unexpected(error);
    }

    const LinuxForwardingOptions m_options;
    const uint64_t m_run = systemRandom().below(std::numeric_limits<uint64_t>::max());
    Nftables m_nftables;  // the table goes with it
    ForwardingState m_state;
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
