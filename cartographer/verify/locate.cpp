#include "cartographer/verify/locate.h"

#include <algorithm>
#include <cmath>

namespace netpas::verification {

namespace {

constexpr double billion = 1e9;

// Of the way from a hop to the destination: how surprising what it showed would be if the claim were true, as minus the logarithm of a bound on the chance.
struct Surprise {
    double nats = 0;
    bool judged = false;
    Quality observed;
};

// Near a claim that nothing is lost, one loss would prove everything.
constexpr double least = 1e-6;

// Chernoff: so few arrivals of n have at most the chance exp(-n·KL).
double divergence(double observed, double claimed) {
    double sum = 0;
    if (observed > 0) sum += observed * std::log(observed / claimed);
    if (observed < 1) sum += (1 - observed) * std::log((1 - observed) / (1 - claimed));
    return sum;
}

uint64_t packets(const Hop& hop) {
    uint64_t sum = 0;
    for (const Hop::Window& window : hop.windows) sum += window.packets;
    return sum;
}

double rate(const Hop::Window& window) {
    return window.seconds > 0 ? static_cast<double>(window.bytes) * 8 / window.seconds : 0;
}

// As much was sent as the way is said to carry, or more: then packets wait and are lost, and nobody has said that they are not.
bool overloaded(const Hop::Window& in, const Tolerance& tolerance) {
    return rate(in) > in.claimed.bitsPerSecond * (1 - tolerance.throughput);
}

double packetRate(const Hop::Window& window) {
    return window.seconds > 0 ? static_cast<double>(window.packets) / window.seconds : 0;
}

Surprise loss(const Hop& hop, const Hop& last, const Tolerance& tolerance) {
    double in = 0, out = 0, promised = 0, edges = 0;
    bool before = false;
    for (size_t i = 0; i < hop.windows.size(); ++i) {
        const Hop::Window& window = hop.windows[i];
        const bool judged = !overloaded(window, tolerance);
        // What passed here at the edges of a row of windows may belong to another one there.
        if (judged && !before) edges += packetRate(window) * tolerance.late;
        before = judged;
        if (!judged) continue;
        in += static_cast<double>(window.packets);
        promised += static_cast<double>(window.packets) * window.claimed.arrives;
        out += static_cast<double>(last.windows[i].packets);
    }
    Surprise found;
    if (in <= 0) return found;
    found.judged = true;
    found.observed.arrives = std::min(1.0, out / in);
    if (in <= edges) return found;
    // Chernoff's bound holds for the mean of what was claimed, whichever packets it was claimed for.
    const double meant = in - edges, allowed = std::clamp(promised / in - tolerance.arrives, least, 1 - least);
    const double arrived = std::min(1.0, out / meant);
    if (arrived < allowed) found.nats = meant / tolerance.burst * divergence(arrived, allowed);
    return found;
}

// Clearly more went in than came out, beyond what is lost there anyhow.
bool full(const Hop::Window& in, const Hop::Window& out, const Tolerance& tolerance) {
    return in.seconds > 0 && out.seconds > 0 && rate(in) * in.claimed.arrives > rate(out) * (1 + tolerance.throughput);
}

Surprise throughput(const Hop& hop, const Hop& last, const Tolerance& tolerance) {
    Surprise found;
    double sum = 0;
    size_t judged = 0, worse = 0;
    for (size_t i = 0; i < hop.windows.size(); ++i) {
        if (!full(hop.windows[i], last.windows[i], tolerance)) continue;
        ++judged;
        sum += rate(last.windows[i]);
        if (rate(last.windows[i]) * (1 + tolerance.throughput) < hop.windows[i].claimed.bitsPerSecond) ++worse;
    }
    if (judged == 0) return found;
    found.judged = true;
    found.observed.bitsPerSecond = sum / static_cast<double>(judged);
    // An honest way, whose claim is right in the middle, looks worse in every other window at most.
    const double part = static_cast<double>(worse) / static_cast<double>(judged);
    if (part > 0.5) found.nats = static_cast<double>(judged) * divergence(part, 0.5);
    return found;
}

Surprise latency(const Hop& hop, const Hop& last, const Tolerance& tolerance) {
    double sum = 0, squares = 0, promised = 0;
    size_t count = 0;
    for (size_t i = 0; i < hop.windows.size(); ++i) {
        if (overloaded(hop.windows[i], tolerance)) continue;
        const auto& ours = hop.windows[i].times;
        for (const PacketTime& there : last.windows[i].times) {
            const auto here = std::lower_bound(ours.begin(), ours.end(), PacketTime{there.hash, 0});
            if (here == ours.end() || here->hash != there.hash) continue;
            const double seconds =
                (static_cast<double>(there.nanoseconds) - static_cast<double>(here->nanoseconds)) / billion;
            sum += seconds;
            squares += seconds * seconds;
            promised += hop.windows[i].claimed.seconds;
            ++count;
        }
    }
    Surprise found;
    constexpr size_t few = 8;
    if (count < few) return found;
    found.judged = true;
    const auto n = static_cast<double>(count);
    const double mean = sum / n;
    const double variance = std::max(0.0, (squares - n * mean * mean) / (n - 1));
    found.observed.seconds = mean;
    // Delays of packets that follow each other are alike; never surer than a tenth of the tolerance.
    const double error = std::max(std::sqrt(variance * tolerance.burst / n), tolerance.seconds / 10);
    const double z = (mean - promised / n - tolerance.seconds) / error;
    if (z > 0) found.nats = z * z / 2;
    return found;
}

Surprise surprise(const Hop& hop, const Hop& last, Metric metric, const Tolerance& tolerance) {
    switch (metric) {
    case Metric::Loss: return loss(hop, last, tolerance);
    case Metric::Throughput: return throughput(hop, last, tolerance);
    case Metric::Latency: return latency(hop, last, tolerance);
    }
    return {};
}

bool comparable(const std::vector<Hop>& hops) {
    return hops.size() >= 2 && std::all_of(hops.begin(), hops.end(), [&](const Hop& hop) {
               return hop.windows.size() == hops.front().windows.size();
           });
}

}  // namespace

std::string_view name(Metric metric) {
    switch (metric) {
    case Metric::Loss: return "loss";
    case Metric::Throughput: return "throughput";
    case Metric::Latency: return "latency";
    }
    return {};
}

Quality compose(const Quality& link, const Quality& behind) {
    return {link.arrives * behind.arrives, std::min(link.bitsPerSecond, behind.bitsPerSecond),
            link.seconds + behind.seconds};
}

Quality weaker(const Quality& a, const Quality& b) {
    return {std::min(a.arrives, b.arrives), std::min(a.bitsPerSecond, b.bitsPerSecond), std::max(a.seconds, b.seconds)};
}

bool differs(const Quality& a, const Quality& b, const Tolerance& tolerance) {
    const double faster = std::max(a.bitsPerSecond, b.bitsPerSecond);
    return std::abs(a.arrives - b.arrives) > tolerance.arrives / 2 ||
           std::abs(a.seconds - b.seconds) > tolerance.seconds / 2 ||
           std::abs(a.bitsPerSecond - b.bitsPerSecond) > faster * tolerance.throughput / 2;
}

Quality qualityOf(const Claim& claim) {
    return {claim.arrives / static_cast<double>(allArrive), static_cast<double>(claim.bitsPerSecond),
            static_cast<double>(claim.latencyNanoseconds) / billion};
}

std::optional<Hop::Window> between(const Statement& earlier, const Statement& later) {
    if (!follows(later, earlier)) return std::nullopt;
    return Hop::Window{later.packets - earlier.packets,
                       later.bytes - earlier.bytes,
                       static_cast<double>(later.activeNanoseconds - earlier.activeNanoseconds) / billion,
                       later.times,
                       {}};
}

std::optional<Finding> locate(const std::vector<Hop>& hops, Metric metric, const Tolerance& tolerance) {
    if (!comparable(hops)) return std::nullopt;
    std::vector<Surprise> all;
    double most = 0;
    for (size_t i = 0; i + 1 < hops.size(); ++i) {
        all.push_back(surprise(hops[i], hops.back(), metric, tolerance));
        most = std::max(most, all.back().nats);
    }
    const auto ways = static_cast<double>(all.size());
    if (1 - ways * std::exp(-most) < tolerance.confidence) return std::nullopt;
    // Who repeated a false claim is deceived as well. The last one whose claim does not hold had it from nobody.
    for (size_t i = all.size(); i-- > 0;) {
        if (all[i].nats < most / 2) continue;
        return Finding{i, std::max(0.0, 1 - ways * std::exp(-all[i].nats)), all[i].observed};
    }
    return std::nullopt;
}

Observed observe(const std::vector<Hop>& hops, const Tolerance& tolerance) {
    Observed found;
    if (!comparable(hops) || packets(hops.front()) == 0) return found;
    const auto take = [&](const Surprise& of, double value) { return of.judged ? std::optional(value) : std::nullopt; };
    const Surprise lost = loss(hops.front(), hops.back(), tolerance);
    const Surprise narrow = throughput(hops.front(), hops.back(), tolerance);
    const Surprise slow = latency(hops.front(), hops.back(), tolerance);
    found.arrives = take(lost, lost.observed.arrives);
    found.bitsPerSecond = take(narrow, narrow.observed.bitsPerSecond);
    found.seconds = take(slow, slow.observed.seconds);
    return found;
}

bool isPart(const Hop& hop, const Hop& behind, const Tolerance& tolerance) {
    if (!comparable({hop, behind})) return false;
    double fastest = 0;
    for (const Hop::Window& window : hop.windows) fastest = std::max(fastest, packetRate(window));
    constexpr double underWay = 256;
    return static_cast<double>(packets(behind)) > static_cast<double>(packets(hop)) * (1 + tolerance.arrives) +
                                                      underWay + fastest * (tolerance.late + tolerance.waiting);
}

bool wasSaturated(const std::vector<Hop>& hops, const Tolerance& tolerance) {
    if (!comparable(hops)) return false;
    const Hop& first = hops.front();
    for (size_t i = 0; i < first.windows.size(); ++i) {
        if (full(first.windows[i], hops.back().windows[i], tolerance)) return true;
    }
    return false;
}

}  // namespace netpas::verification
