#include "app/secretary/isp_link.h"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <optional>
#include <utility>

#include "core/accounting/client.h"
#include "core/random.h"

namespace netpas::secretaryd {

using accounting::AccountingClient;
using accounting::ClientError;
using accounting::ClientFailure;
using accounting::Refusal;

namespace {

// Only a signed-for "no" is a refusal: after anything else the request may have been done.
IspFailure failureFrom(const ClientFailure& failure) {
    std::string what(failure.error == ClientError::Refused ? describe(failure.refusal) : describe(failure.error));
    if (!failure.remedy.empty()) what += ": " + failure.remedy;
    const bool refused = failure.error == ClientError::Refused;
    return {refused ? IspFailure::Kind::Refused : IspFailure::Kind::Unreachable, std::move(what)};
}

IspFailure notConnected() { return {IspFailure::Kind::Unreachable, "no ISP was joined"}; }

}  // namespace

struct IspLink::Impl {
    boost::asio::io_context& io;
    const Identity& identity;
    LogSink log;
    net::Connector connector;
    PaymentIsp::Listener listener = {};
    std::optional<accounting::ServerAddress> server;
    std::unique_ptr<AccountingClient> client;
    bool up = false;
    uint32_t connection = 0;  // grows with each server

    // Asks again, after a pause that grows, while the ISP says that there are too many requests: then it has done nothing.
    template <typename T>
    static void patiently(const std::shared_ptr<Impl>& impl,
                          std::function<void(AccountingClient&, AccountingClient::Done<T>)> ask,
                          AccountingClient::Done<T> done, int attempt = 1,
                          std::chrono::milliseconds pause = std::chrono::milliseconds(100)) {
        static constexpr std::chrono::milliseconds longest{800};
        static constexpr int attempts = 16;  // some ten seconds: a burst is over by then
        ask(*impl->client, [weak = std::weak_ptr(impl), before = impl->connection, ask, done = std::move(done), attempt,
                            pause](tl::expected<T, ClientFailure> answer) {
            const auto alive = weak.lock();
            const bool tooMany =
                !answer && answer.error().error == ClientError::Refused && answer.error().refusal == Refusal::TooMany;
            if (!alive || !tooMany || attempt == attempts) return done(std::move(answer));
            const auto timer = std::make_shared<boost::asio::steady_timer>(alive->io);
            const uint64_t chance = systemRandom().below(static_cast<uint64_t>(pause.count()));
            timer->expires_after(pause / 2 + std::chrono::milliseconds(static_cast<int64_t>(chance)));
            timer->async_wait([weak, before, timer, ask, done, attempt, pause](const boost::system::error_code&) {
                const auto still = weak.lock();
                if (!still) return;
                if (!still->client || still->connection != before) {
                    return done(tl::unexpected(ClientFailure{ClientError::Stopped, {}, {}}));
                }
                patiently<T>(still, ask, done, attempt + 1, std::min(pause * 2, longest));
            });
        });
    }
};

IspLink::IspLink(boost::asio::io_context& io, const Identity& identity, LogSink log, net::Connector connector)
    : m_impl(std::make_shared<Impl>(Impl{io, identity, std::move(log), std::move(connector), {}, {}, {}, false})) {}

IspLink::~IspLink() { disconnect(); }

void IspLink::connect(const directory::Descriptor& descriptor) {
    const accounting::ServerAddress server{descriptor.accounting, descriptor.accountingKey};
    if (m_impl->server && m_impl->server->endpoint == server.endpoint && m_impl->server->key == server.key) return;
    disconnect();
    m_impl->server = server;
    AccountingClient::Handlers handlers;
    handlers.onUp = [weak = std::weak_ptr<Impl>(m_impl)] {
        const auto impl = weak.lock();
        if (!impl) return;
        if (!std::exchange(impl->up, true)) {
            impl->log(LogLevel::Info,
                      "connected to the ISP's accounting server at " + impl->server->endpoint.toString());
        }
        if (impl->listener.up) impl->listener.up();
    };
    handlers.onPayment = [weak = std::weak_ptr<Impl>(m_impl)](const payments::Payment& payment) {
        if (const auto impl = weak.lock(); impl && impl->listener.offered) impl->listener.offered(payment);
    };
    handlers.onPaymentTaken = [weak = std::weak_ptr<Impl>(m_impl)](const accounting::PaymentAckEntry& entry) {
        if (const auto impl = weak.lock(); impl && impl->listener.taken) impl->listener.taken(entry);
    };
    handlers.onPaymentCancelled = [weak = std::weak_ptr<Impl>(m_impl)](const payments::PaymentId& id) {
        if (const auto impl = weak.lock(); impl && impl->listener.cancelled) impl->listener.cancelled(id);
    };
    handlers.onDown = [weak = std::weak_ptr<Impl>(m_impl)](net::NetError error) {
        if (const auto impl = weak.lock(); impl && std::exchange(impl->up, false)) {
            impl->log(LogLevel::Warning, "lost the ISP's accounting server: " + std::string(describe(error)));
        }
    };
    m_impl->client = std::make_unique<AccountingClient>(m_impl->io, m_impl->identity, server, std::move(handlers),
                                                        m_impl->connector);
    m_impl->client->start();
}

void IspLink::disconnect() {
    m_impl->server.reset();
    m_impl->up = false;
    ++m_impl->connection;
    if (!m_impl->client) return;
    m_impl->client->stop();
    m_impl->client.reset();
}

bool IspLink::isUp() const { return m_impl->up; }

void IspLink::enrol(std::function<void(tl::expected<std::string, IspFailure>)> done) {
    if (!m_impl->client) {
        boost::asio::post(m_impl->io, [done = std::move(done)] { done(tl::unexpected(notConnected())); });
        return;
    }
    m_impl->client->join([done = std::move(done)](tl::expected<accounting::Joined, ClientFailure> answer) {
        if (!answer) return done(tl::unexpected(failureFrom(answer.error())));
        done(std::move(answer->customerName));
    });
}

void IspLink::registerKey(const SessionKey& key, std::function<void(tl::expected<void, IspFailure>)> done) {
    if (!m_impl->client) {
        boost::asio::post(m_impl->io, [done = std::move(done)] { done(tl::unexpected(notConnected())); });
        return;
    }
    using accounting::KeyReady;
    Impl::patiently<KeyReady>(
        m_impl,
        [key](AccountingClient& client, AccountingClient::Done<KeyReady> then) {
            client.registerKey(key, std::move(then));
        },
        [done = std::move(done)](const tl::expected<KeyReady, ClientFailure>& answer) {
            if (!answer) return done(tl::unexpected(failureFrom(answer.error())));
            done({});
        });
}

void IspLink::revokeKey(SessionKeyId key,
                        std::function<void(tl::expected<std::optional<FinalUsage>, IspFailure>)> done) {
    if (!m_impl->client) {
        boost::asio::post(m_impl->io, [done = std::move(done)] { done(tl::unexpected(notConnected())); });
        return;
    }
    using accounting::UsageStatement;
    const auto take = [done = std::move(done), customer = m_impl->identity.nodeId()](
                          const tl::expected<UsageStatement, ClientFailure>& answer) {
        if (!answer) {
            const ClientFailure& failure = answer.error();
            if (failure.error == ClientError::Refused && failure.refusal == Refusal::UnknownKey) {
                return done(std::optional<FinalUsage>{});
            }
            return done(tl::unexpected(failureFrom(failure)));
        }
        if (!answer->final) {
            return done(tl::unexpected(IspFailure{IspFailure::Kind::Unreachable, "the statement is not final yet"}));
        }
        FinalUsage usage;
        usage.packets = answer->packets;
        usage.amount = answer->amount;
        usage.message = usageStatementMessage(*answer, customer);
        usage.signature.assign(answer->signature.bytes.begin(), answer->signature.bytes.end());
        done(std::move(usage));
    };
    Impl::patiently<UsageStatement>(
        m_impl,
        [key](AccountingClient& client, AccountingClient::Done<UsageStatement> then) {
            client.revokeKey(key, std::move(then));
        },
        take);
}

// --- payments

void IspLink::listen(PaymentIsp::Listener listener) { m_impl->listener = std::move(listener); }

template <typename T>
bool IspLink::joined(const IspAnswer<T>& done) {
    if (m_impl->client) return true;
    boost::asio::post(m_impl->io, [done] { done(tl::unexpected(notConnected())); });
    return false;
}

void IspLink::findRoute(IspId isp, Money amount, IspAnswer<std::vector<payments::Fee>> done) {
    if (!joined(done)) return;
    m_impl->client->findRoute(isp, amount, [done](const tl::expected<accounting::RouteFound, ClientFailure>& answer) {
        if (!answer) return done(tl::unexpected(failureFrom(answer.error())));
        done(answer->fees);
    });
}

void IspLink::pay(const payments::SignedOrder& order, IspAnswer<PaymentOutcome> done) {
    if (!joined(done)) return;
    m_impl->client->pay(order, [done](const tl::expected<AccountingClient::PaymentOutcome, ClientFailure>& answer) {
        if (!answer) return done(tl::unexpected(failureFrom(answer.error())));
        done(*answer);
    });
}

void IspLink::query(const payments::PaymentId& id, IspAnswer<SignedState> done) {
    if (!joined(done)) return;
    using accounting::PaymentStatement;
    m_impl->client->queryPayment(
        id, [done, payer = m_impl->identity.nodeId()](const tl::expected<PaymentStatement, ClientFailure>& said) {
            if (!said) return done(tl::unexpected(failureFrom(said.error())));
            const auto& signature = said->signature.bytes;
            done(SignedState{said->state,
                             said->charged,
                             said->final,
                             paymentStatementMessage(*said, payer),
                             {signature.begin(), signature.end()}});
        });
}

void IspLink::cancel(const payments::PaymentId& id, const PublicKey& payee, IspAnswer<accounting::PaymentResult> done) {
    if (!joined(done)) return;
    m_impl->client->cancelPayment(id, payee,
                                  [done](const tl::expected<accounting::PaymentAckEntry, ClientFailure>& answer) {
                                      if (!answer) return done(tl::unexpected(failureFrom(answer.error())));
                                      done(answer->result);
                                  });
}

void IspLink::setReceiving(bool on, IspAnswer<std::optional<accounting::PaymentRefusal>> done) {
    if (!joined(done)) return;
    m_impl->client->setReceiving(on, [done](const tl::expected<accounting::ReceivingSet, ClientFailure>& answer) {
        if (!answer) return done(tl::unexpected(failureFrom(answer.error())));
        done(answer->refused);
    });
}

void IspLink::confirm(const payments::PaymentConfirmation& confirmation) {
    if (m_impl->client) m_impl->client->confirmPayment(confirmation);
}

void IspLink::refuse(const payments::PaymentId& id, const std::string& why) {
    if (m_impl->client) m_impl->client->refusePayment(id, why);
}

}  // namespace netpas::secretaryd
