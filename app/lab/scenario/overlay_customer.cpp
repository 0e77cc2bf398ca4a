// Customers of the overlay kit: clients inside the scenario's process, on a thread in the overlay's namespace.
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <future>
#include <optional>
#include <thread>

#include "app/lab/netns.h"
#include "app/lab/scenario/overlay_kit.h"

namespace netpas::lab {

namespace asio = boost::asio;
using accounting::AccountingClient;
using accounting::ClientFailure;

// --- the thread

struct OverlayThread::Impl {
    asio::io_context io;
    std::optional<asio::executor_work_guard<asio::io_context::executor_type>> guard{asio::make_work_guard(io)};
    std::thread thread;
};

OverlayThread::OverlayThread() : m_impl(std::make_unique<Impl>()) {}

Expected<std::unique_ptr<OverlayThread>> OverlayThread::start(const std::string& netns) {
    std::unique_ptr<OverlayThread> made(new OverlayThread);
    std::promise<Expected<void>> entered;
    made->m_impl->thread = std::thread([impl = made->m_impl.get(), netns, &entered] {
        auto inside = enterNamespace(netns);
        const bool good = inside.has_value();
        entered.set_value(std::move(inside));
        if (good) impl->io.run();
    });
    LAB_TRY(entered.get_future().get());
    return made;
}

OverlayThread::~OverlayThread() {
    if (!m_impl->thread.joinable()) return;
    m_impl->guard.reset();
    m_impl->io.stop();
    m_impl->thread.join();
}

asio::io_context& OverlayThread::io() { return m_impl->io; }

void OverlayThread::run(const std::function<void()>& work) {
    std::promise<void> done;
    asio::post(m_impl->io, [&] {
        work();
        done.set_value();
    });
    done.get_future().wait();
}

// --- connections

net::Connector connectorFrom(asio::io_context& io, const IpAddress& own) {
    return [&io, own](const Endpoint& server, std::function<void(tl::expected<int, net::NetError>)> done) {
        using asio::ip::tcp;
        const auto socket = std::make_shared<tcp::socket>(io);
        boost::system::error_code error;
        const auto here = asio::ip::make_address(own.toString(), error);
        const auto there = asio::ip::make_address(server.address.toString(), error);
        socket->open(here.is_v4() ? tcp::v4() : tcp::v6(), error);
        if (!error) socket->bind({here, 0}, error);
        socket->async_connect({there, server.port}, [socket, done = std::move(done)](boost::system::error_code failed) {
            const int fd = failed ? -1 : socket->release(failed);
            if (failed) return done(tl::unexpected(net::NetError::CannotConnect));
            done(fd);
        });
    };
}

// --- customers

OverlayCustomer::OverlayCustomer(OverlayThread& thread, const Overlay& overlay, uint16_t isp, const std::string& name,
                                 OnPayment onPayment)
    : m_thread(thread), m_name(name), m_isp(isp), m_identity(Identity::generate()) {
    if (!onPayment) {
        onPayment = [](OverlayCustomer& self, const payments::Payment& payment) {
            self.client().confirmPayment(payments::confirm(payment, self.identity(), systemClock().now()));
        };
    }
    AccountingClient::Handlers handlers;
    handlers.onPayment = [this, onPayment = std::move(onPayment)](const payments::Payment& payment) {
        onPayment(*this, payment);
    };
    m_thread.run([&] {
        m_client = std::make_unique<AccountingClient>(m_thread.io(), m_identity, overlay.server(isp), handlers,
                                                      connectorFrom(m_thread.io(), overlay.customerAddress(isp, name)));
        m_client->start();
    });
}

OverlayCustomer::~OverlayCustomer() {
    m_thread.run([&] { m_client.reset(); });
}

template <typename T>
Expected<T> OverlayCustomer::ask(const std::string& what, std::chrono::milliseconds limit,
                                 const std::function<void(AccountingClient::Done<T>)>& call) {
    const auto answer = std::make_shared<std::promise<tl::expected<T, ClientFailure>>>();
    auto future = answer->get_future();
    m_thread.run(
        [&] { call([answer](tl::expected<T, ClientFailure> result) { answer->set_value(std::move(result)); }); });
    const std::string who = "customer " + m_name + " of ISP " + std::to_string(m_isp) + ", " + what + ": ";
    if (future.wait_for(limit) != std::future_status::ready) return fail(LabErrc::Timeout, who + "no answer");
    auto result = future.get();
    if (result) return std::move(*result);
    return fail(LabErrc::Process,
                who + std::string(accounting::describe(result.error().error)) + " " + result.error().remedy);
}

Expected<void> OverlayCustomer::join(bool receiving) {
    using namespace std::chrono_literals;
    const auto joined = ask<accounting::Joined>("join", 15s, [&](auto done) { m_client->join(std::move(done)); });
    if (!joined) return tl::unexpected(joined.error());
    if (!receiving) return {};
    const auto set = ask<accounting::ReceivingSet>("receive", 15s,
                                                   [&](auto done) { m_client->setReceiving(true, std::move(done)); });
    if (!set) return tl::unexpected(set.error());
    if (set->refused)
        return fail(LabErrc::Process, m_name + " may not receive: " + std::string(describe(*set->refused)));
    return {};
}

payments::SignedOrder OverlayCustomer::sign(payments::PaymentOrder order) const {
    payments::SignedOrder made{std::move(order), {}};
    made.signature = m_identity.sign(payments::orderMessage(made.order));
    return made;
}

Expected<payments::SignedOrder> OverlayCustomer::order(const NodeId& payee, uint16_t payeeIsp, Money amount,
                                                       std::chrono::seconds limit) {
    payments::PaymentOrder made;
    LAB_TRY(waitUntil("a way from ISP " + std::to_string(m_isp) + " to " + std::to_string(payeeIsp), limit, [&] {
        const auto way = ask<accounting::RouteFound>("route", std::chrono::seconds(10), [&](auto done) {
            m_client->findRoute(IspId(payeeIsp), amount, std::move(done));
        });
        if (way) made.fees = way->fees;
        return !made.fees.empty();
    }));
    made.payer = m_identity.nodeId();
    payments::Payment& payment = made.payment;
    payment.id = payments::newPaymentId();
    payment.payee = payee;
    payment.amount = amount;
    payment.time = systemClock().now();
    payment.expires = payment.time + std::chrono::seconds(made.fees.size() + 1);
    return sign(std::move(made));
}

Expected<AccountingClient::PaymentOutcome> OverlayCustomer::pay(const payments::SignedOrder& order) {
    const auto limit = std::chrono::seconds(3 * order.order.fees.size() + 15);
    return ask<AccountingClient::PaymentOutcome>("pay", limit,
                                                 [&](auto done) { m_client->pay(order, std::move(done)); });
}

Expected<accounting::PaymentStatement> OverlayCustomer::query(const payments::PaymentId& id) {
    return ask<accounting::PaymentStatement>("query", std::chrono::seconds(15),
                                             [&](auto done) { m_client->queryPayment(id, std::move(done)); });
}

}  // namespace netpas::lab
