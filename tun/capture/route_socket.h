// The few questions and orders of rtnetlink that the capture needs.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "core/net_address.h"
#include "tun/capture/capture.h"

struct mnl_socket;

namespace netpas::tun {

enum class IpFamily : uint8_t { V4, V6 };

// A policy rule: packets with this mark use that table.
struct PolicyRule {
    IpFamily family = IpFamily::V4;
    uint32_t priority = 0;
    uint32_t mark = 0;
    uint32_t mask = 0;
    uint32_t table = 0;

    friend bool operator==(const PolicyRule&, const PolicyRule&) = default;
};

// Who has an address on one of this machine's links.
struct Neighbour {
    LinkAddress address{};
    unsigned interface = 0;
};

// Requests with the sequence number 0, ready to be sent; a guard process sends them without allocating memory.
[[nodiscard]] std::vector<uint8_t> addRuleRequest(const PolicyRule& rule);
[[nodiscard]] std::vector<uint8_t> deleteRuleRequest(const PolicyRule& rule);

// Errors are errno values.
class RouteSocket {
public:
    // In the calling thread's network namespace.
    [[nodiscard]] static tl::expected<RouteSocket, int> open();

    // The index of an interface, if there is one of that name.
    [[nodiscard]] static std::optional<unsigned> interfaceIndex(const std::string& name);

    // Sets the interface up: what comes in through it passes every reverse path filter, and the kernel sends nothing of its own out of it.
    [[nodiscard]] tl::expected<void, int> prepareDevice(unsigned index);
    [[nodiscard]] tl::expected<void, int> replaceDefaultRoute(IpFamily family, unsigned index, uint32_t table);
    // Everything of its family over this neighbour.
    [[nodiscard]] tl::expected<void, int> replaceGateway(const IpAddress& via, unsigned index, uint32_t table);
    [[nodiscard]] tl::expected<void, int> deleteDefaultRoute(IpFamily family, uint32_t table);
    // In the main table; a route of its own for each device.
    [[nodiscard]] tl::expected<void, int> replaceHostRoute(const IpAddress& host, unsigned index);
    // The link-layer address of a neighbour, if the kernel knows a valid one. Nothing when two links disagree.
    [[nodiscard]] tl::expected<std::optional<Neighbour>, int> neighbour(const IpAddress& address);
    [[nodiscard]] tl::expected<void, int> addRule(const PolicyRule& rule);
    // All rules like this; returns how many there were.
    [[nodiscard]] tl::expected<unsigned, int> deleteRules(const PolicyRule& rule);

    [[nodiscard]] int descriptor() const;

private:
    struct Close {
        void operator()(mnl_socket* socket) const;
    };
    explicit RouteSocket(mnl_socket* socket) : m_socket(socket) {}
    [[nodiscard]] tl::expected<void, int> configureDevice(unsigned index);
    [[nodiscard]] tl::expected<void, int> addDummyAddress(unsigned index);
    [[nodiscard]] tl::expected<void, int> transact(void* request);

    std::unique_ptr<mnl_socket, Close> m_socket;
    uint32_t m_sequence = 0;
};

}  // namespace netpas::tun
