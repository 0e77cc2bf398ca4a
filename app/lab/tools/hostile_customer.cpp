#include "app/lab/tools/hostile_customer.h"

#include <filesystem>
#include <optional>
#include <thread>

#include <boost/asio/io_context.hpp>

#include "app/lab/lab.h"
#include "app/lab/netns.h"
#include "app/lab/parties.h"
#include "core/accounting/client.h"
#include "core/wire/shim.h"

namespace netpas::lab {
namespace {

using accounting::AccountingClient;
using accounting::ClientFailure;

// Runs the requests one after the other; the thread that runs it is inside the host's namespace.
class Enrolment {
public:
    Enrolment(accounting::ServerAddress server, const std::vector<KeyWish>& wishes)
        : m_wishes(wishes), m_identity(Identity::generate()), m_client(m_io, m_identity, std::move(server)) {}

    Expected<void> run() {
        m_client.start();
        m_client.join([this](auto answer) { next(answer, "join"); });
        m_io.run_for(std::chrono::seconds(30));
        if (!m_result) return fail(LabErrc::Timeout, "the accounting server did not answer the hostile customer");
        return *m_result;
    }

private:
    template <typename Answer>
    void next(const Answer& answer, const std::string& what) {
        if (!answer) {
            const ClientFailure& failure = answer.error();
            return end(
                fail(LabErrc::Process, what + ": " + std::string(describe(failure.error)) + " " + failure.remedy));
        }
        if (m_done == m_wishes.size()) return end({});
        const KeyWish& wish = m_wishes[m_done];
        if (wish.revoke && m_registered) {
            m_registered = false;
            ++m_done;
            m_client.revokeKey(wish.key.id, [this](auto revoked) { next(revoked, "revoke"); });
            return;
        }
        m_registered = true;
        if (!wish.revoke) {
            m_registered = false;
            ++m_done;
        }
        m_client.registerKey(wish.key, [this](auto ready) { next(ready, "register key"); });
    }

    void end(Expected<void> result) {
        m_result = std::move(result);
        m_client.stop();
        m_io.stop();
    }

    const std::vector<KeyWish>& m_wishes;
    boost::asio::io_context m_io;
    Identity m_identity;
    AccountingClient m_client;
    size_t m_done = 0;
    bool m_registered = false;
    std::optional<Expected<void>> m_result;
};

}  // namespace

Expected<void> enrolKeys(Lab& lab, const std::string& host, const std::vector<KeyWish>& wishes) {
    const IspSpec& isp = *lab.topology().ispOfHost(host);
    const auto folder = std::filesystem::path(accountingSocket(lab.name(), isp.name)).parent_path();
    const auto server = Identity::load(folder / "accounting.key");
    if (!server) return fail(LabErrc::State, "no key of " + isp.name + "'s accounting server");
    const accounting::ServerAddress address{{lab.plan().ispAddress.at(isp.name)[0], accountingPort},
                                            server->publicKey()};
    return inNamespace(lab.netns(host), [&]() -> Expected<void> { return Enrolment(address, wishes).run(); });
}

}  // namespace netpas::lab
