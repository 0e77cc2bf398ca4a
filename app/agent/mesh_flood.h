// How many datagrams of neighbours are looked at (core/agreement/AGREEMENTS.md, Floods): so many a second of each link-layer address of an interface, and of
// all together. Strangers have turns of their own: they make no neighbour unheard. One thread.
#pragma once

#include <string>

#include "core/clock.h"
#include "core/link_address.h"
#include "core/pace.h"

namespace netpas::agent {

class MeshFlood {
public:
    struct Rate {
        uint32_t each, all;  // a second
    };
    MeshFlood(Rate neighbours, Rate strangers) : m_neighbours(neighbours), m_strangers(strangers) {}

    // False: it is dropped unread. Who sends too much uses up nobody else's turn.
    [[nodiscard]] bool mayPass(const std::string& interface, const LinkAddress& from, bool isNeighbour,
                               SteadyTime now) {
        return (isNeighbour ? m_neighbours : m_strangers).mayPass(interface + ' ' + linkText(from), now);
    }

private:
    struct Turns {
        explicit Turns(Rate rate) : each(rate.each, rate.each), all(rate.all, rate.all) {}
        // Whom there is no time for is not remembered: addresses cost a sender nothing.
        [[nodiscard]] bool mayPass(const std::string& who, SteadyTime now) {
            return all.couldNow({}, now) && each.mayNow(who, now) && all.mayNow({}, now);
        }
        Pace each, all;
    };
    Turns m_neighbours, m_strangers;
};

}  // namespace netpas::agent
