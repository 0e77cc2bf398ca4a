// Time as an event loop gives it. A callback never runs inside a call of this.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>

namespace netpas::app {

class Timers {
public:
    using Id = uint64_t;  // 0 is never used
    virtual ~Timers() = default;
    virtual Id after(std::chrono::milliseconds delay, std::function<void()> fire) = 0;
    virtual void cancel(Id id) = 0;  // of one that fired: nothing
};

}  // namespace netpas::app
