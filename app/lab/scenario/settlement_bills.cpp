// Settlement: what both ends bill for a cycle while their servers are killed, and a neighbour that says something else.
#include <fstream>
#include <future>

#include <nlohmann/json.hpp>

#include "app/lab/scenario/books.h"
#include "app/lab/scenario/settlement.h"
#include "core/accounting/bill.h"
#include "core/crypto/hex.h"

namespace netpas::lab::settlement {

using namespace std::chrono_literals;
using accounting::Bill;
using accounting::BillItem;

namespace {

constexpr uint64_t packetsToX = 3000;
constexpr uint64_t packetsToY = 2000;

Money minus(Money a, Money b) { return checkedSub(a, b).value_or(Money::zero()); }
Money plus(Money a, Money b) { return checkedAdd(a, b).value_or(Money::max()); }

Expected<void> traffic(World& world, Due& due) {
    ThreatNet& net = *world.net;
    auto b = PaidSender::make(net, y, "b", "1000", {y, x});
    auto a = PaidSender::make(net, x, "a", "1000", {x, y});
    auto atX = PaidSink::start(net, x);
    auto atY = PaidSink::start(net, y);
    if (!b) return tl::unexpected(b.error());
    if (!a) return tl::unexpected(a.error());
    if (!atX) return tl::unexpected(atX.error());
    if (!atY) return tl::unexpected(atY.error());
    world.b = std::move(*b);
    world.a = std::move(*a);
    world.atX = std::move(*atX);
    world.atY = std::move(*atY);
    (void)world.b->send(net.path({y, x}), net.destination(x), packetsToX, 2000);
    (void)world.a->send(net.path({x, y}), net.destination(y), packetsToY, 2000);
    for (int i = 0; i < 5; ++i) {
        const auto no = pay(world, *world.homes[0], *world.shop, x, "0.001", due);
        if (!no) return tl::unexpected(no.error());
        world.expect(!*no, "a payment to the shop was refused");
    }
    for (int i = 0; i < 3; ++i) {
        const auto no = pay(world, *world.office, *world.kiosk, y, "0.02", due);
        if (!no) return tl::unexpected(no.error());
        world.expect(!*no, "a payment to the kiosk was refused");
    }
    return waitUntil("all packets to arrive", 10s,
                     [&] { return world.atX->packets() == packetsToX && world.atY->packets() == packetsToY; });
}

bool allClosed(const Json& bills) {
    if (!bills.is_object() || bills.at("bills").empty()) return false;
    return std::all_of(bills.at("bills").begin(), bills.at("bills").end(),
                       [](const Json& bill) { return bill.at("state") == "closed"; });
}

// Both servers are killed again and again while the cycle ends and its bill is signed.
Expected<void> closeUnderKills(World& world) {
    uint64_t kills = 0;
    const auto closed = waitUntil("the cycle to close at both ends", 60s, [&] {
        bool all = true;
        for (const uint16_t isp : {y, x}) {
            const auto bills = world.operate(isp, {"bill", "--json"});
            if (bills && bills->status == 0 && allClosed(bills->json)) continue;
            all = false;
            if (!world.restart(isp)) return false;
            ++kills;
        }
        // Long enough for them to look at the clock.
        if (!all) std::this_thread::sleep_for(1500ms);
        return all;
    });
    world.result()["kills_while_closing"] = kills;
    world.expect(kills >= 2, "the servers were not killed while the cycle closed");
    if (!closed) return closed;
    return world.net->overlay().awaitConnected(20s);
}

// Sums over all closed bills, as one end has them.
struct Billed {
    Money confirmationsOurs, confirmationsTheirs, paymentsOurs, paymentsTheirs;
    uint64_t countOurs = 0, countTheirs = 0;
    Money net;
};
Billed billed(const Json& bills) {
    Billed sums;
    for (const Json& bill : bills.at("bills")) {
        const Json& confirmations = bill.at("lines").at("confirmations");
        const Json& payments = bill.at("lines").at("payments");
        const auto add = [](Money& sum, const Json& side) { sum = plus(sum, *amountAt(side, "total")); };
        add(sums.confirmationsOurs, confirmations.at("ours"));
        add(sums.confirmationsTheirs, confirmations.at("theirs"));
        add(sums.paymentsOurs, payments.at("ours"));
        add(sums.paymentsTheirs, payments.at("theirs"));
        sums.countOurs += payments.at("ours").at("count").get<uint64_t>();
        sums.countTheirs += payments.at("theirs").at("count").get<uint64_t>();
        sums.net = plus(sums.net, minus(*amountAt(bill, "theirs"), *amountAt(bill, "ours")));
    }
    return sums;
}

// Below T: both ends sample in strata.
bool within(Money confirmed, Money arrived) {
    const Money difference = confirmed > arrived ? minus(confirmed, arrived) : minus(arrived, confirmed);
    return difference < *Money::parse(ThreatNet::threshold);
}

void judge(World& world, const Json& ofY, const Json& ofX, const Due& due) {
    const Billed atY = billed(ofY);
    const Billed atX = billed(ofX);
    world.expect(atY.confirmationsOurs == atX.confirmationsTheirs && atY.confirmationsTheirs == atX.confirmationsOurs &&
                     atY.paymentsOurs == atX.paymentsTheirs && atY.paymentsTheirs == atX.paymentsOurs,
                 "the two ends bill different sums");
    world.expect(plus(atY.net, atX.net) == Money::zero(), "what one end pays is not what the other is paid");
    world.expect(atY.paymentsOurs == due.toX && atX.paymentsOurs == due.toY,
                 "micropayments are not billed as they were confirmed to the payers");
    world.expect(atY.countOurs == due.paymentsToX && atX.countOurs == due.paymentsToY,
                 "not every payment stands in a bill once");
    const Money toX = world.atX->paid(x);
    const Money toY = world.atY->paid(y);
    world.expect(within(atY.confirmationsOurs, toX) && within(atX.confirmationsOurs, toY),
                 "confirmations are not billed as packets have arrived");
    world.result()["arrived"] = {{"paid_to_x", toX.toString()}, {"paid_to_y", toY.toString()}};
    world.result()["billed"] = {{"confirmations_y_owes", atY.confirmationsOurs.toString()},
                                {"confirmations_x_owes", atX.confirmationsOurs.toString()},
                                {"payments_y_owes", atY.paymentsOurs.toString()},
                                {"payments_x_owes", atX.paymentsOurs.toString()},
                                {"net_at_y", atY.net.toString()},
                                {"net_at_x", atX.net.toString()}};
}

// Two at once to one name: a whole file, whichever is last.
Expected<void> writtenTwice(World& world, uint16_t isp, const std::string& path) {
    auto other = std::async(std::launch::async, [&] { return world.operate(isp, {"bill", "--out", path}); });
    const auto one = world.operate(isp, {"bill", "--out", path});
    const auto two = other.get();
    world.expect(one && two && one->status == 0 && two->status == 0, "two bills at once do not work");
    std::ifstream in(path);
    const Json written = Json::parse(in, nullptr, false);
    world.expect(written.is_object() && written.contains("bills"), "two bills at once leave half a file");
    return {};
}

}  // namespace

Expected<void> bills(World& world, Due& due) {
    world.context.say(
        "Packets and payments in both directions; the servers of both ISPs are killed while the cycle closes.");
    LAB_TRY(traffic(world, due));
    LAB_TRY(closeUnderKills(world));
    const auto ofY = world.operate(y, {"bill", "--json"});
    const auto ofX = world.operate(x, {"bill", "--json"});
    if (!ofY) return tl::unexpected(ofY.error());
    if (!ofX) return tl::unexpected(ofX.error());
    judge(world, ofY->json, ofX->json, due);
    LAB_TRY(writtenTwice(world, y, world.file("bills-of-y.json")));
    LAB_TRY(writtenTwice(world, x, world.file("bills-of-x.json")));
    for (const auto& [isp, path] : {std::pair{x, "bills-of-y.json"}, std::pair{y, "bills-of-x.json"}}) {
        const auto compared = world.operate(isp, {"bill", "--json", "--compare", world.file(path)});
        if (!compared) return tl::unexpected(compared.error());
        const bool agrees =
            compared->status == 0 && compared->json.is_object() && compared->json.value("agrees", false);
        world.expect(agrees, "the neighbour's bill does not agree: " + compared->said);
        world.result()[isp == x ? "x_agrees_with_y" : "y_agrees_with_x"] = agrees;
    }
    // The payer pays, and both write it down.
    const Json& first = ofY->json.at("bills").front();
    for (const auto& [isp, neighbour] : {std::pair{y, x}, std::pair{x, y}}) {
        const auto paid = world.operate(isp, {"bill", "--isp", std::to_string(neighbour), "--cycle",
                                              first.at("cycle").dump(), "--paid", "transfer 17"});
        world.expect(paid && paid->status == 0, "that a bill was paid cannot be recorded");
    }
    const auto again = world.operate(y, {"bill", "--json"});
    if (!again) return tl::unexpected(again.error());
    world.result()["paid_with"] = again->json.at("bills").front().at("settled").at("reference");
    return {};
}

// --- X's operator signs another bill than its server did

namespace {

Expected<void> lie(World& world, const std::string& from, const std::string& to, bool resigned) {
    std::ifstream in(world.file(from));
    Json file = Json::parse(in, nullptr, false);
    if (!file.is_object()) return fail(LabErrc::Evidence, from + " is no JSON");
    for (Json& entry : file.at("bills")) {
        if (!entry.contains("bill")) continue;
        Bytes bytes(entry.at("bill").get<std::string>().size() / 2);
        if (!fromHex(entry.at("bill").get<std::string>(), bytes)) return fail(LabErrc::Evidence, "no bill");
        Reader reader(bytes);
        Bill bill = accounting::decodeBill(reader);
        auto& theirs = bill.line(BillItem::Confirmations).theirs;
        theirs.total = plus(theirs.total, *Money::parse(resigned ? "0.01" : "0.02"));
        ++theirs.count;
        if (resigned) accounting::sign(bill, world.net->identity(x));
        Writer writer;
        accounting::encode(writer, bill);
        entry["bill"] = toHex(writer.data());
        break;
    }
    std::ofstream(world.file(to)) << file.dump();
    return {};
}

const Json* result(const Answer& answer) {
    if (!answer.json.is_object() || answer.json.value("results", Json::array()).empty()) return nullptr;
    return &answer.json.at("results").front();
}

}  // namespace

Expected<void> liedAbout(World& world) {
    world.context.say(
        "X's operator signs a bill that asks for a cent more; then somebody changes one without the key.");
    LAB_TRY(lie(world, "bills-of-x.json", "lie.json", true));
    LAB_TRY(lie(world, "bills-of-x.json", "forged.json", false));
    const auto lied = world.operate(y, {"bill", "--json", "--compare", world.file("lie.json")});
    if (!lied) return tl::unexpected(lied.error());
    const Json* said = result(*lied);
    world.expect(lied->status == 1 && said != nullptr, "Y agrees to a bill that is a cent too much: " + lied->said);
    if (said != nullptr) {
        const Json& differences = said->at("differences");
        world.expect(said->at("signature") == "good" && said->value("versions_signed", 0) == 2,
                     "X's second signature is not kept");
        world.expect(differences.size() == 1 && differences[0].at("item") == "confirmations" &&
                         minus(*amountAt(differences[0].at("there"), "total"),
                               *amountAt(differences[0].at("here"), "total")) == *Money::parse("0.01"),
                     "the line that differs is not named: " + differences.dump());
        world.result()["disputed"] = differences;
    }
    const auto forged = world.operate(y, {"bill", "--json", "--compare", world.file("forged.json")});
    if (!forged) return tl::unexpected(forged.error());
    const Json* wrong = result(*forged);
    world.expect(forged->status == 1 && wrong != nullptr && wrong->at("signature") == "wrong",
                 "a bill that X has not signed passes: " + forged->said);
    // What Y's own books export proves to anybody that X has signed two bills.
    const auto audit = world.audit(y, world.file("y-disputes.audit"));
    if (!audit) return tl::unexpected(audit.error());
    bool proven = false;
    for (const Json& one : audit->json.value("evidence", Json::array()))
        proven = proven || (one.at("claim") == "conflicting-bills" && one.at("accused") == "isp 24" &&
                            one.at("outcome") == "proven");
    world.expect(audit->status == 0 && proven, "X's two bills are not proven to an auditor: " + audit->said);
    world.result()["two_bills_proven"] = proven;
    return {};
}

}  // namespace netpas::lab::settlement
