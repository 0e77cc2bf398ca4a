// One click (UX, Players), whatever the player: a film stalls, the player's button shows what better service costs, a real click on a real
// screen buys it, and what was shown is what the books say. A scenario adds how its player is started and where its button is.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>

#include "app/lab/scenario/viewer_buys.h"
#include "app/lab/tools/screen.h"

namespace netpas::lab {

struct ButtonPlayer {
    std::string name;               // of screenshots and the like: "mpv"
    std::string executable;         // as the books shall name who asked
    std::string rule;               // the viewer's only one
    int width = 640, height = 360;  // of the screen
    std::chrono::milliseconds guard{
        900};  // a button has to be there for so long before a click on it counts, and a little longer
};

// What the player has to know to ask: PATH with our programs first, and the viewer's agent.
std::map<std::string, std::string> viewersEnvironment(const Lab& lab, const std::string& host);

class PlayerButton : public ViewerBuys {
public:
    PlayerButton(ScenarioContext& context, ButtonPlayer player) : ViewerBuys(context), m_kind(std::move(player)) {}

protected:
    // Starts the player with the film on screen(), with the button's script.
    Expected<std::unique_ptr<Player>> openFilm(const std::string& url) final;
    virtual Expected<std::unique_ptr<Player>> play(const std::string& url) = 0;
    // Once the film plays and before anything stalls: more that must not be there yet.
    virtual Expected<void> expectNoButton() { return {}; }
    // The film has stalled: opens what has to be opened and waits for the button.
    virtual Expected<Area> awaitButton() = 0;
    // It was bought: makes the player say what it does and costs (said "says: ").
    virtual Expected<void> awaitReport() = 0;
    // As its user would close it; the script stops the purchase.
    virtual Expected<void> close() = 0;

    // What the player's script said last: the rest of the last line "[netpas] …MARK…" of its log. Empty: there is none.
    [[nodiscard]] virtual std::string said(const std::string& mark) const;
    Expected<void> screenshot(const std::string& name) const;
    [[nodiscard]] const Screen& screen() const { return *m_screen; }

private:
    Expected<void> beforeTrouble() final;
    // The player does that by itself.
    Expected<void> askPrice(const FlowKey&) final { return {}; }
    Expected<std::string> place(const FlowKey& flow) final;
    Expected<Json> stopViewers(const std::string& purchase) final;
    Expected<void> judgePrice(const Json& settled);

    ButtonPlayer m_kind;
    std::unique_ptr<Screen> m_screen;
    std::string m_perMinute;  // dollars, as the quote said
};

Scenario vlcButtonScenario();
Scenario browserButtonScenario();

}  // namespace netpas::lab
