// netpas-lab tool overlay-relay: an OverlayRelay as a program, steered through a Unix socket.
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/write.hpp>
#include <charconv>
#include <filesystem>
#include <iostream>
#include <istream>
#include <map>
#include <sstream>

#include <nlohmann/json.hpp>

#include "app/lab/tools/overlay_relay.h"
#include "app/lab/tools/tools.h"

namespace netpas::lab {

namespace asio = boost::asio;
using asio::local::stream_protocol;
using boost::system::error_code;

tl::expected<RelayWeather, std::string> parseWeather(std::string_view text, RelayWeather start) {
    std::istringstream words{std::string(text)};
    for (std::string word; words >> word;) {
        const size_t equals = word.find('=');
        const std::string key = word.substr(0, equals);
        double value = 0;
        const char* begin = equals == std::string::npos ? nullptr : word.data() + equals + 1;
        const char* end = word.data() + word.size();
        const auto parsed = begin == nullptr ? std::from_chars_result{} : std::from_chars(begin, end, value);
        if (begin == nullptr || begin == end || parsed.ec != std::errc{} || parsed.ptr != end)
            return tl::unexpected("'" + word + "' is not KEY=NUMBER");
        const bool share = key == "drop" || key == "duplicate" || key == "reorder";
        if (!(value >= 0 && value <= (share ? 1 : 3'600'000)))
            return tl::unexpected("'" + word + "': " + (share ? "a share from 0 to 1" : "out of range"));
        const std::chrono::milliseconds milliseconds(static_cast<int64_t>(value));
        if (key == "drop") {
            start.drop = value;
        } else if (key == "duplicate") {
            start.duplicate = value;
        } else if (key == "reorder") {
            start.reorder = value;
        } else if (key == "delay_ms") {
            start.delay = milliseconds;
        } else if (key == "jitter_ms") {
            start.jitter = milliseconds;
        } else if (key == "break") {
            start.breakOnDrop = value != 0;
        } else {
            return tl::unexpected("'" + key + "' is none of drop, duplicate, reorder, delay_ms, jitter_ms, break");
        }
    }
    return start;
}

namespace {

Json countJson(const OverlayRelay::Count& count) {
    return Json{{"seen", count.seen},           {"passed", count.passed},
                {"dropped", count.dropped},     {"duplicated", count.duplicated},
                {"reordered", count.reordered}, {"changed", count.changed},
                {"injected", count.injected},   {"undecodable", count.undecodable}};
}

Json statistics(const OverlayRelay& relay) {
    return Json{{"connections", relay.connections()},
                {"forth", countJson(relay.count(OverlayRelay::Direction::Forth))},
                {"back", countJson(relay.count(OverlayRelay::Direction::Back))}};
}

// One line in, one line of JSON out: "weather drop=0.1 …", "partition none|silent|refused", "break", "statistics".
class Control {
public:
    Control(asio::io_context& io, OverlayRelay& relay, RelayWeather weather)
        : m_io(io), m_relay(relay), m_weather(weather), m_acceptor(io) {}

    bool listen(const std::string& path) {
        std::error_code absent;
        std::filesystem::remove(path, absent);
        error_code error;
        m_acceptor.open(stream_protocol(), error);
        if (!error) m_acceptor.bind(stream_protocol::endpoint(path), error);
        if (!error) m_acceptor.listen(8, error);
        if (error) return false;
        accept();
        return true;
    }

private:
    struct Session {
        explicit Session(stream_protocol::socket connected) : socket(std::move(connected)) {}
        stream_protocol::socket socket;
        asio::streambuf input{4096};
        std::string answer;
    };

    void accept() {
        m_acceptor.async_accept([this](const error_code& error, stream_protocol::socket socket) {
            if (error) return;
            read(std::make_shared<Session>(std::move(socket)));
            accept();
        });
    }
    void read(const std::shared_ptr<Session>& session) {
        asio::async_read_until(session->socket, session->input, '\n', [this, session](const error_code& error, size_t) {
            if (error) return;
            std::istream stream(&session->input);
            std::string line;
            std::getline(stream, line);
            session->answer = obey(line).dump() + "\n";
            asio::async_write(session->socket, asio::buffer(session->answer),
                              [this, session](const error_code& failed, size_t) {
                                  if (!failed) read(session);
                              });
        });
    }
    Json obey(const std::string& line) {
        const size_t space = line.find(' ');
        const std::string verb = line.substr(0, space);
        const std::string rest = space == std::string::npos ? "" : line.substr(space + 1);
        static const std::map<std::string, Partition> partitions{
            {"none", Partition::None}, {"silent", Partition::Silent}, {"refused", Partition::Refused}};
        if (verb == "weather") {
            const auto weather = parseWeather(rest, m_weather);
            if (!weather) return Json{{"error", weather.error()}};
            m_relay.setWeather(m_weather = *weather);
        } else if (const auto found = partitions.find(rest); verb == "partition" && found != partitions.end()) {
            m_relay.setPartition(found->second);
        } else if (verb == "break") {
            m_relay.breakConnections();
        } else if (verb != "statistics") {
            return Json{{"error", "weather KEY=NUMBER…, partition none|silent|refused, break or statistics"}};
        }
        return statistics(m_relay);
    }

    asio::io_context& m_io;
    OverlayRelay& m_relay;
    RelayWeather m_weather;
    stream_protocol::acceptor m_acceptor;
};

// ADDRESS:PORT or [ADDRESS]:PORT
std::optional<Endpoint> endpointOf(const std::string& text) {
    const size_t colon = text.rfind(':');
    if (colon == std::string::npos) return std::nullopt;
    std::string host = text.substr(0, colon);
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
    const auto address = IpAddress::parse(host);
    uint16_t port = 0;
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data() + colon + 1, end, port);
    if (!address || parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
    return Endpoint{*address, port};
}

int complain(const std::string& what) {
    std::cerr << "netpas-lab: overlay-relay: " << what << std::endl;
    return 2;
}

}  // namespace

// listen=A:P identity=FILE to=A:P to-key=HEX as=FILE from=HEX [weather="…"] [seed=N] [control=SOCKET]: whoever has the key `from` (any
// when left out) finds a server with the key of `identity` there, and gets through to the real one as `as`.
int overlayRelayTool(const ToolArguments& arguments) {
    const auto listen = endpointOf(arguments.text("listen"));
    const auto to = endpointOf(arguments.text("to"));
    const auto toKey = PublicKey::parse(arguments.text("to-key"));
    if (!listen || !to || !toKey) return complain("listen=ADDRESS:PORT to=ADDRESS:PORT to-key=HEX are needed");
    const auto face = Identity::load(arguments.text("identity"));
    const auto mask = Identity::load(arguments.text("as"));
    if (!face || !mask) return complain("identity=FILE and as=FILE must name files of keys");
    const auto from = PublicKey::parse(arguments.text("from"));
    if (!from && !arguments.text("from").empty()) return complain("from=HEX is no public key");
    const auto weather = parseWeather(arguments.text("weather"));
    if (!weather) return complain("weather: " + weather.error());

    asio::io_context io;
    RelayOptions options{*listen, &*face, {*to, *toKey}, {}, *weather, arguments.number("seed", 1)};
    options.mask = [&](const PublicKey& dialer) { return !from || dialer == *from ? &*mask : nullptr; };
    OverlayRelay relay(io, options);
    if (const auto port = relay.start(); !port) {
        return complain("cannot listen on " + listen->toString() + ": " + std::string(describe(port.error())));
    }
    Control control(io, relay, *weather);
    const std::string socket = arguments.text("control");
    if (!socket.empty() && !control.listen(socket)) return complain("cannot listen on " + socket);
    sayReady();
    while (!toolShouldEnd()) io.run_for(std::chrono::milliseconds(100));
    printResult(statistics(relay));
    return 0;
}

}  // namespace netpas::lab
