// Takes the payments of one payee: connected with its ISP, each payment durable before it is confirmed, and says of a proof whether it
// has been paid, once its ISP owes the money. One thread: the one that runs the io_context.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include <tl/expected.hpp>

#include "app/common/log.h"
#include "app/payee/proof_book.h"
#include "core/clock.h"
#include "core/crypto/identity.h"
#include "core/directory/documents.h"
#include "core/ledger/ledger.h"
#include "core/x402/proof.h"
#include "core/x402/receipt.h"

namespace boost::asio {
class io_context;
}

namespace netpas::payee {

struct CashierSettings {
    directory::JoinUrl isp;
    ProofRules rules;
    // A proof may come faster than the ISP's word that it owes the payment.
    std::chrono::milliseconds patience{3000};
    size_t mostWaiting = 4096;
};

struct CashierState {
    NodeId payee;
    std::optional<IspId> isp;  // nothing: not known yet
    bool receiving = false;
    std::string trouble;
    ProofTotals totals;
};

class Cashier {
public:
    // `identity` is consumed; `ledger` and `clock` outlive it.
    [[nodiscard]] static tl::expected<std::unique_ptr<Cashier>, std::string> open(boost::asio::io_context& io,
                                                                                  CashierSettings settings,
                                                                                  Identity identity,
                                                                                  ledger::Ledger& ledger,
                                                                                  const Clock& clock, app::LogSink log);
    ~Cashier();
    Cashier(const Cashier&) = delete;
    Cashier& operator=(const Cashier&) = delete;

    // Connects, and stays connected.
    void start();
    [[nodiscard]] CashierState state() const;

    // `take`: the proof counts from now on (once), durable before the answer; else nothing changes. The answer may come later, and
    // comes once.
    void judge(const x402::FacilitatorRequest& request, bool take, std::function<void(x402::Receipt)> done);

private:
    Cashier();
    struct Impl;
    std::shared_ptr<Impl> m_impl;
};

}  // namespace netpas::payee
