#include "core/accounting/payee_complaint.h"

#include "core/accounting/wire_parts.h"

namespace netpas::accounting {

namespace {

constexpr std::string_view purpose = "NetPaS payee complaint 1";

void writeFacts(Writer& writer, const PayeeComplaint& complaint) {
    writer.bytes(complaint.payment);
    writer.bytes(complaint.payee.bytes());
    writer.u16(complaint.by.value());
    writeTime(writer, complaint.time);
    writeText(writer, complaint.reason, maxPayeeComplaint);
}

}  // namespace

Bytes payeeComplaintMessage(const PayeeComplaint& complaint) {
    Writer writer;
    writePurpose(writer, purpose);
    writeFacts(writer, complaint);
    return writer.take();
}

void sign(PayeeComplaint& complaint, const Identity& identity) {
    complaint.reason.resize(std::min(complaint.reason.size(), maxPayeeComplaint));
    complaint.signature = identity.sign(payeeComplaintMessage(complaint));
}

bool verify(const PayeeComplaint& complaint, const PublicKey& key) {
    return netpas::verify(key, payeeComplaintMessage(complaint), complaint.signature);
}

void write(Writer& writer, const PayeeComplaint& complaint) {
    writeFacts(writer, complaint);
    writer.bytes(complaint.signature.bytes);
}

PayeeComplaint readPayeeComplaint(Reader& reader) {
    PayeeComplaint complaint;
    reader.array(complaint.payment);
    std::array<uint8_t, NodeId::size> node{};
    reader.array(node);
    complaint.payee = NodeId(node);
    complaint.by = IspId(reader.u16());
    complaint.time = readTime(reader);
    complaint.reason = readText(reader, maxPayeeComplaint);
    reader.array(complaint.signature.bytes);
    return complaint;
}

void write(Writer& writer, const PayeeComplaintAck& ack) {
    writer.bytes(ack.payment);
    writeBool(writer, ack.taken);
}

PayeeComplaintAck readPayeeComplaintAck(Reader& reader) {
    PayeeComplaintAck ack;
    reader.array(ack.payment);
    ack.taken = readBool(reader);
    return ack;
}

}  // namespace netpas::accounting
