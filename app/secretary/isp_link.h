// The way to the first ISP's accounting server: session keys out, signed statements back; payments both ways.
#pragma once

#include <memory>
#include <string>

#include "app/secretary/payment_ports.h"
#include "app/secretary/ports.h"
#include "core/crypto/identity.h"
#include "core/directory/documents.h"
#include "core/net/tls_link.h"

namespace boost::asio {
class io_context;
}

namespace netpas::secretaryd {

class IspLink final : public FirstIsp, public PaymentIsp {
public:
    // `identity` outlives the link. `connector`: how the server is reached; without one by TCP.
    IspLink(boost::asio::io_context& io, const Identity& identity, LogSink log, net::Connector connector = {});
    ~IspLink() override;

    // Connects, and stays connected, to the server that the descriptor names. The same server again: nothing happens.
    void connect(const directory::Descriptor& descriptor);
    void disconnect();
    [[nodiscard]] bool isUp() const;
    // Enrols the identity; the answer is the name that the ISP knows this customer by.
    void enrol(std::function<void(tl::expected<std::string, IspFailure>)> done);

    void registerKey(const SessionKey& key, std::function<void(tl::expected<void, IspFailure>)> done) override;
    void revokeKey(SessionKeyId key,
                   std::function<void(tl::expected<std::optional<FinalUsage>, IspFailure>)> done) override;

    // What comes unasked; until it is replaced.
    void listen(PaymentIsp::Listener listener);
    void findRoute(IspId isp, Money amount, IspAnswer<std::vector<payments::Fee>> done) override;
    void pay(const payments::SignedOrder& order, IspAnswer<PaymentOutcome> done) override;
    void query(const payments::PaymentId& id, IspAnswer<SignedState> done) override;
    void cancel(const payments::PaymentId& id, const PublicKey& payee,
                IspAnswer<accounting::PaymentResult> done) override;
    void setReceiving(bool on, IspAnswer<std::optional<accounting::PaymentRefusal>> done) override;
    void confirm(const payments::PaymentConfirmation& confirmation) override;
    void refuse(const payments::PaymentId& id, const std::string& why) override;

private:
    // False: there is no server, and `done` is told.
    template <typename T>
    bool joined(const IspAnswer<T>& done);
    struct Impl;
    std::shared_ptr<Impl> m_impl;
};

}  // namespace netpas::secretaryd
