// Machines that fail under a member of the overlay while payments pass through it: its disk is full, its clock is hours off,
// a second server is started on its books. Nobody may lose money by it, and all is well again once the machine is.
#include <filesystem>
#include <fstream>
#include <optional>
#include <thread>

#include <nlohmann/json.hpp>

#include "app/lab/command.h"
#include "app/lab/scenario/books.h"
#include "app/lab/scenario/overlay_kit.h"
#include "app/lab/scenario/payment_load.h"
#include "app/lab/scenario/scenario.h"

namespace netpas::lab {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using accounting::PaymentRefused;
using accounting::PaymentState;

constexpr uint16_t y = 25;
constexpr uint16_t m = 26;
constexpr uint16_t x = 24;
constexpr int hours = 3;
constexpr double perSecond = 40;

Money nano(int64_t n) { return Money::fromEighths(n * Money::eighthsPerNanodollar); }

class Faults {
public:
    explicit Faults(ScenarioContext& context) : m_context(context), m_lab(context.lab()) {}

    Expected<void> run() {
        LAB_TRY(prepare());
        LAB_TRY(fullDisk());
        LAB_TRY(secondServer());
        LAB_TRY(wrongClocks());
        LAB_TRY(compareBooks());
        return m_lab.checkPrograms();
    }

private:
    [[nodiscard]] Json& result() { return m_context.result(); }

    Expected<void> prepare() {
        const std::vector<OverlayCustomerSpec> payers{{"payer1", "per_second = 10000"}, {"B", ""}};
        const std::vector<OverlayCustomerSpec> payees{{"payee1", "receive = true"}, {"A", "receive = true"}};
        auto overlay = Overlay::make(m_lab, {{y, "Y", "0.0000005", 0, {m}, "1000", payers, 0, ""},
                                             {m, "M", "0.000001", 0, {y, x}, "1000", {}, 0, ""},
                                             {x, "X", "0.000002", 0, {m}, "1000", payees, 0, ""}});
        if (!overlay) return tl::unexpected(overlay.error());
        m_net = std::move(*overlay);
        // A small disk of its own for M's books, which nobody else sees; it is gone with the process.
        const std::string disk = m_net->folder(m) + "/disk";
        std::error_code error;
        fs::create_directories(disk, error);
        OverlayIspSpec& spec = m_net->spec(m);
        spec.database = "disk/books.db";
        spec.wrapper = {
            "unshare", "--mount", "sh", "-c", "mount -t tmpfs -o size=16m tmpfs " + disk + " && exec \"$@\"", "sh"};
        LAB_TRY(m_net->startAll());
        LAB_TRY(m_net->awaitConnected(20s));
        auto thread = OverlayThread::start(m_lab.netns(m_net->node()));
        if (!thread) return tl::unexpected(thread.error());
        m_thread = std::move(*thread);
        m_payer = std::make_unique<OverlayCustomer>(*m_thread, *m_net, y, "B");
        m_payee = std::make_unique<OverlayCustomer>(*m_thread, *m_net, x, "A");
        LAB_TRY(m_payer->join(false));
        return m_payee->join(true);
    }

    // Whether a payment from B to A ends with a good confirmation.
    Expected<bool> pays() {
        const auto order = m_payer->order(m_payee->identity().nodeId(), x, nano(100'000));
        if (!order) return tl::unexpected(order.error());
        const auto paid = m_payer->pay(*order);
        if (!paid) return tl::unexpected(paid.error());
        const auto* refused = std::get_if<PaymentRefused>(&*paid);
        if (refused == nullptr) ++m_confirmed;
        m_lastRefusal = refused == nullptr ? "" : std::string(describe(refused->reason)) + "; " + refused->remedy;
        return refused == nullptr;
    }

    Expected<void> paysAgain(const std::string& when) {
        return waitUntil("payments to pass " + when, 30s, [&] {
            const auto paid = pays();
            return paid && *paid;
        });
    }

    // --- the disk

    [[nodiscard]] fs::path insideM() {
        return "/proc/" + std::to_string(m_net->process(m)->pid()) + "/root" + m_net->folder(m) + "/disk/filler";
    }

    // Everything that is left.
    [[nodiscard]] uint64_t fill() {
        std::ofstream out(insideM(), std::ios::binary);
        const std::string page(4096, 'x');
        uint64_t written = 0;
        while (out.write(page.data(), static_cast<std::streamsize>(page.size())).flush()) written += page.size();
        return written;
    }

    Expected<void> fullDisk() {
        m_context.say("The disk under M's books is full while " + std::to_string(static_cast<int>(perSecond)) +
                      " payments a second want to pass.");
        auto load = PaymentLoad::start(*m_net, m_context.options().seed);
        if (!load) return tl::unexpected(load.error());
        LoadResult before = (*load)->run(perSecond, 2);
        uint64_t filled = 0;
        LoadResult during;
        std::thread filler([&] {
            std::this_thread::sleep_for(1s);
            filled = fill();
        });
        during = (*load)->run(perSecond, 4);
        filler.join();
        const auto books = m_net->books(m);
        m_context.expect(books.has_value(), "M does not answer any more");
        std::error_code error;
        fs::remove(insideM(), error);
        LAB_TRY(m_net->awaitConnected(30s));
        LAB_TRY(paysAgain("when there is space again"));
        const LoadResult after = (*load)->run(perSecond, 2);
        m_load = before.confirmed + during.confirmed + after.confirmed;
        result()["disk_filled_bytes"] = filled;
        result()["confirmed_before"] = before.confirmed;
        result()["offered_while_full"] = during.offered;
        result()["confirmed_while_full"] = during.confirmed;
        result()["refused_while_full"] = during.refused;
        result()["confirmed_after"] = after.confirmed;
        m_context.expect(before.confirmed == before.offered, "payments failed before the disk was full");
        m_context.expect(filled > 0 && during.confirmed < during.offered, "the disk was not full");
        m_context.expect(after.confirmed == after.offered, "payments fail although there is space again");
        return {};
    }

    // --- two servers on one database

    Expected<void> secondServer() {
        m_context.say("A second server is started on Y's books.");
        const auto second = runCommand({"timeout", "20", programPath("netpas-isp"), "accounting", "--config",
                                        m_net->folder(y) + "/accounting.toml"});
        if (!second) return tl::unexpected(second.error());
        result()["second_server_status"] = second->status;
        result()["second_server_said"] = second->err;
        m_context.expect(second->status == 1, "a second server runs on the same books");
        m_context.expect(second->err.find("another") != std::string::npos, "it does not say what is wrong");
        m_context.expect(m_net->process(y)->running(), "the first server died of it");
        return paysAgain("the first server afterwards");
    }

    // --- clocks

    Expected<void> wrongClocks() {
        for (const int off : {hours, -hours}) {
            m_context.say("Y's clock is " + std::to_string(off) + " hours off.");
            LAB_TRY(restart(y, off * 3600.0));
            const auto paid = pays();
            if (!paid) return tl::unexpected(paid.error());
            const std::string key = off > 0 ? "clock_ahead" : "clock_behind";
            result()[key] = *paid ? Json("paid") : Json(m_lastRefusal);
            m_context.expect(!*paid, "a payment passed a server whose clock is hours off");
            LAB_TRY(restart(y, 0));
            LAB_TRY(paysAgain("with the right clock again"));
        }
        return {};
    }

    Expected<void> restart(uint16_t isp, double shift) {
        m_net->stop(isp);
        m_net->spec(isp).clockShift = shift;
        LAB_TRY(m_net->start(isp));
        return m_net->awaitConnected(30s);
    }

    // --- all books

    static Money of(const Json& books, const std::string& kind, const Json& party, const std::string& key) {
        const Json* entry = findEntry(books, "payments", kind, party);
        return entry == nullptr ? Money::zero() : amountAt(*entry, key).value_or(Money::zero());
    }

    // What a hop's lower end claims and what its upper end owes.
    Expected<void> compareHop(uint16_t up, uint16_t down, const std::string& name) {
        const auto upper = m_net->books(up);
        const auto lower = m_net->books(down);
        if (!upper || !lower) return fail(LabErrc::Process, "books cannot be read");
        const Money owed = of(*upper, "isp", down, "owed");
        const Money claimed = of(*lower, "isp", up, "owes");
        const Money late = of(*lower, "isp", up, "late_by");
        result()[name] = Json{{"owed", owed.toString()}, {"claimed", claimed.toString()}, {"borne", late.toString()}};
        m_context.expect(owed == checkedSub(claimed, late).value_or(Money::max()), "the books differ: " + name);
        return {};
    }

    Expected<void> compareBooks() {
        LAB_TRY(waitUntil("everything to end", 60s, [&] {
            for (const OverlayIspSpec& spec : m_net->isps()) {
                const auto books = m_net->books(spec.isp);
                if (!books || books->at("payments_open").at("pending") != 0) return false;
                if (books->at("payments_open").at("unacknowledged") != 0) return false;
            }
            return true;
        }));
        LAB_TRY(compareHop(y, m, "y_to_m"));
        LAB_TRY(compareHop(m, x, "m_to_x"));
        const auto books = m_net->books(y);
        if (!books) return tl::unexpected(books.error());
        uint64_t charged = 0;
        for (const Json& party : books->value("payments", Json::array())) {
            if (party.contains("customer")) charged += party.value("confirmed_from", uint64_t{0});
        }
        result()["confirmed"] = m_confirmed + m_load;
        result()["charged"] = charged;
        m_context.expect(charged == m_confirmed + m_load,
                         "payers are not charged for exactly what was confirmed to them");
        return {};
    }

    ScenarioContext& m_context;
    Lab& m_lab;
    std::unique_ptr<Overlay> m_net;
    std::unique_ptr<OverlayThread> m_thread;
    std::unique_ptr<OverlayCustomer> m_payer;
    std::unique_ptr<OverlayCustomer> m_payee;
    std::string m_lastRefusal;
    uint64_t m_confirmed = 0;
    uint64_t m_load = 0;
};

Expected<void> run(ScenarioContext& context) { return Faults(context).run(); }

}  // namespace

Scenario paymentFaultsScenario() {
    return {"payment-faults",
            "a full disk, clocks hours off and a second server on the same books, under payments",
            "overlay",
            {},
            run,
            false,
            true};
}

}  // namespace netpas::lab
