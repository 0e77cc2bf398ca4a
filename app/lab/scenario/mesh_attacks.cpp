// What somebody on the link of two households can do to their agreement: adverts, agreements and statements that are forged, replayed, absurd, impossible or garbage,
// thousands a second and in thousands of names, while one of them pays the other for its packets. Judged by what arrives, by both ends' counts of it, by what was bought from
// whom, and by what the agents took of memory and processor time.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "app/lab/command.h"
#include "app/lab/scenario/mesh_link.h"
#include "app/lab/scenario/mesh_siege.h"
#include "cartographer/verify/messages.h"
#include "core/agreement/messages.h"
#include "core/crypto/hex.h"
#include "core/random.h"

namespace netpas::lab {
namespace {

using namespace std::chrono_literals;
using namespace agreement;

class MeshAttacks : private MeshSiege {
public:
    using MeshSiege::MeshSiege;

    Expected<void> run() {
        LAB_TRY(begin());
        LAB_TRY(adverts());
        LAB_TRY(messages());
        LAB_TRY(statements());
        LAB_TRY(floods());
        return judge();
    }

private:
    [[nodiscard]] Advert advertOf(const Identity& who, const MeshSpot& spot) {
        Advert advert;
        advert.key = who.publicKey();
        advert.run = 7;
        advert.number = ++m_number;
        advert.issued = systemClock().now();
        advert.lifetime = 60s;
        advert.link = spot.link;
        advert.address = spot.address;
        advert.isp = IspId(26);
        advert.prices.upstream = *Money::parse("0.0000005");
        return advert;
    }
    void toAll(const MeshSpot& from, const Bytes& bytes) {
        (void)m_attacker.say(from, MeshAttacker::everybody(), bytes);
    }
    void toBoth(const MeshSpot& from, const Bytes& bytes) {
        for (const char* host : {"a", "b"}) (void)m_attacker.say(from, m_spots[host], bytes);
    }

    // As its adverts say.
    PublicKey keyOf(const std::string& host) {
        const auto advert = decodeAdvert(m_said[host].back());
        return advert ? advert->key : PublicKey();
    }

    Expected<void> adverts() {
        LAB_TRY(during("forged adverts", 60, {"forged"}, [&](int) {
            Advert advert = advertOf(m_evil, m_me);
            Bytes bytes = sign(advert, m_evil);
            bytes.back() ^= 1;
            toAll(m_me, bytes);
        }));
        LAB_TRY(during("in another's place", 60, {"from_other_address", "address_claimed"}, [&](int i) {
            const Bytes bytes = sign(advertOf(m_evil, m_spots["a"]), m_evil);
            toAll(i % 2 == 0 ? m_me : m_spots["a"], bytes);
        }));
        const auto first = m_said["a"].front();
        LAB_TRY(waitFor("another advert", [&] {
            collect();
            return m_said["a"].back() != first;
        }));
        LAB_TRY(during("replayed adverts", 60, {"replayed", "wrong_time", "from_other_address"}, [&](int i) {
            Advert old = advertOf(m_late, MeshAttacker::nobody(3));
            old.issued -= std::chrono::hours(2);
            toAll(MeshAttacker::nobody(3), sign(old, m_late));
            toAll(i % 2 == 0 ? m_spots["a"] : m_me, first);
        }));
        LAB_TRY(during("replayed on another link", 60, {"replayed"}, [&](int i) {
            (void)m_elsewhere.say(m_spots["a"], MeshAttacker::everybody(), i < 30 ? first : m_said["a"].back());
        }));
        return during("absurd prices", 100, {"malformed"}, [&](int i) {
            Advert advert = advertOf(m_evil, m_me);
            advert.prices.upstream = i % 3 == 1 ? maxPricePerKb : Money();
            advert.prices.downstream = maxPricePerKb;
            Bytes bytes = sign(advert, m_evil);
            // No price that can be written: the last field of all is the one downstream.
            if (i % 3 == 2) bytes[bytes.size() - 64 - 8] = 0x7f;
            toAll(m_me, bytes);
        });
    }

    Expected<void> messages() {
        AgreementId theirs{};
        if (!fromHex(m_agreement, theirs)) return fail(LabErrc::State, "the agreement has no number");
        const PublicKey a = keyOf("a"), b = keyOf("b");
        const auto terms = [&](const PublicKey& buyer, const PublicKey& seller) {
            Terms all;
            all.id = newAgreementId();
            all.buyer = buyer;
            all.seller = seller;
            all.perKb = *Money::parse("0.000001");
            all.payAt = *Money::parse("0.00005");
            all.closeAt = *Money::parse("0.0005");
            all.limit = *Money::parse("0.01");
            all.lifetime = 600s;
            all.interval = 1s;
            return all;
        };
        return during("agreements", 100, {"message_forged", "message_malformed", "unknown_neighbour"}, [&](int i) {
            if (i % 20 == 0) toAll(m_me, sign(advertOf(m_evil, m_me), m_evil));
            const std::vector<Message> all{Offer{terms(a, b)},
                                           Offer{terms(m_evil.publicKey(), a)},
                                           Accept{theirs, {}},
                                           Refuse{theirs, RefuseReason::Price},
                                           Count{theirs, 4'000'000'000, 1, 1'000'000'000'000, true},
                                           Paying{theirs, 1, *Money::parse("1000")},
                                           End{theirs, EndReason::Wish},
                                           Ended{theirs, 1}};
            Bytes bytes = sign(all[static_cast<size_t>(i) % all.size()], m_evil);
            // From itself, in the name of each of the two, and from nobody.
            toBoth(m_me, bytes);
            (void)m_attacker.say(m_spots["a"], m_spots["b"], bytes);
            (void)m_attacker.say(m_spots["b"], m_spots["a"], bytes);
            toBoth(MeshAttacker::nobody(2), bytes);
            bytes.resize(bytes.size() / 2);
            toBoth(m_me, bytes);
        });
    }
    // About a's flow to the far address, of which the attacker is no part, and about one that a sends through it.
    Expected<void> statements() {
        using namespace verification;
        (void)runCommand({"ip", "netns", "exec", m_lab.netns("a"), "ping", "-q", "-c", "40", "-i", "0.01", "-w", "1",
                          behindAttacker});
        const IpAddress from = *IpAddress::parse(firstMeshAddress);
        const Route theirs{from, *IpAddress::parse(farAway)}, mine{from, *IpAddress::parse(behindAttacker)};
        const auto now = static_cast<uint32_t>(
            std::chrono::duration_cast<std::chrono::seconds>(systemClock().now().time_since_epoch()).count());
        const Json before = ask("a", "neighbours").value("refused", Json::object());
        LAB_TRY(during("statements", 100, {"statement_stranger", "statement_malformed"}, [&](int i) {
            if (i % 20 == 0) toAll(m_me, sign(advertOf(m_evil, m_me), m_evil));
            const Route& route = i % 2 == 0 ? theirs : mine;
            Statement statement;
            statement.signer = m_evil.publicKey();
            statement.flow = flowOf(route);
            // Of the future, or of more than was ever sent, or of fewer bytes than the packets have.
            statement.window = i % 3 == 0 ? now + 4'000 : now + static_cast<uint32_t>(i);
            statement.packets = static_cast<uint64_t>(i + 1) * 1'000'000'000;
            statement.bytes = statement.packets * 1000;
            statement.activeNanoseconds = 1'000'000'000ULL * static_cast<unsigned>(i);
            const Bytes told = encode(Told{route, sign(statement, m_evil), {}});
            toBoth(m_me, told);
            (void)m_attacker.say(m_spots["b"], m_spots["a"], told);
            toBoth(m_me, i % 4 == 0 ? encode(Question{route, now - 100, now})
                                    : encode(Answer{route, 3, true, sign(statement, m_evil), {}}));
            Bytes cut = encode(Question{route, now - 100, now});
            cut.pop_back();
            toBoth(m_me, cut);
        }));
        const Json after = ask("a", "neighbours").value("refused", Json::object());
        for (const char* kind : {"statement_stranger", "statement_forged", "statement_impossible"}) {
            m_context.expect(after.value(kind, uint64_t{0}) > before.value(kind, uint64_t{0}),
                             std::string("a refused nothing as ") + kind + ", but " + after.dump());
        }
        return {};
    }

    // Everything at once and much of it, from one name and from thousands.
    Expected<void> floods() {
        SeededRandom random(m_context.options().seed);
        std::vector<std::pair<MeshSpot, Bytes>> crowd;
        for (uint32_t i = 0; i < 400; ++i) {
            const Identity who = Identity::generate();
            const MeshSpot spot = MeshAttacker::nobody(1000 + i);
            crowd.emplace_back(spot, sign(advertOf(who, spot), who));
        }
        Json& flood = m_context.result()["flood"];
        std::array<double, 2> took{};
        for (const size_t round : {size_t{0}, size_t{1}}) {
            const size_t each = round == 0 ? 100 : 400;
            uint64_t said = 0;
            const ProcessLoad before = effort();
            LAB_TRY(during("flood", 100, {}, [&](int) {
                for (size_t k = 0; k < each; ++k) {
                    const auto& [spot, advert] = crowd[random.below(crowd.size())];
                    Bytes garbage(2 + random.below(maxDatagram), 0);
                    for (uint8_t& byte : garbage) byte = static_cast<uint8_t>(random.below(256));
                    garbage[0] = 1;
                    garbage[1] = static_cast<uint8_t>(random.below(16));
                    const bool known = k % 4 == 0;
                    if (k % 2 == 0) {
                        said += m_attacker.say(known ? m_me : spot, MeshAttacker::everybody(), advert) ? 1U : 0U;
                    } else {
                        said += m_attacker.say(known ? m_me : spot, m_spots["b"], garbage) ? 1U : 0U;
                    }
                }
            }));
            took[round] = effort().seconds - before.seconds;
            flood.push_back({{"datagrams", said},
                             {"cpu_seconds", took[round]},
                             {"cpu_times_quiet", took[round] / std::max(m_quiet.seconds, 0.01)}});
        }
        // Beyond what is looked at, more costs less than in proportion.
        m_context.expect(took[1] < took[0] * 4, "four times the flood took more than four times the work");
        return {};
    }

    Identity m_evil = Identity::generate(), m_late = Identity::generate();
    uint32_t m_number = 0;
};

}  // namespace

Scenario meshAttacksScenario() {
    return {"mesh-attacks",
            "adverts, agreements and statements that are forged, replayed, impossible or garbage, and floods of them, "
            "on a link of two neighbours",
            "mesh-pair",
            {},
            [](ScenarioContext& context) { return MeshAttacks(context).run(); }};
}

}  // namespace netpas::lab
