// Counters of flows, read straight from the kernel's packet filter: a few system calls, so that they can be read several times a second. Works in the network namespace of
// the thread that opened it. One thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "tun/observe/observer.h"

struct mnl_socket;

namespace netpas::tun {

class KernelCounts {
public:
    // False: errno.
    [[nodiscard]] bool open();
    // Of a set of source and destination addresses with counters, in a table of the family inet. The error is errno.
    [[nodiscard]] tl::expected<std::vector<FlowCount>, int> read(const std::string& table, const std::string& set);

private:
    struct Close {
        void operator()(mnl_socket* socket) const;
    };
    [[nodiscard]] tl::expected<std::vector<FlowCount>, int> dump(const std::string& table, const std::string& set);

    std::unique_ptr<mnl_socket, Close> m_socket;
    std::vector<uint8_t> m_answer;
    uint32_t m_sequence = 0;
};

}  // namespace netpas::tun
