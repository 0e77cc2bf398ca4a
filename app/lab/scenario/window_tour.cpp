// Every page and dialog of the window as it looks with real data, with none, while it waits, when its agent is gone and when it is locked; in both
// themes, sizes and languages. Judged by the geometry of what is shown: nothing is cut, overlaps or sticks out.
#include "app/lab/scenario/window_tour.h"

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "app/lab/parties.h"
#include "app/lab/scenario/payment_parties.h"
#include "app/lab/scenario/window_life.h"

namespace netpas::lab {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr const char* stranger = "d";  // has an agent, but no ISP yet
constexpr const char* windowProgram = "window";
constexpr auto tourLimit = 180s;

class WindowTour {
public:
    explicit WindowTour(ScenarioContext& context)
        : m_context(context), m_lab(context.lab()), m_life(m_lab, context.address(windowPeer).toString()) {}

    Expected<void> run() {
        m_folder =
            m_context.options().screenshots.empty() ? m_lab.folder() + "/screenshots" : m_context.options().screenshots;
        m_context.say("Some days of a household: rules, purchases, a payment, a question that nobody answered.");
        LAB_TRY(m_life.neighbours());
        LAB_TRY(m_life.past());
        LAB_TRY(m_life.agreed());
        LAB_TRY(m_life.present());
        LAB_TRY(launchAgent(m_lab, stranger));
        LAB_TRY(waitUntil("the agent without an ISP", 20s,
                          [&] { return netpas(m_lab, stranger, {"status"}).has_value(); }));
        LAB_TRY(everyLanguage("live", windowHost, [this] { return m_life.ask("video", "films.example"); }));
        LAB_TRY(everyLanguage("empty", stranger, {}));
        LAB_TRY(busy());
        m_lab.stopProgram(agentProgram(stranger));
        LAB_TRY(everyLanguage("gone", stranger, {}));
        LAB_TRY(locked());
        return judge();
    }

private:
    using Meanwhile = std::function<Expected<void>()>;

    Expected<void> everyLanguage(const std::string& state, const std::string& host, const Meanwhile& meanwhile) {
        // German first: its words are the longer ones.
        const std::vector<std::string> languages{"de", "en"};
        const uint64_t runs = m_context.options().runs != 0 ? m_context.options().runs : languages.size();
        for (size_t i = 0; i < std::min<size_t>(runs, languages.size()); ++i)
            LAB_TRY(tour(state, host, languages[i], meanwhile));
        return {};
    }

    Expected<void> tour(const std::string& state, const std::string& host, const std::string& language,
                        const Meanwhile& meanwhile) {
        const fs::path folder = fs::path(m_folder) / (state + "-" + language);
        std::error_code error;
        fs::create_directories(folder, error);
        if (error) return fail(LabErrc::State, folder.string() + " cannot be made: " + error.message());
        m_context.say("The window, " + state + ", " + language + ": " + folder.string());
        LAB_TRY(m_lab.startProgram(
            windowProgram, host,
            {programPath("netpas-secretary"), "--socket", agentSocket(m_lab.name(), host), "--screenshots",
             folder.string(), "--to", m_context.address(windowPeer).toString(), "--language", language},
            {{"QT_QPA_PLATFORM", "offscreen"}, {"XDG_CONFIG_HOME", m_lab.folder() + "/host/" + host}}));
        if (meanwhile) {
            LAB_TRY(waitUntil("the window to be heard of", 15s, [&] {
                const auto board = netpas(m_lab, host, {"pending", "list"});
                return board && board->value("front_ends", 0) > 0;
            }));
            LAB_TRY(meanwhile());
        }
        const auto ended = m_lab.program(windowProgram)->wait(tourLimit);
        const std::string said = m_lab.program(windowProgram)->logTail();
        m_lab.stopProgram(windowProgram);
        if (!ended) return tl::unexpected(ended.error());
        if (*ended != 0) return fail(LabErrc::Process, "the window ended with " + std::to_string(*ended) + ": " + said);
        return note(state, language, folder);
    }

    // What the window says of its own pictures, and that they are there and not blank.
    Expected<void> note(const std::string& state, const std::string& language, const fs::path& folder) {
        std::ifstream file(folder / "pictures.json");
        const Json all = Json::parse(file, nullptr, false);
        if (!all.is_object()) return fail(LabErrc::Evidence, "there is no pictures.json in " + folder.string());
        Json faults = Json::array();
        std::set<std::string> views;
        for (const Json& picture : all.value("pictures", Json::array())) {
            const std::string name = picture.value("file", "");
            views.insert(picture.value("of", ""));
            std::error_code error;
            constexpr uintmax_t leastBytes = 1500;
            m_context.expect(fs::file_size(folder / name, error) > leastBytes && !error,
                             state + ": " + name + " shows nothing");
            if (picture.value("scale", 0) != 100) continue;
            for (const Json& fault : picture.value("faults", Json::array()))
                faults.push_back(name + ": " + fault.get<std::string>());
        }
        for (const Json& fault : faults)
            m_context.expect(false, state + "-" + language + "/" + fault.get<std::string>());
        m_pictures += all.value("pictures", Json::array()).size();
        m_faults += faults.size();
        m_tours.push_back({{"state", state},
                           {"language", language},
                           {"pages", all.value("pages", 0)},
                           {"views", views},
                           {"pictures", all.value("pictures", Json::array()).size()},
                           {"least_size", all.value("least_size", Json::array())},
                           {"faults", std::move(faults)}});
        return {};
    }

    // Whoever asks the agent waits for it.
    Expected<void> busy() {
        Process* const agent = m_lab.program(agentProgram(windowHost));
        LAB_TRY(everyLanguage("busy", windowHost, [&]() -> Expected<void> {
            agent->signal(SIGSTOP);
            return {};
        }));
        agent->signal(SIGCONT);
        return {};
    }

    Expected<void> locked() {
        const std::string secret = m_lab.folder() + "/passphrase";
        std::ofstream(secret) << "correct horse battery staple\n";
        LAB_TRY(netpas(m_lab, windowHost, {"passphrase", "set", "--new-passphrase-file", secret}));
        LAB_TRY(netpas(m_lab, windowHost, {"lock"}));
        return everyLanguage("locked", windowHost, {});
    }

    Expected<void> judge() {
        Json& result = m_context.result();
        result["pictures"] = m_pictures;
        result["faults"] = m_faults;
        result["tours"] = m_tours;
        return {};
    }

    ScenarioContext& m_context;
    Lab& m_lab;
    WindowLife m_life;
    std::string m_folder;
    Json m_tours = Json::array();
    size_t m_pictures = 0, m_faults = 0;
};

}  // namespace

Scenario windowTourScenario() {
    Scenario scenario;
    scenario.name = "window-tour";
    scenario.description = "every page and dialog of the window, pictured and looked over, with real data and without";
    scenario.topology = "congested-peering";
    scenario.adjust = letWindowShow;
    scenario.run = [](ScenarioContext& context) { return WindowTour(context).run(); };
    return scenario;
}

}  // namespace netpas::lab
