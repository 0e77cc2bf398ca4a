#include "secretary/delivery/delivery_book.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>

namespace netpas::secretary::delivery {

using nlohmann::json;

namespace {

constexpr const char* caseKind = "delivery-case";
constexpr const char* markKind = "delivery-mark";

int64_t micros(SystemTime time) { return time.time_since_epoch().count(); }

json listOf(const std::vector<SoldClass>& classes) {
    json list = json::array();
    for (const SoldClass& one : classes) list.push_back({one.isp.value(), one.service.value()});
    return list;
}

std::vector<SoldClass> classesFrom(const json& list) {
    std::vector<SoldClass> classes;
    for (const json& one : list) {
        const auto isp = IspId::from(one.at(0).get<uint64_t>());
        const auto service = ServiceClass::from(one.at(1).get<uint64_t>());
        if (isp && service) classes.push_back({*isp, *service});
    }
    return classes;
}

// In the order of the numbers.
std::string idOf(uint64_t number) {
    char text[24];
    std::snprintf(text, sizeof text, "%020llu", static_cast<unsigned long long>(number));
    return text;
}

std::string idOf(const SoldClass& sold) {
    return std::to_string(sold.isp.value()) + "-" + std::to_string(sold.service.value());
}

store::Document document(const char* kind, std::string id, const json& body) {
    const std::string text = body.dump(-1, ' ', false, json::error_handler_t::replace);
    return {kind, std::move(id), {text.begin(), text.end()}};
}

store::Document documentOf(const Case& one) {
    return document(caseKind, idOf(one.number),
                    {{"number", one.number},
                     {"at", micros(one.at)},
                     {"purchase", one.purchase.value()},
                     {"uid", one.uid},
                     {"node", one.node},
                     {"flow", one.flow},
                     {"way", listOf(one.way)},
                     {"suspects", listOf(one.suspects)},
                     {"paid", one.paid.eighths()},
                     {"evidence", one.evidence},
                     {"outcome", one.outcome}});
}

store::Document documentOf(const Mark& mark) {
    return document(markKind, idOf(mark.sold),
                    {{"class", listOf({mark.sold})},
                     {"since", micros(mark.since)},
                     {"until", micros(mark.until)},
                     {"times", mark.times}});
}

SystemTime timeAt(const json& object, const char* name) {
    return SystemTime{std::chrono::microseconds{object.at(name).get<int64_t>()}};
}

std::optional<Case> caseFrom(const store::Document& stored) try {
    const json object = json::parse(stored.body);
    Case one;
    one.number = object.at("number").get<uint64_t>();
    one.at = timeAt(object, "at");
    one.purchase = PurchaseId(object.at("purchase").get<uint64_t>());
    one.uid = object.at("uid").get<uint32_t>();
    one.node = object.at("node").get<std::string>();
    one.flow = object.at("flow").get<std::string>();
    one.way = classesFrom(object.at("way"));
    one.suspects = classesFrom(object.at("suspects"));
    one.paid = Money::fromEighths(object.at("paid").get<int64_t>());
    one.evidence = object.at("evidence").get<std::string>();
    one.outcome = object.at("outcome").get<std::string>();
    return one;
} catch (const json::exception&) {
    return std::nullopt;
}

std::optional<Mark> markFrom(const store::Document& stored) try {
    const json object = json::parse(stored.body);
    const auto classes = classesFrom(object.at("class"));
    if (classes.size() != 1) return std::nullopt;
    return Mark{classes.front(), timeAt(object, "since"), timeAt(object, "until"), object.at("times").get<uint32_t>()};
} catch (const json::exception&) {
    return std::nullopt;
}

}  // namespace

tl::expected<DeliveryBook, store::StoreError> DeliveryBook::open(store::Documents& documents) {
    DeliveryBook book(documents);
    const auto cases = documents.all(caseKind);
    const auto marks = documents.all(markKind);
    if (!cases || !marks) return tl::unexpected(cases ? marks.error() : cases.error());
    for (const store::Document& stored : *cases) {
        auto one = caseFrom(stored);
        if (!one) return tl::unexpected(store::StoreError::Damaged);
        book.m_next = std::max(book.m_next, one->number + 1);
        book.m_cases.emplace(one->number, std::move(*one));
    }
    for (const store::Document& stored : *marks) {
        const auto mark = markFrom(stored);
        if (!mark) return tl::unexpected(store::StoreError::Damaged);
        book.m_marks.emplace(mark->sold, *mark);
    }
    return book;
}

Mark DeliveryBook::markAfter(const SoldClass& sold, SystemTime now) const {
    const auto before = m_marks.find(sold);
    if (before == m_marks.end() || now - before->second.until > remembered) return {sold, now, now + firstMark, 1};
    Mark mark = before->second;
    if (now >= mark.since && now - mark.since < sameTrouble) return mark;
    constexpr uint32_t most = 16;  // more doublings change nothing
    mark.times = std::min(mark.times + 1, most);
    const std::chrono::microseconds longer = std::chrono::microseconds(firstMark) * (int64_t{1} << (mark.times - 1));
    mark.since = now;
    mark.until = now + std::min<std::chrono::microseconds>(longer, longestMark);
    return mark;
}

tl::expected<uint64_t, store::StoreError> DeliveryBook::add(Case found) {
    found.number = m_next;
    std::vector<store::DocumentChange> changes{{documentOf(found), false}};
    std::vector<Mark> marks;
    for (const SoldClass& sold : found.suspects) {
        marks.push_back(markAfter(sold, found.at));
        changes.push_back({documentOf(marks.back()), false});
    }
    const bool full = m_cases.size() >= maxCases;
    if (full) changes.push_back({{caseKind, idOf(m_cases.begin()->first), {}}, true});
    if (auto done = m_documents->apply(changes); !done) return tl::unexpected(done.error());
    if (full) m_cases.erase(m_cases.begin());
    for (const Mark& mark : marks) m_marks.insert_or_assign(mark.sold, mark);
    m_cases.emplace(m_next, std::move(found));
    return m_next++;
}

tl::expected<void, store::StoreError> DeliveryBook::conclude(uint64_t number, const std::string& outcome) {
    const auto found = m_cases.find(number);
    if (found == m_cases.end()) return {};  // forgotten meanwhile
    Case after = found->second;
    after.outcome = outcome;
    if (auto done = m_documents->put(documentOf(after)); !done) return done;
    found->second = std::move(after);
    return {};
}

std::vector<Case> DeliveryBook::cases() const {
    std::vector<Case> all;
    for (auto at = m_cases.rbegin(); at != m_cases.rend(); ++at) all.push_back(at->second);
    return all;
}

std::vector<SoldClass> DeliveryBook::avoided(SystemTime now) const {
    std::vector<SoldClass> classes;
    for (const auto& [sold, mark] : m_marks) {
        // A clock that was set back makes no mark last longer than it was given.
        if (now < mark.until && mark.until - now <= longestMark) classes.push_back(sold);
    }
    return classes;
}

std::vector<Mark> DeliveryBook::marks() const {
    std::vector<Mark> all;
    for (const auto& [sold, mark] : m_marks) all.push_back(mark);
    return all;
}

tl::expected<bool, store::StoreError> DeliveryBook::forgive(const SoldClass& sold) {
    if (!m_marks.contains(sold)) return false;
    if (auto done = m_documents->erase(markKind, idOf(sold)); !done) return tl::unexpected(done.error());
    m_marks.erase(sold);
    return true;
}

}  // namespace netpas::secretary::delivery
