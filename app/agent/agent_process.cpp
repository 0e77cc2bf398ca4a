#include "app/agent/agent_process.h"

#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "app/agent/api.h"
#include "app/agent/clock_error.h"
#include "app/agent/data_plane.h"
#include "app/agent/executables.h"
#include "app/agent/flow_watch.h"
#include "app/agent/front_door.h"
#include "app/agent/household_door.h"
#include "app/agent/link_rest.h"
#include "app/agent/measurements.h"
#include "app/agent/mesh_routes.h"
#include "app/agent/neighbour_tester.h"
#include "app/agent/neighbours.h"
#include "app/agent/privileges.h"
#include "app/agent/reverse_door.h"
#include "app/agent/route_request.h"
#include "app/agent/secretary_link.h"
#include "app/agent/sharing.h"
#include "app/common/asio_timers.h"
#include "app/common/privileges.h"
#include "cartographer/cartographer.h"
#include "core/net/http_server.h"

namespace netpas::agent {

namespace {

namespace asio = boost::asio;

constexpr std::chrono::seconds refreshEvery{30};
constexpr uint32_t requestsPerSecond = 500;  // of one user; what comes faster waits
constexpr size_t mostConnections = 512;      // eight users at their limits

// Tells the service manager that the API answers; without one, nothing.
void notifyReady() {
    const char* const path = std::getenv("NOTIFY_SOCKET");
    if (path == nullptr) return;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const size_t length = std::strlen(path);
    if (length == 0 || length >= sizeof address.sun_path) return;
    std::memcpy(address.sun_path, path, length);
    if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
    const int descriptor = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return;
    constexpr char message[] = "READY=1";
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
    (void)::sendto(descriptor, message, sizeof message - 1, MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address),
                   size);
    ::close(descriptor);
}

std::string hostName() {
    std::array<char, 64> name{};
    return ::gethostname(name.data(), name.size() - 1) == 0 ? std::string(name.data()) : std::string("agent");
}

class AgentProcess {
public:
    AgentProcess(const AgentOptions& options, SecretaryAccess secretary, app::LogSink log)
        : m_options(options), m_secretary(std::move(secretary)), m_log(std::move(log)) {}

    int run() {
        // The capture forks its guard; what needs root comes before it is given up, and threads come after.
        if (!openFolders() || !startHelper() || !openDataPlane()) return EXIT_FAILURE;
        compose();
        if (!listen() || !dropPrivileges() || !openFront() || !openDoor() || !openReverseDoor() || !openSharing() ||
            !openMesh())
            return EXIT_FAILURE;
        if (const auto done = m_plane->start(); !done) return fail(done.error(), "see the system's log");
        m_signals.async_wait([this](const boost::system::error_code& error, int) {
            if (!error) stop();
        });
        watchSecretary();
        m_link->start();
        if (m_options.mesh) {
            for (const std::string& interface : m_options.mesh->interfaces) {
                if (wakeForgottenLink(interface))
                    m_log(app::LogLevel::Warning, interface + " was left dormant; awake again");
            }
        }
        m_meshRoutes->start();
        if (m_mesh) m_mesh->start();
        if (m_flows) m_flows->start();
        keepDescriptorFresh();
        m_log(LogLevel::Info, "ready on " + m_options.socket.string());
        notifyReady();
        m_io.run();
        return EXIT_SUCCESS;
    }

private:
    int fail(const std::string& what, const std::string& remedy) {
        m_log(LogLevel::Error, what + (remedy.empty() ? "" : " (" + remedy + ")"));
        return EXIT_FAILURE;
    }

    bool openFolders() {
        if (!initCrypto()) {
            fail("cryptography cannot start", {});
            return false;
        }
        std::error_code error;
        std::filesystem::create_directories(m_options.stateFolder, error);
        const auto cache = cacheFolder();
        if (!m_options.formerCache.empty() && !std::filesystem::exists(cache, error)) {
            std::filesystem::rename(m_options.formerCache, cache, error);  // without it menus are fetched again
        }
        std::filesystem::create_directories(cache, error);
        if (m_options.socket.has_parent_path())
            std::filesystem::create_directories(m_options.socket.parent_path(), error);
        const auto prepared = app::preparePrivateFolder(m_options.stateFolder, app::findUser(m_options.user));
        if (!prepared) fail(prepared.error().what, prepared.error().remedy);
        return prepared.has_value();
    }

    bool startHelper() {
        auto executables = Executables::start();
        if (!executables) {
            fail(executables.error().what, executables.error().remedy);
            return false;
        }
        m_executables = std::move(*executables);
        return true;
    }

    [[nodiscard]] std::filesystem::path cacheFolder() const { return m_options.stateFolder / "directory"; }

    bool openDataPlane() {
        auto plane = DataPlane::open(m_io, systemClock(), m_options.device, m_log);
        if (!plane) {
            fail(plane.error().what, plane.error().remedy);
            return false;
        }
        m_plane = std::move(*plane);
        return true;
    }

    void compose() {
        m_cartographer = std::make_unique<cartographer::Cartographer>(m_fetcher, systemClock(), cacheFolder());
        std::unique_ptr<channel::LineSource> source;
        if (m_secretary.launched) {
            auto inherited = channel::inheritedSource(m_io);
            m_inherited = inherited.get();
            source = std::move(inherited);
        } else {
            source = m_secretary.line(m_io);
        }
        m_link = std::make_unique<SecretaryLink>(
            LinkContext{m_io, *m_plane, *m_cartographer, *m_executables, m_timers, m_log, hostName(),
                        [this] { useHome(); }, [this](const auto& all) { useDevices(all); },
                        [this] {
                            if (!m_mesh) return;
                            m_mesh->secretaryUp();
                            m_meshRoutes->secretaryUp();
                        },
                        [this](const channel::SetMesh& wanted) {
                            if (!m_mesh) return;
                            m_mesh->on(wanted);
                            m_meshRoutes->price(wanted.perKb);
                        },
                        [this](const channel::MeshSay& said) {
                            if (m_mesh) m_mesh->on(said);
                        },
                        [this](const channel::TestNeighbour& wanted) {
                            if (m_tester) m_tester->on(wanted);
                        }},
            std::move(source));
        useHome();

        m_measurements = std::make_unique<Measurements>(
            MeasureContext{m_io, *m_plane, *m_cartographer, m_timers, systemClock(), m_log, m_options.measure,
                           [this](const channel::NotDelivered& trouble) { m_link->notDelivered(trouble); }});
        ApiContext context{*m_cartographer, systemClock(), {}, {}, {}, {}};
        context.measurements = [this](const std::optional<IpAddress>& destination) {
            if (destination) m_measurements->ask(*destination);
            nlohmann::json report = m_measurements->report(destination);
            if (m_sharing)
                m_sharing->addTo(report, destination ? m_measurements->onTheWay(*destination) : std::set<IspId>{});
            return report;
        };
        m_meshRoutes = std::make_unique<MeshRoutes>(
            MeshRoutes::Ports{m_io, m_timers, m_log,
                              [this](const channel::Message& message) { m_link->tellMesh(message); },
                              [](const std::string& interface, bool rests) {
                                  return rests ? restLink(interface) : wakeLink(interface);
                              },
                              requestRoutes},
            MeshRouteOptions{m_options.babel, m_options.mesh ? m_options.mesh->interfaces : std::vector<std::string>(),
                             m_options.babelWords});
        context.meshRoutes = [this](const std::optional<IpAddress>& to) { return m_meshRoutes->report(to); };
        context.state = [this] {
            const DataPlane::State plane = m_plane->state();
            return AgentState{plane.up, plane.trouble, plane.unreachableEdges, plane.unownedPackets};
        };
        context.forward = [this](const net::HttpRequest& request, Reply reply) {
            m_link->forward(request, request.node, std::move(reply));
        };
        m_api = std::make_unique<Api>(std::move(context));
    }

    void useHome() {
        const auto& home = m_cartographer->home();
        if (!home) return;
        std::vector<Endpoint> edges;
        for (const IpAddress& address : home->descriptor.edges) edges.push_back({address, home->descriptor.edgePort});
        m_plane->setEdges(std::move(edges));
        m_plane->setControl({home->descriptor.accounting, home->url.directory});
    }

    void useDevices(const channel::Devices& said) {
        if (!m_door) return;
        if (!said.all) return m_door->setDevices(std::nullopt);
        std::vector<Device> devices;
        for (const channel::PairedDevice& one : *said.all) devices.push_back({one.name, one.key, one.link, {}});
        m_door->setDevices(std::move(devices));
    }

    bool listen() {
        net::HttpLimits limits;
        limits.perSecond = requestsPerSecond;
        limits.maxConnections = mostConnections;
        m_server = std::make_unique<net::HttpServer>(
            m_io,
            [this](const net::HttpRequest& request, const net::HttpReply& reply) {
                if (m_front) return m_front->handle(request, reply);
                reply(net::HttpResponse::error(503, "NOT_READY", "netpasd is starting", "try again in a moment"));
            },
            limits);
        std::string group = m_options.group;
        if (!group.empty() && ::getgrnam(group.c_str()) == nullptr) {
            m_log(LogLevel::Warning, "there is no group \"" + group +
                                         "\": only root may use the socket (addgroup --system " + group + ")");
            group.clear();
        }
        const auto listening = m_server->listenUnix(m_options.socket, 0660, group);
        if (!listening) {
            fail("cannot listen on " + m_options.socket.string() + ": " + std::string(describe(listening.error())),
                 "stop the other netpasd, or choose another --socket");
        }
        return listening.has_value();
    }

    // After privileges are given up: its files are the agent's.
    bool openFront() {
        FrontDoorContext context{systemClock(),
                                 m_timers,
                                 *m_cartographer,
                                 m_log,
                                 m_options.stateFolder,
                                 m_options.sinkAuthority,
                                 isOwnAddress,
                                 {},
                                 {}};
        context.inside = [this](const net::HttpRequest& request, net::HttpReply reply) {
            if (m_door && m_door->handleLocal(request, reply)) return;
            m_api->handle(request, std::move(reply));
        };
        context.secretary = [this](const net::HttpRequest& request, Reply reply) {
            m_link->forward(request, {}, std::move(reply));
        };
        m_front = std::make_unique<FrontDoor>(std::move(context));
        if (!m_options.listenTcp) return true;
        const auto port = m_server->listenLoopback(*m_options.listenTcp);
        if (!port) {
            return fail("cannot listen on " + m_options.listenTcp->toString() + " (--listen-tcp)",
                        "give a free port of a loopback address, such as 127.0.0.1:46720") == EXIT_SUCCESS;
        }
        m_front->setTcpPort(*port);
        m_log(LogLevel::Info, "tokens are taken on port " + std::to_string(*port) + " of this machine itself");
        return true;
    }

    // After privileges are given up: the key is the agent's, and what it starts has no rights of its own.
    bool openSharing() {
        if (!m_options.share) return true;
        auto sharing = Sharing::open({m_io, m_timers, systemClock(), m_log, m_options.stateFolder,
                                      [this] { return m_measurements->segments(); }},
                                     *m_options.share);
        if (!sharing) return fail(sharing.error(), {}) == EXIT_SUCCESS;
        m_sharing = std::move(*sharing);
        return true;
    }

    // The packet filter's table goes with this process; then everything passes as if it had never been.
    bool openMesh() {
        if (!m_options.mesh) return true;
        auto mesh = Mesh::open({m_io, m_timers, systemClock(), m_log,
                                [this](const channel::Message& message) {
                                    const auto* counts = std::get_if<channel::MeshCounts>(&message);
                                    if (counts != nullptr && m_flows) m_flows->counted(*counts);
                                    m_link->tellMesh(message);
                                }},
                               *m_options.mesh);
        if (!mesh) return fail(mesh.error(), "netpasd(8), --mesh") == EXIT_SUCCESS;
        m_mesh = std::move(*mesh);
        auto flows = FlowWatch::open({m_io, m_timers, systemClock(), m_log,
                                      [this](const channel::Message& message) { m_link->tellMesh(message); },
                                      [this](const std::string& interface, const IpAddress& to, ByteView bytes) {
                                          return m_mesh->say(interface, to, bytes);
                                      },
                                      [this] { return m_options.clockError ? m_options.clockError : clockError(); }},
                                     {m_options.mesh->interfaces.begin(), m_options.mesh->interfaces.end()});
        if (!flows) return fail(flows.error(), "netpasd(8), --mesh") == EXIT_SUCCESS;
        m_flows = std::move(*flows);
        m_mesh->onOther([this](const std::string& interface, const MeshDatagram& datagram) {
            m_flows->heard(interface, datagram);
        });
        std::optional<ndt7::Target> server;
        if (m_options.mesh->testServer) server = {*m_options.mesh->testServer, {}, m_options.mesh->testKey};
        m_tester = std::make_unique<NeighbourTester>(
            m_io, std::move(server), [this](const channel::NeighbourTested& result) { m_link->tellMesh(result); });
        return true;
    }

    // After privileges are given up: the doors' files are the agent's.
    bool openReverseDoor() {
        m_plane->setNeighbours(linuxNeighbours());
        if (m_options.sellReverse.empty()) return true;
        ReverseDoorContext context{m_io, m_options.stateFolder, m_log, linuxNeighbours(), isOwnAddress, {}};
        context.secretary = [this](const net::HttpRequest& request, auto reply) {
            m_link->forward(request, {}, std::move(reply));
        };
        auto door = ReverseDoor::open(std::move(context), m_options.sellReverse);
        if (!door) {
            fail(door.error(), {});
            return false;
        }
        m_reverseDoor = std::move(*door);
        return true;
    }

    bool openDoor() {
        if (!m_options.listenTls) return true;
        DoorContext context{m_io, m_options.stateFolder, m_log, linuxNeighbours(), {}, {}, m_options.roaming};
        context.api = [this](const net::HttpRequest& request, auto reply) { m_api->handle(request, std::move(reply)); };
        context.secretary = [this](channel::DeviceAsks asks, auto reply) {
            m_link->ask(std::move(asks), std::move(reply));
        };
        auto door = HouseholdDoor::open(std::move(context), *m_options.listenTls);
        if (!door) {
            fail(door.error(), {});
            return false;
        }
        m_door = std::move(*door);
        m_plane->setSenders([this](const std::string& node) { return m_door->linkOf(node); });
        return true;
    }

    bool dropPrivileges() {
        const auto dropped = dropAgentPrivileges(m_options.user, m_options.groups);
        if (!dropped) {
            fail(dropped.error().what, dropped.error().remedy);
            return false;
        }
        for (const std::string& warning : dropped->warnings) m_log(LogLevel::Warning, warning);
        return true;
    }

    void watchSecretary() {
        if (!m_secretary.launched) return;
        m_secretary.launched->watch(
            m_io, [this](int descriptor) { m_inherited->give(descriptor); },
            [this] {
                if (!m_stopping) m_log(LogLevel::Error, "the secretary has ended: nothing can be bought");
                finish();
            });
    }

    void keepDescriptorFresh() {
        m_timers.after(std::chrono::duration_cast<std::chrono::milliseconds>(refreshEvery), [this] {
            m_cartographer->refresh([this](const auto& home) {
                if (!home) return;
                useHome();
                m_link->homeChanged();
            });
            keepDescriptorFresh();
        });
    }

    // A secretary beside us settles what is open first, over our network. One elsewhere does that when an agent is back.
    void stop() {
        if (std::exchange(m_stopping, true)) return;
        m_server->close();
        if (!m_secretary.launched) return finish();
        m_log(LogLevel::Info, "stopping; purchases are being settled");
        m_secretary.launched->askToStop();
        m_timers.after(m_options.stopWithin, [this] {
            m_log(LogLevel::Warning, "some purchases are not settled yet: the next start does it");
            finish();
        });
    }

    void finish() {
        m_server->close();
        if (m_door) m_door->close();
        if (m_sharing) m_sharing->stop();
        if (m_reverseDoor) m_reverseDoor->close();
        if (m_flows) m_flows->stop();
        if (m_tester) m_tester->stop();
        if (m_mesh) m_mesh->stop();
        m_measurements->stop();
        m_link->stop();
        m_plane->stop();
        m_io.stop();
    }

    AgentOptions m_options;
    SecretaryAccess m_secretary;
    app::LogSink m_log;
    asio::io_context m_io{1};
    asio::signal_set m_signals{m_io, SIGTERM, SIGINT};
    app::AsioTimers m_timers{m_io};
    cartographer::CurlFetcher m_fetcher{m_io};
    std::unique_ptr<Executables> m_executables;
    std::unique_ptr<DataPlane> m_plane;
    std::unique_ptr<cartographer::Cartographer> m_cartographer;
    channel::InheritedSource* m_inherited = nullptr;  // the link's, when the secretary was launched
    std::unique_ptr<SecretaryLink> m_link;
    std::unique_ptr<Measurements> m_measurements;
    std::unique_ptr<Mesh> m_mesh;               // null: no neighbours
    std::unique_ptr<FlowWatch> m_flows;         // with it
    std::unique_ptr<NeighbourTester> m_tester;  // with it
    std::unique_ptr<Sharing> m_sharing;         // null: not a member of any community
    std::unique_ptr<MeshRoutes> m_meshRoutes;
    std::unique_ptr<Api> m_api;
    std::unique_ptr<FrontDoor> m_front;
    std::unique_ptr<net::HttpServer> m_server;
    std::unique_ptr<HouseholdDoor> m_door;       // null: no devices behind this machine
    std::unique_ptr<ReverseDoor> m_reverseDoor;  // null: nothing is sold
    bool m_stopping = false;
};

}  // namespace

int runAgent(const AgentOptions& options, SecretaryAccess secretary, const app::LogSink& log) {
    return AgentProcess(options, std::move(secretary), log).run();
}

}  // namespace netpas::agent
