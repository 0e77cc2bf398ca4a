#include "app/lab/tools/vlc.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <optional>
#include <thread>

#include <nlohmann/json.hpp>

#include "app/lab/lab.h"
#include "app/lab/netns.h"

namespace netpas::lab {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using std::chrono::milliseconds;

constexpr uid_t nobody = 65534;
constexpr gid_t nogroup = 65534;
constexpr milliseconds samplePeriod{100};  // VLC itself looks every 250 ms
constexpr uint16_t statusPort = 8090;
constexpr const char* question =
    "GET /requests/status.json HTTP/1.0\r\nAuthorization: Basic OmxhYg==\r\n\r\n";  // ":lab"
constexpr const char* password = "lab";

// Of the calling thread's namespace.
std::optional<Json> status() {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return std::nullopt;
    const timeval patience{2, 0};
    (void)::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(statusPort);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    std::string answer;
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
        ::send(fd, question, std::strlen(question), MSG_NOSIGNAL) > 0) {
        char buffer[8192];
        for (ssize_t got = 0; (got = ::recv(fd, buffer, sizeof buffer, 0)) > 0;)
            answer.append(buffer, static_cast<size_t>(got));
    }
    ::close(fd);
    const size_t body = answer.find("\r\n\r\n");
    if (body == std::string::npos) return std::nullopt;
    Json said = Json::parse(answer.substr(body + 4), nullptr, false);
    return said.is_object() ? std::optional(std::move(said)) : std::nullopt;
}

// One thread asks; the mutex guards the record.
class Vlc final : public Player {
public:
    Vlc(std::string program, const std::string& netns) : Player(std::move(program)) {
        m_thread = std::thread([this, netns] {
            if (enterNamespace(netns)) watch();
        });
    }
    ~Vlc() override {
        m_stop = true;
        m_thread.join();
    }
    [[nodiscard]] PlayerReport report() const override {
        const std::lock_guard lock(m_mutex);
        return m_record.report();
    }
    [[nodiscard]] bool answers() const { return m_answers; }

private:
    void watch() {
        for (; !m_stop; std::this_thread::sleep_for(samplePeriod)) {
            const auto said = status();
            const std::lock_guard lock(m_mutex);
            if (!said && m_answers) m_record.end();
            if (!said) continue;
            m_answers = true;
            // Its "time" is whole seconds; the position is a share of the film.
            const double position = said->value("position", 0.0) * said->value("length", 0.0);
            m_record.take({std::chrono::steady_clock::now(), position, std::nullopt},
                          said->value("state", "") == "playing");
        }
    }

    mutable std::mutex m_mutex;
    PositionRecord m_record;
    std::atomic<bool> m_answers{false}, m_stop{false};
    std::thread m_thread;
};

// Where VLC looks for scripts of its user.
Expected<std::string> makeHome(const std::string& home, const VlcOptions& options) {
    std::error_code error;
    for (const char* const kind : {"intf", "extensions"}) {
        const fs::path folder = fs::path(home) / ".local/share/vlc/lua" / kind;
        fs::create_directories(folder, error);
        const std::string file = options.script + ".lua";
        fs::copy_file(fs::path(options.scripts) / kind / file, folder / file, fs::copy_options::overwrite_existing,
                      error);
        if (error) return fail(LabErrc::State, folder.string() + "/" + file + ": " + error.message());
    }
    fs::create_directories(home + "/run", error);
    fs::permissions(home + "/run", fs::perms::owner_all, error);
    if (::chown(home.c_str(), nobody, nogroup) != 0) return fail(LabErrc::State, home + " cannot be given away");
    for (const auto& entry : fs::recursive_directory_iterator(home, error)) {
        if (::lchown(entry.path().c_str(), nobody, nogroup) != 0) error.assign(errno, std::generic_category());
    }
    if (error) return fail(LabErrc::State, home + ": " + error.message());
    return home;
}

}  // namespace

Expected<void> openToPlayers(const std::string& socket) {
    if (::chown(socket.c_str(), 0, nogroup) == 0) return {};
    return fail(LabErrc::State, socket + " cannot be given to players: " + std::strerror(errno));
}

Expected<std::unique_ptr<Player>> startVlc(Lab& lab, const std::string& host, const std::string& url,
                                           const VlcOptions& options) {
    const std::string name = "vlc-" + host;
    const auto home = makeHome(lab.folder() + "/" + name, options);
    if (!home) return tl::unexpected(home.error());
    // No loudspeaker and no graphics card; in real time all the same.
    std::vector<std::string> argv{"setpriv",
                                  "--reuid=" + std::to_string(nobody),
                                  "--regid=" + std::to_string(nogroup),
                                  "--clear-groups",
                                  "vlc",
                                  "--no-qt-privacy-ask",
                                  "--no-qt-error-dialogs",
                                  "--no-qt-video-autoresize",
                                  "--no-video-title-show",
                                  "--no-inhibit",
                                  "--aout=adummy",
                                  "--vout=xcb_x11",
                                  "--avcodec-hw=none",
                                  "--prefetch-buffer-size=" + std::to_string(options.readAheadKib),
                                  "--extraintf=luaintf:http",
                                  "--lua-intf=" + options.script,
                                  "--http-host=127.0.0.1",
                                  "--http-port=" + std::to_string(statusPort),
                                  std::string("--http-password=") + password,
                                  url};
    std::map<std::string, std::string> environment{{"HOME", *home},
                                                   {"XDG_RUNTIME_DIR", *home + "/run"},
                                                   {"XDG_DATA_HOME", *home + "/.local/share"},
                                                   {"XDG_CONFIG_HOME", *home + "/.config"},
                                                   {"XDG_CACHE_HOME", *home + "/.cache"},
                                                   {"DBUS_SESSION_BUS_ADDRESS", "disabled:"},
                                                   {"LC_ALL", "C.UTF-8"},
                                                   {"DISPLAY", options.display}};
    environment.insert(options.environment.begin(), options.environment.end());
    LAB_TRY(lab.startProgram(name, host, std::move(argv), std::move(environment)));
    auto player = std::make_unique<Vlc>(name, lab.netns(host));
    LAB_TRY(waitUntil("the player", std::chrono::seconds(30),
                      [&] { return player->answers() || !lab.program(name)->running(); }));
    if (!player->answers()) return fail(LabErrc::Process, "VLC ended: " + lab.program(name)->logTail());
    return player;
}

}  // namespace netpas::lab
