// What passes this node, from whom to whom, and when (README here). Control thread.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "core/link_address.h"
#include "core/net_address.h"
#include "tun/observe/sightings.h"

namespace netpas::tun {

inline constexpr size_t maxObservedFlows = 1024;  // of each family
inline constexpr size_t maxObservedInterfaces = 64;

// Since the flow began, or was last forgotten: then it is less than before.
struct FlowCount {
    IpAddress source, destination;
    uint64_t packets = 0;
    uint64_t bytes = 0;  // of IP packets with their headers
};

// The neighbour that a flow's last packet came from.
struct FlowOrigin {
    std::string interface;
    LinkAddress link{};
};

enum class ObserveError {
    BadName,       // of an interface, or of the table
    TooMany,       // interfaces
    AlreadyInUse,  // another agent observes
    NotPermitted,
    SystemRefused,
};
[[nodiscard]] std::string_view describe(ObserveError error);

class Observer {
public:
    virtual ~Observer() = default;
    // What passes there counts from now on; interfaces that stay lose nothing.
    [[nodiscard]] virtual tl::expected<void, ObserveError> watch(const std::set<std::string>& mesh) = 0;
    [[nodiscard]] virtual tl::expected<std::vector<FlowCount>, ObserveError> counts(bool v6) = 0;
    // Readable when collect() has something to do. It takes so many packets that the caller should wait some 20 ms before the next call.
    [[nodiscard]] virtual int descriptor() const = 0;
    virtual void collect() = 0;
    [[nodiscard]] virtual const Sightings& sightings() const = 0;
    // By flowNumber(). Nothing: none of its packets was seen to arrive.
    [[nodiscard]] virtual std::optional<FlowOrigin> origin(uint64_t flow) const = 0;
    // The system's words on the last failure, for the log.
    [[nodiscard]] virtual std::string diagnosis() const = 0;
};

}  // namespace netpas::tun
