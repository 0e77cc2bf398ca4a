#include <QTemporaryDir>
#include <QtTest>
#include <deque>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "app/secretary/decision_desk.h"
#include "app/secretary/routes.h"
#include "app/secretary/vault_service.h"
#include "core/crypto/identity.h"
#include "secretary/vault/identity_store.h"
#include "tests/app/purchase_fakes.h"
#include "tests/core/ledger_fixture.h"

using namespace netpas;
using namespace netpas::secretaryd;
using nlohmann::json;

namespace {

constexpr SystemTime start{std::chrono::hours{24} * 365 * 57};

// One queue for everything that happens later.
class Later final : public app::Timers, public Worker {
public:
    Id after(std::chrono::milliseconds delay, std::function<void()> fire) override {
        if (delay < std::chrono::minutes{1}) m_queue.push_back(std::move(fire));
        return ++m_last;
    }
    void cancel(Id) override {}
    void run(std::function<void()> work, std::function<void()> done) override {
        work();
        m_queue.push_back(std::move(done));
    }
    void settle() {
        while (!m_queue.empty()) {
            const auto next = std::move(m_queue.front());
            m_queue.pop_front();
            next();
        }
    }
    // The next thing only.
    void step() {
        const auto next = std::move(m_queue.front());
        m_queue.pop_front();
        next();
    }

private:
    std::deque<std::function<void()>> m_queue;
    Id m_last = 0;
};

class Books final : public Custody {
public:
    Books(secretary::StateFolder folder, SecretaryState& state, Later& later)
        : m_folder(std::move(folder)), m_state(state), m_later(later) {}
    tl::expected<void, CustodyFailure> open(const store::DatabaseKey& key) override {
        auto opened = ledger::Ledger::open(m_folder.database(), key);
        if (!opened) {
            return tl::unexpected(
                CustodyFailure{true, {503, "LOCAL_FAILURE", std::string(describe(opened.error())), ""}});
        }
        m_ledger = std::move(*opened);
        auto seed = secretary::loadOrCreateSeed(m_ledger->documents(), m_folder.oldIdentity());
        if (!seed) qFatal("no seed");
        identity = seed->bytes();
        m_state.ledger = m_ledger.get();
        return {};
    }
    void close(ledger::EndReason reason, std::function<void()> done) override {
        reasons.push_back(reason);
        m_state.ledger = nullptr;
        m_ledger.reset();
        m_later.after({}, std::move(done));
    }
    ledger::Ledger* ledger() override { return m_ledger.get(); }

    std::vector<ledger::EndReason> reasons;
    std::array<uint8_t, 32> identity{};

private:
    secretary::StateFolder m_folder;
    SecretaryState& m_state;
    Later& m_later;
    std::unique_ptr<ledger::Ledger> m_ledger;
};

struct World {
    QTemporaryDir temporary;
    secretary::StateFolder folder{temporary.path().toStdString()};
    ManualClock clock{start};
    SecretaryState state{clock, "1", {}};
    Later later;
    std::unique_ptr<secretary::Vault> vault;
    std::unique_ptr<Books> books;
    std::unique_ptr<VaultService> service;
    Router router;

    World() { boot(); }
    // As the process starts.
    void boot() {
        service.reset();
        books.reset();
        if (!secretary::tidy(folder)) qFatal("cannot tidy");
        auto opened = secretary::Vault::open(folder.vault(), clock);
        if (!opened) qFatal("%s", describe(opened.error()).data());
        vault = std::make_unique<secretary::Vault>(std::move(*opened));
        books = std::make_unique<Books>(folder, state, later);
        service = std::make_unique<VaultService>(VaultService::Ports{folder, *vault, *books, later, later, clock});
        state.vault = service.get();
        router = {};
        addRoutes(router, state);
        router.setGate([this] { return service->refusalNow(); });
        service->start();
    }
    net::HttpResponse raw(const std::string& method, const std::string& target, const std::string& body = {},
                          Capabilities may = ownerMay) {
        net::HttpRequest request;
        request.method = method;
        if (!net::decodeTarget(target, request)) qFatal("bad target");
        request.body = body;
        Caller caller;
        caller.may = may;
        net::HttpResponse response;
        response.status = 0;
        router.handle(request, caller, [&](net::HttpResponse answer) { response = std::move(answer); });
        later.settle();
        return response;
    }
    std::pair<unsigned, json> ask(const std::string& method, const std::string& target, const json& body = nullptr,
                                  Capabilities may = ownerMay) {
        const auto response = raw(method, target, body.is_null() ? std::string{} : body.dump(), may);
        return {response.status, json::parse(response.body, nullptr, false)};
    }
    PurchaseId buy() {
        ledger::NewPurchase purchase = ledger::request();
        purchase.uid = 0;
        purchase.context.app = "/usr/bin/mpv";
        const PurchaseId id = state.ledger->begin(purchase, clock.now())->id;
        ledger::Settlement settlement;
        settlement.charged = ledger::dollars("0.01");
        const bool done = state.ledger->reserve(id, SessionKeyId{static_cast<uint32_t>(id.value())},
                                                ledger::pathOfTwo(), "rule 1", clock.now()) &&
                          state.ledger->settle(id, settlement, clock.now());
        if (!done) qFatal("cannot buy");
        return id;
    }
    std::string download() {
        std::string all;
        for (;;) {
            const auto piece = raw("GET", "/v1/backup/content?offset=" + std::to_string(all.size()));
            if (piece.status != 200 || piece.body.empty()) return all;
            all += piece.body;
        }
    }
    unsigned upload(const std::string& file) {
        unsigned status = 200;
        for (size_t at = 0; at < file.size() && status == 200; at += 40'000) {
            status = raw("PUT", "/v1/restore/content?offset=" + std::to_string(at), file.substr(at, 40'000)).status;
        }
        return status;
    }
};

const json pass{{"passphrase", "correct horse"}};

}  // namespace

class TestVaultApi : public QObject {
    Q_OBJECT

private slots:
    void initTestCase() { QVERIFY(initCrypto()); }

    void aLockedSecretaryAnswersNothingButStateAndUnlock() {
        World world;
        QCOMPARE(world.ask("PUT", "/v1/passphrase", {{"new", "correct horse"}}).first, 200U);
        QCOMPARE(world.ask("POST", "/v1/lock").second["state"], "locked");
        QCOMPARE(world.books->reasons, std::vector{ledger::EndReason::Locked});
        QVERIFY(world.vault->key() == nullptr);
        for (const char* path : {"/v1/history", "/v1/balance", "/v1/totals?by=app", "/v1/purchases"}) {
            const auto [status, body] = world.ask("GET", path);
            QCOMPARE(status, 423U);
            QCOMPARE(body["code"], "LOCKED");
            QCOMPARE(body["hint"], "netpas unlock");
        }
        QCOMPARE(world.ask("GET", "/v1/status").second["ledger"], "locked");
        QCOMPARE(world.ask("POST", "/v1/backup", pass).first, 423U);
        QCOMPARE(world.ask("POST", "/v1/recovery-words", pass).first, 423U);
        world.boot();
        QCOMPARE(world.ask("GET", "/v1/vault").second["state"], "locked");
        const auto wrong = world.ask("POST", "/v1/unlock", {{"passphrase", "wrong horse"}});
        QCOMPARE(wrong.first, 403U);
        QCOMPARE(wrong.second["code"], "WRONG_PASSPHRASE");
        QCOMPARE(world.ask("POST", "/v1/unlock", pass).first, 429U);
        world.clock.advance(secretary::Vault::pause);
        QCOMPARE(world.ask("POST", "/v1/unlock", pass).second["state"], "open");
        QCOMPARE(world.ask("GET", "/v1/history").first, 200U);
    }

    void onlyWhoMayUseKeysMay() {
        World world;
        for (const auto& [method, path] :
             {std::pair("POST", "/v1/lock"), std::pair("POST", "/v1/unlock"), std::pair("PUT", "/v1/passphrase"),
              std::pair("POST", "/v1/backup"), std::pair("GET", "/v1/backup/content"), std::pair("POST", "/v1/restore"),
              std::pair("PUT", "/v1/restore/content"), std::pair("GET", "/v1/doctor"),
              std::pair("POST", "/v1/recovery-words"), std::pair("PUT", "/v1/identity")}) {
            QCOMPARE(world.ask(method, path, nullptr, requestOnly).first, 403U);
        }
    }

    void aLockDuringABackupWaitsForItsEnd() {
        World world;
        unsigned backedUp = 0, locked = 0;
        for (auto [path, status] : {std::pair{"/v1/backup", &backedUp}, std::pair{"/v1/lock", &locked}}) {
            net::HttpRequest request;
            request.method = "POST";
            request.path = path;
            if (status == &backedUp) request.body = pass.dump();
            Caller caller;
            caller.may = ownerMay;
            world.router.handle(request, caller,
                                [status = status](const net::HttpResponse& answer) { *status = answer.status; });
        }
        QCOMPARE(locked, 0U);
        world.later.settle();
        QCOMPARE(backedUp, 200U);
        QCOMPARE(locked, 200U);
        QCOMPARE(int(world.service->condition()), int(Condition::Locked));
    }

    void aPassphraseIsChangedOnlyByWhoKnowsIt() {
        World world;
        QCOMPARE(world.ask("PUT", "/v1/passphrase", {{"new", "short"}}).first, 400U);
        QCOMPARE(world.ask("PUT", "/v1/passphrase", {{"new", "correct horse"}}).first, 200U);
        QCOMPARE(world.ask("PUT", "/v1/passphrase", {{"present", "a guess"}, {"new", "another one"}}).first, 403U);
        world.clock.advance(secretary::Vault::pause);
        QCOMPARE(world.ask("PUT", "/v1/passphrase", {{"present", "correct horse"}, {"new", "another one"}}).first,
                 200U);
        QCOMPARE(world.ask("POST", "/v1/passphrase/remove", {{"present", "another one"}}).second["protection"],
                 "key-file");
        QCOMPARE(world.ask("PUT", "/v1/passphrase", {{"new", "x"}, {"mistyped", 1}}).first, 400U);
        QCOMPARE(world.raw("PUT", "/v1/passphrase", "not json").status, 400U);
    }

    void recoveryWordsBringTheIdentityToAnotherMachine() {
        World old, fresh;
        QCOMPARE(old.ask("POST", "/v1/recovery-words", pass).first, 409U);  // no passphrase is set
        QCOMPARE(old.ask("PUT", "/v1/passphrase", {{"new", "correct horse"}}).first, 200U);
        QCOMPARE(old.ask("POST", "/v1/recovery-words", {{"passphrase", "a guess"}}).first, 403U);
        old.clock.advance(secretary::Vault::pause);
        const std::string words = old.ask("POST", "/v1/recovery-words", pass).second["words"];
        QCOMPARE(std::count(words.begin(), words.end(), ' '), 23);
        QVERIFY(old.books->identity != fresh.books->identity);
        QCOMPARE(fresh.ask("PUT", "/v1/identity", {{"words", words}}).first, 409U);
        QCOMPARE(fresh.ask("PUT", "/v1/identity", {{"words", words + " zoo"}, {"force", true}}).first, 400U);
        QCOMPARE(fresh.ask("PUT", "/v1/identity", {{"words", words}, {"force", true}}).first, 200U);
        QVERIFY(old.books->identity == fresh.books->identity);
        fresh.boot();
        QVERIFY(old.books->identity == fresh.books->identity);
    }

    void aBackupIsTakenAndRestoredThroughTheApi() {
        World old, fresh;
        old.buy();
        const json with{{"passphrase", "backup passphrase"}};
        const auto [status, made] = old.ask("POST", "/v1/backup", with);
        QCOMPARE(status, 200U);
        const std::string file = old.download();
        QCOMPARE(file.size(), made["size"].get<size_t>());

        QCOMPARE(fresh.upload(file), 200U);
        QCOMPARE(fresh.raw("PUT", "/v1/restore/content?offset=7", "x").status, 409U);
        QCOMPARE(fresh.ask("POST", "/v1/restore", {{"passphrase", "a guess"}}).first, 403U);
        QCOMPARE(fresh.upload(file), 200U);
        const auto identity = fresh.books->identity;
        const auto [restored, plan] = fresh.ask("POST", "/v1/restore", with);
        QCOMPARE(restored, 200U);
        QCOMPARE(plan["purchases"], 1);
        QCOMPARE(plan["identity"], "kept");
        QVERIFY(fresh.books->identity == identity);
        QCOMPARE(fresh.ask("GET", "/v1/history").second["entries"].size(), size_t{1});
        // What holds a history is replaced only when told twice.
        QCOMPARE(fresh.upload(file), 200U);
        QCOMPARE(fresh.ask("POST", "/v1/restore", with).first, 409U);
        fresh.buy();
        QCOMPARE(fresh.ask("POST", "/v1/restore", {{"passphrase", "backup passphrase"}, {"force", true}}).first, 200U);
        QCOMPARE(fresh.ask("GET", "/v1/history").second["entries"].size(), size_t{1});
    }

    void aDamagedDatabaseSpendsNothingAndNamesItsRemedies() {
        World world;
        world.buy();
        QCOMPARE(world.ask("POST", "/v1/backup", pass).first, 200U);
        const std::string backup = world.download();
        world.books->close(ledger::EndReason::AgentStopped, [] {});
        {
            std::fstream file(world.folder.database(), std::ios::in | std::ios::out | std::ios::binary);
            file.seekp(50);
            file << "damage";
        }
        world.boot();
        const auto [status, body] = world.ask("GET", "/v1/history");
        QCOMPARE(status, 503U);
        QCOMPARE(body["code"], "DAMAGED");
        QVERIFY(body["hint"].get<std::string>().find("netpas doctor") != std::string::npos);
        QVERIFY(body["hint"].get<std::string>().find("netpas restore") != std::string::npos);
        const auto found = world.ask("GET", "/v1/doctor").second;
        QCOMPARE(found["level"], "bad");
        QCOMPARE(world.upload(backup), 200U);
        QCOMPARE(world.ask("POST", "/v1/restore", pass).first, 409U);
        QCOMPARE(world.ask("POST", "/v1/restore", {{"passphrase", "correct horse"}, {"force", true}}).first, 200U);
        QCOMPARE(world.ask("GET", "/v1/history").second["entries"].size(), size_t{1});
        QVERIFY(world.ask("GET", "/v1/doctor").second["level"] != "bad");
    }

    void aDatabaseThatIsGoneOrEmptyIsNotBegunAnew() {
        for (const bool gone : {false, true}) {
            World world;
            world.buy();
            QCOMPARE(world.ask("POST", "/v1/backup", pass).first, 200U);
            const std::string backup = world.download();
            world.books->close(ledger::EndReason::AgentStopped, [] {});
            gone ? (void)std::filesystem::remove(world.folder.database())
                 : std::filesystem::resize_file(world.folder.database(), 0);
            world.boot();
            const auto [status, body] = world.ask("GET", "/v1/history");
            QCOMPARE(status, 503U);
            QCOMPARE(body["code"], "DAMAGED");
            QVERIFY(body["hint"].get<std::string>().find("netpas restore") != std::string::npos);
            QCOMPARE(world.ask("GET", "/v1/doctor").second["level"], "bad");
            QCOMPARE(world.upload(backup), 200U);
            QCOMPARE(world.ask("POST", "/v1/restore", {{"passphrase", "correct horse"}, {"force", true}}).first, 200U);
            QCOMPARE(world.ask("GET", "/v1/history").second["entries"].size(), size_t{1});
        }
    }

    void theDoctorKnowsOfAClockThatStopsSpending() {
        World world;
        fake::Timers timers(world.clock);
        const auto desk = DecisionDesk::open({*world.state.ledger, world.state.ledger->documents(), timers, world.clock,
                                              [](app::LogLevel, const std::string&) {}},
                                             {ledger::dollars("1"), ledger::dollars("1")}, 0);
        QVERIFY(desk);
        world.state.decisions = desk->get();
        QVERIFY((*desk)->budgets().test({}, Money::zero()));
        QVERIFY(world.ask("GET", "/v1/doctor").second["level"] != "bad");
        world.clock.setWall(world.clock.now() - std::chrono::hours{48});
        const json found = world.ask("GET", "/v1/doctor").second;
        QCOMPARE(found["level"], "bad");
        QVERIFY(found["findings"].back()["remedy"].get<std::string>().find("accept-clock") != std::string::npos);
        world.state.decisions = nullptr;
    }

    void whatAnInterruptedRestoreLeftIsRemoved() {
        World world;
        QCOMPARE(world.upload("half a backup"), 200U);
        QVERIFY(std::filesystem::exists(world.folder.incoming()));
        world.books->close(ledger::EndReason::AgentStopped, [] {});
        world.boot();
        QVERIFY(!std::filesystem::exists(world.folder.incoming()));
    }

    void withoutItsKeyFilesTheRemedyIsSaid() {
        World world;
        world.state.vault = nullptr;
        world.state.noVault = ApiFailure{503, "DAMAGED", "the file is damaged", "bring it back"};
        for (const auto& [method, path] : {std::pair{"GET", "/v1/vault"}, std::pair{"GET", "/v1/doctor"}}) {
            const auto [status, body] = world.ask(method, path);
            QCOMPARE(status, 503U);
            QCOMPARE(body["hint"], "bring it back");
        }
    }

    void historyIsFilteredExportedAndLabelled() {
        World world;
        for (int i = 0; i < 3; ++i) world.buy();
        QCOMPARE(world.ask("GET", "/v1/history?limit=2").second["entries"].size(), size_t{2});
        QCOMPARE(world.ask("GET", "/v1/history?app=/usr/bin/vlc").second["entries"].size(), size_t{0});
        QCOMPARE(world.ask("GET", "/v1/history?since=2100-01-01").second["entries"].size(), size_t{0});
        QCOMPARE(world.ask("GET", "/v1/history?since=2001-02-30").first, 400U);
        QCOMPARE(world.ask("GET", "/v1/history?limit=0").first, 400U);
        QCOMPARE(world.ask("PUT", "/v1/purchases/2/label", {{"label", "film night"}}).first, 200U);
        QCOMPARE(world.ask("PUT", "/v1/purchases/9/label", {{"label", "x"}}).first, 404U);
        const auto found = world.ask("GET", "/v1/history?text=film").second["entries"];
        QCOMPARE(found.size(), size_t{1});
        QCOMPARE(found[0]["label"], "film night");
        QCOMPARE(found[0]["decided_by"], "rule 1");
        QCOMPARE(found[0]["keys"][0]["charged"], "0.01");

        const auto first = world.raw("GET", "/v1/history.csv?limit=2");
        QCOMPARE(std::count(first.body.begin(), first.body.end(), '\n'), 3);
        const auto rest = world.raw("GET", "/v1/history.csv?limit=2&before=" + std::string(first.header("X-Next")));
        QCOMPARE(std::count(rest.body.begin(), rest.body.end(), '\n'), 1);
        QVERIFY(rest.header("X-Next").empty());

        const auto totals = world.ask("GET", "/v1/totals?by=app").second;
        QCOMPARE(totals["sum"], "0.03");
        QCOMPARE(totals["totals"][0]["purchases"], 3);
        QCOMPARE(world.ask("GET", "/v1/totals?by=colour").first, 400U);
        QCOMPARE(world.ask("GET", "/v1/balance").second["spent_today"], "0.03");
        // Others see their own only.
        QCOMPARE(world.ask("GET", "/v1/balance", nullptr, requestOnly).first, 403U);
    }
};

QTEST_GUILESS_MAIN(TestVaultApi)
#include "test_vault_api.moc"
