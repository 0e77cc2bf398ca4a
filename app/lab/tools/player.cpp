#include "app/lab/tools/player.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
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

milliseconds rounded(PlayerTime::duration duration) { return std::chrono::duration_cast<milliseconds>(duration); }

}  // namespace

size_t PlayerReport::stallsIn(PlayerTime from, PlayerTime to) const {
    return static_cast<size_t>(std::count_if(
        stalls.begin(), stalls.end(), [&](const Stall& stall) { return stall.begin >= from && stall.begin < to; }));
}

milliseconds PlayerReport::stalledByProperty(PlayerTime from, PlayerTime to) const {
    PlayerTime::duration sum{0};
    for (const Stall& stall : stalls) {
        const PlayerTime begin = std::max(stall.begin, from);
        const PlayerTime end = std::min(stall.end.value_or(to), to);
        if (end > begin) sum += end - begin;
    }
    return rounded(sum);
}

milliseconds PlayerReport::stalledByPosition(PlayerTime from, PlayerTime to) const {
    PlayerTime::duration sum{0};
    for (size_t i = 1; i < samples.size(); ++i) {
        const PositionSample& before = samples[i - 1];
        const PositionSample& after = samples[i];
        if (before.at < from || after.at > to) continue;
        const std::chrono::duration<double> passed = after.at - before.at;
        if (after.position - before.position < passed.count() / 10) sum += after.at - before.at;
    }
    return rounded(sum);
}

double PlayerReport::played(PlayerTime from, PlayerTime to) const {
    const PositionSample* first = nullptr;
    const PositionSample* last = nullptr;
    for (const PositionSample& sample : samples) {
        if (sample.at < from || sample.at > to) continue;
        if (first == nullptr) first = &sample;
        last = &sample;
    }
    return first != nullptr ? last->position - first->position : 0;
}

// The connection to the player. One thread reads; the mutex guards the report.
struct Player::Watch {
    int fd = -1;
    std::atomic<bool> stop{false};
    std::thread thread;
    mutable std::mutex mutex;
    PlayerReport report;
    std::string unread;
    PositionSample sample;

    void send(const Json& command) {
        const std::string line = command.dump() + "\n";
        (void)!::send(fd, line.data(), line.size(), MSG_NOSIGNAL);
    }
    void run();
    void ask();
    void take(const Json& message);
    void takePaused(bool paused);
};

void Player::Watch::ask() {
    send({{"command", {"get_property", "time-pos"}}, {"request_id", positionRequest}});
    send({{"command", {"get_property", "demuxer-cache-duration"}}, {"request_id", cachedRequest}});
}

void Player::Watch::takePaused(bool paused) {
    const PlayerTime now = std::chrono::steady_clock::now();
    if (!report.firstPicture) return;
    if (paused && !report.stalledNow()) report.stalls.push_back({now, std::nullopt});
    if (!paused && report.stalledNow()) report.stalls.back().end = now;
}

// Answers come in the order of the questions, so the position is of the same moment as the cache.
void Player::Watch::take(const Json& message) {
    const std::lock_guard lock(mutex);
    const std::string event = message.value("event", "");
    if (event == "property-change" && message.value("id", 0) == pausedForCache && message.contains("data") &&
        message["data"].is_boolean()) {
        takePaused(message["data"].get<bool>());
    } else if (event == "end-file") {
        report.ended = true;
    } else if (event.empty() && message.contains("data") && message["data"].is_number()) {
        const double value = message["data"].get<double>();
        const int request = message.value("request_id", 0);
        if (request == positionRequest) {
            sample = {std::chrono::steady_clock::now(), value, 0};
            if (!report.firstPicture && value > 0) report.firstPicture = sample.at;
        } else if (request == cachedRequest && report.firstPicture) {
            sample.cached = value;
            report.samples.push_back(sample);
        }
    }
}

void Player::Watch::run() {
    PlayerTime nextQuestion = std::chrono::steady_clock::now();
    while (!stop) {
        if (std::chrono::steady_clock::now() >= nextQuestion) {
            ask();
            nextQuestion += samplePeriod;
        }
        pollfd wait{fd, POLLIN, 0};
        if (::poll(&wait, 1, 20) <= 0) continue;
        char buffer[4096];
        const ssize_t got = ::recv(fd, buffer, sizeof buffer, 0);
        if (got <= 0) break;
        unread.append(buffer, static_cast<size_t>(got));
        for (size_t end = unread.find('\n'); end != std::string::npos; end = unread.find('\n')) {
            const Json message = Json::parse(unread.substr(0, end), nullptr, false);
            unread.erase(0, end + 1);
            if (message.is_object()) take(message);
        }
    }
    const std::lock_guard lock(mutex);
    report.ended = true;
}

Player::Player(std::unique_ptr<Watch> watch) : m_watch(std::move(watch)) {}

Player::~Player() {
    m_watch->stop = true;
    if (m_watch->thread.joinable()) m_watch->thread.join();
    if (m_watch->fd >= 0) ::close(m_watch->fd);
}

PlayerReport Player::report() const {
    const std::lock_guard lock(m_watch->mutex);
    return m_watch->report;
}

Expected<std::unique_ptr<Player>> Player::start(Lab& lab, const std::string& host, const std::string& url,
                                                const PlayerOptions& options) {
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
    auto watch = std::make_unique<Watch>();
    LAB_TRY(waitUntil("the player", std::chrono::seconds(15), [&] {
        watch->fd = connectTo(control);
        return watch->fd >= 0 || !lab.program(name)->running();
    }));
    std::unique_ptr<Player> player(new Player(std::move(watch)));
    if (player->m_watch->fd < 0) return fail(LabErrc::Process, "mpv ended: " + lab.program(name)->logTail());
    player->m_watch->send({{"command", {"observe_property", pausedForCache, "paused-for-cache"}}});
    player->m_watch->thread = std::thread([watching = player->m_watch.get()] { watching->run(); });
    return player;
}

}  // namespace netpas::lab
