// The way to the first ISP's accounting server: session keys out, signed statements back.
#pragma once

#include <memory>
#include <string>

#include "app/secretary/ports.h"
#include "core/crypto/identity.h"
#include "core/directory/documents.h"
#include "core/net/tls_link.h"

namespace boost::asio {
class io_context;
}

namespace netpas::secretaryd {

class IspLink final : public FirstIsp {
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

private:
    struct Impl;
    std::shared_ptr<Impl> m_impl;
};

}  // namespace netpas::secretaryd
