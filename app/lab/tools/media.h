// A film made by ffmpeg and a web server that offers it: both real programs of the system.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "app/lab/error.h"
#include "core/flow.h"

namespace netpas::lab {

class Lab;

struct FilmSpec {
    std::chrono::seconds length{100};
    uint32_t kilobitsPerSecond =
        2400;  // of picture and sound; constant, so that a second of film is a fixed number of bytes
};

struct Film {
    std::string folder;
    std::string file;  // inside folder
    uint64_t bytes = 0;
};

// A moving test picture with a tone. Small, so that decoding costs little; padded to its rate, so that the network has
// work to do. The index stands in front: the player needs one connection.
Expected<Film> makeFilm(const std::string& folder, const FilmSpec& spec);

// nginx in a host's namespace, with a configuration of its own; answers when this returns. Its name among the lab's programs
// is returned.
Expected<std::string> startWebServer(Lab& lab, const std::string& host, const Film& film, uint16_t port);

// What the kernel of a process's namespace lists as its established TCP connections with this local port
// (/proc/PID/net/tcp and tcp6); IPv4 in IPv6 notation is given as IPv4.
std::vector<FlowKey> tcpConnections(int pid, uint16_t localPort);

}  // namespace netpas::lab
