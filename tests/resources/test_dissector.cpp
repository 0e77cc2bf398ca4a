// The Wireshark dissector against our own decoder: both read the same packets, and every field must agree.
#include <QFile>
#include <QProcess>
#include <QStandardPaths>
#include <QTemporaryDir>
#include <QTest>

#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "core/bytes.h"
#include "core/wire/accounting_header.h"
#include "core/wire/shim.h"

using namespace netpas;

namespace {

using Bytes = std::vector<uint8_t>;

void append(Bytes& to, std::span<const uint8_t> more) { to.insert(to.end(), more.begin(), more.end()); }

// An IPv4 or IPv6 packet with a UDP datagram inside; checksums stay 0, nobody here looks at them.
Bytes udpPacket(bool v6, uint8_t host, uint16_t port, std::span<const uint8_t> payload) {
    const auto udpSize = static_cast<uint16_t>(8 + payload.size());
    Bytes packet(v6 ? 40 : 20);
    if (v6) {
        packet[0] = 0x60;
        store16(&packet[4], udpSize);
        packet[6] = 17;
        packet[7] = 64;
        packet[8] = packet[24] = 0xfd;
        packet[39] = host;
    } else {
        packet[0] = 0x45;
        store16(&packet[2], static_cast<uint16_t>(20 + udpSize));
        packet[8] = 64;
        packet[9] = 17;
        packet[12] = packet[16] = 10;
        packet[19] = host;
    }
    Bytes udp(8);
    store16(&udp[0], port);
    store16(&udp[2], port);
    store16(&udp[4], udpSize);
    append(packet, udp);
    append(packet, payload);
    return packet;
}

// Packets as a capture file of raw IP packets.
Bytes pcap(const std::vector<Bytes>& packets) {
    Bytes file;
    const auto put32 = [&](uint32_t value) {
        for (int shift = 0; shift < 32; shift += 8) file.push_back(static_cast<uint8_t>(value >> shift));
    };
    put32(0xa1b2c3d4);
    put32(4u << 16 | 2u);  // version 2.4
    put32(0);
    put32(0);
    put32(65535);
    put32(101);  // LINKTYPE_RAW
    for (const Bytes& packet : packets) {
        put32(0);
        put32(0);
        put32(static_cast<uint32_t>(packet.size()));
        put32(static_cast<uint32_t>(packet.size()));
        append(file, packet);
    }
    return file;
}

QString name(ShimError error) {
    switch (error) {
    case ShimError::Truncated: return "Truncated";
    case ShimError::UnknownVersion: return "UnknownVersion";
    case ShimError::UnknownKind: return "UnknownKind";
    case ShimError::ReservedBits: return "ReservedBits";
    case ShimError::EmptySegment: return "EmptySegment";
    }
    return {};
}

QString name(HeaderError error) {
    switch (error) {
    case HeaderError::Truncated: return "Truncated";
    case HeaderError::NonZeroPadding: return "NonZeroPadding";
    case HeaderError::DuplicateIsp: return "DuplicateIsp";
    }
    return {};
}

const QStringList kFields{"netpas.error",
                          "netpas.shim.kind",
                          "netpas.shim.burst",
                          "netpas.shim.segment_limit",
                          "netpas.shim.key",
                          "netpas.shim.sequence",
                          "netpas.shim.tag",
                          "netpas.header.hops",
                          "netpas.header.size",
                          "netpas.hop.isp",
                          "netpas.hop.class",
                          "netpas.hop.exit",
                          "netpas.hop.price_code",
                          "netpas.hop.price_eighths",
                          "netpas.header.total_eighths",
                          "ip.dst",
                          "ipv6.dst"};
constexpr qsizetype kHeaderFields = 15;  // of those, the ones in front of the addresses

// What our decoder makes of a UDP payload, one string per field; after an error only the error counts.
QStringList decoded(std::span<const uint8_t> payload) {
    const auto failed = [](const QString& error) { return QStringList{error}; };
    const auto kind = shimKind(payload);
    if (!kind) return failed(name(kind.error()));
    QStringList row{"", QString::number(int(*kind)), "", "", "", "", ""};
    size_t shimSize = plainShimSize;
    if (*kind == ShimKind::Customer) {
        const auto shim = decodeCustomerShim(payload);
        if (!shim) return failed(name(shim.error()));
        shimSize = customerShimSize;
        row[2] = QString::number(shim->burst);
        row[3] = QString::number(shim->segmentLimit);
        row[4] = QString::number(shim->key.value());
        row[5] = QString::number(shim->sequence);
        row[6] = QStringLiteral("0x%1").arg(shim->tag, 16, 16, QChar('0'));
    }
    const auto header = AccountingHeader::decode(payload.subspan(shimSize));
    if (!header) return failed(name(header.error()));
    const auto inner = payload.subspan(shimSize + header->size());
    if (inner.empty()) return failed("NoInnerPacket");
    if (inner[0] >> 4 != 4 && inner[0] >> 4 != 6) return failed("InnerNotIp");

    QStringList isps, classes, exits, codes, prices;
    for (const HopBlock& hop : header->hops()) {
        isps << QString::number(hop.isp.value());
        classes << QString::number(hop.service.value());
        exits << QString::number(hop.exit.value());
        codes << QStringLiteral("0x%1").arg(uint(hop.price.code()), 2, 16, QChar('0'));
        prices << QString::number(hop.price.value().eighths());
    }
    exits.removeLast();  // the last ISP has none on the wire
    row << QString::number(header->hops().size()) << QString::number(header->size()) << isps.join(',')
        << classes.join(',') << exits.join(',') << codes.join(',') << prices.join(',')
        << QString::number(header->total().eighths());
    return row;
}

}  // namespace

class DissectorTest : public QObject {
    Q_OBJECT

private:
    QTemporaryDir m_home;
    QString m_tshark;
    std::mt19937_64 m_random{46721};

    uint64_t below(uint64_t bound) { return m_random() % bound; }

    Bytes shim(ShimKind kind) {
        if (kind != ShimKind::Customer) {
            std::array<uint8_t, plainShimSize> out{};
            encodePlainShim(kind, out);
            return {out.begin(), out.end()};
        }
        std::array<uint8_t, customerShimSize> out{};
        encodeCustomerShim({.burst = static_cast<uint8_t>(1 + below(64)),
                            .segmentLimit = static_cast<uint16_t>(1 + below(65535)),
                            .key = SessionKeyId(static_cast<uint32_t>(m_random())),
                            .sequence = m_random(),
                            .tag = m_random()},
                           out);
        return {out.begin(), out.end()};
    }

    Bytes header(size_t hops) {
        std::vector<HopBlock> path;
        for (size_t i = 0; i < hops; ++i) {
            path.push_back({.isp = IspId(static_cast<uint16_t>(4096 * i + below(4096))),
                            .service = ServiceClass(static_cast<uint8_t>(below(64))),
                            .price = PriceCode::fromCode(static_cast<uint8_t>(below(256))),
                            .exit = ExitPoint(static_cast<uint16_t>(below(1024)))});
        }
        Bytes out(AccountingHeader::paddedSize(hops));
        if (AccountingHeader::make(path)->encode(out) != out.size()) qFatal("the encoder failed");
        return out;
    }

    Bytes payload(ShimKind kind, size_t hops, bool v6) {
        Bytes out = shim(kind);
        append(out, header(hops));
        append(out, udpPacket(v6, 77, 4000, Bytes(below(40))));
        return out;
    }

    // The dissector's fields of every payload, sent from IPv4 or IPv6 hosts.
    std::vector<QStringList> dissected(const std::vector<Bytes>& payloads, bool outerV6) {
        std::vector<Bytes> packets;
        for (const Bytes& payload : payloads) packets.push_back(udpPacket(outerV6, 2, dataPort, payload));
        const Bytes file = pcap(packets);
        QFile out(m_home.filePath("test.pcap"));
        if (!out.open(QIODevice::WriteOnly)) return {};
        out.write(reinterpret_cast<const char*>(file.data()), qint64(file.size()));
        out.close();

        QStringList arguments{
            "-X",           QString("lua_script:%1/resources/wireshark/netpas.lua").arg(NETPAS_SOURCE_DIR),
            "-n",           "-r",
            out.fileName(), "-T",
            "fields",       "-E",
            "separator=;"};
        for (const QString& field : kFields) arguments << "-e" << field;
        QProcess tshark;
        auto environment = QProcessEnvironment::systemEnvironment();
        environment.insert("HOME", m_home.path());  // nobody's own preferences
        environment.insert("XDG_CONFIG_HOME", m_home.path());
        tshark.setProcessEnvironment(environment);
        tshark.start(m_tshark, arguments);
        if (!tshark.waitForFinished(120'000) || tshark.exitCode() != 0) {
            qWarning() << tshark.readAllStandardError();
            return {};
        }
        const QString complaints = tshark.readAllStandardError();
        if (complaints.contains("Lua", Qt::CaseInsensitive)) qWarning() << complaints;
        std::vector<QStringList> rows;
        for (const QString& line : QString::fromUtf8(tshark.readAllStandardOutput()).split('\n', Qt::SkipEmptyParts)) {
            rows.push_back(line.split(';'));
        }
        return rows;
    }

    void compare(const std::vector<Bytes>& payloads, bool outerV6 = false) {
        const auto rows = dissected(payloads, outerV6);
        QCOMPARE(rows.size(), payloads.size());
        for (size_t i = 0; i < payloads.size(); ++i) {
            const QStringList ours = decoded(payloads[i]);
            const QStringList theirs = rows[i].first(ours.size());
            const QByteArray bytes = QByteArray::fromRawData(reinterpret_cast<const char*>(payloads[i].data()),
                                                             qsizetype(std::min<size_t>(payloads[i].size(), 110)));
            QVERIFY2(ours == theirs, qPrintable(QString("packet %1 %2\n ours   %3\n theirs %4")
                                                    .arg(i)
                                                    .arg(QString(bytes.toHex()), ours.join(';'), rows[i].join(';'))));
        }
    }

private slots:
    void initTestCase() {
        m_tshark = QStandardPaths::findExecutable("tshark");
        if (m_tshark.isEmpty()) QSKIP("tshark is not installed");
        QVERIFY(m_home.isValid());
    }

    void everyKindAndPathLengthAgrees_data() {
        QTest::addColumn<bool>("outerV6");
        QTest::newRow("ipv4") << false;
        QTest::newRow("ipv6") << true;
    }

    void everyKindAndPathLengthAgrees() {
        QFETCH(bool, outerV6);
        std::vector<Bytes> payloads;
        for (const auto kind : {ShimKind::Customer, ShimKind::Transit, ShimKind::Internal, ShimKind::Delivery}) {
            for (size_t hops = 1; hops <= AccountingHeader::maxHops; ++hops) {
                for (int i = 0; i < 4; ++i) payloads.push_back(payload(kind, hops, i % 2 == 1));
            }
        }
        for (const Bytes& payload : payloads) QCOMPARE(decoded(payload).size(), kHeaderFields);
        compare(payloads, outerV6);
    }

    void innerPacketGoesToTheIpDissector() {
        const auto rows =
            dissected({payload(ShimKind::Customer, 3, false), payload(ShimKind::Transit, 4, true)}, false);
        QCOMPARE(rows.size(), size_t{2});
        QCOMPARE(rows[0].at(kHeaderFields), "10.0.0.2,10.0.0.77");
        QCOMPARE(rows[1].at(kHeaderFields), "10.0.0.2");
        QCOMPARE(rows[1].at(kHeaderFields + 1), "fd00::4d");
    }

    void everyTruncationAgrees() {
        std::vector<Bytes> payloads;
        for (const auto kind : {ShimKind::Customer, ShimKind::Delivery}) {
            for (const size_t hops : {1u, 3u, 4u, 16u}) {
                const Bytes whole = payload(kind, hops, false);
                const size_t headers = (kind == ShimKind::Customer ? customerShimSize : plainShimSize) +
                                       AccountingHeader::paddedSize(hops);
                for (size_t size = 1; size <= headers; ++size) {
                    payloads.emplace_back(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
                    QCOMPARE(decoded(payloads.back()).size(), 1);  // an error
                }
            }
        }
        compare(payloads);
    }

    void everyErrorAgrees() {
        Bytes version = payload(ShimKind::Transit, 2, false);
        version[0] = 0x22;
        Bytes kind = version;
        kind[0] = 0x15;
        Bytes reserved = payload(ShimKind::Internal, 2, false);
        reserved[2] = 1;
        Bytes burst = payload(ShimKind::Customer, 2, false);
        burst[1] |= 0x80;
        Bytes segment = payload(ShimKind::Customer, 2, false);
        segment[2] = segment[3] = 0;
        Bytes padding = payload(ShimKind::Transit, 3, false);
        padding[4 + 15] = 1;
        Bytes duplicate = payload(ShimKind::Transit, 4, false);
        std::copy_n(&duplicate[4 + 2], 2, &duplicate[4 + 15 + 2]);
        Bytes garbage = payload(ShimKind::Transit, 4, false);
        garbage[4 + 20] = 0x95;
        const std::vector<Bytes> payloads{version, kind, reserved, burst, segment, padding, duplicate, garbage};
        const QStringList expected{"UnknownVersion", "UnknownKind",    "ReservedBits", "ReservedBits",
                                   "EmptySegment",   "NonZeroPadding", "DuplicateIsp", "InnerNotIp"};
        for (qsizetype i = 0; i < expected.size(); ++i) {
            QCOMPARE(decoded(payloads[size_t(i)]), QStringList{expected[i]});
        }
        compare(payloads);
    }

    void randomDamageAgrees() {
        std::vector<Bytes> payloads;
        for (int i = 0; i < 3000; ++i) {
            const auto kind = static_cast<ShimKind>(1 + below(4));
            Bytes damaged = payload(kind, 1 + below(16), below(2) == 1);
            for (uint64_t flips = 1 + below(4); flips > 0; --flips) {
                const size_t at = below(std::min<size_t>(damaged.size(), 110));
                damaged[below(2) == 0 ? 0 : at] ^= static_cast<uint8_t>(1u << below(8));
            }
            if (below(8) == 0) damaged.resize(1 + below(damaged.size()));
            payloads.push_back(std::move(damaged));
        }
        compare(payloads);
    }
};

QTEST_APPLESS_MAIN(DissectorTest)
#include "test_dissector.moc"
