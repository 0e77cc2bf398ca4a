#include "app/isp/edge_service.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <spdlog/spdlog.h>
#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <cstring>
#include <deque>
#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "app/isp/edge_accounting.h"
#include "app/isp/edge_view.h"
#include "core/accounting/client.h"
#include "core/accounting/visitors.h"
#include "core/net/http_server.h"
#include "tun/edge/edge_books.h"
#include "tun/edge/edge_engine.h"
#include "tun/edge/edge_state.h"

namespace netpas::isp {

namespace asio = boost::asio;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds reportInterval{100};
constexpr milliseconds stateInterval{1000};
constexpr milliseconds stopPatience{2000};
constexpr size_t reportKeys = accounting::maxReportKeys;
constexpr size_t deliveryLimit = 50'000;  // an index has 16 bits
constexpr size_t removedLimit = 100'000;  // final counters kept for an accounting server that asks again

// What one visit to the packet thread brings back.
struct Harvest {
    tun::EdgeReport report;
    std::vector<tun::EdgeSample> samples;
    tun::EngineCounters engine;
};

struct FormerPrice {
    ServiceClass service;
    PriceSchedule price;
    SteadyTime until;
};

uint64_t newIncarnation(uint64_t before, SystemTime now) {
    // Differs from all earlier ones even if the state was lost.
    return std::max(before + 1, static_cast<uint64_t>(std::max<int64_t>(now.time_since_epoch().count(), 1)));
}

std::string because(const std::string& what, const std::filesystem::path& path) {
    return what + " " + path.string() + ": " + std::strerror(errno);
}

}  // namespace

class EdgeService::Impl : public std::enable_shared_from_this<EdgeService::Impl> {
public:
    Impl(const EdgeSettings& settings, const Parts& parts)
        : m_settings(settings), m_parts(parts), m_tick(parts.io), m_stateTimer(parts.io), m_stopTimer(parts.io) {}
    ~Impl() {
        if (m_lock >= 0) close(m_lock);
    }

    tl::expected<void, std::string> start();
    void stop(std::function<void()> done);
    void abandon();
    void reprice(const EdgeSettings& settings);

private:
    using Work = std::function<void(tun::EdgeProcessor&)>;

    tl::expected<void, std::string> openState();
    tl::expected<void, std::string> openAdmin();
    void restoreLevels();
    void startAccounting();
    void publishTables();
    // Runs on the packet thread between two batches; waits its turn when too much waits already.
    void onPacketThread(Work work);
    void pushBacklog();

    void tick();
    void harvest(std::function<void()> then);
    void taken(const std::shared_ptr<Harvest>& harvest);
    void sendReports();
    void sendSamples(const std::vector<tun::EdgeSample>& samples);
    void stateTick();
    bool saveState(bool ended);

    void install(const accounting::InstallKey& message);
    void remove(SessionKeyId id);
    void answerRemoved(SessionKeyId id, const tun::KeyCounters& counters);

    void handle(const net::HttpRequest& request, const net::HttpReply& reply);
    [[nodiscard]] std::string view() const;
    void countPaths(const std::vector<accounting::CountPaths::Path>& paths);
    void setDeliveries(const accounting::SetDeliveries& said);
    [[nodiscard]] std::optional<size_t> deliveryLike(const tun::EdgeDelivery& wanted,
                                                     std::vector<tun::EdgeDelivery>& added);
    void sendPathCounts();
    void startCounting(std::vector<std::vector<IspId>> paths, size_t from);
    void investigate(const net::HttpRequest& request, const net::HttpReply& reply);

    void finishStop();

    EdgeSettings m_settings;
    Parts m_parts;
    asio::steady_timer m_tick;
    asio::steady_timer m_stateTimer;
    asio::steady_timer m_stopTimer;
    std::unique_ptr<tun::EdgeEngine> m_engine;
    std::unique_ptr<accounting::EdgeAccountingClient> m_accounting;
    std::unique_ptr<net::HttpServer> m_admin;
    std::unique_ptr<tun::EdgeBooks> m_books;
    int m_lock = -1;

    tun::EdgeState m_restored;
    uint64_t m_incarnation = 0;
    std::unordered_map<SessionKeyId, uint64_t> m_sequences;  // of keys from before the start, not installed since
    std::unordered_map<SessionKeyId, accounting::KeyCounters> m_removed;
    std::deque<SessionKeyId> m_removedOrder;
    std::unordered_set<SessionKeyId> m_unsentKeys;
    std::deque<Work> m_backlog;
    std::vector<std::vector<IspId>> m_investigated;       // by the operator, then those that the server ordered
    std::vector<accounting::CountPaths::Path> m_ordered;  // the last so many of them
    size_t m_configuredDeliveries = 0;                    // of the file; the others came from the server
    uint64_t m_deliveriesEpoch = 0;
    uint64_t m_countEpoch = 0;    // since when the counters are those of these paths
    uint64_t m_countedEpoch = 0;  // … and of the last harvest
    std::vector<IspId> m_blacklist;
    std::vector<IspId> m_lastBlacklist;
    uint16_t m_minute = UINT16_MAX;
    std::vector<FormerPrice> m_formerPrices;

    Harvest m_last;
    bool m_harvesting = false;
    bool m_up = false;
    bool m_stopping = false;
    bool m_changed = true;
    SteadyTime m_lastReport{};
    uint64_t m_reportsSent = 0;
    uint32_t m_reportNumber = 0;
    uint32_t m_reportStored = 0;
    uint64_t m_samplesSent = 0;
    bool m_stateFailed = false;
    SteadyTime m_stopDeadline{};
    std::function<void()> m_stopped;
};

tl::expected<void, std::string> EdgeService::Impl::start() {
    if (auto opened = openState(); !opened) return opened;
    auto engine = tun::EdgeEngine::open(m_settings.edge, m_parts.udp, m_parts.tun, m_parts.clock);
    if (!engine) {
        const tun::EngineError& error = engine.error();
        return tl::unexpected("cannot listen on UDP " + error.local.toString() +
                              (error.device.empty() ? "" : " at interface " + error.device) + ": " +
                              std::string(tun::describe(error.error)) +
                              "; check the address and the interface in the configuration");
    }
    m_engine = std::move(*engine);
    m_configuredDeliveries = m_settings.edge.deliveries.size();
    restoreLevels();
    publishTables();
    if (auto opened = openAdmin(); !opened) return opened;
    if (!saveState(false)) {
        return tl::unexpected(because("cannot write the router's state in", m_settings.stateFolder) +
                              "; make it writable");
    }
    m_engine->start();
    startAccounting();
    tick();
    stateTick();
    spdlog::info("edge router {} of ISP {}: incarnation {}", m_settings.edge.router, m_settings.edge.isp.value(),
                 m_incarnation);
    return {};
}

tl::expected<void, std::string> EdgeService::Impl::openState() {
    std::error_code error;
    std::filesystem::create_directories(m_settings.stateFolder, error);
    if (error) return tl::unexpected("cannot make " + m_settings.stateFolder.string() + ": " + error.message());
    const std::filesystem::path lock = m_settings.stateFolder / "lock";
    m_lock = open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (m_lock < 0) return tl::unexpected(because("cannot open", lock) + "; make the folder writable");
    if (flock(m_lock, LOCK_EX | LOCK_NB) != 0) {
        return tl::unexpected("another edge router uses " + m_settings.stateFolder.string() +
                              "; stop it, or give this one a state_dir of its own");
    }
    const std::filesystem::path file = m_settings.stateFolder / "edge.state";
    auto state = tun::readState(file);
    if (!state) {
        return tl::unexpected(std::string(tun::describe(state.error())) + ": " + file.string() +
                              "; move it away to start with full token buckets and counters at zero");
    }
    if (*state) m_restored = std::move(**state);
    m_incarnation = newIncarnation(m_restored.incarnation, m_parts.clock.now());
    m_sequences = m_restored.nextSequences;
    m_books = std::make_unique<tun::EdgeBooks>(m_restored.lifetime, m_restored.tail);
    for (const auto& [id, counters] : m_restored.tail.keys) m_unsentKeys.insert(id);
    if (*state && !m_restored.ended) {
        spdlog::warn("the router did not end in good order: what it counted in its last second is lost");
    }
    return {};
}

void EdgeService::Impl::restoreLevels() {
    const tun::EdgeConfig& edge = m_settings.edge;
    for (const auto& [name, level] : m_restored.customerLevels) {
        for (size_t i = 0; i < edge.customers.size(); ++i) {
            if (edge.customers[i].name == name) m_engine->processor().restoreCustomerLevel(i, level);
        }
    }
    for (const auto& [isp, level] : m_restored.neighbourLevels) {
        for (size_t i = 0; i < edge.neighbours.size(); ++i) {
            if (edge.neighbours[i].isp == isp) m_engine->processor().restoreNeighbourLevel(i, level);
        }
    }
    const tun::EdgeTime now{m_parts.clock.steady(), m_parts.clock.now()};
    for (const tun::HeldPlace& place : m_restored.places) m_engine->processor().restorePlace(place, now);
    m_engine->processor().harvest(m_last.report, 0);
}

void EdgeService::Impl::startAccounting() {
    accounting::EdgeHello hello;
    hello.router = m_settings.edge.router;
    hello.incarnation = m_incarnation;
    for (const tun::EdgeCustomer& customer : m_settings.edge.customers) hello.customers.push_back(customer.name);
    accounting::EdgeAccountingClient::Handlers handlers;
    handlers.onInstall = [this](const accounting::InstallKey& message) { install(message); };
    handlers.onRemove = [this](SessionKeyId id) { remove(id); };
    handlers.onBlacklist = [this](const std::vector<IspId>& isps) {
        m_blacklist = isps;
        publishTables();
        if (isps != m_lastBlacklist) spdlog::info("the accounting server blacklists {} ISPs", isps.size());
        m_lastBlacklist = isps;
    };
    handlers.onCountPaths = [this](const std::vector<accounting::CountPaths::Path>& paths) { countPaths(paths); };
    handlers.onDeliveries = [this](const accounting::SetDeliveries& said) { setDeliveries(said); };
    handlers.onReportStored = [this](uint32_t number) { m_reportStored = std::max(m_reportStored, number); };
    handlers.onUp = [this] {
        spdlog::info("accounting server connected");
        m_up = true;
        m_changed = true;
    };
    handlers.onDown = [this](net::NetError error) {
        if (m_up)
            spdlog::warn("accounting server lost: {}; the router goes on with the keys it has", net::describe(error));
        m_up = false;
        setDeliveries({});  // nobody would tell us that an endpoint has gone
    };
    m_accounting = std::make_unique<accounting::EdgeAccountingClient>(
        m_parts.io, m_parts.identity, accounting::ServerAddress{m_settings.accounting, m_settings.accountingKey},
        std::move(hello), std::move(handlers));
    m_accounting->start();
}

void EdgeService::Impl::reprice(const EdgeSettings& settings) {
    const SteadyTime until = m_parts.clock.steady() + settings.priceNotice;
    for (const tun::EdgeClass& before : m_settings.edge.classes) {
        const auto& all = settings.edge.classes;
        const auto same = std::find_if(all.begin(), all.end(), [&](const auto& one) { return one.id == before.id; });
        if (same == all.end() || same->price == before.price) continue;
        m_formerPrices.push_back({before.id, before.price, until});
        spdlog::info("class {} has another price; the one before is taken for {} s", before.id.value(),
                     settings.priceNotice.count());
    }
    m_settings.edge.classes = settings.edge.classes;
    publishTables();
}

void EdgeService::Impl::publishTables() {
    m_minute = minuteOfDay(m_parts.clock.now());
    std::erase_if(m_formerPrices, [now = m_parts.clock.steady()](const FormerPrice& one) { return one.until <= now; });
    for (tun::EdgeClass& entry : m_settings.edge.classes) {
        entry.former.clear();
        for (const FormerPrice& one : m_formerPrices) {
            if (one.service == entry.id) entry.former.push_back(one.price);
        }
    }
    std::vector<tun::InvestigatedPath> paths;
    for (size_t slot = 0; slot < m_investigated.size(); ++slot)
        paths.push_back({static_cast<uint8_t>(slot), m_investigated[slot]});
    m_engine->publish(tun::EdgeTables::build(m_settings.edge, m_minute, m_blacklist, paths));
}

void EdgeService::Impl::onPacketThread(Work work) {
    m_backlog.push_back(std::move(work));
    pushBacklog();
}

void EdgeService::Impl::pushBacklog() {
    while (!m_backlog.empty() && m_engine->post(m_backlog.front())) m_backlog.pop_front();
}

// --- keys

void EdgeService::Impl::install(const accounting::InstallKey& message) {
    const auto& customers = m_settings.edge.customers;
    const auto customer = std::find_if(customers.begin(), customers.end(),
                                       [name = accounting::configuredName(message.customer)](
                                           const tun::EdgeCustomer& one) { return one.name == name; });
    if (customer == customers.end()) {
        spdlog::error(
            "session key {} cannot be used: its customer \"{}\" is not in this router's configuration; add a "
            "[[customer]] of that name",
            message.key.id.value(), message.customer);
        return;
    }
    const auto line = static_cast<uint16_t>(customer - customers.begin());
    SessionKey key = message.key;
    uint64_t nextSequence = message.nextSequence;
    if (const auto known = m_sequences.find(key.id); known != m_sequences.end())
        nextSequence = std::max(nextSequence, known->second);
    // What the last incarnation spent and could not report is not yet off the cap.
    if (const auto tail = m_restored.tail.keys.find(key.id); tail != m_restored.tail.keys.end()) {
        key.cap = Money::fromEighths(std::max<int64_t>(0, key.cap.eighths() - tail->second.amount.eighths()));
    }
    onPacketThread([weak = weak_from_this(), &io = m_parts.io, &clock = m_parts.clock, key, nextSequence,
                    line](tun::EdgeProcessor& processor) {
        const auto installed = processor.installKey(key, nextSequence, clock.steady(), line);
        asio::post(io, [weak, id = key.id, installed] {
            const auto self = weak.lock();
            if (!self) return;
            if (installed) {
                self->m_accounting->keyInstalled(id);
            } else {
                spdlog::error("session key {} cannot be used: {}", id.value(), tun::describe(installed.error()));
            }
        });
    });
}

void EdgeService::Impl::remove(SessionKeyId id) {
    if (const auto known = m_removed.find(id); known != m_removed.end()) {
        m_accounting->keyRemoved(known->second);
        return;
    }
    onPacketThread([weak = weak_from_this(), &io = m_parts.io, id](tun::EdgeProcessor& processor) {
        const auto counters = processor.removeKey(id);
        asio::post(io, [weak, id, counters] {
            if (const auto self = weak.lock()) self->answerRemoved(id, counters.value_or(tun::KeyCounters{}));
        });
    });
}

void EdgeService::Impl::answerRemoved(SessionKeyId id, const tun::KeyCounters& counters) {
    m_books->takeKey(id, counters);
    const accounting::KeyCounters final = toMessage(id, m_books->key(id));
    m_sequences.erase(id);
    if (m_removed.try_emplace(id, final).second) m_removedOrder.push_back(id);
    if (m_removedOrder.size() > removedLimit) {
        m_removed.erase(m_removedOrder.front());
        m_removedOrder.pop_front();
    }
    if (m_accounting->isUp()) {
        m_accounting->keyRemoved(final);
        m_books->forget(id);
        m_unsentKeys.erase(id);
    } else {
        m_unsentKeys.insert(id);  // the server asks again; until then the counters must not be lost
    }
}

// --- endpoints that confirm what is delivered to them

// The index of such a delivery, which may be new.
std::optional<size_t> EdgeService::Impl::deliveryLike(const tun::EdgeDelivery& wanted,
                                                      std::vector<tun::EdgeDelivery>& added) {
    auto& all = m_settings.edge.deliveries;
    for (size_t i = m_configuredDeliveries; i < all.size(); ++i) {
        const bool same = all[i].prefix == wanted.prefix && all[i].participate == wanted.participate;
        if (same && all[i].counter == wanted.counter) return i;
    }
    const bool v6 = wanted.participate->address.isV6();
    const auto& listen = m_settings.edge.listen;
    const bool reachable =
        std::any_of(listen.begin(), listen.end(), [v6](const IpAddress& own) { return own.isV6() == v6; });
    if (!reachable || all.size() >= deliveryLimit) return std::nullopt;
    all.push_back(wanted);
    all.back().active = false;
    added.push_back(wanted);
    return all.size() - 1;
}

// The tables change once the packet thread can send there.
void EdgeService::Impl::setDeliveries(const accounting::SetDeliveries& said) {
    std::vector<tun::EdgeDelivery> added;
    std::vector<size_t> wanted;
    for (const auto& one : said.all) {
        for (const IpAddress& address : one.addresses) {
            const auto prefix = IpPrefix::make(address, address.isV6() ? 128 : 32);
            if (const auto index = deliveryLike({*prefix, one.deliver, one.counter}, added)) wanted.push_back(*index);
        }
    }
    const uint64_t epoch = ++m_deliveriesEpoch;
    onPacketThread(
        [weak = weak_from_this(), &io = m_parts.io, &engine = *m_engine, added, wanted, epoch](tun::EdgeProcessor&) {
            for (const tun::EdgeDelivery& delivery : added) (void)engine.addDelivery(delivery);
            asio::post(io, [weak, wanted, epoch] {
                const auto self = weak.lock();
                if (!self || self->m_deliveriesEpoch != epoch) return;
                auto& all = self->m_settings.edge.deliveries;
                for (size_t i = self->m_configuredDeliveries; i < all.size(); ++i) all[i].active = false;
                for (const size_t i : wanted) all[i].active = true;
                self->publishTables();
            });
        });
}

// --- reports, samples, state

void EdgeService::Impl::tick() {
    if (m_stopping) return;
    pushBacklog();
    harvest({});
    m_tick.expires_after(reportInterval);
    m_tick.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
        if (const auto self = weak.lock(); self && !error) self->tick();
    });
}

void EdgeService::Impl::harvest(std::function<void()> then) {
    if (m_harvesting && !then) return;
    m_harvesting = true;
    const uint64_t epoch = m_countEpoch;
    auto harvested = std::make_shared<Harvest>();
    onPacketThread([weak = weak_from_this(), &io = m_parts.io, &engine = *m_engine, harvested, then = std::move(then),
                    epoch](tun::EdgeProcessor& processor) {
        processor.harvest(harvested->report, reportKeys);
        processor.samples().drainTo(harvested->samples);
        harvested->engine = engine.counters();
        asio::post(io, [weak, harvested, then, epoch] {
            const auto self = weak.lock();
            if (!self) return;
            self->m_harvesting = false;
            self->m_countedEpoch = epoch;
            self->taken(harvested);
            if (then) then();
        });
    });
}

void EdgeService::Impl::taken(const std::shared_ptr<Harvest>& harvest) {
    m_changed = m_changed || harvest->report.verdicts != m_last.report.verdicts;
    m_books->take(harvest->report);
    for (const tun::EdgeReport::Key& key : harvest->report.keys) {
        m_sequences.erase(key.id);
        m_unsentKeys.insert(key.id);
    }
    sendSamples(harvest->samples);
    const bool more = harvest->report.moreKeys;
    m_last = std::move(*harvest);
    const SteadyTime now = m_parts.clock.steady();
    if (m_changed || !m_unsentKeys.empty() || now - m_lastReport >= std::chrono::seconds(1)) sendReports();
    if (more && !m_stopping) this->harvest({});
}

void EdgeService::Impl::sendReports() {
    if (!m_accounting->isUp()) return;
    sendPathCounts();
    std::vector<SessionKeyId> keys(m_unsentKeys.begin(), m_unsentKeys.end());
    std::vector<accounting::EdgeReport> reports =
        makeReports(m_books->now(), m_settings.edge.isp, keys, m_parts.clock.now());
    bool all = true;
    for (accounting::EdgeReport& report : reports) {
        std::vector<SessionKeyId> inThis;
        for (const accounting::KeyCounters& key : report.keys) inThis.push_back(key.key);
        const uint32_t number = m_accounting->report(std::move(report));
        all = all && number != 0;
        if (number == 0) break;
        m_reportNumber = number;
        ++m_reportsSent;
        for (const SessionKeyId id : inThis) {
            m_books->sentKey(id);
            m_unsentKeys.erase(id);
        }
    }
    if (!all) return;
    m_books->sentAggregates();
    m_changed = false;
    m_lastReport = m_parts.clock.steady();
}

void EdgeService::Impl::sendSamples(const std::vector<tun::EdgeSample>& samples) {
    for (const tun::EdgeSample& sample : samples) {
        for (accounting::EdgeSample& message : toMessages(sample, m_settings.edge.sampling.threshold, systemRandom())) {
            if (m_accounting->sample(std::move(message))) ++m_samplesSent;
        }
    }
}

void EdgeService::Impl::stateTick() {
    if (m_stopping) return;
    if (!saveState(false) && !std::exchange(m_stateFailed, true)) {
        spdlog::error("the router's state cannot be written; a restart would lose levels and counters");
    }
    if (minuteOfDay(m_parts.clock.now()) != m_minute) publishTables();
    m_stateTimer.expires_after(stateInterval);
    m_stateTimer.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
        if (const auto self = weak.lock(); self && !error) self->stateTick();
    });
}

bool EdgeService::Impl::saveState(bool ended) {
    tun::EdgeState state;
    state.incarnation = m_incarnation;
    state.ended = ended;
    const tun::EdgeConfig& edge = m_settings.edge;
    for (size_t i = 0; i < m_last.report.customers.size(); ++i) {
        const auto& bucket = m_last.report.customers[i];
        if (bucket.limited) state.customerLevels.emplace_back(edge.customers[i].name, bucket.level);
    }
    for (size_t i = 0; i < m_last.report.neighbours.size(); ++i) {
        const auto& bucket = m_last.report.neighbours[i];
        if (bucket.limited) state.neighbourLevels.emplace_back(edge.neighbours[i].isp, bucket.level);
    }
    state.places = m_last.report.places;
    state.lifetime = m_books->lifetime();
    state.tail = ended ? m_books->unsent() : m_books->inheritedTail();
    state.nextSequences = m_sequences;
    for (const auto& [id, counters] : m_books->now().keys) state.nextSequences[id] = counters.nextSequence;
    return tun::writeState(m_settings.stateFolder / "edge.state", state).has_value();
}

// --- admin socket

tl::expected<void, std::string> EdgeService::Impl::openAdmin() {
    m_admin = std::make_unique<net::HttpServer>(
        m_parts.io, [this](const net::HttpRequest& request, const net::HttpReply& reply) { handle(request, reply); });
    if (auto listening = m_admin->listenUnix(m_settings.adminSocket, 0600); !listening) {
        return tl::unexpected("cannot open the admin socket " + m_settings.adminSocket.string() + ": " +
                              std::string(net::describe(listening.error())) +
                              "; name a writable place in admin_socket");
    }
    return {};
}

void EdgeService::Impl::handle(const net::HttpRequest& request, const net::HttpReply& reply) {
    if (request.path == "/v1/counters" && request.method == "GET") {
        harvest([weak = weak_from_this(), reply] {
            if (const auto self = weak.lock()) reply({200, "application/json", self->view(), {}});
        });
    } else if (request.path == "/v1/investigations" && request.method == "PUT") {
        investigate(request, reply);
    } else {
        reply(net::HttpResponse::error(404, "NOT_FOUND", "there is no " + request.method + " " + request.path,
                                       "GET /v1/counters, PUT /v1/investigations"));
    }
}

// {"paths": [[26, 25, 24], …]} replaces the paths under investigation (NetPaS §5.1 step 8); their counters begin at 0.
void EdgeService::Impl::investigate(const net::HttpRequest& request, const net::HttpReply& reply) {
    const auto body = nlohmann::json::parse(request.body, nullptr, false);
    std::vector<std::vector<IspId>> paths;
    const auto isPath = [](const nlohmann::json& path) {
        return path.is_array() && !path.empty() && path.size() <= AccountingHeader::maxHops &&
               std::all_of(path.begin(), path.end(), [](const nlohmann::json& isp) {
                   return isp.is_number_unsigned() && isp.get<uint64_t>() <= 65535;
               });
    };
    const bool good = body.is_object() && body.contains("paths") && body["paths"].is_array() &&
                      body["paths"].size() <= tun::InvestigatedPath::limit &&
                      std::all_of(body["paths"].begin(), body["paths"].end(), isPath);
    if (!good) {
        reply(net::HttpResponse::error(400, "INVALID_ARGUMENT", "the body must be {\"paths\": [[26, 25, 24], ...]}",
                                       "at most 64 paths of 1 to 16 ISPs"));
        return;
    }
    for (const auto& path : body["paths"]) {
        std::vector<IspId> isps;
        for (const auto& isp : path) isps.emplace_back(isp.get<uint16_t>());
        paths.push_back(std::move(isps));
    }
    if (paths.size() + m_ordered.size() > tun::InvestigatedPath::limit) m_ordered.clear();
    for (const auto& path : m_ordered) paths.push_back(path.isps);
    startCounting(std::move(paths), 0);
    reply({200, "application/json", "{}", {}});
}

// Those from there on begin at 0. Who ordered one of them anew sees that by smaller numbers.
void EdgeService::Impl::startCounting(std::vector<std::vector<IspId>> paths, size_t from) {
    m_investigated = std::move(paths);
    ++m_countEpoch;
    onPacketThread([from](tun::EdgeProcessor& processor) {
        for (size_t slot = from; slot < tun::InvestigatedPath::limit; ++slot) {
            processor.clearInvestigation(static_cast<uint8_t>(slot));
        }
    });
    publishTables();
}

// The operator's own stand before them and go on.
void EdgeService::Impl::countPaths(const std::vector<accounting::CountPaths::Path>& paths) {
    if (paths == m_ordered) return;
    std::vector<std::vector<IspId>> all(m_investigated.begin(),
                                        m_investigated.end() - static_cast<std::ptrdiff_t>(m_ordered.size()));
    const size_t own = all.size();
    m_ordered = paths;
    if (own + m_ordered.size() > tun::InvestigatedPath::limit) m_ordered.resize(tun::InvestigatedPath::limit - own);
    for (const auto& path : m_ordered) all.push_back(path.isps);
    startCounting(std::move(all), own);
}

void EdgeService::Impl::sendPathCounts() {
    if (m_ordered.empty() || m_countedEpoch != m_countEpoch) return;
    accounting::PathCounts counts;
    const size_t first = m_investigated.size() - m_ordered.size();
    for (size_t i = 0; i < m_ordered.size(); ++i) {
        accounting::PathCounts::Count& count = counts.counts.emplace_back();
        count.id = m_ordered[i].id;
        count.amounts.resize(m_ordered[i].isps.size());
        if (first + i >= m_last.report.investigations.size()) continue;  // nothing came that way yet
        const tun::InvestigationCounters& counted = m_last.report.investigations[first + i];
        count.packets = counted.packets;
        std::copy_n(counted.amounts.begin(), count.amounts.size(), count.amounts.begin());
    }
    m_accounting->countedPaths(counts);
}

std::string EdgeService::Impl::view() const {
    EdgeView view{m_settings.edge,
                  m_incarnation,
                  m_books->lifetime(),
                  m_books->now(),
                  m_last.report,
                  m_last.engine,
                  m_investigated,
                  m_accounting->isUp(),
                  m_reportsSent,
                  m_reportStored,
                  m_accounting->samplesWaiting(),
                  m_samplesSent,
                  m_accounting->samplesLost() + m_last.report.samplesDropped};
    return countersJson(view);
}

// --- the end

void EdgeService::Impl::stop(std::function<void()> done) {
    if (m_stopping) return;
    m_stopping = true;
    m_stopped = std::move(done);
    m_tick.cancel();
    m_stateTimer.cancel();
    m_engine->stop();  // what was posted has run
    for (const Work& work : m_backlog) work(m_engine->processor());
    m_backlog.clear();
    m_engine->processor().flushSamples();
    bool more = true;
    while (more) {
        auto last = std::make_shared<Harvest>();
        m_engine->processor().harvest(last->report, reportKeys);
        m_engine->processor().samples().drainTo(last->samples);
        last->engine = m_engine->counters();
        more = last->report.moreKeys;
        taken(last);
    }
    m_changed = true;
    sendReports();
    m_stopDeadline = m_parts.clock.steady() + stopPatience;
    finishStop();
}

void EdgeService::Impl::finishStop() {
    const bool stored = m_reportStored >= m_reportNumber && m_accounting->samplesWaiting() == 0;
    if (m_accounting->isUp() && !stored && m_parts.clock.steady() < m_stopDeadline) {
        m_stopTimer.expires_after(milliseconds(10));
        m_stopTimer.async_wait([self = shared_from_this()](const boost::system::error_code&) { self->finishStop(); });
        return;
    }
    if (!saveState(true)) spdlog::error("the router's state cannot be written; its last second is lost");
    abandon();
    if (m_stopped) m_stopped();
}

void EdgeService::Impl::abandon() {
    m_stopping = true;
    if (m_engine) m_engine->stop();
    if (m_accounting) m_accounting->stop();
    if (m_admin) m_admin->close();
    m_tick.cancel();
    m_stateTimer.cancel();
}

EdgeService::EdgeService(std::shared_ptr<Impl> impl) : m_impl(std::move(impl)) {}
EdgeService::~EdgeService() { m_impl->abandon(); }

tl::expected<std::unique_ptr<EdgeService>, std::string> EdgeService::start(const EdgeSettings& settings,
                                                                           const Parts& parts) {
    auto impl = std::make_shared<Impl>(settings, parts);
    if (auto started = impl->start(); !started) {
        impl->abandon();
        return tl::unexpected(started.error());
    }
    return std::unique_ptr<EdgeService>(new EdgeService(std::move(impl)));
}

void EdgeService::reprice(const EdgeSettings& settings) { m_impl->reprice(settings); }

void EdgeService::stop(std::function<void()> done) { m_impl->stop(std::move(done)); }

}  // namespace netpas::isp
