#include "core/ndt7/measurement.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <nlohmann/json.hpp>

namespace netpas::ndt7 {

using nlohmann::json;

namespace {

// Of the same order in both directions.
struct Field {
    const char* name;
    uint64_t TcpInfo::*value;
};
constexpr Field tcpFields[] = {{"ElapsedTime", &TcpInfo::elapsed},
                               {"BytesAcked", &TcpInfo::bytesAcked},
                               {"BytesReceived", &TcpInfo::bytesReceived},
                               {"BytesSent", &TcpInfo::bytesSent},
                               {"BytesRetrans", &TcpInfo::bytesRetransmitted},
                               {"MinRTT", &TcpInfo::minRtt},
                               {"RTT", &TcpInfo::rtt},
                               {"RTTVar", &TcpInfo::rttVariation},
                               {"BusyTime", &TcpInfo::busyTime},
                               {"RWndLimited", &TcpInfo::receiveWindowLimited},
                               {"SndBufLimited", &TcpInfo::sendBufferLimited}};

uint64_t numberAt(const json& object, const char* name) {
    const auto found = object.find(name);
    return found != object.end() && found->is_number_unsigned() ? found->get<uint64_t>() : 0;
}

std::string textAt(const json& object, const char* name) {
    const auto found = object.find(name);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

std::string_view name(Direction direction) { return direction == Direction::Download ? "download" : "upload"; }

std::optional<TcpInfo> tcpInfoOf(int socket, std::chrono::microseconds elapsed) {
    tcp_info info{};
    socklen_t size = sizeof info;
    if (::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return std::nullopt;
    TcpInfo out;
    out.elapsed = static_cast<uint64_t>(elapsed.count());
    out.bytesAcked = info.tcpi_bytes_acked;
    out.bytesReceived = info.tcpi_bytes_received;
    out.bytesSent = info.tcpi_bytes_sent;
    out.bytesRetransmitted = info.tcpi_bytes_retrans;
    out.minRtt = info.tcpi_min_rtt;
    out.rtt = info.tcpi_rtt;
    out.rttVariation = info.tcpi_rttvar;
    out.busyTime = info.tcpi_busy_time;
    out.receiveWindowLimited = info.tcpi_rwnd_limited;
    out.sendBufferLimited = info.tcpi_sndbuf_limited;
    return out;
}

std::string toJson(const Measurement& measurement) {
    json out = {{"Origin", measurement.origin},
                {"Test", name(measurement.test)},
                {"AppInfo", {{"ElapsedTime", measurement.elapsed.count()}, {"NumBytes", measurement.bytes}}}};
    if (measurement.tcp) {
        json& tcp = out["TCPInfo"];
        for (const Field& field : tcpFields) tcp[field.name] = (*measurement.tcp).*field.value;
    }
    if (!measurement.client.empty())
        out["ConnectionInfo"] = {{"Client", measurement.client}, {"Server", measurement.server}};
    return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::optional<Measurement> fromJson(std::string_view text) {
    const json in = json::parse(text, nullptr, false);
    if (!in.is_object()) return std::nullopt;
    Measurement out;
    out.origin = textAt(in, "Origin");
    out.test = textAt(in, "Test") == "upload" ? Direction::Upload : Direction::Download;
    const auto part = [&](const char* name) -> const json* {
        const auto found = in.find(name);
        return found != in.end() && found->is_object() ? &*found : nullptr;
    };
    if (const json* app = part("AppInfo")) {
        constexpr uint64_t longest = 3'600'000'000;  // microseconds; nobody measures for longer
        out.elapsed = std::chrono::microseconds(std::min(numberAt(*app, "ElapsedTime"), longest));
        out.bytes = numberAt(*app, "NumBytes");
    }
    if (const json* tcp = part("TCPInfo")) {
        out.tcp.emplace();
        for (const Field& field : tcpFields) (*out.tcp).*field.value = numberAt(*tcp, field.name);
    }
    if (const json* connection = part("ConnectionInfo")) {
        out.client = textAt(*connection, "Client");
        out.server = textAt(*connection, "Server");
    }
    return out;
}

}  // namespace netpas::ndt7
