// NetPaS Figure 3 on loopback: B pays Z (26), Y (25) and X (24) for packets to A.
#pragma once

#include "tests/core/accounting_fixture.h"

namespace netpas::accounting::test {

inline bool signaturesShared = false;  // of the chains that are made from now on

struct Chain {
    explicit Chain(const Clock& clock = systemClock()) : x(io, 24, clock), y(io, 25, clock), z(io, 26, clock) {
        for (Isp* isp : {&x, &y, &z}) isp->config.batchSignatures = signaturesShared;
        z.addCustomer("B", "127.0.0.0/8");
        z.addNeighbour(y);
        y.addNeighbour(z);
        y.addNeighbour(x);
        x.addNeighbour(y);
    }
    bool open() { return x.open() && y.open() && z.open(); }
    void start() {
        x.start({&y});
        y.start({&x, &z});
        z.start({&y});
        for (Isp* isp : {&x, &y, &z}) isp->startEdge();
    }
    [[nodiscard]] bool up() const { return x.edge->client.isUp() && y.edge->client.isUp() && z.edge->client.isUp(); }
    bool run(const std::function<bool()>& condition) { return runUntil(io, condition); }
    [[nodiscard]] bool quiet() const {
        return x.waiting() == 0 && y.waiting() == 0 && z.waiting() == 0 && x.edge->client.samplesWaiting() == 0 &&
               y.edge->client.samplesWaiting() == 0;
    }

    boost::asio::io_context io;
    Isp x, y, z;
    AccountingHeader header = headerOf({{26, 2}, {25, 10}, {24, 3}});
    Money t = dollars("0.0001");
};

}  // namespace netpas::accounting::test
