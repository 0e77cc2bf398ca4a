// What the routes work on: everything that the secretary owns. Each part is composed in secretary_process; a test composes
// what its routes use and leaves the rest null. Control thread.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "core/clock.h"
#include "core/ids.h"
#include "core/ledger/ledger.h"
#include "core/net_address.h"
#include "core/store/documents.h"
#include "secretary/budget.h"
#include "secretary/learning/proposal.h"

namespace netpas::secretary::rules {
class RuleBook;
}

namespace netpas::secretary::contacts {
class ContactBook;
}
namespace netpas::secretary::delivery {
class DeliveryBook;
}
namespace netpas::secretary::payees {
class PayeeBook;
}

namespace netpas::secretaryd {

class ContentDesk;
class DecisionDesk;
class DeviceDesk;
class NeighbourDesk;
class PaymentService;
class PurchaseService;
class ReceivingDesk;
class ReversePurchases;
class ReverseSales;
class VaultService;

// The ISP that everything is bought through.
struct HomeIsp {
    IspId isp;
    std::string name;
    Endpoint directory;
    bool connected = false;  // the accounting server
};

struct JoinedIsp {
    IspId isp;
    std::string name;
    std::string customer;  // what the ISP calls this customer
};

// As it is answered to who asked.
struct ApiFailure {
    unsigned status = 500;
    std::string code;
    std::string message;
    std::string hint;
};

class IspDesk {
public:
    virtual ~IspDesk() = default;
    [[nodiscard]] virtual std::optional<HomeIsp> home() const = 0;
    // Makes the ISP of this URL the one that is bought through, and enrols there.
    virtual void join(const std::string& url, std::function<void(tl::expected<JoinedIsp, ApiFailure>)> done) = 0;
};

// What the agent last said of itself.
struct AgentReport {
    bool connected = false;
    std::string name;
    bool planeUp = false;
    std::string trouble;
};

struct SecretaryState {
    const Clock& clock;
    std::string version;
    secretary::HardLimits limits;
    ledger::Ledger* ledger = nullptr;
    PurchaseService* purchases = nullptr;
    PaymentService* payments = nullptr;
    ContentDesk* content = nullptr;
    ReceivingDesk* receiving = nullptr;
    ReversePurchases* reversePurchases = nullptr;
    ReverseSales* reverseSales = nullptr;
    IspDesk* isp = nullptr;
    store::Documents* documents = nullptr;
    secretary::contacts::ContactBook* contacts = nullptr;
    secretary::payees::PayeeBook* payees = nullptr;
    secretary::delivery::DeliveryBook* deliveries = nullptr;
    DecisionDesk* decisions = nullptr;
    DeviceDesk* devices = nullptr;
    NeighbourDesk* neighbours = nullptr;
    VaultService* vault = nullptr;           // the others are null while it is locked
    std::optional<ApiFailure> noVault = {};  // why there is none: its files cannot be used
    // Those of `decisions`, unless something else was put here.
    secretary::rules::RuleBook* rules = nullptr;
    std::function<void()> rulesChanged = {};
    std::function<std::vector<secretary::learning::RuleProposal>()> ruleProposals = {};
    std::function<AgentReport()> agent = {};
    // Add your part here, as a pointer, and compose it in secretary_process.
};

}  // namespace netpas::secretaryd
