// One click in Chromium: the extension shows the button, and the page that it stands in attacks it.
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "app/cli/streams.h"
#include "app/lab/netns.h"
#include "app/lab/parties.h"
#include "app/lab/scenario/player_kit.h"
#include "app/lab/tools/browser.h"
#include "app/lab/tools/vlc.h"
#include "tun/watch/tcp_watch.h"

namespace netpas::lab {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Colour buttonGreen{0x1e, 0x7a, 0x4a};
constexpr const char* site = "film.example";
constexpr const char* page = "watch.html";
constexpr const char* tooEarly = "a click that came too early";

constexpr int width = 800, height = 520;
constexpr int asideX = 700, asideY = 400;  // on the page, beside the film

class BrowserButton final : public PlayerButton {
public:
    explicit BrowserButton(ScenarioContext& context)
        : PlayerButton(context, {.name = "browser",
                                 .executable = "/usr/lib/chromium/chromium",
                                 .rule = "Up to 1¢ a minute for video in chromium from film.example",
                                 .width = width,
                                 .height = height}) {}

private:
    Expected<std::unique_ptr<Player>> play(const std::string& url) override;
    Expected<FlowKey> chooseConnection(const std::vector<FlowKey>& found) override;
    Expected<void> expectNoButton() override;
    Expected<Area> awaitButton() override;
    Expected<void> awaitReport() override;
    // Its tab; the browser stays.
    Expected<void> close() override { return screen().key("ctrl+w"); }
    [[nodiscard]] std::string said(const std::string& mark) const override;

    [[nodiscard]] std::string log() const { return m_lab.logFile(m_player->program()); }
    Expected<Area> findButton();
    // While the page lies on the button, a real click on its place buys nothing.
    Expected<void> clickInVain(const Area& button);
    [[nodiscard]] std::vector<std::string> pageSaid(const std::string& mark) const {
        return consoleLines(log(), mark, "http");
    }
    void judgePage();
};

// Where browsers look in a profile; its path is this build's.
Expected<std::string> messagingHost(const std::string& folder) {
    const std::string file = folder + "/netpas.browser_host.json";
    std::ifstream in(resourcePath("players/browser/chromium.json.in"));
    std::string text{std::istreambuf_iterator<char>(in), {}};
    constexpr std::string_view place = "@NETPAS_BROWSER_HOST@";
    const size_t at = text.find(place);
    if (at == std::string::npos) return fail(LabErrc::System, "the native messaging manifest is missing in resources");
    text.replace(at, place.size(), programPath("netpas-browser-host"));
    std::ofstream(file) << text;
    return file;
}

// The page is of the same server, under a name that only this browser knows.
Expected<std::unique_ptr<Player>> BrowserButton::play(const std::string& url) {
    const fs::path film(url);
    const auto web = cli::webOf(url);
    const auto manifest = messagingHost(m_lab.folder());
    if (!manifest) return tl::unexpected(manifest.error());
    if (!web) return fail(LabErrc::Usage, "no URL: " + url);
    std::ofstream(m_lab.folder() + "/film/" + page) << watchPage(film.filename().string());
    LAB_TRY(openToPlayers(agentSocket(m_lab.name(), viewer)));
    BrowserOptions options;
    options.display = screen().display();
    options.url = "http://" + std::string(site) + ":" + std::to_string(web->port) + "/" + page;
    options.extension = resourcePath("players/browser/extension");
    options.messagingHost = *manifest;
    options.names = "MAP " + std::string(site) + " " +
                    (web->host.find(':') == std::string::npos ? web->host : "[" + web->host + "]");
    options.environment = viewersEnvironment(m_lab, viewer);
    options.width = width;
    options.height = height;
    return startBrowser(m_lab, viewer, options);
}

// A browser keeps connections that carry nothing.
Expected<FlowKey> BrowserButton::chooseConnection(const std::vector<FlowKey>& found) {
    std::optional<FlowKey> film;
    LAB_TRY(inNamespace(m_lab.netns("b"), [&]() -> Expected<void> {
        const auto watch = tun::TcpWatch::open();
        if (!watch) return fail(LabErrc::Process, watch.error());
        constexpr size_t most = 64;
        uint64_t bytes = 0;
        for (const FlowKey& flow : found) {
            const auto viewers = *IpPrefix::make(flow.dst, flow.dst.isV6() ? 128 : 32);
            for (const TcpCounts& counts : (*watch)->connectionsTo(viewers, most)) {
                if (!(counts.flow == flow) || counts.bytesAcked < bytes) continue;
                bytes = counts.bytesAcked;
                film = flow;
            }
        }
        return {};
    }));
    if (!film) return fail(LabErrc::Evidence, "the server has no connection with the viewer");
    return *film;
}

std::string BrowserButton::said(const std::string& mark) const {
    const auto lines = consoleLines(log(), "[netpas] " + mark, "chrome-extension://");
    return lines.empty() ? "" : lines.back();
}

Expected<void> BrowserButton::expectNoButton() {
    const auto picture = screen().look();
    if (!picture) return tl::unexpected(picture.error());
    m_context.expect(!picture->filledWith(buttonGreen), "there is a button although nothing has stalled");
    return {};
}

Expected<Area> BrowserButton::findButton() {
    std::optional<Area> button;
    Expected<void> looked;
    LAB_TRY(waitUntil("the extension's button", seconds(60), [&] {
        if (said("button: ").empty()) return false;
        const auto picture = screen().look();
        if (!picture) looked = tl::unexpected(picture.error());
        if (picture) button = picture->filledWith(buttonGreen);
        return button.has_value() || !looked;
    }));
    LAB_TRY(looked);
    return *button;
}

Expected<Area> BrowserButton::awaitButton() {
    const auto button = findButton();
    if (!button) return button;
    LAB_TRY(clickInVain(*button));
    judgePage();
    return findButton();
}

Expected<void> BrowserButton::clickInVain(const Area& button) {
    constexpr milliseconds longEnough{900};
    std::this_thread::sleep_for(longEnough);
    LAB_TRY(screen().hold("c"));
    LAB_TRY(waitUntil("the page to lie on the button", seconds(10), [&] { return !pageSaid("cover").empty(); }));
    std::this_thread::sleep_for(longEnough);
    LAB_TRY(screen().click((button.left + button.right) / 2, (button.top + button.bottom) / 2));
    LAB_TRY(waitUntil("the click that must not count", seconds(10), [&] { return !said(tooEarly).empty(); }));
    LAB_TRY(screen().release("c"));
    return waitUntil("the page to leave the button", seconds(10), [&] { return !pageSaid("uncover").empty(); });
}

// It says so whenever the pointer moves.
Expected<void> BrowserButton::awaitReport() {
    const std::string before = said("says: ");
    LAB_TRY(screen().point(asideX, asideY));
    return waitUntil("the extension to say what it costs now", seconds(10), [&] { return said("says: ") != before; });
}

// Nothing that the page did by itself has done anything.
void BrowserButton::judgePage() {
    size_t read = 0, reached = 0;
    const auto attacks = pageSaid("attack ");
    for (const std::string& line : attacks) {
        const Json said = Json::parse(line, nullptr, false);
        if (!said.is_object() || !said.value("read", "?").empty()) ++read;
        if (said.is_object() && said.value("extension", "") == "function") ++reached;
    }
    Json& result = m_context.result();
    result["page_attacks"] = attacks.size();
    result["page_read"] = read;
    result["page_reached_extension"] = reached;
    m_context.expect(!attacks.empty(), "the page did not attack");
    m_context.expect(read == 0, "the page has read the button");
    m_context.expect(reached == 0, "the page can speak with the extension");
    m_context.expect(said("bought: ").empty(), "something was bought without a click that counts");
}

}  // namespace

Scenario browserButtonScenario() {
    Scenario scenario;
    scenario.name = "browser-button";
    scenario.description =
        "a film stalls in Chromium; the extension shows a price, one click buys, the page's tricks do not";
    scenario.topology = "congested-peering";
    scenario.adjust = letViewerBuy;
    scenario.run = [](ScenarioContext& context) { return BrowserButton(context).run(); };
    return scenario;
}

}  // namespace netpas::lab
