// The learnt state as bytes, big-endian:
//   u8 version (1); u8 × Hyperparameters::count steps
//   f64 seen, novelty, surplus, doubt level, attention price, prompt level; u64 answered, next tuning (f64: IEEE 754 bits in a u64)
//   per unit: level overall; u8 number of purposes, levels {u64 purpose digest, f64 count, f64 mean}
//   per unit: u16 number of answers, answers {5 × text16, u64 price in eighths, i64 µs since 1970, u8 answer}
//   u8 number of recent requests, requests {5 × u64 digest, u64 price in eighths, u8 unit}
// The posterior follows from the answers and is computed anew.
#include <bit>
#include <cmath>

#include "secretary/learning/engine.h"
#include "secretary/learning/numbers.h"

namespace netpas::secretary::learning {

namespace {

constexpr uint8_t version = 1;
constexpr int sweepsAfterRestart = 30;
// Far above anything real, and far below what overflows.
constexpr double largestNumber = 1e30;
constexpr uint64_t mostAnswers = uint64_t{1} << 48;

void writeDouble(Writer& out, double value) { out.u64(std::bit_cast<uint64_t>(value)); }

double readDouble(Reader& in, double low, double high) {
    const double value = std::bit_cast<double>(in.u64());
    // Not a number fails too.
    if (!(value >= low && value <= high)) {
        in.fail();
        return low;
    }
    return value;
}

uint64_t readInteger(Reader& in, uint64_t low, uint64_t high) {
    const uint64_t value = in.u64();
    if (value < low || value > high) {
        in.fail();
        return low;
    }
    return value;
}

Money readPrice(Reader& in) { return Money::fromEighths(static_cast<int64_t>(readInteger(in, 1, INT64_MAX))); }

uint8_t readByte(Reader& in, uint8_t below) {
    const uint8_t value = in.u8();
    if (value >= below) {
        in.fail();
        return 0;
    }
    return value;
}

void writeLevel(Writer& out, const PriceLevels::Level& level) {
    out.u64(level.purpose);
    writeDouble(out, level.count);
    writeDouble(out, level.mean);
}

PriceLevels::Level readLevel(Reader& in) {
    constexpr double largestLog = 44;  // of an amount
    PriceLevels::Level level;
    level.purpose = in.u64();
    level.count = readDouble(in, 0, largestNumber);
    level.mean = readDouble(in, 0, largestLog);
    return level;
}

void writeAnswer(Writer& out, const AnsweredRequest& answered) {
    for (const std::string& text : answered.request.fields) {
        out.blob16({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
    }
    out.u64(static_cast<uint64_t>(answered.request.price.eighths()));
    out.u64(static_cast<uint64_t>(answered.when.time_since_epoch().count()));
    out.u8(static_cast<uint8_t>(answered.answer));
}

AnsweredRequest readAnswer(Reader& in, PriceUnit unit) {
    AnsweredRequest answered;
    for (std::string& text : answered.request.fields) {
        const ByteView view = in.blob16(longestText);
        text.assign(view.begin(), view.end());
    }
    answered.request.unit = unit;
    answered.request.price = readPrice(in);
    answered.when = SystemTime(std::chrono::microseconds(static_cast<int64_t>(in.u64())));
    answered.answer = static_cast<Answer>(readByte(in, 2));
    return answered;
}

}  // namespace

std::string_view describe(StateError error) {
    switch (error) {
    case StateError::UnknownVersion: return "what was learnt was saved by another version of this program";
    case StateError::Malformed: return "what was learnt is damaged; restore a backup or let the secretary learn anew";
    }
    return {};
}

Bytes Engine::save() const {
    Writer out;
    out.u8(version);
    for (const uint8_t step : hyper().step) out.u8(step);
    for (const double value : {m_seen, m_novelty, m_surplus, m_doubtLevel, m_attentionPrice, m_promptLevel})
        writeDouble(out, value);
    out.u64(m_answered);
    out.u64(m_nextTuning);
    for (const PriceLevels& prices : m_prices) {
        writeLevel(out, prices.all());
        out.u8(static_cast<uint8_t>(prices.purposes().size()));
        for (const PriceLevels::Level& level : prices.purposes()) writeLevel(out, level);
    }
    for (const auto& answers : m_answers) {
        out.u16(static_cast<uint16_t>(answers.size()));
        for (const AnsweredRequest& answered : answers) writeAnswer(out, answered);
    }
    out.u8(static_cast<uint8_t>(m_recent.size()));
    for (const Recent& recent : m_recent) {
        for (const uint64_t digest : recent.key) out.u64(digest);
        out.u64(static_cast<uint64_t>(recent.price.eighths()));
        out.u8(static_cast<uint8_t>(recent.unit));
    }
    return out.take();
}

tl::expected<Engine, StateError> Engine::restore(ByteView bytes, const Settings& settings) {
    Reader in(bytes);
    if (in.u8() != version) {
        return tl::unexpected(bytes.empty() ? StateError::Malformed : StateError::UnknownVersion);
    }
    Engine engine(settings);
    Hyperparameters hyper;
    for (uint8_t& step : hyper.step) step = readByte(in, Hyperparameters::steps);
    engine.m_seen = readDouble(in, 0, largestNumber);
    engine.m_novelty = readDouble(in, 0, 1);
    engine.m_surplus = readDouble(in, 0, largestNumber);
    engine.m_doubtLevel = readDouble(in, -largestNumber, largestNumber);
    engine.m_attentionPrice = readDouble(in, -largestNumber, largestNumber);
    engine.m_promptLevel = readDouble(in, -largestNumber, largestNumber);
    engine.m_answered = readInteger(in, 0, mostAnswers);
    engine.m_nextTuning = readInteger(in, 0, 2 * mostAnswers);
    for (PriceLevels& prices : engine.m_prices) {
        const PriceLevels::Level all = readLevel(in);
        std::vector<PriceLevels::Level> purposes(readByte(in, PriceLevels::capacity + 1));
        for (PriceLevels::Level& level : purposes) level = readLevel(in);
        prices.restore(all, std::move(purposes));
    }
    for (size_t unit = 0; unit < unitCount; ++unit) {
        const size_t count = in.u16();
        if (count > answerCapacity) in.fail();
        for (size_t i = 0; i < count && in.ok(); ++i) {
            const AnsweredRequest answered = readAnswer(in, static_cast<PriceUnit>(unit));
            if (in.ok()) engine.add(answered);
        }
    }
    const size_t recents = readByte(in, recentCapacity + 1);
    for (size_t i = 0; i < recents && in.ok(); ++i) {
        Recent recent;
        for (uint64_t& digest : recent.key) digest = in.u64();
        recent.price = readPrice(in);
        recent.logPrice = logOf(recent.price);
        recent.unit = static_cast<PriceUnit>(readByte(in, unitCount));
        engine.m_recent.push_back(std::move(recent));
    }
    if (!in.finished()) return tl::unexpected(StateError::Malformed);
    for (size_t unit = 0; unit < unitCount; ++unit) {
        Posterior& model = engine.m_posteriors[unit];
        model.setHyper(hyper);
        model.setPriorMeans(
            [&](const ContextKey& key) { return engine.currentMean(static_cast<PriceUnit>(unit), key); });
        model.refine(sweepsAfterRestart);
    }
    return engine;
}

}  // namespace netpas::secretary::learning
