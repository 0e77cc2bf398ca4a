// One click (UX, Players): a film stalls in the real mpv, its button shows what better service costs, a real click buys it, and what was shown is
// what the books say. The server is an ordinary web server; nobody but the viewer knows of NetPaS there.
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "app/lab/parties.h"
#include "app/lab/scenario/reconcile.h"
#include "app/lab/scenario/viewer_buys.h"
#include "app/lab/tools/screen.h"

namespace netpas::lab {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Colour buttonGreen{0x1e, 0x7a, 0x4a};
constexpr const char* rule = "Up to 1¢ a minute for video in mpv";
constexpr int pointerAside = 20;
constexpr const char* playerProgram = "mpv-a";

double secondsSince(std::chrono::steady_clock::time_point begin) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

class MpvButton final : public ViewerBuys {
public:
    using ViewerBuys::ViewerBuys;

protected:
    Expected<PlayerOptions> playerOptions() override;
    Expected<void> beforeTrouble() override;
    // Its player does that by itself.
    Expected<void> askPrice(const FlowKey&) override { return {}; }
    Expected<std::string> place(const FlowKey& flow) override;
    Expected<Json> stopViewers(const std::string& purchase) override;

private:
    // What follows `mark` in the last line of the player's log that has it; empty: no line has.
    [[nodiscard]] std::string said(const std::string& mark) const;
    Expected<Area> awaitButton();
    Expected<void> screenshot(const std::string& name) const;
    Expected<void> judgePrice(const Json& settled);

    std::unique_ptr<Screen> m_screen;
    std::string m_perMinute;  // dollars, as the quote said
    std::string m_text;       // on the button
};

std::string MpvButton::said(const std::string& mark) const {
    std::ifstream log(m_lab.logFile(playerProgram));
    std::string line, last;
    while (std::getline(log, line)) {
        const size_t at = line.find(mark);
        if (line.find("[netpas]") != std::string::npos && at != std::string::npos) last = line.substr(at + mark.size());
    }
    // mpv pads the last line of a terminal.
    while (!last.empty() && (last.back() == ' ' || last.back() == '\r')) last.pop_back();
    return last;
}

Expected<void> MpvButton::screenshot(const std::string& name) const {
    const std::string& folder = m_context.options().screenshots;
    if (folder.empty()) return {};
    return m_screen->save(std::filesystem::path(folder) / (name + ".png"));
}

Expected<PlayerOptions> MpvButton::playerOptions() {
    constexpr int width = 640, height = 360;
    auto screen = Screen::start(m_lab, viewer, width, height);
    if (!screen) return tl::unexpected(screen.error());
    m_screen = std::move(*screen);
    PlayerOptions options;
    options.display = m_screen->display();
    options.script = resourcePath("players/mpv/netpas.lua");
    const std::string programs = std::filesystem::path(programPath("netpas")).parent_path().string();
    const char* const usual = std::getenv("PATH");
    options.environment = {{"PATH", programs + ":" + (usual != nullptr ? usual : "/usr/bin:/bin")},
                           {"NETPAS_SOCKET", agentSocket(m_lab.name(), viewer)}};
    return options;
}

Expected<void> MpvButton::beforeTrouble() {
    LAB_TRY(netpas(m_lab, viewer, {"receive", "on"}));  // what is not spent comes back
    m_context.say("The viewer has one rule: \"" + std::string(rule) + "\".");
    LAB_TRY(netpas(m_lab, viewer, {"rules", "add", rule}));
    const auto picture = m_screen->look();
    if (!picture) return tl::unexpected(picture.error());
    m_context.expect(!picture->filledWith(buttonGreen), "there is a button although nothing has stalled");
    m_context.expect(said("price: ").empty(), "the player asked for a price although nothing has stalled");
    return {};
}

Expected<Area> MpvButton::awaitButton() {
    std::optional<Area> button;
    Expected<void> looked;
    LAB_TRY(waitUntil("the player's button", seconds(60), [&] {
        if (said("button: ").empty()) return false;
        const auto picture = m_screen->look();
        if (!picture) looked = tl::unexpected(picture.error());
        if (picture) button = picture->filledWith(buttonGreen);
        return button.has_value() || !looked;
    }));
    LAB_TRY(looked);
    return *button;
}

Expected<std::string> MpvButton::place(const FlowKey&) {
    const auto button = awaitButton();
    if (!button) return tl::unexpected(button.error());
    // It has been there for longer than a click needs to count for it.
    std::this_thread::sleep_for(milliseconds(900));
    LAB_TRY(screenshot("mpv-button"));
    m_text = said("button: ");
    m_perMinute = said("price: ");
    m_context.say("The player's button says: " + m_text + ". Click.");
    m_context.result()["button"] = m_text;
    m_context.result()["button_area"] = {{"width", button->width()}, {"height", button->height()}};
    const auto clicked = std::chrono::steady_clock::now();
    LAB_TRY(m_screen->click((button->left + button->right) / 2, (button->top + button->bottom) / 2));
    LAB_TRY(waitUntil("the player to have bought", seconds(30),
                      [&] { return !said("bought: purchase ").empty() || !said("quiet for this film: ").empty(); }));
    const std::string id = said("bought: purchase ");
    if (id.empty())
        return fail(LabErrc::Evidence, "the player did not buy: " + m_lab.program(playerProgram)->logTail());
    m_context.result()["click_to_bought_seconds"] = secondsSince(clicked);
    return id;
}

// The viewer closes the player, and nobody stops the purchase but the player's script.
Expected<Json> MpvButton::stopViewers(const std::string& id) {
    const std::string before = said("says: ");
    LAB_TRY(m_screen->point(pointerAside, pointerAside));
    LAB_TRY(waitUntil("the player to say what it costs now", seconds(10), [&] { return said("says: ") != before; }));
    LAB_TRY(screenshot("mpv-running"));
    m_context.result()["player_says"] = said("says: ");
    m_context.say("The viewer closes the player, which said last: " + said("says: "));
    LAB_TRY(m_screen->key("q"));
    Json settled = Json::object();
    LAB_TRY(waitUntil("the purchase to end with the player", seconds(30), [&] {
        const auto now = netpas(m_lab, viewer, {"purchases", id});
        if (now) settled = *now;
        return settled.value("state", "") == "settled";
    }));
    LAB_TRY(judgePrice(settled));
    return settled;
}

// What was shown, what the ledger says was agreed, what each packet paid and what a minute came to.
Expected<void> MpvButton::judgePrice(const Json& settled) {
    Json& result = m_context.result();
    const auto shown = Money::parse(m_perMinute);
    const Money agreed = moneyOf(settled, "price");
    result["shown_per_minute"] = m_perMinute;
    result["agreed_per_minute"] = agreed.toString();
    result["who"] = settled.value("app", "");
    result["purpose"] = settled.value("purpose", "");
    result["ended_by"] = settled.value("reason", "");
    m_context.expect(shown && *shown == agreed, "the price in the books is not the one on the button");
    m_context.expect(settled.value("per", "") == "minute", "the price in the books is not for a minute");
    m_context.expect(result["who"] == "/usr/bin/mpv", "the books do not name the player but " + result["who"].dump());
    m_context.expect(result["purpose"] == "video", "the purpose was not kept");
    const Json side = settled.value("reverse", Json::object());
    const Money charged = moneyOf(side, "charged");
    const Money back = side.contains("refunded") && side["refunded"].is_string() ? moneyOf(side, "refunded") : Money();
    const double minutes = paidTime() / 60;
    const double billed = static_cast<double>(charged.eighths() - back.eighths()) / 8e9 / minutes;
    char text[32];
    std::snprintf(text, sizeof text, "%.9f", billed);
    result["billed_per_minute"] = text;
    m_context.expect(shown && billed <= static_cast<double>(shown->eighths()) / 8e9,
                     "a minute cost more than the button said");
    return {};
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
