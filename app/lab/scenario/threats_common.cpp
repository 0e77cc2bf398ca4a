#include <nlohmann/json.hpp>

#include "app/lab/scenario/books.h"
#include "app/lab/scenario/threats.h"

namespace netpas::lab::threats {

void Run::require(bool condition, const std::string& otherwise) {
    if (condition) return;
    m_unmet.push_back(otherwise);
    say("NOT AS NEEDED: " + otherwise);
}

Expected<void> Run::accuseByCounters(const Overlay& overlay, uint16_t stating, accounting::Subject subject,
                                     uint16_t about, const std::string& accused, const std::string& text) {
    const auto books = exportedBooks(overlay, stating);
    if (!books) return tl::unexpected(books.error());
    const audit::CounterStatement* statement = books->statement(subject, about);
    if (statement == nullptr)
        return fail(LabErrc::Evidence, "ISP " + std::to_string(stating) + " exports no such comparison");
    accuse(audit::Claim::CountersDisagree, accused, text, {*statement});
    return {};
}

Expected<void> Run::accuseByExport(const Overlay& overlay, uint16_t exporter, audit::Claim claim,
                                   const std::string& accused) {
    const auto books = exportedBooks(overlay, exporter);
    if (!books) return tl::unexpected(books.error());
    const audit::Evidence* piece = books->piece(claim, accused);
    if (piece == nullptr)
        return fail(LabErrc::Evidence,
                    "ISP " + std::to_string(exporter) + " exports no evidence of " + std::string(describe(claim)));
    accuse(piece->claim, piece->accused, piece->text, piece->exhibits);
    return {};
}

std::string conclude(const Finding& finding, const std::vector<std::string>& unmet) {
    if (!unmet.empty()) return "FAILED: " + unmet.front();
    if (finding.attempts == 0) return "FAILED: the attack was not carried out";
    if (finding.loss > finding.bound)
        return "FAILED: " + finding.loss.toString() + " lost, more than " + finding.bound.toString();
    const bool nothingLost = finding.loss == Money::zero();
    if (nothingLost && (finding.refused >= finding.attempts || finding.undone)) return "prevented";
    if (finding.secondsToDetect) return "detected";
    if (finding.limited) return "bounded";
    return "FAILED: the attack succeeded unnoticed, " + finding.loss.toString() + " lost";
}

Money dollars(const std::string& text) { return *Money::parse(text); }
Money plus(Money a, Money b) { return checkedAdd(a, b).value_or(Money::max()); }
Money minus(Money a, Money b) { return std::max(Money::zero(), checkedSub(a, b).value_or(Money::zero())); }
Money times(Money a, uint64_t n) { return checkedMul(a, static_cast<int64_t>(n)).value_or(Money::max()); }

Money entryAmount(const Json& books, const std::string& list, const std::string& key, const Json& value,
                  const std::string& amount) {
    const Json* entry = findEntry(books, list, key, value);
    return entry == nullptr ? Money::zero() : amountAt(*entry, amount).value_or(Money::zero());
}

const Json* comparison(const Json& books, const std::string& list, uint16_t isp, const std::string& which) {
    const Json* entry = findEntry(books, list, "isp", isp);
    if (entry == nullptr || which.empty()) return entry;
    const auto found = entry->find(which);
    return found == entry->end() ? nullptr : &*found;
}

Expected<SeenAlarm> awaitAlarm(ThreatNet& net, uint16_t isp, const std::string& kind, const std::string& words,
                               SystemTime since, std::chrono::seconds limit) {
    std::optional<SeenAlarm> seen;
    std::string others;
    LAB_TRY(waitUntil("an alarm '" + kind + "' at ISP " + std::to_string(isp), limit, [&] {
        auto books = net.books(isp);
        if (!books) return false;
        for (const Json& alarm : books->value("alarms", Json::array())) {
            const SystemTime at{SystemTime::duration(alarm.value("time", int64_t{0}))};
            const std::string text = alarm.value("text", "");
            if (at < since || alarm.value("kind", "") != kind || text.find(words) == std::string::npos) continue;
            seen = SeenAlarm{std::chrono::duration<double>(at - since).count(), text, *books};
            return true;
        }
        return false;
    }));
    return *seen;
}

Traffic::Traffic(PaidSender& sender, std::vector<HopBlock> path, const IpAddress& to, double perSecond) {
    m_thread = std::thread([this, &sender, path = std::move(path), to, perSecond] {
        constexpr uint64_t portion = 64;
        while (!m_ending) m_sent += sender.send(path, to, portion, perSecond);
    });
}

void Traffic::stop() {
    m_ending = true;
    if (m_thread.joinable()) m_thread.join();
}

}  // namespace netpas::lab::threats
