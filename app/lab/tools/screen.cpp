#include "app/lab/tools/screen.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <map>
#include <sstream>

#include "app/lab/command.h"
#include "app/lab/lab.h"
#include "app/lab/process.h"

namespace netpas::lab {
namespace {

namespace fs = std::filesystem;

constexpr int firstDisplay = 70;
constexpr int lastDisplay = 170;
constexpr int tolerance = 6;     // of a colour that was drawn and drawn again
constexpr int shortestRun = 24;  // pixels of one colour in a row: no picture of a film has them

bool like(uint8_t a, uint8_t b) { return std::abs(int{a} - int{b}) <= tolerance; }

}  // namespace

std::optional<Area> Picture::filledWith(Colour colour) const {
    std::optional<Area> found;
    for (int y = 0; y < height; ++y) {
        int run = 0;
        for (int x = 0; x <= width; ++x) {
            const uint8_t* const pixel = pixels.data() + 3 * (static_cast<ptrdiff_t>(y) * width + x);
            const bool same =
                x < width && like(pixel[0], colour.red) && like(pixel[1], colour.green) && like(pixel[2], colour.blue);
            if (same) {
                ++run;
                continue;
            }
            if (run >= shortestRun) {
                const Area line{x - run, y, x, y + 1};
                found = found ? Area{std::min(found->left, line.left), found->top, std::max(found->right, line.right),
                                     line.bottom}
                              : line;
            }
            run = 0;
        }
    }
    return found;
}

Expected<std::unique_ptr<Screen>> Screen::start(Lab& lab, const std::string& host, int width, int height) {
    const std::string name = "screen-" + host;
    const std::string size = std::to_string(width) + "x" + std::to_string(height) + "x24";
    // Numbers are the whole machine's, whoever else has screens; a server whose number is taken ends at once.
    for (int number = firstDisplay; number < lastDisplay; ++number) {
        const std::string socket = "/tmp/.X11-unix/X" + std::to_string(number);
        std::error_code error;
        if (fs::exists(socket, error) || fs::exists("/tmp/.X" + std::to_string(number) + "-lock", error)) continue;
        const std::string display = ":" + std::to_string(number);
        LAB_TRY(lab.startProgram(
            name, host, {"Xvfb", display, "-screen", "0", size, "-nolisten", "tcp", "-nolisten", "local", "-ac"}));
        const auto up = waitUntil("the screen", std::chrono::seconds(15),
                                  [&] { return unixSocketAnswers(socket) || !lab.program(name)->running(); });
        if (lab.program(name)->running()) {
            LAB_TRY(up);
            return std::unique_ptr<Screen>(new Screen(display, width, height));
        }
        lab.stopProgram(name);
    }
    return fail(LabErrc::Process, "Xvfb does not start: " + lab.logFile(name));
}

std::vector<std::string> Screen::grab() const {
    return {"ffmpeg",
            "-nostdin",
            "-y",
            "-loglevel",
            "error",
            "-f",
            "x11grab",
            "-draw_mouse",
            "1",
            "-video_size",
            std::to_string(m_width) + "x" + std::to_string(m_height),
            "-i",
            m_display,
            "-frames:v",
            "1"};
}

Expected<Picture> Screen::look() const {
    auto argv = grab();
    argv.insert(argv.end(), {"-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"});
    auto raw = requireCommand(argv);
    if (!raw) return tl::unexpected(raw.error());
    Picture picture{m_width, m_height, {raw->begin(), raw->end()}};
    if (picture.pixels.size() != size_t{3} * static_cast<size_t>(m_width) * static_cast<size_t>(m_height))
        return fail(LabErrc::Evidence, "the picture of the screen is not complete");
    return picture;
}

Expected<void> Screen::save(const fs::path& file) const {
    std::error_code error;
    fs::create_directories(file.parent_path(), error);
    auto argv = grab();
    argv.push_back(file.string());
    const auto done = requireCommand(argv);
    if (!done) return tl::unexpected(done.error());
    return {};
}

Expected<void> Screen::xdotool(const std::vector<std::string>& arguments) const {
    std::vector<std::string> argv{"env", "DISPLAY=" + m_display, "xdotool"};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    const auto done = requireCommand(argv);
    if (!done) return tl::unexpected(done.error());
    return {};
}

Expected<Area> Screen::window(const std::string& title) const {
    const auto said =
        requireCommand({"timeout", "15", "env", "DISPLAY=" + m_display, "xdotool", "search", "--sync", "--onlyvisible",
                        "--limit", "1", "--name", title, "getwindowgeometry", "--shell"});
    if (!said) return tl::unexpected(said.error());
    std::map<std::string, int> numbers;
    std::istringstream lines(*said);
    for (std::string line; std::getline(lines, line);) {
        const size_t equals = line.find('=');
        if (equals != std::string::npos) numbers[line.substr(0, equals)] = std::atoi(line.c_str() + equals + 1);
    }
    const int left = numbers["X"], top = numbers["Y"];
    const Area area{left, top, left + numbers["WIDTH"], top + numbers["HEIGHT"]};
    if (area.width() <= 0 || area.height() <= 0)
        return fail(LabErrc::Evidence, "there is no window \"" + title + "\": " + *said);
    return area;
}

Expected<void> Screen::click(int x, int y) const {
    return xdotool({"mousemove", std::to_string(x), std::to_string(y), "sleep", "0.2", "click", "1"});
}

Expected<void> Screen::point(int x, int y) const {
    return xdotool({"mousemove", std::to_string(x), std::to_string(y)});
}

Expected<void> Screen::key(const std::string& name) const { return xdotool({"key", name}); }

Expected<void> Screen::hold(const std::string& key) const { return xdotool({"keydown", key}); }

Expected<void> Screen::release(const std::string& key) const { return xdotool({"keyup", key}); }

}  // namespace netpas::lab
