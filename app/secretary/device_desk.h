// Devices behind the agent, between the book that lists them and the agent that meets them: answers who asks to be paired, tells the
// agent who is, decides what a device's requests may, and ends what a device bought when it may no longer. Control thread.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "app/common/log.h"
#include "app/secretary/router.h"
#include "core/channel/messages.h"
#include "core/clock.h"
#include "secretary/devices/device_book.h"

namespace netpas::secretaryd {

class DeviceDesk {
public:
    struct Ports {
        const Clock& clock;
        app::LogSink log;
        std::function<void(const channel::Devices&)> tellAgent;
        std::function<void(const std::string& node)> endPurchases;
    };
    DeviceDesk(secretary::devices::DeviceBook book, Ports ports) : m_book(std::move(book)), m_ports(std::move(ports)) {}

    // Now, and whenever something has changed.
    void tellAgent() const;
    [[nodiscard]] channel::DeviceAnswer asked(const channel::DeviceAsks& asks);
    // Of a request that an agent says is a device's: the caller becomes what the book says of it. The refusal when nobody is paired
    // under this name.
    [[nodiscard]] std::optional<net::HttpResponse> admit(Caller& caller) const;

    [[nodiscard]] tl::expected<secretary::devices::Device, secretary::devices::DeviceError> confirm(
        std::string_view code);
    [[nodiscard]] tl::expected<secretary::devices::Device, secretary::devices::DeviceError> allow(
        const std::string& name, Capabilities may, bool roams = false);
    [[nodiscard]] tl::expected<secretary::devices::Device, secretary::devices::DeviceError> remove(
        const std::string& name);
    [[nodiscard]] std::vector<secretary::devices::Device> devices() const { return m_book.devices(); }
    [[nodiscard]] std::vector<secretary::devices::PairingRequest> requests() {
        return m_book.requests(m_ports.clock.steady());
    }
    // The owner lets that device have itself paid for away from home.
    [[nodiscard]] bool roams(const std::string& name) const {
        const auto* const device = m_book.byName(name);
        return device != nullptr && device->roams;
    }
    [[nodiscard]] SteadyTime now() const { return m_ports.clock.steady(); }

private:
    secretary::devices::DeviceBook m_book;
    Ports m_ports;
};

// As it is answered, with its remedy.
[[nodiscard]] channel::DeviceRefused refusedWith(secretary::devices::DeviceError error);

}  // namespace netpas::secretaryd
