// A ledger in a folder of its own, for tests.
#pragma once

#include <QTemporaryDir>
#include <QtGlobal>
#include <filesystem>
#include <memory>

#include "core/ledger/ledger.h"

namespace netpas::ledger {

inline constexpr SystemTime ledgerStart{std::chrono::hours{24 * 365 * 50}};  // 2019-12-20

inline Money dollars(const char* text) { return *Money::parse(text); }

inline NewPurchase request(const char* cap = "0.05") {
    NewPurchase purchase;
    purchase.uid = 1000;
    purchase.flow = *FlowMatch::parse("tcp 203.0.113.5:8080 -> 192.0.2.10:*");
    purchase.cap = dollars(cap);
    return purchase;
}

inline std::vector<LedgerHop> pathOfTwo() {
    return {{IspId{26}, ServiceClass{1}, ExitPoint{1}, "gold", dollars("0.000000003")},
            {IspId{25}, ServiceClass{1}, ExitPoint{0}, "gold", dollars("0.00000001")}};
}

struct LedgerFolder {
    QTemporaryDir folder;
    std::unique_ptr<Ledger> ledger;

    LedgerFolder() { reopen(); }
    [[nodiscard]] std::filesystem::path file() const { return folder.filePath("ledger.db").toStdString(); }
    static store::DatabaseKey key() {
        store::DatabaseKey bytes;
        bytes.fill(7);
        return bytes;
    }
    void reopen() {
        ledger.reset();
        if (auto opened = Ledger::open(file(), key())) ledger = std::move(*opened);
        if (!ledger) qFatal("cannot open the ledger");
    }
    // What check() finds first, or nothing.
    [[nodiscard]] std::string discrepancy() const {
        const auto found = ledger->check();
        if (!found) return std::string(describe(found.error()));
        return found->empty() ? std::string{} : found->front().what;
    }
    PurchaseId reserved(const NewPurchase& purchase, const Why& why = {"rule", "rule", "Because.", ""}) const {
        const PurchaseId id = ledger->begin(purchase, ledgerStart)->id;
        if (!ledger->reserve(id, pathOfTwo(), why, ledgerStart)) qFatal("cannot reserve");
        return id;
    }
};

}  // namespace netpas::ledger
