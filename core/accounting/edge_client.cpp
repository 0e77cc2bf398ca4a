#include <boost/asio/io_context.hpp>
#include <deque>
#include <unordered_map>

#include "core/accounting/client.h"
#include "core/net/tls_link.h"

namespace netpas::accounting {

namespace asio = boost::asio;

namespace {
constexpr size_t maxSamples = 100'000;  // about 20 MB: at T = $0.001 a hundred dollars unconfirmed
}

class EdgeAccountingClient::Impl : public std::enable_shared_from_this<Impl> {
public:
    Impl(asio::io_context& io, const Identity& identity, ServerAddress server, EdgeHello hello, Handlers handlers)
        : m_io(io),
          m_identity(identity),
          m_server(server),
          m_hello(std::move(hello)),
          m_handlers(std::move(handlers)) {}

    void start() {
        auto up = [weak = weak_from_this()](std::shared_ptr<net::TlsConnection> connection) {
            if (const auto self = weak.lock()) self->up(std::move(connection));
        };
        auto down = [weak = weak_from_this()](net::NetError error) {
            const auto self = weak.lock();
            if (!self) return;
            self->m_connection = nullptr;
            self->m_welcomed = false;
            if (self->m_handlers.onDown) self->m_handlers.onDown(error);
        };
        m_dialer = std::make_unique<net::TlsDialer>(m_io, m_identity, m_server.endpoint, m_server.key,
                                                    net::TlsDialer::Handlers{up, down});
        m_dialer->start();
    }

    void stop() {
        m_dialer.reset();
        m_connection = nullptr;
        m_welcomed = false;
    }

    [[nodiscard]] bool isUp() const { return m_welcomed && m_connection && m_connection->isOpen(); }

    uint32_t report(EdgeReport report) {
        if (!isUp()) return 0;
        report.sequence = ++m_sequence;
        return transmit(report) ? report.sequence : 0;
    }

    bool sample(EdgeSample sample) {
        if (m_samples.size() >= maxSamples) {
            ++m_lost;
            return false;
        }
        const ConfirmationId id = sample.id;
        if (!m_samples.try_emplace(id, std::move(sample)).second) return true;
        m_toSend.push_back(id);
        pump();
        return true;
    }

    void countedPaths(const PathCounts& counts) {
        if (isUp()) (void)transmit(counts);
    }
    void keyInstalled(SessionKeyId key) { reply(KeyInstalled{key}); }
    void keyRemoved(const KeyCounters& counters) { reply(KeyRemoved{counters}); }
    [[nodiscard]] size_t samplesWaiting() const { return m_samples.size(); }
    [[nodiscard]] uint64_t samplesLost() const { return m_lost; }

private:
    // As much as the connection takes; acknowledgements bring it here again.
    void pump() {
        while (isUp() && !m_toSend.empty()) {
            const auto found = m_samples.find(m_toSend.front());
            if (found != m_samples.end() && !transmit(found->second)) return;
            m_toSend.pop_front();
        }
    }

    bool transmit(const Message& message) { return m_connection && m_connection->send(encode(message)); }

    // Answers to installs and removals: when they are lost the server asks again after the reconnect.
    void reply(const Message& message) {
        if (m_connection && !transmit(message)) m_connection->close();
    }

    void up(std::shared_ptr<net::TlsConnection> connection) {
        m_connection = std::move(connection);
        m_connection->onMessage = [weak = weak_from_this()](ByteView bytes) {
            if (const auto self = weak.lock()) self->received(bytes);
        };
        reply(m_hello);
    }

    void received(ByteView bytes) {
        const auto message = decode(bytes);
        if (!message) return;
        if (std::holds_alternative<EdgeWelcome>(*message)) {
            m_welcomed = true;
            resendSamples();
            if (m_handlers.onUp) m_handlers.onUp();
        } else if (const auto* install = std::get_if<InstallKey>(&*message)) {
            if (m_handlers.onInstall) m_handlers.onInstall(*install);
        } else if (const auto* remove = std::get_if<RemoveKey>(&*message)) {
            if (m_handlers.onRemove) m_handlers.onRemove(remove->key);
        } else if (const auto* blacklist = std::get_if<SetBlacklist>(&*message)) {
            if (m_handlers.onBlacklist) m_handlers.onBlacklist(blacklist->isps);
        } else if (const auto* paths = std::get_if<CountPaths>(&*message)) {
            if (m_handlers.onCountPaths) m_handlers.onCountPaths(paths->paths);
        } else if (const auto* deliveries = std::get_if<SetDeliveries>(&*message)) {
            if (m_handlers.onDeliveries) m_handlers.onDeliveries(*deliveries);
        } else if (const auto* stored = std::get_if<EdgeReportAck>(&*message)) {
            if (m_handlers.onReportStored) m_handlers.onReportStored(stored->sequence);
        } else if (const auto* ack = std::get_if<Ack>(&*message)) {
            // A refused sample would be refused again.
            for (const AckEntry& entry : ack->entries) m_samples.erase(entry.id);
            pump();
        }
    }

    // The server knows the ids: what it has already, it only acknowledges.
    void resendSamples() {
        m_toSend.clear();
        for (const auto& [id, sample] : m_samples) m_toSend.push_back(id);
        pump();
    }

    asio::io_context& m_io;
    const Identity& m_identity;
    ServerAddress m_server;
    EdgeHello m_hello;
    Handlers m_handlers;
    std::unique_ptr<net::TlsDialer> m_dialer;
    std::shared_ptr<net::TlsConnection> m_connection;
    std::unordered_map<ConfirmationId, EdgeSample, ConfirmationIdHash> m_samples;
    std::deque<ConfirmationId> m_toSend;  // on this connection
    uint64_t m_lost = 0;
    uint32_t m_sequence = 0;
    bool m_welcomed = false;
};

EdgeAccountingClient::EdgeAccountingClient(asio::io_context& io, const Identity& identity, ServerAddress server,
                                           EdgeHello hello, Handlers handlers)
    : m_impl(std::make_shared<Impl>(io, identity, server, std::move(hello), std::move(handlers))) {}
EdgeAccountingClient::~EdgeAccountingClient() { m_impl->stop(); }
void EdgeAccountingClient::start() { m_impl->start(); }
void EdgeAccountingClient::stop() { m_impl->stop(); }
bool EdgeAccountingClient::isUp() const { return m_impl->isUp(); }
uint32_t EdgeAccountingClient::report(EdgeReport report) { return m_impl->report(std::move(report)); }
bool EdgeAccountingClient::sample(EdgeSample sample) { return m_impl->sample(std::move(sample)); }
size_t EdgeAccountingClient::samplesWaiting() const { return m_impl->samplesWaiting(); }
uint64_t EdgeAccountingClient::samplesLost() const { return m_impl->samplesLost(); }
void EdgeAccountingClient::countedPaths(const PathCounts& counts) { m_impl->countedPaths(counts); }
void EdgeAccountingClient::keyInstalled(SessionKeyId key) { m_impl->keyInstalled(key); }
void EdgeAccountingClient::keyRemoved(const KeyCounters& counters) { m_impl->keyRemoved(counters); }

}  // namespace netpas::accounting
