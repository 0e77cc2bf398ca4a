// The rows of the paper's Table 1, each an attack that is carried out (threats_*.cpp, by section of §4), and how they are judged.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "app/lab/scenario/scenario.h"
#include "app/lab/scenario/threat_net.h"
#include "app/lab/scenario/threats_evidence.h"

namespace netpas::lab::threats {

// What a row has seen. The result is concluded from it, never said by the row.
struct Finding {
    uint64_t attempts = 0;  // what the cheat did
    uint64_t refused = 0;   // of that, without effect on anybody's books
    bool undone = false;    // it had an effect, which the honest parties took back
    Money loss;             // of the honest parties, from their books and counters
    Money bound;            // what it could have been at most
    bool limited = false;   // a limit, or who was harmed, ended it
    std::optional<double> secondsToDetect;
    std::vector<std::string> seen;  // for people
};

// One row's run: a net of its own, and what it says.
class Run {
public:
    Run(ScenarioContext& context, OverlayThread& thread, EvidenceFile& evidence, uint16_t firstIsp, uint64_t seed)
        : m_context(context), m_thread(thread), m_evidence(evidence), m_firstIsp(firstIsp), m_seed(seed) {}

    // Numbers of ISPs that no other row uses, from 1.
    [[nodiscard]] uint16_t isp(uint16_t number) const { return static_cast<uint16_t>(m_firstIsp + number); }
    Expected<std::unique_ptr<ThreatNet>> make(std::vector<ThreatIsp> isps) { return make(std::move(isps), m_seed); }
    Expected<std::unique_ptr<ThreatNet>> make(std::vector<ThreatIsp> isps, uint64_t seed) {
        auto net = ThreatNet::make(m_context.lab(), m_thread, isps, seed);
        for (const ThreatIsp& isp : isps) {
            if (net) m_evidence.know(isp.isp, (*net)->overlay().key(isp.isp));
        }
        return net;
    }
    // Into the file of evidence.
    void accuse(audit::Claim claim, const std::string& accused, const std::string& text,
                std::vector<audit::Exhibit> exhibits) {
        m_exhibited.push_back(m_evidence.add(claim, accused, text, std::move(exhibits)));
    }
    // What the ISP's own server states in its export; false when it states nothing about that.
    Expected<void> accuseByCounters(const Overlay& overlay, uint16_t stating, accounting::Subject subject,
                                    uint16_t about, const std::string& accused, const std::string& text);
    // Evidence that the ISP's own server exports.
    Expected<void> accuseByExport(const Overlay& overlay, uint16_t exporter, audit::Claim claim,
                                  const std::string& accused);
    [[nodiscard]] const std::vector<size_t>& exhibited() const { return m_exhibited; }
    [[nodiscard]] OverlayThread& thread() { return m_thread; }
    [[nodiscard]] uint64_t seed() const { return m_seed; }
    void say(const std::string& sentence) { m_context.say("    " + sentence); }
    // What makes the attack meaningless when it is not so.
    void require(bool condition, const std::string& otherwise);
    [[nodiscard]] const std::vector<std::string>& unmet() const { return m_unmet; }

private:
    ScenarioContext& m_context;
    OverlayThread& m_thread;
    EvidenceFile& m_evidence;
    std::vector<size_t> m_exhibited;
    uint16_t m_firstIsp;
    uint64_t m_seed;
    std::vector<std::string> m_unmet;
};

struct Row {
    std::string threat;   // as in Table 1
    std::string section;  // of the paper
    std::string attack;   // what is done
    std::function<Expected<Finding>(Run&)> run;
};

[[nodiscard]] inline std::string named(uint16_t isp) { return "isp " + std::to_string(isp); }

std::vector<Row> hijackerRows();
std::vector<Row> endpointRows();
std::vector<Row> ispRows();
std::vector<Row> remainingRows();

// Payments of a cent that a taken server orders from another one, for an accomplice there or behind it.
std::vector<accounting::ForwardPayment> ordersFor(const OverlayCustomer& accomplice,
                                                  const std::vector<uint16_t>& through, size_t count);
// What the key of one of an ISP's servers is good for at the others; adds to the finding.
Expected<void> throughSibling(Run& run, Lab& lab, Finding& finding, const std::string& credit);

// The same traffic without attackers, once for each seed.
struct Honest {
    uint64_t seeds = 0;
    uint64_t alarms = 0;
    Money confirmed;
    std::vector<std::string> texts;
};
Expected<Honest> honestRuns(Run& run, uint64_t seeds);

// "prevented", "detected", "bounded", or why the attack was none or succeeded, beginning with "FAILED: ".
[[nodiscard]] std::string conclude(const Finding& finding, const std::vector<std::string>& unmet);

// --- what rows have in common

[[nodiscard]] Money dollars(const std::string& text);
[[nodiscard]] Money plus(Money a, Money b);
[[nodiscard]] Money minus(Money a, Money b);  // not below zero
[[nodiscard]] Money times(Money a, uint64_t n);
// An amount of a list's entry in the books; zero when there is none.
[[nodiscard]] Money entryAmount(const Json& books, const std::string& list, const std::string& key, const Json& value,
                                const std::string& amount);
[[nodiscard]] const Json* comparison(const Json& books, const std::string& list, uint16_t isp,
                                     const std::string& which = {});

struct SeenAlarm {
    double seconds = 0;  // after `since`
    std::string text;
    Json books;  // of the moment in which it was found
};
// The first alarm of that kind whose text contains `words`.
Expected<SeenAlarm> awaitAlarm(ThreatNet& net, uint16_t isp, const std::string& kind, const std::string& words,
                               SystemTime since, std::chrono::seconds limit);

// Pays for packets on a thread of its own until it is told to stop.
class Traffic {
public:
    Traffic(PaidSender& sender, std::vector<HopBlock> path, const IpAddress& to, double perSecond);
    ~Traffic() { stop(); }
    Traffic(const Traffic&) = delete;
    Traffic& operator=(const Traffic&) = delete;
    void stop();
    [[nodiscard]] uint64_t sent() const { return m_sent; }

private:
    std::atomic<bool> m_ending{false};
    std::atomic<uint64_t> m_sent{0};
    std::thread m_thread;
};

}  // namespace netpas::lab::threats
