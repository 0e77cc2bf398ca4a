// How far confirmations stray from what was paid, against the total P, for both samplers. See tests/bench/README.md.
//
// bench_sampling [--to DOLLARS] [--draws N] [--csv FILE] [--svg FILE]
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "core/money.h"
#include "core/random.h"
#include "core/sampling/sampler.h"

namespace {

using namespace netpas;

constexpr int64_t threshold = Money::eighthsPerDollar / 1000;  // T = $0.001
constexpr size_t leastRuns = 4, mostRuns = 400;

struct Options {
    int64_t to = 10'000'000;
    uint64_t draws = 40'000'000'000;  // for each P and sampler, divided among the runs
    std::string csv, svg;
};

// SplitMix64, and a product in place of a division: most of the time goes here.
class QuickRandom final : public RandomSource {
public:
    explicit QuickRandom(uint64_t seed) : m_state(seed) {}
    uint64_t below(uint64_t bound) override {
        m_state += 0x9e3779b97f4a7c15U;
        uint64_t v = m_state;
        v = (v ^ (v >> 30)) * 0xbf58476d1ce4e5b9U;
        v = (v ^ (v >> 27)) * 0x94d049bb133111ebU;
        v ^= v >> 31;
        return ((v >> 24) * bound) >> 40;  // bound < 2^24
    }

private:
    uint64_t m_state;
};

// Packets pay evenly from nothing to T, T/2 on average: as few packets as may be without any that pays more than T. The
// variance of smart sampling is the sum of x (T - x), a third of P T for these; of cheap packets it is P T.
constexpr double evenly = 1.0 / 3;

// Confirmed minus paid, in T.
template <typename SamplerType>
double strayed(int64_t total, uint64_t seed) {
    QuickRandom samples(seed * 2 + 1);
    QuickRandom prices(~seed);
    SamplerType sampler(Money::fromEighths(threshold), samples);
    int64_t paid = 0;
    int64_t confirmed = 0;
    while (paid < total) {
        const auto price = static_cast<int64_t>(prices.below(threshold)) + 1;
        paid += price;
        confirmed += sampler.observe(Money::fromEighths(price)).released;
    }
    return static_cast<double>(confirmed) - static_cast<double>(paid) / static_cast<double>(threshold);
}

struct Row {
    int64_t dollars = 0;
    size_t runs = 0;
    double smartRms = 0, smartMax = 0, stratifiedRms = 0, stratifiedMax = 0;                      // in T
    [[nodiscard]] double root() const { return std::sqrt(static_cast<double>(dollars) * 1000); }  // √(P T) in T
};

Row measure(int64_t dollars, uint64_t draws) {
    Row row;
    row.dollars = dollars;
    const auto packets = static_cast<uint64_t>(dollars) * 2000;
    row.runs = static_cast<size_t>(std::clamp<uint64_t>(draws / packets, leastRuns, mostRuns));
    std::atomic<size_t> next{0};
    std::mutex mutex;
    double smart = 0, stratified = 0;
    const auto work = [&] {
        for (size_t run = next++; run < row.runs; run = next++) {
            const uint64_t seed = static_cast<uint64_t>(dollars) * 1'000'003 + run;
            const double a = strayed<SmartSampler>(dollars * Money::eighthsPerDollar, seed);
            const double b = strayed<StratifiedSampler>(dollars * Money::eighthsPerDollar, seed);
            const std::lock_guard lock(mutex);
            smart += a * a;
            stratified += b * b;
            row.smartMax = std::max(row.smartMax, std::abs(a));
            row.stratifiedMax = std::max(row.stratifiedMax, std::abs(b));
        }
    };
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < std::max(1U, std::thread::hardware_concurrency()); ++i) threads.emplace_back(work);
    for (std::thread& thread : threads) thread.join();
    row.smartRms = std::sqrt(smart / static_cast<double>(row.runs));
    row.stratifiedRms = std::sqrt(stratified / static_cast<double>(row.runs));
    return row;
}

void writeCsv(const std::string& file, const std::vector<Row>& rows) {
    std::ofstream out(file);
    out << "dollars,runs,smart_rms_T,smart_max_T,stratified_rms_T,stratified_max_T,expected_smart_T,sqrt_PT_T\n";
    for (const Row& row : rows) {
        out << row.dollars << ',' << row.runs << ',' << row.smartRms << ',' << row.smartMax << ',' << row.stratifiedRms
            << ',' << row.stratifiedMax << ',' << row.root() * std::sqrt(evenly) << ',' << row.root() << '\n';
    }
}

// Both axes by powers of ten: P from $1 up, spread in dollars from $0.0001.
class Plot {
public:
    Plot(double mostDollars, double mostSpread)
        : m_decades(std::log10(mostDollars)), m_top(std::ceil(std::log10(mostSpread))) {}
    [[nodiscard]] double x(double dollars) const { return left + std::log10(dollars) / m_decades * width; }
    [[nodiscard]] double y(double spread) const {
        return top + height - (std::log10(spread) - lowest) / (m_top - lowest) * height;
    }
    [[nodiscard]] std::string frame() const {
        std::string s =
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 640 420\" font-family=\"sans-serif\" "
            "font-size=\"12\">\n<rect width=\"640\" height=\"420\" fill=\"white\"/>\n";
        for (int d = 0; d <= static_cast<int>(m_decades); ++d) {
            const double at = x(std::pow(10, d));
            s += line(at, top, at, top + height, "#ddd", "") + label(at, top + height + 18, "middle", "$" + power(d));
        }
        for (int d = lowest; d <= static_cast<int>(m_top); ++d) {
            const double at = y(std::pow(10, d));
            s += line(left, at, left + width, at, "#ddd", "") + label(left - 8, at + 4, "end", "$" + power(d));
        }
        return s + label(left + width / 2, top + height + 40, "middle", "paid in total (P), T = $0.001") +
               label(left, top - 12, "start", "confirmed minus paid");
    }
    [[nodiscard]] static std::string line(double x1, double y1, double x2, double y2, const char* colour,
                                          const char* dash) {
        char text[200];
        std::snprintf(text, sizeof text,
                      "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\" stroke-dasharray=\"%s\"/>\n",
                      x1, y1, x2, y2, colour, dash);
        return text;
    }
    [[nodiscard]] static std::string dot(double x, double y, const char* colour, bool filled) {
        char text[160];
        std::snprintf(text, sizeof text, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" fill=\"%s\" stroke=\"%s\"/>\n", x, y,
                      filled ? colour : "white", colour);
        return text;
    }
    [[nodiscard]] static std::string label(double x, double y, const char* anchor, const std::string& words) {
        char place[100];
        std::snprintf(place, sizeof place, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", x, y, anchor);
        return place + words + "</text>\n";
    }
    static constexpr double left = 70, top = 50, width = 540, height = 310;
    static constexpr int lowest = -4;

private:
    [[nodiscard]] static std::string power(int exponent) {
        if (exponent >= 6) return "1" + std::string(static_cast<size_t>(exponent - 6), '0') + "M";
        if (exponent >= 0) return "1" + std::string(static_cast<size_t>(exponent), '0');
        return "0." + std::string(static_cast<size_t>(-exponent - 1), '0') + "1";
    }
    double m_decades, m_top;
};

void writeSvg(const std::string& file, const std::vector<Row>& rows) {
    constexpr double t = 0.001;
    constexpr const char *smart = "#1f5fa8", *stratified = "#b8432f";
    double most = t;
    for (const Row& row : rows) most = std::max(most, row.smartMax * t);
    const auto last = static_cast<double>(rows.back().dollars);
    const Plot plot(last, most);
    std::ofstream out(file);
    out << plot.frame();
    const double factor = std::sqrt(evenly * t);
    out << Plot::line(plot.x(1), plot.y(factor), plot.x(last), plot.y(factor * std::sqrt(last)), smart, "")
        << Plot::line(plot.x(1), plot.y(t), plot.x(last), plot.y(t), stratified, "");
    for (const Row& row : rows) {
        const double at = plot.x(static_cast<double>(row.dollars));
        out << Plot::dot(at, plot.y(row.smartRms * t), smart, true)
            << Plot::dot(at, plot.y(row.smartMax * t), smart, false)
            << Plot::dot(at, plot.y(row.stratifiedRms * t), stratified, true)
            << Plot::dot(at, plot.y(row.stratifiedMax * t), stratified, false);
    }
    out << Plot::dot(90, 68, smart, true)
        << Plot::label(100, 72, "start", "smart: r.m.s. (filled), largest; line: √(P·T/3)")
        << Plot::dot(90, 86, stratified, true) << Plot::label(100, 90, "start", "stratified: r.m.s., largest; line: T")
        << "</svg>\n";
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    for (int i = 1; i < argc; ++i) {
        const std::string_view argument = argv[i];
        const char* value = i + 1 < argc ? argv[++i] : nullptr;
        if (argument == "--to" && value != nullptr) {
            options.to = std::atoll(value);
        } else if (argument == "--draws" && value != nullptr) {
            options.draws = static_cast<uint64_t>(std::atoll(value));
        } else if (argument == "--csv" && value != nullptr) {
            options.csv = value;
        } else if (argument == "--svg" && value != nullptr) {
            options.svg = value;
        } else {
            std::fprintf(stderr, "usage: bench_sampling [--to DOLLARS] [--draws N] [--csv FILE] [--svg FILE]\n");
            return 2;
        }
    }
    if (options.to < 1 || options.to > 100'000'000) return 2;
    std::vector<Row> rows;
    std::printf("%12s %5s %12s %12s %12s %12s %14s\n", "P in dollars", "runs", "smart rms", "largest", "strat. rms",
                "largest", "rms/sqrt(PT/3)");
    bool below = true;
    for (int64_t dollars = 1; dollars <= options.to; dollars *= 10) {
        const Row row = rows.emplace_back(measure(dollars, options.draws));
        std::printf("%12lld %5zu %12.2f %12.2f %12.3f %12.3f %14.3f\n", static_cast<long long>(dollars), row.runs,
                    row.smartRms, row.smartMax, row.stratifiedRms, row.stratifiedMax,
                    row.smartRms / (row.root() * std::sqrt(evenly)));
        std::fflush(stdout);
        below = below && row.stratifiedMax < 1;
    }
    if (!options.csv.empty()) writeCsv(options.csv, rows);
    if (!options.svg.empty()) writeSvg(options.svg, rows);
    return below ? 0 : 1;
}
