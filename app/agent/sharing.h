// The agent as a member of a community (NetPaS §5.3): tells what it has measured of segments, shows what the others say. Control thread.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>

#include <tl/expected.hpp>

#include "app/common/log.h"
#include "app/common/timers.h"
#include "app/share/community_file.h"
#include "cartographer/share/exchange.h"

namespace boost::asio {
class io_context;
}

namespace netpas::agent {

// What this machine knows of segments, and which are on its ways.
struct SegmentKnowledge {
    std::vector<share::Segment> ways;
    std::vector<share::OwnEstimate> own;
};

struct SharingOptions {
    dht::CommunityFile community;
    std::filesystem::path program;  // netpas-dht
};

struct SharingContext {
    boost::asio::io_context& io;
    app::Timers& timers;
    const Clock& clock;
    app::LogSink log;
    std::filesystem::path stateFolder;  // its key, and what was learnt about the members
    std::function<SegmentKnowledge()> knowledge;
};

class Sharing {
public:
    // The context's parts outlive this. The failure is for people.
    [[nodiscard]] static tl::expected<std::unique_ptr<Sharing>, std::string> open(SharingContext context,
                                                                                  SharingOptions options);
    ~Sharing();
    Sharing(const Sharing&) = delete;
    Sharing& operator=(const Sharing&) = delete;

    // To what the agent measured itself: the others' estimates, of these ISPs only when some are named, and how sharing goes.
    void addTo(nlohmann::json& measurements, const std::set<IspId>& onTheWay);
    void stop();

    // Of a machine, in its agent's state folder. Also before any agent ran.
    [[nodiscard]] static std::filesystem::path keyFile(const std::filesystem::path& stateFolder);

private:
    class Impl;
    explicit Sharing(std::shared_ptr<Impl> impl);
    std::shared_ptr<Impl> m_impl;
};

}  // namespace netpas::agent
