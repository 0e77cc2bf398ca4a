#include "app/lab/tools/browser.h"

#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>

#include "app/lab/command.h"
#include "app/lab/json.h"
#include "app/lab/lab.h"

namespace netpas::lab {
namespace {

namespace fs = std::filesystem;

constexpr uid_t nobody = 65534;
constexpr gid_t nogroup = 65534;
constexpr const char* program = "/usr/bin/chromium";

// A line is: [process:thread:time:INFO:CONSOLE:line] "what was written", source: URL (line)
std::optional<std::string> writtenIn(const std::string& line, const std::string& mark, const std::string& source) {
    constexpr std::string_view between = "\", source: ";
    const size_t at = line.find("CONSOLE");
    const size_t from = at == std::string::npos ? at : line.find("\"" + mark, at);
    const size_t to = line.rfind(between);
    if (from == std::string::npos || to == std::string::npos || to < from) return std::nullopt;
    if (line.compare(to + between.size(), source.size(), source) != 0) return std::nullopt;
    return line.substr(from + 1 + mark.size(), to - from - 1 - mark.size());
}

std::vector<std::string> asNobody(std::vector<std::string> command) {
    command.insert(command.begin(), {"setpriv", "--reuid=" + std::to_string(nobody),
                                     "--regid=" + std::to_string(nogroup), "--clear-groups"});
    return command;
}

// A profile with the extension's manifest, and the extension itself.
Expected<void> makeHome(const std::string& home, const BrowserOptions& options) {
    std::error_code error;
    const fs::path hosts = fs::path(home) / "NativeMessagingHosts";
    fs::create_directories(hosts, error);
    fs::copy_file(options.messagingHost, hosts / fs::path(options.messagingHost).filename(),
                  fs::copy_options::overwrite_existing, error);
    if (!error) fs::copy(options.extension, home + "/extension", fs::copy_options::recursive, error);
    if (error) return fail(LabErrc::State, "the extension is missing in resources: " + error.message());
    fs::permissions(home, fs::perms::owner_all, error);
    if (::chown(home.c_str(), nobody, nogroup) != 0) return fail(LabErrc::State, home + " cannot be given away");
    for (const auto& entry : fs::recursive_directory_iterator(home, error)) {
        if (::lchown(entry.path().c_str(), nobody, nogroup) != 0) error.assign(errno, std::generic_category());
    }
    if (error) return fail(LabErrc::State, home + ": " + error.message());
    return {};
}

// A process of this profile for what extensions run in the background.
bool extensionRuns(const std::string& profile) {
    std::error_code error;
    for (fs::directory_iterator entry("/proc", error), end; !error && entry != end; entry.increment(error)) {
        std::ifstream in(entry->path() / "cmdline");
        // Of a process that ends meanwhile nothing can be read.
        std::string line;
        std::getline(in, line);
        if (line.find("--extension-process") != std::string::npos && line.find(profile) != std::string::npos)
            return true;
    }
    return false;
}

PlayerTime timeOf(double unixMilliseconds) {
    using namespace std::chrono;
    const auto ago =
        system_clock::now() - system_clock::time_point(milliseconds(static_cast<int64_t>(unixMilliseconds)));
    return steady_clock::now() - duration_cast<steady_clock::duration>(ago);
}

void take(PlayerReport& report, const Json& said) {
    const PlayerTime at = timeOf(said.value("at", 0.0));
    const std::string what = said.value("what", "");
    const double position = said.value("position", 0.0);
    if (!report.firstPicture && position > 0) report.firstPicture = at;
    if (!report.firstPicture) return;
    if (what == "waiting" && !report.stalledNow()) report.stalls.push_back({at, std::nullopt});
    if (what == "playing" && report.stalledNow()) report.stalls.back().end = at;
    if (what == "ended" || what == "error") report.ended = true;
    if (what == "is") report.samples.push_back({at, position, said.value("ahead", 0.0)});
}

class Browser final : public Player {
public:
    Browser(std::string name, std::string log) : Player(std::move(name)), m_log(std::move(log)) {}

    [[nodiscard]] PlayerReport report() const override {
        const std::lock_guard lock(m_mutex);
        std::ifstream log(m_log);
        log.seekg(m_read);
        std::string line;
        // A line that is being written is read when it is whole.
        while (std::getline(log, line) && !log.eof()) {
            m_read += static_cast<std::streamoff>(line.size()) + 1;
            const Json said = Json::parse(writtenIn(line, "film ", "http").value_or(""), nullptr, false);
            if (said.is_object()) take(m_report, said);
        }
        return m_report;
    }

private:
    const std::string m_log;
    mutable std::mutex m_mutex;
    mutable std::streamoff m_read = 0;
    mutable PlayerReport m_report;
};

}  // namespace

std::string watchPage(const std::string& film) {
    return R"(<!doctype html>
<meta charset="utf-8">
<title>A film</title>
<link rel="icon" href="data:,">
<body style="margin: 0; background: #222">
<video src=")" +
           film + R"(" width="640" height="360" autoplay muted></video>
<script>
const video = document.querySelector("video");
const say = (what) => {
  const parts = video.buffered;
  const ahead = parts.length > 0 ? parts.end(parts.length - 1) - video.currentTime : 0;
  console.log("film " + JSON.stringify({ at: Date.now(), what, position: video.currentTime, ahead }));
};
for (const name of ["waiting", "playing", "ended", "error"]) video.addEventListener(name, () => say(name));
setInterval(() => say("is"), 100);

// The button is not this page's.
const known = new Set(document.documentElement.children);
const strangers = () => [...document.documentElement.children].filter((one) => !known.has(one));
setInterval(() => {
  for (const one of strangers()) {
    const box = one.getBoundingClientRect();
    const there = { bubbles: true, composed: true, clientX: box.x + box.width / 2, clientY: box.y + box.height / 2 };
    for (const kind of ["pointerdown", "mousedown", "pointerup", "mouseup", "click"]) one.dispatchEvent(new MouseEvent(kind, there));
    one.click();
    one.focus();
    console.log("attack " + JSON.stringify({ read: one.textContent + one.innerHTML + (one.shadowRoot?.textContent ?? ""), width: box.width,
      extension: typeof chrome?.runtime?.connect }));
  }
}, 500);
let cover = null;
addEventListener("keydown", (event) => {
  if (event.key !== "c" || cover) return;
  cover = document.createElement("div");
  cover.popover = "manual";
  cover.style.cssText = "inset: 0; width: 100vw; height: 100vh; border: 0; padding: 0; background: #802020; color: #fff; pointer-events: none";
  cover.textContent = "You have won. Click here.";
  document.body.append(cover);
  cover.showPopover();
  console.log("covered");
});
addEventListener("keyup", (event) => {
  if (event.key !== "c" || !cover) return;
  cover.remove();
  cover = null;
  console.log("uncovered");
});
</script>
)";
}

std::vector<std::string> consoleLines(const std::string& logFile, const std::string& mark, const std::string& source) {
    std::ifstream log(logFile);
    std::vector<std::string> found;
    std::string line;
    while (std::getline(log, line)) {
        if (auto text = writtenIn(line, mark, source)) found.push_back(std::move(*text));
    }
    return found;
}

Expected<std::unique_ptr<Player>> startBrowser(Lab& lab, const std::string& host, const BrowserOptions& options) {
    if (!fs::exists(program))
        return fail(LabErrc::Usage,
                    "a browser is needed that takes extensions; install Chromium: apt install chromium");
    const std::string name = "chromium-" + host;
    const std::string home = lab.folder() + "/" + name;
    LAB_TRY(makeHome(home, options));
    std::vector<std::string> argv =
        asNobody({program,
                  "--test-type",  // no word about the sandbox on the screen
                  "--user-data-dir=" + home, "--no-first-run", "--disable-background-networking",
                  "--disable-component-update", "--disable-sync", "--disable-quic", "--disable-gpu",
                  "--password-store=basic", "--autoplay-policy=no-user-gesture-required",
                  "--disable-features=HttpsUpgrades", "--enable-logging=stderr", "--window-position=0,0",
                  "--window-size=" + std::to_string(options.width) + "," + std::to_string(options.height),
                  "--load-extension=" + home + "/extension", "--host-resolver-rules=" + options.names});
    if (!requireCommand(asNobody({"unshare", "--user", "true"}))) argv.emplace_back("--no-sandbox");
    argv.emplace_back("about:blank");
    std::map<std::string, std::string> environment{{"HOME", home},
                                                   {"XDG_RUNTIME_DIR", home},
                                                   {"DBUS_SESSION_BUS_ADDRESS", "disabled:"},
                                                   {"DISPLAY", options.display}};
    environment.insert(options.environment.begin(), options.environment.end());
    LAB_TRY(lab.startProgram(name, host, std::move(argv), std::move(environment)));
    LAB_TRY(waitUntil("the extension", std::chrono::seconds(30),
                      [&] { return extensionRuns(home) || !lab.program(name)->running(); }));
    if (!lab.program(name)->running()) return fail(LabErrc::Process, "Chromium ended: " + lab.program(name)->logTail());
    // As somebody follows a link elsewhere: the browser that runs opens it.
    const auto opened = requireCommand(asNobody({"env", "HOME=" + home, "DISPLAY=" + options.display, program,
                                                 "--no-sandbox", "--user-data-dir=" + home, options.url}));
    if (!opened) return tl::unexpected(opened.error());
    return std::make_unique<Browser>(name, lab.logFile(name));
}

}  // namespace netpas::lab
