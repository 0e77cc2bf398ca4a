// The destination confirms the service of the last ISP, and where it does not, the last ISP does (NetPaS §2, Figure 3): A is a
// customer of X and gets packets from behind Y. Servers and routers are real processes, the packets real ones; A is the
// scenario's, so that it can die and lie. A sink of X's gets what goes to A while it takes no part.
#include <unistd.h>

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "app/lab/evidence.h"
#include "app/lab/scenario/books.h"
#include "app/lab/scenario/scenario.h"
#include "app/lab/scenario/threat_net.h"
#include "core/accounting/delivery_confirmer.h"
#include "core/random.h"
#include "core/sampling/sampler.h"
#include "core/wire/shim.h"

namespace netpas::lab {
namespace {

using namespace std::chrono_literals;
using accounting::AccountingClient;
using accounting::DeliveryConfirmer;
using accounting::PacketExcerpt;

constexpr uint16_t ispX = 24;
constexpr uint16_t ispY = 25;
constexpr uint64_t usualPackets = 9'000;
constexpr double packetsPerSecond = 5000;
constexpr int graceSeconds = 4;
constexpr int invented = 20;
constexpr int mostPortions = 40;  // for an alarm

Money dollars(const std::string& text) { return *Money::parse(text); }
Money times(Money a, uint64_t n) { return checkedMul(a, static_cast<int64_t>(n)).value_or(Money::max()); }
Money plus(Money a, Money b) { return checkedAdd(a, b).value_or(Money::max()); }
Money minus(Money a, Money b) { return checkedSub(a, b).value_or(Money::max()); }
const Money threshold = dollars(ThreatNet::threshold);
uint64_t strata(Money paid) { return static_cast<uint64_t>(paid.eighths() / threshold.eighths()); }

// An endpoint that takes part: hears the packets with their headers, samples, signs.
class Endhost {
public:
    static Expected<std::unique_ptr<Endhost>> start(ThreatNet& net, const std::string& name, bool confirms) {
        std::unique_ptr<Endhost> host(new Endhost(net, name, confirms));
        const auto fd = boundUdpSocket(net.netns(), {host->m_address, dataPort});
        if (!fd) return tl::unexpected(fd.error());
        host->m_fd = *fd;
        host->m_thread = std::thread([raw = host.get()] { raw->hear(); });
        LAB_TRY(host->takePart());
        return host;
    }
    ~Endhost() {
        m_ending = true;
        if (m_thread.joinable()) m_thread.join();
        if (m_fd >= 0) ::close(m_fd);
        m_net.thread().run([&] { m_client.reset(); });
    }
    Endhost(const Endhost&) = delete;
    Endhost& operator=(const Endhost&) = delete;

    [[nodiscard]] uint64_t packets() const { return m_packets; }
    [[nodiscard]] bool takesPart() const { return m_takesPart; }
    // That were made and X has not taken yet.
    [[nodiscard]] size_t waiting() {
        size_t count = 0;
        m_net.thread().run([&] {
            m_confirmer.sendAgain();
            count = m_confirmer.waiting();
        });
        return count;
    }
    // Confirms packets that it has never seen.
    void invent(int count) {
        PacketExcerpt excerpt{};
        excerpt[0] = 0x45;
        std::copy(m_address.bytes().begin(), m_address.bytes().end(), excerpt.begin() + 16);
        const auto header = AccountingHeader::make(m_net.path({ispY, ispX}));
        m_net.thread().run([&] {
            for (int i = 0; i < count; ++i) (void)m_confirmer.confirm(*header, excerpt);
        });
    }

private:
    Endhost(ThreatNet& net, const std::string& name, bool confirms)
        : m_net(net), m_name(name), m_address(net.overlay().customerAddress(ispX, name)), m_confirms(confirms) {}

    Expected<void> takePart() {
        const auto done = std::make_shared<std::atomic<bool>>(false);
        m_net.thread().run([&] {
            AccountingClient::Handlers handlers;
            handlers.onDeliveryTaken = [this](const accounting::AckEntry& entry) { m_confirmer.acknowledged(entry); };
            handlers.onPartEnded = [this] { m_takesPart = false; };
            m_client = std::make_unique<AccountingClient>(m_net.thread().io(), identityOf(m_name),
                                                          m_net.overlay().server(ispX), handlers,
                                                          connectorFrom(m_net.thread().io(), m_address));
            m_client->start();
            m_client->join([this, done](const auto& joined) {
                if (!joined) return;
                m_client->takePart({m_address, dataPort}, {m_address}, [this, done](const auto& part) {
                    if (!part) return;
                    m_confirmer.setTerms(*part);
                    m_takesPart = part->on;
                    *done = true;
                });
            });
        });
        return waitUntil(m_name + " to take part", 20s, [&] { return done->load(); });
    }

    // The same one every time: an account has one.
    static const Identity& identityOf(const std::string& name) {
        static std::map<std::string, std::unique_ptr<Identity>> all;
        auto& identity = all[name];
        if (!identity) identity = std::make_unique<Identity>(Identity::generate());
        return *identity;
    }

    void hear() {
        while (!m_ending) {
            const auto bytes = receiveDatagram(m_fd, 50ms);
            if (!bytes || bytes->size() < plainShimSize) continue;
            const auto kind = shimKind(*bytes);
            const auto header = AccountingHeader::decode(std::span(*bytes).subspan(plainShimSize));
            if (!kind || *kind != ShimKind::Delivery || !header) continue;
            ++m_packets;
            const auto outcome = m_sampler.observe(header->hops().back().price.value());
            const size_t inner = plainShimSize + header->size();
            for (uint32_t pick = 0; pick < outcome.picked; ++pick) {
                PacketExcerpt excerpt{};
                std::copy_n(bytes->begin() + static_cast<std::ptrdiff_t>(inner),
                            std::min(excerpt.size(), bytes->size() - inner), excerpt.begin());
                m_picked.emplace_back(*header, excerpt);
            }
            for (uint32_t leaves = 0; leaves < outcome.released; ++leaves) {
                if (m_confirms)
                    m_net.thread().run(
                        [&] { (void)m_confirmer.confirm(m_picked.front().first, m_picked.front().second); });
                m_picked.pop_front();
            }
        }
    }

    ThreatNet& m_net;
    std::string m_name;
    IpAddress m_address;
    bool m_confirms;
    int m_fd = -1;
    std::unique_ptr<AccountingClient> m_client;  // the OverlayThread's
    DeliveryConfirmer m_confirmer{identityOf(m_name), systemClock(), [this](const accounting::Confirmation& one) {
                                      if (m_client) m_client->confirmDelivery(one);
                                  }};
    std::atomic<bool> m_takesPart{false};
    std::atomic<bool> m_ending{false};
    std::atomic<uint64_t> m_packets{0};
    StratifiedSampler m_sampler{threshold, systemRandom()};
    std::deque<std::pair<AccountingHeader, PacketExcerpt>> m_picked;
    std::thread m_thread;
};

struct World {
    ThreatNet& net;
    PaidSender& sender;
    PaidSink& sink;
    Money price;
    uint64_t portion;

    Expected<void> send(const std::string& to, uint64_t count) const {
        const auto path = net.path({ispY, ispX});
        if (sender.send(path, net.overlay().customerAddress(ispX, to), count, packetsPerSecond) == count) return {};
        return fail(LabErrc::System, "not all packets could be sent");
    }
    [[nodiscard]] Money yOwes() const {
        const auto y = net.books(ispY);
        const Json* x = y ? findEntry(*y, "neighbours", "isp", ispX) : nullptr;
        return x == nullptr ? Money::zero() : amountAt(*x, "owed_to").value_or(Money::zero());
    }
    Expected<void> awaitOwed(Money amount) const {
        return waitUntil("Y to owe X " + amount.toString(), 20s, [&] { return yOwes() == amount; });
    }
};

std::string confirmsText(int counter) {
    return "send = true\n[customer.confirms]\ncounter = " + std::to_string(counter);
}

// What X's sink gets as long as the customer takes no part.
std::string bareDelivery(ThreatNet& net, const std::string& customer) {
    return "\n[[delivery]]\nprefix = \"" + net.overlay().customerAddress(ispX, customer).toString() +
           "/32\"\nparticipate = \"" + net.sink(ispX).toString() + "\"\n";
}

// Before, while and after A takes part: every packet is confirmed by one of them, and none by both.
Expected<void> once(ScenarioContext& context, World& w) {
    Json& result = context.result();
    context.say(std::to_string(w.portion) + " packets for A, which takes no part; X confirms.");
    LAB_TRY(w.send("A", w.portion));
    LAB_TRY(waitUntil("the packets at X's sink", 10s, [&] { return w.sink.packets() == w.portion; }));
    const Money byX = times(threshold, strata(times(w.price, w.portion)));
    LAB_TRY(w.awaitOwed(byX));

    context.say("A takes part; as many again.");
    auto a = Endhost::start(w.net, "A", true);
    if (!a) return tl::unexpected(a.error());
    std::this_thread::sleep_for(500ms);  // the routers are told
    LAB_TRY(w.send("A", w.portion));
    LAB_TRY(waitUntil("the packets at A", 10s, [&] { return (*a)->packets() == w.portion; }));
    const Money byA = times(threshold, strata(times(w.price, w.portion)));
    // What comes before the routers' report is said again.
    LAB_TRY(waitUntil("X to have taken what A confirmed", 20s,
                      [&] { return (*a)->waiting() == 0 && w.yOwes() == plus(byX, byA); }));
    result["packets_at_a"] = (*a)->packets();
    result["confirmed_by_a"] = byA.toString();
    context.expect(w.sink.packets() == w.portion, "packets went past A although it takes part");

    context.say("A is gone; as many again.");
    a->reset();
    std::this_thread::sleep_for(500ms);
    LAB_TRY(w.send("A", w.portion));
    LAB_TRY(waitUntil("the packets at X's sink", 10s, [&] { return w.sink.packets() == 2 * w.portion; }));
    const Money all = plus(times(threshold, strata(times(w.price, 2 * w.portion))), byA);
    LAB_TRY(w.awaitOwed(all));
    std::this_thread::sleep_for(std::chrono::seconds(graceSeconds + 2));  // for comparisons to speak up
    const auto x = w.net.books(ispX);
    const auto y = w.net.books(ispY);
    if (!x || !y) return fail(LabErrc::Process, "books cannot be read");
    result["packets_per_phase"] = w.portion;
    result["delivered"] = times(w.price, 3 * w.portion).toString();
    result["y_owes_x"] = w.yOwes().toString();
    result["confirmed_exactly_once"] = w.yOwes() == all;
    result["alarms"] = x->value("alarm_count", 0) + y->value("alarm_count", 0);
    context.expect(w.yOwes() == all, "something was confirmed twice");
    context.expect(result["alarms"] == 0, "honest parties raised an alarm: " + x->at("alarms").dump());
    return {};
}

Expected<void> invents(ScenarioContext& context, World& w) {
    context.say("A confirms " + std::to_string(invented) + " packets that never came.");
    const Money before = w.yOwes();
    auto a = Endhost::start(w.net, "A", true);
    if (!a) return tl::unexpected(a.error());
    (*a)->invent(invented);
    LAB_TRY(waitUntil("X's alarm about A", 30s, [&] {
        (void)(*a)->waiting();
        const auto x = w.net.books(ispX);
        return x && findEntry(*x, "alarms", "subject", "customer A") != nullptr;
    }));
    const auto x = w.net.books(ispX);
    const Json* alarm = x ? findEntry(*x, "alarms", "subject", "customer A") : nullptr;
    Json& result = context.result();
    result["alarm_after_inventing"] = alarm == nullptr ? "" : alarm->value("kind", "");
    result["paid_for_inventing"] = minus(w.yOwes(), before).toString();
    context.expect(result["alarm_after_inventing"] == "too-much-confirmed", "inventing raised no alarm");
    // What the stratum that had begun holds is honest.
    context.expect(minus(w.yOwes(), before) <= threshold, "an invented confirmation was paid");
    return {};
}

// C gets packets and confirms none: X loses what it delivers until it notices, and confirms itself from then on.
Expected<void> withholds(ScenarioContext& context, World& w) {
    context.say("C takes part and confirms nothing.");
    auto c = Endhost::start(w.net, "C", false);
    if (!c) return tl::unexpected(c.error());
    std::this_thread::sleep_for(500ms);
    const uint64_t before = w.sink.packets();
    const auto begin = std::chrono::steady_clock::now();
    int portions = 0;
    while ((*c)->takesPart() && portions++ < mostPortions) LAB_TRY(w.send("C", 2000));
    Json& result = context.result();
    result["seconds_to_withdraw"] = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    context.expect(!(*c)->takesPart(), "an endpoint that confirms nothing still takes part");
    const auto x = w.net.books(ispX);
    const Json* alarm = x ? findEntry(*x, "alarms", "subject", "customer C") : nullptr;
    result["alarm_after_withholding"] = alarm == nullptr ? "" : alarm->value("kind", "");
    result["lost_by_withholding"] = times(w.price, (*c)->packets()).toString();
    context.expect(result["alarm_after_withholding"] == "too-little-confirmed", "withholding raised no alarm");
    const uint64_t heard = (*c)->packets();
    LAB_TRY(w.send("C", w.portion));
    LAB_TRY(waitUntil("bare packets for C", 10s, [&] { return w.sink.packets() >= before + w.portion; }));
    context.expect((*c)->packets() == heard, "C still gets packets with headers");
    return {};
}

Expected<void> run(ScenarioContext& context) {
    auto thread = OverlayThread::start(context.lab().netns(context.lab().topology().nodes().front()));
    if (!thread) return tl::unexpected(thread.error());
    ThreatIsp x{ispX, "X", "0.000001", {ispY}};
    x.customers = {{"A", confirmsText(9)}, {"C", confirmsText(10)}};
    ThreatIsp y{ispY, "Y", "0.00000001", {ispX}};
    y.customers = {{"S", ""}};
    x.graceSeconds = y.graceSeconds = graceSeconds;
    auto made = ThreatNet::make(context.lab(), **thread, {x, y}, context.options().seed);
    if (!made) return tl::unexpected(made.error());
    ThreatNet& net = **made;
    net.spec(ispX).router = bareDelivery(net, "A") + bareDelivery(net, "C");
    LAB_TRY(net.start());
    const auto sender = PaidSender::make(net, ispY, "S", "100", {ispY, ispX});
    const auto sink = PaidSink::start(net, ispX);
    if (!sender) return tl::unexpected(sender.error());
    if (!sink) return tl::unexpected(sink.error());
    const uint64_t packets = context.options().packets != 0 ? context.options().packets : usualPackets;
    World world{net, **sender, **sink, net.path({ispX})[0].price.value(), packets / 3};
    LAB_TRY(once(context, world));
    LAB_TRY(invents(context, world));
    LAB_TRY(withholds(context, world));
    return context.lab().checkPrograms();
}

}  // namespace

Scenario endpointConfirmsScenario() {
    return {"endpoint-confirms",
            "an endpoint confirms what is delivered to it, dies, lies and withholds",
            "overlay",
            {},
            run,
            false,
            true};
}

}  // namespace netpas::lab
