// What a decision costs, from who is paid to the rule that decides: 10,000 rules, 1,000 contacts. See tests/bench/README.md.
//
// bench_decision [--json] [--rules N] [--contacts N] [--requests N]
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "secretary/contacts/contact_book.h"
#include "secretary/rules/rule_book.h"

namespace {

using namespace netpas;
using namespace netpas::secretary;
using namespace netpas::secretary::rules;

struct Options {
    bool json = false;
    size_t rules = 10'000, contacts = 1'000, requests = 200'000;
};

class World {
public:
    World(size_t contacts, uint64_t seed) : m_contacts(contacts), m_random(seed) {}

    // What a household might write, and more of everything. Narrow and wide rules, and many for the same site.
    RuleText rule() {
        RuleText rule;
        Match& match = rule.match;
        if (one(2)) match.purpose = purpose();
        if (one(5)) match.app = app();
        if (one(4)) {
            const size_t who = below(m_contacts);
            if (one(2)) {
                match.contact = contact(who);
            } else {
                match.payee = payee(who);
            }
        } else if (one(3)) {
            match.group = group(below(20));
        }
        if (one(2)) match.domain = (one(2) ? "*." : "") + domain();
        if (one(8)) match.user = "user" + std::to_string(below(5));
        if (one(10)) match.isp = IspId{static_cast<uint16_t>(below(100))};
        if (one(10)) match.schedule = Schedule{0x1f, Minutes(540), Minutes(1020), "CET-1CEST,M3.5.0,M10.5.0/3"};
        rule.priority = static_cast<int32_t>(below(4));
        rule.grant.action = one(6) ? Action::Deny : Action::Allow;
        if (rule.grant.action == Action::Allow) {
            rule.grant.unit = one(3) ? PriceUnit::Item : PriceUnit::Minute;
            rule.grant.upTo = Money::fromEighths(80'000'000 * static_cast<int64_t>(1 + below(100)));
        }
        return rule;
    }

    SpendRequest request() {
        const size_t who = below(m_contacts);
        SpendRequest request;
        request.app = app();
        request.purpose = purpose();
        request.payee = payee(who);
        request.domain = "www." + domain();
        request.isps = {IspId{static_cast<uint16_t>(below(100))}, IspId{static_cast<uint16_t>(below(100))},
                        IspId{static_cast<uint16_t>(below(100))}, IspId{static_cast<uint16_t>(below(100))}};
        request.user = "user" + std::to_string(below(5));
        request.unit = one(3) ? PriceUnit::Item : PriceUnit::Minute;
        request.price = Money::fromEighths(80'000'000 * static_cast<int64_t>(1 + below(100)));
        request.worstCase = request.price;
        return request;
    }

    // The contacts that the rules and requests are about.
    static std::vector<contacts::Contact> book(size_t count) {
        std::vector<contacts::Contact> all(count);
        for (size_t who = 0; who < count; ++who) {
            all[who].name = contact(who);
            all[who].payees = {NodeId::parse(payee(who)).value_or(NodeId{})};
            all[who].groups = {group(who % 20)};
        }
        return all;
    }

private:
    size_t below(size_t bound) { return m_random() % bound; }
    bool one(size_t of) { return below(of) == 0; }
    std::string purpose() {
        static const std::vector<std::string> all{"video", "video-call", "comic", "article", "game", "download"};
        return all[below(all.size())];
    }
    std::string app() { return "/usr/bin/app" + std::to_string(below(40)); }
    std::string domain() { return "site" + std::to_string(below(600)) + ".example"; }
    static std::string contact(size_t who) { return "Contact " + std::to_string(who); }
    static std::string payee(size_t who) { return std::string(56, 'a') + std::to_string(10'000'000 + who); }
    static std::string group(size_t number) { return "group " + std::to_string(number); }

    size_t m_contacts;
    std::mt19937_64 m_random;
};

// What is not an option is a mistake.
Options optionsFrom(int argc, char** argv) {
    Options options;
    for (int i = 1; i < argc; ++i) {
        const std::string_view word = argv[i];
        if (word == "--json") {
            options.json = true;
            continue;
        }
        size_t* number = word == "--rules"      ? &options.rules
                         : word == "--contacts" ? &options.contacts
                         : word == "--requests" ? &options.requests
                                                : nullptr;
        if (number == nullptr || ++i == argc || (*number = std::strtoull(argv[i], nullptr, 10)) == 0) {
            std::fprintf(stderr, "usage: bench_decision [--json] [--rules N] [--contacts N] [--requests N]\n");
            std::exit(2);
        }
    }
    return options;
}

}  // namespace

int main(int argc, char** argv) {
    using Clock = std::chrono::steady_clock;
    const Options options = optionsFrom(argc, argv);
    World world(options.contacts, 1);
    store::MemoryDocuments documents;
    const SystemTime now = std::chrono::sys_days(std::chrono::year(2026) / 11 / 23) + std::chrono::hours(11);
    auto book = RuleBook::open(documents, now);
    if (!book) return EXIT_FAILURE;
    // Random rules contradict each other now and then; those are refused and others taken.
    std::vector<RuleText> rules;
    while (rules.size() < options.rules) {
        std::vector<RuleText> batch(rules);
        while (batch.size() < options.rules) batch.push_back(world.rule());
        std::vector<Finding> findings;
        do {
            findings.clear();
            checkTogether(batch, {}, findings);
            for (auto it = findings.rbegin(); it != findings.rend(); ++it) {
                if (it == findings.rbegin() || it->index != std::prev(it)->index) {
                    batch.erase(batch.begin() + static_cast<std::ptrdiff_t>(it->index));
                }
            }
        } while (!findings.empty());
        rules = std::move(batch);
    }
    const auto importing = Clock::now();
    if (const auto done = book->import(rules, ImportMode::Replace, now); !done) {
        std::fprintf(stderr, "%s\n", done.error().message.c_str());
        return EXIT_FAILURE;
    }
    const auto imported = Clock::now();
    store::MemoryDocuments contactDocuments;
    auto known = contacts::ContactBook::open(contactDocuments);
    if (!known || !known->import(World::book(options.contacts))) return EXIT_FAILURE;
    std::vector<SpendRequest> requests;
    for (size_t i = 0; i < std::min<size_t>(options.requests, 20'000); ++i) requests.push_back(world.request());
    std::vector<double> micros;
    micros.reserve(options.requests);
    size_t decided = 0;
    for (size_t i = 0; i < options.requests; ++i) {
        SpendRequest& request = requests[i % requests.size()];
        const auto start = Clock::now();
        known->enrich(request);
        const Verdict verdict = book->decide(request, now);
        micros.push_back(std::chrono::duration<double, std::micro>(Clock::now() - start).count());
        decided += verdict.outcome != Outcome::None ? 1U : 0U;
    }
    std::sort(micros.begin(), micros.end());
    const auto percentile = [&](double share) {
        return micros[static_cast<size_t>(share * double(micros.size() - 1))];
    };
    const double import = std::chrono::duration<double, std::milli>(imported - importing).count();
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    std::printf(options.json ? "{\"rules\": %zu, \"contacts\": %zu, \"decisions\": %zu, \"decided_percent\": %.1f, "
                               "\"p50_us\": %.2f, \"p99_us\": %.2f, \"p999_us\": %.2f, \"import_ms\": %.0f, "
                               "\"resident_kib\": %ld}\n"
                             : "%zu rules, %zu contacts, %zu decisions, %.1f %% by a rule\n"
                               "p50 %.2f us, p99 %.2f us, p99.9 %.2f us; import %.0f ms; at most %ld KiB resident\n",
                book->size(), options.contacts, options.requests, 100.0 * double(decided) / double(options.requests),
                percentile(0.5), percentile(0.99), percentile(0.999), import, used.ru_maxrss);
    return EXIT_SUCCESS;
}
