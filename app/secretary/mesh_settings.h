// What this node asks its neighbours for forwarding, and what it buys from them by itself: the owner's, durable.
#pragma once

#include <chrono>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>

#include <tl/expected.hpp>

#include "app/secretary/json_fields.h"
#include "core/agreement/advert.h"
#include "core/store/documents.h"

namespace netpas::secretaryd {

enum class MeshBuys : uint8_t {
    Nothing,  // but what somebody asks for
    Best,     // from the best neighbour in each direction
    Every,    // from every neighbour that sells: where routes choose whose link a packet takes
    Routes,   // from those of them that routes in use go through
};

struct MeshSettings {
    agreement::Prices asks;
    std::chrono::seconds notice{30};
    bool acceptsAlone = true;
    Money credit = Money::fromEighths(Money::eighthsPerDollar / 100);
    MeshBuys buys = MeshBuys::Nothing;
    agreement::Prices most{Money::fromEighths(8000), Money::fromEighths(8000)};  // a dollar a gigabyte
    Money limit = Money::fromEighths(Money::eighthsPerDollar / 10);
    Money payAt = Money::fromEighths(Money::eighthsPerDollar / 1000);
    Money closeAt = Money::fromEighths(Money::eighthsPerDollar / 200);
    std::chrono::seconds lifetime{600}, interval{10};
    friend bool operator==(const MeshSettings&, const MeshSettings&) = default;
};

[[nodiscard]] nlohmann::json meshSettingsJson(const MeshSettings& settings);
// What is missing stays as it is in `before`.
[[nodiscard]] tl::expected<MeshSettings, BadField> meshSettingsFromJson(const nlohmann::json& object,
                                                                        const MeshSettings& before);

[[nodiscard]] tl::expected<MeshSettings, store::StoreError> loadMeshSettings(const store::Documents& documents);
[[nodiscard]] tl::expected<void, store::StoreError> keepMeshSettings(store::Documents& documents,
                                                                     const MeshSettings& settings);

}  // namespace netpas::secretaryd
