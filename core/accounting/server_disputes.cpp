// What follows an alarm (NetPaS §4.3.5, §4.3.6): one path is counted exactly, the neighbour hears what we found and may
// correct it, and only what stays wrong has consequences. Complaints go on the connection that the neighbour made and
// answers on the one that its neighbour made: an older version does not listen there.
#include "core/accounting/server_engine.h"
#include "core/random.h"

namespace netpas::accounting {

namespace {

std::string nameOf(IspId isp) { return "ISP " + std::to_string(isp.value()); }

std::string textOf(const PathIsps& path) {
    std::string text;
    for (const IspId isp : path) text += (text.empty() ? "" : "-") + std::to_string(isp.value());
    return text;
}

Money plus(Money a, Money b) { return checkedAdd(a, b).value_or(Money::max()); }

}  // namespace

// --- what arrives

// The last path of each kind is where an investigation begins; what is investigated already is added up.
void AccountingServer::Engine::notePath(IspId from, const Confirmation& confirmation, bool countersign) {
    m_lastPath[{countersign ? Subject::Own : Subject::Via, from}] = confirmation.header;
    if (!countersign) m_lastPath[{Subject::Downstream, confirmation.beneficiary}] = confirmation.header;
}

void AccountingServer::Engine::addToInvestigations(const Confirmation& confirmation) {
    for (auto& [id, investigation] : m_investigations) {
        if (confirmation.time < investigation.begin || confirmation.time > investigation.end) continue;
        const auto hop = hopOf(confirmation.header, confirmation.beneficiary);
        if (!hop || ispsOf(confirmation.header) != investigation.path) continue;
        investigation.confirmed[*hop] = plus(investigation.confirmed[*hop], confirmation.amount);
        investigation.largest = std::max(investigation.largest, confirmation.amount);
    }
}

// --- one path, exactly

void AccountingServer::Engine::investigate(const PathIsps& path, int64_t dispute) {
    if (path.empty()) return;
    if (!m_investigations.empty()) {
        if (m_waitingPaths.size() < maxCountedPaths) m_waitingPaths.emplace_back(path, dispute);
        return;
    }
    Investigation& investigation = m_investigations[++m_lastInvestigation];
    investigation.path = path;
    investigation.dispute = dispute;
    // A second for the order to get to the routers: what is confirmed earlier belongs to packets that were not counted.
    investigation.begin = m_clock.now() + std::chrono::seconds(1);
    investigation.end = investigation.begin + m_config.watch.investigation;
    investigation.confirmed.resize(path.size());
    orderCounts();
}

void AccountingServer::Engine::orderCounts() {
    CountPaths order;
    for (const auto& [id, investigation] : m_investigations) order.paths.push_back({id, investigation.path});
    for (const PeerPtr& peer : std::set(m_peers)) {
        if (peer->kind == PeerKind::Edge && peer->welcomed) send(peer, order);
    }
}

void AccountingServer::Engine::handle(const PeerPtr& peer, const PathCounts& message) {
    for (const PathCounts::Count& count : message.counts) {
        const auto found = m_investigations.find(count.id);
        if (found == m_investigations.end() || count.amounts.size() != found->second.path.size()) continue;
        PathCounts::Count& known = found->second.counts[peer->router];
        if (count.packets < known.packets) found->second.interrupted = true;
        known = count;
    }
}

void AccountingServer::Engine::finishInvestigations() {
    const SystemTime now = m_clock.now();
    std::vector<Investigation> done;
    for (auto at = m_investigations.begin(); at != m_investigations.end();) {
        if (now < at->second.end + m_config.watch.grace) {
            ++at;
            continue;
        }
        done.push_back(std::move(at->second));
        at = m_investigations.erase(at);
    }
    if (done.empty()) return;
    orderCounts();
    for (const Investigation& investigation : done) conclude(investigation);
    if (m_waitingPaths.empty() || !m_investigations.empty()) return;
    const auto [path, dispute] = m_waitingPaths.front();
    m_waitingPaths.pop_front();
    investigate(path, dispute);
}

void AccountingServer::Engine::conclude(const Investigation& investigation) {
    const auto found = m_books.disputes().find(investigation.dispute);
    if (found == m_books.disputes().end()) return;
    Dispute dispute = found->second;
    const auto here = std::find(investigation.path.begin(), investigation.path.end(), m_config.isp);
    if (here == investigation.path.end()) return;
    const auto own = static_cast<size_t>(here - investigation.path.begin());
    if (investigation.interrupted || investigation.counts.size() < m_edges.size()) {
        dispute.finding = "Path " + textOf(investigation.path) + " was not counted by all routers.";
        return m_books.setDispute(dispute, m_clock.now());
    }
    std::array<Money, 2> counted;  // of our service, and of all later ones
    std::array<Money, 2> confirmed;
    uint64_t packets = 0;
    for (const auto& [router, count] : investigation.counts) packets += count.packets;
    for (size_t hop = own; hop < investigation.path.size(); ++hop) {
        const size_t which = hop == own ? 0 : 1;
        confirmed[which] = plus(confirmed[which], investigation.confirmed[hop]);
        for (const auto& [router, count] : investigation.counts)
            counted[which] = plus(counted[which], count.amounts[hop]);
    }
    const Money threshold = std::max(investigation.largest, m_config.threshold);
    const auto tooMuch = [&](size_t which) {
        // One more: a stratum that had begun before.
        const Money chance = plus(sampledTolerance(counted[which], threshold, m_config.watch.falseAlarm), threshold);
        return confirmed[which] > plus(counted[which], chance);
    };
    const bool ours = tooMuch(0);
    dispute.finding = "On path " + textOf(investigation.path) + " we counted " + std::to_string(packets) +
                      " packets: $" + counted[0].toString() + " for us, confirmed $" + confirmed[0].toString() +
                      (ours ? ", more than chance explains" : "") + "; $" + counted[1].toString() +
                      " for those behind us, confirmed $" + confirmed[1].toString() +
                      (tooMuch(1) ? ", more than chance explains." : ".");
    dispute.changed = m_clock.now();
    if (dispute.complaint.from != m_config.isp) {
        // Somebody incriminates us: whoever confirmed too much of our service on that path must say why (§4.3.6).
        answer(dispute, ours ? ComplaintReply::LooksIntoIt : ComplaintReply::Disagrees, counted[0], confirmed[0], {});
        if (ours && own + 1 < investigation.path.size()) {
            const Money chance = sampledTolerance(counted[0], threshold, m_config.watch.falseAlarm);
            complain(
                Subject::Own, investigation.path[own + 1], true,
                {counted[0], confirmed[0], Money::fromEighths(confirmed[0].eighths() - counted[0].eighths()), chance},
                investigation.path);
        }
    }
    m_books.setDispute(dispute, m_clock.now());
}

// --- complaining

void AccountingServer::Engine::complain(Subject subject, IspId isp, bool tooMuch, const Comparison& comparison,
                                        const PathIsps& countedPath) {
    const auto path = m_lastPath.find({subject, isp});
    Complaint complaint;
    complaint.to = isp;
    if (path != m_lastPath.end()) complaint.path = ispsOf(path->second);
    if (!countedPath.empty()) complaint.path = countedPath;
    if (subject == Subject::Downstream) {
        const auto here = std::find(complaint.path.begin(), complaint.path.end(), m_config.isp);
        if (here == complaint.path.end() || here + 1 == complaint.path.end()) return;
        complaint.to = *(here + 1);
    }
    if (complaint.to == m_config.isp) return;  // our own routers disagree: the alarm says so
    for (const auto& [number, other] : m_books.disputes()) {
        const bool same = other.complaint.from == m_config.isp && other.complaint.subject == subject &&
                          other.complaint.isp == isp && other.complaint.tooMuch == tooMuch &&
                          other.onPath == !countedPath.empty();
        if (same && other.state == DisputeState::Open) return;
    }
    Dispute dispute;
    dispute.onPath = !countedPath.empty();
    dispute.number = m_books.nextDispute();
    complaint.number = static_cast<uint64_t>(dispute.number);
    complaint.from = m_config.isp;
    complaint.subject = subject;
    complaint.isp = isp;
    complaint.tooMuch = tooMuch;
    complaint.counted = comparison.counted;
    complaint.confirmed = comparison.confirmed;
    complaint.tolerance = comparison.tolerance;
    complaint.time = m_clock.now();
    complaint.signature = m_identity.sign(complaintMessage(complaint));
    dispute.complaint = complaint;
    dispute.changed = complaint.time;
    m_books.setDispute(dispute, complaint.time);
    afterCommit([this, complaint] {
        for (const PeerPtr& peer : std::set(m_peers)) {
            if (peer->kind == PeerKind::Neighbour && peer->isp == complaint.to) send(peer, complaint);
        }
    });
    investigate(complaint.path, dispute.number);
}

// A neighbour that was away has not heard them.
void AccountingServer::Engine::repeatComplaints(const PeerPtr& peer) {
    for (const auto& [number, dispute] : m_books.disputes()) {
        const Complaint& complaint = dispute.complaint;
        const bool waits = dispute.state == DisputeState::Open && !dispute.answer;
        if (waits && complaint.from == m_config.isp && complaint.to == peer->isp) send(peer, complaint);
    }
}

void AccountingServer::Engine::handle(const PeerPtr& peer, const ComplaintAnswer& message) {
    const auto found = m_books.disputes().find(static_cast<int64_t>(message.number));
    if (found == m_books.disputes().end()) return;
    const Complaint& complaint = found->second.complaint;
    if (complaint.from != m_config.isp || complaint.to != peer->isp || message.from != peer->isp ||
        message.to != m_config.isp || !peer->requests.pass(m_clock.steady())) {
        return;
    }
    const auto keys = keysOf(peer->isp);
    const Bytes signedBytes = complaintAnswerMessage(message);
    if (std::none_of(keys.begin(), keys.end(),
                     [&](const PublicKey* key) { return verify(*key, signedBytes, message.signature); })) {
        return;
    }
    Dispute dispute = found->second;
    dispute.answer = message;
    dispute.changed = m_clock.now();
    if (dispute.onPath && message.reply == ComplaintReply::Rectified && dispute.state == DisputeState::Open)
        dispute.state = DisputeState::Resolved;
    m_books.setDispute(dispute, dispute.changed);
    log(LogLevel::Info, dispute.text(m_config.isp));
}

// --- being complained about

void AccountingServer::Engine::handle(Link& link, const Complaint& complaint) {
    if (complaint.to != m_config.isp || complaint.from != link.config.isp || !m_complaints.pass(m_clock.steady()))
        return;
    const auto keys = keysOf(complaint.from);
    const Bytes signedBytes = complaintMessage(complaint);
    if (std::none_of(keys.begin(), keys.end(),
                     [&](const PublicKey* key) { return verify(*key, signedBytes, complaint.signature); })) {
        return;
    }
    Dispute dispute;
    dispute.number = m_books.nextDispute();
    for (const auto& [number, known] : m_books.disputes()) {
        if (known.complaint.from == complaint.from && known.complaint.number == complaint.number) dispute = known;
    }
    dispute.complaint = complaint;
    log(LogLevel::Warning, dispute.text(m_config.isp));
    if (complaint.tooMuch) {
        answerTooMuch(dispute);
    } else {
        answerTooLittle(dispute);
    }
    m_books.setDispute(dispute, m_clock.now());
    scheduleCommit();
}

// Their service: what our samplers saw of it against what we have confirmed. What we owe is confirmed now.
void AccountingServer::Engine::answerTooLittle(Dispute& dispute) {
    const IspId from = dispute.complaint.from;
    const auto seen = m_books.upstream().find(from);
    const Money counted = seen == m_books.upstream().end() ? Money::zero() : seen->second;
    const Money made = m_books.sum(SumKind::MadeFor, from).total;
    if (dispute.complaint.subject != Subject::Own) {
        const Money passed = m_books.sum(SumKind::OwedBy, from).total;
        const bool waits = m_books.waitingFor(from) > 0;
        return answer(dispute, waits ? ComplaintReply::LooksIntoIt : ComplaintReply::Disagrees, passed, passed, {});
    }
    // Less is chance: whole strata are released.
    const Money slack = plus(stratifiedTolerance(m_config.threshold, m_edges.size()),
                             m_config.watch.sampler == SamplerKind::Smart
                                 ? sampledTolerance(counted, m_config.threshold, m_config.watch.falseAlarm)
                                 : Money::zero());
    Money rectified;
    bool all = true;  // what a router has yet to send is missing only so far
    for (const auto& [router, state] : m_edges) all = all && edge(router) != nullptr;
    if (all && counted > plus(made, slack)) {
        rectified = confirmMissing(from, Money::fromEighths(counted.eighths() - made.eighths()));
    }
    ComplaintReply reply = ComplaintReply::Disagrees;
    if (m_books.waitingFor(from) > 0 || !all) reply = ComplaintReply::LooksIntoIt;  // they have not taken all of it
    if (rectified > Money::zero()) reply = ComplaintReply::Rectified;
    answer(dispute, reply, counted, plus(made, rectified), rectified);
    if (reply == ComplaintReply::Rectified) dispute.state = DisputeState::Resolved;
}

// With the header and the bytes of the last packet from there: any of those that were not confirmed.
Money AccountingServer::Engine::confirmMissing(IspId upstream, Money missing) {
    constexpr int64_t atOnce = 10'000;
    const auto last = m_lastSample.find(upstream);
    if (last == m_lastSample.end()) return {};
    const int64_t count = std::min(missing.eighths() / m_config.threshold.eighths(), atOnce);
    for (int64_t i = 0; i < count; ++i) {
        Confirmation confirmation = last->second;
        store64(confirmation.id.data(), systemRandom().below(UINT64_MAX));
        store64(confirmation.id.data() + 8, systemRandom().below(UINT64_MAX));
        confirmation.time = m_clock.now();
        confirm(std::move(confirmation));
    }
    return Money::fromEighths(count * m_config.threshold.eighths());
}

// Either it is wrong behind us as well, and whoever is there has heard of it from us; or the path will be counted.
void AccountingServer::Engine::answerTooMuch(Dispute& dispute) {
    bool wrongBehind = false;
    for (const auto& [subject, isp] : subjects()) {
        wrongBehind = wrongBehind || m_watch.verdict(subject, isp) == WatchVerdict::TooMuch;
    }
    const Money passed = m_books.sum(SumKind::OwedBy, dispute.complaint.from).total;
    const bool counts = !dispute.complaint.path.empty();
    answer(dispute, wrongBehind || counts ? ComplaintReply::LooksIntoIt : ComplaintReply::Disagrees, passed, passed,
           {});
    m_books.setDispute(dispute, m_clock.now());
    investigate(dispute.complaint.path, dispute.number);
}

void AccountingServer::Engine::answer(Dispute& dispute, ComplaintReply reply, Money counted, Money confirmed,
                                      Money rectified) {
    ComplaintAnswer made;
    made.number = dispute.complaint.number;
    made.from = m_config.isp;
    made.to = dispute.complaint.from;
    made.reply = reply;
    made.counted = counted;
    made.confirmed = confirmed;
    made.rectified = rectified;
    made.time = m_clock.now();
    made.signature = m_identity.sign(complaintAnswerMessage(made));
    dispute.answer = made;
    dispute.changed = made.time;
    afterCommit([this, made] {
        for (auto& [party, link] : m_links) {
            if (party.isSibling() || party.isp != made.to || !link.connection) continue;
            (void)link.connection->send(encode(Message(made)));
            return;
        }
    });
}

// --- how it ends

void AccountingServer::Engine::settleDisputes() {
    finishInvestigations();
    const SystemTime now = m_clock.now();
    // After a start the comparisons need their time before they say anything.
    const bool certain = m_clock.steady() - m_started > 3 * m_config.watch.grace;
    std::vector<Dispute> changed;
    for (const auto& [number, dispute] : m_books.disputes()) {
        const Complaint& complaint = dispute.complaint;
        if (dispute.state != DisputeState::Open || complaint.from != m_config.isp) continue;
        const bool fits = !dispute.onPath && m_watch.verdict(complaint.subject, complaint.isp) == WatchVerdict::Fits;
        const bool late = now - complaint.time > m_config.watch.disputeTime;
        if (!(fits && certain) && !late) continue;
        changed.push_back(dispute);
        changed.back().state = fits && certain ? DisputeState::Resolved : DisputeState::Unresolved;
        changed.back().changed = now;
    }
    for (const Dispute& dispute : changed) {
        m_books.setDispute(dispute, now);
        if (dispute.state != DisputeState::Unresolved) continue;
        const IspId other = dispute.complaint.to;
        std::string text = dispute.text(m_config.isp);
        if (m_config.watch.blacklist && std::find(m_blacklist.begin(), m_blacklist.end(), other) == m_blacklist.end()) {
            text += " Packets that go on to " + nameOf(other) + " are not taken any more.";
            auto isps = m_blacklist;
            isps.push_back(other);
            setBlacklist(std::move(isps));
        }
        m_books.alarm(AlarmKind::Dispute, nameOf(other), text, now);
    }
}

}  // namespace netpas::accounting
