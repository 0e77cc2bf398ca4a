// A process of another user that asks the local API for what it must not get: every line of a file is one request, {"method", "path", "headers"?
// [[name, value]], "body"?, "version"?}. Reports what it was told. It has its own few lines of HTTP, for requests that no client of ours
// would send.
#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "app/lab/tools/other_user.h"

namespace netpas::lab {
namespace {

constexpr size_t mostRead = 1 << 20;

int connectTo(const ToolArguments& arguments) {
    const std::string path = arguments.text("socket");
    const int fd = ::socket(path.empty() ? AF_INET : AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const timeval patience{3, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    int connected = -1;
    if (path.empty()) {
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(static_cast<uint16_t>(arguments.number("port", 0)));
        ::inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
        connected = ::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to);
    } else {
        sockaddr_un to{};
        to.sun_family = AF_UNIX;
        path.copy(to.sun_path, sizeof to.sun_path - 1);
        connected = ::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to);
    }
    if (connected == 0) return fd;
    const int why = errno;
    ::close(fd);
    errno = why;
    return -1;
}

std::string textOf(const Json& request) {
    const std::string body = request.value("body", "");
    std::string text = request.value("method", "GET") + " " + request.value("path", "/") + " " +
                       request.value("version", "HTTP/1.1") + "\r\n";
    for (const Json& header : request.value("headers", Json::array())) {
        text += header[0].get<std::string>() + ": " + header[1].get<std::string>() + "\r\n";
    }
    if (!body.empty()) text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    return text + "Connection: close\r\n\r\n" + body;
}

Json ask(const ToolArguments& arguments, const Json& request) {
    const int fd = connectTo(arguments);
    if (fd < 0) return {{"status", 0}, {"code", errno == EACCES ? "EACCES" : std::strerror(errno)}, {"text", ""}};
    const std::string text = textOf(request);
    (void)::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    std::string answer;
    std::array<char, 65536> piece{};
    for (ssize_t count = 0; answer.size() < mostRead && (count = ::recv(fd, piece.data(), piece.size(), 0)) > 0;) {
        answer.append(piece.data(), static_cast<size_t>(count));
    }
    ::close(fd);
    Json told{{"status", 0}, {"code", "closed"}, {"text", answer}};
    // A request in HTTP/1.0 is answered in it.
    if (answer.size() > 12 && answer.starts_with("HTTP/1.")) told["status"] = std::atoi(answer.c_str() + 9);
    const size_t at = answer.find("\r\n\r\n");
    const Json body = at == std::string::npos ? Json() : Json::parse(answer.substr(at + 4), nullptr, false);
    told["code"] = body.is_object() && body.contains("code") && body["code"].is_string() ? body["code"] : Json("");
    return told;
}

}  // namespace

int apiIntruderTool(const ToolArguments& arguments) {
    std::ifstream in(arguments.text("file"));
    if (!in || !becomeOtherUser(arguments)) return 1;
    sayReady();
    Json answers = Json::array();
    for (std::string line; std::getline(in, line) && !toolShouldEnd();) {
        const Json request = Json::parse(line, nullptr, false);
        if (!request.is_object()) return 1;
        answers.push_back(ask(arguments, request));
    }
    printResult({{"answers", std::move(answers)}});
    return 0;
}

}  // namespace netpas::lab
