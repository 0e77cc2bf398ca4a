#include "app/isp/edge_command.h"

#include <spdlog/spdlog.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <cstdio>
#include <fstream>
#include <functional>

#include "app/isp/edge_config.h"
#include "app/isp/edge_service.h"
#include "app/isp/server_program.h"
#include "app/isp/visitor_gate.h"
#include "tun/device/linux_tun.h"
#include "tun/udp/linux_udp_socket.h"

namespace netpas::isp {

namespace {

bool writeSetting(const std::string& path, const char* value) {
    std::ofstream out(path);
    out << value;
    out.flush();
    return out.good();
}

std::string readSetting(const std::string& path) {
    std::ifstream in(path);
    std::string value;
    in >> value;
    return value;
}

// Delivered packets come out of the TUN with senders from anywhere: no reverse-path check may drop them there. Only this
// interface's own setting is touched; where the machine's overrules it, the operator is told.
void prepareDelivery(const std::string& interface) {
    const std::string conf = "/proc/sys/net/ipv4/conf/";
    if (readSetting(conf + interface + "/rp_filter") != "0" && !writeSetting(conf + interface + "/rp_filter", "0")) {
        spdlog::warn("cannot set net.ipv4.conf.{}.rp_filter=0", interface);
    }
    if (readSetting(conf + "all/rp_filter") == "1") {
        spdlog::warn(
            "strict reverse-path filtering would drop delivered packets: sysctl -w net.ipv4.conf.all.rp_filter=2");
    }
    if (readSetting("/proc/sys/net/ipv4/ip_forward") != "1") {
        spdlog::warn("the kernel does not forward IPv4, so nothing is delivered: sysctl -w net.ipv4.ip_forward=1");
    }
}

int fail(const std::string& text, int code) {
    std::fprintf(stderr, "netpas-isp edge: %s\n", text.c_str());
    return code;
}

// SIGHUP. A file that is no good changes nothing.
void readAgain(const std::string& file, EdgeService& service) {
    const auto settings = readEdgeConfig(file);
    if (!settings) {
        for (const ConfigProblem& problem : settings.error()) spdlog::error("{}", problem.toString());
        return spdlog::error("the prices from before stay");
    }
    service.reprice(*settings);
    spdlog::info("the classes of {} were read again; all else changes with a restart only", file);
}

int serve(const EdgeSettings& settings, const std::string& file) {
    if (!initCrypto()) return fail("libsodium does not start", 1);
    const auto identity = Identity::load(settings.identity);
    if (!identity) {
        return fail(settings.identity.string() + ": " + std::string(describe(identity.error())) +
                        "; make one with netpas-isp keygen " + settings.identity.string(),
                    1);
    }
    tun::LinuxTunOptions options;
    options.name = "npedge%d";
    auto device = tun::openLinuxTun(options);
    if (!device) return fail("cannot make a TUN device: " + std::string(tun::describe(device.error())), 1);
    prepareDelivery((*device)->name());
    if (settings.visitors) {
        if (const auto shut = shutGate(*settings.visitors, (*device)->name()); !shut)
            return fail("visitors cannot be kept out: " + shut.error(), 1);
    }
    tun::LinuxUdpFactory udp;
    boost::asio::io_context io;
    boost::asio::signal_set signals(io, SIGINT, SIGTERM);
    auto service = EdgeService::start(settings, {io, udp, **device, systemClock(), *identity});
    if (!service) return fail(service.error(), 1);
    boost::asio::signal_set hangups(io, SIGHUP);
    std::function<void()> awaitHangup = [&] {
        hangups.async_wait([&](const boost::system::error_code& error, int) {
            if (error) return;
            readAgain(file, **service);
            awaitHangup();
        });
    };
    awaitHangup();
    signals.async_wait([&](const boost::system::error_code& error, int) {
        if (!error) (*service)->stop([&io] { io.stop(); });
    });
    io.run();
    return 0;
}

}  // namespace

int runEdge(const std::vector<std::string>& arguments) {
    const ServerProgram program{
        "edge", "An edge router: checks, counts and forwards packets that pay for their service", "the router's"};
    return runServer(program, arguments, readEdgeConfig, serve);
}

}  // namespace netpas::isp
