#include "tests/sim/users.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <numbers>

namespace netpas::sim {

double Dice::uniform() { return double(m_random.below(uint64_t{1} << 53)) / double(uint64_t{1} << 53); }

double Dice::normal() {
    const double radius = std::sqrt(-2 * std::log(1 - uniform()));
    return radius * std::cos(2 * std::numbers::pi * uniform());
}

double Dice::heavy() {
    const double x = normal();
    const double a = normal();
    const double b = normal();
    return std::clamp(x / std::sqrt((a * a + b * b) / 2 + 1e-9), -5.0, 5.0);
}

size_t Dice::zipf(size_t count, double exponent) {
    double total = 0;
    for (size_t i = 0; i < count; ++i) total += std::pow(double(i + 1), -exponent);
    double rest = uniform() * total;
    for (size_t i = 0; i + 1 < count; ++i) {
        rest -= std::pow(double(i + 1), -exponent);
        if (rest < 0) return i;
    }
    return count - 1;
}

namespace {

// Deviations of the effects that add up to a user's log willingness, and the user's habits.
struct Character {
    double level = 0;  // log of willingness over the usual price
    double levelSpread = 0.3;
    double app = 0;
    double purpose = 0.4;
    double payee = 0.1;
    double group = 0.2;
    double domain = 0.1;
    double purposeGroup = 0;
    double cell = 0;
    double jitter = 0.04;
    double slips = 0.005;
    double drift = 0;   // deviation of the level's walk from first to last request
    double trend = 0;   // steady change of the level over the same, up or down
    bool jump = false;  // one purpose changes its worth half-way
    bool heavyTails = false;
    double priceSpread = 0.7;
    size_t payees = 30;
    double zipf = 1;
    double newcomers = 0;  // share of requests from payees never seen before
    enum class Prices { LogNormal, Uniform, Menu } prices = Prices::LogNormal;
};

struct Purpose {
    const char* name;
    bool perMinute;
    double usualCents;
    std::array<const char*, 2> apps;
    bool contacts;  // payees are people, with groups
};
constexpr std::array<Purpose, 7> purposes{{{"video-call", true, 12, {"jitsi", "browser"}, true},
                                           {"video", true, 1.5, {"mpv", "browser"}, false},
                                           {"game", true, 3, {"luanti", "browser"}, false},
                                           {"remote-desktop", true, 2, {"remmina", "ssh"}, true},
                                           {"article", false, 25, {"browser", "reader"}, false},
                                           {"comic", false, 4, {"browser", "reader"}, false},
                                           {"download", false, 20, {"browser", "apt"}, false}}};
constexpr std::array<const char*, 4> groups{"business-partners", "family", "friends", "neighbours"};

struct Payee {
    std::string name;
    std::string group;
    std::string domain;
    size_t purpose;
};

int64_t nanodollars(double logDollars) {
    return static_cast<int64_t>(std::llround(std::exp(std::clamp(logDollars, -15.0, 15.0)) * 1e9));
}

class AdditiveUser : public SimulatedUser {
public:
    AdditiveUser(const Character& character, uint64_t seed, uint64_t requests)
        : m_character(character), m_dice(seed), m_requests(requests) {
        m_level = character.level + character.levelSpread * m_dice.normal();
        m_direction = m_dice.below(2) == 0 ? -1 : 1;
        m_jumping = m_dice.below(purposes.size());
        for (size_t i = 0; i < purposes.size(); ++i) m_usual[i] = 0.3 * m_dice.normal();
        for (size_t i = 0; i < character.payees; ++i) m_payees.push_back(makePayee());
    }

    SimulatedRequest next() override {
        ++m_count;
        m_level += m_character.drift / std::sqrt(double(m_requests)) * m_dice.normal() +
                   m_direction * m_character.trend / double(m_requests);
        const Payee payee = m_dice.uniform() < m_character.newcomers
                                ? makePayee()
                                : m_payees[m_dice.zipf(m_payees.size(), m_character.zipf)];
        const Purpose& purpose = purposes[payee.purpose];
        SimulatedRequest request{purpose.apps[m_dice.uniform() < 0.8 ? 0 : 1],
                                 purpose.name,
                                 payee.name,
                                 payee.group,
                                 payee.domain,
                                 purpose.perMinute,
                                 0,
                                 0,
                                 false};
        const double usual = usualPrice(payee.purpose);
        const double price = usual + priceOffset();
        double worth = usual + m_level + m_character.jitter * m_dice.normal();
        worth += effect("a" + request.app, m_character.app) + effect("u" + request.purpose, m_character.purpose) +
                 effect("p" + request.payee, m_character.payee) + effect("g" + request.group, m_character.group) +
                 effect("d" + request.domain, m_character.domain) +
                 effect("ug" + request.purpose + "/" + request.group, m_character.purposeGroup) +
                 effect("c" + request.app + "/" + request.purpose + "/" + request.payee, m_character.cell);
        if (m_character.jump && payee.purpose == m_jumping && m_count > m_requests / 2) worth -= 0.7;
        request.price = nanodollars(price);
        request.willing = nanodollars(worth);
        request.accepts = (request.price <= request.willing) != (m_dice.uniform() < m_character.slips);
        return request;
    }

private:
    // Log dollars.
    double usualPrice(size_t purpose) const { return std::log(purposes[purpose].usualCents / 100) + m_usual[purpose]; }
    double priceOffset() {
        switch (m_character.prices) {
        case Character::Prices::LogNormal: return m_character.priceSpread * m_dice.normal();
        case Character::Prices::Uniform: return std::log(0.2 + 2.3 * m_dice.uniform());
        case Character::Prices::Menu: return 0.5 * (double(m_dice.below(6)) - 2.5);
        }
        return 0;
    }
    Payee makePayee() {
        const size_t purpose = m_dice.below(purposes.size());
        const std::string number = std::to_string(++m_made);
        if (purposes[purpose].contacts) return {"contact-" + number, groups[m_dice.below(groups.size())], "", purpose};
        const std::string domain = "site" + std::to_string(m_dice.zipf(18, 0.7)) + ".example";
        return {domain + "/author-" + number, "", domain, purpose};
    }
    double effect(const std::string& level, double deviation) {
        const auto [entry, isNew] = m_effects.try_emplace(level, 0.0);
        if (isNew) entry->second = m_character.heavyTails ? m_dice.heavy() : m_dice.normal();
        return deviation * entry->second;
    }

    Character m_character;
    Dice m_dice;
    uint64_t m_requests;
    uint64_t m_count = 0;
    uint64_t m_made = 0;
    double m_level = 0;
    double m_direction = 1;
    size_t m_jumping = 0;
    std::array<double, purposes.size()> m_usual{};
    std::vector<Payee> m_payees;
    std::map<std::string, double> m_effects;
};

// The four rules of NetPaS §5.3, held exactly, and nothing else.
class PaperUser : public SimulatedUser {
public:
    explicit PaperUser(uint64_t seed) : m_dice(seed) {}
    SimulatedRequest next() override {
        SimulatedRequest request;
        double cents = 0;
        double usual = 0;
        const size_t what = m_dice.below(4);
        const std::string number = std::to_string(m_dice.below(8));
        if (what < 2) {
            const bool business = what == 0;
            request = {"jitsi",
                       "video-call",
                       (business ? "partner-" : "relative-") + number,
                       business ? "business-partners" : "family",
                       "",
                       true,
                       0,
                       0,
                       false};
            cents = business ? 50 : 10;
            usual = 18;
        } else if (what == 2) {
            const std::string site = "comics" + number + ".example";
            request = {"browser", "comic", site, "", site, false, 0, 0, false};
            cents = 5;
            usual = 4;
        } else {
            const bool economist = m_dice.uniform() < 0.5;
            const std::string site = economist ? "economist.com" : "news" + number + ".example";
            request = {"browser", "article", site, "", site, false, 0, 0, false};
            cents = economist ? 500 : 3;
            usual = 20;
        }
        request.price = nanodollars(std::log(usual / 100) + 0.8 * m_dice.normal());
        request.willing = nanodollars(std::log(cents / 100));
        request.accepts = (request.price <= request.willing) != (m_dice.uniform() < 0.01);
        return request;
    }

private:
    Dice m_dice;
};

Character characterOf(const std::string& kind, Dice& dice) {
    Character c;
    if (kind == "thrifty") {
        c.level = -0.9;
    } else if (kind == "group-driven") {
        c.group = 0.9;
        c.purposeGroup = 0.3;
        c.payee = 0.05;
        c.domain = 0.05;
    } else if (kind == "site-driven") {
        c.domain = 0.9;
        c.group = 0.1;
        c.payee = 0.1;
        c.purpose = 0.2;
    } else if (kind == "noisy") {
        c.jitter = 0.12;
        c.slips = 0.05;
    } else if (kind == "drifting") {
        c.drift = 0.4;
        c.trend = 0.3;
        c.slips = 0.01;
    } else if (kind == "change-of-mind") {
        c.jump = true;
        c.slips = 0.01;
    } else if (kind == "heavy-tailed") {
        c.heavyTails = true;
        c.payee = 0.3;
        c.cell = 0.1;
        c.payees = 120;
        c.zipf = 1.1;
        c.slips = 0.02;
    } else if (kind == "newcomers") {
        c.newcomers = 0.3;
        c.payee = 0.12;
        c.group = 0.5;
        c.domain = 0.4;
        c.slips = 0.02;
    } else if (kind == "menu") {
        c.prices = Character::Prices::Menu;
        c.app = 0.3;
        c.purpose = 0.6;
        c.purposeGroup = 0.5;
        c.payee = 0.2;
        c.payees = 60;
        c.slips = 0.03;
        c.jitter = 0.08;
    } else if (kind == "mixed") {
        c.prices = Character::Prices::Uniform;
        c.level = 0.5 * dice.normal();
        c.app = 0.4 * dice.uniform();
        c.purpose = 0.8 * dice.uniform();
        c.payee = 0.4 * dice.uniform();
        c.group = 0.8 * dice.uniform();
        c.domain = 0.8 * dice.uniform();
        c.jitter = 0.15 * dice.uniform();
        c.slips = 0.04 * dice.uniform();
        c.payees = 15 + dice.below(80);
    }
    return c;
}

}  // namespace

const std::vector<Kind>& kinds() {
    static const std::vector<Kind> all{
        {"consistent", false, "worth depends on purpose, a little on group and payee; hardly a slip"},
        {"thrifty", false, "accepts few of the prices offered"},
        {"group-driven", false, "what counts is who the contact is"},
        {"site-driven", false, "what counts is the site"},
        {"noisy", false, "worth varies by an eighth from request to request; every twentieth answer is a slip"},
        {"drifting", false, "worth wanders and rises or falls by a third"},
        {"change-of-mind", false, "one purpose is suddenly worth half"},
        {"paper", false, "the four rules of NetPaS 5.3"},
        {"heavy-tailed", true, "a few payees are worth many times the rest; 120 payees"},
        {"newcomers", true, "a third of the requests come from payees never seen before"},
        {"menu", true, "prices from a short menu, 60 payees, interactions, 3 percent slips"},
        {"mixed", true, "every user has other habits; uniform prices"},
    };
    return all;
}

std::unique_ptr<SimulatedUser> makeUser(const std::string& kind, uint64_t seed, uint64_t requests) {
    const bool known = std::any_of(kinds().begin(), kinds().end(), [&](const Kind& one) { return one.name == kind; });
    if (!known) return nullptr;
    if (kind == "paper") return std::make_unique<PaperUser>(seed);
    Dice dice(seed ^ 0xcafe);
    return std::make_unique<AdditiveUser>(characterOf(kind, dice), seed, requests);
}

}  // namespace netpas::sim
