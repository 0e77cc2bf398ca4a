// netpas-dht: a node of OpenDHT for one agent, which started it. Puts there what the agent says and tells what it finds. Knows no secret: what it
// carries is sealed. It ends with the agent.
#include <opendht/dhtrunner.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>

#include "app/common/privileges.h"
#include "app/share/dht_messages.h"

namespace {

using namespace netpas;
using namespace netpas::dht;
using SteadyClock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds lookEvery{200};
constexpr std::chrono::seconds putAgain{240};   // OpenDHT forgets after ten minutes
constexpr size_t storedForOthers = 16U << 20U;  // bytes
constexpr rlim_t maxMemory = 512UL << 20U;      // of data: who floods this node must not starve the machine
constexpr double foundPerSecond = 200;

void tell(const Message& message) {
    const Bytes bytes = encode(message);
    // Too much at once is lost, not queued.
    (void)::send(agentSocket, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

// What is found, on OpenDHT's threads; never more than so many a second.
class Finds {
public:
    void found(const Topic& topic, const std::vector<std::shared_ptr<::dht::Value>>& values) {
        for (const auto& value : values) {
            if (!value || value->data.empty() || value->data.size() > maxValue || !allowed()) continue;
            tell(Kept{topic, Bytes(value->data.begin(), value->data.end())});
        }
    }

private:
    bool allowed() {
        const std::lock_guard lock(m_mutex);
        const auto now = SteadyClock::now();
        m_left = std::min(foundPerSecond, m_left + foundPerSecond * std::chrono::duration<double>(now - m_at).count());
        m_at = now;
        if (m_left < 1) return false;
        m_left -= 1;
        return true;
    }
    std::mutex m_mutex;
    double m_left = foundPerSecond;
    SteadyClock::time_point m_at = SteadyClock::now();
};

::dht::InfoHash hashOf(const Topic& topic) { return {topic.data(), topic.size()}; }

class Node {
public:
    bool start(uint16_t port, uint32_t network, const std::vector<std::string>& bootstrap) try {
        ::dht::DhtRunner::Config config;
        config.dht_config.node_config.network = network;
        config.threaded = true;
        m_runner.run(port, config);
        m_runner.setStorageLimit(storedForOthers);
        for (const std::string& host : bootstrap) m_runner.bootstrap(host);
        return true;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "netpas-dht: UDP port %u: %s\n", unsigned{port}, error.what());
        return false;
    }

    void take(const Message& message) {
        if (const auto* follow = std::get_if<Follow>(&message)) this->follow(follow->topics);
        if (const auto* kept = std::get_if<Kept>(&message)) m_kept.insert_or_assign(kept->topic, Waiting{kept->value});
    }

    void look() {
        const uint16_t nodes = goodNodes();
        if (nodes != m_told) tell(Nodes{m_told = nodes});
        if (nodes == 0) return;  // nobody would have it
        const auto now = SteadyClock::now();
        for (auto& [topic, waiting] : m_kept) {
            if (waiting.again > now) continue;
            waiting.again = now + putAgain;
            m_runner.put(hashOf(topic), ::dht::Value(waiting.value.data(), waiting.value.size()));
        }
    }

    void stop() { m_runner.join(); }

private:
    struct Waiting {
        Bytes value;
        SteadyClock::time_point again{};
    };

    [[nodiscard]] uint16_t goodNodes() const {
        unsigned count = 0;
        for (const int family : {AF_INET, AF_INET6})
            count += m_runner.getNodesStats(static_cast<sa_family_t>(family)).good_nodes;
        return static_cast<uint16_t>(std::min(count, 0xffffU));
    }

    void follow(const std::set<Topic>& topics) {
        for (auto at = m_listening.begin(); at != m_listening.end();) {
            if (topics.contains(at->first)) {
                ++at;
                continue;
            }
            m_runner.cancelListen(hashOf(at->first), at->second);
            m_kept.erase(at->first);
            at = m_listening.erase(at);
        }
        for (const Topic& topic : topics) {
            if (m_listening.contains(topic)) continue;
            auto token = m_runner.listen(
                hashOf(topic), [this, topic](const std::vector<std::shared_ptr<::dht::Value>>& values, bool expired) {
                    if (!expired) m_finds.found(topic, values);
                    return true;
                });
            m_listening.emplace(topic, token.share());
        }
    }

    Finds m_finds;
    ::dht::DhtRunner m_runner;
    std::map<Topic, std::shared_future<size_t>> m_listening;
    std::map<Topic, Waiting> m_kept;
    uint16_t m_told = 0;
};

// Until the agent is gone.
void serve(Node& node) {
    std::array<uint8_t, maxMessage + 1> buffer{};
    pollfd ready{agentSocket, POLLIN, 0};
    while (true) {
        if (::poll(&ready, 1, static_cast<int>(lookEvery.count())) > 0) {
            const ssize_t count = ::recv(agentSocket, buffer.data(), buffer.size(), 0);
            if (count <= 0) return;
            if (const auto message = decode(ByteView(buffer.data(), static_cast<size_t>(count)))) node.take(*message);
        }
        node.look();
    }
}

int usage() {
    std::fprintf(stderr, "netpas-dht is started by netpasd --share, with a socket as descriptor 3\n");
    return 2;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) return usage();
    int type = 0;
    socklen_t size = sizeof type;
    if (::getsockopt(agentSocket, SOL_SOCKET, SO_TYPE, &type, &size) != 0 || type != SOCK_SEQPACKET) return usage();
    if (const auto dropped = app::dropPrivileges(std::nullopt, {}); !dropped) {
        std::fprintf(stderr, "netpas-dht: %s\n", dropped.error().what.c_str());
        return EXIT_FAILURE;
    }
    const rlimit memory{maxMemory, maxMemory};
    (void)::setrlimit(RLIMIT_DATA, &memory);
    Node node;
    if (!node.start(static_cast<uint16_t>(std::strtoul(argv[1], nullptr, 10)),
                    static_cast<uint32_t>(std::strtoul(argv[2], nullptr, 10)), {argv + 3, argv + argc}))
        return EXIT_FAILURE;
    serve(node);
    node.stop();
    return EXIT_SUCCESS;
}
