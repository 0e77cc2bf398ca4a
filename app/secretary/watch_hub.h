// GET /v1/watch: newline-delimited JSON, first a snapshot, then what changes. Those of one user share one look at the state twice a
// second, so that a hundred readers cost no more than one; who does not read is given up (core/net/http_stream.h). Control thread.
#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "app/common/timers.h"
#include "core/net/http.h"

namespace netpas::secretaryd {

inline constexpr std::string_view watchPath = "/v1/watch";

class WatchHub {
public:
    static constexpr size_t most = 32;
    static constexpr size_t mostOfUser = 8;
    static constexpr std::chrono::milliseconds lookEvery{500};
    static constexpr std::chrono::seconds aliveEvery{
        15};  // something is said, so that a reader that is gone is noticed

    using Reply = std::function<void(net::HttpResponse)>;
    // Answers GET requests of the API in the name of `request.peer`.
    WatchHub(app::Timers& timers, std::function<void(const net::HttpRequest& request, Reply reply)> ask);
    ~WatchHub();  // ends all streams
    WatchHub(const WatchHub&) = delete;
    WatchHub& operator=(const WatchHub&) = delete;

    // `request.peer` is known. 429 when too many watch.
    void watch(const net::HttpRequest& request, const Reply& reply);

private:
    struct Impl;
    std::shared_ptr<Impl> m_impl;
};

}  // namespace netpas::secretaryd
