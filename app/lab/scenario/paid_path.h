// Watches the links of a paid path: how many packets crossed each, and what they carried for every ISP.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "app/lab/capture.h"
#include "app/lab/evidence.h"
#include "app/lab/lab.h"
#include "core/money.h"

namespace netpas::lab {

// Equal payments one after the other, so that millions of them fit.
struct PaymentRun {
    Money payment;
    uint64_t count = 0;
};

// What was captured on one link, in one direction.
struct LinkTally {
    uint64_t packets = 0;     // with a valid shim and header
    uint64_t unreadable = 0;  // on NetPaS's port, but not that
    Money total;              // of all hops of all packets
    std::map<uint16_t, Money> perIsp;
    std::map<uint16_t, std::vector<PaymentRun>> payments;
    std::map<size_t, uint64_t> headerBytes;
    std::map<uint8_t, uint64_t> kinds;
    CaptureStatistics capture;

    void add(const PaidPacket& packet);
    void merge(const LinkTally& other);
};

class LinkWatch {
public:
    // Packets that leave `from` over the link when `atFarEnd` is false, that arrive at its other end when it is true.
    static Expected<std::unique_ptr<LinkWatch>> start(Lab& lab, size_t linkIndex, const std::string& from,
                                                      bool atFarEnd);
    // The capture ends.
    LinkTally stop();

private:
    LinkTally m_tally;
    std::unique_ptr<LinkCapture> m_capture;
};

// One step of the path: all links from one ISP (or the sending host) to the next.
struct PathStep {
    std::string from;  // host or ISP
    std::string to;    // ISP
    std::vector<std::unique_ptr<LinkWatch>> watches;
};

// Watches everything between the host and the last ISP of the shortest path to `target`.
Expected<std::vector<PathStep>> watchPath(Lab& lab, const std::string& host, const std::string& target);
// All links of a step together.
LinkTally stopStep(PathStep& step);

}  // namespace netpas::lab
