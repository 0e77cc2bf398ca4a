#include <QtTest>
#include <map>
#include <nlohmann/json.hpp>

#include "app/secretary/router.h"
#include "app/secretary/watch_hub.h"
#include "core/net/http_stream.h"
#include "tests/app/purchase_fakes.h"

using namespace netpas;
using namespace netpas::secretaryd;
using nlohmann::json;

namespace {

constexpr uint32_t alice = 1000, bob = 1001;

// The API as the hub sees it.
struct World {
    ManualClock clock;
    fake::Timers timers{clock};
    std::map<uint32_t, json> purchases;  // by user: id -> state
    json status{{"version", "1"}};
    bool secretary = true;
    int asked = 0;
    std::unique_ptr<WatchHub> hub = std::make_unique<WatchHub>(
        timers, [this](const net::HttpRequest& request, const WatchHub::Reply& reply) { reply(say(request)); });

    net::HttpResponse say(const net::HttpRequest& request) {
        ++asked;
        if (!secretary) return refusal(503, "NO_SECRETARY", "the secretary is not there");
        if (request.path == "/v1/status") return answer(status);
        json list = json::array();
        for (const auto& [id, state] : purchases[request.peer->uid].items())
            list.push_back({{"id", id}, {"state", state}});
        return answer({{"purchases", std::move(list)}});
    }

    net::HttpResponse watch(uint32_t uid) {
        net::HttpRequest request;
        request.path = watchPath;
        request.peer = net::PeerCredentials{uid, uid, 1};
        net::HttpResponse given;
        hub->watch(request, [&](net::HttpResponse response) { given = std::move(response); });
        return given;
    }
    // What a look at the state has brought.
    std::vector<json> read(net::HttpStream& stream) {
        timers.run(WatchHub::lookEvery);
        std::vector<json> events;
        std::istringstream lines(stream.take());
        for (std::string line; std::getline(lines, line);) events.push_back(json::parse(line));
        return events;
    }
};

QString names(const std::vector<json>& events) {
    QString all;
    for (const json& event : events) all += (all.isEmpty() ? "" : " ") + QString::fromStdString(event["event"]);
    return all;
}

}  // namespace

class TestWatchHub : public QObject {
    Q_OBJECT
    std::unique_ptr<World> m_world;

private slots:
    void init() { m_world = std::make_unique<World>(); }

    void aSnapshotThenWhatChanges() {
        m_world->purchases[alice] = {{"1", "active"}, {"2", "active"}};
        const auto given = m_world->watch(alice);
        QCOMPARE(given.status, 200U);
        QCOMPARE(given.contentType, std::string("application/x-ndjson"));
        const auto first = m_world->read(*given.stream);
        QCOMPARE(names(first), QString("snapshot"));
        QCOMPARE(first[0]["purchases"].size(), size_t{2});
        QCOMPARE(first[0]["purchases"][0]["id"], "1");
        QCOMPARE(first[0]["status"]["version"], "1");
        QVERIFY(first[0]["trouble"].is_null());
        QCOMPARE(names(m_world->read(*given.stream)), QString());

        m_world->purchases[alice] = {{"1", "stopping"}, {"3", "active"}};
        m_world->status["version"] = "2";
        const auto second = m_world->read(*given.stream);
        QCOMPARE(names(second), QString("status purchase purchase gone"));
        QCOMPARE(second[1]["purchase"]["state"], "stopping");
        QCOMPARE(second[3]["id"], "2");
    }

    void everybodySeesHisOwn() {
        m_world->purchases[alice] = {{"1", "active"}};
        const auto hers = m_world->watch(alice), his = m_world->watch(bob);
        QCOMPARE(m_world->read(*his.stream)[0]["purchases"].size(), size_t{0});
        m_world->purchases[alice] = {{"1", "stopping"}};
        (void)hers.stream->take();
        QCOMPARE(names(m_world->read(*his.stream)), QString());
        QCOMPARE(names(m_world->read(*hers.stream)), QString("purchase"));
    }

    void manyReadersOfOneUserCostOneLook() {
        std::vector<net::HttpResponse> readers;
        for (size_t i = 0; i < WatchHub::mostOfUser; ++i) readers.push_back(m_world->watch(alice));
        m_world->timers.run(WatchHub::lookEvery);
        const int before = m_world->asked;
        m_world->timers.run(WatchHub::lookEvery);
        QCOMPARE(m_world->asked - before, 2);  // status and purchases
        for (const auto& one : readers) QVERIFY(one.stream->take().starts_with("{\"event\":\"snapshot\""));
    }

    void thePlacesAreBounded() {
        std::vector<net::HttpResponse> readers;
        for (uint32_t user = 0; user < WatchHub::most / WatchHub::mostOfUser; ++user) {
            for (size_t i = 0; i < WatchHub::mostOfUser; ++i) {
                readers.push_back(m_world->watch(alice + user));
                QCOMPARE(readers.back().status, 200U);
            }
            const auto more = m_world->watch(alice + user);
            QCOMPARE(more.status, 429U);
            QVERIFY(!more.stream);
        }
        QCOMPARE(m_world->watch(9999).status, 429U);
        // A place is free once its reader is gone.
        readers.front().stream->end();
        m_world->timers.run(WatchHub::lookEvery);
        QCOMPARE(m_world->watch(9999).status, 200U);
    }

    void whoDoesNotReadIsGivenUpAndNobodyElseWaits() {
        const auto slow = m_world->watch(alice), brisk = m_world->watch(alice);
        QCOMPARE(names(m_world->read(*brisk.stream)), QString("snapshot"));
        size_t told = 0, looks = 0;
        for (; !slow.stream->over(); ++looks) {
            m_world->status["version"] = std::string(10000, static_cast<char>('a' + looks % 26));
            told += m_world->read(*brisk.stream).size();
            QVERIFY(looks < 1000);
        }
        QVERIFY(looks > 1);
        QCOMPARE(told, looks);
        QVERIFY(slow.stream->take().empty());  // what waited is not kept either
        m_world->status["version"] = "3";
        QCOMPARE(names(m_world->read(*brisk.stream)), QString("status"));
    }

    void aSecretaryThatIsGoneIsToldAndThatItIsBack() {
        m_world->secretary = false;
        const auto given = m_world->watch(alice);
        const auto first = m_world->read(*given.stream);
        QCOMPARE(names(first), QString("snapshot"));
        QVERIFY(first[0]["status"].is_null());
        QCOMPARE(first[0]["trouble"]["code"], "NO_SECRETARY");
        m_world->secretary = true;
        const auto second = m_world->read(*given.stream);
        QCOMPARE(names(second), QString("trouble status"));
        QVERIFY(second[0]["trouble"].is_null());
    }

    void silenceIsBroken() {
        const auto given = m_world->watch(alice);
        (void)m_world->read(*given.stream);
        m_world->timers.run(WatchHub::aliveEvery);
        QCOMPARE(given.stream->take(), std::string("{\"event\":\"alive\"}\n"));
    }

    void withoutReadersNothingIsLookedAt() {
        const auto given = m_world->watch(alice);
        (void)m_world->read(*given.stream);
        given.stream->end();
        m_world->timers.run(2 * WatchHub::lookEvery);
        const int before = m_world->asked;
        m_world->timers.run(std::chrono::minutes(1));
        QCOMPARE(m_world->asked, before);
        QCOMPARE(m_world->timers.waiting(), size_t{0});
    }

    void itsEndEndsTheStreams() {
        const auto fresh = m_world->watch(bob), given = m_world->watch(alice);
        (void)m_world->read(*given.stream);
        m_world->hub.reset();
        QVERIFY(given.stream->over());
        QVERIFY(fresh.stream->over());
        m_world->timers.run(std::chrono::minutes(1));
    }
};

QTEST_APPLESS_MAIN(TestWatchHub)
#include "test_watch_hub.moc"
