#include "app/lab/tools/mpv.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <mutex>
#include <thread>

#include <nlohmann/json.hpp>

#include "app/lab/lab.h"

namespace netpas::lab {
namespace {

using Json = nlohmann::json;
using std::chrono::milliseconds;

constexpr milliseconds samplePeriod{200};
constexpr int positionRequest = 1;
constexpr int cachedRequest = 2;
constexpr int pausedForCache = 1;  // number of the observed property

int connectTo(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return -1;
    path.copy(address.sun_path, path.size());
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
    if (fd >= 0) ::close(fd);
    return -1;
}

// One thread reads; the mutex guards the report.
class Mpv final : public Player {
public:
    explicit Mpv(std::string program) : Player(std::move(program)) {}
    ~Mpv() override;
    [[nodiscard]] PlayerReport report() const override;
    bool connect(const std::string& control);
    void watch();

private:
    void send(const Json& command) const;
    void run();
    void ask();
    void take(const Json& message);
    void takePaused(bool paused);

    int m_fd = -1;
    std::atomic<bool> m_stop{false};
    std::thread m_thread;
    mutable std::mutex m_mutex;
    PlayerReport m_report;
    std::string m_unread;
    PositionSample m_sample;
};

void Mpv::send(const Json& command) const {
    const std::string line = command.dump() + "\n";
    (void)!::send(m_fd, line.data(), line.size(), MSG_NOSIGNAL);
}

void Mpv::ask() {
    send({{"command", {"get_property", "time-pos"}}, {"request_id", positionRequest}});
    send({{"command", {"get_property", "demuxer-cache-duration"}}, {"request_id", cachedRequest}});
}

void Mpv::takePaused(bool paused) {
    const PlayerTime now = std::chrono::steady_clock::now();
    if (!m_report.firstPicture) return;
    if (paused && !m_report.stalledNow()) m_report.stalls.push_back({now, std::nullopt});
    if (!paused && m_report.stalledNow()) m_report.stalls.back().end = now;
}

// Answers come in the order of the questions, so the position is of the same moment as the cache.
void Mpv::take(const Json& message) {
    const std::lock_guard lock(m_mutex);
    const std::string event = message.value("event", "");
    if (event == "property-change" && message.value("id", 0) == pausedForCache && message.contains("data") &&
        message["data"].is_boolean()) {
        takePaused(message["data"].get<bool>());
    } else if (event == "end-file") {
        m_report.ended = true;
    } else if (event.empty() && message.contains("data") && message["data"].is_number()) {
        const double value = message["data"].get<double>();
        const int request = message.value("request_id", 0);
        if (request == positionRequest) {
            m_sample = {std::chrono::steady_clock::now(), value, std::nullopt};
            if (!m_report.firstPicture && value > 0) m_report.firstPicture = m_sample.at;
        } else if (request == cachedRequest && m_report.firstPicture) {
            m_sample.cached = value;
            m_report.samples.push_back(m_sample);
        }
    }
}

void Mpv::run() {
    PlayerTime nextQuestion = std::chrono::steady_clock::now();
    while (!m_stop) {
        if (std::chrono::steady_clock::now() >= nextQuestion) {
            ask();
            nextQuestion += samplePeriod;
        }
        pollfd wait{m_fd, POLLIN, 0};
        if (::poll(&wait, 1, 20) <= 0) continue;
        char buffer[4096];
        const ssize_t got = ::recv(m_fd, buffer, sizeof buffer, 0);
        if (got <= 0) break;
        m_unread.append(buffer, static_cast<size_t>(got));
        for (size_t end = m_unread.find('\n'); end != std::string::npos; end = m_unread.find('\n')) {
            const Json message = Json::parse(m_unread.substr(0, end), nullptr, false);
            m_unread.erase(0, end + 1);
            if (message.is_object()) take(message);
        }
    }
    const std::lock_guard lock(m_mutex);
    m_report.ended = true;
}

Mpv::~Mpv() {
    m_stop = true;
    if (m_thread.joinable()) m_thread.join();
    if (m_fd >= 0) ::close(m_fd);
}

PlayerReport Mpv::report() const {
    const std::lock_guard lock(m_mutex);
    return m_report;
}

bool Mpv::connect(const std::string& control) {
    m_fd = connectTo(control);
    return m_fd >= 0;
}

void Mpv::watch() {
    send({{"command", {"observe_property", pausedForCache, "paused-for-cache"}}});
    m_thread = std::thread([this] { run(); });
}

}  // namespace

Expected<std::unique_ptr<Player>> startMpv(Lab& lab, const std::string& host, const std::string& url,
                                           const MpvOptions& options) {
    const std::string name = "mpv-" + host;
    const std::string control = lab.folder() + "/" + name + ".sock";
    std::error_code error;
    std::filesystem::remove(control, error);
    // No loudspeaker and mostly no screen, but in real time: the null outputs keep the film's pace.
    std::vector<std::string> argv{"mpv",
                                  "--no-config",
                                  "--ao=null",
                                  "--untimed=no",
                                  "--load-scripts=no",
                                  "--ytdl=no",
                                  "--input-terminal=no",
                                  "--msg-level=all=warn,netpas=info",
                                  "--input-ipc-server=" + control,
                                  "--cache=yes",
                                  "--cache-pause=yes",
                                  "--cache-secs=" + std::to_string(options.readAheadSeconds),
                                  "--cache-pause-wait=" + std::to_string(options.refillSeconds)};
    std::map<std::string, std::string> environment{{"HOME", lab.folder()}};
    environment.insert(options.environment.begin(), options.environment.end());
    if (options.display.empty()) {
        argv.emplace_back("--vo=null");
    } else {
        // Drawn by the processor: the display has no graphics card.
        argv.insert(argv.end(), {"--vo=x11", "--sws-fast=yes", "--geometry=640x360+0+0"});
        environment["DISPLAY"] = options.display;
    }
    if (!options.script.empty()) argv.push_back("--script=" + options.script);
    argv.push_back(url);
    LAB_TRY(lab.startProgram(name, host, std::move(argv), std::move(environment)));
    auto player = std::make_unique<Mpv>(name);
    bool connected = false;
    LAB_TRY(waitUntil("the player", std::chrono::seconds(15), [&] {
        connected = player->connect(control);
        return connected || !lab.program(name)->running();
    }));
    if (!connected) return fail(LabErrc::Process, "mpv ended: " + lab.program(name)->logTail());
    player->watch();
    return player;
}

}  // namespace netpas::lab
