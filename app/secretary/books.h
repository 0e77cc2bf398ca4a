// Everything that exists only while the secretary is unlocked, composed: ledger, identity, the ISP's accounting server,
// decisions, contacts, purchases. Control thread.
#pragma once

#include <memory>
#include <string>

#include "app/common/log.h"
#include "app/common/timers.h"
#include "app/secretary/custody.h"
#include "app/secretary/remote_agent.h"
#include "app/secretary/state.h"
#include "secretary/vault/state_folder.h"

namespace boost::asio {
class io_context;
}

namespace netpas::secretaryd {

class Books final : public Custody {
public:
    struct Parts {
        boost::asio::io_context& io;
        app::Timers& timers;
        RemoteAgent& agent;
        SecretaryState& state;  // its pointers are set while the books are open
        secretary::StateFolder folder;
        uint32_t owner = 0;
        app::LogSink log;
    };
    explicit Books(Parts parts);
    ~Books() override;
    Books(const Books&) = delete;
    Books& operator=(const Books&) = delete;

    [[nodiscard]] tl::expected<void, CustodyFailure> open(const store::DatabaseKey& key) override;
    void close(ledger::EndReason reason, std::function<void()> done) override;
    // In order: what is bought runs out and is settled, with nobody's hurry.
    void windUp(ledger::EndReason reason, std::function<void()> done);
    [[nodiscard]] ledger::Ledger* ledger() override;

private:
    struct Open;
    [[nodiscard]] tl::expected<std::unique_ptr<Open>, CustodyFailure> make(const store::DatabaseKey& key);
    [[nodiscard]] tl::expected<void, CustodyFailure> makePayments(Open& open);
    [[nodiscard]] tl::expected<void, CustodyFailure> makeReverse(Open& open);
    [[nodiscard]] tl::expected<void, CustodyFailure> makeNeighbours(Open& open);
    void publish();
    void whenIdle(std::function<void()> done);
    void endSoon();
    void end();
    void finish();

    Parts m_parts;
    std::unique_ptr<Open> m_open;
    std::function<void()> m_closed;  // a close is under way
    app::Timers::Id m_patience = 0;
    bool m_windingUp = false;  // for good
};

}  // namespace netpas::secretaryd
