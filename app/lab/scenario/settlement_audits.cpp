// Settlement: exports that a third party verifies, exports that were tampered with, and exports that are interrupted.
#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include <nlohmann/json.hpp>

#include "app/lab/scenario/books.h"
#include "app/lab/scenario/settlement.h"
#include "core/audit/audit_file.h"

namespace netpas::lab::settlement {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

constexpr size_t magicSize = 8;
constexpr size_t frameSize = 5;

Bytes read(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}
void write(const std::string& path, const Bytes& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc)
        .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

std::string finding(const Answer& answer, const std::string& check) {
    for (const Json& one : answer.json.value("findings", Json::array())) {
        if (one.at("check") == check && one.at("outcome") == "fails") return one.at("text").get<std::string>();
    }
    return {};
}

uint64_t count(const Answer& answer, const char* what) {
    return answer.json.value("records", Json::object()).value(what, uint64_t{0});
}

// Where each record begins; the last entry is the seal.
std::vector<size_t> records(const Bytes& file) {
    std::vector<size_t> at;
    for (size_t next = magicSize; next + frameSize <= file.size(); next += frameSize + load32(file.data() + next))
        at.push_back(next);
    return at;
}

Bytes without(const Bytes& file, size_t record) {
    const auto at = records(file);
    Bytes shorter = file;
    shorter.erase(shorter.begin() + static_cast<ptrdiff_t>(at[record]),
                  shorter.begin() + static_cast<ptrdiff_t>(at[record + 1]));
    return shorter;
}

// The same books with one sum raised, sealed anew with a key.
Expected<Bytes> cooked(const Bytes& file, const Identity& sealer, bool otherKey) {
    std::vector<audit::Record> all;
    const auto whole = audit::readFile(file, [&](audit::Record&& record) { all.push_back(std::move(record)); });
    if (!whole || all.empty()) return fail(LabErrc::Evidence, "an export cannot be read");
    auto head = std::get<audit::Head>(all.front());
    if (otherKey) head.key = sealer.publicKey();
    for (audit::Record& record : all) {
        auto* sum = std::get_if<audit::SumEntry>(&record);
        if (otherKey || sum == nullptr || sum->kind != accounting::SumKind::OwedBy) continue;
        sum->all.total = checkedAdd(sum->all.total, *Money::parse("1")).value_or(Money::max());
    }
    all.erase(all.begin());
    return audit::writeFile(head, all, sealer);
}

class Tampering {
public:
    explicit Tampering(World& world) : m_world(world) {}

    // Refused, for this reason, in these words.
    Expected<void> refused(const std::string& what, const Bytes& file, const std::string& check,
                           const std::string& words) {
        const std::string path = m_world.file("tampered.audit");
        write(path, file);
        const auto answer = m_world.verify(path, y);
        if (!answer) return tl::unexpected(answer.error());
        const std::string text = finding(*answer, check);
        const bool good = answer->status != 0 && text.find(words) != std::string::npos;
        m_world.expect(good, what + ": expected '" + words + "' of " + check + ", got " + answer->said);
        m_world.context.say("  " + what + ": " + text);
        m_world.result()["tampered"].push_back({{"what", what}, {"check", check}, {"said", text}, {"refused", good}});
        return {};
    }

private:
    World& m_world;
};

Expected<void> tampered(World& world) {
    world.context.say("Exports that somebody has tampered with:");
    const Bytes file = read(world.file("y.audit"));
    const Bytes other = read(world.file("x.audit"));
    const auto at = records(file);
    if (at.size() < 50) return fail(LabErrc::Evidence, "the export is too small to tamper with");
    Tampering tampering(world);
    Bytes changed = file;
    changed[at[at.size() / 2] + frameSize + 20] ^= 1;
    LAB_TRY(tampering.refused("one byte changed", changed, "seal", ""));
    LAB_TRY(tampering.refused("one record left out", without(file, at.size() / 2), "seal", "left out"));
    LAB_TRY(tampering.refused("the last records left out",
                              Bytes(file.begin(), file.begin() + static_cast<ptrdiff_t>(at[at.size() - 5])), "seal",
                              "ends before its seal"));
    LAB_TRY(tampering.refused("the books of another ISP", other, "exporter", "not of ISP 25"));
    const auto posing = cooked(file, world.net->identity(x), true);
    if (!posing) return tl::unexpected(posing.error());
    LAB_TRY(tampering.refused("sealed by another ISP", *posing, "keys", "another key for ISP 25"));
    const auto raised = cooked(file, world.net->identity(y), false);
    if (!raised) return tl::unexpected(raised.error());
    LAB_TRY(tampering.refused("a sum raised by the exporter itself", *raised, "sums", "the records show"));
    return {};
}

// Whatever interrupts an export leaves a whole file or none.
Expected<void> wholeOrNothing(World& world, const std::string& what, const Expected<Answer>& exported,
                              const std::string& path) {
    if (!exported) return tl::unexpected(exported.error());
    if (exported->status != 0) {
        world.expect(!fs::exists(path), what + " leaves a part of a file");
        world.expect(!exported->said.empty(), what + " fails without a word");
        return {};
    }
    const auto verified = world.verify(path, y);
    world.expect(verified && verified->status == 0, what + " leaves a file that does not hold");
    return {};
}

Expected<void> interrupted(World& world) {
    uint64_t failed = 0;
    // How long an export takes is the machine's affair: a kill that came too late comes earlier the next time.
    auto after = 100ms;
    for (int i = 0; i < 10 && failed < 3; ++i) {
        const std::string path = world.file("killed" + std::to_string(i) + ".audit");
        auto exporting = std::async(std::launch::async, [&] {
            return world.operate(y, {"audit", "export", "--out", path});
        });
        std::this_thread::sleep_for(after);
        world.net->overlay().kill(y);
        const auto exported = exporting.get();
        if (exported && exported->status != 0) {
            ++failed;
        } else {
            after /= 2;
        }
        LAB_TRY(wholeOrNothing(world, "kill -9 of the server", exported, path));
        LAB_TRY(world.net->overlay().start(y));
    }
    world.result()["exports_killed"] = failed;
    world.expect(failed > 0, "no export was interrupted");
    // Two at once: the later one is whole, the other is told.
    const std::string first = world.file("first.audit");
    const std::string second = world.file("second.audit");
    auto other = std::async(std::launch::async, [&] { return world.operate(y, {"audit", "export", "--out", first}); });
    const auto one = world.operate(y, {"audit", "export", "--out", second});
    const auto two = other.get();
    world.expect((one && one->status == 0) || (two && two->status == 0), "of two exports at once none is written");
    LAB_TRY(wholeOrNothing(world, "an export beside another", two, first));
    LAB_TRY(wholeOrNothing(world, "an export beside another", one, second));
    // A disk that is too small for the file, in a mount that only the command sees.
    const std::string disk = world.file("disk");
    const auto full = runCommand({"unshare", "--mount", "sh", "-c",
                                  "mkdir -p " + disk + " && mount -t tmpfs -o size=8k tmpfs " + disk +
                                      " && \"$@\"; status=$?; ls -A " + disk + "; exit $status",
                                  "sh", programPath("netpas-isp"), "audit", "export", "--socket", world.socket(y),
                                  "--out", disk + "/y.audit"});
    if (!full) return tl::unexpected(full.error());
    world.expect(full->status == 1 && full->out.empty(), "a full disk is not noticed: " + full->out);
    world.expect(full->err.find("cannot be written") != std::string::npos, "a full disk is not named: " + full->err);
    return world.net->overlay().awaitConnected(20s);
}

}  // namespace

Expected<void> audits(World& world) {
    world.context.say("Both ISPs export their books; an auditor who trusts neither verifies them.");
    for (const uint16_t isp : {y, x}) {
        const std::string name = isp == y ? "y" : "x";
        const auto verified = world.audit(isp, world.file(name + ".audit"));
        if (!verified) return tl::unexpected(verified.error());
        const uint64_t confirmations = count(*verified, "confirmations");
        world.expect(verified->status == 0 && verified->json.value("good", false),
                     "the books of " + name + " do not hold: " + verified->said);
        world.expect(confirmations > 100 && count(*verified, "payments") >= 8 && count(*verified, "bills") > 0,
                     "the export is not the books: " + verified->json.value("records", Json::object()).dump());
        world.result()["audit_of_" + name] = {{"good", verified->json.value("good", false)},
                                              {"records", verified->json.value("records", Json::object())}};
    }
    LAB_TRY(tampered(world));
    return interrupted(world);
}

// --- what is left when the log is too old to be kept

namespace {

constexpr double daysLater = 8;  // log_days is 7

// What is owed to whom; times, links and connections left out.
Json balances(const Json& books) {
    Json all = Json::object();
    for (const Json& one : books.at("neighbours"))
        all["isp " + one.at("isp").dump()] = {one.at("owed_to"), one.at("owed_by"), one.at("refused")};
    for (const Json& one : books.at("customers")) all[one.at("name").get<std::string>()] = one.at("amount");
    for (const Json& one : books.at("payments")) {
        const std::string who =
            one.contains("isp") ? "isp " + one.at("isp").dump() : one.at("customer").get<std::string>();
        all["payments " + who] = {one.at("owes"), one.at("owed"), one.at("confirmed_from"), one.at("confirmed_to")};
    }
    return all;
}

struct Kept {
    Json balances, bills;
};
Expected<Kept> kept(World& world, uint16_t isp) {
    const auto books = world.net->books(isp);
    const auto bills = world.operate(isp, {"bill", "--json"});
    if (!books) return tl::unexpected(books.error());
    if (!bills) return tl::unexpected(bills.error());
    return Kept{balances(*books), bills->json.value("bills", Json::array())};
}

Expected<void> restartBoth(World& world, double shift) {
    for (const uint16_t isp : {y, x}) {
        world.net->overlay().stop(isp);
        world.net->overlay().spec(isp).clockShift = shift;
    }
    LAB_TRY(world.net->overlay().startAll());
    return world.net->overlay().awaitConnected(20s);
}

// All that is closed then stays as it is; what was open may have been closed by time alone.
void expectSame(World& world, uint16_t isp, const Kept& before, const Kept& after, const std::string& when) {
    const std::string who = isp == y ? "Y" : "X";
    world.expect(before.balances == after.balances, "a balance of " + who + " changed " + when + ": " +
                                                        before.balances.dump() + " " + after.balances.dump());
    for (const Json& bill : before.bills) {
        if (bill.at("state") != "closed") continue;
        const bool there = std::find(after.bills.begin(), after.bills.end(), bill) != after.bills.end();
        world.expect(there, "a closed bill of " + who + " changed " + when);
    }
}

}  // namespace

Expected<void> retention(World& world, Due& due) {
    world.context.say(
        "Eight days later: the log is deleted, balances and bills are not. Then the clocks are set back.");
    for (const uint16_t isp : {y, x}) world.lab.stopProgram("edge-" + std::to_string(isp));
    std::map<uint16_t, Kept> before;
    for (const uint16_t isp : {y, x}) {
        const auto one = kept(world, isp);
        if (!one) return tl::unexpected(one.error());
        before[isp] = *one;
    }
    LAB_TRY(restartBoth(world, daysLater * 24 * 3600));
    for (const uint16_t isp : {y, x}) {
        const std::string path = world.file("later.audit");
        std::optional<Answer> last;
        const auto gone = waitUntil("the log to be deleted", 30s, [&] {
            auto verified = world.audit(isp, path);
            if (!verified) return false;
            last = std::move(*verified);
            return count(*last, "confirmations") == 0 && count(*last, "payments") == 0;
        });
        if (!gone) return gone;
        world.expect(last->status == 0, "without the log the books do not hold: " + last->said);
        const auto after = kept(world, isp);
        if (!after) return tl::unexpected(after.error());
        expectSame(world, isp, before[isp], *after, "with its log");
        world.result()[isp == y ? "log_gone_at_y" : "log_gone_at_x"] = true;
    }
    LAB_TRY(restartBoth(world, 0));
    for (const uint16_t isp : {y, x}) {
        const auto after = kept(world, isp);
        if (!after) return tl::unexpected(after.error());
        expectSame(world, isp, before[isp], *after, "when the clock was set back");
    }
    return waitUntil("payments to pass after the clocks were set back", 30s, [&] {
        const auto no = pay(world, *world.homes[0], *world.shop, x, "0.001", due);
        return no && !*no;
    });
}

}  // namespace netpas::lab::settlement
