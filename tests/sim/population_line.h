// One line of a population: a request of a simulated user, and the truth to judge decisions by.
#pragma once

#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "secretary/learning/request.h"

namespace netpas::sim {

struct PopulationLine {
    std::string user;
    secretary::learning::Request request;
    Money willing;  // negative: not even for nothing
    secretary::learning::Answer answer = secretary::learning::Answer::Refuse;
};

// What is wrong with a line, and what should stand there; names no line number.
using LineError = std::string;
[[nodiscard]] tl::expected<PopulationLine, LineError> parsePopulationLine(std::string_view text);

}  // namespace netpas::sim
