#include "app/cli/text.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>

namespace netpas::cli {

namespace {

// Bytes that do not begin a character take no column. Good enough for names of ISPs in most scripts.
size_t width(std::string_view text) {
    return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

size_t distance(std::string_view a, std::string_view b) {
    std::vector<size_t> row(b.size() + 1);
    for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (size_t i = 1; i <= a.size(); ++i) {
        size_t diagonal = std::exchange(row[0], i);
        for (size_t j = 1; j <= b.size(); ++j) {
            const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = std::exchange(row[j], std::min({row[j] + 1, row[j - 1] + 1, replaced}));
        }
    }
    return row[b.size()];
}

}  // namespace

std::string harmless(std::string_view text) {
    std::string shown;
    for (size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<uint8_t>(text[i]);
        const auto next = static_cast<uint8_t>(i + 1 < text.size() ? text[i + 1] : 0);
        if (byte == 0xc2 && next >= 0x80 && next < 0xa0) {
            shown += '?';
            ++i;
        } else {
            shown += byte < 0x20 || byte == 0x7f ? '?' : text[i];
        }
    }
    return shown;
}

namespace {

// Headings stand out on terminals, unless their user does not want that (no-color.org).
bool coloured() {
    static const bool wanted = [] {
        const char* const term = std::getenv("TERM");
        const char* const none = std::getenv("NO_COLOR");
        return ::isatty(STDOUT_FILENO) == 1 && term != nullptr && std::string_view(term) != "dumb" &&
               (none == nullptr || *none == '\0');
    }();
    return wanted;
}

// Tables of names and values have none.
bool isHeading(const std::vector<std::string>& row) {
    return std::none_of(row.begin(), row.end(), [](const std::string& cell) {
        return std::any_of(cell.begin(), cell.end(), [](char c) { return c >= 'a' && c <= 'z'; });
    });
}

std::string heading(const std::string& line) { return coloured() ? "\033[1m" + line + "\033[0m" : line; }

}  // namespace

std::string table(const std::vector<std::vector<std::string>>& rows) {
    std::vector<size_t> widths;
    for (const auto& row : rows) {
        widths.resize(std::max(widths.size(), row.size()));
        for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));
    }
    std::string text;
    for (const auto& row : rows) {
        std::string line;
        for (size_t i = 0; i < row.size(); ++i) {
            line += row[i];
            if (i + 1 < row.size()) line.append(widths[i] - width(row[i]) + 2, ' ');
        }
        text += (&row == &rows.front() && isHeading(row) ? heading(line) : line) + "\n";
    }
    return text;
}

std::optional<std::chrono::seconds> parseDuration(std::string_view text) {
    int64_t count = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    const std::string_view unit(end, static_cast<size_t>(text.data() + text.size() - end));
    int64_t scale = 0;
    if (unit.empty() || unit == "s") scale = 1;
    if (unit == "m" || unit == "min") scale = 60;
    if (unit == "h") scale = 3600;
    if (unit == "d") scale = 86400;
    constexpr int64_t longest = 30 * 86400;
    if (error != std::errc{} || scale == 0 || count <= 0 || count > longest / scale) return std::nullopt;
    return std::chrono::seconds(count * scale);
}

std::string durationText(std::chrono::seconds duration) {
    const int64_t count = duration.count();
    if (count % 86400 == 0) return std::to_string(count / 86400) + " d";
    if (count % 3600 == 0) return std::to_string(count / 3600) + " h";
    if (count % 60 == 0) return std::to_string(count / 60) + " min";
    return std::to_string(count) + " s";
}

std::string dollars(const nlohmann::json& amount) {
    return amount.is_string() ? "$" + harmless(amount.get_ref<const std::string&>()) : std::string("-");
}

std::optional<std::string> suggestion(std::string_view word, std::span<const std::string_view> known) {
    std::optional<std::string> best;
    size_t least = std::max<size_t>(2, word.size() / 3) + 1;
    for (const std::string_view candidate : known) {
        // The beginning of a word is as good as the word.
        const size_t far = word.size() >= 2 && candidate.starts_with(word) ? 0 : distance(word, candidate);
        if (far >= least) continue;
        least = far;
        best = std::string(candidate);
    }
    return best;
}

Progress::Progress(std::string what) : m_what(std::move(what)) {
    if (::isatty(STDERR_FILENO) == 0) return;
    m_thread = std::thread([this] {
        using namespace std::chrono_literals;
        constexpr const char* clearLine = "\r\033[K";
        // Quick answers show nothing.
        for (int tick = 0; !m_done; ++tick) {
            if (tick >= 3) {
                const std::lock_guard lock(m_mutex);
                std::fprintf(stderr, "%s%.76s %c", clearLine, m_what.c_str(), "|/-\\"[tick % 4]);  // on one line
            }
            std::this_thread::sleep_for(100ms);
        }
        std::fputs(clearLine, stderr);
    });
}

void Progress::now(std::string what) {
    const std::lock_guard lock(m_mutex);
    m_what = std::move(what);
}

Progress::~Progress() {
    m_done = true;
    if (m_thread.joinable()) m_thread.join();
}

}  // namespace netpas::cli
