// A chain of nodes in which at most one lies, and the statements that it signs; seeded.
#pragma once

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <vector>

#include "cartographer/verify/locate.h"
#include "core/random.h"

namespace world {

using namespace netpas;
using namespace netpas::verification;

enum class Lie {
    Claim,     // its link is worse than it says
    Drop,      // it says what is true of its link, and treats packets worse itself
    Downward,  // it drops, and its view says that it never got them
    Upward,    // it drops, and its view says that it passed them all on
};

struct Chain {
    static constexpr size_t hops = 6;
    std::vector<Hop> views;
    std::optional<size_t> liar;
    size_t bytesSigned = 0;
};

class ChainWorld {
public:
    ChainWorld(uint64_t seed, Metric metric, bool honest) : m_random(seed), m_metric(metric) {
        for (size_t i = 0; i < Chain::hops; ++i) m_keys.push_back(Identity::fromSeed({static_cast<uint8_t>(i + 1)}));
        if (!honest) {
            m_liar = 1 + m_random.below(Chain::hops - 2);
            const uint64_t kinds = metric == Metric::Throughput ? 2 : 4;
            m_lie = static_cast<Lie>(m_random.below(kinds));
        }
        for (size_t i = 0; i + 1 < Chain::hops; ++i)
            m_links.push_back({1 - real() * 0.03, 2e7 + real() * 8e7, 0.005 + real() * 0.015});
        if (m_liar) spoil();
    }

    Chain run(size_t windows) {
        Chain chain;
        chain.liar = m_liar;
        chain.views.resize(Chain::hops);
        std::vector<Statement> before(Chain::hops);
        for (size_t i = 0; i < Chain::hops; ++i) {
            before[i].signer = m_keys[i].publicKey();
            const auto opened = openStatement(sign(before[i], m_keys[i]));
            if (!opened) return {};
        }
        for (uint32_t window = 1; window <= windows; ++window) {
            const auto now = passed(window, before);
            for (size_t i = 0; i < Chain::hops; ++i) {
                const Bytes bytes = sign(now[i], m_keys[i]);
                chain.bytesSigned += bytes.size();
                const auto opened = openStatement(bytes);
                const auto difference = opened ? between(before[i], *opened) : std::nullopt;
                if (!difference) return {};
                chain.views[i].windows.push_back(*difference);
                before[i] = now[i];
            }
        }
        for (size_t i = 0; i + 1 < Chain::hops; ++i) {
            Claim claim = claims()[i];
            const Bytes bytes = sign(claim, m_keys[i]);
            chain.bytesSigned += bytes.size();
            const auto opened = openClaim(bytes);
            if (!opened) return {};
            for (Hop::Window& window : chain.views[i].windows) window.claimed = qualityOf(*opened);
        }
        return chain;
    }

private:
    static constexpr double queued = 0.002;  // seconds at a link, at most
    struct Link {
        double arrives, capacity, seconds;
    };

    double real() { return static_cast<double>(m_random.below(1'000'000)) / 1e6; }
    double around(double value, double part) { return value * (1 + (real() - 0.5) * 2 * part); }

    // What the liar hides.
    void spoil() {
        Link& link = m_links[*m_liar];
        m_hidden = link;
        switch (m_metric) {
        case Metric::Loss: link.arrives *= 0.9; break;
        case Metric::Throughput: {
            double narrowest = link.capacity;
            for (const Link& one : m_links) narrowest = std::min(narrowest, one.capacity);
            link.capacity = narrowest / 2;
            break;
        }
        case Metric::Latency: link.seconds += 0.02; break;
        }
    }

    // From the last one backwards; each has measured its own link about right.
    const std::vector<Claim>& claims() {
        if (!m_claims.empty()) return m_claims;
        m_claims.resize(Chain::hops - 1);
        Quality behind{1, 1e12, 0};
        for (size_t i = Chain::hops - 1; i-- > 0;) {
            const Link& link = m_liar == i ? m_hidden : m_links[i];
            const Quality mine{std::min(1.0, link.arrives + (real() - 0.5) * 0.002), around(link.capacity, 0.03),
                               around(link.seconds + queued / 2, 0.02)};
            behind = compose(mine, behind);
            Claim& claim = m_claims[i];
            claim.signer = m_keys[i].publicKey();
            claim.destination = m_keys.back().publicKey();
            claim.number = 1;
            claim.arrives = static_cast<uint32_t>(behind.arrives * allArrive);
            claim.bitsPerSecond = static_cast<uint64_t>(behind.bitsPerSecond);
            claim.latencyNanoseconds = static_cast<uint64_t>(behind.seconds * 1e9);
        }
        return m_claims;
    }

    std::vector<Statement> passed(uint32_t window, std::vector<Statement> sums) {
        constexpr uint64_t size = 1000;
        constexpr double seconds = 1;
        std::vector<uint64_t> packets(Chain::hops);
        packets[0] = 2000;
        if (m_metric == Metric::Throughput) packets[0] = static_cast<uint64_t>(1.5e8 * seconds / 8 / size);
        for (size_t i = 0; i + 1 < Chain::hops; ++i) {
            uint64_t left = 0;
            if (m_metric == Metric::Throughput) {
                left = std::min(packets[i], static_cast<uint64_t>(around(m_links[i].capacity, 0.02) / 8 / size));
            } else {
                for (uint64_t k = 0; k < packets[i]; ++k) left += real() < m_links[i].arrives ? 1U : 0U;
            }
            packets[i + 1] = left;
        }
        if (m_liar && m_metric == Metric::Loss) {
            if (m_lie == Lie::Downward) packets[*m_liar] = packets[*m_liar + 1];
            if (m_lie == Lie::Upward) packets[*m_liar] = packets[*m_liar - 1];
        }
        std::vector<double> when(Chain::hops);
        for (size_t i = 0; i < Chain::hops; ++i) {
            sums[i].window = window;
            sums[i].packets += packets[i];
            sums[i].bytes += packets[i] * size;
            sums[i].activeNanoseconds += static_cast<uint64_t>(seconds * 1e9);
            sums[i].times.clear();
        }
        for (size_t k = 0; k < maxTimes; ++k) {
            double at = window * seconds + real();
            const uint64_t hash = uint64_t{window} << 32 | (k << 16) | m_random.below(65536);
            for (size_t i = 0; i < Chain::hops; ++i) {
                if (i > 0) at += m_links[i - 1].seconds + real() * queued;
                double said = at + (i % 2 == 0 ? 0.0003 : -0.0003);  // clocks
                if (m_liar == i && m_metric == Metric::Latency) {
                    if (m_lie == Lie::Downward) said += 0.02;
                    if (m_lie == Lie::Upward) said -= 0.005;
                }
                sums[i].times.push_back({hash, static_cast<uint64_t>(said * 1e9)});
            }
        }
        return sums;
    }

    SeededRandom m_random;
    Metric m_metric;
    std::vector<Identity> m_keys;
    std::vector<Link> m_links;
    Link m_hidden{};  // what the liar says of its link
    std::optional<size_t> m_liar;
    Lie m_lie = Lie::Claim;
    std::vector<Claim> m_claims;
};

}  // namespace world
