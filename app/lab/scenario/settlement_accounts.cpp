// Settlement: a payee that is complained about while its ISP is away, frozen and looked into (NetPaS §4.1.4).
#include <nlohmann/json.hpp>

#include "app/lab/scenario/books.h"
#include "app/lab/scenario/settlement.h"
#include "core/crypto/hex.h"

namespace netpas::lab::settlement {

using namespace std::chrono_literals;
using accounting::PaymentRefusal;

namespace {

class Suspicion {
public:
    Suspicion(World& world, Due& due) : m_world(world), m_due(due) {}

    Expected<void> run() {
        LAB_TRY(raid());
        LAB_TRY(complainWhileAway());
        LAB_TRY(frozen());
        LAB_TRY(lookedInto());
        return byHand();
    }

private:
    // Every home pays the shop, which it says later that it did not want.
    Expected<void> raid() {
        m_world.context.say("Payments to the shop that nobody wanted; X's server is away when Y's operator complains.");
        for (const auto& home : m_world.homes) {
            payments::SignedOrder order;
            const auto no = pay(m_world, *home, *m_world.shop, x, "0.05", m_due, &order);
            if (!no) return tl::unexpected(no.error());
            m_world.expect(!*no, "the shop could not be paid before it was suspected");
            m_stolen.push_back(toHex(order.order.payment.id));
        }
        return {};
    }

    Expected<void> complain() {
        for (const std::string& payment : m_stolen) {
            const auto said = m_world.operate(y, {"account", "complain", payment, "--reason", "nobody ordered that"});
            if (!said) return tl::unexpected(said.error());
            m_world.expect(said->status == 0, "Y cannot complain: " + said->said);
        }
        return {};
    }

    Expected<Json> blocks(uint16_t isp) {
        const auto said = m_world.operate(isp, {"account", "list", "--json"});
        if (!said) return tl::unexpected(said.error());
        if (said->status != 0 || !said->json.is_object()) return fail(LabErrc::Process, "account list: " + said->said);
        return said->json;
    }

    Expected<void> complainWhileAway() {
        m_world.net->overlay().kill(x);
        LAB_TRY(complain());
        LAB_TRY(m_world.restart(y));
        const auto waiting = blocks(y);
        if (!waiting) return tl::unexpected(waiting.error());
        const size_t durable = waiting->at("complaints_waiting").size();
        m_world.expect(durable == m_stolen.size(), "complaints are lost with Y's server");
        m_world.result()["complaints_kept"] = durable;
        LAB_TRY(m_world.net->overlay().start(x));
        return m_world.net->overlay().awaitConnected(20s);
    }

    Expected<void> awaitTold() {
        return waitUntil("all complaints to be taken", 15s, [&] {
            const auto said = blocks(y);
            return said && said->at("complaints_waiting").empty();
        });
    }

    // Whether a payment to the shop ends like that.
    Expected<std::optional<PaymentRefusal>> tryToPay() {
        return pay(m_world, *m_world.homes[0], *m_world.shop, x, "0.001", m_due);
    }

    Expected<void> frozen() {
        Json now;
        LAB_TRY(waitUntil("the shop's account to be frozen", 15s, [&] {
            auto said = blocks(x);
            if (!said || said->at("frozen").empty()) return false;
            now = std::move(*said);
            return true;
        }));
        LAB_TRY(awaitTold());
        m_world.expect(now.at("complaints").size() == m_stolen.size(), "X does not have every complaint once");
        const auto held = amountAt(now.at("frozen").at(0), "held");
        const auto books = m_world.net->books(x);
        if (!books) return tl::unexpected(books.error());
        const Json* owed = findEntry(*books, "payments", "customer", "shop");
        m_world.expect(owed != nullptr && held && *held == amountAt(*owed, "owed"),
                       "what is owed to the shop is not held");
        m_world.result()["frozen_because"] = now.at("frozen").at(0).at("reason");
        m_world.result()["held"] = held ? held->toString() : "";
        const auto first = tryToPay();
        if (!first) return tl::unexpected(first.error());
        m_world.expect(*first == PaymentRefusal::Frozen, "a frozen account is paid");
        LAB_TRY(m_world.restart(x));
        LAB_TRY(m_world.net->overlay().awaitConnected(20s));
        const auto second = tryToPay();
        if (!second) return tl::unexpected(second.error());
        m_world.expect(*second == PaymentRefusal::Frozen, "after kill -9 a frozen account is paid");
        return {};
    }

    Expected<void> paysAgain(const std::string& when) {
        return waitUntil("payments to pass " + when, 20s, [&] {
            const auto no = tryToPay();
            return no && !*no;
        });
    }

    // Unfrozen, told again about the same payments: they do not count any more, and outlive another crash as such.
    Expected<void> lookedInto() {
        m_world.context.say("X's operator looks into it and unfreezes the account; the same complaints come again.");
        const auto released = m_world.operate(x, {"account", "unfreeze", "shop"});
        if (!released) return tl::unexpected(released.error());
        m_world.expect(released->status == 0, "the account cannot be unfrozen: " + released->said);
        LAB_TRY(paysAgain("to an account that was unfrozen"));
        LAB_TRY(m_world.restart(x));
        LAB_TRY(m_world.net->overlay().awaitConnected(20s));
        LAB_TRY(complain());
        LAB_TRY(awaitTold());
        const auto after = blocks(x);
        if (!after) return tl::unexpected(after.error());
        m_world.expect(after->at("frozen").empty() && after->at("complaints").empty(),
                       "complaints that were looked into count again");
        m_world.result()["frozen_again_by_old_complaints"] = !after->at("frozen").empty();
        return paysAgain("after the complaints came again");
    }

    Expected<void> byHand() {
        const auto stopped = m_world.operate(y, {"account", "freeze", "home1", "--reason", "stolen laptop"});
        const auto unknown = m_world.operate(y, {"account", "freeze", "nobody"});
        if (!stopped) return tl::unexpected(stopped.error());
        if (!unknown) return tl::unexpected(unknown.error());
        m_world.expect(stopped->status == 0, "an account cannot be frozen by hand: " + stopped->said);
        m_world.expect(unknown->status == 1 && unknown->said.find("no such customer") != std::string::npos,
                       "freezing an unknown account is not refused");
        const auto no = tryToPay();
        if (!no) return tl::unexpected(no.error());
        m_world.expect(*no == PaymentRefusal::Frozen, "a frozen payer pays");
        const auto released = m_world.operate(y, {"account", "unfreeze", "home1"});
        m_world.expect(released && released->status == 0, "it cannot be unfrozen");
        return paysAgain("of a payer that was unfrozen");
    }

    World& m_world;
    Due& m_due;
    std::vector<std::string> m_stolen;  // payments' ids
};

}  // namespace

Expected<void> frozenAccounts(World& world, Due& due) { return Suspicion(world, due).run(); }

}  // namespace netpas::lab::settlement
