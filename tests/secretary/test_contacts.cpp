// The user's contacts (NetPaS §5.3): who is found by what, and what is refused.
#include <QtTest>

#include "core/crypto/identity.h"
#include "secretary/contacts/contact_book.h"

using namespace netpas;
using namespace netpas::secretary;
using namespace netpas::secretary::contacts;

namespace {

class RefusingDocuments final : public store::Documents {
public:
    bool full = false;
    store::MemoryDocuments kept;
    tl::expected<void, store::StoreError> apply(std::span<const store::DocumentChange> changes) override {
        if (full) return tl::unexpected(store::StoreError::Full);
        return kept.apply(changes);
    }
    tl::expected<std::vector<store::Document>, store::StoreError> all(std::string_view kind) const override {
        return kept.all(kind);
    }
};

NodeId node(uint8_t n) { return NodeId({n}); }

Contact ana() {
    Contact contact;
    contact.name = "Ana";
    contact.payees = {node(1)};
    contact.domains = {"ana.example"};
    contact.addresses = {*IpAddress::parse("192.0.2.10"), *IpAddress::parse("2001:db8::10")};
    contact.groups = {"family", "neighbours"};
    contact.note = "sister\nof Bo";
    return contact;
}
Contact bo() {
    Contact contact;
    contact.name = "Bo & Co";
    contact.payees = {node(2), node(3)};
    contact.domains = {"bo.example", "shop.example.net"};
    contact.groups = {"business partners"};
    return contact;
}

SpendRequest requestBy(const std::string& payee, const std::string& domain) {
    SpendRequest request;
    request.payee = payee;
    request.domain = domain;
    request.contact = "claimed";
    request.group = "family";
    return request;
}

}  // namespace

class TestContacts : public QObject {
    Q_OBJECT

private slots:
    void initTestCase() { QVERIFY(initCrypto()); }

    void contactsAreKept() {
        store::MemoryDocuments documents;
        std::string id;
        {
            auto book = *ContactBook::open(documents);
            id = *book.put(ana());
            QVERIFY(book.put(bo()));
        }
        auto book = *ContactBook::open(documents);
        QCOMPARE(book.size(), size_t{2});
        Contact expected = ana();
        expected.id = id;
        QVERIFY(*book.find(id) == expected);
        QVERIFY(book.find("Ana") == book.find(id));
        QCOMPARE(book.all().front()->name, std::string("Ana"));
        QVERIFY(book.byPayee(node(3)) == book.find("Bo & Co"));
        QVERIFY(book.byPayee(node(4)) == nullptr);
    }

    void sitesBelowAContactsAreItsOwn() {
        store::MemoryDocuments documents;
        auto book = *ContactBook::open(documents);
        QVERIFY(book.put(bo()));
        QVERIFY(book.byDomain("bo.example") != nullptr);
        QVERIFY(book.byDomain("www.BO.example.") != nullptr);
        QVERIFY(book.byDomain("cdn.eu.shop.example.net") != nullptr);
        QVERIFY(book.byDomain("example.net") == nullptr);
        QVERIFY(book.byDomain("nobo.example") == nullptr);
        QVERIFY(book.byDomain("bo.example.evil.test") == nullptr);
        QVERIFY(book.byDomain("") == nullptr);
        QVERIFY(book.byDomain("not a name") == nullptr);
        Contact nearer = ana();
        nearer.domains = {"eu.shop.example.net"};
        QVERIFY(book.put(nearer));
        QCOMPARE(book.byDomain("cdn.eu.shop.example.net")->name, std::string("Ana"));
    }

    void requestsLearnWhoIsPaid() {
        store::MemoryDocuments documents;
        auto book = *ContactBook::open(documents);
        QVERIFY(book.put(ana()));
        QVERIFY(book.put(bo()));
        SpendRequest request = requestBy(node(2).hex(), "");
        book.enrich(request);
        QCOMPARE(request.contact, std::string("Bo & Co"));
        QCOMPARE(request.group, std::string("business partners"));
        request = requestBy("", "www.ana.example");
        book.enrich(request);
        QCOMPARE(request.contact, std::string("Ana"));
        QCOMPARE(request.group, std::string("family"));
        request = requestBy("", "bo.example");
        book.enrich(request, IpAddress::parse("2001:db8::10"));  // what was measured comes before what is claimed
        QCOMPARE(request.contact, std::string("Ana"));
    }

    // A stranger gets no friend's terms by naming the friend's site, group or contact.
    void claimsMakeNobodyAFriend() {
        store::MemoryDocuments documents;
        auto book = *ContactBook::open(documents);
        QVERIFY(book.put(ana()));
        for (const std::string& payee : {node(66).hex(), std::string("no identifier")}) {
            SpendRequest request = requestBy(payee, "ana.example");
            book.enrich(request, IpAddress::parse("192.0.2.10"));
            QCOMPARE(request.contact, std::string());
            QCOMPARE(request.group, std::string());
        }
        SpendRequest request = requestBy("", "elsewhere.example");
        book.enrich(request);
        QCOMPARE(request.contact + request.group, std::string());
    }

    void nobodyIsTwoContacts() {
        store::MemoryDocuments documents;
        auto book = *ContactBook::open(documents);
        QVERIFY(book.put(ana()));
        const auto refusal = [&](auto change) {
            Contact contact = bo();
            change(contact);
            const auto id = book.put(contact);
            return id ? -1 : int(id.error().error);
        };
        QCOMPARE(refusal([](Contact& c) { c.name = "Ana"; }), int(ContactError::NameTaken));
        QCOMPARE(refusal([](Contact& c) { c.payees.push_back(node(1)); }), int(ContactError::PayeeTaken));
        QCOMPARE(refusal([](Contact& c) { c.domains.push_back("ana.example"); }), int(ContactError::DomainTaken));
        QCOMPARE(refusal([](Contact& c) { c.addresses = {*IpAddress::parse("192.0.2.10")}; }),
                 int(ContactError::AddressTaken));
        QCOMPARE(book.size(), size_t{1});
        QCOMPARE(refusal([](Contact& c) { c.domains.push_back("sub.ana.example"); }), -1);
    }

    void changesAndRemovalsAreComplete() {
        store::MemoryDocuments documents;
        auto book = *ContactBook::open(documents);
        Contact contact = ana();
        contact.id = *book.put(contact);
        contact.name = "Anna";
        contact.payees = {node(9)};
        contact.domains.clear();
        contact.addresses.clear();
        QCOMPARE(*book.put(contact), contact.id);
        QCOMPARE(book.size(), size_t{1});
        QVERIFY(book.find("Ana") == nullptr);
        QVERIFY(book.byPayee(node(1)) == nullptr);
        QVERIFY(book.byPayee(node(9)) != nullptr);
        QVERIFY(book.byDomain("ana.example") == nullptr);
        QVERIFY(book.byAddress(*IpAddress::parse("192.0.2.10")) == nullptr);
        QVERIFY(book.erase("Anna"));
        QCOMPARE(int(book.erase("Anna").error().error), int(ContactError::Unknown));
        QVERIFY(documents.all("contact")->empty());
        QVERIFY(book.put(ana()));  // everything is free again
    }

    void aFullDiskChangesNothing() {
        RefusingDocuments documents;
        auto book = *ContactBook::open(documents);
        QVERIFY(book.put(ana()));
        documents.full = true;
        QCOMPARE(int(book.put(bo()).error().error), int(ContactError::Storage));
        QCOMPARE(int(book.erase("Ana").error().error), int(ContactError::Storage));
        QCOMPARE(int(book.import({bo()}).error().error), int(ContactError::Storage));
        QCOMPARE(book.size(), size_t{1});
        QVERIFY(book.byPayee(node(2)) == nullptr);
    }

    void importIsAllOrNothing() {
        store::MemoryDocuments documents;
        auto book = *ContactBook::open(documents);
        QVERIFY(book.put(ana()));
        Contact clashing = bo();
        clashing.name = "third";
        clashing.domains.clear();  // but Bo's payees
        QCOMPARE(int(book.import({bo(), clashing}).error().error), int(ContactError::PayeeTaken));
        QCOMPARE(book.size(), size_t{1});
        QCOMPARE(documents.all("contact")->size(), size_t{1});
        Contact sparse;  // an address book that knows nothing of payees
        sparse.name = "Ana";
        sparse.groups = {"friends"};
        const auto imported = book.import({bo(), sparse});
        QVERIFY(imported);
        QCOMPARE(imported->added, size_t{1});
        QCOMPARE(imported->changed, size_t{1});
        QCOMPARE(book.byPayee(node(1))->groups, std::vector<std::string>{"friends"});
        QCOMPARE(book.find("Ana")->note, ana().note);
        QCOMPARE(book.import({bo()})->unchanged, size_t{1});
    }

    void aDamagedBookIsNotOpened() {
        const auto opened = [](const std::string& id, const std::string& body) {
            store::MemoryDocuments documents;
            (void)documents.put({"contact", id, Bytes(body.begin(), body.end())});
            return ContactBook::open(documents).has_value();
        };
        const std::string id = newContactId();
        QVERIFY(opened(id, "{\"id\":\"" + id + "\",\"name\":\"Ana\"}"));
        QVERIFY(!opened(newContactId(), "{\"id\":\"" + id + "\",\"name\":\"Ana\"}"));
        QVERIFY(!opened(id, "{\"id\":\"" + id + "\",\"name\":\"\"}"));
        QVERIFY(!opened(id, "rubbish"));
    }

    void badContactsAreNamed() {
        const auto fault = [](auto change) {
            Contact contact = ana();
            change(contact);
            const auto found = faultOf(contact);
            return found ? int(found->error) : -1;
        };
        QCOMPARE(fault([](Contact&) {}), -1);
        QCOMPARE(fault([](Contact& c) { c.name = ""; }), int(ContactError::BadName));
        QCOMPARE(fault([](Contact& c) { c.name = "a\nb"; }), int(ContactError::BadName));
        QCOMPARE(fault([](Contact& c) { c.name = " a"; }), int(ContactError::BadName));
        QCOMPARE(fault([](Contact& c) { c.name = "\xff"; }), int(ContactError::BadName));
        QCOMPARE(fault([](Contact& c) { c.name = newContactId(); }), int(ContactError::BadName));
        QCOMPARE(fault([](Contact& c) { c.name = std::string(129, 'a'); }), int(ContactError::BadName));
        QCOMPARE(fault([](Contact& c) { c.groups = {"a", "a"}; }), int(ContactError::BadGroup));
        QCOMPARE(fault([](Contact& c) { c.groups = {std::string(65, 'a')}; }), int(ContactError::BadGroup));
        QCOMPARE(fault([](Contact& c) { c.domains = {"Ana.example"}; }), int(ContactError::BadDomain));
        QCOMPARE(fault([](Contact& c) { c.domains = {"https://ana.example"}; }), int(ContactError::BadDomain));
        QCOMPARE(fault([](Contact& c) { c.payees.push_back(c.payees[0]); }), int(ContactError::BadPayee));
        QCOMPARE(fault([](Contact& c) { c.note = std::string(1025, 'a'); }), int(ContactError::BadNote));
        QCOMPARE(fault([](Contact& c) { c.id = "7"; }), int(ContactError::BadId));
        QCOMPARE(fault([](Contact& c) { c.groups.assign(33, "g"); }), int(ContactError::TooMany));
    }

    void jsonIsStrict() {
        Contact contact = ana();
        contact.id = newContactId();
        QVERIFY(*contactFromJson(toJson(contact)) == contact);
        const auto file = contactsFromJsonFile(toJsonFile(std::vector<Contact>{contact}));
        QVERIFY(file && file->front() == contact);
        const auto error = [](const char* json) {
            const auto read = contactFromJson(json);
            return read ? -1 : int(read.error().error);
        };
        QCOMPARE(error(R"({"name":"a","groups":["g"]})"), -1);
        QCOMPARE(error(R"({"name":"a","phone":"1"})"), int(ContactError::Malformed));
        QCOMPARE(error(R"({"name":1})"), int(ContactError::Malformed));
        QCOMPARE(error(R"({"name":"a","payees":["12"]})"), int(ContactError::BadPayee));
        QCOMPARE(error(R"({"name":"a","domains":["a b"]})"), int(ContactError::BadDomain));
        QCOMPARE(error(R"({"name":"a","addresses":["1.2.3"]})"), int(ContactError::BadAddress));
        QCOMPARE(error(R"({"name":"a","groups":"g"})"), int(ContactError::BadGroup));
        QCOMPARE(error("[]"), int(ContactError::Malformed));
        QVERIFY(contactsFromJsonFile("{}").error().hint.find("netpas contacts export") != std::string::npos);
        QVERIFY(!contactsFromJsonFile(R"({"netpas_contacts":2,"contacts":[]})"));
        QVERIFY(contactsFromJsonFile(R"({"netpas_contacts":1,"contacts":[{"name":"a"},{"name":""}]})")
                    .error()
                    .message.starts_with("entry 2"));
    }

    void manyContactsAreFoundAtOnce() {
        store::MemoryDocuments documents;
        auto book = *ContactBook::open(documents);
        std::vector<Contact> contacts;
        for (uint8_t i = 0; i < 250; ++i) {
            for (uint8_t j = 0; j < 4; ++j) {
                Contact contact;
                contact.name = "contact " + std::to_string(i) + "/" + std::to_string(j);
                contact.payees = {NodeId({i, j, 1})};
                contact.domains = {"d" + std::to_string(j) + ".s" + std::to_string(i) + ".example"};
                contacts.push_back(contact);
            }
        }
        QCOMPARE(book.import(contacts)->added, size_t{1000});
        for (const Contact& contact : contacts) {
            QCOMPARE(book.byPayee(contact.payees[0])->name, contact.name);
            QCOMPARE(book.byDomain("www." + contact.domains[0])->name, contact.name);
        }
        SpendRequest request = requestBy(NodeId({200, 3, 1}).hex(), "");
        QBENCHMARK { book.enrich(request); }
        QCOMPARE(request.contact, std::string("contact 200/3"));
    }
};

QTEST_APPLESS_MAIN(TestContacts)
#include "test_contacts.moc"
