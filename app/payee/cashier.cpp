#include "app/payee/cashier.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "app/common/asio_timers.h"
#include "app/secretary/isp_link.h"
#include "app/secretary/receiving_desk.h"
#include "core/crypto/hex.h"
#include "core/net/http_client.h"

namespace netpas::payee {

using app::LogLevel;
using payments::PaymentId;
using secretaryd::IspLink;
using secretaryd::ReceivingDesk;
using x402::FacilitatorRequest;
using x402::Receipt;

namespace {

constexpr std::chrono::seconds descriptorTime{5};
constexpr std::chrono::milliseconds joinAgain{2000};
constexpr std::chrono::minutes tidyEvery{10};
constexpr size_t longestDescriptor = size_t{64} << 10;

std::string toStatus(const std::string& trouble, const std::optional<IspId>& isp) {
    if (!isp && trouble.empty()) return "the ISP's directory has not answered yet";
    return trouble;
}

}  // namespace

struct Cashier::Impl : std::enable_shared_from_this<Impl> {
    Impl(boost::asio::io_context& asio, CashierSettings given, Identity own, ledger::Ledger& books, const Clock& time,
         app::LogSink sink)
        : io(asio),
          settings(std::move(given)),
          seed(own.seed()),
          wallet(secretary::Wallet::fromSeed(seed)),
          ledger(books),
          clock(time),
          log(std::move(sink)),
          timers(asio),
          link(asio, wallet.identity(), log) {}

    struct Waiting {
        FacilitatorRequest request;
        bool take = false;
        std::function<void(Receipt)> done;
        app::Timers::Id patience = 0;
    };

    boost::asio::io_context& io;
    CashierSettings settings;
    Identity::Seed seed;
    secretary::Wallet wallet;
    ledger::Ledger& ledger;
    const Clock& clock;
    app::LogSink log;
    app::AsioTimers timers;
    IspLink link;
    std::unique_ptr<ReceivingDesk> desk;
    std::optional<ProofBook> proofs;
    std::optional<IspId> isp;
    std::string trouble;
    std::multimap<PaymentId, Waiting> waiting;

    template <typename Function>
    auto whileAlive(Function function) {
        return [weak = weak_from_this(), function = std::move(function)](auto&&... arguments) {
            if (const auto self = weak.lock()) function(*self, std::forward<decltype(arguments)>(arguments)...);
        };
    }

    tl::expected<void, std::string> open();
    void join();
    void onDescriptor(const net::HttpAnswer& answer);
    void enrol();
    void tidy();
    [[nodiscard]] std::optional<std::string> objection(const FacilitatorRequest& request, std::string& resource) const;
    [[nodiscard]] Receipt receiptFor(const FacilitatorRequest& request) const;
    void judge(FacilitatorRequest request, bool take, std::function<void(Receipt)> done, bool mayWait);
    void wait(FacilitatorRequest request, bool take, std::function<void(Receipt)> done);
    void came(const PaymentId& id);
};

tl::expected<void, std::string> Cashier::Impl::open() {
    auto kept = ProofBook::open(ledger.documents(), settings.rules);
    if (!kept) return tl::unexpected("proofs of payment: " + std::string(describe(kept.error())));
    proofs = std::move(*kept);
    const auto onTaken = [this](const payments::Payment& payment) -> tl::expected<void, ledger::LedgerError> {
        if (!proofs->paid(payment)) return tl::unexpected(ledger::LedgerError::Storage);
        // Not before the transaction is durable.
        boost::asio::post(io, whileAlive([id = payment.id](Impl& self) { self.came(id); }));
        return {};
    };
    auto opened = ReceivingDesk::open({ledger, ledger.documents(), wallet, link, timers, clock, log, onTaken,
                                       [this](bool done) { proofs->written(done); }});
    if (!opened) return tl::unexpected(opened.error());
    desk = std::move(*opened);
    link.listen({[this] { enrol(); },
                 [this](const payments::Payment& payment) {
                     // What could not be kept would be paid for nothing.
                     if (!proofs->hasRoom())
                         return link.refuse(payment.id, "the payee has too many payments to look after");
                     desk->offered(payment);
                 },
                 [this](const accounting::PaymentAckEntry& entry) { desk->taken(entry); },
                 [this](const PaymentId& id) {
                     desk->cancelled(id);
                     if (!proofs->takenBack(id))
                         log(LogLevel::Error, "a payment that was taken back cannot be written down");
                 }});
    return {};
}

void Cashier::Impl::join() {
    net::HttpCall call;
    call.target = "/v1/descriptor";
    call.timeout = descriptorTime;
    call.maxBody = longestDescriptor;
    net::httpCall(io, net::TlsTarget{settings.isp.directory, settings.isp.key}, call,
                  whileAlive([](Impl& self, const net::HttpAnswer& answer) { self.onDescriptor(answer); }));
}

void Cashier::Impl::onDescriptor(const net::HttpAnswer& answer) {
    std::string why = "does not answer";
    if (answer && answer->status == 200) {
        const auto descriptor = directory::openDescriptor(answer->body, settings.isp.key, clock.now());
        if (descriptor) {
            isp = descriptor->validity.isp;
            link.connect(*descriptor);
            return;
        }
        why = std::string(describe(descriptor.error()));
    }
    if (trouble != why) log(LogLevel::Warning, "the ISP's directory " + why + "; it is asked again");
    trouble = why;
    timers.after(joinAgain, whileAlive([](Impl& self) { self.join(); }));
}

// With every connection: enrolling again changes nothing.
void Cashier::Impl::enrol() {
    link.enrol(whileAlive([](Impl& self, const tl::expected<std::string, secretaryd::IspFailure>& enrolled) {
        self.trouble = enrolled ? std::string() : enrolled.error().what;
        if (!enrolled) return self.log(LogLevel::Error, "the ISP does not take this payee: " + self.trouble);
        if (self.desk->state().wanted) return self.desk->ispUp();
        self.desk->set(true, [](const auto&) {});
    }));
}

void Cashier::Impl::tidy() {
    if (!proofs->forgetExpired(clock.now()))
        log(LogLevel::Error, "old proofs cannot be forgotten: free some disk space");
    timers.after(tidyEvery, whileAlive([](Impl& self) { self.tidy(); }));
}

// Everything that needs no books. `resource`: what the proof is for.
std::optional<std::string> Cashier::Impl::objection(const FacilitatorRequest& request, std::string& resource) const {
    using x402::ProofError;
    const x402::Proof& proof = request.presented.proof;
    resource = request.resource.empty() ? proof.resource : request.resource;
    if (!isp) return "payee_not_ready";
    std::optional<ProofError> wrong;
    if (request.required.isp != *isp || request.presented.isp != *isp) {
        wrong = ProofError::OtherNetwork;
    } else if (request.required.payee != wallet.identity().nodeId()) {
        wrong = ProofError::OtherPayee;
    } else {
        wrong = x402::check(proof, request.required, resource);
    }
    return wrong ? std::optional(std::string(code(*wrong))) : std::nullopt;
}

Receipt Cashier::Impl::receiptFor(const FacilitatorRequest& request) const {
    Receipt receipt;
    receipt.transaction = toHex(request.presented.proof.payment.id);
    receipt.network = x402::networkOf(request.required.isp);
    receipt.amount = request.presented.proof.payment.amount;
    return receipt;
}

void Cashier::Impl::judge(FacilitatorRequest request, bool take, std::function<void(Receipt)> done, bool mayWait) {
    Receipt receipt = receiptFor(request);
    std::string resource;
    if (const auto no = objection(request, resource)) {
        receipt.reason = *no;
        return done(receipt);
    }
    const payments::Payment& payment = request.presented.proof.payment;
    ProofVerdict verdict = proofs->judge(payment, resource, clock.now());
    if (verdict == ProofVerdict::NotPaid && mayWait && waiting.size() < settings.mostWaiting) {
        return wait(std::move(request), take, std::move(done));
    }
    if (isGood(verdict) && take) {
        const auto taken = proofs->redeem(payment, resource, clock.now());
        if (!taken) {
            log(LogLevel::Error, "a proof cannot be written down: " + std::string(describe(taken.error())));
            receipt.reason = "storage_failed";
            return done(receipt);
        }
        verdict = *taken;
    }
    receipt.success = isGood(verdict);
    receipt.again = verdict == ProofVerdict::Again;
    receipt.reason = code(verdict);
    done(receipt);
}

void Cashier::Impl::wait(FacilitatorRequest request, bool take, std::function<void(Receipt)> done) {
    const PaymentId id = request.presented.proof.payment.id;
    const auto at = waiting.emplace(id, Waiting{std::move(request), take, std::move(done), 0});
    at->second.patience = timers.after(settings.patience, whileAlive([at](Impl& self) {
                                           Waiting over = std::move(at->second);
                                           self.waiting.erase(at);
                                           self.judge(std::move(over.request), over.take, std::move(over.done), false);
                                       }));
}

void Cashier::Impl::came(const PaymentId& id) {
    std::vector<Waiting> ready;
    const auto [first, last] = waiting.equal_range(id);
    for (auto at = first; at != last; ++at) ready.push_back(std::move(at->second));
    waiting.erase(first, last);
    for (Waiting& one : ready) {
        timers.cancel(one.patience);
        judge(std::move(one.request), one.take, std::move(one.done), false);
    }
}

Cashier::Cashier() = default;

tl::expected<std::unique_ptr<Cashier>, std::string> Cashier::open(boost::asio::io_context& io, CashierSettings settings,
                                                                  Identity identity, ledger::Ledger& ledger,
                                                                  const Clock& clock, app::LogSink log) {
    std::unique_ptr<Cashier> cashier(new Cashier());
    cashier->m_impl =
        std::make_shared<Impl>(io, std::move(settings), std::move(identity), ledger, clock, std::move(log));
    if (auto opened = cashier->m_impl->open(); !opened) return tl::unexpected(opened.error());
    return cashier;
}

Cashier::~Cashier() {
    m_impl->link.listen({});
    m_impl->link.disconnect();
    m_impl->desk.reset();
}

void Cashier::start() {
    m_impl->join();
    m_impl->tidy();
}

CashierState Cashier::state() const {
    const auto receiving = m_impl->desk->state();
    const std::string trouble = m_impl->trouble.empty() ? receiving.trouble : m_impl->trouble;
    return {m_impl->wallet.identity().nodeId(), m_impl->isp, receiving.accepted && m_impl->link.isUp(),
            toStatus(trouble, m_impl->isp), m_impl->proofs->totals()};
}

void Cashier::judge(const FacilitatorRequest& request, bool take, std::function<void(Receipt)> done) {
    m_impl->judge(request, take, std::move(done), true);
}

}  // namespace netpas::payee
