// What a household's secretary has to show after a few days, made in seconds by real traffic: purchases that are settled, one that runs, a payment, rules,
// budgets, contacts, a question that was missed, agreements with a neighbour. For pictures and tests of the window.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "app/lab/lab.h"
#include "app/lab/scenario/scenario.h"
#include "app/lab/tools/tool.h"

namespace netpas::lab {

class CrossTraffic;

// Whose window it is, and who is at the other end and takes payments.
inline constexpr const char* windowHost = "b";
inline constexpr const char* windowPeer = "a";

// ISPs that can be measured, so that there is a quality to plot, and a peer that is paid.
void letWindowShow(Topology& topology, const ScenarioOptions& options);

class WindowLife {
public:
    WindowLife(Lab& lab, std::string peerAddress);
    ~WindowLife();
    WindowLife(const WindowLife&) = delete;
    WindowLife& operator=(const WindowLife&) = delete;

    // The two are neighbours, too, and have just begun to sell to each other; agreed() waits until they have agreed, and something has passed.
    Expected<void> neighbours();
    Expected<void> agreed();
    // Rules, contacts, budgets, settled purchases, a payment, and a question for which nobody was there.
    Expected<void> past();
    // A purchase that runs, with its traffic, over a link that others fill.
    Expected<void> present();
    // An application asks for something that no rule decides. Its question waits where a window is.
    Expected<void> ask(const std::string& purpose, const std::string& domain);

private:
    Expected<void> use(uint16_t port, const std::string& purpose, const std::string& domain, int packets);
    Expected<void> sayTo(const std::string& host, const std::vector<std::string>& arguments);

    Lab& m_lab;
    std::string m_peer;
    std::vector<Tool> m_traffic;
    std::unique_ptr<CrossTraffic> m_cross;
};

}  // namespace netpas::lab
