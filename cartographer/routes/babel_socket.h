// A connection to babeld's local interface, and what this node asks for forwarding as a part of Babel's costs (ROUTES.md). Does not wait: the owner polls
// descriptor() and connects again when the connection is gone. One thread.
#pragma once

#include <deque>
#include <string>

#include <tl/expected.hpp>

#include "cartographer/routes/babel.h"

namespace netpas::routes {

enum class BabelError : uint8_t {
    BadPath,
    NobodyThere,  // no babeld listens there
    NotAllowed,   // to open the socket
    NotBabel,     // whoever answers speaks something else
    Closed,
    Behind,  // it takes no requests, or what it says is not understood
};
[[nodiscard]] std::string_view describe(BabelError error);

// Of babeld's words about an interface, as in its configuration behind the interface's name; without its cost, which this program says. Whether babeld knows
// them, babeld says.
[[nodiscard]] bool isBabelWords(std::string_view words);
inline constexpr size_t maxBabelWords = 512;

class BabelSocket {
public:
    // Of babeld's option -g (reads) or -G (also sets prices): the path of a socket, or a port of ::1.
    [[nodiscard]] static tl::expected<BabelSocket, BabelError> connect(const std::string& place);
    BabelSocket(BabelSocket&& other) noexcept;
    BabelSocket& operator=(BabelSocket&& other) noexcept;
    BabelSocket(const BabelSocket&) = delete;
    BabelSocket& operator=(const BabelSocket&) = delete;
    ~BabelSocket();

    [[nodiscard]] int descriptor() const { return m_socket; }
    // Takes what has come, a bounded part at a time. True: the table has changed. An error: the connection is over, and with it the table's truth.
    [[nodiscard]] tl::expected<bool, BabelError> read();
    [[nodiscard]] const BabelTable& table() const { return m_table; }
    // All of the first answer has come.
    [[nodiscard]] bool complete() const { return m_complete; }

    // The neighbours on this interface are told what sending to this node costs from now on: at once if babeld does not have the interface yet, else once it
    // has been down and up again, and only if it was added by such a request (ROUTES.md).
    // `words`: what else babeld is told of it, isBabelWords().
    [[nodiscard]] tl::expected<void, BabelError> ask(const std::string& interface, BabelCost cost,
                                                     const std::string& words = {});
    // Requests that were made, and those that babeld has answered, in this order.
    [[nodiscard]] uint64_t asked() const { return m_asked; }
    [[nodiscard]] uint64_t answered() const { return m_answered; }
    // Of these: requests that babeld did not carry out. It was started with -g.
    [[nodiscard]] uint64_t refused() const { return m_refused; }

private:
    explicit BabelSocket(int socket) : m_socket(socket) {}
    [[nodiscard]] tl::expected<void, BabelError> send(const std::string& text);

    int m_socket = -1;
    BabelTable m_table;
    std::string m_rest;        // of a line that is not whole yet
    unsigned m_malformed = 0;  // since the last line that was not
    unsigned m_answers = 0;    // to the greeting and to the first request
    bool m_greeted = false;
    bool m_complete = false;
    uint64_t m_asked = 0, m_answered = 0, m_refused = 0;
};

}  // namespace netpas::routes
