#include "app/lab/scenario/scenario.h"

namespace netpas::lab {

const std::vector<Scenario>& scenarios() {
    static const std::vector<Scenario> all{
        storyScenario(),
    };
    return all;
}

}  // namespace netpas::lab
