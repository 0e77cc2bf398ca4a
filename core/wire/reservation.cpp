#include "core/wire/reservation.h"

#include <algorithm>

#include "core/bytes.h"

namespace netpas {

namespace {

constexpr uint8_t answerMark = 0x15;  // as a shim of version 1 would begin, of a kind that no shim has
constexpr uint8_t v4 = 4;
constexpr uint8_t v6 = 6;
constexpr uint8_t largestClass = 63;

}  // namespace

std::array<uint8_t, reservationQuestionSize> encodeReservation(const ReservationQuestion& question) {
    std::array<uint8_t, reservationQuestionSize> out{};
    store64(out.data(), question.nonce);
    out[8] = question.answerTo.address.isV6() ? v6 : v4;
    store16(out.data() + 10, question.answerTo.port);
    const auto address = question.answerTo.address.bytes();
    std::copy(address.begin(), address.end(), out.begin() + 12);
    return out;
}

std::array<uint8_t, reservationAnswerSize> encodeReservation(const ReservationAnswer& answer) {
    std::array<uint8_t, reservationAnswerSize> out{};
    out[0] = answerMark;
    out[1] = static_cast<uint8_t>(answer.place);
    store16(out.data() + 2, answer.isp.value());
    out[4] = answer.service.value();
    store16(out.data() + 6, answer.secondsLeft);
    store64(out.data() + 8, answer.nonce);
    return out;
}

std::optional<ReservationQuestion> decodeReservationQuestion(std::span<const uint8_t> bytes) {
    if (bytes.size() != reservationQuestionSize || (bytes[8] != v4 && bytes[8] != v6) || bytes[9] != 0)
        return std::nullopt;
    const size_t size = bytes[8] == v6 ? 16 : 4;
    const auto rest = bytes.subspan(12 + size);
    const auto address = IpAddress::fromBytes(bytes.subspan(12, size));
    if (!address || std::any_of(rest.begin(), rest.end(), [](uint8_t byte) { return byte != 0; })) return std::nullopt;
    ReservationQuestion question;
    question.nonce = load64(bytes.data());
    question.answerTo = {*address, load16(bytes.data() + 10)};
    if (question.answerTo.port == 0) return std::nullopt;
    return question;
}

std::optional<ReservationAnswer> decodeReservationAnswer(std::span<const uint8_t> bytes) {
    if (bytes.size() != reservationAnswerSize || bytes[0] != answerMark || bytes[5] != 0) return std::nullopt;
    if (bytes[1] > static_cast<uint8_t>(ReservationAnswer::Place::None) || bytes[4] > largestClass) return std::nullopt;
    ReservationAnswer answer;
    answer.place = static_cast<ReservationAnswer::Place>(bytes[1]);
    answer.isp = IspId(load16(bytes.data() + 2));
    answer.service = ServiceClass(bytes[4]);
    answer.secondsLeft = load16(bytes.data() + 6);
    answer.nonce = load64(bytes.data() + 8);
    if (answer.place != ReservationAnswer::Place::Held && answer.secondsLeft != 0) return std::nullopt;
    return answer;
}

}  // namespace netpas
