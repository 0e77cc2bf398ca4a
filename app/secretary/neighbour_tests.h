// What ways through neighbours are worth (agreements note): tests that are paid for, a few an hour and one at a time, and what useful traffic shows. Each direction
// by itself. Control thread.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

#include "app/secretary/neighbour_table.h"
#include "app/secretary/ports.h"
#include "cartographer/neighbours/ranking.h"
#include "core/channel/mesh_messages.h"

namespace netpas::secretaryd {

class NeighbourTests {
public:
    struct Ports {
        const Clock& clock;
        LogSink log;
        std::function<bool(const PublicKey&, agreement::Direction)> bought;  // it forwards in this direction now
        // An agreement for a test, of at most that much.
        std::function<void(const PublicKey&, agreement::Direction, Money limit)> buy;
        std::function<const NeighbourPlace*(const PublicKey&)> place;  // null: gone
        std::function<void(const channel::TestNeighbour&)> ask;
        std::function<std::optional<double>(const PublicKey&)> verified;  // what arrives over it, by statements
    };
    explicit NeighbourTests(Ports ports);

    // Now and then. Candidates as this node could buy from them.
    void run(const std::vector<neighbours::Candidate>& upstream, const std::vector<neighbours::Candidate>& downstream);
    void answered(const channel::NeighbourTested& result);
    void counted(const PublicKey& neighbour, const channel::MeshCount& count);
    // The agent is gone, and with it the test.
    void abandon() { m_test.reset(); }

    [[nodiscard]] std::optional<neighbours::Measured> of(const PublicKey& neighbour,
                                                         agreement::Direction direction) const;
    // What is agreed with it for a test is left alone until the test is over.
    [[nodiscard]] bool isUnderWay(const PublicKey& neighbour) const { return m_test && m_test->neighbour == neighbour; }
    [[nodiscard]] Money spent() const { return m_allowance.spent(); }

private:
    struct Known {
        std::optional<neighbours::Measured> tested, useful;
    };
    struct Looked {
        SteadyTime at{};
        uint64_t sent = 0, arrived = 0;
        uint64_t lastArrived = 0;
    };
    struct Test {
        PublicKey neighbour;
        uint64_t number = 0;
        Money upstream, downstream;  // limits
        bool up = false, down = false;
        SteadyTime until{};
        bool asked = false;
        uint64_t arrivedBefore = 0;
        std::optional<channel::NeighbourTested> result;  // counters may come a little later
    };
    using Way = std::pair<PublicKey, agreement::Direction>;

    void begin(const std::vector<neighbours::Candidate>& upstream,
               const std::vector<neighbours::Candidate>& downstream);
    void go();
    void conclude();
    void tidy();
    void useful(const Way& way, double bitsPerSecond, double arrives);

    Ports m_ports;
    neighbours::TestAllowance m_allowance;
    std::map<Way, Known> m_known;
    std::map<PublicKey, Looked> m_looked;
    std::optional<Test> m_test;
    std::optional<SteadyTime> m_worked;  // a test did, lately
    SteadyTime m_again{};
    uint64_t m_number = 0;
    std::string m_trouble;
};

}  // namespace netpas::secretaryd
