#include "app/lab/scenario/payment_load.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <ctime>
#include <future>
#include <map>
#include <set>

#include "core/random.h"

namespace netpas::lab {

using namespace std::chrono_literals;
using accounting::AccountingClient;
using Steady = std::chrono::steady_clock;

namespace {

constexpr auto beat = 2ms;
constexpr auto longestWait = 30s;  // for the ends of what was offered

double threadCpuSeconds() {
    timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

struct Endpoint {
    Endpoint(uint16_t itsIsp, std::string itsName) : isp(itsIsp), name(std::move(itsName)) {}
    uint16_t isp;
    std::string name;
    Identity identity = Identity::generate();
    std::unique_ptr<AccountingClient> client;
    bool ready = false;
};

double percentile(std::vector<double>& sorted, double share) {
    if (sorted.empty()) return 0;
    return sorted[std::min(sorted.size() - 1, static_cast<size_t>(share * static_cast<double>(sorted.size())))];
}

}  // namespace

struct PaymentLoad::Impl {
    explicit Impl(uint64_t seed) : random(seed) {}

    std::unique_ptr<OverlayThread> payerThread;
    std::unique_ptr<OverlayThread> payeeThread;
    std::vector<std::unique_ptr<Endpoint>> payers;  // on payerThread
    std::vector<std::unique_ptr<Endpoint>> payees;
    std::map<std::pair<uint16_t, uint16_t>, std::vector<payments::Fee>> ways;
    SeededRandom random;

    // Of the run that is under way; on payerThread.
    LoadResult result;
    std::vector<double> latencies;
    double rate = 0;
    double duration = 0;
    Steady::time_point begin;
    Steady::time_point last;
    uint64_t ended = 0;
    std::unique_ptr<boost::asio::steady_timer> timer;
    std::promise<void> done;

    void connect(OverlayThread& thread, const Overlay& overlay, Endpoint& endpoint, bool receives) {
        AccountingClient::Handlers handlers;
        handlers.onPayment = [&endpoint](const payments::Payment& payment) {
            endpoint.client->confirmPayment(payments::confirm(payment, endpoint.identity, systemClock().now()));
        };
        const IpAddress own = overlay.customerAddress(endpoint.isp, endpoint.name);
        endpoint.client = std::make_unique<AccountingClient>(
            thread.io(), endpoint.identity, overlay.server(endpoint.isp), handlers, connectorFrom(thread.io(), own));
        endpoint.client->start();
        endpoint.client->join(
            [&endpoint, receives](const auto& joined) {
                if (!joined) return;
                if (!receives) {
                    endpoint.ready = true;
                    return;
                }
                endpoint.client->setReceiving(
                    true, [&endpoint](const auto& set) { endpoint.ready = set.has_value() && !set->refused; });
            },
            60s);
    }

    [[nodiscard]] bool allReady() {
        bool ready = true;
        const auto look = [&](const auto& all) {
            for (const auto& endpoint : all) ready = ready && endpoint->ready;
        };
        payerThread->run([&] { look(payers); });
        payeeThread->run([&] { look(payees); });
        return ready;
    }

    // From every ISP to every other, by one payer of each.
    void askWays() {
        std::map<uint16_t, Endpoint*> one;
        for (const auto& payer : payers) one[payer->isp] = payer.get();
        for (const auto& [from, payer] : one) {
            for (const auto& payee : payees) {
                const uint16_t to = payee->isp;
                if (ways.contains({from, to})) continue;
                const std::pair way(from, to);
                payer->client->findRoute(IspId(to), Money::fromEighths(400'000), [this, way](const auto& found) {
                    if (found && !found->fees.empty()) ways[way] = found->fees;
                });
            }
        }
    }

    void onBeat() {
        const double elapsed = std::chrono::duration<double>(Steady::now() - begin).count();
        const auto due = static_cast<uint64_t>(std::min(elapsed, duration) * rate);
        while (result.offered < due) offer();
        if (elapsed >= duration && (ended == result.offered || elapsed > duration + longestWait.count())) {
            timer = nullptr;
            return done.set_value();
        }
        timer->expires_after(beat);
        timer->async_wait([this](const boost::system::error_code& error) {
            if (!error) onBeat();
        });
    }

    void offer() {
        Endpoint& payer = *payers[random.below(payers.size())];
        const Endpoint& payee = *payees[random.below(payees.size())];
        payments::SignedOrder made;
        payments::PaymentOrder& order = made.order;
        order.payer = payer.identity.nodeId();
        order.fees = ways.at({payer.isp, payee.isp});
        order.payment.id = payments::newPaymentId();
        order.payment.payee = payee.identity.nodeId();
        order.payment.amount = Money::fromEighths(8000 + static_cast<int64_t>(random.below(800'000)));
        order.payment.time = systemClock().now();
        order.payment.expires = order.payment.time + std::chrono::seconds(order.fees.size() + 1);
        made.signature = payer.identity.sign(payments::orderMessage(order));
        ++result.offered;
        result.hops += order.fees.size();
        const auto asked = Steady::now();
        payer.client->pay(made, [this, asked, payment = order.payment](const auto& outcome) {
            ++ended;
            if (!outcome) {
                ++result.unanswered;
                return;
            }
            const auto* confirmation = std::get_if<payments::PaymentConfirmation>(&*outcome);
            if (confirmation == nullptr || !payments::verify(*confirmation, payment)) {
                ++result.refused;
                return;
            }
            ++result.confirmed;
            last = Steady::now();
            latencies.push_back(std::chrono::duration<double, std::milli>(last - asked).count());
        });
    }
};

PaymentLoad::PaymentLoad() = default;

Expected<std::unique_ptr<PaymentLoad>> PaymentLoad::start(Overlay& overlay, uint64_t seed) {
    std::unique_ptr<PaymentLoad> load(new PaymentLoad);
    load->m_impl = std::make_unique<Impl>(seed);
    Impl& impl = *load->m_impl;
    for (auto* thread : {&impl.payerThread, &impl.payeeThread}) {
        auto started = OverlayThread::start(overlay.lab().netns(overlay.node()));
        if (!started) return tl::unexpected(started.error());
        *thread = std::move(*started);
    }
    for (const OverlayIspSpec& spec : overlay.isps()) {
        for (const OverlayCustomerSpec& customer : spec.customers) {
            const bool payee = customer.name.starts_with("payee");
            if (!payee && !customer.name.starts_with("payer")) continue;
            auto& side = payee ? impl.payees : impl.payers;
            side.push_back(std::make_unique<Endpoint>(spec.isp, customer.name));
        }
    }
    impl.payerThread->run([&] {
        for (const auto& payer : impl.payers) impl.connect(*impl.payerThread, overlay, *payer, false);
    });
    impl.payeeThread->run([&] {
        for (const auto& payee : impl.payees) impl.connect(*impl.payeeThread, overlay, *payee, true);
    });
    LAB_TRY(waitUntil("all customers to have joined", 60s, [&] { return impl.allReady(); }));
    std::set<uint16_t> from;
    std::set<uint16_t> to;
    for (const auto& payer : impl.payers) from.insert(payer->isp);
    for (const auto& payee : impl.payees) to.insert(payee->isp);
    const size_t pairs = from.size() * to.size();
    size_t asked = 0;
    LAB_TRY(waitUntil("ways between all ISPs", 60s, [&] {
        size_t known = 0;
        impl.payerThread->run([&] {
            known = impl.ways.size();
            if (asked++ % 100 == 0) impl.askWays();
        });
        return known == pairs;
    }));
    return load;
}

PaymentLoad::~PaymentLoad() {
    if (!m_impl || !m_impl->payerThread || !m_impl->payeeThread) return;
    m_impl->payerThread->run([this] { m_impl->payers.clear(); });
    m_impl->payeeThread->run([this] { m_impl->payees.clear(); });
}

LoadResult PaymentLoad::run(double paymentsPerSecond, double seconds) {
    Impl& impl = *m_impl;
    double cpu = 0;
    const auto addCpu = [&](double sign) {
        for (auto* thread : {&impl.payerThread, &impl.payeeThread}) {
            (*thread)->run([&] { cpu += sign * threadCpuSeconds(); });
        }
    };
    addCpu(-1);
    impl.done = {};
    impl.payerThread->run([&] {
        impl.result = {};
        impl.latencies.clear();
        impl.ended = 0;
        impl.rate = paymentsPerSecond;
        impl.duration = seconds;
        impl.begin = impl.last = Steady::now();
        impl.timer = std::make_unique<boost::asio::steady_timer>(impl.payerThread->io());
        impl.onBeat();
    });
    impl.done.get_future().wait();
    addCpu(1);
    LoadResult result;
    impl.payerThread->run([&] {
        result = impl.result;
        result.unanswered += result.offered - impl.ended;
        result.seconds = std::chrono::duration<double>(impl.last - impl.begin).count();
        std::sort(impl.latencies.begin(), impl.latencies.end());
        result.p50ms = percentile(impl.latencies, 0.5);
        result.p99ms = percentile(impl.latencies, 0.99);
    });
    result.offeredPerSecond = paymentsPerSecond;
    result.generatorCpuSeconds = cpu;
    return result;
}

}  // namespace netpas::lab
