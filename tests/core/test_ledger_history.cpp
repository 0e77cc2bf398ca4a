#include <QtTest>

#include "core/ledger/csv.h"
#include "core/ledger/schema.h"
#include "tests/core/ledger_fixture.h"

using namespace netpas;
using namespace netpas::ledger;

namespace {

constexpr SystemTime now = ledgerStart;
constexpr std::chrono::hours day{24};

NewPurchase video(const char* app, const char* payee, const char* node = "") {
    NewPurchase purchase = request();
    purchase.context = {app,    "video",           payee,          "Ann", "family", "example.net", node, "ann",
                        "gold", PriceUnit::Minute, dollars("0.01")};
    return purchase;
}

PurchaseId bought(LedgerFolder& f, const NewPurchase& purchase, const char* amount, SystemTime at) {
    static uint32_t key = 0;
    const PurchaseId id = f.ledger->begin(purchase, at)->id;
    Settlement settlement;
    settlement.charged = dollars(amount);
    [[maybe_unused]] const bool done =
        f.ledger->reserve(id, SessionKeyId{++key}, pathOfTwo(), "rule 4", at) && f.ledger->settle(id, settlement, at);
    Q_ASSERT(done);
    return id;
}

// A book as the first release wrote it: one purchase of every fate.
constexpr const char* firstBook = R"sql(
INSERT INTO purchase VALUES (1, 1000, 'tcp 203.0.113.5:8080 -> 192.0.2.10:*', 1000, 0, 600, '', '', 11);
INSERT INTO purchase VALUES (2, 1000, 'udp 203.0.113.5:1 -> 192.0.2.10:2', 2000, 0, NULL, '', '', 12);
INSERT INTO purchase VALUES (3, 1000, 'tcp 203.0.113.5:3 -> 192.0.2.10:4', 3000, 0, NULL, 'k', 'f', 13);
INSERT INTO purchase VALUES (4, 1001, 'tcp 203.0.113.5:5 -> 192.0.2.10:6', 4000, 0, NULL, '', '', 14);
INSERT INTO hop VALUES (1, 0, 26, 1, 1, 'gold', 24);
INSERT INTO hop VALUES (2, 0, 26, 1, 1, 'gold', 24);
INSERT INTO hop VALUES (3, 0, 26, 1, 1, 'gold', 24);
INSERT INTO session_key VALUES (901, 1);
INSERT INTO session_key VALUES (77, 2);
INSERT INTO session_key VALUES (502, 3);
INSERT INTO transition VALUES (1, 1, 1, 0, '', '', 11), (2, 1, 2, 0, 'explicit request', '', 21),
    (3, 2, 1, 0, '', '', 12), (4, 2, 2, 0, 'explicit request', '', 22), (5, 3, 1, 0, '', '', 13),
    (6, 3, 2, 0, 'explicit request', '', 23), (7, 3, 3, 0, 'explicit request', '', 24),
    (8, 4, 1, 0, '', '', 14), (9, 4, 9, 11, '', 'no path', 15),
    (10, 1, 7, 1, 'explicit request', '', 31), (11, 1, 8, 1, 'explicit request', 'the ISP states more', 32),
    (12, 2, 7, 12, 'explicit request', '', 33), (13, 2, 8, 12, 'explicit request', '', 34);
INSERT INTO transfer VALUES (1, 1, 1, NULL, 1, 65562, 1000, 21), (2, 2, 1, NULL, 1, 65562, 2000, 22),
    (3, 3, 1, NULL, 1, 65562, 3000, 23), (4, 1, 2, 1, 1, 65562, 700, 32), (5, 2, 3, 2, 1, 65562, 0, 34);
INSERT INTO account VALUES (1, 6000, 3000, 700, 0, 0, 0), (65562, 0, 0, 0, 6000, 3000, 700);
INSERT INTO evidence VALUES (1, 1, 'final-usage', x'0102', x'03', 0, 32);
INSERT INTO usage VALUES (1, 10, 1000, 700, 3), (3, 5, 500, 40, 0);
INSERT INTO unfinished VALUES (3);
)sql";

}  // namespace

class TestLedgerHistory : public QObject {
    Q_OBJECT

private slots:
    void aBookOfTheFirstReleaseIsKept() {
        QTemporaryDir folder;
        const std::filesystem::path file = folder.filePath("ledger.db").toStdString();
        {
            store::DatabaseOptions options;
            options.path = file;
            options.key = LedgerFolder::key();
            auto database = store::Database::open(options);
            QVERIFY(database);
            const std::array<std::string_view, 1> steps{schemaStep1};
            QVERIFY(database->migrate(steps));
            QVERIFY(database->execute(firstBook));
        }
        auto ledger = Ledger::open(file, LedgerFolder::key());
        QVERIFY(ledger);
        const auto found = (*ledger)->check();
        QVERIFY(found);
        QVERIFY2(found->empty(), found->empty() ? "" : found->front().what.c_str());

        const auto first = *(*ledger)->find(PurchaseId{1});
        QCOMPARE(*first.charged, Money::fromEighths(700));
        QVERIFY(first.disputed);
        QCOMPARE(*first.key, SessionKeyId{901});
        QCOMPARE(first.keys[0].cap, Money::fromEighths(1000));
        QCOMPARE(first.keys[0].end->charged, Money::fromEighths(700));
        QCOMPARE(first.keys[0].usage.packets, uint64_t{10});
        QCOMPARE(first.decidedBy, std::string("explicit request"));
        QVERIFY(first.request.context == Context{});
        QVERIFY(!first.why);
        QCOMPARE(*(*ledger)->find(PurchaseId{2})->charged, Money::zero());
        QVERIFY((*ledger)->find(PurchaseId{2})->keys[0].end);
        QCOMPARE((*ledger)->find(PurchaseId{4})->note, std::string("no path"));
        QCOMPARE(*(*ledger)->reserved(), Money::fromEighths(3000));

        // What was under way goes on, and identifiers go on from where they were.
        QCOMPARE((*ledger)->unfinished()->front().keys[0].end.has_value(), false);
        QVERIFY((*ledger)->advance(PurchaseId{3}, PurchaseState::Stopping, EndReason::AgentRestarted, "", now));
        Settlement settlement;
        settlement.charged = Money::fromEighths(40);
        QVERIFY((*ledger)->settle(PurchaseId{3}, settlement, now));
        QCOMPARE((*ledger)->begin(request(), now)->id, PurchaseId{5});
        QCOMPARE((*ledger)->wallet()->debitsPosted, Money::fromEighths(740));
        QVERIFY((*ledger)->check()->empty());
    }

    void everyPaymentAnswersWhy() {
        LedgerFolder f;
        const Why why{"rule 7", "rule", "Up to 1¢ a minute for video in mpv.", "rule 3"};
        const NewPurchase purchase = video("/usr/bin/mpv", "payee");
        const PurchaseId id = f.reserved(purchase, why);
        f.reopen();
        QVERIFY(f.ledger->find(id)->why == why);
        QVERIFY(f.ledger->find(id)->request.context == purchase.context);
        const PurchaseId refused = f.ledger->begin(purchase, now)->id;
        QVERIFY(f.ledger->refuse(refused, EndReason::RefusedBySecretary, "too dear", now, why));
        QVERIFY(f.ledger->find(refused)->why == why);
    }

    void budgetsAreRebuiltFromReservationsAndPostings() {
        LedgerFolder f;
        const PurchaseId open = f.reserved(video("mpv", "p"));
        QVERIFY(f.ledger->addKey(open, SessionKeyId{1000}, dollars("0.02"), now));
        QVERIFY(f.ledger->closeKey(SessionKeyId{1000}, {dollars("0.01"), false, {}}, {}, now));
        bought(f, video("vlc", "p"), "0.03", now - day);
        const PurchaseId late = bought(f, video("vlc", "q", "tv"), "0.04", now);
        f.reopen();
        const auto reservations = *f.ledger->reservations();
        QCOMPARE(reservations.size(), size_t{1});
        QCOMPARE(reservations[0].id, open);
        QCOMPARE(reservations[0].amount, dollars("0.05"));
        QCOMPARE(reservations[0].charged, dollars("0.01"));
        QCOMPARE(reservations[0].context.app, std::string("mpv"));
        const auto postings = *f.ledger->postedSince(now);
        QCOMPARE(postings.size(), size_t{1});
        QCOMPARE(postings[0].id, late);
        QCOMPARE(postings[0].amount, dollars("0.04"));
        QCOMPARE(postings[0].context.node, std::string("tv"));
        QCOMPARE(postings[0].rule, f.ledger->find(late)->why->rule);
    }

    void whatIsPostedWhileTheClockIsSetBackStillCounts() {
        LedgerFolder f;
        bought(f, video("vlc", "p"), "0.01", now - day);
        const PurchaseId first = bought(f, video("vlc", "p"), "0.02", now);
        const PurchaseId earlier = bought(f, video("vlc", "p"), "0.03", now - 2 * day);
        const auto postings = *f.ledger->postedSince(now);
        QCOMPARE(postings.size(), size_t{2});
        QCOMPARE(postings[0].id, first);
        QCOMPARE(postings[1].id, earlier);
    }

    void totalsArePerAppPayeeNodeAndPeriod() {
        LedgerFolder f;
        bought(f, video("mpv", "p"), "0.01", now);
        bought(f, video("vlc", "p"), "0.02", now + day);
        bought(f, video("vlc", "q", "tv"), "0.03", now + 31 * day);
        const auto apps = *f.ledger->totals(TotalsBy::App, {}, {});
        QCOMPARE(apps.size(), size_t{2});
        QCOMPARE(apps[0].name, std::string("vlc"));
        QCOMPARE(apps[0].amount, dollars("0.05"));
        QCOMPARE(apps[0].purchases, uint64_t{2});
        QCOMPARE(f.ledger->totals(TotalsBy::Payee, {}, now + 2 * day)->front().amount, dollars("0.03"));
        QCOMPARE(f.ledger->totals(TotalsBy::Node, now + day, {})->front().name, std::string("tv"));
        const auto months = *f.ledger->totals(TotalsBy::Month, {}, {});
        QCOMPARE(months.size(), size_t{2});
        QCOMPARE(months[0].name, std::string("2019-12"));
        QCOMPARE(months[1].amount, dollars("0.03"));
        QVERIFY(f.ledger->totals(TotalsBy::App, {}, {}, 7)->empty());
    }

    void historyIsFilteredAndPaged() {
        LedgerFolder f;
        const PurchaseId first = bought(f, video("mpv", "p"), "0.01", now);
        const PurchaseId second = bought(f, video("vlc", "100%"), "0.02", now + day);
        const PurchaseId third = bought(f, video("vlc", "q"), "0.03", now + 2 * day);
        const auto only = [&](HistoryFilter filter) {
            std::vector<PurchaseId> ids;
            const auto found = f.ledger->history(filter);
            for (const Purchase& purchase : found.value()) ids.push_back(purchase.id);
            return ids;
        };
        HistoryFilter filter;
        filter.app = "vlc";
        QCOMPARE(only(filter), (std::vector<PurchaseId>{third, second}));
        filter.payee = "q";
        QCOMPARE(only(filter), (std::vector<PurchaseId>{third}));
        filter = {};
        filter.since = now + day;
        filter.until = now + 2 * day;
        QCOMPARE(only(filter), (std::vector<PurchaseId>{second}));
        filter = {};
        filter.before = third;
        filter.limit = 1;
        QCOMPARE(only(filter), (std::vector<PurchaseId>{second}));
        filter = {};
        filter.text = "0%";  // a sign, not a pattern
        QCOMPARE(only(filter), (std::vector<PurchaseId>{second}));
        QVERIFY(f.ledger->label(first, "film night", now));
        filter.text = "FILM";
        QCOMPARE(only(filter), (std::vector<PurchaseId>{first}));
    }

    void theNewestLabelCountsAndNoneIsLost() {
        LedgerFolder f;
        const PurchaseId id = bought(f, request(), "0.01", now);
        QVERIFY(f.ledger->label(id, "one", now));
        QVERIFY(f.ledger->label(id, "two", now));
        QCOMPARE(f.ledger->find(id)->label, std::string("two"));
        QCOMPARE(f.ledger->label(PurchaseId{99}, "x", now).error(), LedgerError::UnknownPurchase);
    }

    void csvIsExactAndRunsNoFormula() {
        LedgerFolder f;
        const PurchaseId id = bought(f, video("=cmd()", "a, \"b\""), "0.000000000125", now);
        const std::string row = csvRow(*f.ledger->find(id));
        const auto commas = [](const std::string& text) { return std::count(text.begin(), text.end(), ','); };
        QCOMPARE(commas(row), commas(csvHeader()) + 1);
        QVERIFY(row.find(",0.05,0.000000000125,") != std::string::npos);
        QVERIFY(row.find(",'=cmd(),") != std::string::npos);
        QVERIFY(row.find(",\"a, \"\"b\"\"\",") != std::string::npos);
        QVERIFY(row.find("2019-12-20T00:00:00Z") != std::string::npos);
        QVERIFY(row.ends_with("\r\n"));
    }

    void termsAreKeptOnce() {
        LedgerFolder f;
        const PurchaseId id = f.ledger->begin(request(), now)->id;
        Context terms = f.ledger->find(id)->request.context;
        terms.contact = "ann";
        terms.group = "family";
        terms.quality = "gold";
        terms.unit = PriceUnit::Item;
        terms.unitPrice = dollars("0.05");
        QVERIFY(f.ledger->judged(id, terms));
        QVERIFY(f.ledger->find(id)->request.context == terms);
        terms.unitPrice = dollars("0.01");
        QVERIFY(!f.ledger->judged(id, terms));
        QCOMPARE(f.ledger->find(id)->request.context.unitPrice, dollars("0.05"));
    }

    void keysForMoreThanTheCapAreFoundByTheCheck() {
        LedgerFolder f;
        const PurchaseId id = bought(f, request(), "0.01", now);
        f.ledger.reset();
        {
            store::DatabaseOptions options;
            options.path = f.file();
            options.key = LedgerFolder::key();
            auto database = store::Database::open(options);
            QVERIFY(!database->execute("UPDATE slice SET cap = 1"));
            QVERIFY(!database->execute("DELETE FROM slice_end"));
            QVERIFY(!database->execute("UPDATE context SET app = ''"));
            QVERIFY(database->execute("INSERT INTO slice (key, purchase, cap, opened_at) VALUES (5000, " +
                                      std::to_string(id.value()) + ", 999999999999, 0)"));
        }
        f.reopen();
        const auto found = *f.ledger->check();
        QCOMPARE(found.size(), size_t{2});
    }
};

QTEST_GUILESS_MAIN(TestLedgerHistory)
#include "test_ledger_history.moc"
