// One click (UX, Players) in the real mpv: its script draws the button on the picture. The server is an ordinary web server; nobody but the
// viewer knows of NetPaS there.
#include "app/lab/scenario/player_kit.h"
#include "app/lab/tools/mpv.h"

namespace netpas::lab {
namespace {

using std::chrono::seconds;

constexpr Colour buttonGreen{0x1e, 0x7a, 0x4a};
constexpr int pointerAside = 20;

class MpvButton final : public PlayerButton {
public:
    explicit MpvButton(ScenarioContext& context)
        : PlayerButton(context,
                       {.name = "mpv", .executable = "/usr/bin/mpv", .rule = "Up to 1¢ a minute for video in mpv"}) {}

private:
    Expected<std::unique_ptr<Player>> play(const std::string& url) override;
    Expected<void> expectNoButton() override;
    Expected<Area> awaitButton() override;
    Expected<void> awaitReport() override;
    Expected<void> close() override { return screen().key("q"); }
};

Expected<std::unique_ptr<Player>> MpvButton::play(const std::string& url) {
    MpvOptions options;
    options.display = screen().display();
    options.script = resourcePath("players/mpv/netpas.lua");
    options.environment = viewersEnvironment(m_lab, viewer);
    return startMpv(m_lab, viewer, url, options);
}

Expected<void> MpvButton::expectNoButton() {
    const auto picture = screen().look();
    if (!picture) return tl::unexpected(picture.error());
    m_context.expect(!picture->filledWith(buttonGreen), "there is a button although nothing has stalled");
    return {};
}

Expected<Area> MpvButton::awaitButton() {
    std::optional<Area> button;
    Expected<void> looked;
    LAB_TRY(waitUntil("the player's button", seconds(60), [&] {
        if (said("button: ").empty()) return false;
        const auto picture = screen().look();
        if (!picture) looked = tl::unexpected(picture.error());
        if (picture) button = picture->filledWith(buttonGreen);
        return button.has_value() || !looked;
    }));
    LAB_TRY(looked);
    return *button;
}

// It says so whenever the pointer moves.
Expected<void> MpvButton::awaitReport() {
    const std::string before = said("says: ");
    LAB_TRY(screen().point(pointerAside, pointerAside));
    return waitUntil("the player to say what it costs now", seconds(10), [&] { return said("says: ") != before; });
}

}  // namespace

Scenario mpvButtonScenario() {
    Scenario scenario;
    scenario.name = "mpv-button";
    scenario.description = "a film stalls in mpv; its button shows a price, and one click buys better service";
    scenario.topology = "congested-peering";
    scenario.adjust = letViewerBuy;
    scenario.run = [](ScenarioContext& context) { return MpvButton(context).run(); };
    return scenario;
}

}  // namespace netpas::lab
