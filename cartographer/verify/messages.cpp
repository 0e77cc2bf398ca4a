#include "cartographer/verify/messages.h"

#include <algorithm>

namespace netpas::verification {

namespace {

constexpr uint8_t version = 1, toldKind = 9, questionKind = 10, answerKind = 11;
constexpr size_t maxSigned = 700;  // a statement with all its times

void writeAddress(Writer& writer, const IpAddress& address) {
    writer.u8(address.isV6() ? 16 : 4);
    writer.bytes(address.bytes());
}

IpAddress readAddress(Reader& reader) {
    const uint8_t size = reader.u8();
    if (size != 4 && size != 16) reader.fail();
    const auto address = reader.ok() ? IpAddress::fromBytes(reader.bytes(size)) : std::nullopt;
    if (!address) reader.fail();
    return address.value_or(IpAddress());
}

void writeRoute(Writer& writer, const Route& route) {
    writeAddress(writer, route.source);
    writeAddress(writer, route.destination);
}

Route readRoute(Reader& reader) {
    const IpAddress source = readAddress(reader);
    const IpAddress destination = readAddress(reader);
    return {source, destination};
}

Bytes readBlob(Reader& reader) {
    const ByteView view = reader.blob16(maxSigned);
    return {view.begin(), view.end()};
}

struct Encoder {
    Writer& writer;
    void operator()(const Told& told) const {
        writer.u8(toldKind);
        writeRoute(writer, told.route);
        writer.blob16(told.statement);
        writer.blob16(told.claim);
    }
    void operator()(const Question& question) const {
        writer.u8(questionKind);
        writeRoute(writer, question.route);
        writer.u32(question.first);
        writer.u32(question.last);
    }
    void operator()(const Answer& answer) const {
        writer.u8(answerKind);
        writeRoute(writer, answer.route);
        writer.u8(answer.depth);
        writer.u8(answer.holds ? 1 : 0);
        writer.blob16(answer.view);
        writer.blob16(answer.claim);
    }
};

FlowMessage readTold(Reader& reader) {
    Told told;
    told.route = readRoute(reader);
    told.statement = readBlob(reader);
    told.claim = readBlob(reader);
    return told;
}

FlowMessage readQuestion(Reader& reader) {
    Question question;
    question.route = readRoute(reader);
    question.first = reader.u32();
    question.last = reader.u32();
    return question;
}

FlowMessage readAnswer(Reader& reader) {
    Answer answer;
    answer.route = readRoute(reader);
    answer.depth = reader.u8();
    const uint8_t holds = reader.u8();
    if (holds > 1) reader.fail();
    answer.holds = holds == 1;
    answer.view = readBlob(reader);
    answer.claim = readBlob(reader);
    return answer;
}

bool isValid(const FlowMessage& message) {
    const auto valid = [](const Route& route) {
        return route.source.isV6() == route.destination.isV6() && route.source != route.destination;
    };
    if (const auto* question = std::get_if<Question>(&message))
        return valid(question->route) && question->first <= question->last &&
               question->last - question->first <= maxSpan;
    if (const auto* answer = std::get_if<Answer>(&message)) return valid(answer->route) && answer->depth < maxDepth;
    return valid(std::get<Told>(message).route);
}

}  // namespace

FlowId flowOf(const Route& route) {
    constexpr std::string_view purpose = "NetPaS flow 1";
    Writer writer;
    writer.blob16({reinterpret_cast<const uint8_t*>(purpose.data()), purpose.size()});
    writeRoute(writer, route);
    const auto digest = blake2b256(writer.data());
    FlowId id{};
    std::copy_n(digest.begin(), id.size(), id.begin());
    return id;
}

Bytes encode(const FlowMessage& message) {
    Writer writer;
    writer.u8(version);
    std::visit(Encoder{writer}, message);
    return writer.take();
}

tl::expected<FlowMessage, StatementError> decodeFlowMessage(ByteView bytes) {
    if (bytes.size() > maxMessage) return tl::unexpected(StatementError::Trailing);
    Reader reader(bytes);
    if (reader.u8() != version) return tl::unexpected(StatementError::Version);
    FlowMessage message;
    switch (reader.u8()) {
    case toldKind: message = readTold(reader); break;
    case questionKind: message = readQuestion(reader); break;
    case answerKind: message = readAnswer(reader); break;
    default: return tl::unexpected(StatementError::Kind);
    }
    if (!reader.ok()) return tl::unexpected(StatementError::Truncated);
    if (reader.remaining() != 0) return tl::unexpected(StatementError::Trailing);
    if (!isValid(message)) return tl::unexpected(StatementError::OutOfRange);
    return message;
}

}  // namespace netpas::verification
