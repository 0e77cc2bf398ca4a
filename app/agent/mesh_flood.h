// How many datagrams of neighbours are looked at (core/agreement/AGREEMENTS.md, Floods): so many a second of each link-layer address, and of all together.
// One thread.
#pragma once

#include "core/clock.h"
#include "core/link_address.h"
#include "core/pace.h"

namespace netpas::agent {

class MeshFlood {
public:
    struct Rate {
        uint32_t each, all;  // a second
    };
    explicit MeshFlood(Rate rate) : m_each(rate.each, rate.each), m_all(rate.all, rate.all) {}

    // False: it is dropped unread. Who sends too much uses up nobody else's turn.
    [[nodiscard]] bool mayPass(const LinkAddress& from, SteadyTime now) {
        return m_each.mayNow(linkText(from), now) && m_all.mayNow({}, now);
    }

private:
    Pace m_each, m_all;
};

}  // namespace netpas::agent
