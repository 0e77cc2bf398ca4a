// A serial cable between two programs of the lab: two pseudo-terminals, and a thread that carries the bytes of one to the other. It can be
// pulled out: both devices hang up and their names vanish, as with a dongle.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <thread>

#include "app/lab/error.h"

namespace netpas::lab {

class SerialCable {
public:
    // The devices' names stand in `folder`, which exists.
    explicit SerialCable(std::string folder) : m_folder(std::move(folder)) {}
    ~SerialCable() { unplug(); }
    SerialCable(const SerialCable&) = delete;
    SerialCable& operator=(const SerialCable&) = delete;

    // Of end 0 or 1: the same at every plugging in.
    [[nodiscard]] std::string device(size_t end) const;
    Expected<void> plug();
    void unplug();
    // Nothing comes through any more, but neither end can tell.
    void stall(bool stalled) { m_stalled = stalled; }
    // Carried so far, both ways.
    [[nodiscard]] uint64_t bytes() const { return m_bytes; }

private:
    Expected<void> open(size_t end);
    void carry();
    void pass(size_t from);

    std::string m_folder;
    std::array<int, 2> m_masters{-1, -1};
    std::atomic<bool> m_stop = false;
    std::atomic<bool> m_stalled = false;
    std::atomic<uint64_t> m_bytes = 0;
    std::thread m_thread;
};

}  // namespace netpas::lab
