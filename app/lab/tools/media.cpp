#include "app/lab/tools/media.h"

#include <sys/socket.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "app/lab/command.h"
#include "app/lab/lab.h"

namespace netpas::lab {
namespace fs = std::filesystem;
namespace {

// nginx without anything outside `folder`; one process, so that its connections are all found under one pid.
std::string serverConfiguration(const std::string& folder, const std::string& root, uint16_t port) {
    std::ostringstream out;
    out << "daemon off;\nmaster_process off;\n"
        << "pid " << folder << "/nginx.pid;\nerror_log stderr info;\n"
        << "events { worker_connections 64; }\n"
        << "http {\n  access_log " << folder
        << "/access.log;\n  sendfile on;\n  types { video/mp4 mp4; text/html html; }\n";
    for (const char* kind : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"})
        out << "  " << kind << "_temp_path " << folder << "/" << kind << ";\n";
    out << "  server {\n    listen " << port << ";\n    listen [::]:" << port << ";\n    root " << root
        << ";\n  }\n}\n";
    return out.str();
}

// "0100007F:1F90" or 32 hexadecimal digits and the port: 32-bit words in the machine's byte order.
std::optional<Endpoint> endpointOf(const std::string& text) {
    const size_t colon = text.find(':');
    if (colon != 8 && colon != 32) return std::nullopt;
    std::vector<uint8_t> bytes;
    for (size_t word = 0; word < colon; word += 8) {
        const auto value = static_cast<uint32_t>(std::stoul(text.substr(word, 8), nullptr, 16));
        const auto* raw = reinterpret_cast<const uint8_t*>(&value);
        bytes.insert(bytes.end(), raw, raw + 4);
    }
    static constexpr uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (bytes.size() == 16 && std::equal(std::begin(mapped), std::end(mapped), bytes.begin()))
        bytes.erase(bytes.begin(), bytes.begin() + 12);
    const auto address = IpAddress::fromBytes(bytes);
    if (!address) return std::nullopt;
    return Endpoint{*address, static_cast<uint16_t>(std::stoul(text.substr(colon + 1), nullptr, 16))};
}

}  // namespace

Expected<Film> makeFilm(const std::string& folder, const FilmSpec& spec) {
    std::error_code error;
    fs::create_directories(folder, error);
    constexpr uint32_t sound = 64;
    const std::string picture = std::to_string(spec.kilobitsPerSecond - sound) + "k";
    const std::string file = "film.mp4";
    const std::string path = folder + "/" + file;
    const auto made = requireCommand({"ffmpeg",
                                      "-nostdin",
                                      "-y",
                                      "-loglevel",
                                      "error",
                                      "-f",
                                      "lavfi",
                                      "-i",
                                      "testsrc2=size=320x180:rate=25",
                                      "-f",
                                      "lavfi",
                                      "-i",
                                      "sine=frequency=440:sample_rate=48000",
                                      "-t",
                                      std::to_string(spec.length.count()),
                                      "-c:v",
                                      "libx264",
                                      "-preset",
                                      "ultrafast",
                                      "-pix_fmt",
                                      "yuv420p",
                                      "-g",
                                      "50",
                                      "-b:v",
                                      picture,
                                      "-minrate",
                                      picture,
                                      "-maxrate",
                                      picture,
                                      "-bufsize",
                                      std::to_string(spec.kilobitsPerSecond / 2) + "k",
                                      "-x264-params",
                                      "nal-hrd=cbr:filler=1",
                                      "-c:a",
                                      "aac",
                                      "-b:a",
                                      std::to_string(sound) + "k",
                                      "-movflags",
                                      "+faststart",
                                      path});
    if (!made) return tl::unexpected(made.error());
    Film film{folder, file, fs::file_size(path, error)};
    const uint64_t expected = uint64_t{spec.kilobitsPerSecond} * 1000 / 8 * static_cast<uint64_t>(spec.length.count());
    if (error || film.bytes < expected * 9 / 10) {
        return fail(LabErrc::Evidence, "ffmpeg made a film of " + std::to_string(film.bytes) +
                                           " bytes, expected about " + std::to_string(expected));
    }
    return film;
}

Expected<std::string> startWebServer(Lab& lab, const std::string& host, const Film& film, uint16_t port) {
    const std::string name = "nginx-" + host;
    const std::string folder = lab.folder() + "/" + name;
    std::error_code error;
    fs::create_directories(folder, error);
    const std::string configuration = folder + "/nginx.conf";
    std::ofstream(configuration) << serverConfiguration(folder, film.folder, port);
    LAB_TRY(lab.startProgram(name, host, {"/usr/sbin/nginx", "-p", folder, "-c", configuration}));
    const std::string listening = folder + "/nginx.pid";
    LAB_TRY(waitUntil("the web server", std::chrono::seconds(10),
                      [&] { return fs::exists(listening) || !lab.program(name)->running(); }));
    if (!lab.program(name)->running()) return fail(LabErrc::Process, "nginx ended: " + lab.program(name)->logTail());
    return name;
}

std::vector<FlowKey> tcpConnections(int pid, uint16_t localPort) {
    constexpr unsigned tcpProtocol = 6;
    std::vector<FlowKey> found;
    for (const char* table : {"tcp", "tcp6"}) {
        std::ifstream in("/proc/" + std::to_string(pid) + "/net/" + table);
        std::string line;
        std::getline(in, line);  // column titles
        while (std::getline(in, line)) {
            std::istringstream fields(line);
            std::string number, local, remote, state;
            fields >> number >> local >> remote >> state;
            const auto from = endpointOf(local);
            const auto to = endpointOf(remote);
            if (state != "01" || !from || !to || from->port != localPort) continue;  // 01: established
            FlowKey key;
            key.src = from->address;
            key.dst = to->address;
            key.protocol = tcpProtocol;
            key.srcPort = from->port;
            key.dstPort = to->port;
            found.push_back(key);
        }
    }
    return found;
}

}  // namespace netpas::lab
