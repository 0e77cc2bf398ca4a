#include "app/agent/link_rest.h"

#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_link.h>

#include "app/agent/link_request.h"

namespace netpas::agent {

namespace {

tl::expected<void, int> setState(const std::string& interface, uint8_t state) {
    return changeLink(interface, [&](nlmsghdr* message) { mnl_attr_put_u8(message, IFLA_OPERSTATE, state); });
}

struct Seen {
    uint8_t state = IF_OPER_UNKNOWN, mode = IF_LINK_MODE_DORMANT;
};
Seen look(const std::string& interface) {
    Seen seen;
    const auto read = readLink(interface, [&](uint16_t type, const nlattr* attribute) {
        if (mnl_attr_validate(attribute, MNL_TYPE_U8) < 0) return;
        if (type == IFLA_OPERSTATE) seen.state = mnl_attr_get_u8(attribute);
        if (type == IFLA_LINKMODE) seen.mode = mnl_attr_get_u8(attribute);
    });
    return read ? seen : Seen{};
}

}  // namespace

tl::expected<void, int> restLink(const std::string& interface) { return setState(interface, IF_OPER_DORMANT); }

tl::expected<void, int> wakeLink(const std::string& interface) { return setState(interface, IF_OPER_UP); }

bool linkRests(const std::string& interface) { return look(interface).state == IF_OPER_DORMANT; }

bool wakeForgottenLink(const std::string& interface) {
    const Seen seen = look(interface);
    return seen.state == IF_OPER_DORMANT && seen.mode == IF_LINK_MODE_DEFAULT && wakeLink(interface).has_value();
}

}  // namespace netpas::agent
