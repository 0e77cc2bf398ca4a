// Walking the attributes of a netlink message. libmnl's own macros are C only. Internal.
#pragma once

#include <libmnl/libmnl.h>

#include <cstddef>
#include <span>

namespace netpas::tun {

[[nodiscard]] inline std::span<const uint8_t> attributeBytes(const nlattr* attribute) {
    return {static_cast<const uint8_t*>(mnl_attr_get_payload(attribute)), mnl_attr_get_payload_len(attribute)};
}

// Calls `each(type, attribute)`; stops at what does not fit.
template <typename Each>
void forEachAttribute(std::span<const uint8_t> bytes, const Each& each) {
    while (bytes.size() >= sizeof(nlattr)) {
        const auto* attribute = reinterpret_cast<const nlattr*>(bytes.data());
        if (mnl_attr_ok(attribute, static_cast<int>(bytes.size())) == 0) return;
        each(mnl_attr_get_type(attribute), attribute);
        const size_t whole = (size_t{attribute->nla_len} + 3) & ~size_t{3};
        if (whole > bytes.size()) return;
        bytes = bytes.subspan(whole);
    }
}
template <typename Each>
void forEachAttribute(const nlattr* nest, const Each& each) {
    forEachAttribute(attributeBytes(nest), each);
}
// Of a whole message behind its fixed part.
template <typename Each>
void forEachAttribute(const nlmsghdr* message, size_t fixed, const Each& each) {
    const size_t skipped = (fixed + 3) & ~size_t{3};
    const size_t size = mnl_nlmsg_get_payload_len(message);
    if (size < skipped) return;
    forEachAttribute(std::span(static_cast<const uint8_t*>(mnl_nlmsg_get_payload(message)), size).subspan(skipped),
                     each);
}

}  // namespace netpas::tun
