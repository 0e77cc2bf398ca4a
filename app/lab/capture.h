// Watches one end of a link and reports every packet as a wire would carry it.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <thread>

#include "app/lab/error.h"

namespace netpas::lab {

enum class PacketDirection : uint8_t { Incoming, Outgoing };  // as seen by the interface

struct CapturedPacket {
    std::chrono::system_clock::time_point time;
    PacketDirection direction;
    std::span<const uint8_t> frame;  // from the Ethernet header on; valid during the call
};

// Called on the capture's own thread.
using CaptureHandler = std::function<void(const CapturedPacket&)>;

struct CaptureStatistics {
    uint64_t packets = 0;    // reported to the handler, after splitting
    uint64_t lost = 0;       // frames that the kernel had to drop because the capture was too slow
    uint64_t malformed = 0;  // frames whose offload information contradicts them
};

enum class CaptureFilter : uint8_t { Everything, NetpasData };  // NetpasData: UDP to or from port 46721

class LinkCapture {
public:
    // Packets that pass the interface after this returned are reported.
    static Expected<std::unique_ptr<LinkCapture>> start(const std::string& netns, const std::string& interface,
                                                        CaptureFilter filter, CaptureHandler handler);
    LinkCapture(const LinkCapture&) = delete;
    LinkCapture& operator=(const LinkCapture&) = delete;
    ~LinkCapture();

    // Reads what had passed until now, then ends. The handler is not called any more afterwards.
    CaptureStatistics stop();

private:
    LinkCapture(int fd, CaptureHandler handler);
    void run();
    bool readBatch();

    int m_fd;
    CaptureHandler m_handler;
    CaptureStatistics m_statistics;
    std::atomic<bool> m_stopping{false};
    std::thread m_thread;
};

// Writes packets as a pcap file (nanoseconds, Ethernet).
class PcapWriter {
public:
    static Expected<std::unique_ptr<PcapWriter>> create(const std::string& path);
    PcapWriter(const PcapWriter&) = delete;
    PcapWriter& operator=(const PcapWriter&) = delete;
    ~PcapWriter();
    void write(const CapturedPacket& packet);
    Expected<void> close();

private:
    explicit PcapWriter(void* file) : m_file(file) {}
    void* m_file;  // FILE*
    bool m_failed = false;
};

}  // namespace netpas::lab
