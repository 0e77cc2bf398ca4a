// netpas-lab run settlement: what two neighbours owe each other, from the packets to the paid bill, what a third party can verify of it,
// and what an operator does about complaints. Real servers, routers and commands; books embedded or in PostgreSQL.
#include "app/lab/scenario/settlement.h"

#include <nlohmann/json.hpp>

#include "app/lab/scenario/books.h"

namespace netpas::lab {
namespace settlement {

using namespace std::chrono_literals;

Expected<Answer> World::operate(uint16_t isp, std::vector<std::string> words) const {
    words.insert(words.begin(), programPath("netpas-isp"));
    words.insert(words.end(), {"--socket", socket(isp)});
    const auto done = runCommand(words);
    if (!done) return tl::unexpected(done.error());
    return Answer{done->status, Json::parse(done->out, nullptr, false), done->out + done->err};
}

Expected<Answer> World::verify(const std::string& path, uint16_t isp) const {
    const auto key = [&](uint16_t one) { return std::to_string(one) + "=" + net->overlay().key(one).hex(); };
    const auto done = runCommand({programPath("netpas"), "--json", "audit", "verify", path, "--isp",
                                  std::to_string(isp), "--key", key(y), "--key", key(x)});
    if (!done) return tl::unexpected(done.error());
    return Answer{done->status, Json::parse(done->out, nullptr, false), done->out + done->err};
}

Expected<Answer> World::audit(uint16_t isp, const std::string& path) const {
    const auto exported = operate(isp, {"audit", "export", "--out", path});
    if (!exported) return exported;
    if (exported->status != 0) return fail(LabErrc::Process, "audit export: " + exported->said);
    return verify(path, isp);
}

Expected<void> World::restart(uint16_t isp) {
    net->overlay().kill(isp);
    return net->overlay().start(isp);
}

Expected<World> prepare(ScenarioContext& context) {
    World world{context, context.lab(), {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}};
    const std::string node = world.lab.topology().nodes().front();
    auto thread = OverlayThread::start(world.lab.netns(node));
    if (!thread) return tl::unexpected(thread.error());
    world.thread = std::move(*thread);
    const std::string terms = "\n[billing]\ncycle_seconds = 10\ngrace_seconds = 6\n";
    const OverlayCustomerSpec receives{"shop", "receive = true\nper_second = 1000"};
    ThreatIsp ofY{y, "Y", "0.000003", {x}, {}, {{"b", ""}, {"kiosk", "receive = true"}}, "0.0000005"};
    ThreatIsp ofX{x, "X", "0.000004", {y}, {}, {{"a", ""}, {"office", ""}, receives}, "0.000002"};
    for (int i = 1; i <= 3; ++i) ofY.customers.push_back({"home" + std::to_string(i), "per_second = 1000"});
    ofY.more = ofX.more = terms;
    ofX.payments = std::string("freeze_complaints = 3\nfreeze_growth = 4\nfreeze_least = \"") + freezeLeast + "\"";
    auto net = ThreatNet::make(world.lab, *world.thread, {ofY, ofX}, context.options().seed);
    if (!net) return tl::unexpected(net.error());
    world.net = std::move(*net);
    if (context.options().database == "postgres") {
        auto postgres = PostgresServer::start(world.lab, node);
        if (!postgres) return tl::unexpected(postgres.error());
        world.postgres = std::move(*postgres);
        for (const uint16_t isp : {y, x}) {
            const auto made = world.postgres->createDatabase("books" + std::to_string(isp));
            if (!made) return tl::unexpected(made.error());
            world.net->overlay().spec(isp).database = *made;
        }
    }
    LAB_TRY(world.net->start());
    ThreatNet& n = *world.net;
    for (int i = 1; i <= 3; ++i) {
        world.homes.push_back(
            std::make_unique<OverlayCustomer>(*world.thread, n.overlay(), y, "home" + std::to_string(i)));
        LAB_TRY(world.homes.back()->join(false));
    }
    world.shop = std::make_unique<OverlayCustomer>(*world.thread, n.overlay(), x, "shop");
    world.kiosk = std::make_unique<OverlayCustomer>(*world.thread, n.overlay(), y, "kiosk");
    world.office = std::make_unique<OverlayCustomer>(*world.thread, n.overlay(), x, "office");
    LAB_TRY(world.shop->join(true));
    LAB_TRY(world.kiosk->join(true));
    LAB_TRY(world.office->join(false));
    return world;
}

Expected<std::optional<accounting::PaymentRefusal>> pay(World& world, OverlayCustomer& payer,
                                                        const OverlayCustomer& payee, uint16_t payeeIsp,
                                                        const std::string& amount, Due& due,
                                                        payments::SignedOrder* order) {
    const auto made = payer.order(payee.identity().nodeId(), payeeIsp, *Money::parse(amount));
    if (!made) return tl::unexpected(made.error());
    if (order != nullptr) *order = *made;
    const auto outcome = payer.pay(*made);
    if (!outcome) return tl::unexpected(outcome.error());
    if (const auto* refused = std::get_if<accounting::PaymentRefused>(&*outcome)) return refused->reason;
    // The first ISP keeps its fee; the rest it owes the next one.
    const Money total = *payments::total(made->order);
    const Money passed = *checkedSub(total, made->order.fees.front().amount);
    Money& sum = payeeIsp == x ? due.toX : due.toY;
    sum = *checkedAdd(sum, passed);
    ++(payeeIsp == x ? due.paymentsToX : due.paymentsToY);
    world.expect(payments::verify(std::get<payments::PaymentConfirmation>(*outcome), made->order.payment).has_value(),
                 "a payment was confirmed with a wrong signature");
    return std::nullopt;
}

namespace {

// Whoever reads the tables must not be able to spend (NetPaS §5.1).
Expected<void> secretsAreSealed(World& world) {
    if (!world.postgres) return {};
    for (const auto& [isp, sender] : {std::pair{y, world.b.get()}, std::pair{x, world.a.get()}}) {
        const auto rows =
            world.postgres->query("books" + std::to_string(isp), "SELECT id, encode(record, 'hex') FROM session_key");
        if (!rows) return tl::unexpected(rows.error());
        std::string secret;
        for (const uint8_t byte : sender->key().secret) {
            char digits[3];
            std::snprintf(digits, sizeof digits, "%02x", byte);
            secret += digits;
        }
        world.expect(rows->find(std::to_string(sender->key().id.value()) + "|") != std::string::npos,
                     "the session key is not in the database");
        world.expect(rows->find(secret) == std::string::npos, "a session key's secret can be read in the database");
    }
    world.result()["secrets_sealed"] = true;
    return {};
}

Expected<void> run(ScenarioContext& context) {
    auto world = prepare(context);
    if (!world) return tl::unexpected(world.error());
    context.result()["database"] = context.options().database;
    Due due;
    LAB_TRY(bills(*world, due));
    LAB_TRY(secretsAreSealed(*world));
    LAB_TRY(liedAbout(*world));
    LAB_TRY(audits(*world));
    LAB_TRY(frozenAccounts(*world, due));
    LAB_TRY(retention(*world, due));
    return {};
}

}  // namespace
}  // namespace settlement

Scenario settlementScenario() {
    return {"settlement",
            "bills of neighbours, disputes, audits by third parties, complaints and frozen accounts",
            "overlay",
            {},
            settlement::run,
            false,
            true};
}

}  // namespace netpas::lab
