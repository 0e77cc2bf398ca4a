// The smallest overlay: B pays A through three accounting servers and a member in the middle is killed meanwhile. Shows that
// the overlay kit starts, kills and restarts real servers and that their books are what was paid.
#include <nlohmann/json.hpp>

#include "app/lab/scenario/books.h"
#include "app/lab/scenario/overlay_kit.h"
#include "app/lab/scenario/scenario.h"

namespace netpas::lab {
namespace {

using namespace std::chrono_literals;
using accounting::PaymentRefusal;
using accounting::PaymentRefused;

Money nano(int64_t n) { return Money::fromEighths(n * Money::eighthsPerNanodollar); }

// What `isp` says of a party's debt; "0" when it says nothing.
std::string debt(const Json& books, const std::string& kind, const Json& party, const std::string& key) {
    const Json* entry = findEntry(books, "payments", kind, party);
    return entry == nullptr ? "0" : entry->value(key, "0");
}

Expected<void> run(ScenarioContext& context) {
    auto overlay =
        Overlay::make(context.lab(), {{25, "Y", "0.0000005", 0, {26}, "100", {{"B", ""}}, -0.8, ""},
                                      {26, "M", "0", 0, {25, 24}, "100", {}, 0, ""},
                                      {24, "X", "0.000002", 0, {26}, "100", {{"A", "receive = true"}}, 0.8, ""}});
    if (!overlay) return tl::unexpected(overlay.error());
    Overlay& net = **overlay;
    LAB_TRY(net.startAll());
    LAB_TRY(net.awaitConnected(20s));
    auto thread = OverlayThread::start(context.lab().netns(net.node()));
    if (!thread) return tl::unexpected(thread.error());
    OverlayCustomer payer(**thread, net, 25, "B");
    OverlayCustomer payee(**thread, net, 24, "A");
    LAB_TRY(payer.join(false));
    LAB_TRY(payee.join(true));
    const auto order = payer.order(payee.identity().nodeId(), 24, nano(100'000));
    if (!order) return tl::unexpected(order.error());
    const auto paid = payer.pay(*order);
    if (!paid) return tl::unexpected(paid.error());
    context.expect(std::holds_alternative<payments::PaymentConfirmation>(*paid), "the payment was refused");

    context.say("M is killed: there is no other way.");
    net.kill(26);
    auto late = order->order;
    late.payment.id = payments::newPaymentId();
    late.payment.time = systemClock().now();
    late.payment.expires = late.payment.time + 4s;
    const auto refused = payer.pay(payer.sign(late));
    if (!refused) return tl::unexpected(refused.error());
    const auto* why = std::get_if<PaymentRefused>(&*refused);
    context.expect(why != nullptr && (why->reason == PaymentRefusal::NoRoute || why->reason == PaymentRefusal::Expired),
                   "a payment through a dead ISP was not refused");
    LAB_TRY(net.start(26));
    LAB_TRY(net.awaitConnected(20s));
    const auto again = payer.order(payee.identity().nodeId(), 24, nano(100'000));
    if (!again) return tl::unexpected(again.error());
    const auto paidAgain = payer.pay(*again);
    if (!paidAgain) return tl::unexpected(paidAgain.error());
    context.expect(std::holds_alternative<payments::PaymentConfirmation>(*paidAgain), "not paid after the restart");

    Json& result = context.result();
    const auto y = net.books(25);
    const auto m = net.books(26);
    const auto x = net.books(24);
    if (!y || !m || !x) return fail(LabErrc::Process, "books cannot be read");
    result["customer_owes"] = debt(*y, "customer", "B", "owes");
    result["y_owes_m"] = debt(*y, "isp", 26, "owed");
    result["m_is_owed_by_y"] = debt(*m, "isp", 25, "owes");
    result["m_owes_x"] = debt(*m, "isp", 24, "owed");
    result["x_is_owed_by_m"] = debt(*x, "isp", 26, "owes");
    result["x_owes_a"] = debt(*x, "customer", "A", "owed");
    context.expect(result["y_owes_m"] == result["m_is_owed_by_y"] && result["m_owes_x"] == result["x_is_owed_by_m"],
                   "neighbours' books differ");
    context.expect(result["customer_owes"] == nano(205'000).toString(), "B owes " + result["customer_owes"].dump());
    context.expect(result["x_owes_a"] == nano(200'000).toString(), "X owes A " + result["x_owes_a"].dump());
    return context.lab().checkPrograms();
}

}  // namespace

Scenario overlayBasicsScenario() {
    return {"overlay-basics",
            "accounting servers without a network, one killed between two payments",
            "overlay",
            {},
            run,
            false,
            true};
}

}  // namespace netpas::lab
