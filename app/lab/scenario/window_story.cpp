#include "app/lab/scenario/window_story.h"

#include <nlohmann/json.hpp>
#include <optional>

#include "app/lab/parties.h"
#include "app/lab/process.h"
#include "app/lab/scenario/reconcile.h"
#include "app/lab/scenario/viewer_buys.h"

namespace netpas::lab {
namespace {

constexpr std::chrono::seconds patience{180};  // of the film there is more than twice as much

class WindowStory final : public ViewerBuys {
public:
    using ViewerBuys::ViewerBuys;

private:
    Expected<void> beforeTrouble() override {
        LAB_TRY(ViewerBuys::beforeTrouble());
        if (m_context.options().headless) return {};
        ProcessSpec spec;
        spec.name = "the secretary's window";
        spec.argv = {programPath("netpas-secretary"), "--socket", agentSocket(m_lab.name(), viewer)};
        spec.logFile = m_lab.logFile("window-" + std::string(viewer));
        auto window = Process::start(spec);
        if (!window) return tl::unexpected(window.error());
        m_window.emplace(std::move(*window));
        m_context.say("The window of the viewer's secretary opens on your display.");
        return {};
    }

    // As a player with a button asks; the answer is yours.
    Expected<std::string> place(const FlowKey& flow) override {
        const auto quote =
            netpas(m_lab, viewer,
                   {"quote", flow.src.toString(), "--incoming", "--to-port", std::to_string(flow.srcPort),
                    "--from-port", std::to_string(flow.dstPort), "--mbit", "2.6"});
        if (!quote) return tl::unexpected(quote.error());
        const Json offers = quote->value("offers", Json::array());
        if (offers.size() < 2) return fail(LabErrc::Evidence, "nobody sells for what comes here: " + quote->dump());
        // What it may cost at most in the two minutes: as dear as the offer says, and no dearer.
        constexpr int minutes = 2;
        const auto cap = checkedMul(moneyOf(offers.back(), "per_minute_at_most"), minutes);
        if (!cap) return fail(LabErrc::Evidence, "no price: " + offers.back().dump());
        m_context.say("The viewer's player asks. Answer in the window: Approve once." +
                      (m_window ? std::string()
                                : " Open one with: netpas-secretary --socket " + agentSocket(m_lab.name(), viewer)));
        const std::vector<std::string> wish{"--request",
                                            "buy",
                                            "--incoming",
                                            "--to",
                                            flow.src.toString(),
                                            "--to-port",
                                            std::to_string(flow.srcPort),
                                            "--from-port",
                                            std::to_string(flow.dstPort),
                                            "--proto",
                                            "tcp",
                                            "--cap",
                                            cap->toString(),
                                            "--offer",
                                            offers.back().value("id", ""),
                                            "--purpose",
                                            "video",
                                            "--for",
                                            "2m",
                                            "--attended"};
        // It says that somebody is asked, which is no success yet.
        const auto asked = netpas(m_lab, viewer, wish);
        std::string id;
        const auto answered = waitUntil("an answer in the window", patience, [&] {
            if (m_window && !m_window->running()) return true;
            const auto open = netpas(m_lab, viewer, {"purchases"});
            for (const Json& one : open ? open->value("purchases", Json::array()) : Json::array()) {
                if (one.value("state", "") == "active") id = one.value("id", "");
            }
            return !id.empty();
        });
        if (!answered || id.empty()) {
            return fail(LabErrc::Evidence, "nobody approved in the window; the film goes on best effort" +
                                               (asked ? std::string() : ": " + asked.error().text));
        }
        m_context.say("Approved. The overview shows what it brings: how fast the film comes, paid and best effort.");
        return id;
    }

    std::optional<Process> m_window;
};

}  // namespace

Scenario windowStoryScenario() {
    Scenario scenario;
    scenario.name = "window-story";
    scenario.description = "the story on your display: the window asks, your click buys, the picture recovers";
    scenario.topology = "congested-peering";
    scenario.adjust = letViewerBuy;
    scenario.run = [](ScenarioContext& context) { return WindowStory(context).run(); };
    return scenario;
}

}  // namespace netpas::lab
