// Text that may be shown to people as it is.
#pragma once

#include <string>
#include <string_view>

namespace netpas {

// UTF-8 (RFC 3629) without control characters: neither C0, DEL nor C1; line breaks when wished.
[[nodiscard]] bool isPlainText(std::string_view text, bool lineBreaks = false);

// For text of other parties: what is not plain becomes "?", and what is longer than `limit` bytes is cut between characters.
[[nodiscard]] std::string toPlainText(std::string_view text, size_t limit);

}  // namespace netpas
