#include "core/accounting/client.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>

#include "core/net/tls_link.h"

namespace netpas::accounting {

namespace asio = boost::asio;

namespace {
constexpr size_t maxWaiting = 4096;
}

std::string_view describe(ClientError error) {
    switch (error) {
    case ClientError::Refused: return "the accounting server refused";
    case ClientError::TimedOut: return "the accounting server did not answer in time";
    case ClientError::Stopped: return "the client was stopped";
    case ClientError::BadAnswer: return "the accounting server's answer is not properly signed";
    case ClientError::Busy: return "too many requests wait for the accounting server";
    }
    return "unknown";
}

class AccountingClient::Impl : public std::enable_shared_from_this<Impl> {
public:
    Impl(asio::io_context& io, const Identity& identity, ServerAddress server, Handlers handlers,
         net::Connector connector)
        : m_io(io),
          m_identity(identity),
          m_server(server),
          m_handlers(std::move(handlers)),
          m_connector(std::move(connector)) {}

    void start() {
        auto up = [weak = weak_from_this()](std::shared_ptr<net::TlsConnection> connection) {
            if (const auto self = weak.lock()) self->up(std::move(connection));
        };
        auto down = [weak = weak_from_this()](net::NetError error) {
            const auto self = weak.lock();
            if (!self) return;
            self->m_connection = nullptr;
            if (self->m_handlers.onDown) self->m_handlers.onDown(error);
        };
        m_dialer = std::make_unique<net::TlsDialer>(m_io, m_identity, m_server.endpoint, m_server.key,
                                                    net::TlsDialer::Handlers{up, down}, net::LinkLimits{},
                                                    net::DialBackoff{}, m_connector);
        m_dialer->start();
    }

    void stop() {
        m_dialer.reset();
        m_connection = nullptr;
        auto waiting = std::move(m_waiting);
        m_waiting.clear();
        for (auto& [number, entry] : waiting) entry->fail({ClientError::Stopped, {}, {}});
        for (auto& [id, entry] : std::exchange(m_payments, {})) entry->fail({ClientError::Stopped, {}, {}});
        for (auto& [id, entry] : std::exchange(m_cancellations, {})) entry->fail({ClientError::Stopped, {}, {}});
    }

    [[nodiscard]] bool isUp() const { return m_connection != nullptr && m_connection->isOpen(); }
    [[nodiscard]] const Identity& identity() const { return m_identity; }
    [[nodiscard]] const PublicKey& serverKey() const { return m_server.key; }

    // `Answer` is the message type that ends the request well; `good` may refuse one for its contents.
    template <typename Answer, typename Request>
    void ask(Request request, Done<Answer> done, std::function<bool(const Answer&)> good,
             std::chrono::milliseconds timeout) {
        if (m_waiting.size() >= maxWaiting) {
            asio::post(m_io, [done = std::move(done)] {
                done(tl::unexpected(ClientFailure{ClientError::Busy, {}, {}}));
            });
            return;
        }
        do {
            request.request = m_next++;
        } while (m_waiting.contains(request.request));
        const uint32_t number = request.request;
        auto entry = std::make_unique<Waiting>(m_io);
        entry->message = encode(Message(std::move(request)));
        entry->finish = [done = std::move(done), good = std::move(good)](tl::expected<Message, ClientFailure> result) {
            if (!result) return done(tl::unexpected(result.error()));
            const auto* answer = std::get_if<Answer>(&*result);
            if (answer == nullptr || !good(*answer)) {
                return done(tl::unexpected(ClientFailure{ClientError::BadAnswer, {}, {}}));
            }
            done(*answer);
        };
        entry->timer.expires_after(timeout);
        entry->timer.async_wait([weak = weak_from_this(), number](const boost::system::error_code& error) {
            const auto self = weak.lock();
            if (!error && self) self->end(number, tl::unexpected(ClientFailure{ClientError::TimedOut, {}, {}}));
        });
        transmit(*entry);
        m_waiting.emplace(number, std::move(entry));
    }

    // Payments are told apart by their own ids.
    void pay(const payments::SignedOrder& order, Done<PaymentOutcome> done, std::chrono::milliseconds timeout) {
        askById(m_payments, order.order.payment.id, SendPayment{order}, timeout,
                [done = std::move(done)](tl::expected<Message, ClientFailure> result) {
                    if (!result) return done(tl::unexpected(result.error()));
                    if (const auto* confirmed = std::get_if<PaymentConfirmed>(&*result)) {
                        return done(PaymentOutcome(confirmed->confirmation));
                    }
                    done(PaymentOutcome(std::get<PaymentRefused>(*result)));
                });
    }

    void cancel(const payments::PaymentId& id, const PublicKey& payee, Done<PaymentAckEntry> done,
                std::chrono::milliseconds timeout) {
        askById(m_cancellations, id, CancelPayment{id, payee}, timeout,
                [done = std::move(done)](tl::expected<Message, ClientFailure> result) {
                    if (!result) return done(tl::unexpected(result.error()));
                    done(std::get<PaymentAck>(*result).entries.front());
                });
    }

    void setReceiving(bool on, Done<ReceivingSet> done, std::chrono::milliseconds timeout) {
        m_receiving = on;
        ask<ReceivingSet>(
            SetReceiving{0, on}, std::move(done), [](const ReceivingSet&) { return true; }, timeout);
    }

    // Goes now or not at all: it comes again with the offer.
    void say(const Message& message) {
        if (m_connection && !m_connection->send(encode(message))) m_connection->close();
    }

private:
    struct Waiting {
        explicit Waiting(asio::io_context& io) : timer(io) {}
        void fail(ClientFailure failure) {
            timer.cancel();
            finish(tl::unexpected(std::move(failure)));
        }
        Bytes message;
        std::function<void(tl::expected<Message, ClientFailure>)> finish;
        asio::steady_timer timer;
    };

    using ById = std::map<payments::PaymentId, std::unique_ptr<Waiting>>;

    void askById(ById& waiting, const payments::PaymentId& id, const Message& request,
                 std::chrono::milliseconds timeout, std::function<void(tl::expected<Message, ClientFailure>)> finish) {
        if (m_waiting.size() + m_payments.size() + m_cancellations.size() >= maxWaiting || waiting.contains(id)) {
            boost::asio::post(m_io, [finish = std::move(finish)] {
                finish(tl::unexpected(ClientFailure{ClientError::Busy, {}, {}}));
            });
            return;
        }
        auto entry = std::make_unique<Waiting>(m_io);
        entry->message = encode(request);
        entry->finish = std::move(finish);
        entry->timer.expires_after(timeout);
        entry->timer.async_wait([weak = weak_from_this(), &waiting, id](const boost::system::error_code& error) {
            const auto self = weak.lock();
            if (!error && self) self->end(waiting, id, tl::unexpected(ClientFailure{ClientError::TimedOut, {}, {}}));
        });
        transmit(*entry);
        waiting.emplace(id, std::move(entry));
    }

    static void end(ById& waiting, const payments::PaymentId& id, tl::expected<Message, ClientFailure> result) {
        const auto found = waiting.find(id);
        if (found == waiting.end()) return;
        const auto entry = std::move(found->second);
        waiting.erase(found);
        entry->timer.cancel();
        entry->finish(std::move(result));
    }

    void setReceiving() {
        ask<ReceivingSet>(
            SetReceiving{0, true}, [](const auto&) {}, [](const ReceivingSet&) { return true; },
            std::chrono::seconds(10));
    }

    // What belongs to no request.
    void paymentSaid(const Message& message) {
        if (const auto* confirmed = std::get_if<PaymentConfirmed>(&message)) {
            end(m_payments, confirmed->confirmation.id, message);
        } else if (const auto* refused = std::get_if<PaymentRefused>(&message)) {
            end(m_payments, refused->id, message);
        } else if (const auto* offered = std::get_if<ForwardPayment>(&message)) {
            if (m_handlers.onPayment) m_handlers.onPayment(offered->payment);
        } else if (const auto* cancelled = std::get_if<CancelPayment>(&message)) {
            if (m_handlers.onPaymentCancelled) m_handlers.onPaymentCancelled(cancelled->id);
        } else if (const auto* acks = std::get_if<PaymentAck>(&message)) {
            for (const PaymentAckEntry& entry : acks->entries) {
                if (entry.cancellation) end(m_cancellations, entry.id, Message(PaymentAck{{entry}}));
                if (m_handlers.onPaymentTaken) m_handlers.onPaymentTaken(entry);
            }
        } else if (const auto* taken = std::get_if<Ack>(&message)) {
            for (const AckEntry& entry : taken->entries) {
                if (m_handlers.onDeliveryTaken) m_handlers.onDeliveryTaken(entry);
            }
        } else if (const auto* part = std::get_if<PartTaken>(&message)) {
            if (!part->on && m_handlers.onPartEnded) m_handlers.onPartEnded();
        }
    }

    void transmit(const Waiting& entry) {
        if (m_connection && !m_connection->send(entry.message)) m_connection->close();
    }

    void up(std::shared_ptr<net::TlsConnection> connection) {
        m_connection = std::move(connection);
        m_connection->onMessage = [weak = weak_from_this()](ByteView bytes) {
            if (const auto self = weak.lock()) self->received(bytes);
        };
        for (const auto& [number, entry] : m_waiting) transmit(*entry);
        for (const auto& [id, entry] : m_payments) transmit(*entry);
        for (const auto& [id, entry] : m_cancellations) transmit(*entry);
        if (m_receiving) setReceiving();
        if (m_handlers.onUp) m_handlers.onUp();
    }

    void received(ByteView bytes) {
        auto message = decode(bytes);
        if (!message) return;
        if (const auto* refused = std::get_if<Refused>(&*message)) {
            return end(refused->request,
                       tl::unexpected(ClientFailure{ClientError::Refused, refused->reason, refused->remedy}));
        }
        uint32_t number = 0;
        if (const auto* joined = std::get_if<Joined>(&*message)) number = joined->request;
        if (const auto* ready = std::get_if<KeyReady>(&*message)) number = ready->request;
        if (const auto* statement = std::get_if<UsageStatement>(&*message)) number = statement->request;
        if (const auto* invoice = std::get_if<Invoice>(&*message)) number = invoice->request;
        if (const auto* payment = std::get_if<PaymentStatement>(&*message)) number = payment->request;
        if (const auto* route = std::get_if<RouteFound>(&*message)) number = route->request;
        if (const auto* receiving = std::get_if<ReceivingSet>(&*message)) number = receiving->request;
        if (const auto* part = std::get_if<PartTaken>(&*message)) number = part->request;
        if (number == 0) return paymentSaid(*message);
        end(number, std::move(*message));
    }

    void end(uint32_t number, tl::expected<Message, ClientFailure> result) {
        const auto found = m_waiting.find(number);
        if (found == m_waiting.end()) return;  // answered before, for example after a reconnect
        const auto entry = std::move(found->second);
        m_waiting.erase(found);
        entry->timer.cancel();
        entry->finish(std::move(result));
    }

    asio::io_context& m_io;
    const Identity& m_identity;
    ServerAddress m_server;
    Handlers m_handlers;
    net::Connector m_connector;
    std::unique_ptr<net::TlsDialer> m_dialer;
    std::shared_ptr<net::TlsConnection> m_connection;
    std::map<uint32_t, std::unique_ptr<Waiting>> m_waiting;
    ById m_payments;
    ById m_cancellations;
    bool m_receiving = false;
    uint32_t m_next = 1;
};

AccountingClient::AccountingClient(asio::io_context& io, const Identity& identity, ServerAddress server,
                                   Handlers handlers, net::Connector connector)
    : m_impl(std::make_shared<Impl>(io, identity, server, std::move(handlers), std::move(connector))) {}
AccountingClient::~AccountingClient() { m_impl->stop(); }
void AccountingClient::start() { m_impl->start(); }
void AccountingClient::stop() { m_impl->stop(); }
bool AccountingClient::isUp() const { return m_impl->isUp(); }

void AccountingClient::join(Done<Joined> done, std::chrono::milliseconds timeout) {
    m_impl->ask<Joined>(
        Join{}, std::move(done), [](const Joined&) { return true; }, timeout);
}

void AccountingClient::registerKey(const SessionKey& key, Done<KeyReady> done, std::chrono::milliseconds timeout) {
    RegisterKey request;
    request.key = key;
    request.signature = m_impl->identity().sign(registerKeyMessage(key, m_impl->serverKey().nodeId()));
    m_impl->ask<KeyReady>(
        std::move(request), std::move(done), [id = key.id](const KeyReady& ready) { return ready.key == id; }, timeout);
}

namespace {
// Statements are evidence later: only those that anybody could check are taken.
auto statementIsGood(SessionKeyId key, bool final, const NodeId& customer, const PublicKey& server) {
    return [=](const UsageStatement& statement) {
        return statement.key == key && (statement.final || !final) &&
               verify(server, usageStatementMessage(statement, customer), statement.signature);
    };
}
}  // namespace

void AccountingClient::revokeKey(SessionKeyId key, Done<UsageStatement> done, std::chrono::milliseconds timeout) {
    m_impl->ask<UsageStatement>(RevokeKey{0, key}, std::move(done),
                                statementIsGood(key, true, m_impl->identity().nodeId(), m_impl->serverKey()), timeout);
}

void AccountingClient::queryUsage(SessionKeyId key, Done<UsageStatement> done, std::chrono::milliseconds timeout) {
    m_impl->ask<UsageStatement>(UsageQuery{0, key}, std::move(done),
                                statementIsGood(key, false, m_impl->identity().nodeId(), m_impl->serverKey()), timeout);
}

void AccountingClient::queryInvoice(Done<Invoice> done, std::chrono::milliseconds timeout) {
    auto good = [customer = m_impl->identity().nodeId(), server = m_impl->serverKey()](const Invoice& invoice) {
        return invoice.customer == customer && verify(server, invoiceMessage(invoice), invoice.signature);
    };
    m_impl->ask<Invoice>(InvoiceQuery{}, std::move(done), std::move(good), timeout);
}

void AccountingClient::findRoute(IspId isp, Money amount, Done<RouteFound> done, std::chrono::milliseconds timeout) {
    m_impl->ask<RouteFound>(
        RouteQuery{0, isp, amount}, std::move(done), [](const RouteFound&) { return true; }, timeout);
}

void AccountingClient::pay(const payments::SignedOrder& order, Done<PaymentOutcome> done) {
    // The ISP tells when it has expired, by its clock; longer than that no answer is on its way.
    const auto lifetime =
        std::chrono::duration_cast<std::chrono::milliseconds>(order.order.payment.expires - order.order.payment.time);
    m_impl->pay(order, std::move(done), lifetime + std::chrono::seconds(order.order.fees.size() + 5));
}

void AccountingClient::queryPayment(const payments::PaymentId& id, Done<PaymentStatement> done,
                                    std::chrono::milliseconds timeout) {
    auto good = [id, payer = m_impl->identity().nodeId(), server = m_impl->serverKey()](const PaymentStatement& said) {
        return said.id == id && verify(server, paymentStatementMessage(said, payer), said.signature);
    };
    m_impl->ask<PaymentStatement>(PaymentQuery{0, id}, std::move(done), std::move(good), timeout);
}

void AccountingClient::cancelPayment(const payments::PaymentId& id, const PublicKey& payee, Done<PaymentAckEntry> done,
                                     std::chrono::milliseconds timeout) {
    m_impl->cancel(id, payee, std::move(done), timeout);
}

void AccountingClient::setReceiving(bool on, Done<ReceivingSet> done, std::chrono::milliseconds timeout) {
    m_impl->setReceiving(on, std::move(done), timeout);
}

void AccountingClient::confirmPayment(const payments::PaymentConfirmation& confirmation) {
    m_impl->say(PaymentConfirmed{confirmation});
}

void AccountingClient::refusePayment(const payments::PaymentId& id, std::string why) {
    m_impl->say(PaymentRefused{id, {}, PaymentRefusal::PayeeRefused, {}, std::move(why)});
}

void AccountingClient::takePart(const Endpoint& deliver, std::vector<IpAddress> addresses, Done<PartTaken> done,
                                std::chrono::milliseconds timeout) {
    auto good = [on = !addresses.empty()](const PartTaken& answer) {
        return answer.on == on && answer.threshold > Money::zero();
    };
    m_impl->ask<PartTaken>(TakePart{0, deliver, std::move(addresses)}, std::move(done), std::move(good), timeout);
}

void AccountingClient::confirmDelivery(const Confirmation& confirmation) {
    m_impl->say(DelegatedConfirmation{confirmation});
}

}  // namespace netpas::accounting
