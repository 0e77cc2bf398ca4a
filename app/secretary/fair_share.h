// What one user, or device, may cost the others: so many requests in a second that leave something behind for good, whatever becomes of
// them, and so much time of the thread that answers everybody. Root and the owner are trusted. Control thread.
#pragma once

#include <functional>
#include <optional>

#include "app/secretary/router.h"
#include "core/clock.h"
#include "core/cost_pace.h"
#include "core/pace.h"

namespace netpas::secretaryd {

class FairShare {
public:
    explicit FairShare(const Clock& clock) : m_clock(clock) {}
    // Answers with a refusal, or does the work.
    void handle(const net::HttpRequest& request, const Caller& caller, const Reply& reply,
                const std::function<void(const Reply& reply)>& work);

private:
    [[nodiscard]] Reply charged(const std::string& what, const Reply& reply);
    [[nodiscard]] std::optional<net::HttpResponse> refusalFor(const net::HttpRequest& request, const Caller& caller,
                                                              const std::string& what) const;

    const Clock& m_clock;
    mutable Pace m_writes{5, 100};
    // What takes 0.3 ms, 500 times a second; a page of the history, some and then one in a second.
    CostPace m_time{16, std::chrono::seconds(20)};
};

}  // namespace netpas::secretaryd
