// /v1/agreements as the owner and apps meet it: who may offer, replace, end and turn down.
#include <QtTest>
#include <nlohmann/json.hpp>

#include "app/secretary/routes.h"
#include "core/crypto/hex.h"
#include "tests/app/neighbour_world.h"

using namespace netpas;
using namespace netpas::secretaryd;
using namespace netpas::test;
using namespace std::chrono_literals;
using agreement::Direction;
using nlohmann::json;

namespace {

// The secretary's API of one node.
struct Api {
    Api(World& world, Node& node) : state{world.clock, "1", {}} {
        state.neighbours = node.desk.get();
        addNeighbourRoutes(router, state);
    }
    std::pair<unsigned, json> call(const std::string& path, uint32_t uid, Door door,
                                   const json& body = json::object()) {
        net::HttpRequest request;
        request.method = "POST";
        request.path = path;
        request.body = body.dump();
        Caller caller;
        caller.uid = uid;
        caller.door = door;
        constexpr uint32_t owner = 1000;
        caller.may = capabilitiesOf(door, uid, owner);
        std::pair<unsigned, json> result{0, nullptr};
        router.handle(request, caller, [&](const net::HttpResponse& response) {
            result = {response.status, json::parse(response.body, nullptr, false)};
        });
        return result;
    }
    // The owner himself, and an app of his.
    auto inPerson(const std::string& path, const json& body = json::object()) {
        return call(path, 1000, Door::Secretary, body);
    }
    auto app(const std::string& path, const json& body = json::object()) { return call(path, 1000, Door::Agent, body); }

    SecretaryState state;
    Router router;
};

std::string pathTo(const json& agreement, const char* what) {
    return "/v1/agreements/" + agreement["id"].get<std::string>() + what;
}

}  // namespace

class TestRoutesNeighbours : public QObject {
    Q_OBJECT

private slots:
    void anAppNeitherReplacesNorEndsWhatTheOwnerHasAgreed() {
        World world(2);
        QVERIFY(world[1].desk->set(sells("0.000001")));
        world.run(6s);
        Api api(world, world[0]);
        const json wanted{{"neighbour", world[1].key().nodeId().hex()}, {"direction", "upstream"}};
        const auto [made, its] = api.app("/v1/agreements", wanted);
        QCOMPARE(made, 201U);
        world.run(1s);
        const auto [replaced, his] = api.inPerson("/v1/agreements", wanted);
        QCOMPARE(replaced, 201U);
        world.run(1s);
        QCOMPARE(world[0].active(), size_t{1});
        const auto [status, why] = api.app("/v1/agreements", wanted);
        QCOMPARE(status, 409U);
        QCOMPARE(why["code"], json("CONFLICT"));
        QVERIFY(!why["hint"].get<std::string>().empty());
        QCOMPARE(api.app(pathTo(his, "/end")).first, 403U);
        world.run(1s);
        QCOMPARE(world[0].active(), size_t{1});
        QCOMPARE(api.inPerson(pathTo(his, "/end")).first, 200U);
        world.run(1s);
        // Its own it ends.
        const auto [again, last] = api.app("/v1/agreements", wanted);
        QCOMPARE(again, 201U);
        world.run(1s);
        QCOMPARE(api.app(pathTo(last, "/end")).first, 200U);
    }

    void theOwnerTurnsAnOfferDown() {
        World world(1);
        MeshSettings asks = sells("0.000001");
        asks.acceptsAlone = false;
        QVERIFY(world[0].desk->set(asks));
        Stranger buyer(world, 1);
        buyer.advertise(world[0]);
        world.run(1s);
        const auto terms = buyer.offer(world[0], Direction::Upstream, "0.000001");
        const std::string path = "/v1/agreements/" + toHex(terms.id) + "/end";
        Api api(world, world[0]);
        QCOMPARE(api.app(path).first, 403U);
        const auto [status, one] = api.inPerson(path);
        QCOMPARE(status, 200U);
        QCOMPARE(one["state"], json("ended"));
        QCOMPARE(one["why"], json("the offer was turned down"));
        QCOMPARE(buyer.heard<agreement::Refuse>().size(), size_t{1});
        QCOMPARE(api.inPerson(path).first, 404U);
    }
};

QTEST_GUILESS_MAIN(TestRoutesNeighbours)
#include "test_routes_neighbours.moc"
