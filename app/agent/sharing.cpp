#include "app/agent/sharing.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "app/agent/measurement_json.h"
#include "app/share/dht_process.h"
#include "cartographer/cache_file.h"
#include "core/random.h"

namespace netpas::agent {

using nlohmann::json;
using share::Metric;

namespace {

constexpr std::chrono::milliseconds lookEvery{1000};
constexpr unsigned looksBetweenSaves = 300;

double scaleOf(Metric metric) {
    switch (metric) {
    case Metric::RoundTrip: return 1000;  // milliseconds
    case Metric::LossThere:
    case Metric::LossBack: return 1;
    }
    return 1;
}

std::string keyOf(Metric metric) { return std::string(name(metric)) + (metric == Metric::RoundTrip ? "_ms" : ""); }

json classesJson(const share::Subject& subject) {
    json list = json::array();
    const auto add = [&](IspId isp, ServiceClass service) {
        if (service.value() != 0) list.push_back({{"isp", isp.value()}, {"class", service.value()}});
    };
    add(subject.segment.from, subject.aspect.fromClass);
    add(subject.segment.to, subject.aspect.toClass);
    return list;
}

}  // namespace

class Sharing::Impl : public std::enable_shared_from_this<Impl> {
public:
    Impl(SharingContext context, SharingOptions options, Identity identity)
        : m_context(std::move(context)),
          m_me(std::move(identity)),
          m_dht(m_context.io,
                {options.program, options.community.port, options.community.network, options.community.bootstrap},
                [log = m_context.log](const std::string& what) {
                    log(app::LogLevel::Warning, what + ": nothing is shared (netpasd(8), --share)");
                }),
          m_exchange(exchangeOptions(options.community),
                     share::Community(options.community.secret, options.community.members), m_me, m_dht,
                     m_context.clock, systemRandom()),
          m_name(options.community.name) {}

    void start() {
        m_exchange.trust().load(cartographer::readCacheFile(trustFile()).value_or(""));
        m_exchange.trust().keepOnly(m_exchange.community().members());
        look();
    }

    void stop() {
        m_stopped = true;
        save();
    }

    void addTo(json& measurements, const std::set<IspId>& onTheWay) {
        using Row = std::pair<share::Segment, std::pair<ServiceClass, ServiceClass>>;
        std::map<Row, json> rows;
        for (const share::SharedEstimate& one : m_exchange.estimates()) {
            const share::Segment& segment = one.subject.segment;
            if (!onTheWay.empty() && (!onTheWay.contains(segment.from) || !onTheWay.contains(segment.to))) continue;
            json& row = rows[{segment, {one.subject.aspect.fromClass, one.subject.aspect.toClass}}];
            if (row.is_null()) {
                row = {{"source", "shared"},
                       {"from_isp", segment.from.value()},
                       {"isp", segment.to.value()},
                       {"family", segment.v6 ? "ipv6" : "ipv4"},
                       {"classes", classesJson(one.subject)},
                       {"members", 0},
                       {"heard", 0},
                       {"weight", 0.0}};
            }
            json& figure = row[keyOf(one.subject.aspect.metric)];
            figure = estimateJson(one.estimate, scaleOf(one.subject.aspect.metric), m_context.clock.steady());
            figure["members"] = one.members;
            figure["heard"] = one.heard;
            row["members"] = std::max(row["members"].get<size_t>(), one.members);
            row["heard"] = std::max(row["heard"].get<size_t>(), one.heard);
            row["weight"] = std::max(row["weight"].get<double>(), one.weight);
        }
        for (auto& [key, row] : rows) measurements["measurements"].push_back(std::move(row));
        measurements["sharing"] = state();
    }

private:
    static share::Exchange::Options exchangeOptions(const dht::CommunityFile& file) {
        share::Exchange::Options options;
        options.publishEvery = file.publishEvery;
        // Some may be lost on the way before what was said earlier counts no more.
        constexpr int rounds = 5;
        constexpr std::chrono::seconds least{30};
        options.lifetime = std::max(least, std::chrono::seconds(file.publishEvery * rounds));
        return options;
    }

    [[nodiscard]] json state() {
        const share::Exchange::Counters& counters = m_exchange.counters();
        json rejected = json::object();
        for (size_t i = 0; i < share::rejectedKinds; ++i) {
            if (counters.rejected[i] > 0)
                rejected[std::string(name(static_cast<share::Rejected>(i)))] = counters.rejected[i];
        }
        json weights = json::object();
        for (const PublicKey& member : m_exchange.community().members()) {
            if (member != m_me.publicKey()) weights[member.hex()] = m_exchange.trust().weight(member);
        }
        return {{"community", m_name},          {"key", m_me.publicKey().hex()},
                {"nodes", m_dht.nodes()},       {"published", counters.published},
                {"taken", counters.taken},      {"rejected", std::move(rejected)},
                {"weights", std::move(weights)}};
    }

    void look() {
        if (m_stopped) return;
        SegmentKnowledge known = m_context.knowledge();
        if (known.ways != m_ways) m_exchange.follow(m_ways = std::move(known.ways));
        m_exchange.offer(std::move(known.own));
        m_exchange.run();
        if (++m_looks % looksBetweenSaves == 0) save();
        m_context.timers.after(lookEvery, [weak = weak_from_this()] {
            if (const auto self = weak.lock()) self->look();
        });
    }

    [[nodiscard]] std::filesystem::path trustFile() const { return m_context.stateFolder / "share.trust"; }
    void save() { (void)cartographer::writeCacheFile(trustFile(), m_exchange.trust().save()); }

    SharingContext m_context;
    Identity m_me;
    dht::DhtProcess m_dht;
    share::Exchange m_exchange;
    std::string m_name;
    std::vector<share::Segment> m_ways;
    unsigned m_looks = 0;
    bool m_stopped = false;
};

tl::expected<std::unique_ptr<Sharing>, std::string> Sharing::open(SharingContext context, SharingOptions options) {
    auto identity = Identity::loadOrCreate(keyFile(context.stateFolder));
    if (!identity) {
        return tl::unexpected("the key for sharing, " + keyFile(context.stateFolder).string() + ": " +
                              std::string(describe(identity.error())));
    }
    const auto& members = options.community.members;
    if (std::find(members.begin(), members.end(), identity->publicKey()) == members.end()) {
        context.log(app::LogLevel::Warning, "this machine's key " + identity->publicKey().hex() +
                                                " is not among the community's members: it only listens");
    }
    auto impl = std::make_shared<Impl>(std::move(context), std::move(options), std::move(*identity));
    impl->start();
    return std::unique_ptr<Sharing>(new Sharing(std::move(impl)));
}

Sharing::Sharing(std::shared_ptr<Impl> impl) : m_impl(std::move(impl)) {}
Sharing::~Sharing() = default;
void Sharing::addTo(json& measurements, const std::set<IspId>& onTheWay) { m_impl->addTo(measurements, onTheWay); }
void Sharing::stop() { m_impl->stop(); }
std::filesystem::path Sharing::keyFile(const std::filesystem::path& stateFolder) { return stateFolder / "share.key"; }

}  // namespace netpas::agent
