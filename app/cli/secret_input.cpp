#include "app/cli/secret_input.h"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>

namespace netpas::cli {

using secretary::SecretText;

namespace {

constexpr size_t longest = 4096;

Problem noTerminal() {
    return {Exit::Usage, "INVALID_ARGUMENT", "there is no terminal to ask for the passphrase on",
            "give --passphrase-file FILE, or - for standard input"};
}

// Without echo while it lives; the terminal is as before afterwards.
class QuietTerminal {
public:
    explicit QuietTerminal(int fd) : m_fd(fd), m_changed(::tcgetattr(fd, &m_before) == 0) {
        if (!m_changed) return;
        termios quiet = m_before;
        quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
        quiet.c_lflag |= ECHONL;
        ::tcsetattr(fd, TCSAFLUSH, &quiet);
    }
    ~QuietTerminal() {
        if (m_changed) ::tcsetattr(m_fd, TCSAFLUSH, &m_before);
    }
    QuietTerminal(const QuietTerminal&) = delete;
    QuietTerminal& operator=(const QuietTerminal&) = delete;

private:
    int m_fd;
    termios m_before{};
    bool m_changed;
};

class Descriptor {
public:
    Descriptor(int fd, bool own) : m_fd(fd), m_own(own) {}
    ~Descriptor() {
        if (m_own && m_fd >= 0) ::close(m_fd);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    [[nodiscard]] int fd() const { return m_fd; }

private:
    int m_fd;
    bool m_own;
};

// Up to the end of a line, or, with `whole`, to an empty line or the end.
SecretText readText(int fd, bool whole) {
    std::string text;
    text.reserve(longest);  // never grows: no copy is left behind
    char c = 0;
    while (text.size() < longest) {
        const ssize_t got = ::read(fd, &c, 1);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        if (c == '\n' && (!whole || text.empty() || text.back() == '\n')) break;
        if (c != '\r') text += c;
    }
    return SecretText(std::move(text));
}

tl::expected<SecretText, Problem> fromFile(const std::string& file, bool whole) {
    const Descriptor input(file == "-" ? STDIN_FILENO : ::open(file.c_str(), O_RDONLY | O_CLOEXEC), file != "-");
    if (input.fd() < 0) {
        return tl::unexpected(Problem{Exit::Usage, "INVALID_ARGUMENT", file + " cannot be read", "check its name"});
    }
    return readText(input.fd(), whole);
}

tl::expected<SecretText, Problem> fromTerminal(const std::string& prompt, bool whole) {
    const Descriptor terminal(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY), true);
    if (terminal.fd() < 0) return tl::unexpected(noTerminal());
    const std::string shown = prompt + (whole ? "\n" : ": ");
    if (::write(terminal.fd(), shown.data(), shown.size()) < 0) return tl::unexpected(noTerminal());
    const QuietTerminal quiet(terminal.fd());
    return readText(terminal.fd(), whole);
}

}  // namespace

tl::expected<SecretText, Problem> readSecret(const std::string& prompt, const std::string& file) {
    return file.empty() ? fromTerminal(prompt, false) : fromFile(file, false);
}

tl::expected<SecretText, Problem> readNewSecret(const std::string& prompt, const std::string& file) {
    auto first = readSecret(prompt, file);
    if (!first || !file.empty()) return first;
    const auto second = fromTerminal("the same again", false);
    if (!second) return tl::unexpected(second.error());
    if (second->view() == first->view()) return first;
    return tl::unexpected(Problem{Exit::Usage, "INVALID_ARGUMENT", "the two are not the same", "try again"});
}

tl::expected<SecretText, Problem> readWords(const std::string& file) {
    return file.empty() ? fromTerminal("the 24 recovery words, then an empty line (they are not shown)", true)
                        : fromFile(file, true);
}

}  // namespace netpas::cli
