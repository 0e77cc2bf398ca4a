// One click (UX, Players) in the real VLC 3: a script notices the stall, the View menu has the entry, the window that it opens the button. The server
// is an ordinary web server; nobody but the viewer knows of NetPaS there.
#include <nlohmann/json.hpp>

#include "app/lab/parties.h"
#include "app/lab/scenario/player_kit.h"
#include "app/lab/tools/vlc.h"

namespace netpas::lab {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr const char* window = "VLC media player";
constexpr const char* dialog = "Better quality";
// From the top left of VLC's window: its first menu.
constexpr int menuAcross = 25, menuDown = 11;

class VlcButton final : public PlayerButton {
public:
    explicit VlcButton(ScenarioContext& context)
        : PlayerButton(context, {.name = "vlc",
                                 .executable = "/usr/bin/vlc",
                                 .rule = "Up to 1¢ a minute for video in vlc",
                                 .width = 900,
                                 .height = 620,
                                 .guard = milliseconds(2100)}) {}

private:
    Expected<std::unique_ptr<Player>> play(const std::string& url) override;
    Expected<void> expectNoButton() override;
    Expected<Area> awaitButton() override;
    Expected<void> awaitReport() override;
    Expected<void> close() override { return choose({"Up"}); }  // the last entry of the first menu: Quit
    // Opens the first menu, goes on from there, and takes what it has come to.
    Expected<void> choose(const std::vector<std::string>& keys);
};

Expected<std::unique_ptr<Player>> VlcButton::play(const std::string& url) {
    LAB_TRY(openToPlayers(agentSocket(m_lab.name(), viewer)));
    VlcOptions options;
    options.display = screen().display();
    options.scripts = resourcePath("players/vlc");
    options.script = "netpas";
    options.environment = viewersEnvironment(m_lab, viewer);
    return startVlc(m_lab, viewer, url, options);
}

Expected<void> VlcButton::choose(const std::vector<std::string>& keys) {
    const auto area = screen().window(window);
    if (!area) return tl::unexpected(area.error());
    LAB_TRY(screen().click(area->left + menuAcross, area->top + menuDown));
    for (const std::string& key : keys) LAB_TRY(screen().key(key));
    return screen().key("Return");
}

Expected<void> VlcButton::expectNoButton() {
    m_context.expect(said("stall: ").empty(), "a stall was noticed although nothing has stalled");
    return {};
}

Expected<Area> VlcButton::awaitButton() {
    LAB_TRY(waitUntil("the stall to be noticed", seconds(60), [&] { return !said("stall: ").empty(); }));
    m_context.say("VLC's script says: the film stands still. The viewer opens View, Better quality.");
    // From the first menu to the left: the last one is Help, the one before it View. There the extensions stand last, the user's before VLC's own.
    LAB_TRY(choose({"Left", "Left", "Up", "Up"}));
    LAB_TRY(waitUntil("the price", seconds(20), [&] { return !said("button: ").empty(); }));
    const auto area = screen().window(dialog);
    if (!area) return tl::unexpected(area.error());
    // What it is for stands above the button.
    return Area{area->left, (area->top + area->bottom) / 2, area->right, area->bottom};
}

// In the same window: on the left what it costs, on the right what ends it.
Expected<void> VlcButton::awaitReport() {
    const auto area = screen().window(dialog);
    if (!area) return tl::unexpected(area.error());
    const std::string before = said("says: ");
    LAB_TRY(screen().click(area->left + area->width() / 4, area->top + area->height() * 3 / 4));
    return waitUntil("VLC to say what it costs now", seconds(10), [&] { return said("says: ") != before; });
}

}  // namespace

Scenario vlcButtonScenario() {
    Scenario scenario;
    scenario.name = "vlc-button";
    scenario.description = "a film stalls in VLC; its menu entry shows a price, and one click buys better service";
    scenario.topology = "congested-peering";
    scenario.adjust = letViewerBuy;
    scenario.run = [](ScenarioContext& context) { return VlcButton(context).run(); };
    return scenario;
}

}  // namespace netpas::lab
