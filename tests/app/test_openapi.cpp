// The description of the local API against the tables that the code dispatches on: nothing is served that is not described, nothing is
// described that is not served. What is answered is held against it by tests/api.
#include <QFile>
#include <QtTest>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "app/agent/api.h"
#include "app/agent/front_door.h"
#include "app/agent/household_door.h"
#include "app/agent/reverse_door.h"
#include "app/secretary/routes.h"
#include "app/secretary/watch_hub.h"

using namespace netpas;
using nlohmann::json;

namespace {

struct Served {
    std::set<std::string> doors;
    std::string role;
};
using Table = std::map<std::string, Served>;  // by "METHOD path"

std::string roleFor(Capability needed) {
    switch (needed) {
    case Capability::Read: return "read";
    case Capability::Request: return "request";
    case Capability::Decide:
    case Capability::Policy:
    case Capability::Keys: return "admin";
    case Capability::Agent: break;
    }
    return "nobody";
}

// A token that may only read may only GET (FrontDoor).
std::string roleFor(const std::string& method) { return method == "GET" ? "read" : "request"; }

Table served() {
    Table all;
    secretaryd::SecretaryState state{systemClock(), {}, {}};
    secretaryd::Router router;
    secretaryd::addRoutes(router, state);
    for (const auto& route : router.routes()) {
        Served& one = all[route.method + " " + route.pattern];
        one.role = roleFor(route.needed);
        one.doors.insert("secretary");
        // Through the agent nobody may do what is the owner's.
        if (one.role != "admin") one.doors.insert("agent");
    }
    const auto add = [&all](const agent::RouteNames& routes, const char* door) {
        for (const auto& [method, pattern] : routes) {
            Served& one = all[method + " " + pattern];
            one.doors.insert(door);
            if (one.role.empty()) one.role = roleFor(method);
        }
    };
    add(agent::Api::routes(), "agent");
    add(agent::FrontDoor::routes(), "agent");
    add(agent::HouseholdDoor::localRoutes(), "agent");
    add(agent::HouseholdDoor::routes(), "devices");
    add(agent::ReverseDoor::routes(), "strangers");
    // SecretaryProcess has it beside the router, for it answers with a stream.
    all["GET " + std::string(secretaryd::watchPath)].doors.insert("secretary");
    return all;
}

Table described(const json& document) {
    Table all;
    for (const auto& [path, item] : document["paths"].items()) {
        for (const auto& [name, operation] : item.items()) {
            const std::string method = QByteArray::fromStdString(name).toUpper().toStdString();
            Served& one = all[method + " " + path];
            one.role = operation["x-netpas-role"];
            for (const json& door : operation["x-netpas-doors"]) one.doors.insert(door.get<std::string>());
        }
    }
    return all;
}

}  // namespace

class TestOpenapi : public QObject {
    Q_OBJECT
    json m_document;

private slots:
    void initTestCase() {
        QFile file(NETPAS_OPENAPI);
        QVERIFY(file.open(QIODevice::ReadOnly));
        m_document = json::parse(file.readAll().toStdString(), nullptr, false);
        QVERIFY(m_document.is_object());
    }

    void whatIsServedIsDescribed() {
        const Table known = described(m_document);
        for (const auto& [name, route] : served()) {
            QVERIFY2(known.contains(name), name.c_str());
            QVERIFY2(known.at(name).role == route.role, name.c_str());
            QVERIFY2(known.at(name).doors == route.doors, name.c_str());
        }
    }

    void whatIsDescribedIsServed() {
        const Table routes = served();
        for (const auto& [name, operation] : described(m_document)) QVERIFY2(routes.contains(name), name.c_str());
    }

    // Where two patterns are for the same path, the one without a name must be found first.
    void patternsWithoutNamesComeFirst() {
        secretaryd::SecretaryState state{systemClock(), {}, {}};
        secretaryd::Router router;
        secretaryd::addRoutes(router, state);
        std::vector<secretaryd::Router::RouteName> before;
        for (const auto& route : router.routes()) {
            for (const auto& earlier : before) {
                const bool hides = earlier.method == route.method && earlier.pattern != route.pattern &&
                                   agent::fits(earlier.pattern, route.pattern);
                QVERIFY2(!hides, (earlier.pattern + " hides " + route.pattern).c_str());
            }
            before.push_back(route);
        }
    }
};

QTEST_APPLESS_MAIN(TestOpenapi)
#include "test_openapi.moc"
