// JSON forms of orders for content: for the API, and as they are kept.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>

#include "app/secretary/content_desk.h"

namespace netpas::secretaryd {

[[nodiscard]] nlohmann::json contentJson(const ContentView& view);
[[nodiscard]] Bytes toDocument(const ContentOrder& order);
[[nodiscard]] std::optional<ContentOrder> contentFromDocument(const std::string& id, const Bytes& body);

}  // namespace netpas::secretaryd
