#include "core/clock.h"

namespace netpas {

namespace {

class RealClock : public Clock {
public:
    SystemTime now() const override {
        return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
    }
    SteadyTime steady() const override { return std::chrono::steady_clock::now(); }
};

}  // namespace

const Clock& systemClock() {
    static const RealClock clock;
    return clock;
}

}  // namespace netpas
