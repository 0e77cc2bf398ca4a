// A table that many machines keep together: whoever knows a topic finds what was put there lately. It may lose, delay, repeat and invent.
#pragma once

#include <functional>
#include <set>

#include "cartographer/share/community.h"

namespace netpas::share {

class Transport {
public:
    virtual ~Transport() = default;
    // Exactly these are followed from now on; what is there already comes too.
    virtual void follow(const std::set<Topic>& topics) = 0;
    // Put there for some minutes.
    virtual void publish(const Topic& topic, const Bytes& value) = 0;
    // Called on the owner's thread, never inside follow() or publish().
    std::function<void(const Topic& topic, ByteView value)> onValue;
};

}  // namespace netpas::share
