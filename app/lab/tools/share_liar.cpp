// netpas-lab tool share-liar: a member of a community that says what it likes of a segment, well signed and on time.
#include <boost/asio/io_context.hpp>
#include <cmath>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "app/lab/tools/tools.h"
#include "app/share/community_file.h"
#include "app/share/dht_process.h"
#include "core/random.h"

namespace netpas::lab {
namespace {

using namespace std::chrono_literals;
using share::Metric;

struct Truth {
    double roundTrip = 0;  // seconds
    double loss = 0;
};

class Liar {
public:
    Liar(const dht::CommunityFile& file, Identity me, share::Segment segment, share::Transport& table, uint64_t number)
        : m_community(file.secret, file.members),
          m_me(std::move(me)),
          m_segment(segment),
          m_topic(m_community.topicOf(segment)),
          m_table(table),
          m_number(number),
          m_random(number + 1) {
        m_table.follow({m_topic});
    }

    void tell(const std::string& kind, Truth truth) {
        if (kind != m_kind) m_told = 0;
        m_kind = kind;
        const double lie = factor();
        ++m_told;
        share::Record record;
        record.signer = m_me.publicKey();
        record.issued = std::chrono::floor<std::chrono::milliseconds>(systemClock().now());
        record.lifetimeSeconds = 30;
        record.segment = m_segment;
        add(record, Metric::RoundTrip, truth.roundTrip * 1e9 * lie, share::maxRoundTrip);
        add(record, Metric::LossThere, truth.loss * 1e9 * lie, share::wholeLoss);
        add(record, Metric::LossBack, truth.loss * 1e9 * lie, share::wholeLoss);
        m_table.publish(m_topic, m_community.close(share::sign(record, m_community.id(), m_me), m_topic));
        ++m_records;
        m_last = lie;
    }
    [[nodiscard]] Json report() const {
        return Json{{"key", m_me.publicKey().hex()}, {"records", m_records}, {"last_factor", m_last}};
    }

private:
    // Times the truth.
    double factor() {
        if (m_kind == "constant") return 3.0 + static_cast<double>(m_number);
        if (m_kind == "colluding") return 1.5;
        if (m_kind == "random") return static_cast<double>(m_random.below(5000)) / 1000;
        // Together, a percent each time.
        if (m_kind == "drifting") return std::min(1 + 0.01 * m_told, 3.0);
        return 1;
    }
    static void add(share::Record& record, Metric metric, double value, uint64_t limit) {
        const auto said = static_cast<uint64_t>(std::clamp(value, 0.0, static_cast<double>(limit) / 2));
        constexpr uint32_t samples = 1000;
        record.figures.push_back(
            {{ServiceClass(0), ServiceClass(0), metric}, said, said - said / 20, said + said / 20, samples, 0});
    }

    share::Community m_community;
    Identity m_me;
    share::Segment m_segment;
    share::Topic m_topic;
    share::Transport& m_table;
    uint64_t m_number;
    SeededRandom m_random;
    std::string m_kind;
    int m_told = 0;
    uint64_t m_records = 0;
    double m_last = 0;
};

std::string firstWord(const std::string& file) {
    std::ifstream in(file);
    std::string word;
    in >> word;
    return word;
}

}  // namespace

// community=FILE key=FILE program=FILE kind=FILE number=N from=ISP to=ISP round_trip_ms=R loss=L: `kind` names a file whose word (constant, colluding,
// random, drifting, silent) says how it lies now.
int shareLiarTool(const ToolArguments& arguments) {
    const auto community = dht::loadCommunity(arguments.text("community"));
    auto key = Identity::load(arguments.text("key"));
    if (!community || !key) {
        std::cerr << "netpas-lab: share-liar: " << (community ? "key=FILE is no key" : community.error()) << std::endl;
        return 2;
    }
    boost::asio::io_context io;
    dht::DhtProcess table(io, {arguments.text("program"), community->port, community->network, community->bootstrap},
                          [](const std::string& what) { std::cerr << what << std::endl; });
    const share::Segment segment{IspId(static_cast<uint16_t>(arguments.number("from", 0))),
                                 IspId(static_cast<uint16_t>(arguments.number("to", 0))), false};
    const Truth truth{arguments.real("round_trip_ms", 0) / 1000, arguments.real("loss", 0)};
    Liar liar(*community, std::move(*key), segment, table, arguments.number("number", 0));
    sayReady();
    auto next = std::chrono::steady_clock::now();
    while (!toolShouldEnd()) {
        io.run_for(50ms);
        io.restart();
        if (std::chrono::steady_clock::now() < next) continue;
        next += community->publishEvery;
        if (const std::string kind = firstWord(arguments.text("kind")); kind != "silent") liar.tell(kind, truth);
    }
    printResult(liar.report());
    return 0;
}

}  // namespace netpas::lab
