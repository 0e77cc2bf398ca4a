#include <QtTest>

#include "core/wire/accounting_header.h"
#include "core/wire/shim.h"

using namespace netpas;

namespace {

using Raw = std::vector<uint8_t>;

HopBlock hop(uint16_t isp, uint8_t service, int nanodollars, uint16_t exit) {
    return {IspId(isp), ServiceClass(service), *PriceCode::roundUp(*Money::fromNanodollars(nanodollars)),
            ExitPoint(exit)};
}

// The packet of NetPaS Figure 3: 2 n$ for Z (26), 10 n$ for Y (25), 3 n$ for X (24).
const Raw figure3 = {
    0x20, 0x01,  // path length 3 (n-1 = 2), 6 reserved bits; class 1 from Z
    0x00, 0x1a,  // Z = 26
    0x08,        // 2 n$ = 16 eighths: e = 1, m = 0
    0xff, 0xc2,  // exit of Z: 1023; class 2 from Y
    0x00, 0x19,  // Y = 25
    0x1a,        // 10 n$ = 80 eighths: e = 3, m = 2
    0x00, 0x03,  // exit of Y: 0, it chooses; class 3 from X
    0x00, 0x18,  // X = 24
    0x0c,        // 3 n$ = 24 eighths: e = 1, m = 4
    0x00,        // padding to 16
};

}  // namespace

class TestWire : public QObject {
    Q_OBJECT
private slots:
    void figure3HasItsReferenceBytes() {
        const HopBlock hops[] = {hop(26, 1, 2, 1023), hop(25, 2, 10, 0), hop(24, 3, 3, 0)};
        const auto header = AccountingHeader::make(hops);
        QVERIFY(header.has_value());
        Raw bytes(16);
        QCOMPARE(header->encode(bytes), size_t{16});
        QVERIFY(bytes == figure3);
        QVERIFY(*AccountingHeader::decode(figure3) == *header);
        QCOMPARE(header->total(), *Money::fromNanodollars(15));
        QCOMPARE(header->total(1), *Money::fromNanodollars(13));
        QCOMPARE(header->encode(std::span(bytes).first(15)), size_t{0});
    }
    void sizesAreThePapers() {
        QCOMPARE(AccountingHeader::paddedSize(1), size_t{8});
        QCOMPARE(AccountingHeader::paddedSize(3), size_t{16});
        QCOMPARE(AccountingHeader::paddedSize(4), size_t{20});
        QCOMPARE(AccountingHeader::paddedSize(16), size_t{80});
    }
    void everyLengthSurvivesARoundTripAndNoShorterInputIsRead() {
        for (size_t n = 1; n <= 16; ++n) {
            std::vector<HopBlock> hops;
            for (size_t i = 0; i < n; ++i) {
                hops.push_back({IspId(uint16_t(0xfff0 + i)), ServiceClass(uint8_t(63 - i)),
                                PriceCode::fromCode(uint8_t(255 - i)),
                                ExitPoint(i + 1 == n ? uint16_t(0) : uint16_t(1023 - i))});
            }
            const auto header = *AccountingHeader::make(hops);
            Raw bytes(header.size());
            QCOMPARE(header.encode(bytes), header.size());
            QVERIFY(*AccountingHeader::decode(bytes) == header);
            for (size_t length = 0; length < bytes.size(); ++length) {
                QCOMPARE(int(AccountingHeader::decode(std::span(bytes).first(length)).error()),
                         int(HeaderError::Truncated));
            }
        }
    }
    void contradictionsAreRefused() {
        Raw padding = figure3;
        padding[15] = 1;
        QCOMPARE(int(AccountingHeader::decode(padding).error()), int(HeaderError::NonZeroPadding));
        Raw twice = figure3;
        twice[13] = 0x1a;
        QCOMPARE(int(AccountingHeader::decode(twice).error()), int(HeaderError::DuplicateIsp));
        Raw longer = figure3;
        longer[0] = 0xf0;
        QCOMPARE(int(AccountingHeader::decode(longer).error()), int(HeaderError::Truncated));
        const HopBlock same[] = {hop(1, 0, 1, 0), hop(1, 0, 1, 0)};
        QVERIFY(!AccountingHeader::make(same));
        QVERIFY(!AccountingHeader::make({}));
        QVERIFY(!AccountingHeader::make(std::vector<HopBlock>(17)));
    }
    void reservedBitsOfTheHeaderAreIgnored() {
        Raw bytes = figure3;
        bytes[0] |= 0x0f;
        bytes[1] |= 0xc0;
        QVERIFY(*AccountingHeader::decode(bytes) == *AccountingHeader::decode(figure3));
    }
    void theExitIsWrittenInPlace() {
        Raw bytes = figure3;
        header_bytes::setExit(bytes.data(), 1, ExitPoint(0x2a5));
        QCOMPARE(header_bytes::exit(bytes.data(), 1).value(), uint16_t(0x2a5));
        QCOMPARE(header_bytes::service(bytes.data(), 2).value(), uint8_t(3));
        QCOMPARE(header_bytes::exit(bytes.data(), 0).value(), uint16_t(1023));
        QCOMPARE(header_bytes::exit(bytes.data(), 2).value(), uint16_t(0));
    }
    void customerShimHasItsReferenceBytes() {
        const CustomerShim shim{64, 1432, SessionKeyId(0x01020304), 0x1122334455667788, 0x99aabbccddeeff00};
        const Raw expected = {
            0x11,                                            // version 1, Customer
            0x3f,                                            // 64 packets
            0x05, 0x98,                                      // at most 1432 bytes each
            0x01, 0x02, 0x03, 0x04,                          // session key
            0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88,  // sequence
            0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff, 0x00,  // tag
        };
        Raw bytes(customerShimSize);
        encodeCustomerShim(shim, std::span<uint8_t, customerShimSize>(bytes));
        QVERIFY(bytes == expected);
        QVERIFY(*decodeCustomerShim(bytes) == shim);
        for (size_t length = 0; length < bytes.size(); ++length) {
            QCOMPARE(int(decodeCustomerShim(std::span(bytes).first(length)).error()), int(ShimError::Truncated));
        }
    }
    void malformedShimsAreRefused() {
        const auto error = [](Raw bytes) { return int(decodeCustomerShim(bytes).error()); };
        Raw good(customerShimSize);
        encodeCustomerShim({1, 100, SessionKeyId(1), 0, 0}, std::span<uint8_t, customerShimSize>(good));
        Raw bad = good;
        bad[0] = 0x21;
        QCOMPARE(error(bad), int(ShimError::UnknownVersion));
        bad[0] = 0x10;
        QCOMPARE(error(bad), int(ShimError::UnknownKind));
        bad[0] = 0x15;
        QCOMPARE(error(bad), int(ShimError::UnknownKind));
        bad = good;
        bad[1] = 0x40;
        QCOMPARE(error(bad), int(ShimError::ReservedBits));
        bad = good;
        bad[2] = bad[3] = 0;
        QCOMPARE(error(bad), int(ShimError::EmptySegment));
    }
    void plainShimsKeepTheirReservedBytesZero() {
        for (const ShimKind kind : {ShimKind::Transit, ShimKind::Internal, ShimKind::Delivery}) {
            Raw bytes(plainShimSize);
            encodePlainShim(kind, std::span<uint8_t, plainShimSize>(bytes));
            QCOMPARE(int(*shimKind(bytes)), int(kind));
            for (size_t i = 1; i < 4; ++i) {
                Raw bad = bytes;
                bad[i] = 1;
                QCOMPARE(int(shimKind(bad).error()), int(ShimError::ReservedBits));
            }
        }
        QCOMPARE(int(shimKind(Raw{0x12, 0, 0}).error()), int(ShimError::Truncated));
    }
};

QTEST_APPLESS_MAIN(TestWire)
#include "test_wire.moc"
