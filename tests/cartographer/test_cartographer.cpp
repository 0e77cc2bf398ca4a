#include <QTemporaryDir>
#include <QtTest>
#include <deque>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <optional>

#include "cartographer/cartographer.h"

using namespace netpas;
using namespace netpas::cartographer;
using std::chrono::hours;

namespace {

constexpr SystemTime start{hours{24 * 365 * 50}};

// ISPs 26 (home), 25 and 24 as servers of sealed documents.
class FakeWeb final : public Fetcher {
public:
    FakeWeb() {
        for (int i = 0; i < 3; ++i) keys.push_back(Identity::generate());
    }
    void get(const Endpoint& server, const PublicKey& key, const std::string& target, const std::string& tag,
             Done done) override {
        ++fetches;
        tl::expected<Fetched, FetchFailure> answer =
            tl::unexpected(FetchFailure{FetchFailure::Kind::Unreachable, "down"});
        const size_t isp = server.port - 1U;
        if (!down && isp < keys.size()) {
            if (key != keys[isp].publicKey()) {
                answer = tl::unexpected(FetchFailure{FetchFailure::Kind::WrongKey, ""});
            } else if (const auto found = pages.find({isp, target}); found != pages.end()) {
                // The body is its own tag.
                const bool unchanged = tag == found->second;
                unchangedAnswers += unchanged ? 1 : 0;
                answer = Fetched{unchanged, unchanged ? std::string() : found->second, found->second, maxAge};
            } else {
                answer = tl::unexpected(FetchFailure{FetchFailure::Kind::NotServed, "status 404"});
            }
        }
        pending.push_back([done = std::move(done), answer] { done(answer); });
    }
    void run() {
        while (!pending.empty()) {
            const auto next = std::move(pending.front());
            pending.pop_front();
            next();
        }
    }
    void serve(size_t isp, const std::string& target, const std::string& payload, size_t signer) {
        pages[{isp, target}] = directory::seal(payload, keys[signer]);
    }
    // Everything that the three publish from `now` for an hour.
    void publish(SystemTime now, int64_t price = 3) {
        for (size_t isp = 0; isp < 3; ++isp) {
            const directory::Validity validity{IspId{uint16_t(26 - isp)}, now, now + hours{1}};
            directory::MenuClass gold;
            gold.id = ServiceClass{1};
            gold.name = "gold";
            gold.prices.base.perPacket = *Money::fromNanodollars(price);
            serve(isp, "/v1/menu", directory::toJson(directory::Menu{validity, {gold}, {}, {}, {}}), isp);
        }
        const directory::Validity validity{IspId{26}, now, now + hours{1}};
        directory::Descriptor descriptor;
        descriptor.validity = validity;
        descriptor.name = "Z";
        descriptor.edges = {*IpAddress::parse("192.0.2.1")};
        descriptor.accounting = {*IpAddress::parse("192.0.2.2"), 46722};
        descriptor.accountingKey = keys[0].publicKey();
        serve(0, "/v1/descriptor", directory::toJson(descriptor), 0);
        directory::Keys list{validity, keys[0].publicKey(), keys[0].publicKey(), {}};
        for (size_t isp = 1; isp < 3; ++isp) {
            list.others.push_back({IspId{uint16_t(26 - isp)}, "other",
                                   Endpoint{*IpAddress::parse("192.0.2.9"), uint16_t(isp + 1)}, keys[isp].publicKey()});
        }
        serve(0, "/v1/keys", directory::toJson(list), 0);
        directory::Paths paths{validity,
                               *IpPrefix::parse("203.0.113.0/24"),
                               {{{IspId{26}, IspId{25}, IspId{24}}, {ExitPoint{0}, ExitPoint{0}}}}};
        serve(0, "/v1/paths?to=203.0.113.5", directory::toJson(paths), 0);
    }
    [[nodiscard]] std::string joinUrl() const {
        return directory::toString(directory::JoinUrl{{*IpAddress::parse("192.0.2.9"), 1}, keys[0].publicKey()});
    }

    std::vector<Identity> keys;
    std::map<std::pair<size_t, std::string>, std::string> pages;
    std::deque<std::function<void()>> pending;
    bool down = false;
    std::optional<std::chrono::seconds> maxAge;
    int fetches = 0;
    int unchangedAnswers = 0;
};

}  // namespace

class TestCartographer : public QObject {
    Q_OBJECT

    std::unique_ptr<QTemporaryDir> m_folder;
    std::unique_ptr<FakeWeb> m_web;
    std::unique_ptr<ManualClock> m_clock;
    std::unique_ptr<Cartographer> m_cartographer;

    void restart() {
        m_cartographer = std::make_unique<Cartographer>(*m_web, *m_clock, m_folder->path().toStdString());
    }
    std::optional<tl::expected<Home, Failure>> join(const std::string& url) {
        std::optional<tl::expected<Home, Failure>> result;
        m_cartographer->join(url, [&](auto home) { result = std::move(home); });
        m_web->run();
        return result;
    }
    std::optional<tl::expected<Quote, Failure>> quote(const char* to = "203.0.113.5") {
        std::optional<tl::expected<Quote, Failure>> result;
        m_cartographer->quote({*IpAddress::parse(to), {}, {}}, [&](auto made) { result = std::move(made); });
        m_web->run();
        return result;
    }

private slots:
    void initTestCase() { QVERIFY(initCrypto()); }
    void init() {
        m_folder = std::make_unique<QTemporaryDir>();
        m_web = std::make_unique<FakeWeb>();
        m_clock = std::make_unique<ManualClock>(start);
        m_web->publish(start);
        restart();
    }
    void cleanup() { m_cartographer.reset(); }

    void joinsAndQuotesTheWholeWay() {
        QCOMPARE(int(quote()->error().error), int(CartographerError::NotJoined));
        QVERIFY(*join(m_web->joinUrl()));
        const auto made = quote();
        QVERIFY2(*made, made->has_value() ? "" : made->error().detail.c_str());
        QCOMPARE((*made)->path.size(), size_t{3});
        QCOMPARE(priceOfPacket((*made)->path, 1400, 0)->total, *Money::fromNanodollars(9));
        QVERIFY((*made)->validUntil == start + hours{1});
    }

    void whatIsKnownIsNotFetchedAgain() {
        QVERIFY(*join(m_web->joinUrl()));
        QVERIFY(*quote());
        const int before = m_web->fetches;
        QVERIFY(*quote());
        QCOMPARE(m_web->fetches, before);
        restart();  // menus and keys come from the folder; paths are not kept there
        QVERIFY(*quote());
        QCOMPARE(m_web->fetches, before + 1);
    }

    // Past half of its life a document is asked for again; the directory says that nothing changed, or does not answer.
    void whatIsNotYoungIsAskedForAgainByItsTag() {
        QVERIFY(*join(m_web->joinUrl()));
        QVERIFY(*quote());
        m_clock->advance(std::chrono::minutes{40});
        QVERIFY(*quote());
        QCOMPARE(m_web->unchangedAnswers, 5);  // keys, paths, three menus
        const int before = m_web->fetches;
        QVERIFY(*quote());
        QCOMPARE(m_web->fetches, before);
        m_clock->advance(std::chrono::minutes{1});
        m_web->down = true;
        QVERIFY2(*quote(), "a promise holds until its time is over");
        m_web->down = false;
        m_web->publish(start + std::chrono::minutes{41}, 4);
        m_clock->advance(std::chrono::seconds{10});
        QCOMPARE(priceOfPacket((*quote())->path, 1400, 0)->total, *Money::fromNanodollars(12));
        m_web->pages[{1, "/v1/menu"}] = "forged";
        m_clock->advance(std::chrono::minutes{40});
        QVERIFY(*quote());
        m_clock->advance(std::chrono::minutes{30});
        m_web->publish(start + std::chrono::minutes{111}, 5);
        m_web->pages[{1, "/v1/menu"}] = "forged";
        QCOMPARE(int(quote()->error().error), int(CartographerError::Untrusted));
    }

    // Whoever serves an earlier promise after a later one, is not believed; and the earlier one, which was to hold longer, is kept.
    void anOlderMenuNeverReplacesANewerOne() {
        m_web->maxAge = std::chrono::seconds{2};
        QVERIFY(*join(m_web->joinUrl()));
        const auto older = m_web->pages;
        QCOMPARE(priceOfPacket((*quote())->path, 1400, 0)->total, *Money::fromNanodollars(9));
        m_clock->advance(std::chrono::seconds{5});
        m_web->publish(start + std::chrono::seconds{5}, 4);
        QCOMPARE(priceOfPacket((*quote())->path, 1400, 0)->total, *Money::fromNanodollars(12));
        m_clock->advance(std::chrono::seconds{5});
        m_web->pages = older;
        QCOMPARE(priceOfPacket((*quote())->path, 1400, 0)->total, *Money::fromNanodollars(12));
        m_clock->advance(std::chrono::seconds{10});
        QCOMPARE(priceOfPacket((*quote())->path, 1400, 0)->total, *Money::fromNanodollars(12));

        const std::filesystem::path kept = m_folder->filePath("replaced").toStdString();
        size_t menus = 0;
        for (const auto& file : std::filesystem::directory_iterator(kept)) {
            std::ifstream in(file.path());
            const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
            for (size_t isp = 0; isp < 3; ++isp) {
                const auto menu =
                    directory::openMenu(text, m_web->keys[isp].publicKey(), IspId{uint16_t(26 - isp)}, m_clock->now());
                if (!menu) continue;
                ++menus;
                QVERIFY(menu->validity.issued == start);
            }
        }
        QCOMPARE(menus, size_t{3});
    }

    void pathsThatSayHowLongTheyStayFreshAreFollowed() {
        QVERIFY(*join(m_web->joinUrl()));
        m_web->maxAge = std::chrono::seconds{2};
        QCOMPARE((*quote())->path.size(), size_t{3});
        m_web->maxAge.reset();
        const directory::Validity validity{IspId{26}, start, start + hours{1}};
        const directory::Paths direct{
            validity, *IpPrefix::parse("203.0.113.0/24"), {{{IspId{26}, IspId{24}}, {ExitPoint{3}}}}};
        m_web->serve(0, "/v1/paths?to=203.0.113.5", directory::toJson(direct), 0);
        m_clock->advance(std::chrono::seconds{1});
        QCOMPARE((*quote())->path.size(), size_t{3});
        m_clock->advance(std::chrono::seconds{2});
        QCOMPARE((*quote())->path.size(), size_t{2});
    }

    // The paths of a wide prefix say nothing of a narrower one inside it.
    void pathsAreRememberedByDestination() {
        QVERIFY(*join(m_web->joinUrl()));
        QVERIFY(*quote());
        const directory::Validity validity{IspId{26}, start, start + hours{1}};
        const directory::Paths narrow{
            validity, *IpPrefix::parse("203.0.113.128/25"), {{{IspId{26}, IspId{24}}, {ExitPoint{0}}}}};
        m_web->serve(0, "/v1/paths?to=203.0.113.130", directory::toJson(narrow), 0);
        QCOMPARE((*quote("203.0.113.130"))->path.size(), size_t{2});
    }

    void staleDocumentsAreFetchedAgainAndNeverUsed() {
        QVERIFY(*join(m_web->joinUrl()));
        QVERIFY(*quote());
        m_clock->advance(hours{2});
        QCOMPARE(int(quote()->error().error), int(CartographerError::Untrusted));  // the server's are as stale
        m_web->publish(start + hours{2}, 4);
        const auto made = quote();
        QVERIFY(*made);
        QCOMPARE(priceOfPacket((*made)->path, 1400, 0)->total, *Money::fromNanodollars(12));
    }

    void aClockThatWasSetBackMakesDocumentsUseless() {
        QVERIFY(*join(m_web->joinUrl()));
        QVERIFY(*quote());
        m_clock->setWall(start - hours{1});
        QCOMPARE(int(quote()->error().error), int(CartographerError::ClockBehind));
        QVERIFY(quote()->error().detail.find("check the clock") != std::string::npos);
        m_clock->setWall(start);
        QVERIFY(*quote());
    }

    void forgedDocumentsAreRefused() {
        m_web->serve(0, "/v1/descriptor", "{}", 0);
        QCOMPARE(int(join(m_web->joinUrl())->error().error), int(CartographerError::Untrusted));
        QVERIFY(!m_cartographer->home());
        m_web->publish(start);
        QVERIFY(*join(m_web->joinUrl()));
        // A menu of ISP 25, signed by ISP 24.
        m_web->pages[{1, "/v1/menu"}] = m_web->pages[{2, "/v1/menu"}];
        QCOMPARE(int(quote()->error().error), int(CartographerError::Untrusted));
    }

    void aForgedCacheIsAsIfItWereMissing() {
        QVERIFY(*join(m_web->joinUrl()));
        QVERIFY(*quote());
        for (const char* name : {"menu-25.json", "keys.json"}) {
            std::ofstream(m_folder->filePath(name).toStdString()) << m_web->pages[{2, "/v1/menu"}];
        }
        restart();
        QVERIFY(*quote());
        std::ofstream(m_folder->filePath("descriptor.json").toStdString()) << "{}";
        restart();
        QVERIFY(!m_cartographer->home());
    }

    // A list of keys that names its own ISP again, with another key, and sends whoever asks for ISP 25 back to where they come from.
    void directoriesThatPointBackAreAskedOnce() {
        const directory::Validity validity{IspId{26}, start, start + hours{1}};
        directory::Keys list{validity, m_web->keys[0].publicKey(), m_web->keys[0].publicKey(), {}};
        list.others.push_back(
            {IspId{26}, "Z again", Endpoint{*IpAddress::parse("192.0.2.9"), uint16_t{3}}, m_web->keys[2].publicKey()});
        list.others.push_back(
            {IspId{25}, "back", Endpoint{*IpAddress::parse("192.0.2.9"), uint16_t{1}}, m_web->keys[0].publicKey()});
        list.others.push_back(
            {IspId{24}, "X", Endpoint{*IpAddress::parse("192.0.2.9"), uint16_t{3}}, m_web->keys[2].publicKey()});
        m_web->serve(0, "/v1/keys", directory::toJson(list), 0);
        QVERIFY(*join(m_web->joinUrl()));
        const int before = m_web->fetches;
        const auto made = quote();
        QCOMPARE(int(made->error().error), int(CartographerError::Untrusted));
        QVERIFY2(made->error().detail.find("another ISP") != std::string::npos, made->error().detail.c_str());
        QCOMPARE(m_web->fetches, before + 5);  // paths, keys, three menus
    }

    void aServerWithAnotherKeyIsNotJoined() {
        const directory::JoinUrl other{{*IpAddress::parse("192.0.2.9"), 2}, m_web->keys[0].publicKey()};
        QCOMPARE(int(join(directory::toString(other))->error().error), int(CartographerError::Untrusted));
        QCOMPARE(int(join("http://192.0.2.9/")->error().error), int(CartographerError::BadUrl));
        m_web->down = true;
        QCOMPARE(int(join(m_web->joinUrl())->error().error), int(CartographerError::Unreachable));
    }

    void aFailedJoinLeavesTheOneFromBefore() {
        QVERIFY(*join(m_web->joinUrl()));
        m_web->down = true;
        QVERIFY(!*join(m_web->joinUrl()));
        QVERIFY(m_cartographer->home());
        restart();
        QVERIFY(m_cartographer->home());
        QCOMPARE(m_cartographer->home()->descriptor.name, std::string("Z"));
    }

    void unknownDestinationsAndIspsAreNamed() {
        QVERIFY(*join(m_web->joinUrl()));
        QCOMPARE(int(quote("198.51.100.1")->error().error), int(CartographerError::Unreachable));  // 404
        const directory::Validity validity{IspId{26}, start, start + hours{1}};
        const directory::Paths strange{
            validity, *IpPrefix::parse("198.51.100.0/24"), {{{IspId{26}, IspId{77}}, {ExitPoint{0}}}}};
        m_web->serve(0, "/v1/paths?to=198.51.100.1", directory::toJson(strange), 0);
        const auto made = quote("198.51.100.1");
        QCOMPARE(int(made->error().error), int(CartographerError::UnknownIsp));
        QVERIFY(made->error().detail.find("77") != std::string::npos);
    }

    void pathsForSomewhereElseAreRefused() {
        QVERIFY(*join(m_web->joinUrl()));
        m_web->pages[{0, "/v1/paths?to=198.51.100.1"}] = m_web->pages[{0, "/v1/paths?to=203.0.113.5"}];
        QCOMPARE(int(quote("198.51.100.1")->error().error), int(CartographerError::Untrusted));
    }

    void theDescriptorIsRefreshedAtHalfItsLife() {
        QVERIFY(*join(m_web->joinUrl()));
        const int before = m_web->fetches;
        m_cartographer->refresh([](const auto&) {});
        m_web->run();
        QCOMPARE(m_web->fetches, before);
        m_clock->advance(std::chrono::minutes{31});
        m_cartographer->refresh([](const auto&) {});
        m_web->run();
        QCOMPARE(m_web->fetches, before + 1);
    }

    void answersAfterTheEndChangeNothing() {
        bool called = false;
        m_cartographer->join(m_web->joinUrl(), [&](const auto&) { called = true; });
        m_cartographer.reset();
        m_web->run();
        QVERIFY(!called);
    }

    // One directory that does not know the payee, is forged or down does not keep the others from being asked.
    void certificatesOfPayeesAreFoundWhereverTheyAre() {
        const QTemporaryDir folder;
        ManualClock clock(start);
        FakeWeb web;
        web.publish(start);
        Cartographer map(web, clock, folder.path().toStdString());
        const NodeId payee = web.keys[2].nodeId();
        std::optional<tl::expected<directory::PayeeCertificates, Failure>> found;
        const auto ask = [&] {
            found.reset();
            map.payee(payee, [&](auto result) { found = std::move(result); });
            web.run();
        };
        ask();
        QVERIFY(found && !*found && found->error().error == CartographerError::NotJoined);
        map.join(web.joinUrl(), [](const auto&) {});
        web.run();
        ask();
        QVERIFY(found && !*found && found->error().error == CartographerError::NoSuchPayee);
        const std::string page = "/v1/payees/" + payee.hex();
        const directory::PayeeCertificates document{{IspId{24}, start, start + hours{1}}, payee, "pem"};
        web.serve(2, page, directory::toJson(document), 2);
        web.serve(1, page, directory::toJson(document), 2);  // another's, and badly signed
        ask();
        QVERIFY(found && *found && (*found)->pem == "pem");
        directory::PayeeCertificates other = document;
        other.payee = web.keys[1].nodeId();
        web.serve(2, page, directory::toJson(other), 2);
        ask();
        QVERIFY(found && !*found);
    }
};

QTEST_GUILESS_MAIN(TestCartographer)
#include "test_cartographer.moc"
