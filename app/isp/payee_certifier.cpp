#include "app/isp/payee_certifier.h"

#include <spdlog/spdlog.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <fstream>
#include <iterator>

#include "core/net/http_client.h"

namespace netpas::isp {

namespace {

using accounting::Certification;
using accounting::PaymentDesk;
using certificates::CertificateProblem;
using certificates::PayeeClass;
using certificates::Verifier;

// A payment waits meanwhile, and it lives for seconds.
constexpr std::chrono::milliseconds fetchTime{2000};
// Base64 of the payload, which is the PEM text and little else.
constexpr size_t maxDocument = directory::PayeeCertificates::maxPem * 2;

struct Source {
    Endpoint server;
    PublicKey key;
};

certificates::PayeeClasses allClasses() {
    certificates::PayeeClasses all;
    for (const PayeeClass one : certificates::allPayeeClasses) all |= one;
    return all;
}

tl::expected<Bytes, CertificateProblem> readRevocations(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    const std::string pem{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    if (!in) {
        return tl::unexpected(CertificateProblem{certificates::CertificateFault::Malformed,
                                                 file.string() + " cannot be read", "check the path and its mode"});
    }
    return certificates::revocationsFromPem(pem);
}

}  // namespace

tl::expected<Verifier, CertificateProblem> makeVerifier(const std::vector<CertifierSettings::Authority>& authorities) {
    std::vector<certificates::Anchor> anchors;
    std::vector<Bytes> revocations;
    for (const auto& authority : authorities) {
        anchors.push_back(authority.anchor);
        if (authority.revocations.empty()) continue;
        auto list = readRevocations(authority.revocations);
        if (!list) return tl::unexpected(list.error());
        revocations.push_back(std::move(*list));
    }
    return Verifier::make(anchors, revocations);
}

class PayeeCertifier::Impl : public std::enable_shared_from_this<Impl> {
public:
    Impl(boost::asio::io_context& io, CertifierSettings settings, const Clock& clock)
        : m_io(io), m_settings(std::move(settings)), m_clock(clock), m_seen(timesOfLists()) {}

    bool listsChanged() {
        Times now = timesOfLists();
        return std::exchange(m_seen, now) != now;
    }

    void certify(const NodeId& payee, IspId isp, PaymentDesk::Certified done) {
        // Many orders for one payee are one question.
        auto& waiting = m_waiting[payee];
        waiting.push_back(std::move(done));
        if (waiting.size() > 1) return;
        if (isp == m_settings.isp) return fetch({m_settings.directory.directory, m_settings.directory.key}, payee, isp);
        withKeys([this, payee, isp] {
            const auto known = std::find_if(m_keys.others.begin(), m_keys.others.end(),
                                            [&](const directory::KnownIsp& other) { return other.isp == isp; });
            if (known == m_keys.others.end() || !known->directory) return answer(payee, std::nullopt);
            fetch({*known->directory, known->key}, payee, isp);
        });
    }

private:
    // Which ISPs have a directory, and its key: our own directory vouches for it. Whether or not it answers, `then` is called.
    void withKeys(std::function<void()> then) {
        if (directory::isCurrent(m_keys.validity, m_clock.now())) {
            boost::asio::post(m_io, [weak = weak_from_this(), then = std::move(then)] {
                if (const auto self = weak.lock()) then();
            });
            return;
        }
        get({m_settings.directory.directory, m_settings.directory.key}, "/v1/keys",
            [this, then = std::move(then)](const std::string& body) {
                auto keys = directory::openKeys(body, m_settings.directory.key, m_settings.isp, m_clock.now());
                if (keys) {
                    m_keys = std::move(*keys);
                } else {
                    spdlog::warn("our own directory: {}; payees of other ISPs cannot be certified",
                                 directory::describe(keys.error()));
                }
                then();
            });
    }

    // An empty body when there is no good answer.
    void get(const Source& from, const std::string& target, std::function<void(const std::string&)> then) {
        net::HttpCall call;
        call.target = target;
        call.timeout = fetchTime;
        call.maxBody = maxDocument;
        net::httpCall(m_io, net::TlsTarget{from.server, from.key}, call,
                      [weak = weak_from_this(), then = std::move(then)](const net::HttpAnswer& answer) {
                          if (const auto self = weak.lock())
                              then(answer && answer->status == 200 ? answer->body : std::string());
                      });
    }

    void fetch(const Source& from, const NodeId& payee, IspId isp) {
        get(from, "/v1/payees/" + payee.hex(), [this, payee, isp, key = from.key](const std::string& body) {
            const auto document = directory::openPayee(body, key, isp, m_clock.now());
            if (!document || document->payee != payee) return answer(payee, std::nullopt);
            answer(payee, proven(payee, document->pem));
        });
    }

    std::optional<Certification> proven(const NodeId& payee, const std::string& pem) {
        const auto chain = certificates::chainFromPem(pem);
        const Verifier* verifier = chain ? currentVerifier() : nullptr;
        if (verifier == nullptr) return std::nullopt;
        const auto verified = verifier->verify(*chain, {payee, {}, allClasses(), m_clock.now()});
        if (!verified) {
            spdlog::info("payee {}: {}", payee.hex(), verified.error().message);
            return std::nullopt;
        }
        return Certification{verified->classes.bits(), verified->goodUntil};
    }

    using Times = std::vector<std::filesystem::file_time_type>;
    [[nodiscard]] Times timesOfLists() const {
        Times times;
        for (const auto& authority : m_settings.authorities) {
            std::error_code error;
            times.push_back(authority.revocations.empty()
                                ? std::filesystem::file_time_type()
                                : std::filesystem::last_write_time(authority.revocations, error));
        }
        return times;
    }

    const Verifier* currentVerifier() {
        Times times = timesOfLists();
        if (m_verifier && times == m_times) return m_verifier.get();
        auto made = makeVerifier(m_settings.authorities);
        if (!made) {
            // The list that was good before keeps its power; when it has expired nobody is certified.
            spdlog::error("authorities of payees: {}; {}", made.error().message, made.error().hint);
            return m_verifier.get();
        }
        m_verifier = std::make_unique<const Verifier>(std::move(*made));
        m_times = std::move(times);
        return m_verifier.get();
    }

    void answer(const NodeId& payee, std::optional<Certification> found) {
        auto waiting = m_waiting.extract(payee);
        if (waiting.empty()) return;
        for (const auto& done : waiting.mapped()) done(found);
    }

    boost::asio::io_context& m_io;
    CertifierSettings m_settings;
    const Clock& m_clock;
    directory::Keys m_keys;
    std::map<NodeId, std::vector<PaymentDesk::Certified>> m_waiting;
    std::unique_ptr<const Verifier> m_verifier;
    Times m_times;  // of the lists in m_verifier
    Times m_seen;   // at the last listsChanged()
};

PayeeCertifier::PayeeCertifier(boost::asio::io_context& io, CertifierSettings settings, const Clock& clock)
    : m_impl(std::make_shared<Impl>(io, std::move(settings), clock)) {}

PayeeCertifier::~PayeeCertifier() = default;

bool PayeeCertifier::listsChanged() { return m_impl->listsChanged(); }

void PayeeCertifier::certify(const NodeId& payee, IspId isp, PaymentDesk::Certified done) {
    m_impl->certify(payee, isp, std::move(done));
}

}  // namespace netpas::isp
