// Errors of the lab: a code for programs and a sentence for people (where, what, remedy).
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include <tl/expected.hpp>

namespace netpas::lab {

enum class LabErrc : uint8_t {
    Usage,       // the caller asked for something that does not exist or makes no sense
    Topology,    // the topology file is wrong; the text names file, line and remedy
    System,      // the kernel refused
    Command,     // a helper program (ip, tc, ...) failed
    Process,     // a program of the lab died or did not get ready
    Timeout,     // something did not happen in time
    State,       // the state folder is damaged or belongs to somebody else
    Evidence,    // a measurement cannot be trusted (for example a capture lost packets)
    Interrupted  // the user stopped it
};

struct LabError {
    LabErrc code;
    std::string text;
};

template <typename T>
using Expected = tl::expected<T, LabError>;

inline tl::unexpected<LabError> fail(LabErrc code, std::string text) {
    return tl::unexpected<LabError>(LabError{code, std::move(text)});
}

}  // namespace netpas::lab

// Evaluates an Expected, returns its error to the caller, otherwise goes on.
#define LAB_TRY(expression)                                                       \
    do {                                                                          \
        if (auto labTryResult = (expression); !labTryResult) {                    \
            return tl::unexpected<::netpas::lab::LabError>(labTryResult.error()); \
        }                                                                         \
    } while (false)
