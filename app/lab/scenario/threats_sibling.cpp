// A compromised accounting server beside another one of the same ISP (NetPaS §4.4.1).
#include "app/lab/scenario/books.h"
#include "app/lab/scenario/threats.h"
#include "core/random.h"

namespace netpas::lab::threats {

using namespace std::chrono_literals;
using accounting::Confirmation;
using accounting::ForwardedConfirmation;
using accounting::ForwardPayment;
using accounting::Message;

std::vector<ForwardPayment> ordersFor(const OverlayCustomer& accomplice, const std::vector<uint16_t>& through,
                                      size_t count) {
    std::vector<ForwardPayment> made;
    for (size_t i = 0; i < count; ++i) {
        ForwardPayment forward;
        forward.position = 1;
        forward.payment.id = payments::newPaymentId();
        forward.payment.payee = accomplice.identity().nodeId();
        forward.payment.amount = dollars("0.01");
        forward.payment.time = systemClock().now();
        forward.payment.expires = forward.payment.time + 10s;
        for (const uint16_t isp : through) forward.fees.push_back({IspId(isp), Money::zero()});
        made.push_back(std::move(forward));
    }
    return made;
}

namespace {

// One of C's servers is taken. Its sibling goes on: it checks what it is told, keeps its customers, and what can be ordered through it ends
// at the neighbour's credit.
class ThroughSibling {
public:
    ThroughSibling(Run& run, Lab& lab, Finding& finding, std::string credit)
        : m_run(run), m_lab(lab), m_finding(finding), m_credit(std::move(credit)) {}
    ~ThroughSibling() {
        m_run.thread().run([&] { m_relay.reset(); });
    }
    ThroughSibling(const ThroughSibling&) = delete;
    ThroughSibling& operator=(const ThroughSibling&) = delete;

    Expected<void> attack() {
        LAB_TRY(prepare());
        RogueIsp rogue(m_run.thread(), *m_identity, m_net->server(m_other));
        LAB_TRY(rogue.awaitUp());
        LAB_TRY(claimCustomers(rogue));
        LAB_TRY(forge(rogue));
        LAB_TRY(orderPayments(rogue));
        const auto done = m_run.accuseByExport(*m_net, m_other, audit::Claim::ForgedConfirmation, "");
        for (const uint16_t isp : {m_x, m_other, m_v}) m_net->stop(isp);
        return done;
    }

private:
    Expected<void> prepare() {
        OverlayIspSpec ofX{m_x, "X", "0", 0, {m_other}, "100", {{"payer", "per_second = 1000"}}, 0, ""};
        OverlayIspSpec ofTaken{m_taken, "C1", "0", 0, {}, "100", {}, 0, ""};
        OverlayIspSpec ofOther{m_other, "C2", "0", 0, {m_x, m_v}, "100", {{"shop", "receive = true"}}, 0, ""};
        OverlayIspSpec ofV{m_v, "V", "0", 0, {m_other}, m_credit, {{"accomplice", "receive = true"}}, 0, ""};
        ofTaken.siblings = {m_other};
        ofOther.siblings = {m_taken};
        ofOther.number = m_taken;
        auto overlay = Overlay::make(m_lab, {ofX, ofTaken, ofOther, ofV});
        if (!overlay) return tl::unexpected(overlay.error());
        m_net = std::move(*overlay);
        LAB_TRY(takeOver());
        for (const uint16_t isp : {m_x, m_other, m_v}) LAB_TRY(m_net->start(isp));
        m_payer = std::make_unique<OverlayCustomer>(m_run.thread(), *m_net, m_x, "payer");
        m_shop = std::make_unique<OverlayCustomer>(m_run.thread(), *m_net, m_other, "shop");
        m_accomplice = std::make_unique<OverlayCustomer>(m_run.thread(), *m_net, m_v, "accomplice");
        LAB_TRY(m_payer->join(false));
        LAB_TRY(m_shop->join(true));
        LAB_TRY(m_accomplice->join(true));
        return waitUntil("the sibling to be connected with X and V", 20s, [&] {
            const auto books = m_net->books(m_other);
            for (const Json& one : books ? books->value("neighbours", Json::array()) : Json::array()) {
                if (!one.value("connected", false)) return false;
            }
            return books.has_value();
        });
    }

    // Whoever has the taken server's key answers in its place, too: what the sibling says comes here.
    Expected<void> takeOver() {
        auto identity = Identity::loadOrCreate(m_net->identityFile(m_taken));
        if (!identity) return fail(LabErrc::State, "no key of the taken server");
        m_identity = std::make_unique<Identity>(std::move(*identity));
        RelayOptions options;
        options.listen = m_net->endpoint(m_taken);
        options.face = m_identity.get();
        options.to = m_net->server(m_other);
        options.mask = [this](const PublicKey&) { return m_identity.get(); };
        bool listening = false;
        m_run.thread().run([&] {
            m_relay = std::make_unique<OverlayRelay>(m_run.thread().io(), options);
            m_relay->setHook([this](OverlayRelay::Direction, const Message& message) {
                if (const auto* no = std::get_if<accounting::PaymentRefused>(&message)) {
                    ++m_refusals;
                    m_reason = std::string(describe(no->reason)) + " at ISP " + std::to_string(no->where.value());
                }
                return std::vector<Message>{};
            });
            listening = m_relay->start().has_value();
        });
        if (!listening) return fail(LabErrc::System, "nobody can answer in the taken server's place");
        return {};
    }

    // That the shop is its own customer: the shop's server knows better.
    Expected<void> claimCustomers(RogueIsp& rogue) {
        const accounting::SiblingCustomers claim{true, {m_shop->identity().nodeId()}, {}};
        m_finding.attempts += static_cast<uint64_t>(rogue.say(claim));
        const auto order = m_payer->order(m_shop->identity().nodeId(), m_taken, dollars("0.01"));
        if (!order) return tl::unexpected(order.error());
        const auto paid = m_payer->pay(*order);
        const bool good = paid && std::holds_alternative<payments::PaymentConfirmation>(*paid);
        m_run.require(good, "the other server's customer cannot be paid any more");
        m_finding.refused += static_cast<uint64_t>(good);
        return {};
    }

    // Confirmations that V has not signed.
    Expected<void> forge(RogueIsp& rogue) {
        const Identity stranger = Identity::generate();
        const PriceCode price = *PriceCode::roundUp(dollars("0.000003"));
        std::vector<HopBlock> path;
        for (const uint16_t isp : {m_x, m_taken, m_v})
            path.push_back({IspId(isp), ServiceClass(1), price, ExitPoint(0)});
        for (uint64_t i = 0; i < forgeries; ++i) {
            Confirmation forged;
            for (uint8_t& byte : forged.id) byte = static_cast<uint8_t>(systemRandom().below(256));
            forged.time = systemClock().now();
            forged.confirming = forged.beneficiary = IspId(m_v);
            forged.amount = dollars(ThreatNet::threshold);
            forged.header = *AccountingHeader::make(path);
            accounting::signAsConfirming(forged, stranger);
            accounting::signAsBeneficiary(forged, stranger);
            m_finding.attempts += static_cast<uint64_t>(rogue.say(ForwardedConfirmation{forged}));
        }
        LAB_TRY(waitUntil("the sibling's answers", 10s,
                          [&] { return rogue.acks()[accounting::AckResult::BadSignature] >= forgeries; }));
        m_finding.refused += forgeries;
        return {};
    }

    // To an accomplice behind V.
    Expected<void> orderPayments(RogueIsp& rogue) {
        constexpr uint64_t ordered = 200;
        for (const ForwardPayment& forward : ordersFor(*m_accomplice, {m_taken, m_v}, ordered))
            m_finding.attempts += static_cast<uint64_t>(rogue.say(forward));
        uint64_t confirmed = 0;
        const auto enough = waitUntil("V to have enough of C", 20s, [&] {
            const auto books = m_net->books(m_v);
            const Json* debt = books ? findEntry(*books, "payments", "isp", m_taken) : nullptr;
            if (debt != nullptr) confirmed = debt->value("confirmed_from", uint64_t{0});
            return m_refusals + confirmed >= ordered;
        });
        m_run.say("the last refusal: " + reason());
        LAB_TRY(enough);
        const auto books = m_net->books(m_v);
        if (!books) return tl::unexpected(books.error());
        const Money lost = owedToV(*books);
        m_finding.refused += m_refusals;
        m_finding.loss = plus(m_finding.loss, lost);
        m_finding.bound = plus(m_finding.bound, dollars(m_credit));
        m_finding.seen.push_back("through its sibling the taken server passed on " + lost.toString() +
                                 ", V's credit; the sibling refused " + std::to_string(forgeries) +
                                 " forged confirmations and kept its customers");
        return {};
    }
    [[nodiscard]] std::string reason() {
        std::string copy;
        m_run.thread().run([&] { copy = m_reason; });
        return copy;
    }
    [[nodiscard]] Money owedToV(const Json& books) const {
        return entryAmount(books, "payments", "isp", m_taken, "owes");
    }

    static constexpr uint64_t forgeries = 50;
    Run& m_run;
    Lab& m_lab;
    Finding& m_finding;
    std::string m_credit;
    // The ISP has the number of the taken server; `m_other` is only the kit's name for the sibling.
    uint16_t m_x = m_run.isp(5), m_taken = m_run.isp(6), m_other = m_run.isp(7), m_v = m_run.isp(8);
    std::unique_ptr<Overlay> m_net;
    std::unique_ptr<Identity> m_identity;
    std::unique_ptr<OverlayRelay> m_relay;  // on the run's thread, as m_reason
    std::atomic<uint64_t> m_refusals{0};
    std::string m_reason;
    std::unique_ptr<OverlayCustomer> m_payer, m_shop, m_accomplice;
};

}  // namespace

Expected<void> throughSibling(Run& run, Lab& lab, Finding& finding, const std::string& credit) {
    return ThroughSibling(run, lab, finding, credit).attack();
}

}  // namespace netpas::lab::threats
