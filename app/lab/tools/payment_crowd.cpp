// netpas-lab tool payment-crowd: payers and payees of one ISP in one process, which may be killed at any time. Payers work
// through intents: each is paid with an order that is durable before it is sent, and only when the ISP has signed that
// nothing is owed for it is another one made. Payees make a payment durable before they confirm it.
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <set>

#include <nlohmann/json.hpp>

#include "app/lab/scenario/overlay_kit.h"
#include "app/lab/tools/crowd_journal.h"
#include "app/lab/tools/tools.h"
#include "core/random.h"

namespace netpas::lab {
namespace {

using namespace std::chrono_literals;
using accounting::AccountingClient;
using accounting::PaymentResult;
using accounting::PaymentState;
using payments::PaymentConfirmation;
using payments::PaymentId;
using Steady = std::chrono::steady_clock;

constexpr auto beat = 10ms;
constexpr size_t mostUnderWay = 256;
constexpr auto pauseBeforeRetry = 300ms;

struct Target {
    NodeId node;
    IspId isp;
};

struct Plan {
    accounting::ServerAddress server;
    std::vector<Target> targets;
    uint64_t firstIntent = 0;
    uint64_t intents = 0;
    uint64_t tries = 3;
    double rate = 10;  // attempts a second
    double forge = 0;  // share of confirmations with a wrong signature
    uint64_t seed = 1;
    std::filesystem::path status;
};

class Crowd;

struct Member {
    Member(Crowd& ofCrowd, std::string itsName, Identity itsIdentity, bool itReceives)
        : crowd(ofCrowd), name(std::move(itsName)), identity(std::move(itsIdentity)), receives(itReceives) {}
    Crowd& crowd;
    std::string name;
    Identity identity;
    bool receives;
    std::unique_ptr<AccountingClient> client;
    std::map<IspId, std::vector<payments::Fee>> ways;
    Steady::time_point asked{};
};

class Crowd {
public:
    Crowd(Plan plan, CrowdJournal journal) : m_plan(std::move(plan)), m_journal(std::move(journal)), m_timer(m_io) {}

    void addMember(std::string name, const IpAddress& address, Identity identity, bool receives) {
        auto member = std::make_unique<Member>(*this, std::move(name), std::move(identity), receives);
        Member& self = *member;
        AccountingClient::Handlers handlers;
        handlers.onUp = [this, &self] { up(self); };
        handlers.onPayment = [this, &self](const payments::Payment& payment) {
            m_offered.emplace_back(&self, payment);
        };
        handlers.onPaymentTaken = [this](const accounting::PaymentAckEntry& entry) { taken(entry); };
        handlers.onPaymentCancelled = [this](const PaymentId& id) { takenBack(id); };
        self.client = std::make_unique<AccountingClient>(m_io, self.identity, m_plan.server, handlers,
                                                         connectorFrom(m_io, address));
        m_members.push_back(std::move(member));
    }

    int run() {
        resume();
        for (const auto& member : m_members) member->client->start();
        m_begin = Steady::now();
        arm();
        sayReady();
        m_io.run();
        return m_failed ? 1 : 0;
    }

private:
    struct Intent {
        uint64_t tries = 0;
        bool settled = false;
    };

    void check(const Expected<void>& done) {
        if (done) return;
        std::cerr << done.error().text << std::endl;
        m_failed = true;
        m_io.stop();
    }

    Member* payer(const std::string& name) {
        for (const auto& member : m_members) {
            if (member->name == name) return member.get();
        }
        return nullptr;
    }

    // --- what the journal says after a start

    void resume() {
        std::map<uint64_t, Intent> intents;
        uint64_t next = 0;
        for (const auto& [id, attempt] : m_journal.attempts()) {
            Intent& intent = intents[attempt.intent];
            ++intent.tries;
            intent.settled |= attempt.state != AttemptState::Unpaid;
            next = std::max(next, attempt.intent - m_plan.firstIntent + 1);
            if (attempt.state == AttemptState::Open) m_resend.push_back(id);
        }
        m_next = next;
        m_underWay = m_resend.size();
        // Also those that had found no way yet when the process died.
        for (uint64_t number = m_plan.firstIntent; number < m_plan.firstIntent + next; ++number) {
            const Intent& intent = intents[number];
            m_tries[number] = intent.tries;
            if (!intent.settled && intent.tries < m_plan.tries) m_again.emplace_back(Steady::now(), number);
        }
    }

    void up(Member& member) {
        member.client->join([this, &member](const auto& joined) {
            if (!joined) return;
            if (member.receives) member.client->setReceiving(true, [](const auto&) {});
            for (const auto& [id, receipt] : m_journal.receipts()) {
                if (receipt.payee == member.name && receipt.state == ReceiptState::Signed)
                    member.client->confirmPayment(receipt.confirmation);
            }
        });
        member.ways.clear();
    }

    // --- the beat: everything of 10 ms in one group

    void arm() {
        m_timer.expires_after(beat);
        m_timer.async_wait([this](const boost::system::error_code& error) {
            if (error) return;
            if (toolShouldEnd()) {
                check(m_journal.commit());
                return m_io.stop();
            }
            onBeat();
            if (!m_failed) arm();
        });
    }

    void onBeat() {
        std::vector<PaymentId> fresh;
        pace(fresh);
        std::vector<std::pair<Member*, PaymentConfirmation>> confirmations;
        for (const auto& [member, payment] : std::exchange(m_offered, {})) offered(*member, payment, confirmations);
        check(m_journal.commit());
        if (m_failed) return;
        for (const PaymentId& id : fresh) send(id);
        for (const auto& [member, confirmation] : confirmations) member->client->confirmPayment(confirmation);
        for (const PaymentId& id : std::exchange(m_resend, {})) send(id);
        if (++m_beats % 20 == 0) writeStatus();
    }

    void pace(std::vector<PaymentId>& fresh) {
        const double elapsed = std::chrono::duration<double>(Steady::now() - m_begin).count();
        const auto due = static_cast<uint64_t>(elapsed * m_plan.rate);
        while (m_started < due && m_underWay < mostUnderWay) {
            std::optional<uint64_t> intent;
            if (!m_again.empty() && m_again.front().first <= Steady::now()) {
                intent = m_again.front().second;
                m_again.pop_front();
            } else if (m_next < m_plan.intents) {
                intent = m_plan.firstIntent + m_next++;
            }
            if (!intent) {
                m_started = due;
                return;
            }
            ++m_started;
            begin(*intent, fresh);
        }
        m_started = std::max(m_started, due);  // what could not be sent in time is not made up for
    }

    // --- payers

    // The same payer, payee and amount whenever the intent is tried.
    void begin(uint64_t number, std::vector<PaymentId>& fresh) {
        SeededRandom draw(m_plan.seed * 1'000'003 + number);
        std::vector<Member*> payers;
        for (const auto& member : m_members) {
            if (!member->receives) payers.push_back(member.get());
        }
        Member& payer = *payers[draw.below(payers.size())];
        const Target& target = m_plan.targets[draw.below(m_plan.targets.size())];
        const Money amount = Money::fromEighths(8000 + static_cast<int64_t>(draw.below(800'000)));
        const auto way = payer.ways.find(target.isp);
        if (way == payer.ways.end()) {
            askWay(payer, target.isp);
            m_again.emplace_back(Steady::now() + pauseBeforeRetry, number);
            return;
        }
        Attempt attempt;
        attempt.intent = number;
        attempt.payer = payer.name;
        payments::PaymentOrder& order = attempt.order.order;
        order.payer = payer.identity.nodeId();
        order.fees = way->second;
        order.payment.id = payments::newPaymentId();
        order.payment.payee = target.node;
        order.payment.amount = amount;
        order.payment.description = payments::describe("intent " + std::to_string(number), {});
        order.payment.time = systemClock().now();
        order.payment.expires = order.payment.time + std::chrono::seconds(order.fees.size() + 1);
        attempt.order.signature = payer.identity.sign(payments::orderMessage(order));
        check(m_journal.add(attempt));
        ++m_tries[number];
        ++m_underWay;
        fresh.push_back(order.payment.id);
    }

    void askWay(Member& member, IspId isp) {
        const auto now = Steady::now();
        if (now - member.asked < 50ms) return;
        member.asked = now;
        member.client->findRoute(isp, Money::fromEighths(400'000), [&member, isp](const auto& found) {
            if (found && !found->fees.empty()) member.ways[isp] = found->fees;
        });
    }

    void send(const PaymentId& id) {
        const Attempt& attempt = m_journal.attempts().at(id);
        Member* member = payer(attempt.payer);
        member->client->pay(attempt.order, [this, id, member](const auto& outcome) {
            if (!outcome) return ask(id, *member);
            if (const auto* confirmation = std::get_if<PaymentConfirmation>(&*outcome)) {
                return confirmed(id, *member, *confirmation);
            }
            const auto& refused = std::get<accounting::PaymentRefused>(*outcome);
            if (refused.reason == accounting::PaymentRefusal::NoRoute ||
                refused.reason == accounting::PaymentRefusal::FeeTooSmall) {
                member->ways.clear();
            }
            ask(id, *member);
        });
    }

    void confirmed(const PaymentId& id, Member& member, const PaymentConfirmation& confirmation) {
        const Attempt& attempt = m_journal.attempts().at(id);
        if (attempt.state != AttemptState::Open) return;
        if (payments::verify(confirmation, attempt.order.order.payment)) {
            return ended(id, AttemptState::Paid, confirmation);
        }
        member.client->cancelPayment(id, confirmation.payee, [this, id, &member, confirmation](const auto& ack) {
            if (!ack) return ask(id, member);
            const bool done = ack->result == PaymentResult::Done || ack->result == PaymentResult::Already;
            ended(id, done ? AttemptState::Unpaid : AttemptState::Lost, confirmation);
        });
    }

    // Refusals carry no signature: what counts is what the ISP signs.
    void ask(const PaymentId& id, Member& member) {
        member.client->queryPayment(id, [this, id, &member](const auto& said) {
            const auto& attempt = m_journal.attempts().at(id);
            if (attempt.state != AttemptState::Open) return;
            const bool expired = systemClock().now() > attempt.order.order.payment.expires + 1s;
            if (said && said->state == PaymentState::Confirmed) return later(id, 50ms);  // the confirmation is there
            if (said && said->state == PaymentState::Unknown && expired) return ended(id, AttemptState::Unpaid, {});
            const bool over = said && said->final && said->charged == Money::zero();
            if (over && said->state != PaymentState::Unknown) return ended(id, AttemptState::Unpaid, {});
            later(id, 500ms);
        });
    }

    void later(const PaymentId& id, std::chrono::milliseconds pause) {
        const auto timer = std::make_shared<boost::asio::steady_timer>(m_io, pause);
        timer->async_wait([this, id, timer](const boost::system::error_code& error) {
            if (!error) m_resend.push_back(id);
        });
    }

    void ended(const PaymentId& id, AttemptState state, const std::optional<PaymentConfirmation>& confirmation) {
        const Attempt& attempt = m_journal.attempts().at(id);
        if (attempt.state != AttemptState::Open) return;
        check(m_journal.end(id, state, confirmation));
        if (m_underWay > 0) --m_underWay;
        if (state == AttemptState::Unpaid && m_tries[attempt.intent] < m_plan.tries) {
            m_again.emplace_back(Steady::now() + pauseBeforeRetry, attempt.intent);
        }
    }

    // --- payees

    void offered(Member& member, const payments::Payment& payment,
                 std::vector<std::pair<Member*, PaymentConfirmation>>& confirmations) {
        const auto known = m_journal.receipts().find(payment.id);
        if (known != m_journal.receipts().end()) {
            confirmations.emplace_back(&member, known->second.confirmation);
            return;
        }
        Receipt receipt;
        receipt.payee = member.name;
        receipt.payment = payment;
        receipt.confirmation = payments::confirm(payment, member.identity, systemClock().now());
        SeededRandom draw(m_plan.seed ^ load64(payment.id.data()));
        receipt.forged = static_cast<double>(draw.below(1'000'000)) < m_plan.forge * 1e6;
        if (receipt.forged) receipt.confirmation.signature.bytes[5] ^= 1;
        check(m_journal.add(receipt));
        confirmations.emplace_back(&member, receipt.confirmation);
    }

    void taken(const accounting::PaymentAckEntry& entry) {
        const auto known = m_journal.receipts().find(entry.id);
        if (entry.cancellation || known == m_journal.receipts().end()) return;
        if (known->second.state != ReceiptState::Signed) return;
        const bool good = entry.result == PaymentResult::Done || entry.result == PaymentResult::Already;
        check(m_journal.end(entry.id, good ? ReceiptState::Credited : ReceiptState::Refused));
    }

    void takenBack(const PaymentId& id) {
        if (m_journal.receipts().contains(id)) check(m_journal.end(id, ReceiptState::TakenBack));
    }

    // --- for whoever waits; not evidence

    void writeStatus() {
        uint64_t open = 0;
        uint64_t paid = 0;
        for (const auto& [id, attempt] : m_journal.attempts()) {
            open += attempt.state == AttemptState::Open ? 1 : 0;
            paid += attempt.state == AttemptState::Paid ? 1 : 0;
        }
        uint64_t unacknowledged = 0;
        for (const auto& [id, receipt] : m_journal.receipts()) {
            unacknowledged += receipt.state == ReceiptState::Signed ? 1 : 0;
        }
        const bool done = m_next >= m_plan.intents && m_again.empty() && open == 0 && unacknowledged == 0;
        const Json status{
            {"started", m_next}, {"open", open}, {"paid", paid}, {"unacknowledged", unacknowledged}, {"done", done}};
        const auto fresh = m_plan.status.string() + ".new";
        std::ofstream(fresh) << status.dump();
        std::error_code error;
        std::filesystem::rename(fresh, m_plan.status, error);
    }

    boost::asio::io_context m_io;
    Plan m_plan;
    CrowdJournal m_journal;
    boost::asio::steady_timer m_timer;
    std::vector<std::unique_ptr<Member>> m_members;
    std::vector<std::pair<Member*, payments::Payment>> m_offered;
    std::vector<PaymentId> m_resend;
    std::deque<std::pair<Steady::time_point, uint64_t>> m_again;
    std::map<uint64_t, uint64_t> m_tries;
    Steady::time_point m_begin;
    uint64_t m_next = 0;
    uint64_t m_started = 0;
    uint64_t m_underWay = 0;
    uint64_t m_beats = 0;
    bool m_failed = false;
};

}  // namespace

int paymentCrowdTool(const ToolArguments& arguments) {
    std::ifstream in(arguments.text("config"));
    const Json json = Json::parse(in, nullptr, false);
    if (!json.is_object()) {
        std::cerr << "payment-crowd: config= names no JSON object" << std::endl;
        return 2;
    }
    Plan plan;
    plan.server.endpoint = {*IpAddress::parse(json.at("address").get<std::string>()), json.at("port").get<uint16_t>()};
    plan.server.key = *PublicKey::parse(json.at("key").get<std::string>());
    for (const Json& target : json.at("targets")) {
        plan.targets.push_back({*NodeId::parse(target.at("node").get<std::string>()), IspId(target.at("isp"))});
    }
    plan.firstIntent = json.at("first_intent");
    plan.intents = json.at("intents");
    plan.rate = json.at("rate");
    plan.forge = json.at("forge");
    plan.seed = json.at("seed");
    plan.status = json.at("status").get<std::string>();
    auto journal = CrowdJournal::open(json.at("journal").get<std::string>());
    if (!journal) {
        std::cerr << journal.error().text << std::endl;
        return 1;
    }
    Crowd crowd(std::move(plan), std::move(*journal));
    for (const Json& member : json.at("members")) {
        auto identity = Identity::loadOrCreate(member.at("identity").get<std::string>());
        if (!identity) return 1;
        crowd.addMember(member.at("name"), *IpAddress::parse(member.at("address").get<std::string>()),
                        std::move(*identity), member.at("receives"));
    }
    return crowd.run();
}

}  // namespace netpas::lab
