// Several ISPs in a row and their endpoints, all in one process: real books, a network whose messages the test can hold,
// drop, double and forge.
#pragma once

#include <QTemporaryDir>
#include <deque>
#include <functional>
#include <map>
#include <memory>

#include "core/accounting/payment_desk.h"
#include "tests/core/books_opener.h"

namespace netpas::accounting::test {

inline Money dollars(const char* text) { return *Money::parse(text); }
inline Money nano(int64_t n) { return *Money::fromNanodollars(n); }

class World {
public:
    struct Wire {
        std::string from, to;  // names: "B", "Y", …
        Message message;
    };

    // One ISP: "Y" with the number 25.
    class Isp final : public PaymentDesk::Surroundings {
    public:
        Isp(World& world, std::string name, uint16_t number) : m_world(world), m_name(std::move(name)), isp(number) {
            options.path = (m_folder.path() + "/books.db").toStdString();
            options.key.fill(static_cast<uint8_t>(number));
        }
        void open() {
            desk = nullptr;
            books = nullptr;
            books = std::make_unique<Books>(*openBooks(options, m_world.clock.now()));
            desk = std::make_unique<PaymentDesk>(isp, identity, terms, *books, m_world.clock, *this);
        }
        [[nodiscard]] bool isThere(const Party& party) const override {
            return m_world.connected(m_name, m_world.nameOf(party));
        }
        void send(const Party& party, Message message) override {
            m_waiting.push_back({m_name, m_world.nameOf(party), std::move(message)});
        }
        [[nodiscard]] std::optional<std::string> payee(const NodeId& node) const override {
            for (const auto& [name, isp_] : m_world.customers) {
                if (isp_ == m_name && m_world.identities.at(name).nodeId() == node) return name;
            }
            return std::nullopt;
        }
        [[nodiscard]] std::optional<PublicKey> keyOf(const std::string& customer) const override {
            return m_world.identities.at(customer).publicKey();
        }
        void certify(const NodeId& node, IspId, PaymentDesk::Certified done) override {
            ++certifications;
            const auto found = m_world.certificates.find(node);
            std::optional<Certification> proven;
            if (found != m_world.certificates.end()) proven = {found->second, m_world.certificatesEnd};
            m_world.later.push_back([done, proven] { done(proven); });
        }
        // What was said becomes visible with the commit.
        void commit() {
            if (!books->commit()) return m_waiting.clear();
            for (Wire& wire : std::exchange(m_waiting, {})) m_world.wires.push_back(std::move(wire));
        }
        [[nodiscard]] Money owedBy(const std::string& other) { return sum(PaymentSum::OwedBy, other); }
        [[nodiscard]] Money owedTo(const std::string& other) { return sum(PaymentSum::OwedTo, other); }
        [[nodiscard]] Money sum(PaymentSum kind, const std::string& other) {
            return books->sum(kind, m_world.partyOf(other)).total;
        }

    private:
        World& m_world;
        std::string m_name;
        QTemporaryDir m_folder;
        std::vector<Wire> m_waiting;

    public:
        IspId isp;
        Identity identity = Identity::generate();
        Books::Options options;
        PaymentTerms terms;
        int certifications = 0;
        std::unique_ptr<Books> books;
        std::unique_ptr<PaymentDesk> desk;
    };

    Isp& addIsp(const std::string& name, uint16_t number, const char* fee = "0") {
        Isp& made = *isps.emplace(name, std::make_unique<Isp>(*this, name, number)).first->second;
        made.terms.fee.fixed = dollars(fee);
        for (auto& [other, isp] : isps) {
            made.terms.credit[isp->isp] = dollars("100");
            isp->terms.credit[made.isp] = dollars("100");
        }
        return made;
    }
    void addCustomer(const std::string& name, const std::string& isp, bool receives) {
        customers[name] = isp;
        identities.emplace(name, Identity::generate());
        isps.at(isp)->terms.accounts[name].mayReceive = receives;
    }
    void open() {
        for (auto& [name, isp] : isps) isp->open();
    }

    // Delivers until nothing moves any more. `touch` may change, drop (false) or double what passes.
    void run() {
        do {
            for (auto& [name, isp] : isps) isp->commit();
            while (!later.empty() && !repositoryHangs) {
                const auto next = std::move(later.front());
                later.pop_front();
                next();
            }
            for (auto& [name, isp] : isps) isp->commit();
            if (wires.empty()) return;
            Wire wire = std::move(wires.front());
            wires.pop_front();
            if (touch && !touch(wire)) continue;
            deliver(wire);
        } while (true);
    }
    void deliver(const Wire& wire) {
        // Everything that passes is what the wire's format makes of it.
        const Message message = *decode(encode(wire.message));
        if (customers.contains(wire.to)) return endpoint(wire.to, message);
        PaymentDesk& desk = *isps.at(wire.to)->desk;
        const Party from = partyOf(wire.from);
        if (const auto* m = std::get_if<SendPayment>(&message)) desk.order(wire.from, m->order);
        if (const auto* m = std::get_if<ForwardPayment>(&message)) desk.forwarded(from, *m);
        if (const auto* m = std::get_if<PaymentConfirmed>(&message)) desk.confirmed(from, *m);
        if (const auto* m = std::get_if<PaymentRefused>(&message)) desk.refused(from, *m);
        if (const auto* m = std::get_if<CancelPayment>(&message)) desk.cancel(from, *m);
        if (const auto* m = std::get_if<PaymentAck>(&message)) {
            for (const auto& entry : m->entries) {
                if (!from.isCustomer()) desk.acknowledged(from, entry);
            }
        }
    }

    // What an honest endpoint does; the test may take it over.
    void endpoint(const std::string& name, const Message& message) {
        if (onEndpoint && onEndpoint(name, message)) return;
        if (const auto* offer = std::get_if<ForwardPayment>(&message)) {
            say(name, PaymentConfirmed{payments::confirm(offer->payment, identities.at(name), clock.now())});
        } else if (const auto* done = std::get_if<PaymentConfirmed>(&message)) {
            confirmed[name].push_back(done->confirmation);
        } else if (const auto* no = std::get_if<PaymentRefused>(&message)) {
            refused[name].push_back(*no);
        } else if (const auto* acks = std::get_if<PaymentAck>(&message)) {
            for (const auto& entry : acks->entries) acknowledged[name].push_back(entry);
        }
    }
    void say(const std::string& name, Message message) {
        wires.push_back({name, customers.at(name), std::move(message)});
    }

    payments::SignedOrder order(const std::string& payer, const std::string& payee, Money amount,
                                const std::vector<payments::Fee>& fees) {
        payments::SignedOrder made;
        payments::Payment& payment = made.order.payment;
        payment.id = payments::newPaymentId();
        payment.payee = identities.at(payee).nodeId();
        payment.amount = amount;
        payment.time = clock.now();
        payment.expires = payment.time + std::chrono::seconds(fees.size() + 1);
        made.order.payer = identities.at(payer).nodeId();
        made.order.fees = fees;
        return signedBy(payer, made);
    }
    payments::SignedOrder signedBy(const std::string& payer, payments::SignedOrder order) {
        order.signature = identities.at(payer).sign(payments::orderMessage(order.order));
        return order;
    }
    std::vector<payments::Fee> fees(std::initializer_list<std::pair<const char*, int64_t>> list) {
        std::vector<payments::Fee> all;
        for (const auto& [name, amount] : list) all.push_back({isps.at(name)->isp, nano(amount)});
        return all;
    }

    [[nodiscard]] std::string nameOf(const Party& party) const {
        if (party.isCustomer()) return party.customer;
        for (const auto& [name, isp] : isps) {
            if (isp->isp == party.isp) return name;
        }
        return "?";
    }
    [[nodiscard]] Party partyOf(const std::string& name) const {
        const auto isp = isps.find(name);
        return isp == isps.end() ? Party{name, {}} : Party{{}, isp->second->isp};
    }
    [[nodiscard]] bool connected(const std::string& a, const std::string& b) const {
        return !cut.contains({a, b}) && !cut.contains({b, a}) && (isps.contains(b) || customers.contains(b));
    }

    ManualClock clock{SystemTime(std::chrono::seconds(1'700'000'000))};
    std::map<std::string, std::unique_ptr<Isp>> isps;
    std::map<std::string, std::string> customers;  // and whose
    std::map<std::string, Identity> identities;
    std::map<NodeId, uint8_t> certificates;
    SystemTime certificatesEnd = SystemTime::max();
    std::set<std::pair<std::string, std::string>> cut;
    std::deque<Wire> wires;
    std::deque<std::function<void()>> later;
    bool repositoryHangs = false;  // of certificates
    std::function<bool(Wire&)> touch;
    std::function<bool(const std::string&, const Message&)> onEndpoint;
    std::map<std::string, std::vector<payments::PaymentConfirmation>> confirmed;
    std::map<std::string, std::vector<PaymentRefused>> refused;
    std::map<std::string, std::vector<PaymentAckEntry>> acknowledged;
};

}  // namespace netpas::accounting::test
