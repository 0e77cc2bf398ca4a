// Empirical Bayes: which fields matter to this user, how steady the answers are and how fast they wander.
#pragma once

#include <span>

#include "secretary/learning/posterior.h"

namespace netpas::secretary::learning {

// How far worth wanders, over the whole grid, then jitter and slips, a step each. A user who begins to wander looks like a
// noisy one at first, so all of the grid is compared from the same start.
void tuneNoise(std::span<Posterior> posteriors);

// One greedy pass over all hyperparameters, each a step up or down, by evidence and prior. The posteriors share the
// hyperparameters and are left refined under the better ones.
void tune(std::span<Posterior> posteriors);

}  // namespace netpas::secretary::learning
