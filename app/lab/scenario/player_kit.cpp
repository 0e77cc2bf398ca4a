#include "app/lab/scenario/player_kit.h"

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "app/lab/parties.h"
#include "app/lab/scenario/reconcile.h"

namespace netpas::lab {
namespace {

using std::chrono::seconds;

double secondsSince(std::chrono::steady_clock::time_point begin) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

std::map<std::string, std::string> viewersEnvironment(const Lab& lab, const std::string& host) {
    const std::string programs = std::filesystem::path(programPath("netpas")).parent_path().string();
    const char* const usual = std::getenv("PATH");
    return {{"PATH", programs + ":" + (usual != nullptr ? usual : "/usr/bin:/bin")},
            {"NETPAS_SOCKET", agentSocket(lab.name(), host)}};
}

Expected<std::unique_ptr<Player>> PlayerButton::openFilm(const std::string& url) {
    auto started = Screen::start(m_lab, viewer, m_kind.width, m_kind.height);
    if (!started) return tl::unexpected(started.error());
    m_screen = std::move(*started);
    return play(url);
}

std::string PlayerButton::said(const std::string& mark) const {
    std::ifstream log(m_lab.logFile(m_player->program()));
    std::string line, last;
    while (std::getline(log, line)) {
        const size_t at = line.find(mark);
        if (line.find("[netpas]") != std::string::npos && at != std::string::npos) last = line.substr(at + mark.size());
    }
    // Some players pad the last line of a terminal.
    while (!last.empty() && (last.back() == ' ' || last.back() == '\r')) last.pop_back();
    return last;
}

Expected<void> PlayerButton::screenshot(const std::string& name) const {
    const std::string& folder = m_context.options().screenshots;
    if (folder.empty()) return {};
    return m_screen->save(std::filesystem::path(folder) / (name + ".png"));
}

Expected<void> PlayerButton::beforeTrouble() {
    LAB_TRY(netpas(m_lab, viewer, {"receive", "on"}));  // what is not spent comes back
    m_context.say("The viewer has one rule: \"" + m_kind.rule + "\".");
    LAB_TRY(netpas(m_lab, viewer, {"rules", "add", m_kind.rule}));
    m_context.expect(said("price: ").empty(), "the player asked for a price although nothing has stalled");
    return expectNoButton();
}

Expected<std::string> PlayerButton::place(const FlowKey&) {
    const auto button = awaitButton();
    if (!button) return tl::unexpected(button.error());
    std::this_thread::sleep_for(m_kind.guard);
    LAB_TRY(screenshot(m_kind.name + "-button"));
    const std::string text = said("button: ");
    m_perMinute = said("price: ");
    m_context.say("The player's button says: " + text + ". Click.");
    m_context.result()["button"] = text;
    m_context.result()["button_area"] = {{"width", button->width()}, {"height", button->height()}};
    const auto clicked = std::chrono::steady_clock::now();
    LAB_TRY(m_screen->click((button->left + button->right) / 2, (button->top + button->bottom) / 2));
    LAB_TRY(waitUntil("the player to have bought", seconds(30),
                      [&] { return !said("bought: purchase ").empty() || !said("quiet for this film: ").empty(); }));
    const std::string id = said("bought: purchase ");
    if (id.empty()) {
        return fail(LabErrc::Evidence, "the player did not buy: " + m_lab.program(m_player->program())->logTail());
    }
    m_context.result()["click_to_bought_seconds"] = secondsSince(clicked);
    return id;
}

// The viewer closes the player, and nobody stops the purchase but the player's script.
Expected<Json> PlayerButton::stopViewers(const std::string& id) {
    LAB_TRY(awaitReport());
    LAB_TRY(screenshot(m_kind.name + "-running"));
    m_context.result()["player_says"] = said("says: ");
    m_context.say("The viewer closes the player, which said last: " + said("says: "));
    LAB_TRY(close());
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
Expected<void> PlayerButton::judgePrice(const Json& settled) {
    Json& result = m_context.result();
    const auto shown = Money::parse(m_perMinute);
    const Money agreed = moneyOf(settled, "price");
    result["shown_per_minute"] = m_perMinute;
    result["agreed_per_minute"] = agreed.toString();
    result["who"] = settled.value("app", "");
    result["purpose"] = settled.value("purpose", "");
    result["domain"] = settled.value("domain", "");
    result["ended_by"] = settled.value("reason", "");
    m_context.expect(shown && *shown == agreed, "the price in the books is not the one on the button");
    m_context.expect(settled.value("per", "") == "minute", "the price in the books is not for a minute");
    m_context.expect(result["who"] == m_kind.executable,
                     "the books do not name the player but " + result["who"].dump());
    m_context.expect(result["purpose"] == "video", "the purpose was not kept");
    const Json side = settled.value("reverse", Json::object());
    const Money charged = moneyOf(side, "charged");
    const Money back = side.contains("refunded") && side["refunded"].is_string() ? moneyOf(side, "refunded") : Money();
    const double minutes = paidTime() / 60;
    const auto net = checkedSub(charged, back);
    if (!net) return fail(LabErrc::Evidence, "more came back than was paid");
    char text[32];
    std::snprintf(text, sizeof text, "%.9f", static_cast<double>(net->eighths()) / 8e9 / minutes);
    result["billed"] = net->toString();
    result["billed_per_minute"] = text;
    // The price is the limit of every minute that begins: a player that fills its memory first needs more in the beginning.
    const auto begun = static_cast<int64_t>(std::ceil(minutes));
    result["minutes_begun"] = begun;
    const auto most = checkedMul(agreed, begun);
    m_context.expect(most && *net <= *most, "the minutes cost more than the button said");
    return {};
}

}  // namespace netpas::lab
