#include "tun/observe/kernel_counts.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

#include "core/bytes.h"
#include "tun/capture/netlink_attributes.h"

namespace netpas::tun {

namespace {

// {name, {bytes, packets}}, as long as it is a counter.
void readCounter(const nlattr* expression, FlowCount& count) {
    bool counter = false;
    forEachAttribute(expression, [&](uint16_t type, const nlattr* attribute) {
        const auto bytes = attributeBytes(attribute);
        if (type == NFTA_EXPR_NAME) {
            constexpr std::string_view name("counter", 8);  // with its zero
            counter = std::equal(bytes.begin(), bytes.end(), name.begin(), name.end());
        }
        if (type != NFTA_EXPR_DATA || !counter) return;
        forEachAttribute(attribute, [&](uint16_t field, const nlattr* value) {
            if (mnl_attr_get_payload_len(value) != sizeof(uint64_t)) return;
            const uint64_t number = load64(attributeBytes(value).data());
            if (field == NFTA_COUNTER_BYTES) count.bytes = number;
            if (field == NFTA_COUNTER_PACKETS) count.packets = number;
        });
    });
}

// Two addresses of one family behind each other.
bool readKey(const nlattr* key, FlowCount& count) {
    bool known = false;
    forEachAttribute(key, [&](uint16_t type, const nlattr* attribute) {
        const auto bytes = attributeBytes(attribute);
        if (type != NFTA_DATA_VALUE) return;
        const auto source = IpAddress::fromBytes(bytes.first(bytes.size() / 2));
        const auto destination = IpAddress::fromBytes(bytes.subspan(bytes.size() / 2));
        if (!source || !destination) return;
        count.source = *source;
        count.destination = *destination;
        known = true;
    });
    return known;
}

int onElements(const nlmsghdr* header, void* data) {
    auto& counts = *static_cast<std::vector<FlowCount>*>(data);
    forEachAttribute(header, sizeof(nfgenmsg), [&](uint16_t type, const nlattr* list) {
        if (type != NFTA_SET_ELEM_LIST_ELEMENTS) return;
        forEachAttribute(list, [&](uint16_t, const nlattr* element) {
            FlowCount count;
            bool known = false;
            forEachAttribute(element, [&](uint16_t field, const nlattr* attribute) {
                if (field == NFTA_SET_ELEM_KEY) known = readKey(attribute, count);
                if (field == NFTA_SET_ELEM_EXPR) readCounter(attribute, count);
            });
            if (known && counts.size() < maxObservedFlows) counts.push_back(count);
        });
    });
    return MNL_CB_OK;
}

}  // namespace

void KernelCounts::Close::operator()(mnl_socket* socket) const { mnl_socket_close(socket); }

bool KernelCounts::open() {
    m_socket.reset(mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC));
    m_answer.resize(1 << 16);
    return m_socket && mnl_socket_bind(m_socket.get(), 0, MNL_SOCKET_AUTOPID) == 0;
}

tl::expected<std::vector<FlowCount>, int> KernelCounts::read(const std::string& table, const std::string& set) {
    constexpr int tries = 4;  // a set that changes under the reader is read again
    for (int i = 1;; ++i) {
        auto counts = dump(table, set);
        if (counts || counts.error() != EINTR || i == tries) return counts;
    }
}

tl::expected<std::vector<FlowCount>, int> KernelCounts::dump(const std::string& table, const std::string& set) {
    alignas(nlmsghdr) std::array<uint8_t, 512> buffer{};
    nlmsghdr* const header = mnl_nlmsg_put_header(buffer.data());
    header->nlmsg_type = (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETSETELEM;
    header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    header->nlmsg_seq = ++m_sequence;
    auto* const body = static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(header, sizeof(nfgenmsg)));
    body->nfgen_family = NFPROTO_INET;
    body->version = NFNETLINK_V0;
    if (!mnl_attr_put_strz_check(header, buffer.size(), NFTA_SET_ELEM_LIST_TABLE, table.c_str()) ||
        !mnl_attr_put_strz_check(header, buffer.size(), NFTA_SET_ELEM_LIST_SET, set.c_str()))
        return tl::unexpected(ENAMETOOLONG);
    if (mnl_socket_sendto(m_socket.get(), header, header->nlmsg_len) < 0) return tl::unexpected(errno);
    std::vector<FlowCount> counts;
    // Answers to an earlier question that was given up have another number.
    for (int state = MNL_CB_OK; state != MNL_CB_STOP;) {
        const ssize_t size = mnl_socket_recvfrom(m_socket.get(), m_answer.data(), m_answer.size());
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) return tl::unexpected(errno);
        state = mnl_cb_run(m_answer.data(), static_cast<size_t>(size), m_sequence,
                           mnl_socket_get_portid(m_socket.get()), onElements, &counts);
        if (state < 0 && errno == EPROTO) continue;
        if (state < 0) return tl::unexpected(errno);
    }
    return counts;
}

}  // namespace netpas::tun
