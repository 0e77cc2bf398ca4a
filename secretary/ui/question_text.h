// A question (of GET /v1/pending) in words, alike in the dialog, in a notification and in the list. GUI's thread.
#pragma once

#include <QString>
#include <nlohmann/json_fwd.hpp>

namespace netpas::ui {

// "mpv", "mpv on tv"
[[nodiscard]] QString whoAsks(const nlohmann::json& question);
// "mpv asks for better quality"
[[nodiscard]] QString whatIsAsked(const nlohmann::json& question);
// What the program says, marked as its claim: "It says: for video, from example.net"
[[nodiscard]] QString whatItSays(const nlohmann::json& question);
// "1.2 ¢ a minute, at most 5 ¢"
[[nodiscard]] QString whatItCosts(const nlohmann::json& question);
// Contact, site or payee; may be empty.
[[nodiscard]] QString fromWhom(const nlohmann::json& question);

}  // namespace netpas::ui
